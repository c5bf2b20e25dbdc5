"""What each event of a run acted on, what differs there from the paired baseline, and which did nothing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.baselines import shown_name
from sim.analysis.names import in_text
from sim.analysis.pairing import paired
from sim.analysis.select import good_name, own_events, texts
from sim.analysis.text import number
from sim.errors import MonaziteError
from sim.instruments.base import RULES
from sim.results import Run
from sim.results.grouping import over_run
from sim.scenario.governments import PREFIX

Values = npt.NDArray[np.float64]

__all__ = [
    "Beside", "Ledger", "event_lines", "event_start", "idle_events", "idle_warning", "new_sentence",
    "paired_ledger", "paired_ledgers",
]  # fmt: skip

SIDES = {
    "exports": ("exports", "outbound", "exports of"),
    "imports": ("imports", "inbound", "imports of"),
    "offer": ("production", "offer", "output of"),
    "need": ("requirement", "need", "need of"),
}
"""Where an event acts -> variable, axis, words."""
MANY = 100
"""Times the baseline's beyond which a share says nothing."""
MONEY = ((1e9, "bn"), (1e6, "million"), (1e3, "thousand"))


@dataclass(frozen=True)
class Beside:
    """What an event touches, in a run less its paired baseline.

    Sums over several goods are at their base-year prices: tonnes of ore and of metal are not added up.

    Attributes:
        words: what is compared: exports, imports, output or need.
        goods: ids of the goods touched.
        before: (member,) difference before the step of the event's first day, in ``unit``.
        after: (member,) difference from that step on.
        usual_before: (member,) the baseline's, before. usual_after: from then on.
        unit: tonnes of the one good, or USD.
    """

    words: str
    goods: tuple[str, ...]
    before: Values
    after: Values
    usual_before: Values
    usual_after: Values
    unit: str


Ledger = Sequence[tuple[dict[str, Any], Beside]]
"""Events as the run lists them, each with what it touches."""


def event_start(event: dict[str, Any]) -> np.datetime64:
    """The day on which an event takes effect."""
    return np.datetime64(str(event.get("from") or event.get("announced") or "1970-01-01"), "D")


def _links(run: xr.Dataset, event: str) -> tuple[str, set[tuple[str, str]]]:
    """The side of a border on which an event touches more of what passes, with goods and countries there."""
    if "ledger_event" not in run.coords:
        return "", set()
    mine = (texts(run, "ledger_event") == event) & (
        run["ledger_exporter"].values != run["ledger_importer"].values
    )
    columns = (texts(run, f"ledger_{part}")[mine] for part in ("good", "exporter", "importer"))
    rows = list(zip(*columns, strict=True))
    if not rows:
        return "", set()
    usual = np.median(run["ledger_base"].values[:, mine], axis=0)
    touched = float(usual.sum())
    found = {}
    for side, place in (("exports", 1), ("imports", 2)):
        pairs = {(row[0], row[place]) for row in rows}
        found[side] = (_passing(run, pairs, ("exporter", "importer")[place - 1], touched), pairs)
    side = max(found, key=lambda name: found[name][0])
    return side, found[side][1]


