"""``monazite sensitivity``: what the outcomes of a sweep depend on."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands.output import plural, print_table, say, write_json
from sim.errors import MonaziteError
from sim.files import make_folder, write_whole
from sim.paths import shown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from sim.analysis.indices import Design, Indices, Tornado
    from sim.analysis.outcomes import Outcome
    from sim.sweep import Sweep

__all__ = ["main", "register"]

GOODS_SHOWN = 2
"""Goods analysed when none is asked for: those whose peak price differs most between runs."""
RANKED_BY = {"saltelli": "ST", "morris": "mu_star"}


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``sensitivity`` to the command line."""
    parser = subparsers.add_parser(
        "sensitivity",
        help="which uncertain factor of a sweep moves prices, shortages and recovery",
        description="Sobol indices for a saltelli design, elementary effects for a morris design, "
        "first-order indices and rank correlations for any other sample; a tornado for all. Printed, and "
        "written as CSV and JSON into the sweep's folder.",
        epilog="example: monazite sensitivity ree-licence-2025-a41f9c2e --good dysprosium",
    )
    parser.add_argument("sweep", metavar="SWEEP", help="folder of a finished sweep, or its id")
    parser.add_argument(
        "--scenario", default=None, metavar="NAME", help="a scenario of the sweep (default: its only shock)"
    )
    parser.add_argument(
        "--good", action="append", default=None, metavar="GOOD|MINERAL",
        help="good or mineral; repeat for several (default: those whose peak price differs most)",
    )  # fmt: skip
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="where CSV and JSON go")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the JSON here, too")
    parser.set_defaults(main=main)


def _scenario(sweep: Sweep, frame: pd.DataFrame, asked: str | None) -> tuple[str, str | None]:
    """The scenario to explain, and the one in the same sweep that it is compared to."""
    present = {str(row.scenario): str(row.variant) for row in frame.itertuples()}
    baseline_of = {
        name: str(sweep.dataset(variant).attrs["compare_to"]) for name, variant in present.items()
    }
    where = shown(sweep.directory)
    if asked is not None and asked not in present:
        raise MonaziteError(f"{where}: holds no '{asked}'; there are: {', '.join(present)}")
    shocks = [name for name in present if name not in baseline_of.values() or len(present) == 1]
    if asked is None and len(shocks) != 1:
        choice = " or ".join(present)
        raise MonaziteError(f"{where}: holds several scenarios; choose one: --scenario {choice}")
    name = asked or shocks[0]
    baseline = baseline_of[name]
    return name, baseline if baseline in present and baseline != name else None


def _together(sweep: Sweep, frame: pd.DataFrame) -> xr.Dataset:
    """What outcomes are made of, for the runs in ``frame``, in its order."""
    import numpy as np
    import xarray as xr

    wanted = ["price_outside", "price_gate", "unmet_tonnes", "required_tonnes", "value_added_at_risk"]
    parts = []
    for variant in dict.fromkeys(frame["variant"]):
        data = sweep.dataset(str(variant))
        parts.append(data[wanted].assign_coords(member=data["run"].values))
    whole = parts[0] if len(parts) == 1 else xr.concat(parts, dim="member", combine_attrs="override")
    runs = frame["run"].to_numpy()
    return whole if np.array_equal(whole["member"].values, runs) else whole.sel(member=runs)


def _outcomes(
    sweep: Sweep, frame: pd.DataFrame, baseline: str | None, whole: pd.DataFrame, names: Sequence[str]
) -> list[Outcome]:
    from sim.analysis.outcomes import good_outcomes, moved_most, risk_outcome
    from sim.analysis.select import select_goods

    run = _together(sweep, frame)
    paired = None
    if baseline is not None:
        keys = ["sample", "replicate"]
        before = whole[whole["scenario"] == baseline].set_index(keys)
        paired = _together(sweep, before.loc[list(map(tuple, frame[keys].values))].reset_index())
    every = [str(good) for good in run["good"].values]
    if names:
        goods = select_goods(run, names)
    else:
        ratio = sweep.outcomes()["peak_price_ratio"].sel(run=frame["run"].to_numpy(), good=every).values
        goods = moved_most(ratio, every, GOODS_SHOWN)
    found = [outcome for good in goods for outcome in good_outcomes(run, good, paired)]
    return [*found, risk_outcome(run)]


def _averaged(frame: pd.DataFrame, values: Any) -> Any:
    """(sample,) mean over the replicates of each sample; NaN where one failed."""
    import numpy as np

    kept = np.where(frame["failed"].to_numpy(), np.nan, values)
    return frame.assign(value=kept).groupby("sample")["value"].agg(lambda v: v.mean(skipna=False)).to_numpy()


def _design(sweep: Sweep, frame: pd.DataFrame) -> Design:
    from sim.analysis.indices import Design

    names = tuple(axis.path for axis in sweep.axes)
    if not names:
        raise MonaziteError(
            f"{shown(sweep.directory)}: nothing varies in this sweep but the seed; give it a range to vary "
            "and a method, for example lhs"
        )
    if sweep.method == "zip":
        raise MonaziteError(
            f"{shown(sweep.directory)}: the factors of a zip move together, so nothing tells their effects "
            "apart; use grid, lhs, saltelli or morris"
        )
    first = frame.drop_duplicates("sample").sort_values("sample")
    unit = first[[f"u:{name}" for name in names]].to_numpy(dtype="float64")
    options = sweep.options
    return Design(
        sweep.method, names, unit, bool(options.get("second_order", False)), int(options.get("levels", 4))
    )


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
    if not sweep.complete:
        raise MonaziteError(
            f"{shown(sweep.directory)}: not complete; finish it first: monazite resume {sweep.id}"
        )
    import pandas as pd

    from sim.analysis.indices import analyse, tornado

    whole = sweep.design
    scenario, baseline = _scenario(sweep, whole, args.scenario)
    frame = whole[whole["scenario"] == scenario].reset_index(drop=True)
    design = _design(sweep, frame)
    names = [name for text in args.good or [] for name in text.split(",") if name]
    bounds = {axis.path: axis.bounds for axis in sweep.axes}
    rows: list[dict[str, object]] = []
    notes: list[dict[str, object]] = []
    runs = f"{len(design.unit)} points" + (f", {sweep.seeds} seeds each" if sweep.seeds > 1 else "")
    say(f"{scenario}: {sweep.method}, {len(design.names)} factors, {runs}\n")
    for outcome in _outcomes(sweep, frame, baseline, whole, names):
        values = _averaged(frame, outcome.values)
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
    target = args.out or sweep.directory / "sensitivity"
    try:
        # By default it lies in the folder of the sweep, which somebody may have sent.
        make_folder(target.parent, target)
        write_whole(target / "sensitivity.csv", pd.DataFrame(rows).to_csv(index=False).encode("utf-8"))
    except OSError as error:
        raise MonaziteError(f"{shown(target)}: cannot be written: {error.strerror}") from None
    write_json(target / "sensitivity.json", content)
    write_json(args.json, content)
    say(f"{shown(target)}: sensitivity.csv, sensitivity.json")
    return 0
