"""Which members, months and goods of two results belong together; a refusal where none do.

A member is paired with the baseline's member that has the same draws and the same assumptions. In one sweep
that is the same sample and replicate of its design, whatever the design; between runs, the same number of one
seed.
"""

from __future__ import annotations

import json

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.errors import MonaziteError

__all__ = ["check_alike", "common_goods", "common_months", "members_paired", "paired"]

Rows = npt.NDArray[np.int64]

ALIKE = ("seed", "step", "base_year")
"""Attributes that decide what a member draws and where it starts."""


def paired(run: xr.Dataset, baseline: xr.Dataset) -> tuple[xr.Dataset, xr.Dataset]:
    """Both data sets cut to the members, steps and goods that they share, row by row the same member.

    Raises:
        MonaziteError: nothing that can be compared: another seed, step, base year or beginning, no good or
            no sample in common, or values that vary in the one alone.
    """
    check_alike(run, baseline)
    goods = common_goods([run, baseline])
    months = common_months([run, baseline])
    rows = members_paired(run, baseline)
    return _cut(run, rows[0], months, goods), _cut(baseline, rows[1], months, goods)


def _name(dataset: xr.Dataset) -> str:
    return str(dataset.attrs["scenario"])


def check_alike(run: xr.Dataset, baseline: xr.Dataset) -> None:
    """Refuse what cannot be paired whatever is cut away.

    Raises:
        MonaziteError: another seed, step, base year or beginning.
    """
    for key in ALIKE:
        if run.attrs.get(key) != baseline.attrs.get(key):
            said = key.replace("_", " ")
            raise MonaziteError(
                f"{_name(run)} ({said} {run.attrs.get(key)}) and {_name(baseline)} "
                f"({said} {baseline.attrs.get(key)}) are not paired: their members draw differently; "
                f"run both in one command"
            )
    first, other = (d["time"].values[0].astype("datetime64[D]") for d in (run, baseline))
    if first != other:
        raise MonaziteError(
            f"{_name(run)} begins on {first} and {_name(baseline)} on {other}: in the same month their "
            f"members have other draws, so they are not paired; run both in one command with one beginning: "
            f"time.start={first}"
        )


def common_goods(datasets: list[xr.Dataset]) -> list[str]:
    """Goods that all hold, in the order of the first.

    Raises:
        MonaziteError: there is none.
    """
    goods = [str(good) for good in datasets[0]["good"].values]
    for dataset in datasets[1:]:
        own = set(dataset["good"].values.astype(str).tolist())
        goods = [good for good in goods if good in own]
        if not goods:
            raise MonaziteError(
                f"{_name(datasets[0])} and {_name(dataset)} have no good in common; "
                f"run both with the same 'minerals'"
            )
    return goods


def common_months(datasets: list[xr.Dataset]) -> npt.NDArray[np.datetime64]:
    """First days of the steps that all have.

    Raises:
        MonaziteError: there is none.
    """
    times: npt.NDArray[np.datetime64] = datasets[0]["time"].values
    for dataset in datasets[1:]:
        times = np.intersect1d(times, dataset["time"].values)
    if not len(times):
        raise MonaziteError(f"{' and '.join(_name(d) for d in datasets)} have no date in common")
    return times


def members_paired(run: xr.Dataset, baseline: xr.Dataset) -> tuple[Rows, Rows]:
    """Rows along ``member`` of the one and of the other that are the same member, in the run's order.

    Raises:
        MonaziteError: there is none, or what varies in the one has no counterpart in the other.
    """
    sweep = run.attrs.get("sweep")
    if sweep is not None and sweep == baseline.attrs.get("sweep"):
        found = _by_design(run, baseline)
    else:
        for one, other in ((run, baseline), (baseline, run)):
            if _varies(one):
                raise MonaziteError(
                    f"{_name(one)} varies values from member to member that {_name(other)}, made by another "
                    f"command, does not have, so they are not paired; sweep both in one command"
                )
        found = _by_number(run, baseline)
    if not len(found[0]):
        raise MonaziteError(
            f"no member of {_name(run)} has the draws and assumptions of one of {_name(baseline)}, so "
            f"nothing is paired; compare each with a baseline that has its assumptions"
        )
    return found


def _varies(dataset: xr.Dataset) -> bool:
    """Whether a design has set values of its members."""
    if json.loads(dataset.attrs.get("varies", "[]")):
        return True
    return "sample" in dataset.coords and len(np.unique(dataset["sample"].values)) > 1


def _numbers(dataset: xr.Dataset) -> Rows:
    """Numbers of the members' draws."""
    name = "number" if "number" in dataset.coords else "member"
    return np.asarray(dataset[name].values, dtype=np.int64)


def _by_number(run: xr.Dataset, baseline: xr.Dataset) -> tuple[Rows, Rows]:
    own, other = _numbers(run), _numbers(baseline)
    for numbers, dataset in ((own, run), (other, baseline)):
        if len(np.unique(numbers)) < len(numbers):
            raise MonaziteError(
                f"{_name(dataset)} has several members of one number (of several seeds), so a run made by "
                f"another command is not paired with it; run both in one command"
            )
    _, rows, others = np.intersect1d(own, other, return_indices=True)
    order = np.argsort(rows, kind="stable")
    return rows[order], others[order]


def _by_design(run: xr.Dataset, baseline: xr.Dataset) -> tuple[Rows, Rows]:
    """By point of the design and replicate. Points that are the same run in both count once."""
    kept = [_sample_kept(dataset) for dataset in (run, baseline)]
    size = max(len(k) for k in kept)
    own, other = (np.pad(k, (0, size - len(k)), constant_values=-1) for k in kept)
    both = (own >= 0) & (other >= 0)
    pairs = np.unique(np.stack([own[both], other[both]], axis=1), axis=0)
    replicates = 1 + max(int(d["replicate"].values.max()) for d in (run, baseline))
    rows = []
    for dataset, samples in ((run, pairs[:, 0]), (baseline, pairs[:, 1])):
        place = np.full((size, replicates), -1, dtype=np.int64)
        place[dataset["sample"].values, dataset["replicate"].values] = np.arange(dataset.sizes["member"])
        rows.append(place[samples].ravel())
    present = (rows[0] >= 0) & (rows[1] >= 0)
    return rows[0][present], rows[1][present]


def _sample_kept(dataset: xr.Dataset) -> Rows:
    """For each point of the design the sample whose run stands for it here; -1 where there is none."""
    stored = dataset.attrs.get("stands_for")
    if stored is not None:
        return np.asarray(json.loads(stored), dtype=np.int64)
    samples = np.unique(dataset["sample"].values.astype(np.int64))
    kept = np.full(int(samples.max()) + 1, -1, dtype=np.int64)
    kept[samples] = samples
    return kept


def _cut(
    dataset: xr.Dataset, rows: Rows, months: npt.NDArray[np.datetime64], goods: list[str]
) -> xr.Dataset:
    """Those members, months and goods; untouched where that is all there is."""
    if not np.array_equal(rows, np.arange(dataset.sizes["member"])):
        whole = np.array_equal(rows, np.arange(len(rows)))
        dataset = dataset.isel(member=slice(0, len(rows)) if whole else rows)
    if dataset.sizes["time"] != len(months):
        dataset = dataset.sel(time=months)
    if dataset.sizes["good"] != len(goods):
        dataset = dataset.sel(good=goods)
    return dataset
