"""A small world: the chains of some minerals, with everything that they touch, and nothing else.

Markets of different chains meet only in plants (which need several inputs or make several products),
so a world without the other chains behaves exactly as the whole one does for the goods that it
keeps, in a fraction of the time. What it cannot show is a user that lacks several goods at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sim.errors import MonaziteError, did_you_mean

if TYPE_CHECKING:
    from sim.world.labels import Labels
    from sim.world.world import IntArray, World

__all__ = ["linked_goods", "restrict", "restrict_labels"]

PLANTS = ("miner", "processor", "trader")
"""Kinds of facilities through which the market of one good acts on that of another."""


def linked_goods(named: Iterable[str], plants: Iterable[Iterable[str]]) -> frozenset[str]:
    """The named goods and all goods that plants link with them, directly or through others.

    Args:
        named: good ids.
        plants: for each plant the goods that it buys or sells.

    >>> sorted(linked_goods(["ore"], [["ore", "metal"], ["metal", "wire"], ["salt", "acid"]]))
    ['metal', 'ore', 'wire']
    """
    kept = set(named)
    waiting = [set(goods) for goods in plants]
    while touched := [goods for goods in waiting if goods & kept]:
        waiting = [goods for goods in waiting if not goods & kept]
        kept |= set().union(*touched)
    return frozenset(kept)


def restrict(world: World, minerals: Sequence[str]) -> World:
    """The world of some minerals: their goods, those that plants link with them, and who trades them.

    Countries stay as they are. Base-year flows of the goods kept do not change, so the base year stays
    a fixed point. Members draw the same chance events as in the whole world.

    Args:
        world: a whole world, or one that has been restricted already.
        minerals: names as in ``world.goods``; none keeps everything.

    Raises:
        MonaziteError: a mineral is not in the world.
    """
    import numpy as np

    if not minerals:
        return world
    _refuse_unknown(minerals, [good.mineral for good in world.goods], world.base_year)
    named = [good.id for good in world.goods if good.mineral in minerals]
    ids = linked_goods(named, _plants(world).values())
    good_at = np.flatnonzero([good.id in ids for good in world.goods])
    return world if len(good_at) == len(world.goods) else _only(world, good_at)


def _plants(world: World) -> dict[int, set[str]]:
    """Plant -> ids of the goods that it buys or sells."""
    plants: dict[int, set[str]] = {}
    for facilities, goods in (
        (world.offer_facility, world.offer_good), (world.need_facility, world.need_good),
    ):  # fmt: skip
        for facility, good in zip(facilities.tolist(), goods.tolist(), strict=True):
            if world.facility_kind[facility] in PLANTS:
                plants.setdefault(facility, set()).add(world.goods[good].id)
    return plants


BY_OFFER = (
    "offer_output", "offer_capacity", "offer_stock", "offer_cash_cost", "offer_composition",
    "offer_host_share",
)  # fmt: skip
BY_NEED = (
    "need_use", "need_full_use", "need_cover", "need_dependence", "need_worth",
    "need_switch_multiple", "need_switch_years", "need_switch_share",
)  # fmt: skip
BY_GOOD = ("goods", "base_flow", "transit_years", "freight_share")
NAMES_OF_FACILITY = (
    "facilities", "facility_names", "facility_kind", "facility_firm", "facility_sector",
)  # fmt: skip


def _only(world: World, good_at: IntArray) -> World:
    """The world of some goods, by position."""
    import numpy as np

    from sim.world.world import Kept

    offers = np.flatnonzero(np.isin(world.offer_good, good_at))
    needs = np.flatnonzero(np.isin(world.need_good, good_at))
    facility_at = np.union1d(world.offer_facility[offers], world.need_facility[needs])
    before = world.kept or Kept.everything(world)
    parts: dict[str, Any] = {name: getattr(world, name)[offers] for name in BY_OFFER}
    parts |= {name: getattr(world, name)[needs] for name in BY_NEED}
    parts |= {name: tuple(getattr(world, name)[g] for g in good_at) for name in BY_GOOD}
    parts |= {name: tuple(getattr(world, name)[k] for k in facility_at) for name in NAMES_OF_FACILITY}
    ids = {good.id for good in parts["goods"]}
    # A host that is left out goes on as in the base year.
    place = np.full(len(world.goods) + 1, -1)
    place[good_at] = np.arange(len(good_at))
    return replace(
        world,
        offer_host=place[world.offer_host[offers]],
        facility_country=world.facility_country[facility_at],
        facility_value_added=world.facility_value_added[facility_at],
        offer_facility=np.searchsorted(facility_at, world.offer_facility[offers]),
        offer_good=np.searchsorted(good_at, world.offer_good[offers]),
        need_facility=np.searchsorted(facility_at, world.need_facility[needs]),
        need_good=np.searchsorted(good_at, world.need_good[needs]),
        substitutes={good: group for good, group in world.substitutes.items() if good in ids},
        base_tariff=world.base_tariff[good_at],
        offer_reserve=None if world.offer_reserve is None else world.offer_reserve[offers],
        scrap=None if world.scrap is None else world.scrap.within(offers, needs),
        projects=tuple(one for one in world.projects if one.facility in set(parts["facilities"])),
        kept=Kept(before.goods[good_at], before.facilities[facility_at], before.good_count,
                  before.facility_count),
        **parts,
    )  # fmt: skip


def restrict_labels(labels: Labels, minerals: Sequence[str]) -> Labels:
    """The names of the same small world, without numpy.

    Raises:
        MonaziteError: a mineral is not in the base year.
    """
    if not minerals:
        return labels
    _refuse_unknown(minerals, [good.mineral for good in labels.goods], labels.base_year)
    plants: dict[str, set[str]] = {}
    for good, facility in (*labels.output, *labels.use):
        if labels.facilities[facility].kind in PLANTS:
            plants.setdefault(facility, set()).add(good)
    ids = linked_goods([good.id for good in labels.goods if good.mineral in minerals], plants.values())
    return replace(labels, goods=tuple(good for good in labels.goods if good.id in ids))


def _refuse_unknown(minerals: Sequence[str], known: Sequence[str], base_year: int) -> None:
    for mineral in minerals:
        if mineral not in known:
            say = did_you_mean(mineral, sorted(set(known))) or "'monazite list goods' shows all minerals"
            raise MonaziteError(f"unknown mineral '{mineral[:60]}' in the {base_year} world; {say}")
