"""``monazite discover``: which ranges of what varies in a sweep lead to a bad outcome."""

from __future__ import annotations

import argparse
import re
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sim.commands.analysing import files_folder, sweep_options
from sim.commands.output import plural, say, write_bytes, write_json
from sim.errors import MonaziteError
from sim.paths import shown

if TYPE_CHECKING:
    from sim.analysis.prim import Found
    from sim.sweep.judged import Judged

__all__ = ["main", "register"]

WIDTH = 80
COLUMNS = (32, 20, 19, 6)
"""Widths of factor, range in the box, range of all, and quasi-p-value; with gaps, 80 characters."""
LEAST_P = 0.001
EPILOG = """examples:
  monazite discover NAME-a41f9c2e --bad "shortage.JPN.magnets > 10 %"
  monazite discover NAME-a41f9c2e --bad "price.dysprosium > 900 USD/kg" \\
      --density "80 %"

The grammar of --bad is that of the conditions of 'monazite compare
--fail-if'. A statistic in it (p90, probability) is one over the seeds of a
point; without it, the median."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``discover`` to the command line."""
    parser = subparsers.add_parser(
        "discover",
        help="which ranges of what varies in a sweep lead to a bad outcome",
        description="Scenario discovery by the patient rule induction method (Friedman and\n"
        "Fisher 1999): boxes of what varies that hold many of the bad points (coverage)\n"
        "and few others (density).",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    sweep_options(parser)
    parser.add_argument("--bad", required=True, metavar="CONDITION", help="what makes a point a bad one")
    parser.add_argument("--boxes", type=int, default=1, metavar="N", help="at most so many (default 1)")
    parser.add_argument(
        "--density", default=None, metavar="SHARE",
        help="the largest box of which at least this share is bad (default: weighs coverage and density)",
    )  # fmt: skip
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Judge the points, find the boxes, print, write, draw."""
    from sim.sweep import open_sweep
    from sim.sweep.discovered import as_json, find_boxes
    from sim.sweep.judged import judged
    from sim.sweep.responses import scenario_asked

    if not 1 <= args.boxes <= 9:
        raise MonaziteError(f"--boxes: {args.boxes} is not from 1 to 9")
    density = _share(args.density) if args.density is not None else None
    sweep = open_sweep(args.sweep)
    scenario, baseline = scenario_asked(sweep, args.scenario)
    points = judged(sweep, scenario, baseline, args.bad)
    try:
        found = find_boxes(points, args.boxes, density)
    except ValueError as error:
        raise MonaziteError(
            f"{shown(sweep.directory)}: --bad '{args.bad}': {error}{_reached(points)}"
        ) from None
    bad, total = int(points.points.bad.sum()), len(points.points.bad)
    seeds = f", {sweep.seeds} seeds each" if sweep.seeds > 1 else ""
    factors = plural(len(points.axes), "factor")
    _wrapped(f"{scenario}: {sweep.method}, {factors}, {plural(total, 'point')}{seeds}; bad in {bad} "
             f"({100 * bad / total:.0f} %): {args.bad}")  # fmt: skip
    for number, one in enumerate(found, start=1):
        _print(points, one, number, density)
    if not found:
        _wrapped("No box is denser than all points are: on what varies here the outcome does not hang.")
    if sweep.method in ("saltelli", "morris"):
        _wrapped(f"The points of a {sweep.method} design lie in clusters: shares are of points, not of room.")
    if points.left_out:
        _wrapped(f"{plural(points.left_out, 'point')} left out for failed runs or for want of a value")
    content = {
        "sweep": sweep.id, "scenario": scenario, "baseline": baseline, "method": sweep.method,
        "bad": args.bad, "points": total, "bad_points": bad, "left_out": points.left_out,
        "density_asked": density, "boxes": as_json(points, found),
    }  # fmt: skip
    target, name = files_folder(args.out, sweep.directory, "discovery"), _name(args.bad)
    write_json(target / f"{name}.json", content)
    write_json(args.json, content)
    write_bytes(target / f"{name}_boxes.csv", _csv(points, found))
    say(f"{shown(target)}: {name}.json, {name}_boxes.csv")
    if not args.no_plots and found:
        from sim.plots.discovery import draw_discovery

        picture = draw_discovery(sweep, scenario, args.bad, (points, found), (target, name))
        say(f"{shown(picture.png)}\n  {picture.title}")
    return 0


def _share(text: str) -> float:
    from sim.units import QuantityError, parse_quantity

    try:
        value = parse_quantity(text, "share").value
    except QuantityError as error:
        raise MonaziteError(f"--density: {error}") from None
    if not 0 < value <= 1:
        raise MonaziteError(f"--density: '{text}' is no share of points; write 1 % to 100 %")
    return value


def _reached(points: Judged) -> str:
    """What the outcome was, for whoever looks for a better bound."""
    import numpy as np

    from sim.analysis.text import number

    if not len(points.outcome):
        return ""
    factor = 100 if points.unit == "%" else 1
    low, middle, high = (
        "beyond the run" if np.isinf(value) else number(factor * float(value))
        for value in np.quantile(points.outcome, [0.0, 0.5, 1.0], method="nearest")
    )
    unit = f" ({points.unit})" if points.unit else ""
    return f". The lowest is {low}, the median {middle}, the highest {high}{unit}"


def _name(condition: str) -> str:
    """A file name for a condition."""
    words = condition.replace(">", " above ").replace("<", " below ")
    return "discovery_" + re.sub(r"[^\w]+", "-", words).strip("-")


def _wrapped(text: str, indent: str = "") -> None:
    say("\n".join(textwrap.wrap(text, WIDTH, subsequent_indent=indent)))


def _row(cells: Sequence[str]) -> None:
    parts = [textwrap.wrap(cell, width) or [""] for cell, width in zip(cells, COLUMNS, strict=True)]
    for i in range(max(map(len, parts))):
        line = [part[i] if i < len(part) else "" for part in parts]
        say(" ".join(text.ljust(width) for text, width in zip(line, COLUMNS, strict=True)).rstrip())


def _print(points: Judged, found: Found, number: int, density: float | None) -> None:
    """One box: ranges, and how good it is."""
    from sim.sweep.discovered import restrictions

    say()
    _row((f"box {number}", "in the box", "of all", "p"))
    for one in restrictions(points, found):
        chance = f"{one.chance:.3f}" if one.chance >= LEAST_P else f"<{LEAST_P}"
        _row((one.path, one.words, one.whole, chance))
    say()
    share = f"coverage {100 * found.coverage:.0f} %"
    _wrapped(f"{share}: {found.hits} of {found.bad} bad points lie in it", "  ")
    share = f"density {100 * found.density:.0f} %"
    _wrapped(f"{share}: {found.hits} of {found.inside} points in it are bad", "  ")
    _wrapped(f"mass {100 * found.mass:.0f} %: {found.inside} of {found.points} points lie in it", "  ")
    coverage, dense = found.held_back
    if dense == dense:
        said = f"coverage {100 * coverage:.0f} %, density {100 * dense:.0f} %"
    else:
        said = "no point in any box"
    _wrapped(f"on points held back from the search (a fifth at a time): {said}", "  ")
    if density is not None and found.density < density:
        _wrapped(f"no box is as dense as {100 * density:g} %; this is the densest of its kind", "  ")


def _csv(points: Judged, found: Sequence[Found]) -> bytes:
    import pandas as pd

    from sim.sweep.discovered import restrictions

    columns = ("box", "factor", "low", "high", "kept", "p", "coverage", "density", "mass")
    rows = [
        (k, r.path, r.low, r.high, "; ".join(r.kept), r.chance, one.coverage, one.density, one.mass)
        for k, one in enumerate(found, start=1)
        for r in restrictions(points, one)
    ]
    text: str = pd.DataFrame(rows, columns=list(columns)).to_csv(index=False, lineterminator="\n")
    return text.encode()
