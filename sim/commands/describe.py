"""``monazite describe``: a scenario in plain sentences, before any run."""

from __future__ import annotations

import argparse
import datetime as dt
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.arguments import split
from sim.commands.output import say, write_json
from sim.errors import MonaziteError, render_problems

if TYPE_CHECKING:
    from sim.distributions import Distribution
    from sim.instruments import Instrument
    from sim.scenario import Figure, Observation, Scenario

__all__ = ["main", "register"]

WIDTH = 100
MARGIN = 12


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``describe`` to the command line."""
    parser = subparsers.add_parser(
        "describe",
        help="say in plain sentences what a scenario does, and what it rests on",
        description="Print the question, the timeline of events, the sources and the assumptions.",
        epilog="example: monazite describe ree-licence-2025 events.licence.approval_share=20%",
    )
    parser.add_argument(
        "words", nargs="+", metavar="NAME|KEY=VALUE", help="scenario name or file, and its overrides"
    )
    parser.add_argument(
        "--json",
        type=Path,
        default=None,
        metavar="FILE",
        help="write it as JSON ('-': print it)",
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print the description."""
    from sim.scenario import load_scenario

    names, overrides = split(args.words)
    if len(names) != 1:
        said = "the second is " + f"'{names[1][:60]}'" if names else "there are overrides alone"
        raise MonaziteError(f"describe needs one scenario; {said}")
    scenario = load_scenario(names[0], overrides=overrides)
    if str(args.json) != "-":
        say("\n".join(_description(scenario)))
        if scenario.warnings:
            say(render_problems(scenario.warnings), file=sys.stderr)
    write_json(args.json, _content(scenario))
    return 0


def _basis(event: Instrument, scenario: Scenario) -> str:
    """What an event rests on."""
    parts = [f"source: {scenario.sources[event.source].title}"] if event.source else []
    if event.assumption:
        said = event.assumption if isinstance(event.assumption, str) else "not from a source"
        parts.append(f"assumption: {said}")
    return "; ".join(parts)


def _day(event: Instrument, scenario: Scenario) -> dt.date:
    return event.from_ or scenario.start


def _wrapped(label: str, text: str) -> str:
    first, rest = label.ljust(MARGIN), " " * MARGIN
    # Names of blocs and ids have hyphens; they are looked for as one word.
    return textwrap.fill(
        text, WIDTH, initial_indent=first, subsequent_indent=rest,
        break_long_words=False, break_on_hyphens=False,
    )  # fmt: skip


def _description(scenario: Scenario) -> list[str]:
    from sim.instruments.words import spoken
    from sim.world.labels import load_labels

    lines = [f"{scenario.name}: {scenario.title}"]
    if scenario.question:
        lines += ["", textwrap.fill(scenario.question, WIDTH, break_on_hyphens=False)]
    built = f", extends {', '.join(scenario.extends)}" if scenario.extends else ""
    compared = f", compared with {scenario.compare_to}" if scenario.compare_to else ""
    span = f"{scenario.start} to {scenario.end} in {len(scenario.steps())} {scenario.step}s"
    lines += ["", f"World of {scenario.base_year}, {span}{built}{compared}.", ""]
    labels = load_labels(scenario.base_year, scenario.tables)
    names = labels.countries
    if labels.projects:
        count = len(labels.projects)
        lines += [f"{count} mines and plants may be built in it (data/world/projects.csv).", ""]
    if labels.recyclers:
        goods = sorted({good for _, good in labels.recyclers})
        who = f"{len(labels.recyclers)} recyclers recover {spoken(goods)}"
        lines += [_wrapped("", f"Goods in use are followed: {who} of them.").lstrip(), ""]
    for bloc, members in scenario.blocs.items():
        lines.append(_wrapped("", f"{bloc} = {spoken(members, names)}").lstrip())
    lines += [""] if scenario.blocs else []
    if not scenario.events:
        lines.append("No events: no new controls.")
    for event in sorted(scenario.events, key=lambda e: _day(e, scenario)):
        lines.append(_wrapped(str(_day(event, scenario)), f"[{event.id}] {event.sentence()}"))
        if event.note:
            lines.append(_wrapped("", event.note))
        lines.append(_wrapped("", f"[{_basis(event, scenario)}]"))
    if scenario.assumptions:
        lines += ["", "Parameters set by this scenario:"]
        lines += [f"  {name} = {_number(value)}" for name, value in scenario.assumptions.items()]
    if scenario.observed:
        lines += ["", "Observed, to set beside the results:"]
        for name, seen in scenario.observed.items():
            for period, figure in seen.values.items():
                basis = _title(figure, scenario) or _title(seen, scenario)
                said = f"{name}: {_what(seen)} was {_worth(figure, seen)}. [{basis}]"
                lines.append(_wrapped(str(period), said))
    return lines


def _what(seen: Observation) -> str:
    """The series in words, with what it is set against."""
    if seen.minus:
        return f"{seen.series} less {seen.minus}"
    if seen.over:
        return f"{seen.series} over {seen.over}"
    return seen.series


def _worth(figure: Figure, seen: Observation) -> str:
    """The figure as written, and in dollars without tax where it is another currency or holds tax."""
    from sim.scenario.observed import FOREIGN

    price = figure.value.dimension == "price"
    match = FOREIGN.fullmatch(figure.value.text) if price else None
    if match is not None and (match[2] != "USD" or seen.vat is not None):
        return f"{figure.value}, that is {figure.value.value:,.0f} USD/t without tax"
    return str(figure.value)


def _number(value: float | Distribution) -> str:
    return f"{value:g}" if isinstance(value, int | float) else str(value)


def _title(part: Figure | Observation, scenario: Scenario) -> str:
    """What an observed figure rests on; empty where it says nothing of its own."""
    if part.source:
        return scenario.sources[part.source].title
    if isinstance(part.assumption, str):
        return f"assumption: {part.assumption}"
    return "assumption" if part.assumption else ""


def _content(scenario: Scenario) -> dict[str, object]:
    return {
        "name": scenario.name,
        "title": scenario.title,
        "question": scenario.question,
        "base_year": scenario.base_year,
        "start": scenario.start,
        "end": scenario.end,
        "step": scenario.step,
        "steps": len(scenario.steps()),
        "compare_to": scenario.compare_to,
        "events": [
            {
                "id": event.id, "type": event.type, "announced": event.announced, "from": event.from_,
                "until": event.until, "in_base_year": event.in_base_year, "sentence": event.sentence(),
                "note": event.note, "basis": _basis(event, scenario),
                "place": "{}:{}:{}".format(*scenario.origin[f"events.{event.id}"]),
            }
            for event in sorted(scenario.events, key=lambda e: _day(e, scenario))
        ],
        "blocs": {name: list(members) for name, members in scenario.blocs.items()},
        "assumptions": {name: getattr(v, "written", v) for name, v in scenario.assumptions.items()},
        "sources": {key: source.title for key, source in scenario.sources.items()},
        "warnings": [problem.text() for problem in scenario.warnings],
    }  # fmt: skip
