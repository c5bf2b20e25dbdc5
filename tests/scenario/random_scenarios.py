"""Random scenarios that are valid, made from a seed: the same seed gives the same file.

What an event may say is read from the fields of its class, so an instrument that is added is tried at once.
Where fields depend on each other, :data:`CHOOSE` and the functions that mend an event say how.
"""

from __future__ import annotations

import datetime as dt
import random
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import yaml
from pydantic import BaseModel

from sim.agents.parameters import SHARED
from sim.instruments import instrument_class, instrument_types
from sim.instruments.base import RULES
from sim.instruments.words import QuantityWord, select_goods
from sim.paths import base_years, world_directory
from sim.tables import read_table
from sim.world.labels import Labels, load_labels
from sim.world.restrict import restrict_labels
from tests.scenario.random_values import Values

__all__ = ["Case", "random_case"]

MOST_STEPS, MOST_MEMBERS, MOST_EVENTS = 18, 5, 6
REACTIVE = 15
"""In one scenario of so many governments act by rules, too."""
MOST_GOODS = 4
"""Chains with more goods than this are tried, but seldom."""
CHOOSE: Mapping[str, tuple[tuple[str, int, int], ...]] = {
    "export_quota": (("amount amounts share", 1, 1), ("firms firm_amounts", 0, 1)),
    "production_quota": (("cut amount", 1, 1),),
    "negotiation": (("relief approval_share", 1, 1),),
    "freight_shock": (("change delay", 1, 2),),
    "sanction": (("on firms", 1, 2),),
    "bloc": (("preference tariff_inside tariff_outside", 1, 3),),
    "demand_shock": (("level growth", 1, 2),),
    "acquisition": (("firms facilities", 1, 2),),
    "host_demands": (("royalty carried processing", 1, 3),),
    "export_promotion": (("rate per_tonne", 1, 1),),
    "supply_pact": (("preference tariff_inside tariff_outside stock floor", 1, 4),),
}
"""Of these fields at least and at most so many are written."""
DEALS = ("merger", "acquisition", "joint_venture", "cartel")
"""What changes who sets prices."""
MAKERS = "countries firms facilities"
COMMON = (
    "announced", "from", "until", "end_announced", "expected_to_last", "source", "assumption", "probability",
    "note", "in_base_year", "dormant",
)  # fmt: skip

ON_PROJECTS = (
    "investment_block", "investment_finance", "new_deposit", "offtake", "permitting", "price_floor",
    "technology_export_ban",
)  # fmt: skip
"""What acts on mines and plants to be, which these worlds have none of."""
ON_SCRAP = ("recycling_policy",)
"""What acts on goods in use, which these worlds do not follow."""
USUAL = [kind for kind in instrument_types() if kind not in (*ON_PROJECTS, *ON_SCRAP)]


@dataclass(frozen=True)
class Case:
    """One scenario: its file, what the command line changes, how many members, and the seed of the run."""

    number: int
    text: str
    overrides: tuple[str, ...]
    members: int
    seed: int
    base_year: int
    minerals: tuple[str, ...]


@cache
def _labels(year: int, minerals: tuple[str, ...] = ()) -> Labels:
    labels = load_labels(year)
    return restrict_labels(labels, minerals) if minerals else labels


@cache
def _by_trade(year: int, minerals: tuple[str, ...]) -> tuple[list[str], list[str]]:
    """Countries that sell or use any of the goods, and those of them that sell or use the most."""
    small, share = _labels(year, minerals), dict[str, float]()
    for table in (small.output, small.use):
        for good in small.goods:
            rows = [(small.facilities[name].country, t) for (g, name), t in table.items() if g == good.id]
            total = sum(tonnes for _, tonnes in rows) or 1.0
            for country, tonnes in rows:
                share[country] = share.get(country, 0.0) + tonnes / total
    return sorted(share), sorted(share, key=lambda country: -share[country])[:8]


