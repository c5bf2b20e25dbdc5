"""Who makes and who sells a good at the end of a run: shares of output by country, of sales by owner."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import run_metrics
from sim.analysis.comparison import Key, Values
from sim.analysis.select import texts
from sim.results.grouping import group_sum, ratio

__all__ = ["SHARES", "Shares", "largest_shares", "last_year", "share_facts", "shares_of"]

SHARES = ("country_share", "owner_share")
SHOWN = 3
"""Countries and owners of each good: so many of the largest, and as many whose shares move most."""
NEGLIGIBLE = 0.005
"""A change of a share that is no more than this is not worth a row of its own."""
Shares = dict[str, dict[str, Values]]
"""Measure -> country or owner -> (M,) share."""


def shares_of(data: xr.Dataset, good: str) -> Shares:
    """Of the last calendar year, as far as it has come."""
    return {"country_share": _by_country(data, good), "owner_share": _by_owner(data, good)}


def last_year(data: xr.Dataset) -> npt.NDArray[np.bool_]:
    """(T,) steps of the last calendar year."""
    year = data["time"].values.astype("datetime64[Y]")
    last: npt.NDArray[np.bool_] = year == year[-1]
    return last


def _by_country(data: xr.Dataset, good: str) -> dict[str, Values]:
    made = run_metrics.supply_by_country(data, [good])
    tonnes = made.values[:, last_year(data)].sum(axis=1, dtype=np.float64)
    return _divided(made["country"].values.astype(str).tolist(), tonnes)


def _by_owner(data: xr.Dataset, good: str) -> dict[str, Values]:
    if "sales_year" in data:
        here = np.flatnonzero(texts(data, "owned_good") == good)
        tonnes = data["sales_year"].isel(owned=here).values[:, -1].astype(np.float64)
        return _divided(texts(data, "owned_firm")[here].tolist(), tonnes)
    if "sales" not in data:
        return {}
    here = np.flatnonzero(texts(data, "offer_good") == good)
    sold = data["sales"].isel(offer=here, time=np.flatnonzero(last_year(data))).values
    owners, tonnes = group_sum(sold.sum(axis=1, dtype=np.float64), [texts(data, "offer_firm")[here]])
    return _divided([owner for (owner,) in owners], tonnes)


def _divided(names: Sequence[str], tonnes: Values) -> dict[str, Values]:
    shares = ratio(tonnes, tonnes.sum(axis=1, keepdims=True))
    return {name: shares[:, place] for place, name in enumerate(names)}


def _key(measure: str, good: str, name: str) -> Key:
    at = {"place": name} if measure.startswith("country") else {"owner": name}
    return Key(measure, good, **at)


def share_facts(good: str, run: Shares, base: Shares | None) -> dict[Key, Values]:
    """Shares of a run by :class:`~sim.analysis.comparison.Key`, and less those of the paired baseline."""
    facts: dict[Key, Values] = {}
    for measure, shares in run.items():
        for name, share in shares.items():
            facts[_key(measure, good, name)] = share
            usual = None if base is None else base[measure].get(name)
            if usual is not None:
                facts[_key(f"{measure}_change", good, name)] = share - usual
    return facts


def largest_shares(facts: Sequence[dict[Key, Values]], measure: str, good: str) -> list[str]:
    """Countries or owners to show: the largest, then those that move most, in any run."""
    size, move = (_largest(facts, name, good) for name in (measure, f"{measure}_change"))
    known: Callable[[str], float] = size.__getitem__
    most = sorted(size, key=lambda name: (-known(name), name))[:SHOWN]
    moved = [name for name in sorted(move, key=lambda name: (-move[name], name)) if move[name] > NEGLIGIBLE]
    return list(dict.fromkeys([*most, *moved[:SHOWN]]))


def _largest(facts: Sequence[dict[Key, Values]], measure: str, good: str) -> dict[str, float]:
    found: dict[str, float] = {}
    for mine in facts:
        for key, values in mine.items():
            if key.measure == measure and key.good == good:
                name = key.place or key.owner
                middle = abs(float(np.nanmedian(values))) if not np.isnan(values).all() else 0.0
                found[name] = max(found.get(name, 0.0), middle)
    return found
