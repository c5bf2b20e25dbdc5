"""What the members of one batch ask of the markets, as the caller gave it, and how frames read it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from sim.market.layout import FloatArray, IntArray, Market, Terms
from sim.market.solver.frame import Frame

__all__ = ["NO_CAP", "Given", "Inputs", "given_by", "some", "tier_order", "tiers_sorted"]

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
    held: FloatArray | None = None
    """(m, N) tonnes that buyers have already; None where nobody has."""
    least: float = 0.0
    """Share of its tiers that a buyer orders all the same."""
    kept: FloatArray | None = None
    """(m, O) tonnes that sellers keep at their ask; None where they do not keep anything."""
    keep_elasticity: float = 1.0

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


@dataclass(frozen=True)
class Given:
    """What all M members ask, checked, tiers in the order of summation."""

    quantity: FloatArray
    """(M, O)"""
    ask: FloatArray
    """(M, O)"""
    demand: FloatArray
    """(M, N, K)"""
    reservation: FloatArray
    """(M, N, K)"""
    elasticity: FloatArray
    """(K,) where all share it, else what broadcasts to (M, N, K)"""
    allowed: FloatArray
    """(M, C)"""
    signal: FloatArray | None
    """(M, O) tonnes at which an offer without goods is quoted; None for the default."""
    order: IntArray
    groups: tuple[slice, ...]
    """As in :class:`Inputs`."""
    held: FloatArray | None = None
    """(M, N)"""
    least: float = 0.0
    kept: FloatArray | None = None
    """(M, O)"""
    keep_elasticity: float = 1.0

    @property
    def per_member(self) -> int:
        """Buyers x tiers."""
        _, needs, tiers = self.demand.shape
        return int(needs * tiers)

    def of_members(self, here: slice) -> Inputs:
        """What some of the members ask."""
        wanted = self.demand
        return Inputs(
            self.quantity[here], np.log(self.ask[here]), wanted[here], self.reservation[here],
            some(self.elasticity, here, wanted.shape), self.allowed[here], self.order, self.groups,
            None if self.held is None else self.held[here], self.least,
            None if self.kept is None else self.kept[here], self.keep_elasticity,
        )  # fmt: skip


def given_by(market: Market, terms: Terms, signal_quantity: ArrayLike | None) -> Given:
    """Check the terms of all members.

    Raises:
        ValueError: a shape does not fit or a number is out of range.
    """
    members, offers, needs = np.shape(terms.quantity)[0], len(market.offer_good), len(market.need_good)
    caps, tiers = len(market.caps), np.shape(terms.demand)[-1]
    amounts = _checked("quantity", terms.quantity, (members, offers), 0.0)
    asks = _checked("ask", terms.ask, (members, offers), 1e-300)
    wanted = _checked("demand", terms.demand, (members, needs, tiers), 0.0)
    worth = _checked("reservation", terms.reservation, (members, needs, tiers), 1e-300)
    response = _checked("elasticity", terms.elasticity, None, 1e-300)
    if market.members not in (None, members):
        raise ValueError(f"the market's kernels are for {market.members} members; there are {members}")
    allowed = np.zeros((members, 0)) if terms.cap_tonnes is None and not caps else terms.cap_tonnes
    limits = _checked("cap_tonnes", allowed, (members, caps), 0.0)
    signal = None
    if signal_quantity is not None:
        signal = _checked("signal_quantity", signal_quantity, (members, offers), 0.0)
    held = None
    if terms.held is not None:
        held = _checked("held", terms.held, (members, needs), 0.0)
        if not 0 < terms.least < 1:
            raise ValueError("least must lie between 0 and 1 where buyers hold something")
    order, groups = tier_order(response, tiers)
    if response.ndim <= 1:
        response = np.array(np.broadcast_to(response, (tiers,)))
    elif response.ndim == 2:
        response = response[None]
    wanted, worth, response = tiers_sorted(wanted, worth, response)
    return Given(
        amounts, asks, wanted, worth, response, limits, signal, order, groups, held, terms.least,
        None if terms.kept is None else _checked("kept", terms.kept, (members, offers), 0.0),
        terms.keep_elasticity,
    )  # fmt: skip


def _checked(name: str, values: ArrayLike | None, shape: tuple[int, ...] | None, lowest: float) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    # Two reductions that also catch NaN: comparisons with it are false.
    if array.size and not (array.min() >= lowest and array.max() < np.inf):
        raise ValueError(f"{name} must be finite and >= {lowest:g}")
    return array


def some(values: FloatArray, here: slice, shape: tuple[int, ...]) -> FloatArray:
    """Elasticities of some members: those that all share stay as they are."""
    return values if values.ndim <= 1 else np.broadcast_to(values, shape)[here]


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
        # Number by number: tiers are few, and arrays would take ten times as long.
        values = np.broadcast_to(elasticity, (tiers,)).tolist()
        places = sorted(range(tiers), key=values.__getitem__)
        order = np.array(places, dtype=np.int64)
        starts = [n for n in range(tiers) if not n or values[places[n]] != values[places[n - 1]]]
    return order, tuple(slice(a, b) for a, b in zip(starts, [*starts[1:], tiers], strict=True))
