"""``monazite new``: a scenario file to start from, valid and commented."""

from __future__ import annotations

import argparse
import json
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.output import say
from sim.errors import MonaziteError, did_you_mean

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["main", "register"]

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,79}")
PARENT = "baseline-2024"
NOT_SHOWN = ("type", "note", "in_base_year", "source", "assumption", "dormant")
"""Fields of an event that a variant seldom changes."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``new`` to the command line."""
    parser = subparsers.add_parser(
        "new",
        help="write a scenario file that builds on another one",
        description="Write NAME.yaml, a valid scenario that extends another one and lists in comments what "
        "can be changed. It goes to the folder 'scenarios' if there is one here, else to this "
        "folder. No file is ever overwritten.",
        epilog="example: monazite new my-licence --from ree-licence-2025",
    )
    parser.add_argument("name", metavar="NAME", help="name of the new scenario")
    parser.add_argument(
        "--from",
        dest="parent",
        default=PARENT,
        metavar="SCENARIO",
        help=f"scenario to build on (default {PARENT})",
    )
    parser.add_argument("--folder", type=Path, default=None, metavar="DIR", help="where the file goes")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Write the file and say what to do with it."""
    from sim.commands.advice import carried
    from sim.scenario import load_scenario
    from sim.scenario.find import find, is_path, names

    name, parent = args.name, args.parent
    if not NAME.fullmatch(name):
        raise MonaziteError(f"'{name[:60]}' cannot be a name; use small letters, digits, '-' and '_'")
    if is_path(parent):
        raise MonaziteError(f"'{parent[:60]}' is a path; a scenario extends others by name")
    folder = args.folder or (Path("scenarios") if Path("scenarios").is_dir() else Path())
    path = folder / f"{name}.yaml"
    taken = find(name, beside=path)
    if taken is not None or path.exists():
        raise MonaziteError(f"{taken or path}: there is a scenario '{name}' already; choose another name")
    above = find(parent, beside=path)
    if above is None:
        known = did_you_mean(parent, sorted(names()), list_up_to=0) or "'monazite list' shows all"
        raise MonaziteError(f"there is no scenario '{parent[:60]}' to extend; {known}")
    scenario = load_scenario(above)
    baseline = _baseline(scenario)
    text = _text(name, scenario, baseline, path)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except OSError as error:
        raise MonaziteError(f"{path}: cannot be written: {error.strerror}") from None
    say(f"{path}\nNext: change it, then 'monazite validate {path}' and 'monazite describe {path}'")
    same = " ".join(carried(scenario.model_dump(), baseline))
    say(f"  monazite run {baseline} {path} {same + ' ' if same else ''}--campaign {name}")
    say(f"  monazite compare {name}")
    if baseline != parent:
        say(f"To compare with {parent} itself, run that, too: monazite compare {name} --vs {parent}")
    return 0


def _baseline(parent: Scenario) -> str:
    """What a variant is compared with: the parent, or where events act in it, what it is compared with."""
    acting = any(not event.in_base_year for event in parent.events)
    return parent.compare_to if acting and parent.compare_to else parent.name


def _schema_path(path: Path) -> str:
    """The schema as an editor finds it from the file: a relative path where both lie in one project."""
    from sim.paths import schema_file, share_root

    schema, home = schema_file().resolve(), path.resolve().parent
    if home.is_relative_to(share_root().resolve()):
        return Path(os.path.relpath(schema, home)).as_posix()
    return schema.as_posix()


def _text(name: str, scenario: Scenario, baseline: str, path: Path) -> str:
    from sim.scenario.formats import FORMAT

    parent = scenario.name
    title = json.dumps(f"A variant of: {scenario.title}", ensure_ascii=False)
    lines = [
        f"# yaml-language-server: $schema={_schema_path(path)}",
        f"format: {FORMAT}",
        f"name: {name}",
        f"title: {title}",
        'question: ""                        # what the scenario is to answer, one paragraph',
        f"extends: [{parent}]   # below stands only what differs; 'monazite show {parent}' prints all",
        f"compare_to: {baseline}",
        f"# time: {{start: {scenario.start}, end: {scenario.end}, step: {scenario.step}}}",
        "",
        "# Where figures come from; events name these keys under 'source'.",
        "# sources:",
        '#   my-source: {title: "Who said it, when", url: "https://...", confidence: seen}',
        "",
        "# Country groups of your own, for use wherever a country stands.",
        "# blocs:",
        "#   allies: [USA, JPN, EU27]",
        "",
        "events:",
    ]
    if scenario.events:
        lines.append(f"  # Events of {parent}. Take the '#' away from an id and from what you change;")
        lines.append("  # 'ID: null' removes an event.")
    for event in scenario.events:
        lines.append(f"  # {event.id}:   # {event.type}")
        written = event.model_dump(by_alias=True, exclude_none=True, exclude={"id", *NOT_SHOWN})
        lines += [f"  #   {key}: {_value(value)}" for key, value in written.items()]
    lines += [
        "  # A new event needs a type, dates, and a source or an assumption; 'monazite list instruments'.",
        "  # my-ban:",
        "  #   type: export_ban",
        "  #   by: CHN",
        "  #   to: world",
        "  #   goods: [gallium]",
        f"  #   from: {scenario.start}",
        "  #   probability: 50 %             # each member draws whether it happens",
        "  #   assumption: What is assumed.",
        "",
        *_sweep_example(scenario),
        "# Parameters of the model, numbers or distributions; 'monazite list parameters' shows all.",
        "# assumptions:",
        "#   thrift_speed: {uniform: [0.3, 0.8]}",
    ]
    return "\n".join(lines) + "\n"


def _sweep_example(scenario: Scenario) -> list[str]:
    """What 'monazite sweep' may vary, in comments: a field of the parent's first event that has numbers."""
    from sim.scenario.sweep_spec import quantities

    every = [(path, quantity) for event in scenario.events for path, quantity in quantities(event).items()]
    shares = [path for path, quantity in every if quantity.dimension == "share" and path.count(".") == 2]
    vary = [f"#     {path}: [20 %, 60 %]" for path in shares[:1]]
    return [
        "# What 'monazite sweep' varies: lists of values, or distributions.",
        "# sweep:",
        "#   vary:",
        *vary,
        "#     assumptions.thrift_speed: {uniform: [0.25, 0.45]}",
        "#   design: {method: lhs, samples: 100}",
        "",
    ]


def _value(value: object) -> str:
    """A value as YAML in one line."""
    from sim.results.resolved import plain

    made = plain(value)
    if isinstance(made, dict):
        return "{" + ", ".join(f"{key}: {_value(item)}" for key, item in made.items()) + "}"
    if isinstance(made, list):
        return "[" + ", ".join(_value(item) for item in made) + "]"
    text = str(made)
    return text if re.fullmatch(r"[\w.%/][\w .%/-]*", text) else json.dumps(made, ensure_ascii=False)
