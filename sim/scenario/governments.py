"""Governments that act by rules: with ``governments: reactive``, dormant measures and what wakes them.

Each act is an event like any other, under a name that begins with ``gov-``: described, listed in the ledger,
drawn by member, and changed or removed (``null``) in the file. The numbers of the rules are rows of
``governments.csv``. Who might restrict, answer, talk or stock what follows from base-year trade and from the
scenario's own events.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from sim.instruments.base import RULES
from sim.scenario.node import Node, merged, placed
from sim.tables import read_table
from sim.units import DAYS_PER_YEAR
from sim.world.labels import GoodLabel, Labels

__all__ = ["PREFIX", "with_governments"]

PREFIX = "gov-"
MONTH = re.compile(r"\d{4}-\d{2}")
COLUMNS = ("rule", "country", "value", "low", "high", "unit", "source", "confidence")
ORE = ("ore", "concentrate")
"""Stages whose exports are counted; of later ones they are licensed."""
HOSTILE = {
    "import_tariff": "on", "import_ban": "on", "sanction": "on", "export_ban": "to", "export_licence": "to",
    "export_quota": "to", "export_tax": "to", "carbon_border_tax": "on",
}  # fmt: skip
"""Measures that a country may answer, and the field that names whom they are aimed at."""
Event = dict[str, Any]


def with_governments(root: Node, named: Node, labels: Labels) -> Node:
    """The scenario with the acts of its governments, where it says ``governments: reactive``.

    What its own file says of an act stands.

    Args:
        root: everything merged. named: the same, with the codes of countries and goods.
        labels: of the base year.
    """
    fields = named.value if isinstance(named.value, dict) else {}
    said = fields.get("governments")
    if said is None or said.value != "reactive":
        return root
    start = _start(fields)
    if not start:
        return root
    able = _Governments(labels, _minerals(fields), _hostile(fields, labels))
    acts = {name: {**act, **({"from": start} if act["type"] in RULES else {})} for name, act in able.acts()}
    # What is made stands, for messages, where the scenario asks for it.
    made = Node({"events": placed(acts, said.place)}, root.place)
    return merged(made, root)


def _start(fields: Mapping[str, Node]) -> str:
    """First day of the run; empty where it cannot be read."""
    time = fields.get("time")
    word = _text(time.value.get("start")) if time is not None and isinstance(time.value, dict) else None
    start = str(word or "")
    return f"{start}-01" if MONTH.fullmatch(start) else start


def _minerals(fields: Mapping[str, Node]) -> frozenset[str]:
    """Minerals that are run; none for all."""
    return frozenset(_words(fields.get("minerals")))


def _hostile(fields: Mapping[str, Node], labels: Labels) -> dict[tuple[str, str], list[str]]:
    """(who acts, against whom) -> ids of the scenario's events; what is against all is against nobody."""
    found: dict[tuple[str, str], list[str]] = defaultdict(list)
    events = fields.get("events")
    for name, event in events.value.items() if events is not None and isinstance(events.value, dict) else ():
        if not isinstance(event.value, dict) or name.startswith(PREFIX):
            continue
        aimed = HOSTILE.get(str(_text(event.value.get("type"))))
        if aimed is None or _text(event.value.get("in_base_year")) is True:
            continue
        by = _countries(event.value.get("by"), labels)
        for target in _countries(event.value.get(aimed), labels):
            for actor in by:
                if actor != target:
                    found[actor, target].append(name)
    return found


def _text(node: Node | None) -> object:
    return None if node is None or isinstance(node.value, dict | list) else node.value


def _countries(node: Node | None, labels: Labels) -> list[str]:
    """Countries that a field names, its groups spelt out; ``world`` is nobody in particular."""
    return [code for word in _words(node) if word != "world" for code in labels.group(word)]


def _words(node: Node | None) -> list[str]:
    """The words of a list, or the one that stands alone."""
    items = node.value if node is not None and isinstance(node.value, list) else [node]
    return [item.value for item in items if item is not None and isinstance(item.value, str)]


@dataclass(frozen=True)
class _Rule:
    value: float
    low: float
    high: float


@lru_cache(maxsize=8)
def _rules(path: Path) -> Mapping[tuple[str, str], _Rule]:
    """(rule, country) -> its row.

    Raises:
        MonaziteError: the table is missing, or a cell of it is wrong.
    """
    table = read_table(path, COLUMNS)
    found = {
        (row.text("rule"), row.text("country")): _Rule(
            row.number("value", 0.0), row.number("low", 0.0), row.number("high", 0.0)
        )
        for row in table
    }
    table.problems.check()
    return found


