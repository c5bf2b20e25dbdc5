"""What the members of one batch ask of the markets, as the caller gave it, and how frames read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.market.layout import FloatArray, IntArray
from sim.market.solver.frame import Frame

__all__ = ["NO_CAP", "Inputs", "tier_order", "tiers_sorted"]

NO_CAP = 1e30
"""Tonnes of a cap that is there for padding."""


@dataclass(frozen=True)
class Inputs:
    """m members, O offers, N needs, K tiers, C caps; tonnes and prices as given."""

    quantity: FloatArray
    """(m, O)"""
    log_ask: FloatArray
    """(m, O)"""
    demand: FloatArray
    """(m, N, K)"""
    reservation: FloatArray
    """(m, N, K)"""
    elasticity: FloatArray
    """(K,) where all share it, else (m, N, K)"""
    allowed: FloatArray
    """(m, C) tonnes under each cap."""
    order: IntArray
    """(K,) tiers in the order in which frames hold them."""
    groups: tuple[slice, ...]
    """Runs of tiers of one elasticity, in that order."""

    def of_variables(
        self, frame: Frame, offers: FloatArray, caps: FloatArray | None = None, filler: float = 0.0
    ) -> FloatArray:
        """Per variable, values of offers (m, O) and of caps (m, C), 0 without the latter; not to be changed.

        Padding gets 0, or ``filler`` for caps.
        """
        out = frame.from_offers.take(offers, 0.0)
        if frame.capped and caps is not None:
            out[frame.from_caps.places] = caps.reshape(-1)[frame.from_caps.source]
            out[frame.from_caps.padding] = filler
        return out

    def of_tiers(self, frame: Frame, values: FloatArray, filler: float) -> FloatArray:
        """(K, buyers) of (m, N, K) values; padding gets ``filler``. Not to be changed."""
        tiers, needs = values.shape[2], frame.from_needs
        if needs.as_given and tiers == 1:
            return values.reshape(1, -1)
        key = "tiers", self.order.tobytes()
        if key not in frame.memory:
            frame.memory[key] = needs.source * tiers + self.order[:, None]
        out: FloatArray = np.take(values, frame.memory[key])
        if len(needs.padding):
            out[:, needs.padding] = filler
        return out


def tiers_sorted(
    demand: FloatArray, reservation: FloatArray, elasticity: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Tiers of (m, N, K) in the order that :func:`tier_order` gives those of shared elasticities.

    Sums over tiers then add in one order, so that a member has the same bits either way.
    """
    if elasticity.ndim <= 1:
        return demand, reservation, elasticity
    order = np.argsort(elasticity, axis=-1, kind="stable")
    demand, reservation, elasticity = (
        np.take_along_axis(values, order, axis=-1) for values in (demand, reservation, elasticity)
    )
    return demand, reservation, elasticity


def tier_order(elasticity: FloatArray, tiers: int) -> tuple[IntArray, tuple[slice, ...]]:
    """Tiers of the same elasticity next to each other, and the runs of such."""
    order, starts = np.arange(tiers), list(range(tiers))
    # Whether arrays happen to agree could depend on who shares the batch: those are never joined.
    if elasticity.ndim <= 1:
        values = np.array(np.broadcast_to(elasticity, (tiers,)))
        order = np.argsort(values, kind="stable")
        starts = np.flatnonzero(np.diff(values[order], prepend=-1.0)).tolist()
    return order, tuple(slice(a, b) for a, b in zip(starts, [*starts[1:], tiers], strict=True))
