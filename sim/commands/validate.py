"""``monazite validate``: everything that is wrong with scenario files, before any run."""

from __future__ import annotations

import argparse
import dataclasses
import glob
import os
from pathlib import Path

from sim.commands.output import plural, say, write_json
from sim.errors import MonaziteError, Problem, render_problems
from sim.scenario.find import is_path

__all__ = ["main", "register"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``validate`` to the command line."""
    parser = subparsers.add_parser(
        "validate",
        help="check scenario files and say what is wrong, where, and what to write instead",
        description="Check scenarios by name, by file, by pattern, or all files of folders. "
        "Exit code 2 if anything is wrong; warnings alone leave it 0.",
        epilog="examples: monazite validate my-scenario.yaml; monazite validate 'scenarios/**'",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="scenario files, folders, patterns or names")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write all problems as JSON ('-': print them)"
    )
    parser.set_defaults(main=main)


def _expanded(words: list[str]) -> list[str]:
    """Folders stand for the scenario files in them, patterns for what they match; each file once."""
    found: dict[Path | str, str] = {}
    for word in words:
        matches = [word]
        if set(word) & set("*?[") and not os.path.exists(word):
            matches = sorted(glob.glob(word, recursive=True))
            matches = [match for match in matches if os.path.isdir(match) or match.endswith(".yaml")]
            if not matches:
                raise MonaziteError(f"{word}: no scenario file (*.yaml) matches")
        inside: list[str] = []
        for match in matches:
            folder = os.path.isdir(match)
            inside += [str(p) for p in sorted(Path(match).rglob("*.yaml"))] if folder else [match]
        if not inside:
            raise MonaziteError(f"{word}: no scenario file (*.yaml) in this folder")
        for name in inside:
            found.setdefault(Path(name).resolve() if is_path(name) else name, name)
    return list(found.values())


def main(args: argparse.Namespace) -> int:
    """Check every file; 2 if one has a problem."""
    from sim.scenario import check_scenario

    results: list[object] = []
    everything: list[Problem] = []
    valid = 0
    quiet = str(args.json) == "-"
    for word in _expanded(args.files):
        scenario, problems = check_scenario(word)
        everything += problems
        valid += scenario is not None
        results.append(
            {
                "scenario": word,
                "valid": scenario is not None,
                "problems": [dataclasses.asdict(problem) for problem in problems],
            }
        )
        if scenario is not None and not quiet:
            say(f"{word}: valid, {plural(len(scenario.events), 'event')}")
    if everything and not quiet:
        # A fault in a scenario that several extend is one fault.
        say(render_problems(dict.fromkeys(everything)))
    write_json(args.json, results)
    return 0 if valid == len(results) else 2
