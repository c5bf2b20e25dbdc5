"""Countries that a class can play: those with most at stake in a lesson's goods, and what they trade."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim.analysis.names import country_name
from sim.arrays import FloatArray
from sim.world.world import World

__all__ = ["MOST_SEATS", "NO_COUNTRY", "Seat", "seats_of"]

MOST_SEATS = 30
NO_COUNTRY = "ROW"
"""The pool of all other countries; nobody governs it."""
LEAST = 1e-6
"""Share of what the world trades of a good below which a trade is a rounding of the tables."""


@dataclass(frozen=True)
class Seat:
    """One country of a game.

    Attributes:
        country: ISO-3 code. name: in English. stake: USD a year at base prices, used, or sold abroad.
        sells, buys: good -> partners abroad, the largest first. makes: goods that it makes.
        uses: good -> tonnes a year.
    """

    country: str
    name: str
    stake: float
    sells: Mapping[str, tuple[str, ...]]
    buys: Mapping[str, tuple[str, ...]]
    makes: tuple[str, ...]
    uses: Mapping[str, float]


def seats_of(world: World, goods: Sequence[str]) -> dict[str, Seat]:
    """Country -> its seat, those with most at stake first; at most :data:`MOST_SEATS`.

    Args:
        world: the chains that are run. goods: ids of the goods that the lesson shows.
    """
    ids = [good.id for good in world.goods]
    places = [ids.index(good) for good in goods]
    trade = {goods[i]: _trade(world, g) for i, g in enumerate(places)}
    price = {goods[i]: float(world.base_price[g]) for i, g in enumerate(places)}
    found = []
    for place, country in enumerate(world.countries):
        if country == NO_COUNTRY:
            continue
        rows = {good: (flow[place], flow[:, place]) for good, flow in trade.items()}
        sells = {good: _partners(world, out, place, flow=trade[good]) for good, (out, _) in rows.items()}
        buys = {good: _partners(world, into, place, flow=trade[good]) for good, (_, into) in rows.items()}
        uses = {good: float(into.sum()) for good, (_, into) in rows.items() if into.sum() > 0}
        makes = tuple(good for good, (out, _) in rows.items() if out.sum() > LEAST * trade[good].sum())
        abroad = {good: float(out.sum() - out[place]) for good, (out, _) in rows.items()}
        stake = sum(price[good] * (uses.get(good, 0.0) + abroad[good]) for good in goods)
        if stake > 0:
            found.append(Seat(
                country, country_name(country), stake, {g: p for g, p in sells.items() if p},
                {g: p for g, p in buys.items() if p}, makes, uses,
            ))  # fmt: skip
    found.sort(key=lambda seat: (-seat.stake, seat.country))
    # Who neither sells nor buys abroad has no move to make.
    able = [seat for seat in found if seat.sells or seat.buys]
    return {seat.country: seat for seat in able[:MOST_SEATS]}


def _trade(world: World, good: int) -> FloatArray:
    """(C, C) base-year tonnes from country to country."""
    origin, destination = world.link_countries(good)
    found = np.zeros((len(world.countries), len(world.countries)))
    np.add.at(found, (origin[:, None], destination[None, :]), world.base_flow[good])
    return found


def _partners(world: World, row: FloatArray, own: int, flow: FloatArray) -> tuple[str, ...]:
    order = np.argsort(-row, kind="stable")
    least = LEAST * flow.sum()
    return tuple(
        world.countries[i] for i in order.tolist()
        if i != own and row[i] > least and world.countries[i] != NO_COUNTRY
    )  # fmt: skip