class _Governments:
    """The acts that governments are capable of.

    Args:
        minerals: those that are run; none for all. hostile: (who, against whom) -> ids of events.
    """

    def __init__(
        self, labels: Labels, minerals: frozenset[str], hostile: Mapping[tuple[str, str], Sequence[str]]
    ) -> None:
        self._labels, self._hostile = labels, hostile
        self._rules = _rules(labels.folder.parent / "governments.csv")
        self._goods = [good for good in labels.goods if not minerals or good.mineral in minerals]

    def acts(self) -> Iterator[tuple[str, Event]]:
        """Name and fields of each measure and of each rule that wakes it."""
        yield from self._restrictions()
        yield from self._answers()
        yield from self._stocks()
        yield from self._subsidies()

    # -- what trade says -----------------------------------------------------------------------

    @cached_property
    def _abroad(self) -> Mapping[str, Mapping[tuple[str, str], float]]:
        """Good -> (exporter, importer) -> tonnes a year, without sales at home."""
        return {
            good.id: {pair: t for pair, t in self._labels.trade(good.id).items() if pair[0] != pair[1]}
            for good in self._goods
        }

    def _shares(self, good: str, importer: str = "") -> dict[str, float]:
        """Exporter -> its share of what is sold abroad, or of what one country buys there."""
        sold: dict[str, float] = defaultdict(float)
        for (origin, destination), tonnes in self._abroad[good].items():
            if importer in ("", destination):
                sold[origin] += tonnes
        total = sum(sold.values())
        return {origin: tonnes / total for origin, tonnes in sold.items()} if total > 0 else {}

    def _leading(self, importer: str = "") -> dict[tuple[str, str], list[tuple[GoodLabel, float]]]:
        """(country, mineral) -> goods of which it sells much of what is sold, or of what one country buys."""
        least, found = self._value("control_share"), defaultdict(list)
        for good in self._goods:
            for country, share in sorted(self._shares(good.id, importer).items()):
                if share >= least and country in self._labels.countries and country not in ("ROW", importer):
                    found[country, good.mineral].append((good, share))
        return found

    def _value(self, rule: str, country: str = "") -> float:
        return self._rules[rule, country].value

    # -- acts ----------------------------------------------------------------------------------

    def _restrictions(self) -> Iterator[tuple[str, Event]]:
        """Who sells much of a good keeps more of it at home when its price runs up."""
        base = self._labels.base_year
        for (country, mineral), goods in self._leading().items():
            ores = [good.id for good, _ in goods if good.stage in ORE]
            later = [good.id for good, _ in goods if good.stage not in ORE]
            acts: list[str] = []
            if ores:
                acts.append(f"{PREFIX}quota-{country}-{mineral}")
                amount = f"{_percent(self._value('quota_share'))} of {base}"
                yield acts[-1], _measure("export_quota", by=country, to="world", goods=ores, amount=amount)
            if later:
                acts.append(f"{PREFIX}licence-{country}-{mineral}")
                yield acts[-1], self._licence(country, "world", later, "licence_approval")
            trigger = {
                "price": [good.id for good, _ in goods], "above": _percent(self._value("restrict_price")),
                "for": _waiting(self._value("restrict_wait")),
            }  # fmt: skip
            rule = _rule(country, trigger, acts, f"{self._value('restrict_lag'):g} days")
            yield f"{PREFIX}restricts-{country}-{mineral}", {**rule, "reverses": True, "times": OFTEN}

    def _licence(self, country: str, to: str, goods: Sequence[str], approval: str) -> Event:
        return _measure(
            "export_licence", by=country, to=to, goods=list(goods),
            approval_share=_percent(self._value(approval)), delay=f"{self._value('licence_delay'):g} days",
        )  # fmt: skip

    def _answers(self) -> Iterator[tuple[str, Event]]:
        """Whom others hit licenses what they buy from it, and both talk once that hurts."""
        for (actor, target), events in self._hostile.items():
            held = {m: goods for (country, m), goods in self._leading(actor).items() if country == target}
            most = sorted(held, key=lambda mineral: (-max(share for _, share in held[mineral]), mineral))
            minerals = most[: int(self._value("retaliate_minerals"))]
            if not minerals:
                continue
            goods = [good.id for mineral in minerals for good, _ in held[mineral]]
            pair = f"{target}-{actor}"
            act = f"{PREFIX}answer-{pair}"
            yield act, self._licence(target, actor, goods, "retaliate_approval")
            days = self._rules["retaliate_days", ""]
            lag = {"triangular": [f"{days.low:g} days", f"{days.value:g} days", f"{days.high:g} days"]}
            for event in events:
                rule = _rule(target, {"event": event, "is": "in force"}, [act], lag)
                chance = _percent(self._value("retaliate_chance"))
                yield f"{PREFIX}answers-{pair}-{event}"[:60], {**rule, "probability": chance}
            yield f"{PREFIX}talks-{pair}", self._talks((actor, target), [*events, act], goods)

    def _talks(self, pair: tuple[str, str], events: Sequence[str], goods: Sequence[str]) -> Event:
        months = self._rules["talks_months", ""]
        lacks = {"shortfall": list(goods), "in": [pair[0]], "above": _percent(self._value("talks_shortfall"))}
        return {
            "type": "negotiation", "between": list(pair), "events": list(events), "trigger": lacks,
            "delay": {"triangular": [f"{n:g} months" for n in (months.low, months.value, months.high)]},
            "relief": _percent(self._value("talks_relief")),
            "probability": _percent(self._value("talks_chance")), "assumption": WHY,
        }  # fmt: skip

    def _stocks(self) -> Iterator[tuple[str, Event]]:
        """Whose users run short of what comes from one country starts a stock of it."""
        years, users = self._value("stock_fill"), self._labels.facilities
        for rule, country in self._rules:
            if rule != "stock_days" or country not in self._labels.countries:
                continue
            days = self._value("stock_days", country)
            exposed: dict[str, list[str]] = defaultdict(list)
            for (_, mineral), goods in self._leading(country).items():
                exposed[mineral] += [good.id for good, _ in goods if good.id not in exposed[mineral]]
            for mineral, names in exposed.items():
                use = sum(t for (good, who), t in self._labels.use.items()
                          if good in names and users[who].country == country)  # fmt: skip
                if use <= 0:
                    continue
                act = f"{PREFIX}stock-{country}-{mineral}"
                yield act, _measure(
                    "stockpile", by=country, goods=names, size=f"{days:g} days",
                    rate=f"{float(f'{use * days / DAYS_PER_YEAR / years:.2g}'):.10g} t/year",
                    buy_below=_percent(self._value("stock_buy_below")),
                    release_on_shortfall=_percent(self._value("stock_shortfall")),
                )  # fmt: skip
                lacks = {
                    "shortfall": names, "in": [country], "above": _percent(self._value("stock_shortfall")),
                    "for": _waiting(self._value("stock_wait")),
                }  # fmt: skip
                yield f"{PREFIX}stocks-{country}-{mineral}", _rule(country, lacks, [act], "0 days")


    def _subsidies(self) -> Iterator[tuple[str, Event]]:
        """Whose users pay dearly for what comes from one country pays for projects outside it and all foes.

        The fund grows with what they lose, as long as that is remembered, and goes to the cheapest first.
        """
        for rule, country in self._rules:
            if rule != "subsidy_losses" or country not in self._labels.countries:
                continue
            feared: dict[str, set[str]] = defaultdict(set)
            for (exporter, mineral), _ in self._leading(country).items():
                feared[mineral].add(exporter)
            for mineral, exporters in feared.items():
                goods = [good.id for good in self._goods if good.mineral == mineral]
                hostile = {actor for actor, target in self._hostile if target == country}
                elsewhere = sorted(self._hosts_of(goods) - exporters - hostile)
                if not elsewhere:
                    continue
                act = f"{PREFIX}subsidy-{country}-{mineral}"
                yield act, _measure(
                    "investment_finance", countries=elsewhere, goods=goods, form="grant",
                    share=_percent(self._value("subsidy_share")), losers=[country],
                    from_losses=_percent(self._value("subsidy_losses", country)),
                    memory=f"{self._value('subsidy_memory'):g} years",
                )  # fmt: skip
                dear = {
                    "price": goods, "above": _percent(self._value("subsidy_price")),
                    "for": _waiting(self._value("subsidy_wait")),
                }  # fmt: skip
                yield f"{PREFIX}subsidises-{country}-{mineral}", _rule(country, dear, [act], "0 days")

    def _hosts_of(self, goods: Sequence[str]) -> set[str]:
        """Countries of the projects that make one of the goods."""
        made = {name for good, name in self._labels.output if good in goods}
        return {self._labels.facilities[name].country for name in self._labels.projects if name in made}


WHY = "governments: reactive; the rule and its numbers stand in governments.csv"
OFTEN = 20
"""Times in a run that a government may restrict and ease again: as often as prices ask for it."""


def _measure(kind: str, **fields: object) -> Event:
    return {"type": kind, "dormant": True, **fields, "assumption": WHY}


def _rule(country: str, trigger: Event, events: Sequence[str], lag: object) -> Event:
    return {
        "type": "reaction_rule", "by": country, "trigger": trigger, "action": "activate",
        "events": list(events), "lag": lag, "assumption": WHY,
    }  # fmt: skip


def _percent(share: float) -> str:
    return f"{100 * share:g} %"


def _waiting(years: float) -> Event:
    """How long something must last until somebody acts by chance, in the mean after some years."""
    return {"exponential": [f"{years:g} years"]}
