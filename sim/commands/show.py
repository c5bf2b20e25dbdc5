"""``monazite show``: a resolved scenario with the origin of every value, or what differs between two."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.arguments import split
from sim.commands.output import say, write_json
from sim.errors import MonaziteError
from sim.visible import visible

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["Difference", "Value", "differences", "main", "register", "values"]

DEFAULT = "default"
"""Stands for the place of a value that no file gives."""


@dataclass(frozen=True)
class Value:
    """A value as a file would say it, and ``file:line`` of where it was written."""

    text: str
    place: str


@dataclass(frozen=True)
class Difference:
    """A path at which two scenarios differ; ``None`` where one of them has nothing."""

    path: str
    first: Value | None
    second: Value | None


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``show`` to the command line."""
    parser = subparsers.add_parser(
        "show",
        help="print a scenario with all that it extends worked in, and where each value was written",
        description="Print the resolved scenario, each value with file and line. With --diff: what differs "
        "between two resolved scenarios. Overrides apply to the scenario that they follow.",
        epilog="examples: monazite show ree-licence-2025; monazite show --diff baseline-2024 "
        "ree-licence-2025; monazite show --diff ree-licence-2025 ree-licence-2025 time.end=2026-12",
    )
    parser.add_argument("words", nargs="+", metavar="NAME [KEY=VALUE ...]", help="scenario and overrides")
    parser.add_argument("--diff", action="store_true", help="compare two scenarios")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write it as JSON ('-': print it)"
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Print one scenario or the differences between two."""
    from sim.scenario import load_scenario

    words = args.words
    if not args.diff:
        # One scenario alone: there is no doubt whose overrides they are.
        names, overrides = split(words)
        words = [*names, *overrides] if names else words
    named = _named(words)
    wanted = 2 if args.diff else 1
    if len(named) != wanted:
        remedy = "write for example 'monazite show --diff baseline-2024 ree-licence-2025'"
        need = "two scenarios" if args.diff else "one scenario; to compare two, add --diff"
        raise MonaziteError(f"show needs {need}, not {len(named)}; {remedy}")
    loaded = [load_scenario(name, overrides=overrides) for name, overrides in named]
    if args.diff:
        return _show_differences(loaded[0], loaded[1], args.json)
    if str(args.json) != "-":
        from sim.results.resolved import resolved_yaml

        say(resolved_yaml(loaded[0]), end="")
    rows = [{"path": path, "value": v.text, "place": v.place} for path, v in values(loaded[0]).items()]
    write_json(args.json, rows)
    return 0


def _named(words: Sequence[str]) -> list[tuple[str, list[str]]]:
    """Names, each with the overrides that follow it."""
    found: list[tuple[str, list[str]]] = []
    for word in words:
        if "=" not in word and not word.startswith("~"):
            found.append((word, []))
        elif found:
            found[-1][1].append(word)
        else:
            raise MonaziteError(f"'{word[:60]}' follows no scenario; write the scenario's name before it")
    return found


def values(scenario: Scenario) -> dict[str, Value]:
    """Dotted path -> value and place, defaults included; a list is one value."""
    from sim.results.resolved import display_path, plain

    def leaves(node: object, path: str) -> Iterator[tuple[str, object]]:
        if isinstance(node, Mapping) and node:
            for key, child in node.items():
                yield from leaves(child, f"{path}.{key}" if path else str(key))
        else:
            yield path, node

    found = {}
    for path, value in leaves(plain(scenario), ""):
        place = scenario.origin.get(path)
        where = f"{display_path(place.file)}:{place.line}" if place else DEFAULT
        found[path] = Value(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False), where)
    return found


def differences(first: Scenario, second: Scenario) -> list[Difference]:
    """Where two resolved scenarios differ; defaults of what one of them lacks are left out."""
    one, other = values(first), values(second)
    found = []
    for path in dict.fromkeys([*one, *other]):
        a, b = one.get(path), other.get(path)
        if a is not None and b is not None:
            if a.text != b.text:
                found.append(Difference(path, a, b))
        elif (a or b) and (a or b) != Value((a or b or Value("", "")).text, DEFAULT):
            found.append(Difference(path, a, b))
    return found


def _show_differences(first: Scenario, second: Scenario, target: Path | None) -> int:
    found = differences(first, second)
    if str(target) != "-":
        styled = [("bold", f"- {first.name}"), ("bold", f"+ {second.name}")]
        width = max((len(v.text) for d in found for v in (d.first, d.second) if v), default=0)
        for difference in found:
            styled.append(("", difference.path))
            for sign, style, value in (("-", "red", difference.first), ("+", "green", difference.second)):
                if value is not None:
                    styled.append((style, f"  {sign} {value.text.ljust(min(width, 48))}  {value.place}"))
        _print(styled if found else [("", f"{first.name} and {second.name} say the same")])
    rows = [
        {
            "path": d.path,
            "first": vars(d.first) if d.first else None,
            "second": vars(d.second) if d.second else None,
        }
        for d in found
    ]
    write_json(target, rows)
    return 0


def _print(styled: Sequence[tuple[str, str]]) -> None:
    """Lines; coloured on a terminal alone."""
    if not sys.stdout.isatty():
        say("\n".join(text for _, text in styled))
        return
    from rich.console import Console
    from rich.text import Text

    console = Console()
    for style, text in styled:
        console.print(Text(visible(text), style=style), soft_wrap=True)
