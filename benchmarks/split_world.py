"""A world of the same economy with more agents: every facility cut into equal parts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from sim.world.world import FloatArray, World

__all__ = ["split"]


def split(world: World, parts: int) -> World:
    """The world with each facility as ``parts`` facilities of the same firm, each with its share of all.

    Every part of a seller trades with every part of a buyer, so links grow with the square. Prices and totals
    by country are those of the world that was cut.
    """
    square = np.ones((parts, parts))

    def blocks(values: Sequence[FloatArray], share: float = 1.0) -> tuple[FloatArray, ...]:
        return tuple(np.asarray(np.kron(block, square) * share, dtype=np.float64) for block in values)

    def every(values: FloatArray, share: float = 1.0) -> FloatArray:
        return np.repeat(values, parts, axis=0) * share

    def names(values: tuple[str, ...], numbered: bool = False) -> tuple[str, ...]:
        return tuple(f"{v} {i + 1}" if numbered else v for v in values for i in range(parts))

    own = 1 / parts
    number = np.arange(parts)
    return replace(
        world,
        facilities=names(world.facilities, numbered=True),
        facility_names=names(world.facility_names, numbered=True),
        facility_kind=names(world.facility_kind),
        facility_country=np.repeat(world.facility_country, parts),
        facility_firm=names(world.facility_firm),
        facility_sector=names(world.facility_sector),
        facility_value_added=every(world.facility_value_added, own),
        offer_facility=(world.offer_facility[:, None] * parts + number).ravel(),
        offer_good=np.repeat(world.offer_good, parts),
        offer_output=every(world.offer_output, own),
        offer_capacity=every(world.offer_capacity, own),
        offer_stock=every(world.offer_stock, own),
        offer_cash_cost=every(world.offer_cash_cost),
        offer_composition=every(world.offer_composition),
        need_facility=(world.need_facility[:, None] * parts + number).ravel(),
        need_good=np.repeat(world.need_good, parts),
        need_use=every(world.need_use, own),
        need_full_use=every(world.need_full_use, own),
        need_cover=every(world.need_cover),
        need_dependence=every(world.need_dependence),
        need_worth=every(world.need_worth),
        need_switch_multiple=every(world.need_switch_multiple),
        need_switch_years=every(world.need_switch_years),
        need_switch_share=every(world.need_switch_share),
        base_flow=blocks(world.base_flow, own**2),
        transit_years=blocks(world.transit_years),
        freight_share=blocks(world.freight_share),
    )
