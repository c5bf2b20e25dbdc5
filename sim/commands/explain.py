"""``monazite explain``: which event did how much, and how a price came about."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands.output import say, write_json
from sim.errors import MonaziteError

if TYPE_CHECKING:
    from sim.results import Run

__all__ = ["main", "register"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``explain`` to the command line."""
    parser = subparsers.add_parser(
        "explain",
        help="say which event did how much, and how a price came about",
        description="Runs a stored scenario again with the same draws and some of its events off, and says "
        "how much of a price, or of a shortage, each event brought about; the parts add up. Then the chain "
        "of one month in sentences: whose supply left, who filled in, what stocks did, which demand gave "
        "way, what rent remains.",
        epilog="example: monazite explain outputs/my-campaign --good dysprosium_oxide --month 2025-09",
    )
    parser.add_argument("path", type=Path, metavar="RUN|CAMPAIGN", help="directory of a run or of a campaign")
    parser.add_argument("--scenario", default=None, metavar="NAME", help="scenario or variant (default: all)")
    parser.add_argument(
        "--vs", default=None, metavar="NAME", help="baseline (default: what each run names under compare_to)"
    )
    parser.add_argument(
        "--good", default=None, metavar="GOOD", help="good (default: that whose price moved most)"
    )
    parser.add_argument(
        "--month", default=None, metavar="YYYY-MM",
        help="month of the price, or of a shortage (default: where the price is furthest from the "
        "baseline's; of a shortage the whole run)",
    )  # fmt: skip
    parser.add_argument(
        "--shortage", action="store_true", help="explain the tonnes that are missing, not the price"
    )
    parser.add_argument(
        "--country", default=None, metavar="COUNTRY", help="with --shortage: who is short (default: all)"
    )
    parser.add_argument(
        "--members", type=int, default=None, metavar="N",
        help="members that are run again (default: the first 20)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write all of it as JSON")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Explain each run, print, write JSON where asked."""
    from sim.analysis.baselines import shown_name
    from sim.commands.compare import compare_runs

    if args.members is not None and args.members < 1:
        raise MonaziteError(f"--members must be at least 1, not {args.members}")
    if args.country and not args.shortage:
        raise MonaziteError("--country says whose shortage is meant; add --shortage")
    compared = compare_runs(args.path, args.vs, [args.good] if args.good else [])
    pairs = [(run, runs[0], goods[0]) for _, runs, goods in compared for run in runs[1:]]
    if args.scenario is not None:
        known = ", ".join(pair[0].scenario for pair in pairs)
        pairs = [p for p in pairs if args.scenario in (p[0].scenario, p[0].id, shown_name(p[0]))]
        if not pairs:
            wanted = f"--scenario: no run of '{args.scenario}' with a baseline"
            raise MonaziteError(f"{wanted}; there are: {known}")
    if not pairs:
        raise MonaziteError(f"{args.path}: holds a baseline alone, in which there is nothing to explain")
    contents = []
    for number, pair in enumerate(pairs):
        say("\n" * bool(number), end="")
        contents.append(_explained(args, *pair))
    write_json(args.json, contents[0] if len(contents) == 1 else {"explanations": contents})
    return 0


def _explained(args: argparse.Namespace, run: Run, baseline: Run, good: str) -> dict[str, Any]:
    """One run: printed, and as JSON."""
    from sim.analysis.baselines import shown_name
    from sim.explain.attribute import MOST_MEMBERS, Question, attribute, peak_step, step_of
    from sim.explain.chain import chain
    from sim.explain.text import explanation_text, wrapped

    country = _country(run, good, args.country) if args.country else None
    step = step_of(run, args.month) if args.month else None
    shown = peak_step(run, baseline, good) if step is None else step
    members = args.members or MOST_MEMBERS
    if args.shortage:
        asked = Question(good, "shortage", country, step, members)
    else:
        asked = Question(good, "price", None, shown, members)
    found = attribute(run, baseline, asked)
    say(f"{shown_name(run)} against {shown_name(baseline)}")
    say(explanation_text(found))
    content: dict[str, Any] = found.as_dict()
    try:
        content["chain"] = chain(run, baseline, good, shown)
    except MonaziteError as error:
        say(f"\nNote: {error}.")
        content["chain"] = []
    else:
        say("\nHow it came about:")
        say("\n".join(wrapped(content["chain"])))
    return content


def _country(run: Run, good: str, word: str) -> str:
    """Code of a country that needs the good."""
    from sim.names import NoCountry, country_code

    data = run.dataset
    needs = data["need_country"].values.astype(str)[data["need_good"].values.astype(str) == good]
    try:
        return country_code(word, {str(code) for code in needs}, f"this run among the users of {good}")
    except NoCountry as error:
        raise MonaziteError(f"--country: {error}") from None
