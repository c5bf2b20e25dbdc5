"""From a name to a scenario: what it extends, overrides, checks, and all problems at once."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from pydantic import ValidationError

from sim.distributions import Distribution, is_distribution, parse_distribution
from sim.errors import InputProblems, MonaziteError, Problem, did_you_mean
from sim.instruments import Instrument, instrument_class, instrument_types
from sim.instruments.naming import WordError, good_words
from sim.names import meaning_of
from sim.scenario.blocs import read_blocs
from sim.scenario.chain import as_one, chained
from sim.scenario.checks import (
    check_codes,
    check_dates,
    check_header,
    check_rules,
    check_sources,
    check_stages,
)
from sim.scenario.find import find, is_path, names
from sim.scenario.formats import FORMAT
from sim.scenario.governments import PREFIX, with_governments
from sim.scenario.lesson_part import read_lesson
from sim.scenario.named import check_series, in_words_of, scope_called, tables_asked
from sim.scenario.node import COMMAND_LINE, Node, Override, apply_override, plain, walk
from sim.scenario.numbers_written import check_dots, check_observed, check_taxes
from sim.scenario.parameters import check_parameter
from sim.scenario.reader import Document, read_document
from sim.scenario.report import Report
from sim.scenario.scenario import Header, Scenario
from sim.scenario.sizes import check_observed_sizes, check_sizes
from sim.scenario.sweep_spec import Probe, read_sweep
from sim.scenario.world_part import as_choice, chosen_world
from sim.units import QuantityError
from sim.world.labels import Labels, load_labels
from sim.world.source import NoWorld

__all__ = ["check_scenario", "load_scenario"]

NOT_OF_HEADER = ("blocs", "events", "assumptions", "sweep", "lesson")
"""Fields of a file that are read apart from its :class:`~sim.scenario.scenario.Header`."""
EVENT_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,59}")
LONG_AGO = 1900
"""Stands for a base year that cannot be read: no run starts before it."""
KINDS = "'monazite list instruments'"
NO_INSTRUMENT = {
    "depletion": "mines run empty by themselves with 'world: {projects: all}'; a fall that is given is a "
    "'capacity_change'",
}
"""What people look for among instruments and find elsewhere."""


def load_scenario(name_or_path: str | Path, overrides: Sequence[str | Override] = ()) -> Scenario:
    """Read a scenario, work in what it extends and the overrides, check everything.

    Args:
        name_or_path: a name found in the scenario folders, or a YAML file.
        overrides: ``key=value`` in Hydra's grammar, for example ``events.licence.delay='30 days'``.

    Raises:
        InputProblems: everything that is wrong, each with file, line, column and remedy.
    """
    scenario, problems = check_scenario(name_or_path, overrides)
    if scenario is None:
        raise InputProblems(problems)
    return scenario


def check_scenario(
    name_or_path: str | Path, overrides: Sequence[str | Override] = ()
) -> tuple[Scenario | None, tuple[Problem, ...]]:
    """The scenario, or ``None`` where something is wrong, and all problems and warnings."""
    path = _locate(str(name_or_path))
    if isinstance(path, Problem):
        return None, (path,)
    document = read_document(path)
    if document.root is None:
        return None, document.problems
    chain, problems, leads = chained(document)
    problems += [problem for part in chain for problem in part.problems]
    parsed, wrong = _parsed(overrides)
    problems += wrong
    lines = {part.file: part.lines for part in chain} | {COMMAND_LINE: tuple(o.text for o in parsed)}
    root = as_one(chain)
    report = Report(root, lines)
    report.leads = leads
    ruled = [override for override in parsed if override.path[0] == "events" and override.path[1:]
             and override.path[1].startswith(PREFIX)]  # fmt: skip
    for override in parsed:
        if override not in ruled:
            root = _override(root, override, report)
    report.root = root
    root = report.root = _with_governments(root, report)
    for override in ruled:
        root = report.root = _override(root, override, report)
    root = report.root = _with_files(root, report, chain)
    # A lesson speaks of the file as it is: what the command line takes out of it is no fault of the lesson.
    scenario = _build(root, report, path, with_lesson=not parsed)
    # What the reader found wrong at a place explains what the checks find there.
    found = {(problem.file, problem.line, problem.column) for problem in problems}
    problems += [p for p in report.problems if (p.file, p.line, p.column) not in found or not p.line]
    ordered = tuple(dict.fromkeys(problems))
    if scenario is None or any(not problem.warning for problem in ordered):
        return None, ordered
    return replace(scenario, warnings=ordered), ordered


def _locate(word: str) -> Path | Problem:
    if is_path(word):
        return Path(word)
    found = find(word)
    if found is None:
        known = sorted(names())
        remedy = did_you_mean(word, known, list_up_to=0) or "'monazite list scenarios' shows all"
        return Problem("scenario", 0, 0, "", f"there is no scenario '{word[:60]}'", remedy)
    return found


def _parsed(overrides: Sequence[str | Override]) -> tuple[list[Override], list[Problem]]:
    if not overrides:
        return [], []
    # Hydra takes a quarter of a second to import: only those who override pay for it.
    from sim.scenario.compose import parse_overrides

    return parse_overrides(overrides)


def _override(root: Node, override: Override, report: Report) -> Node:
    """The tree with the override, unless it names something that is not there."""
    place, path = override.place, override.path
    events = root.value.get("events") if isinstance(root.value, dict) else None
    known = list(events.value) if events is not None and isinstance(events.value, dict) else []
    if path[0] not in Header.model_fields and path[0] not in NOT_OF_HEADER:
        allowed = [*Header.model_fields, *NOT_OF_HEADER]
        report.at(place._replace(column=1), ".".join(path), "unknown field", did_you_mean(path[0], allowed))
        return root
    if path[0] == "events" and len(path) > 1 and path[1] not in known and not override.add:
        guess = did_you_mean(path[1], known, list_up_to=0)
        remedy = guess or f"its events are: {', '.join(known) or 'none'}."
        report.at(
            place._replace(column=1), ".".join(path), f"there is no event '{path[1]}'",
            remedy if override.delete else f"{remedy} To add an event, start with '+'",
        )  # fmt: skip
        return root
    return apply_override(root, override)


def _with_files(root: Node, report: Report, chain: Sequence[Document]) -> Node:
    """The scenario with the figures of observed files, if it names any."""
    observed = root.value.get("observed") if isinstance(root.value, dict) else None
    entries = observed.value if observed is not None and isinstance(observed.value, dict) else {}
    named = (isinstance(entry.value, dict) and "file" in entry.value for entry in entries.values())
    if "file" not in entries and not any(named):
        return root
    # Readers of tables are imported by those who have some.
    from sim.scenario.observed_files import with_files

    folders = {part.file: part.path.parent for part in chain}
    return with_files(root, report, folders, _labels(root, Report(root, report.lines)))


def _with_governments(root: Node, report: Report) -> Node:
    """The scenario with what its governments may do, if they are to act by rules."""
    if not isinstance(root.value, dict) or "governments" not in root.value:
        return root
    # What is wrong with the rest of it is said once all is there.
    aside = Report(root, report.lines)
    labels = _labels(root, aside)
    if labels is None:
        return root
    named = in_words_of(root, labels)
    try:
        return with_governments(root, named, labels.with_groups(read_blocs(named, aside, labels)))
    except MonaziteError as error:
        report.add(("governments",), str(error))
        return root


def _standing(fields: Mapping[str, object], error: ValidationError) -> Header | None:
    """A header in which neutral values stand for the fields that are wrong, so that the rest can be checked.

    None where it has no span of time.
    """
    wrong = {str(item["loc"][0]) for item in error.errors(include_url=False) if item["loc"]}
    if "time" in wrong:
        return None
    year = fields["base_year"] if "base_year" in fields and "base_year" not in wrong else LONG_AGO
    stand = {"format": FORMAT, "name": "nameless", "title": "untitled", "base_year": year}
    known = {k: v for k, v in fields.items() if k not in wrong and k in Header.model_fields}
    try:
        return Header.model_validate({**stand, **known})
    except ValidationError:
        return None


def _build(
    root: Node, report: Report, path: Path, *, probed: bool = False, with_lesson: bool = True
) -> Scenario | None:
    """The scenario, and all problems in ``report``.

    Args:
        probed: give a scenario even where its header is wrong: the rest of it is looked at.
    """
    assert isinstance(root.value, dict)
    labels = _labels(root, report)
    unchanged = report.root is root
    root = in_words_of(root, labels)
    assert isinstance(root.value, dict)
    fields = {k: plain(v) for k, v in root.value.items() if k not in NOT_OF_HEADER}
    header: Header | None = None
    sound = True
    report.extra_fields = NOT_OF_HEADER
    try:
        header = Header.model_validate(fields)
    except ValidationError as error:
        report.invalid((), error, Header)
        header, sound = _standing(fields, error), False
    blocs = read_blocs(root, report, labels)
    labels = labels.with_groups(blocs) if labels is not None else None
    events = _events(root, report, labels)
    assumptions = _assumptions(root, report, labels)
    check_sources(root, report, events)
    for check in (check_dots, check_observed, check_taxes):
        check(root, report)
    check_series(root, report, labels)
    if header is None:
        check_rules(events, report)
        return None
    if sound and header.name != path.stem and path.name != "scenario.resolved.yaml" and unchanged:
        report.add(
            ("name",), f"the file is called '{path.stem}', so others find it by that name",
            f"write 'name: {path.stem}' or rename the file", warning=True,
        )  # fmt: skip
    check_header(header, report, path)
    _check_events(header, events, report, labels)
    probe = _probe(report, path)
    sweep = None if probed else read_sweep(root, report, probe)
    lesson = read_lesson(root, report, probe) if with_lesson and not probed else None
    if not sound and not probed:
        return None
    return Scenario(
        sweep=sweep,
        lesson=lesson,
        **{name: getattr(header, name) for name in ("name", "title", "question", "base_year", "compare_to")},
        **{name: getattr(header, name) for name in ("tags", "status", "minerals", "seed", "engine")},
        **{name: getattr(header, name) for name in ("sources", "observed", "extends")},
        world=as_choice(header.world, root.value["world"]) if header.world is not None else None,
        start=header.time.start,
        end=header.time.end,
        step=header.time.step,
        events=tuple(events),
        assumptions=assumptions,
        blocs=blocs,
        origin={".".join(where): node.place for where, node in walk(root) if where},
    )


def _check_events(
    header: Header, events: Sequence[Instrument], report: Report, labels: Labels | None
) -> None:
    """What is wrong with events beside each other, and in the span and the world that the header asks for."""
    start, end = header.time.start, header.time.end
    for event in events if start <= end else ():
        with report.blaming(("time", "end"), ("time", "start")):
            check_dates(event, start, end, report)
    check_rules(events, report)
    if labels is not None and not any(not problem.warning for problem in report.problems):
        for event in events:
            check_sizes(event, report, labels)
        check_observed_sizes(header.observed, report, labels)
    with report.blaming(("minerals",)):
        small = _small_world(header, events, report, labels)
    if small is not None and not any(not problem.warning for problem in report.problems):
        for event in events:
            if not event.in_base_year and not event.touches(small):
                report.add(
                    ("events", event.id), f"'{event.id}' touches nothing in base year {header.base_year}",
                    event.where_to_look(small), key=True, warning=True,
                )  # fmt: skip


def _probe(report: Report, path: Path) -> Probe:
    """Checks the scenario of another root. What is wrong without its changes is no problem of these."""
    before = set(report.problems)

    def probe(other: Node) -> tuple[Scenario | None, tuple[Problem, ...]]:
        found = report.of(other)
        built = _build(other, found, path, probed=True)
        new = tuple(problem for problem in found.problems if problem not in before)
        return (None if any(not problem.warning for problem in new) else built), new

    return probe


def _labels(root: Node, report: Report) -> Labels | None:
    """Names of the base year; without them words are checked for their form only."""
    assert isinstance(root.value, dict)
    year = root.value.get("base_year")
    if year is None or isinstance(year.value, bool) or not isinstance(year.value, int):
        return None
    minerals = plain(root.value["minerals"]) if "minerals" in root.value else None
    world = chosen_world(root.value.get("world"))
    try:
        return load_labels(year.value, tables_asked(year.value, minerals, world))
    except NoWorld as error:
        report.add(error.where, error.message, error.remedy)
        return None
    except MonaziteError as error:
        report.add(("base_year",), str(error))
        return None


def _events(root: Node, report: Report, labels: Labels | None) -> list[Instrument]:
    assert isinstance(root.value, dict)
    field = root.value.get("events")
    if field is None or field.value is None:
        return []
    if not isinstance(field.value, dict):
        say = "write each event under its own id: 'events: {licence: {type: ...}}'"
        report.add(("events",), "events are a mapping, not a list", say)
        return []
    found = []
    for name, node in field.value.items():
        with report.blaming(("base_year",), ("world",)):
            event = _event(name, node, report, labels)
        found += [event] if event is not None else []
        report.unread |= {name} if event is None else set()
    return found


def _event(name: str, node: Node, report: Report, labels: Labels | None) -> Instrument | None:
    path = ("events", name)
    if not EVENT_ID.fullmatch(name):
        say = "start with a letter; use letters, digits, '-' and '_'"
        report.add(path, f"'{name[:60]}' cannot be an event id", say, key=True)
        return None
    if node.value is None:
        say = "remove the line, or write the event below it"
        report.add(path, "there is no event of this id to remove", say, key=True)
        return None
    if not isinstance(node.value, dict):
        report.add(path, "an event is a mapping", "write for example 'type: export_ban' below it")
        return None
    kinds = instrument_types()
    kind = node.value.get("type")
    if kind is None:
        report.add(path, "the field 'type' is missing", f"{KINDS} shows all", key=True)
        return None
    if kind.value not in kinds:
        word = str(kind.value)
        say = NO_INSTRUMENT.get(word) or did_you_mean(word, kinds, list_up_to=0) or f"{KINDS} shows all"
        report.add((*path, "type"), f"unknown event type '{str(kind.value)[:60]}'", say)
        return None
    if "id" in node.value:
        report.add((*path, "id"), "unknown field", f"the id is the key '{name}'", key=True)
        return None
    model = instrument_class(str(kind.value))
    values = plain(node)
    assert isinstance(values, dict)
    try:
        event = model.model_validate({"id": name, **values}, context={"labels": labels})
    except ValidationError as error:
        report.invalid(path, error, model)
        return None
    if labels is not None and getattr(event, "stages", None):
        check_stages(event, path, report, labels)
    if labels is not None:
        check_codes(event, report, labels)
    return event


def _small_world(
    header: Header, events: Iterable[Instrument], report: Report, labels: Labels | None
) -> Labels | None:
    """Names of the chains that the header keeps; an amount over goods that it leaves out is refused."""
    if labels is None or not header.minerals:
        return labels
    from sim.instruments.words import select_goods
    from sim.world.restrict import restrict_labels

    known = sorted({good.mineral for good in labels.goods})
    wrong = [(i, mineral) for i, mineral in enumerate(header.minerals) if mineral not in known]
    for i, mineral in wrong:
        report.add(("minerals", str(i)), *_no_mineral(mineral, known, labels))
    if wrong:
        return None
    small = restrict_labels(labels, header.minerals)
    kept = {good.id for good in small.goods}
    for event in events:
        if event.in_base_year or getattr(event, "amount", None) is None:
            continue
        named = select_goods(labels.goods, getattr(event, "goods", ()), getattr(event, "stages", None) or ())
        lost = sorted({labels.goods[k].mineral for k in named if labels.goods[k].id not in kept})
        if lost:
            report.add(
                ("events", event.id, "amount"),
                f"the amount covers {', '.join(lost)}, which 'minerals' leaves out",
                f"add {', '.join(lost)} to 'minerals', or give the amount of the minerals kept",
            )
    return small


def _no_mineral(word: str, known: Sequence[str], labels: Labels) -> tuple[str, str]:
    """What is wrong with a word among the minerals, and what to write."""
    if meaning_of(word, labels.goods) is not None:
        try:
            good_words(word, labels)
        except WordError as error:
            return error.message, error.remedy
    say = did_you_mean(word, known) or "'monazite list goods' shows all minerals"
    return f"unknown mineral '{word[:60]}' in the {labels.base_year} world", say


def _assumptions(root: Node, report: Report, labels: Labels | None) -> dict[str, float | Distribution]:
    assert isinstance(root.value, dict)
    field = root.value.get("assumptions")
    if field is None or field.value is None:
        return {}
    if not isinstance(field.value, dict):
        report.add(("assumptions",), "assumptions are a mapping", "write for example 'thrift_speed: 0.5'")
        return {}
    found: dict[str, float | Distribution] = {}
    waiting: list[tuple[tuple[str, ...], Node]] = [((name,), node) for name, node in field.value.items()]
    while waiting:
        where, node = waiting.pop(0)
        written = plain(node)
        if isinstance(node.value, dict) and not is_distribution(written):
            waiting = [((*where, key), child) for key, child in node.value.items()] + waiting
            continue
        path, name = ("assumptions", *where), ".".join(where)
        name = name if labels is None else scope_called(name, labels)
        if name in found:
            report.add(path, f"'{name}' is given twice", "leave one of them out", key=True)
            continue
        try:
            number = _parameter_value(written)
        except QuantityError as error:
            report.add((*path, *error.path), error.message, error.remedy, key=error.key)
            continue
        if labels is None or check_parameter(name, number, path, report, labels):
            found[name] = number
    return found


def _parameter_value(written: object) -> float | Distribution:
    """A plain number, in the unit of the parameter table, or a distribution of such."""

    def number(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise QuantityError("a parameter needs a plain number", "its unit is that of the parameter table")
        if not math.isfinite(value):
            raise QuantityError("the number is not finite")
        return float(value)

    if isinstance(written, dict) and is_distribution(written):
        return parse_distribution(written, number)
    return number(written)