@cache
def _minerals(year: int) -> tuple[tuple[str, int], ...]:
    """Minerals of a base year, and the number of goods of their chains."""
    names = sorted({good.mineral for good in _labels(year).goods})
    return tuple((name, len(_labels(year, (name,)).goods)) for name in names)


@cache
def _parameters() -> tuple[tuple[str, str, float, float], ...]:
    """Name, scope, low and high of every behavioural parameter."""
    table = read_table(world_directory() / "behaviour.csv", ("parameter", "scope", "low", "high"), remedy="")
    return tuple(
        (row.text("parameter"), row.text("scope"), row.number("low"), row.number("high")) for row in table
    )


def random_case(number: int) -> Case:
    """The scenario of a number."""
    return _Maker(number).case()


class _Maker(Values):
    """Draws one scenario, all from one seed."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.chance = chance = random.Random(f"monazite {number}")
        self.guesses = random.Random(f"how long people think it lasts {number}")
        # All goods of the oldest world are of one chain, which takes its time.
        years = sorted(base_years())
        self.year = chance.choices(years, [1, *[6] * (len(years) - 1)])[0]
        self.minerals = self._some_minerals()
        self.whole, self.small = _labels(self.year), _labels(self.year, self.minerals)
        self.step = chance.choice(("month", "week"))
        self.steps = min(chance.randint(1, MOST_STEPS), chance.randint(1, MOST_STEPS))
        month, day = self.year * 12 + chance.randint(0, 30), chance.randint(1, 28)
        self.start = dt.date(month // 12, month % 12 + 1, 1 if self.step == "month" else day)
        days = 7 if self.step == "week" else 30
        self.end = self.start + dt.timedelta(days=max(days * self.steps - chance.randint(1, days), 0))
        self.blocs: dict[str, list[str]] = {}
        self.events: dict[str, dict[str, Any]] = {}
        self.trading, self.large = _by_trade(self.year, self.minerals)
        kept = {good.id for good in self.small.goods}
        self.sellers = sorted({name for good, name in self.small.output if good in kept})
        self.users = sorted({name for good, name in self.small.use if good in kept})

    def _some_minerals(self) -> tuple[str, ...]:
        known = _minerals(self.year)
        quick = [name for name, goods in known if goods <= MOST_GOODS]
        if not quick or self.chance.random() < 0.03:
            return (self.chance.choice([name for name, _ in known]),)
        return tuple(self.chance.sample(quick, min(self.chance.choice((1, 1, 1, 2, 3)), len(quick))))

    def case(self) -> Case:
        """The whole of it."""
        chance = self.chance
        if chance.random() < 0.3:
            self.blocs["some_allies"] = self.countries(groups=False)
        for _ in range(chance.choice((0, 1, 1, 2, 2, 3, 4, MOST_EVENTS))):
            self._add(chance.choice(USUAL))
        overrides: list[str] = []
        if chance.random() < 0.15 and self.steps > 2:
            # Who cuts a run short on the command line leaves events behind.
            cut = self.start + (self.end - self.start) * chance.uniform(0.1, 0.9)
            overrides.append(f"time.end={max(cut, self.start)}")
        header: dict[str, Any] = {
            "format": 2, "name": "case", "title": f"Random scenario {self.number}", "base_year": self.year,
            "minerals": list(self.minerals),
            "time": {"start": self.start.isoformat(), "end": self.end.isoformat(), "step": self.step},
            "sources": {"somebody": {"title": "Somebody said so"}},
        }  # fmt: skip
        if self.blocs:
            header["blocs"] = self.blocs
        header["events"] = self.events
        if self.number % REACTIVE == REACTIVE // 2:
            header["governments"] = "reactive"
        if chance.random() < 0.35:
            header["assumptions"] = self._assumptions()
        text = yaml.safe_dump(header, sort_keys=False, allow_unicode=True)
        members = chance.randint(1, MOST_MEMBERS)
        return Case(
            self.number, text, tuple(overrides), members, chance.randint(0, 9), self.year, self.minerals
        )

    # -- events ------------------------------------------------------------------------------

    def _add(self, kind: str, **fixed: Any) -> str:
        """Add an event of a type, with the events that it acts on; its id."""
        if kind in RULES:
            fixed = {**self._targets(kind), **fixed}
        name = f"{kind.replace('_', '-')}-{len(self.events)}"
        event: dict[str, Any] = {"type": kind}
        cls = instrument_class(kind)
        self._when(event, kind, dormant=bool(fixed.get("dormant")))
        event |= fixed
        guessed = "end_announced" in event or not ("until" in event or event.get("in_base_year"))
        if guessed and kind not in RULES and self.guesses.random() < 0.2:
            event["expected_to_last"] = self.guesses.choice(("1 day", "60 days", "1 year", "40 years"))
        self._fields(event, cls, skip=(*COMMON, "type", "id"))
        mend = MEND.get(kind)
        if mend is not None:
            mend(self, event)
        if not event.get("dormant") and not event.get("in_base_year") and self.chance.random() < 0.3:
            share = QuantityWord("share", 0.0, 1.0)
            event["probability"] = self.quantity(share, "certain" if kind in DEALS else "")
        basis, said = self.chance.choice(
            (("source", "somebody"), ("assumption", True), ("assumption", "Invented."))
        )
        event[basis] = said
        self.events[name] = event
        return name

    def _when(self, event: dict[str, Any], kind: str, dormant: bool) -> None:
        chance = self.chance
        base = not dormant and kind not in RULES and chance.random() < 0.05
        if base:
            event["in_base_year"] = True
            if chance.random() < 0.5:
                event["from"] = (self.start - dt.timedelta(days=chance.randint(0, 2000))).isoformat()
            return
        if (dormant or kind == "merger") and chance.random() < 0.3:
            return
        first = self.day()
        event["from"] = self.written(first, "first")
        if chance.random() < 0.4:
            last = first + dt.timedelta(days=chance.choice((0, 3, 40, 100, 1000)))
            event["until"] = self.written(last, "last")
            if chance.random() < 0.3:
                known = last - dt.timedelta(days=chance.choice((0, 3, 40, 400)))
                event["end_announced"] = known.isoformat()
        if chance.random() < 0.3:
            event["announced"] = (first - dt.timedelta(days=chance.choice((0, 10, 40, 400)))).isoformat()

    def _fields(self, event: dict[str, Any], cls: type[BaseModel], skip: Sequence[str]) -> None:
        """Required fields, and some of the others."""
        kind = event.get("type", "")
        groups = list(CHOOSE.get(kind, ()))
        if {"countries", "firms", "facilities"} <= cls.model_fields.keys():
            groups.append((MAKERS, 1, 3))
        wanted: set[str] = set()
        exclusive: set[str] = set()
        for names, least, most in groups:
            all_of = names.split()
            exclusive |= set(all_of)
            given = [name for name in all_of if name in event]
            count = self.chance.randint(least, most) - len(given)
            wanted |= set(self.chance.sample([n for n in all_of if n not in given], max(count, 0)))
        for name, field in cls.model_fields.items():
            alias = field.alias or name
            if alias in skip or alias in event:
                continue
            optional = name not in wanted and (name in exclusive or self.chance.random() > 0.35)
            if optional and (name in exclusive or not field.is_required()):
                continue
            event[alias] = self.value(field.annotation, field.metadata, event)

    def _targets(self, kind: str) -> dict[str, Any]:
        """What a rule or a negotiation acts on, made where it is missing, and how."""
        chance = self.chance
        ordinary = [t for t in USUAL if t not in (*RULES, *DEALS)]
        if kind == "negotiation":
            if chance.random() < 0.5:
                return {"events": [self._add("export_licence")],
                        "approval_share": self.quantity(QuantityWord("share", 0.0, 1.0))}  # fmt: skip
            fit = [n for n, e in self.events.items() if e["type"] in ordinary]
            fit = fit or [self._add(chance.choice(ordinary))]
            names = chance.sample(fit, min(len(fit), chance.randint(1, 2)))
            return {"events": names, "relief": self.quantity(QuantityWord("share", 0.0, 1.0))}
        action = chance.choice(("activate", "suspend", "scale"))
        dormant = action == "activate" or (action == "scale" and chance.random() < 0.5)
        fit = [n for n, e in self.events.items() if e["type"] in ordinary]
        fit = [name for name in fit if bool(self.events[name].get("dormant")) == dormant]
        if not fit or chance.random() < 0.5:
            wakes = [t for t in ordinary if not dormant or _may_be_dormant(t)]
            fit = [self._add(chance.choice(wakes), **({"dormant": True} if dormant else {}))]
        found = {"action": action, "events": chance.sample(fit, min(len(fit), chance.randint(1, 2)))}
        if action == "scale":
            found["step"] = self.quantity(QuantityWord("share", -1.0, 10.0))
        return found

    def _assumptions(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for name, scope, low, high in self.chance.sample(_parameters(), self.chance.randint(1, 3)):
            drawn = sorted(self.chance.uniform(low, high) for _ in range(3))
            value: Any = min(max(round(drawn[1], 6), low), high)
            if name not in SHARED and self.chance.random() < 0.4:
                value = {"uniform": drawn[::2]}
            if name in found:
                continue
            if scope == "all":
                found[name] = value
            elif scope in {good.mineral for good in self.whole.goods}:
                found[name] = {scope: value}
        return found


def _may_be_dormant(kind: str) -> bool:
    """Whether nothing that an event of the type must have counts from its first day."""
    fields = instrument_class(kind).model_fields
    return not any(name in fields and fields[name].is_required() for name in ("ramp", "growth", "length"))


# -- fields that depend on each other --------------------------------------------------------


def _own_goods(maker: _Maker, event: dict[str, Any]) -> None:
    """An amount may not cover goods that the small world leaves out."""
    if event.get("amount") is None or event.get("in_base_year"):
        return
    named = select_goods(maker.whole.goods, event["goods"], event.get("stages") or ())
    kept = {good.id for good in maker.small.goods}
    if any(maker.whole.goods[i].id not in kept for i in named):
        event["goods"] = [maker.chance.choice(maker.small.goods).id]
        event.pop("stages", None)


def _mend_ban(maker: _Maker, event: dict[str, Any]) -> None:
    if event.get("extraterritorial") and "world" in event["to"]:
        event["to"] = maker.countries(groups=False)
    if event.get("extraterritorial"):
        event.pop("leak", None)
    else:
        event.pop("content", None)
        event.pop("compliance", None)


def _mend_quota(maker: _Maker, event: dict[str, Any]) -> None:
    """Tonnes of firms stay within the quota: they are named where it is no yearly amount."""
    if "amount" in event:
        event.pop("firm_amounts", None)
    for number, firm in enumerate(event.get("firm_amounts", ()), start=1):
        event["firm_amounts"][firm] = f"{7 * number} t/year"
    _own_goods(maker, event)


def _mend_tariff(maker: _Maker, event: dict[str, Any]) -> None:
    """One duty at most stands instead of the base tariff."""
    if any("applies" in other for other in maker.events.values()):
        event.pop("applies", None)


def _mend_licence(maker: _Maker, event: dict[str, Any]) -> None:
    if "longest_delay" in event:
        event["longest_delay"] = maker.chance.choice(("10 years", "120 months"))
    for words in ("validated_firms", "validated_facilities"):
        if words in event and maker.users:
            firms = sorted({maker.small.facilities[name].firm for name in maker.users})
            event[words] = maker.some(firms if words == "validated_firms" else maker.users)


def _mend_standstill(maker: _Maker, event: dict[str, Any]) -> None:
    """It ends, or people think that it does; a length counts from `from`, which a dormant event has not."""
    if event.get("dormant"):
        event.pop("length", None)
    if not {"length", "until", "expected_to_last"} & event.keys():
        name = "expected_to_last" if event.get("dormant") else "length"
        event[name] = f"{maker.chance.randint(2, 30)} weeks"


def _mend_merger(maker: _Maker, event: dict[str, Any]) -> None:
    firms = maker.firms()
    if len(firms) < 2:
        firms = sorted(maker.whole.firms)
    event["firms"] = maker.chance.sample(firms, min(len(firms), maker.chance.randint(2, 3)))


def _mend_deal(maker: _Maker, event: dict[str, Any]) -> None:
    """Several take part, days follow each other, and a loss has a length."""
    kind, chance = event["type"], maker.chance
    if kind in ("merger", "cartel") and ("owners" not in event or "firms" in event):
        _mend_merger(maker, event)
    if kind == "joint_venture":
        sold = maker.sellers if len(maker.sellers) > 1 else [*maker.sellers, *maker.users]
        event["facilities"] = chance.sample(sold, 2)
    if "firms" in event and event.get("by") in event["firms"]:
        event["by"] = next(firm for firm in sorted(maker.whole.firms) if firm not in event["firms"])
    if event.get("in_base_year"):
        for name in ("divest", "synergies", "withdrawal", "withdrawal_goods", "integration_loss", "cut"):
            event.pop(name, None)
    if event.get("dormant") or ("length" in event) != ("integration_loss" in event):
        event.pop("length", None)
        event.pop("integration_loss", None)
    if event.get("dormant") or "synergies" not in event:
        event.pop("ramp", None)
    for name in ("decided", "withdrawn"):
        if name in event and "announced" in event:
            event[name] = event["announced"]
        else:
            event.pop(name, None)
    if "withdrawn" in event:
        event.pop("until", None)
        event.pop("end_announced", None)


def _mend_pact(maker: _Maker, event: dict[str, Any]) -> None:
    """A stock has a rate, and no rate stands without it; so has the fund of a floor its floor."""
    event.pop("stock_rate", None)
    if "stock" in event:
        event["stock_rate"] = f"{maker.chance.randint(1, 500)} t/year"
    if "floor" in event:
        event["floor"] = maker.chance.choice(("110 %", "1 USD/kg", "90 %"))
    else:
        event.pop("floor_fund", None)


def _mend_hosts(maker: _Maker, event: dict[str, Any]) -> None:
    if "processing" in event:
        event.pop("ore_ban", None)


def _mend_demand(maker: _Maker, event: dict[str, Any]) -> None:
    if "level" not in event:
        event.pop("ramp", None)
    _no_count(maker, event)


def _no_count(_: _Maker, event: dict[str, Any]) -> None:
    """A dormant event has nothing that counts from its first day."""
    if event.get("dormant"):
        event.pop("ramp", None)
        if event["type"] == "demand_shock" and event.pop("growth", None) and "level" not in event:
            event["level"] = "10 %"


def _mend_rule(maker: _Maker, event: dict[str, Any]) -> None:
    if event.get("action") != "scale":
        event.pop("step", None)
    event["lag"] = f"{maker.chance.randint(0, 60)} days"


def _mend_talks(maker: _Maker, event: dict[str, Any]) -> None:
    event["delay"] = f"{maker.chance.randint(0, 60)} days"


MEND: Mapping[str, Callable[[_Maker, dict[str, Any]], None]] = {
    "export_ban": _mend_ban,
    **dict.fromkeys(("strike", "outage"), _mend_standstill),
    "export_licence": _mend_licence,
    "export_quota": _mend_quota,
    "import_tariff": _mend_tariff,
    "production_quota": _own_goods,
    **dict.fromkeys(DEALS, _mend_deal),
    "demand_shock": _mend_demand,
    "host_demands": _mend_hosts,
    "supply_pact": _mend_pact,
    "capacity_change": _no_count,
    "reaction_rule": _mend_rule,
    "negotiation": _mend_talks,
}
