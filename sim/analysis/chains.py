"""Which goods are made from which, and which of them an event touches, of runs and of sweeps alike."""

from __future__ import annotations

from collections.abc import Collection
from functools import lru_cache
from typing import Any

import numpy as np
import xarray as xr

from sim.errors import MonaziteError
from sim.paths import world_directory

__all__ = ["downstream", "layers_from", "links_of_chain", "touched_goods", "upstream", "users_of"]

Links = dict[str, frozenset[str]]
Pairs = list[tuple[str, str]]


def _links(makers: Pairs, users: Pairs) -> tuple[Links, Links]:
    """Good -> goods made from it, and good -> goods that it is made from, from (facility, good)."""
    made: dict[str, set[str]] = {}
    for facility, good in makers:
        made.setdefault(facility, set()).add(good)
    taken: dict[str, set[str]] = {}
    for facility, good in users:
        taken.setdefault(facility, set()).add(good)
    down: dict[str, set[str]] = {}
    up: dict[str, set[str]] = {}
    for facility, inputs in taken.items():
        for source in inputs:
            # What a trader buys and sells again is not made from itself.
            for product in made.get(facility, set()) - inputs:
                down.setdefault(source, set()).add(product)
                up.setdefault(product, set()).add(source)
    return tuple(
        {good: frozenset(found) for good, found in side.items()} for side in (down, up)
    )  # type: ignore[return-value]


@lru_cache(maxsize=4)
def _of_world(base_year: int, folder: str) -> tuple[Pairs, Pairs]:
    """(facility, good) of all that is made, and of all that is used, in the world of a base year.

    Args:
        folder: where its tables lie: another folder may hold another world of the year.
    """
    from sim.world.load import load_world

    try:
        world = load_world(base_year)
    except MonaziteError:
        # A world of one's own that is not there any more: then each good is a chain of its own.
        return [], []
    goods = [good.id for good in world.goods]
    makers = zip(world.offer_facility, world.offer_good, strict=True)
    users = zip(world.need_facility, world.need_good, strict=True)
    return tuple(
        [(world.facilities[f], goods[g]) for f, g in pairs] for pairs in (makers, users)
    )  # type: ignore[return-value]


def _pairs(dataset: xr.Dataset) -> tuple[Pairs, Pairs]:
    if "offer_facility" not in dataset.coords:
        return _of_world(int(dataset.attrs["base_year"]), str(world_directory()))
    sides = []
    for axis in ("offer", "need"):
        names = (dataset[f"{axis}_{part}"].values.astype(str).tolist() for part in ("facility", "good"))
        sides.append(list(zip(*names, strict=True)))
    return sides[0], sides[1]


def links_of_chain(dataset: xr.Dataset) -> tuple[Links, Links]:
    """Good -> goods made from it, and good -> goods that it is made from.

    A run says so by its facilities; a sweep keeps countries alone, so the world of its base year is asked.
    """
    return _links(*_pairs(dataset))


def users_of(dataset: xr.Dataset, goods: Collection[str]) -> frozenset[str]:
    """Facilities that use any of some goods."""
    return frozenset(facility for facility, good in _pairs(dataset)[1] if good in goods)


def layers_from(dataset: xr.Dataset, good: str, side: int) -> list[set[str]]:
    """Goods of the data set 1, 2, ... steps away from a good, each at its first distance.

    Args:
        dataset: results of a run or a sweep.
        good: good id.
        side: 0 for what is made from it, 1 for what it is made from.
    """
    step, known = links_of_chain(dataset)[side], set(dataset["good"].values.astype(str).tolist())
    seen, layer, layers = {good}, {good}, []
    while layer := {n for g in layer for n in step.get(g, frozenset())} - seen:
        seen |= layer
        layers.append(layer & known)
    return [layer for layer in layers if layer]


def _reached(dataset: xr.Dataset, good: str, side: int) -> list[str]:
    order = {str(g): i for i, g in enumerate(dataset["good"].values)}
    return [g for layer in layers_from(dataset, good, side) for g in sorted(layer, key=order.__getitem__)]


def upstream(dataset: xr.Dataset, good: str) -> list[str]:
    """Goods that a good is made from, directly or further up, nearest first."""
    return _reached(dataset, good, 1)


def downstream(dataset: xr.Dataset, good: str) -> list[str]:
    """Goods made from a good, directly or further down, nearest first."""
    return _reached(dataset, good, 0)


def touched_goods(dataset: xr.Dataset, event: dict[str, Any]) -> frozenset[str] | None:
    """Goods on which an event acts; None where the results do not say.

    The ledger of a run knows what an event met; else what the event names counts.
    """
    name, found = str(event["id"]), set()
    for axis, by in (("ledger", "ledger_event"), ("pile", "pile_event")):
        if by in dataset.coords:
            rows = np.flatnonzero(dataset[by].values.astype(str) == name)
            found |= set(dataset[f"{axis}_good"].values.astype(str)[rows].tolist())
    if found:
        return frozenset(found)
    return frozenset(map(str, event["goods"])) if event.get("goods") else None
