"""``monazite report``: a campaign as one page, which can be sent."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from sim.commands.output import say
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

__all__ = ["main", "register", "write_report"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``report`` to the command line."""
    parser = subparsers.add_parser(
        "report",
        help="write a campaign as one HTML file that can be sent",
        description="One file of at most 5 MB that needs no network: the finding first, what the scenarios "
        "change and on which sources, how it came about, pictures with their numbers, what to doubt, and "
        "how to make it again.",
        epilog="example: monazite report outputs/my-campaign --good dysprosium",
    )
    parser.add_argument(
        "path", type=Path, metavar="CAMPAIGN", help="directory of a campaign, or of a run in it"
    )
    parser.add_argument(
        "--vs", default=None, metavar="NAME", help="baseline (default: what each run names under compare_to)"
    )
    parser.add_argument(
        "--good", action="append", default=None, metavar="GOOD|MINERAL",
        help="good or mineral; repeat for several (default: those whose price moved most)",
    )  # fmt: skip
    parser.add_argument(
        "--to", type=Path, default=None, metavar="FILE", help="the page (default: report.html inside)"
    )
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Write the page and say where it is."""
    names = [name for text in args.good or [] for name in text.split(",") if name]
    inside = args.path if args.path.exists() else outputs_directory() / args.path
    target = write_report(args.path, args.vs, names, args.to or inside / "report.html")
    say(f"{shown(target)}, {target.stat().st_size / 1e6:.1f} MB; opens in any browser, without a network")
    return 0


def write_report(path: Path, baseline: str | None, names: Sequence[str], target: Path) -> Path:
    """Write the page on a campaign.

    Args:
        path: directory of the campaign.
        baseline: scenario id; each run's own ``compare_to`` where ``None``.
        names: goods or minerals; those whose price moved most where empty.
        target: the file; one that is there is replaced.

    Raises:
        MonaziteError: there is nothing to report, or the file cannot be written.
    """
    from sim.commands.compare import compare_runs
    from sim.files import check_inside, write_whole
    from sim.report.page import Subject, page

    found = compare_runs(path, baseline, names)
    subjects = [Subject(runs[0], tuple(runs[1:]), tuple(goods)) for _, runs, goods in found]
    text = page(subjects, path.resolve().name)
    # The folder of a campaign may have been sent by somebody, links and all.
    check_inside(target.parent, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text.encode())
    except OSError as error:
        raise MonaziteError(f"{target}: cannot be written: {error.strerror}") from None
    return target
