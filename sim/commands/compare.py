"""``monazite compare``: stored runs against a baseline, as a table and as pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.output import plural, say, write_json
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    from sim.analysis.paired import Comparison
    from sim.results import Run

__all__ = ["compare_runs", "main", "register"]

GOODS_SHOWN = 2
"""Goods compared when none is asked for: those whose price moved most."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``compare`` to the command line."""
    parser = subparsers.add_parser(
        "compare",
        help="compare stored runs with a baseline: table and pictures",
        description="Peak prices inside and outside the controlling country, unmet demand by country and "
        "months to recover, with bands over paired members; then pictures of the same.",
        epilog="example: monazite compare outputs/my-campaign --vs baseline-2024 --good dysprosium",
    )
    parser.add_argument("path", type=Path, metavar="RUN|CAMPAIGN", help="directory of a run or of a campaign")
    parser.add_argument(
        "--vs", default=None, metavar="NAME", help="scenario id of the baseline (default: the runs' own)"
    )
    parser.add_argument(
        "--good", action="append", default=None, metavar="GOOD|MINERAL",
        help="good or mineral to compare; repeat for several (default: those whose price moved most)",
    )  # fmt: skip
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the table as JSON")
    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        "--plots", type=Path, default=None, metavar="DIR", help="where pictures go (default: plots/ inside)"
    )
    group.add_argument("--no-plots", action="store_true", help="table only")
    parser.set_defaults(main=main)


def _found(path: Path) -> Path:
    """The directory meant: as given, or inside the outputs folder."""
    if path.exists() or path.is_absolute():
        return path
    inside = outputs_directory() / path
    return inside if inside.exists() else path


def _runs(path: Path, baseline: str | None) -> tuple[list[Run], str]:
    """The runs to compare and the baseline's id; a single run brings its campaign's baseline along."""
    from sim.results import find_runs

    runs = find_runs(path)
    single = len(runs) == 1 and runs[0].directory == path
    named = baseline or next((str(r.manifest["compare_to"]) for r in runs if r.manifest["compare_to"]), None)
    if named is None:
        named = runs[0].scenario
    if single and runs[0].scenario != named:
        runs += [run for run in find_runs(path.resolve().parent) if run.scenario == named]
    return sorted(runs, key=lambda run: run.scenario != named), named


def _moved_most(runs: Sequence[Run], baseline: str) -> list[str]:
    """Goods whose outside price moved most in any run, by the median over members."""
    import numpy as np

    from sim.analysis.metrics import largest_move
    from sim.analysis.paired import paired

    base = next(run for run in runs if run.scenario == baseline).dataset
    goods = [str(good) for good in base["good"].values]
    largest = np.zeros(len(goods))
    for run in runs:
        if run.scenario != baseline:
            now, before = paired(run.dataset, base)
            change = np.nan_to_num(largest_move(now["price_outside"].values, before["price_outside"].values))
            largest = np.maximum(largest, np.median(change, axis=0))
    return [goods[i] for i in np.argsort(-largest, kind="stable")[:GOODS_SHOWN]]


def compare_runs(
    path: Path, baseline: str | None, names: Sequence[str]
) -> tuple[Comparison, list[Run], list[str]]:
    """Compare stored runs.

    Args:
        path: directory of a run or a campaign.
        baseline: scenario id; the runs' own ``compare_to`` where ``None``.
        names: goods or minerals; those whose price moved most where empty.

    Returns:
        The comparison, the runs with the baseline first, and the goods compared.

    Raises:
        MonaziteError: no run there, no baseline among them, an unknown good, or runs that are not paired.
    """
    from sim.analysis.paired import compare
    from sim.analysis.select import select_goods

    runs, vs = _runs(_found(path), baseline)
    if vs not in {run.scenario for run in runs}:
        first = runs[0].manifest
        options = f"--members {first['members']} --seed {first['seed']}"
        others = " ".join(run.scenario for run in runs)
        raise MonaziteError(
            f"{shown(path)}: holds no run of '{vs}'; there are: {', '.join(run.scenario for run in runs)}. "
            f"Run both in one command: monazite run {vs} {others} {options}"
        )
    goods = select_goods(runs[0].dataset, names) if names else _moved_most(runs, vs)
    return compare(runs, vs, goods), runs, goods


def report(
    comparison: Comparison, runs: Sequence[Run], goods: Sequence[str], plots: Path | None
) -> list[Path]:
    """Print the table, draw and list the pictures; returns the PNG files."""
    from sim.analysis.text import comparison_table

    say(comparison_table(comparison))
    if plots is None:
        return []
    from sim.plots.draw import draw_comparison

    say()
    pictures = draw_comparison(
        runs,
        comparison.baseline,
        goods,
        plots,
        lambda picture: say(f"{shown(picture.png)}\n  {picture.title}"),
    )
    say(f"{plural(len(pictures), 'picture')}, each as png, svg and csv")
    return [picture.png for picture in pictures]


def main(args: argparse.Namespace) -> int:
    """Print the table, write JSON where asked, draw the pictures."""
    names = [name for text in args.good or [] for name in text.split(",") if name]
    comparison, runs, goods = compare_runs(args.path, args.vs, names)
    write_json(args.json, {**comparison.as_dict(), "runs": [run.id for run in runs]})
    plots = None if args.no_plots else args.plots or _found(args.path) / "plots"
    report(comparison, runs, goods, plots)
    return 0
