"""Ways around bans: what finds its way in time, and what third countries sell on."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

import numpy as np

from sim.agents.holding import share_of_step
from sim.agents.prepared import Prepared
from sim.agents.resale import sold_on
from sim.arrays import FloatArray
from sim.controls import Cap
from sim.engine.markets import Gate, GateKey, PolicyMarket
from sim.market.clearing import Clearing
from sim.units import Amount

__all__ = ["Ways"]


class Ways(Mapping[GateKey, FloatArray]):
    """Ban -> (M,) share of the base year's trade that passes it by others, of all kinds together.

    Bans are known by event, good, origin, destinations and offers.

    Attributes:
        leaks: (M,) share that finds its way around each ban that leaks.
        resold: (M,) share that third countries can sell on around each that spares some.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self.leaks: dict[GateKey, FloatArray] = {}
        self.resold: dict[GateKey, FloatArray] = {}

    def __getitem__(self, key: GateKey) -> FloatArray:
        found = [part[key] for part in (self.leaks, self.resold) if key in part]
        if not found:
            raise KeyError(key)
        total: FloatArray = np.add.reduce(found)
        return total

    def __iter__(self) -> Iterator[GateKey]:
        return iter(self.leaks | self.resold)

    def __len__(self) -> int:
        return len(self.leaks | self.resold)

    def keep(self, kept: Collection[GateKey]) -> None:
        """Forget those of bans that are no longer in force; in place, as who looks ahead reads them, too."""
        for found in (self.leaks, self.resold):
            for key in set(found) - set(kept):
                del found[key]

    def open(
        self, market: PolicyMarket, gate: Gate, buyer_stock: FloatArray, share: Amount
    ) -> FloatArray:
        """(M,) tonnes that may pass a ban by others in this step.

        Args:
            buyer_stock: (M, N) tonnes on hand. share: of the step in which it is in force.

        Equation (M187), docs/model.md, for ``rsl_g``.
        """
        rule, step_years = gate.rule, self._prepared.step_years
        assert isinstance(rule, Cap)
        passes = np.zeros(self._prepared.members)
        if rule.leaks:
            passes = self.leaks.setdefault(gate.key, passes)
        if gate.holders is not None:
            tonnes = sold_on(self._prepared, buyer_stock, *gate.holders)
            barred = market.barred_together(gate) * step_years
            self.resold[gate.key] = tonnes / barred if barred > 0 else np.zeros_like(tonnes)
            passes = passes + self.resold[gate.key]
        found: FloatArray = passes * (share * market.base_cap_flow[gate.cap] * step_years)
        return found

    def leak(self, market: PolicyMarket, clearing: Clearing, shares: Mapping[str, Amount]) -> None:
        """What a step's prices make of the ways around bans.

        Equations (M166) and (M167), docs/model.md, for ``apart_g`` and ``leak_g``.
        """
        behaviour, base_index = self._prepared.behaviour, self._prepared.benchmark.base_index
        growth, decay = behaviour["leak_growth"][:, 0], behaviour["leak_decay"][:, 0]
        margin = behaviour["leak_margin"][:, 0]
        for gate in market.gates:
            if not isinstance(gate.rule, Cap) or not gate.rule.leaks:
                continue
            # Sums over a member's own numbers, side by side in memory.
            base = np.reshape(gate.base, (-1, len(gate.offers), len(gate.needs)))
            out, home = base.sum(axis=1), base.sum(axis=2)
            abroad = np.log(clearing.index[:, gate.needs] / base_index[gate.needs])
            inside = np.log(clearing.price[:, gate.offers])
            apart = _mean(abroad, out) - _mean(inside, home)
            in_force = np.asarray(shares.get(gate.rule.event, 1.0)) > 0
            drive = np.where(in_force, np.maximum(apart - margin, 0.0), 0.0)
            rest = growth / decay * drive
            closed = share_of_step(decay, self._prepared.step_years)
            self.leaks[gate.key] = self.leaks[gate.key] + closed * (rest - self.leaks[gate.key])


def _mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    """(M,) means of values (M, n), weighted by (1 or M, n); 0 where nothing weighs."""
    total = np.ascontiguousarray(weight).sum(axis=1)
    summed = np.ascontiguousarray(values * weight).sum(axis=1)
    found: FloatArray = np.divide(summed, total, out=np.zeros(len(summed)), where=total > 0)
    return found
