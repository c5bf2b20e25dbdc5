"""Where two regimes ahead ask the same of a chain of goods, to the bit: it is then priced once for both."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import numpy as np

from sim.agents.rounds import Chains, Priced
from sim.agents.year_market import Year
from sim.arrays import BoolArray, FloatArray, IntArray
from sim.market.clearing import Market

__all__ = ["Likeness"]

OF_OFFERS = "most", "usual", "own_cost", "markup", "ask_factor", "floor"
OF_NEEDS = "demand", "give_up", "dearest"
"""What of a year may differ between regimes; the rest is one for all."""


class Likeness:
    """Compares regimes chain by chain.

    Args:
        chains: of goods.
        ordered: (needs of plants,) the need of each thing that a year has in the order of activities.
    """

    def __init__(self, chains: Chains, ordered: IntArray) -> None:
        self._chains, self._of_ordered = chains, chains.of_need[ordered]
        self._known: WeakKeyDictionary[Market, WeakKeyDictionary[Market, BoolArray]] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, object]:
        """What is known of pairs of markets is worked out anew: it is about the very objects."""
        return {"_chains": self._chains, "_of_ordered": self._of_ordered}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state, _known=WeakKeyDictionary())

    def of(
        self, markets: tuple[Market, Market], years: tuple[Year, Year], starts: tuple[Priced, Priced]
    ) -> BoolArray:
        """(chains,) of which links, ceilings, supply, use and the prices to begin with are the same."""
        one, other = markets
        seen = self._known.setdefault(one, WeakKeyDictionary())
        if other not in seen:
            seen[other] = self._of_markets(one, other)
        same = seen[other].copy()
        if not same.any():
            return same
        a, b = years
        offers, needs = self._chains.of_offer, self._chains.of_need
        pairs = [(getattr(a, name), getattr(b, name), offers) for name in OF_OFFERS]
        pairs += [(getattr(a, name), getattr(b, name), needs) for name in OF_NEEDS]
        pairs += [(a.per_tonne, b.per_tonne, self._of_ordered)]
        pairs += [(a.cap_tonnes[:, self._of(one, same)], b.cap_tonnes[:, self._of(other, same)],
                   self._chains.of_good[one.cap_good[self._of(one, same)]])]  # fmt: skip
        x, y = starts
        pairs += [(x.offer, y.offer, offers), (x.reach, y.reach, offers), (x.need, y.need, needs)]
        for mine, theirs, chain in pairs:
            if mine is not theirs:
                same[chain[_columns_apart(mine, theirs)]] = False
        return same

    def _of(self, market: Market, chains: BoolArray) -> IntArray:
        """Ceilings on goods of some chains."""
        return np.flatnonzero(chains[self._chains.of_good[market.cap_good]])

    def _of_markets(self, one: Market, other: Market) -> BoolArray:
        """(chains,) of which kernels and ceilings are the same."""
        same = np.ones(self._chains.count, dtype=bool)
        for good, (mine, theirs) in enumerate(zip(one.kernel, other.kernel, strict=True)):
            if not (mine is theirs or np.array_equal(mine, theirs)):
                same[self._chains.of_good[good]] = False
        for chain in np.flatnonzero(same):
            alone = np.arange(self._chains.count) == chain
            keys = [[m.cap_keys[cap] for cap in self._of(m, alone)] for m in (one, other)]
            same[chain] = keys[0] == keys[1]
        return same


def _columns_apart(mine: FloatArray, theirs: FloatArray) -> IntArray:
    """Columns, the second axis, in which two arrays differ in any member; one row serves all members."""
    apart = mine != theirs
    while apart.ndim > 2:
        apart = apart.any(axis=-1)
    return np.flatnonzero(apart.any(axis=0))
