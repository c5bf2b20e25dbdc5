"""What each event of a run acted on, in one line; and the events that acted on nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.pairing import paired
from sim.analysis.text import number
from sim.errors import MonaziteError
from sim.instruments.base import RULES
from sim.results import Run
from sim.results.grouping import over_run

__all__ = ["event_lines", "exports_beside", "idle_events", "idle_warning"]


def _total(run: Run, name: str, event: str) -> float:
    """Median over members of a total over the run."""
    values = run.dataset[name].sel(event=event)
    return float(np.median(over_run(values.values, name) if "time" in values.dims else values))


def event_lines(run: Run, baseline: Run | None = None) -> list[str]:
    """For each event of the run tonnes, dollars, agents, and what it changed: medians over members.

    Args:
        run: what was run.
        baseline: the run that it is compared with, where there is one: exports of the goods and countries
            that an event touches are then set beside the paired baseline's, before and after its start.
    """
    lines = []
    first, last = (str(run.dataset["time"].values[i].astype("datetime64[M]")) for i in (0, -1))
    for event in run.events:
        name = str(event["id"])
        if event.get("in_base_year"):
            continue
        tonnes, change = _total(run, "event_flow", name), _total(run, "event_change", name)
        usd, agents = _total(run, "event_flow_usd", name), _total(run, "event_agents", name)
        lines.append(f"{name}, {first} to {last}: {_said(tonnes, change, usd, agents)}")
        if baseline is not None and (beside := _beside(run, baseline, event)):
            lines.append(f"  {beside}")
    return lines


def exports_beside(
    run: xr.Dataset, baseline: xr.Dataset, event: str, start: np.datetime64
) -> npt.NDArray[np.float64] | None:
    """Exports of the goods and countries that an event touches, less those of the paired baseline.

    Args:
        run: results of one run.
        baseline: those of its baseline.
        event: id of the event.
        start: its first day.

    Returns:
        (3, member) tonnes: the difference before the step of the start, the difference from then on, and the
        baseline's exports from then on. None where the event touches no exports.

    Raises:
        MonaziteError: the two are not paired.
    """
    if "ledger_event" not in run.coords or "exports" not in run or "exports" not in baseline:
        return None
    rows = (run["ledger_event"].values.astype(str) == event) & (
        run["ledger_exporter"].values != run["ledger_importer"].values
    )
    labels = (run[f"ledger_{part}"].values.astype(str)[rows] for part in ("good", "exporter"))
    touched = set(zip(*labels, strict=True))
    sums = []
    for data in paired(run, baseline):
        sellers = zip(data["outbound_good"].values, data["outbound_country"].values, strict=True)
        mine = np.flatnonzero([(str(good), str(country)) in touched for good, country in sellers])
        if not len(mine):
            return None
        sums.append(data["exports"].values[..., mine].sum(axis=-1, dtype=np.float64))
    days = data["time"].values.astype("datetime64[D]")
    at = max(int(np.searchsorted(days, start, side="right")) - 1, 0)
    change = sums[0] - sums[1]
    return np.stack([change[:, :at].sum(axis=1), change[:, at:].sum(axis=1), sums[1][:, at:].sum(axis=1)])


def _beside(run: Run, baseline: Run, event: dict[str, Any]) -> str:
    """The same in words; '' where the event touches no exports, or the two are not paired."""
    start = np.datetime64(str(event.get("from") or event.get("announced")), "D")
    try:
        found = exports_beside(run.dataset, baseline.dataset, str(event["id"]), start)
    except MonaziteError:
        return ""
    if found is None:
        return ""
    before, after, usual = (float(np.median(row)) for row in found)
    share = f" ({abs(after) / usual:.1%})" if usual > 0 else ""
    end = run.dataset["time"].values[-1].astype("datetime64[M]")

    def moved(tonnes: float) -> str:
        return f"{number(abs(tonnes))} t {'more' if tonnes > 0 else 'less'}"

    return (
        f"exports of the goods and countries it touches, against the paired {baseline.scenario}: "
        f"{moved(after)}{share} from {start.astype('datetime64[M]')} to {end}, {moved(before)} before"
    )


def _said(tonnes: float, change: float, usd: float, agents: float) -> str:
    """What an event acted on, in words; trade that it stopped altogether has no tonnes left to count."""
    who = f"{number(agents)} agent{'' if agents == 1 else 's'}"
    if tonnes == 0 and change < 0:
        return f"stopped all of the {number(-change)} t that the base year had there; {who}"
    if tonnes == 0:
        return f"acted on {who}, on no trade"
    moved = "as in the base year"
    if change:
        moved = f"{number(abs(change))} t {'more' if change > 0 else 'less'} than in the base year"
    return f"acted on {number(tonnes)} t worth {number(usd)} USD, {who}; {moved}"


def idle_events(run: Run) -> list[str]:
    """Ids of events that acted on nothing in any member, those of the base year left out."""
    idle = []
    for event in run.events:
        name = str(event["id"])
        touched = run.dataset["event_tonnes"].sel(event=name).values
        if not event.get("in_base_year") and not (touched > 0).any():
            idle.append(name)
    return idle


def idle_warning(run: Run, name: str) -> str:
    """What to say of an event that acted on nothing."""
    kind = next(str(event["type"]) for event in run.events if event["id"] == name)
    if kind in RULES:
        return f"{run.scenario}: '{name}' never acted: its trigger was not met in any member"
    return f"{run.scenario}: '{name}' touched nothing in the whole run; check dates, countries and goods"