def _passing(run: xr.Dataset, pairs: set[tuple[str, str]], axis: str, touched: float) -> float:
    """Share that the tonnes touched have in all that these countries send, or get, of these goods."""
    goods, places = texts(run, "link_good"), texts(run, f"link_{axis}")
    abroad = run["link_exporter"].values != run["link_importer"].values
    mine = abroad & np.array([pair in pairs for pair in zip(goods, places, strict=True)], dtype=bool)
    middle = run["flow"].values[len(run["quantile"]) // 2][:, mine]
    whole = float(middle.sum())
    return touched / whole if whole > 0 else 0.0


def _touched(run: xr.Dataset, event: str) -> list[tuple[str, npt.NDArray[np.intp]]]:
    """Where an event acts: the side, and the columns of its variable."""
    found = []
    side, pairs = _links(run, event)
    if side and SIDES[side][0] in run:
        axis = SIDES[side][1]
        keys = zip(texts(run, f"{axis}_good"), texts(run, f"{axis}_country"), strict=True)
        found.append((side, np.flatnonzero([key in pairs for key in keys])))
    if "reached_event" in run.coords:
        mine = texts(run, "reached_event") == event
        for side in ("offer", "need"):
            rows = run["reached_row"].values[mine & (texts(run, "reached_side") == side)]
            found.append((side, rows.astype(np.intp)))
    return [(side, columns) for side, columns in found if len(columns)]


def paired_ledger(run: xr.Dataset, base: xr.Dataset, event: dict[str, Any]) -> Beside | None:
    """What an event touches, less the same of the paired baseline, before and after its first day.

    Of an event on trade these are the exports of the countries and goods that it touches, or the imports
    where its links are more of those; of one on makers their output, of one on users their need.

    Args:
        run: results of one run.
        base: those of its baseline.
        event: as the run lists it.

    Returns:
        None where the event touches nothing of the kind, or the runs do not keep it.

    Raises:
        MonaziteError: the two are not paired.
    """
    touched = _touched(run, str(event["id"]))
    if not touched:
        return None
    side, columns = touched[0]
    variable, axis, words = SIDES[side]
    if variable not in base or base.sizes[axis] != run.sizes[axis]:
        return None
    goods = texts(run, f"{axis}_good")[columns]
    different = tuple(dict.fromkeys(goods.tolist()))
    price = {str(g): float(p) for g, p in zip(run["good"].values, run["good_base_price"].values, strict=True)}
    single = len(different) == 1
    weight = np.array([1.0 if single else price[good] for good in goods.tolist()])
    sums = [
        data[variable].isel({axis: columns}).values.astype(np.float64) @ weight for data in paired(run, base)
    ]
    days = run["time"].values.astype("datetime64[D]")
    at = max(int(np.searchsorted(days, event_start(event), side="right")) - 1, 0)
    change = sums[0] - sums[1]
    before, after = change[:, :at].sum(axis=1), change[:, at:].sum(axis=1)
    usual = sums[1][:, :at].sum(axis=1), sums[1][:, at:].sum(axis=1)
    unit = str(run["good_unit"].sel(good=different[0]).values) if single else "USD"
    return Beside(words, different, before, after, *usual, unit)


def _total(run: Run, name: str, event: str) -> float:
    """Median of a total over the run, over the members in which the event acts (over all if in none)."""
    values = run.dataset[name].sel(event=event)
    totals = np.asarray(over_run(values.values, name) if "time" in values.dims else values)
    acted = _acted(run, event)
    return float(np.median(totals[acted] if acted.any() else totals))


def _acted(run: Run, event: str) -> npt.NDArray[np.bool_]:
    """(M,) whether an event acts on anything in a member."""
    tonnes = run.dataset["event_tonnes"].sel(event=event).values
    return np.asarray((tonnes > 0).any(axis=1), dtype=np.bool_)


def _first_act(run: Run, event: str) -> str:
    """First month in which an event acts in any member; '' where in none, or where no months are kept."""
    tonnes = run.dataset["event_tonnes"].sel(event=event)
    if "time" not in tonnes.dims or "time" not in run.dataset.coords:
        return ""
    months = run.dataset["time"].values[(tonnes.values > 0).any(axis=0)]
    return str(months[0].astype("datetime64[M]")) if len(months) else ""


def event_lines(run: Run, baseline: Run | None = None) -> list[str]:
    """For each event of the run what it acted on, and what differs there: medians over members.

    Args:
        run: what was run.
        baseline: the run that it is compared with, where there is one: what the event touches is then set
            beside the paired baseline's, before and after its start.
    """
    lines = []
    first, last = (str(run.dataset["time"].values[i].astype("datetime64[M]")) for i in (0, -1))
    for event in run.events:
        name = str(event["id"])
        if event.get("in_base_year") or (name.startswith(PREFIX) and not _acted(run, name).any()):
            continue
        begun = min(max(str(event_start(event).astype("datetime64[M]")), first), last)
        until = min(str(event.get("until") or last)[:7], last)
        # What waits for a rule or for its chance has the first day on which it might begin.
        begun = max(begun, _first_act(run, name) or begun)
        lines.append(f"{name}, {begun} to {max(begun, until)}: {_said(run, name)}")
        if event["type"] in RULES and event.get("sentence") and _acted(run, name).any():
            lines.append(f"  {event['sentence']}")
        if baseline is not None and (beside := _beside(run, baseline, event)):
            lines.append(f"  {beside}")
    return lines


def _goods(run: xr.Dataset, event: str) -> list[str]:
    """Goods that an event acts on."""
    found: list[str] = []
    if "ledger_event" in run.coords:
        found += texts(run, "ledger_good")[texts(run, "ledger_event") == event].tolist()
    for side, columns in _touched(run, event):
        found += texts(run, f"{SIDES[side][1]}_good")[columns].tolist()
    return list(dict.fromkeys(found))


def _money(usd: float) -> str:
    """Dollars in words.

    >>> _money(282e9), _money(597_000.0)
    ('282 bn USD', '597 thousand USD')
    """
    size, word = next(((s, f"{w} ") for s, w in MONEY if abs(usd) >= s), (1.0, ""))
    return f"{number(usd / size)} {word}USD"


def _said(run: Run, name: str) -> str:
    """What an event acted on, in words; trade that it stopped altogether has no tonnes left to count."""
    acted = _acted(run, name)
    some = f", in {acted.sum()} of {len(acted)} members" if 0 < acted.sum() < len(acted) else ""
    return f"{_what(run, name)}{some}"


def _what(run: Run, name: str) -> str:
    tonnes, usd, agents = (
        _total(run, variable, name) for variable in ("event_flow", "event_flow_usd", "event_agents")
    )
    goods = _goods(run.dataset, name)
    who = f"{number(agents)} agent{'' if agents == 1 else 's'}"
    if tonnes == 0:
        if not _acted(run, name).any():
            return f"acted on {who}, on no trade"
        stopped = f"let nothing pass where it acted; {who}"
        return stopped if _on_links(run, name) else _idle_agents(run, name, who)
    if len(goods) == 1:
        return f"acted on {number(tonnes)} t worth {_money(usd)}, {who}"
    # Tonnes of unlike goods are not added up.
    what = f"{len(goods)} goods" if goods else "goods"
    return f"acted on {what} worth {_money(usd)}, {who}"


def _on_links(run: Run, name: str) -> bool:
    """Whether an event acts on what passes from seller to buyer."""
    return "ledger_event" in run.dataset.coords and name in texts(run.dataset, "ledger_event")


def _idle_agents(run: Run, name: str, who: str) -> str:
    """What to say of makers or users without output or need, such as projects that nobody has begun."""
    sides = {side for side, _ in _touched(run.dataset, name)}
    return f"acted on {who}, with no {'need' if sides == {'need'} else 'output'} in the run"


def _beside(run: Run, baseline: Run, event: dict[str, Any]) -> str:
    """What differs from the paired baseline, in words; '' where nothing can be said."""
    try:
        found = paired_ledger(run.dataset, baseline.dataset, event)
    except MonaziteError:
        return ""
    if found is None:
        return ""
    several = f"the {len(found.goods)} goods"
    what = good_name(run.dataset, found.goods[0]) if len(found.goods) == 1 else several
    first, last = (run.dataset["time"].values[i].astype("datetime64[M]") for i in (0, -1))
    start = max(event_start(event).astype("datetime64[M]"), first)
    after = _moved(found.after, found.usual_after, found.unit)
    text = f"against the paired {shown_name(baseline)}, {found.words} {what} that it touches: {after}"
    text += f" from {start} to {last}"
    if found.usual_before.any():
        text += f", {_moved(found.before, found.usual_before, '')} before"
    return text + ("; at base-year prices" if found.unit == "USD" else "")


def paired_ledgers(data: xr.Dataset, base: xr.Dataset) -> Ledger:
    """Events of a run, but those of its baseline and base year, each with what it touches."""
    found = []
    for event in own_events(data, base):
        what = paired_ledger(data, base, event) if not event.get("in_base_year") else None
        if what is not None:
            found.append((event, what))
    return found


def new_sentence(data: xr.Dataset, ledger: Ledger, name: str) -> str:
    """What events touch that the baseline has nothing of, in tonnes or money, which no share says; or ''.

    Args:
        ledger: of :func:`paired_ledgers`. name: of the run.
    """
    found: dict[str, list[str]] = {}
    for event, what in ledger:
        if what.usual_after.any() or not what.after.any():
            continue
        one = in_text(good_name(data, what.goods[0]))
        goods = one if len(what.goods) == 1 else f"{len(what.goods)} goods"
        unit, size = ("million USD", 1e6) if what.unit == "USD" else (what.unit, 1.0)
        low, middle, high = (number(v / size, 2) for v in np.quantile(what.after, [0.1, 0.5, 0.9]))
        text = f"{what.words} {goods} of {middle} ({low} to {high}) {unit}, where the baseline has none"
        found.setdefault(text, []).append(str(event["id"]))
    parts = [f"{', '.join(events)}: {text}" for text, events in found.items()]
    return f"{name}: {'; '.join(parts)}" if parts else ""


def _moved(change: Values, usual: Values, unit: str) -> str:
    """A difference in words: its share of the baseline's, and its size where a unit is given."""
    middle, base = float(np.median(change)), float(np.median(usual))
    if abs(middle) < 5e-7 * abs(base) or middle == 0:
        return "the same"
    word = "more" if middle > 0 else "less"
    if base > 0 and middle > MANY * base:
        size = _money(middle) if unit == "USD" else f"{number(middle)} {unit}"
        return f"{size} more than next to none" if unit else "many times as much"
    share = f"{number(100 * abs(middle) / base, 2)} % {word}" if base > 0 else word
    if not unit:
        return share
    size = _money(abs(middle)) if unit == "USD" else f"{number(abs(middle))} {unit}"
    return f"{share} ({size})"


def idle_events(run: Run) -> list[str]:
    """Ids of events that acted on nothing in any member, those of the base year left out."""
    idle = []
    for event in run.events:
        name = str(event["id"])
        if not event.get("in_base_year") and not _acted(run, name).any():
            idle.append(name)
    return idle


def idle_warning(run: Run, name: str) -> str:
    """What to say of an event that acted on nothing."""
    kind = next(str(event["type"]) for event in run.events if event["id"] == name)
    if kind in RULES:
        return f"{shown_name(run)}: '{name}' never acted: its trigger was not met in any member"
    return f"{shown_name(run)}: '{name}' touched nothing in the whole run; check dates, countries and goods"


