"""Checks across the fields of a scenario: dates, sources, stages, rules."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from sim.errors import did_you_mean
from sim.instruments import Instrument
from sim.instruments.words import joined
from sim.names import meaning_of
from sim.scenario.find import find, names
from sim.scenario.node import COMMAND_LINE, Node, place_of
from sim.scenario.report import Report
from sim.scenario.scenario import Header
from sim.world.labels import GoodLabel, Labels

__all__ = ["check_codes", "check_dates", "check_header", "check_rules", "check_sources", "check_stages"]

MAXIMUM_YEARS = 100
EASY_KEY = re.compile(r"[A-Za-z][\w-]*")
"""Keys that YAML takes without quotes."""


def check_stages(event: Instrument, path: tuple[str, ...], report: Report, labels: Labels) -> None:
    """Every stage that an event names is one of some good that it names."""
    from sim.instruments.words import select_goods

    goods, stages = getattr(event, "goods", ()), getattr(event, "stages", ())
    for i, stage in enumerate(stages):
        if not select_goods(labels.goods, goods, (stage,)):
            have = sorted({labels.goods[k].stage for k in select_goods(labels.goods, goods)})
            report.add(
                (*path, "stages", str(i)), f"none of the goods has a stage '{stage}'",
                f"they have: {', '.join(have)}",
            )  # fmt: skip


def check_codes(event: Instrument, report: Report, labels: Labels) -> None:
    """Say so where a code or a trade name stands for a good that holds more than it."""
    from sim.instruments.words import select_goods

    for i, word in enumerate(getattr(event, "goods", ())):
        for k in select_goods(labels.goods, (word,)) if word.isdigit() else ():
            good = labels.goods[k]
            others = [code for code in good.hs6 if not code.startswith(word)]
            stages = getattr(event, "stages", None)
            if not others or (stages and good.stage not in stages):
                continue
            report.add(
                ("events", event.id, "goods", str(i)),
                f"this world has one good, '{good.id}', for HS {word} and {', '.join(others)}, so the event "
                f"acts on all: {_across_borders(good, labels)}",
                f"write '{good.id}' if that is meant", warning=True,
            )  # fmt: skip
    for path, word in _written_goods(event, report):
        found = meaning_of(word, labels.goods)
        if found is None or not found.more:
            continue
        held = [labels.goods[k] for k in select_goods(labels.goods, found.words)]
        report.add(
            path, f"'{word[:60]}' is read as '{found.words[0]}', which also holds {found.more}: "
            f"{joined([_across_borders(good, labels) for good in held])}",
            f"write '{found.words[0]}' if that is meant", warning=True,
        )  # fmt: skip


def _across_borders(good: GoodLabel, labels: Labels) -> str:
    ends = labels.trade(good.id).items()
    tonnes = sum(t for (exporter, importer), t in ends if exporter != importer)
    return f"{tonnes:,.0f} {good.unit} crossed borders in {labels.base_year}"


def _written_goods(event: Instrument, report: Report) -> Iterator[tuple[tuple[str, ...], str]]:
    """Path and text of the goods of an event as they stand in the file."""
    path: tuple[str, ...] = ("events", event.id, "goods")
    node: Node | None = report.root
    for part in path:
        node = node.value.get(part) if node is not None and isinstance(node.value, dict) else None
    items = node.value if node is not None and isinstance(node.value, list) else [node]
    for i, item in enumerate(items):
        if item is not None and isinstance(item.value, str | int | float):
            yield (*path, str(i)), str(item.value)


def check_sources(root: Node, report: Report, events: Iterable[Instrument]) -> None:
    """Events and observed figures rest on a listed source or on a stated assumption."""
    assert isinstance(root.value, dict)
    sources = root.value.get("sources")
    known = list(sources.value) if sources is not None and isinstance(sources.value, dict) else []
    owners: list[Owner] = [(("events", event.id), event.source, event.assumption) for event in events]
    observed = root.value.get("observed")
    if observed is not None and isinstance(observed.value, dict):
        for name, node in observed.value.items():
            if isinstance(node.value, dict):
                given = {k: v.value for k, v in node.value.items() if k in ("source", "assumption")}
                owners += _figure_owners(("observed", name), node, given)
    for path, source, assumption in owners:
        if source is not None and source not in known:
            key = f'"{source[:60]}"' if not EASY_KEY.fullmatch(source) else source
            add = f"add under 'sources': '{key}: {{title: Who says it and when}}'"
            say = f"{did_you_mean(source, known, list_up_to=0)} Or {add}".removeprefix(" Or ")
            say += ", or write 'assumption: ...' instead of 'source'"
            report.add((*path, "source"), f"there is no source '{source[:60]}'", say)
        elif source is None and not assumption:
            report.add(
                path, "neither a source nor an assumption",
                "write 'source: <key of sources>' or 'assumption: true'", key=True,
            )  # fmt: skip


Owner = tuple[tuple[str, ...], str | None, object]
"""A path, and the source or the assumption that what stands there rests on."""


def _figure_owners(path: tuple[str, ...], node: Node, given: Mapping[str, object]) -> list[Owner]:
    """The series, unless each of its figures has a basis of its own, and the figures that have one."""
    assert isinstance(node.value, dict)
    values = node.value.get("values")
    figures = values.value if values is not None and isinstance(values.value, dict) else {}
    own: list[Owner] = []
    for day, figure in figures.items():
        if isinstance(figure.value, dict) and {"source", "assumption"} & figure.value.keys():
            basis = {k: v.value for k, v in figure.value.items()}
            source = basis.get("source")
            where = (*path, "values", day)
            own.append((where, source if isinstance(source, str) else None, basis.get("assumption")))
    shared = given.get("source")
    if shared is None and not given.get("assumption") and own and len(own) == len(figures):
        return own
    return [(path, shared if isinstance(shared, str) else None, given.get("assumption")), *own]


def check_rules(events: Sequence[Instrument], report: Report) -> None:
    """Rules act on events that are there; an event that waits for a rule has one."""
    by_id = {event.id: event for event in events}
    # An event that could not be read is there all the same.
    known = {f"there is no event '{name[:60]}'" for name in report.unread}
    named = {name for event in events for name in getattr(event, "events", ())}
    for event in events:
        for field, message, remedy in event.problems_with(by_id):
            if message not in known:
                report.add(("events", event.id, *field), message, remedy)
    if any(not problem.warning for problem in report.problems):
        return
    for event in events:
        if event.dormant and event.id not in named:
            report.add(
                ("events", event.id, "dormant"), f"'{event.id}' waits for a rule, but none names it",
                "add a reaction_rule that activates it, or leave 'dormant' out", warning=True,
            )  # fmt: skip


def check_header(header: Header, report: Report, path: Path | None = None) -> None:
    """The span of the run, and the scenario to compare with, which may lie beside the file."""
    start, end = header.time.start, header.time.end
    if end < start:
        report.add(("time", "end"), f"the run ends on {end}, before it starts on {start}")
    elif end.year - start.year > MAXIMUM_YEARS:
        report.add(("time", "end"), f"the run lasts more than {MAXIMUM_YEARS} years")
    if start.year < header.base_year:
        say = f"start in {header.base_year} or later, or choose an earlier base year"
        report.add(("time", "start"), f"the run starts before its base year {header.base_year}", say)
    if header.time.step == "month" and start.day != 1:
        report.add(
            ("time", "start"), "a run in months starts on the first of a month", f"write {start:%Y-%m}"
        )
    if header.compare_to and find(header.compare_to, beside=path) is None:
        say = did_you_mean(header.compare_to, names(), list_up_to=0) or "'monazite list' shows all"
        report.add(("compare_to",), f"there is no scenario '{header.compare_to[:60]}'", say)


def check_dates(event: Instrument, start: dt.date, end: dt.date, report: Report) -> None:
    """An event is announced, starts, has its end announced and ends in this order, and inside the run."""
    path = ("events", event.id)
    first, last, announced = event.from_, event.until, event.announced
    if first and last and last < first:
        report.add((*path, "until"), f"ends on {last}, before it starts on {first}")
        return
    if first and announced and announced > first:
        say = f"write 'announced: {first}' or earlier"
        report.add((*path, "announced"), f"announced on {announced}, after it starts on {first}", say)
    known = event.end_announced
    if known and last is None:
        say = "add 'until', or leave 'end_announced' out"
        report.add((*path, "end_announced"), f"its end is announced on {known}, yet it has none", say)
    elif known and last and known > last:
        say = f"write 'end_announced: {last}' or earlier"
        what = f"its end is announced on {known}, after it ended on {last}"
        report.add((*path, "end_announced"), what, say)
    if event.in_base_year:
        if first and first > start:
            say = "leave 'in_base_year' out, so that it acts in the run"
            report.add((*path, "from"), f"in force in the base year, yet it starts on {first}", say)
        return
    if first is None and event.type != "merger" and not event.dormant:
        report.add(path, "the field 'from' is missing", "write for example 'from: 2025-04-04'", key=True)
    # Who shortens a run on the command line knows that the rest of the story is cut off.
    ends_early = place_of(report.root, ("time", "end")).file == COMMAND_LINE
    starts_late = place_of(report.root, ("time", "start")).file == COMMAND_LINE
    if first and first > end:
        say = "start it earlier, or move time.end"
        report.add(
            (*path, "from"), f"starts on {first}, after the run ends on {end}", say, warning=ends_early
        )
    if last and last < start:
        say = "end it later, or move time.start"
        report.add(
            (*path, "until"), f"ends on {last}, before the run starts on {start}", say, warning=starts_late
        )
    elif first and first < start:
        say = "write 'in_base_year: true' if base-year trade shows it, or move time.start"
        report.add(
            (*path, "from"), f"starts on {first}, before the run starts on {start}", say, warning=starts_late
        )
