"""Facilities that stand still: at what price they could sell all that they can make.

Buyers who like to buy from many (``sigma`` is finite) pay much for a small lot, so what a facility would earn
for its first tonne says little about whether it pays to open. An entrant is therefore quoted, and plans with,
the price at which its full capacity would be sold. See ``docs/model.md``, section "Facilities that stand
still".
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import BoolArray, FloatArray, IntArray, raised
from sim.market.clearing import Clearing

__all__ = ["full_lots", "prices_at_capacity"]


def full_lots(prepared: Prepared) -> FloatArray | None:
    """(M, O) tonnes at which entrants are quoted while they have nothing to sell: a step's full output.

    0 where the market's own rule holds; None where nothing stands still.

    Equation (M95), docs/model.md, for ``lot``.
    """
    benchmark = prepared.benchmark
    if not benchmark.entrant.any():
        return None
    return prepared.each(np.where(benchmark.entrant, benchmark.normal_output * prepared.step_years, 0.0))


def prices_at_capacity(
    prepared: Prepared, state: State, clearing: Clearing, on_sale: FloatArray, ask: FloatArray
) -> tuple[Clearing, FloatArray]:
    """The clearing with quotes for what nobody sells yet; the gate price (M, O) that sellers go by.

    Where nobody who may buy wants anything, an entrant is quoted its cash cost, or its ask if that is lower:
    it neither opens for nobody nor goes on. A plant that could buy from entrants alone, none of whom has
    goods yet, is quoted what they would cost at their cash costs.

    Args:
        on_sale: (M, O) tonnes. ask: (M, O) price asked.

    Equations (M96) and (M97), docs/model.md, for ``pc_s`` and ``P_b``.
    """
    entrant = prepared.benchmark.entrant
    if not entrant.any():
        return clearing, clearing.price
    price, index, gate = clearing.price.copy(), clearing.index.copy(), clearing.price.copy()
    for good in np.unique(prepared.world.offer_good[entrant]).tolist():
        market = _Entered(prepared, clearing, on_sale, good, state)
        at = market.offers
        gate[:, at] = market.prices(np.minimum(ask[:, at], state.cash_cost[:, at]))
        price[:, at] = np.where(on_sale[:, at] > 0, price[:, at], gate[:, at])
        index[:, market.waiting] = market.expected_index(state.cash_cost[:, at])
    return replace(clearing, price=price, index=index), gate


class _Entered:
    """The market of one good that entrants sell. S of them, B buyers.

    Attributes:
        offers: (S,) positions of the entrants' offers. waiting: positions of entrants' needs.
    """

    def __init__(
        self, prepared: Prepared, clearing: Clearing, on_sale: FloatArray, good: int, state: State
    ) -> None:
        world, benchmark, market = prepared.world, prepared.benchmark, clearing.market
        sellers, buyers = market.offers_of(good), market.needs_of(good)
        mine = np.flatnonzero(benchmark.entrant[sellers])
        self.offers: IntArray = mine + sellers.start
        self._lot = benchmark.normal_output[self.offers] * prepared.step_years
        self._lowest = prepared.behaviour["lowest_price_felt"]
        sigma = np.atleast_1d(prepared.sigma[..., good])
        self._sigma = sigma[:, None]
        kernel = np.reshape(market.kernel[good], (-1, *market.kernel[good].shape[-2:]))
        self._kernel = kernel[:, mine] * state.sourcing_weight[:, self.offers, None]
        served: BoolArray = np.logical_or.reduce((on_sale[:, sellers, None] > 0) & (kernel > 0), axis=1)
        self._qualified = state.qualified[:, self.offers]
        self._price, self._sold = clearing.price[:, self.offers], clearing.sales[:, self.offers]
        self._index, self._wanted = clearing.index[:, buyers], clearing.demanded[:, buyers]
        self._lacking = self._wanted * ~served
        own = np.flatnonzero(world.need_use[buyers] <= 0)
        self.waiting: IntArray = own + buyers.start
        self._unserved, self._own = ~served[:, own], own

    def prices(self, ask: FloatArray) -> FloatArray:
        """(M, S) price at which an entrant would sell its full capacity, given how much buyers want now.

        It reckons with being qualified: what the first tonnes fetch less is the price of getting there.
        """
        sigma, lot = self._sigma, self._lot
        drawn = np.where(self._sold > 0, self._sold, lot) * raised(self._price, sigma) / self._qualified
        unmet = self._lacking * raised(self._index, sigma)
        pull = drawn + (self._kernel * unmet[:, None]).sum(2)
        price = np.maximum(raised(pull / lot, 1 / sigma), self._lowest)
        wanted = ((self._kernel > 0) & (self._wanted > 0)[:, None]).any(2)
        return np.where(wanted, price, ask)

    def expected_index(self, cost: FloatArray) -> FloatArray:
        """(M, waiting needs) choice index, with entrants' costs (M, S) for prices where nobody has goods."""
        reach = self._kernel[:, :, self._own] * raised(cost, -self._sigma)[:, :, None]
        weight = reach.sum(1)
        possible = self._unserved & (weight > 0)
        known = raised(np.where(possible, weight, 1.0), -1 / self._sigma)
        return np.where(possible, known, self._index[:, self._own])
