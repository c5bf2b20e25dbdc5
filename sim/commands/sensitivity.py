"""``monazite sensitivity``: what the outcomes of a sweep depend on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.analysing import files_folder, sweep_options
from sim.commands.output import plural, print_table, say, write_bytes, write_json
from sim.errors import MonaziteError
from sim.paths import shown

if TYPE_CHECKING:
    from sim.analysis.indices import Design, Indices, Tornado
    from sim.analysis.outcomes import Outcome
    from sim.sweep import Sweep

__all__ = ["main", "register"]

DRAWN = ("dose", "sensitivity")
"""Kinds of pictures that speak of a design."""
RANKED_BY = {"saltelli": "ST", "morris": "mu_star"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``sensitivity`` to the command line."""
    parser = subparsers.add_parser(
        "sensitivity",
        help="which uncertain factor of a sweep moves prices, shortages and recovery",
        description="Sobol indices for a saltelli design, elementary effects for a morris design, "
        "first-order indices and rank correlations for any other sample; a tornado for all. Printed, "
        "written as CSV and JSON into the sweep's folder, and drawn: dose and response, tornado and indices.",
        epilog="example: monazite sensitivity ree-licence-2025-a41f9c2e --good dysprosium",
    )
    sweep_options(parser)
    parser.add_argument(
        "--good", action="append", default=None, metavar="GOOD|MINERAL",
        help="good or mineral; repeat for several (default: those whose peak price differs most)",
    )  # fmt: skip
    parser.set_defaults(main=main)


def _report(design: Design, outcome: Outcome, found: Indices, spread: Tornado) -> None:
    """Print one outcome's table, the strongest factor first."""
    import numpy as np

    from sim.analysis.text import number

    say(f"{outcome.name}{f' of {outcome.good}' if outcome.good else ''}, {outcome.unit}")
    known = [c for c, column in zip(found.columns, found.values.T, strict=True) if not np.isnan(column).all()]
    measures = [c for c in known if not c.endswith("_conf")]
    strength = np.abs(found.values[:, found.columns.index(RANKED_BY.get(design.method, "PRCC"))])
    rows = []
    for j in np.argsort(-np.nan_to_num(strength), kind="stable"):
        cells = []
        for measure in measures:
            at = found.columns.index(measure)
            text = _index(found.values[j, at], design.method)
            if f"{measure}_conf" in found.columns:
                text += f" ±{_index(found.values[j, at + 1], design.method)}"
            cells.append(text)
        ends = [number(float(end[j])) for end in (spread.low, spread.high, spread.swing)]
        rows.append([design.names[j], *cells, *ends])
    print_table(["factor", *measures, "where low", "where high", "swing"], rows)
    for note in (outcome.note, *found.notes):
        if note:
            say(f"  {note}")
    if found.dropped:
        say(f"  {plural(found.dropped, 'point')} left out for failed runs")
    say()


def _index(value: float, method: str) -> str:
    from sim.analysis.text import number

    return number(float(value)) if method == "morris" or value != value else f"{value:.2f}"


def _as_rows(
    design: Design, outcome: Outcome, found: Indices, spread: Tornado, bounds: dict[str, tuple[float, float]]
) -> list[dict[str, object]]:
    rows = []
    for j, name in enumerate(design.names):
        low, high = bounds[name]
        measures = dict(zip(found.columns, map(float, found.values[j]), strict=True))
        rows.append({
            "outcome": outcome.name, "good": outcome.good, "unit": outcome.unit, "factor": name,
            "factor_low": low, "factor_high": high, **measures, "outcome_where_low": float(spread.low[j]),
            "outcome_where_high": float(spread.high[j]), "swing": float(spread.swing[j]),
        })  # fmt: skip
    return rows


def _finite(row: dict[str, object]) -> dict[str, object]:
    """JSON has no NaN."""
    return {key: None if value != value else value for key, value in row.items()}


def main(args: argparse.Namespace) -> int:
    """Analyse, print, write."""
    from sim.sweep import open_sweep

    sweep = open_sweep(args.sweep)
    import pandas as pd

    from sim.analysis.indices import analyse, tornado
    from sim.sweep.responses import averaged, design_of, outcomes_of, scenario_asked

    whole = sweep.design
    scenario, baseline = scenario_asked(sweep, args.scenario)
    frame = whole[whole["scenario"] == scenario].reset_index(drop=True)
    design = design_of(sweep, frame)
    names = [name for text in args.good or [] for name in text.split(",") if name]
    bounds = {axis.path: axis.bounds for axis in sweep.axes}
    rows: list[dict[str, object]] = []
    notes: list[dict[str, object]] = []
    runs = f"{len(design.unit)} points" + (f", {sweep.seeds} seeds each" if sweep.seeds > 1 else "")
    say(f"{scenario}: {sweep.method}, {len(design.names)} factors, {runs}\n")
    for outcome in outcomes_of(sweep, frame, baseline, whole, names):
        values = averaged(frame, outcome.values)
        try:
            found = analyse(design, values)
        except ValueError as error:
            raise MonaziteError(f"{shown(sweep.directory)}: {outcome.name}: {error}") from None
        spread = tornado(design, values)
        _report(design, outcome, found, spread)
        rows += _as_rows(design, outcome, found, spread, bounds)
        notes.append({
            "outcome": outcome.name, "good": outcome.good, "points": found.used, "left_out": found.dropped,
            "notes": [note for note in (outcome.note, *found.notes) if note],
            "second_order": [
                {"factors": [a, b], "S2": index, "S2_conf": width} for a, b, index, width in found.pairs
            ],
        })  # fmt: skip
    content = {
        "sweep": sweep.id, "scenario": scenario, "baseline": baseline, "method": sweep.method,
        "rows": [_finite(row) for row in rows], "outcomes": notes,
    }  # fmt: skip
    target = files_folder(args.out, sweep.directory, "sensitivity")
    write_bytes(target / "sensitivity.csv", pd.DataFrame(rows).to_csv(index=False).encode("utf-8"))
    write_json(target / "sensitivity.json", content)
    write_json(args.json, content)
    say(f"{shown(target)}: sensitivity.csv, sensitivity.json")
    if not args.no_plots:
        goods = dict.fromkeys(str(row["good"]) for row in rows if row["good"])
        _draw(sweep, (scenario, baseline), list(goods), target)
    return 0


def _draw(sweep: Sweep, names: tuple[str, str | None], goods: Sequence[str], target: Path) -> None:
    """The two pictures of each good, or why there is none."""
    from sim.analysis.baselines import family
    from sim.plots import kinds, line_up, save_picture
    from sim.plots.style import file_name
    from sim.results import find_runs

    runs = [run for run in find_runs(sweep.directory) if family(run) in names]
    base = next((run for run in runs if family(run) == names[1]), runs[0])
    lined = line_up(runs, base.scenario)
    for good in goods:
        for kind in kinds():
            if kind.name not in DRAWN:
                continue
            measured = kind.measure(lined.of(good))
            if measured.nothing:
                say(measured.nothing)
                continue
            name = file_name(kind.name, good)
            made = save_picture(kind.draw(measured), target, name, measured.title, measured.table)
            say(f"{shown(made.png)}\n  {made.title}")
