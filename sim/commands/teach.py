"""``monazite teach``: a lesson in the browser."""

from __future__ import annotations

import argparse
import importlib.util
import shutil
from pathlib import Path

from sim.commands.output import say
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

__all__ = ["lessons", "main", "register"]

DEFAULT = "teaching-embargo-magnets"
NEEDED = ("starlette", "uvicorn", "websockets", "segno")
PORT = 8765
TEACHING = "teaching"
"""Tag of lessons, those for the prompt alone among them."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``teach`` to the command line."""
    parser = subparsers.add_parser(
        "teach",
        help="open a lesson in the browser: press EMBARGO, see who runs short, and why",
        description="Serves a page to this machine that works without a network: a card with an EMBARGO "
        "button, sliders, a world map, prices and shortages, and why they move. All of it is computed by the "
        "model while the class looks on. In the tab Play students are countries and join with phones. How "
        "the lesson is set, and the game, are kept in outputs/teach after every change.",
        epilog="example: monazite teach teaching-stockpile",
    )
    parser.add_argument(
        "lesson", nargs="?", default=DEFAULT, metavar="LESSON",
        help=f"scenario with a lesson, by name or file (default: {DEFAULT})",
    )  # fmt: skip
    parser.add_argument("--list", action="store_true", help="name the lessons that there are, and end")
    parser.add_argument(
        "--host", default="127.0.0.1", metavar="ADDRESS",
        help="also let others look on and phones join, at this address of this machine; prints a code",
    )  # fmt: skip
    parser.add_argument("--port", type=int, default=PORT, help=f"port (default: {PORT}; 0: any)")
    parser.add_argument("--seed", type=int, default=None, help="seed of the runs (default: the scenario's)")
    parser.add_argument("--new", action="store_true", help="begin anew; the last session is kept beside it")
    parser.add_argument(
        "--export", type=Path, default=None, metavar="FILE",
        help="write the lesson as one HTML file that needs no server, and end",
    )  # fmt: skip
    parser.set_defaults(main=main)


def lessons() -> dict[str, str]:
    """Scenario -> title of those that have a lesson."""
    from sim.scenario.find import names
    from sim.scenario.resolve import check_scenario

    found = {}
    for name, path in names().items():
        # A scenario without the word has no lesson; reading them all would take seconds.
        if "\nlesson:" in path.read_text(encoding="utf-8", errors="replace"):
            scenario, _ = check_scenario(name)
            if scenario is not None and scenario.lesson is not None:
                found[name] = scenario.lesson.part.title["en"]
    return found


def main(args: argparse.Namespace) -> int:
    """Serve a lesson, name the lessons, or write one as a file."""
    if args.list:
        for name, title in lessons().items():
            say(f"{name}  {title}")
        return 0
    _check(args)
    if args.export is not None:
        from sim.teach.export import export

        say("running every position of every slider ...")
        target = export(args.lesson, args.export, args.seed)
        say(f"{shown(target)}, {target.stat().st_size / 1e6:.1f} MB; opens in any browser, without a server")
        return 0
    missing = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if missing:
        them = "it" if len(missing) == 1 else "them"
        needed = f"'monazite teach' needs {', '.join(missing)}"
        raise MonaziteError(f"{needed}; install {them} with: pip install '.[teach]'")
    from sim.teach.serve import serve

    path = outputs_directory() / "teach" / f"{Path(args.lesson).stem}.json"
    if args.new:
        _put_aside(path, path.with_suffix(".game"))
    serve(args.lesson, path, args.host, args.port, say, args.seed)
    return 0


def _put_aside(session: Path, game: Path) -> None:
    """The last session and its game beside where the new ones will be; those before them are gone."""
    if session.is_file():
        session.rename(session.with_suffix(".last.json"))
    if game.is_dir():
        last = game.with_suffix(".last.game")
        if last.is_dir():
            shutil.rmtree(last)
        game.rename(last)


def _check(args: argparse.Namespace) -> None:
    """Say at once what is wrong with the words, rather than after the world has been read.

    Raises:
        MonaziteError: the scenario has no lesson, or a number is out of range.
    """
    from sim.scenario import load_scenario
    from sim.scenario.find import names

    if not 0 <= args.port <= 65535:
        raise MonaziteError(f"--port must be from 0 to 65535, not {args.port}")
    scenario = load_scenario(args.lesson)
    if scenario.lesson is None:
        pages = f"lessons in the browser: {', '.join(lessons())}"
        if TEACHING in scenario.tags:
            steps = f"its steps head {shown(names().get(args.lesson, Path(args.lesson)))}"
            raise MonaziteError(f"{scenario.name} is a lesson for the prompt, {steps}; {pages}")
        raise MonaziteError(f"{args.lesson} has no lesson; {pages}")
