"""``monazite validate``: everything that is wrong with scenario files, before any run."""

from __future__ import annotations

import argparse
import dataclasses
from pathlib import Path

from sim.commands.output import write_json
from sim.errors import MonaziteError, Problem, render_problems

__all__ = ["main", "register"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``validate`` to the command line."""
    parser = subparsers.add_parser(
        "validate",
        help="check scenario files and say what is wrong, where, and what to write instead",
        description="Check scenarios by name, by file, or all files of a folder. "
        "Exit code 2 if anything is wrong; warnings alone leave it 0.",
        epilog="example: monazite validate scenarios/historical/ree-licence-2025.yaml",
    )
    parser.add_argument("files", nargs="+", metavar="FILE", help="scenario files, folders or names")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write all problems as JSON ('-': print them)"
    )
    parser.set_defaults(main=main)


def _expanded(words: list[str]) -> list[str]:
    """Folders stand for the scenario files in them."""
    found: list[str] = []
    for word in words:
        if Path(word).is_dir():
            inside = [str(path) for path in sorted(Path(word).rglob("*.yaml"))]
            if not inside:
                raise MonaziteError(f"{word}: no scenario file (*.yaml) in this folder")
            found += inside
        else:
            found.append(word)
    return list(dict.fromkeys(found))


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
            count = len(scenario.events)
            print(f"{word}: valid, {count} event{'s' if count != 1 else ''}")
    if everything and not quiet:
        # A fault in a scenario that several extend is one fault.
        print(render_problems(dict.fromkeys(everything)))
    write_json(args.json, results)
    return 0 if valid == len(results) else 2
