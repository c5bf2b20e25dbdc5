"""``monazite compare``: stored runs against a baseline, as a table and as pictures."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.output import plural, say, write_json
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    from sim.analysis.baselines import Group
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
        "months to recover, with bands over paired members; then pictures of the same. Members are paired by "
        "sample, replicate and number; each run is compared with what its file names under compare_to, never "
        "with one that nobody chose.",
        epilog="example: monazite compare outputs/my-campaign --vs baseline-2024 --good dysprosium",
    )
    parser.add_argument("path", type=Path, metavar="RUN|CAMPAIGN", help="directory of a run or of a campaign")
    parser.add_argument(
        "--vs", default=None, metavar="NAME",
        help="baseline, a scenario or a variant (default: what each run's file names under compare_to)",
    )  # fmt: skip
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


def _groups(path: Path, baseline: str | None) -> list[Group]:
    """What to compare with what; a single run brings its baseline along from its campaign."""
    from sim.analysis.baselines import NoBaselineError, groups
    from sim.results import find_runs

    runs = find_runs(path)
    if len(runs) > 1 or runs[0].directory != path:
        return groups(runs, baseline)
    (run,) = runs
    try:
        return groups(runs, baseline)
    except NoBaselineError as missing:
        try:
            beside = find_runs(path.resolve().parent)
        except MonaziteError:
            raise missing from None
        others = [other for other in beside if other.scenario != run.scenario]
        found = groups([run, *others], baseline)
        return [replace(group, runs=(run,)) for group in found if run.id in {r.id for r in group.runs}]


def _moved_most(group: Group) -> list[str]:
    """Goods whose outside price moved most in any run, by the median over members."""
    import numpy as np

    from sim.analysis.metrics import largest_move
    from sim.analysis.paired import paired
    from sim.analysis.pairing import common_goods

    goods = common_goods([run.dataset for run in group.together])
    largest = np.zeros(len(goods))
    for run in group.runs:
        pair = paired(run.dataset, group.baseline.dataset)
        now, before = (dataset["price_outside"].sel(good=goods) for dataset in pair)
        change = np.nan_to_num(largest_move(now.values, before.values))
        largest = np.maximum(largest, np.median(change, axis=0))
    return [goods[i] for i in np.argsort(-largest, kind="stable")[:GOODS_SHOWN]]


def compare_runs(
    path: Path, baseline: str | None, names: Sequence[str]
) -> list[tuple[Comparison, list[Run], list[str]]]:
    """Compare stored runs, each with its baseline.

    Args:
        path: directory of a run or a campaign.
        baseline: scenario id; each run's own ``compare_to`` where ``None``.
        names: goods or minerals; those whose price moved most where empty.

    Returns:
        For each baseline the comparison, the runs with the baseline first, and the goods compared.

    Raises:
        MonaziteError: no run there, no baseline among them, an unknown good, or runs that are not paired.
    """
    from sim.analysis.baselines import NoBaselineError
    from sim.analysis.paired import compare_group
    from sim.analysis.select import select_goods
    from sim.commands.advice import command_for

    try:
        found = _groups(_found(path), baseline)
    except NoBaselineError as missing:
        advice = command_for(missing.lacking, missing.wanted)
        raise MonaziteError(f"{shown(path)}: {missing}. {advice}") from None
    made = []
    for group in found:
        runs = group.together
        first = min(runs, key=lambda run: run.dataset.sizes["good"])
        goods = select_goods(first.dataset, names) if names else _moved_most(group)
        made.append((compare_group(group, goods), runs, goods))
    return made


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
    made = compare_runs(args.path, args.vs, names)
    contents = [{**comparison.as_dict(), "runs": [run.id for run in runs]} for comparison, runs, _ in made]
    write_json(args.json, contents[0] if len(made) == 1 else {"comparisons": contents})
    plots = None if args.no_plots else args.plots or _found(args.path) / "plots"
    for number, (comparison, runs, goods) in enumerate(made):
        if number:
            say()
        # Pictures of several baselines have the same names.
        folder = plots / comparison.baseline if plots is not None and len(made) > 1 else plots
        report(comparison, runs, goods, folder)
    return 0
