"""What came out at each point of a sweep's design, as a sensitivity analysis and its pictures take it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from sim.errors import MonaziteError
from sim.paths import shown

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from sim.analysis.indices import Design
    from sim.analysis.outcomes import Outcome
    from sim.sweep.read import Sweep

__all__ = ["averaged", "design_of", "outcomes_of", "scenario_asked"]

GOODS_SHOWN = 2
"""Goods analysed when none is asked for: those whose peak price differs most between runs."""


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


def outcomes_of(
    sweep: Sweep, frame: pd.DataFrame, baseline: str | None, whole: pd.DataFrame, names: Sequence[str]
) -> list[Outcome]:
    """Outcomes of some goods, and of all together, one value for each row of a frame.

    Args:
        sweep: where they are stored.
        frame: rows of its design, all of one scenario.
        baseline: scenario of the same sweep that it is compared to, if any.
        whole: its whole design.
        names: goods or minerals; those whose peak price differs most where empty.
    """
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


def scenario_asked(sweep: Sweep, asked: str | None) -> tuple[str, str | None]:
    """The scenario of a sweep to analyse, and the one in the same sweep that it is compared to, if any.

    Args:
        sweep: a stored one.
        asked: its id; where None, the only scenario that is nobody's baseline.

    Raises:
        MonaziteError: the sweep is not complete, has no such scenario, or several to choose from.
    """
    where = shown(sweep.directory)
    if not sweep.complete:
        raise MonaziteError(f"{where}: not complete; finish it first: monazite resume {sweep.id}")
    present = {str(row.scenario): str(row.variant) for row in sweep.design.itertuples()}
    baseline_of = {
        name: str(sweep.dataset(variant).attrs["compare_to"]) for name, variant in present.items()
    }
    if asked is not None and asked not in present:
        raise MonaziteError(f"{where}: holds no '{asked}'; there are: {', '.join(present)}")
    shocks = [name for name in present if name not in baseline_of.values() or len(present) == 1]
    if asked is None and len(shocks) != 1:
        choice = " or ".join(present)
        raise MonaziteError(f"{where}: holds several scenarios; choose one: --scenario {choice}")
    name = asked or shocks[0]
    baseline = baseline_of[name]
    return name, baseline if baseline in present and baseline != name else None


def averaged(frame: pd.DataFrame, values: Any) -> Any:
    """(sample,) mean over the replicates of each sample; NaN where one failed."""
    import numpy as np

    kept = np.where(frame["failed"].to_numpy(), np.nan, values)
    return frame.assign(value=kept).groupby("sample")["value"].agg(lambda v: v.mean(skipna=False)).to_numpy()


def design_of(sweep: Sweep, frame: pd.DataFrame) -> Design:
    """The points of a frame as an analysis wants them.

    Raises:
        MonaziteError: nothing varies, or all that varies moves together.
    """
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
