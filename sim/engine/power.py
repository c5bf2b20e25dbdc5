"""What owners who join or part make of mark-ups: sellers answer each other on the last step's flows."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property

import numpy as np

from sim.agents.firms import Buyers, Owned, Rivalry, flows_at, owned_by
from sim.agents.prepared import Prepared
from sim.agents.state import State
from sim.arrays import FloatArray, IntArray
from sim.controls import Controls
from sim.instruments import Instrument
from sim.units import Amount

__all__ = ["MarketPower"]


class MarketPower:
    """Mark-ups over those of the base year's owners.

    Only the owners count: what else has changed moves prices by itself. Where nobody has joined or parted,
    and in markets where it makes no difference, mark-ups are those of the base year, to the bit.
    """

    def __init__(self, prepared: Prepared, events: Sequence[Instrument] = ()) -> None:
        """Args: ``events`` of the run, of which some may join owners in the base year."""
        self._prepared = prepared
        base = Controls(prepared.world)
        for event in events:
            if event.ends_base_year:
                event.apply(base, 1.0)
        self._base: IntArray = base.markup_owner[0]
        behaviour = prepared.behaviour
        self._sigma = np.atleast_2d(prepared.sigma)
        self._eta = _column(behaviour.shared_or_each("markup_demand_elasticity"))
        self._weight = _column(behaviour.shared_or_each("world_share_weight"))
        self._seen: State | None = None
        self._buyers: dict[int, Buyers] = {}
        self._usual: dict[int, Owned] = {}
        self._owned: dict[tuple[int, bytes], Owned | None] = {}

    @cached_property
    def most(self) -> list[FloatArray]:
        """Per good (S,) largest rise of an ask: what a tonne is worth to those who need it most."""
        world = self._prepared.world
        goods = range(len(world.goods))
        worth = [world.need_worth[world.need_slice(good)].max(initial=1.0) for good in goods]
        sellers = [world.offer_slice(good) for good in goods]
        return [np.full(here.stop - here.start, top) for here, top in zip(sellers, worth, strict=True)]

    def see(self, state: State) -> None:
        """Take note of where the last step has left the market."""
        self._seen = state

    def ratio(
        self, controls: Controls, kernels: tuple[FloatArray, ...], start: FloatArray | None = None
    ) -> FloatArray:
        """(1 or M, O) mark-ups over those of the base year's owners; not to be changed.

        What holds in a part of the step, or is likely to a part, counts by that part.

        Args:
            kernels: per good (S, B) or (M, S, B) sourcing weights under the policy.
            start: (M, O) mark-ups from which sellers set out, near what they come to; None far from it.

        Equation (M128), docs/model.md, for ``mr_s``.
        """
        total = self._of(controls.base_owner, kernels, start)
        before = total
        for share, owner in controls.ownerships():
            after = self._of(owner, kernels, start)
            part = np.atleast_1d(np.asarray(share, dtype=np.float64))[:, None]
            total = total + part * (after - before)
            before = after
        return total

    def moves(self, controls: Controls) -> bool:
        """Whether mark-ups may differ from those of the base year's owners."""
        return bool(controls.owner_changes) or not (controls.base_owner == self._base).all()

    def _of(
        self, owner: IntArray, kernels: tuple[FloatArray, ...], start: FloatArray | None
    ) -> FloatArray:
        """(1 or M, O) mark-ups under owners (1 or M, F), each different ownership once."""
        world, members = self._prepared.world, self._prepared.members
        ratio: FloatArray = np.ones((members, len(world.offer_good)))
        first = ratio if start is None else start
        if (owner == owner[:1]).all():
            different, which = owner[:1], np.zeros(members, dtype=np.int64)
        else:
            different, which = np.unique(owner, axis=0, return_inverse=True)
            which = np.broadcast_to(which.reshape(-1), (members,))
        for number, row in enumerate(different):
            if not np.array_equal(row, self._base):
                rows = np.flatnonzero(which == number)
                for good in range(len(world.goods)):
                    after = self._changed(good, row)
                    if after is not None:
                        here, usual = world.offer_slice(good), self._usual_of(good)
                        rivalry = self._rivalry(good, rows, kernels[good])
                        ratio[rows, here] = rivalry.ratio(usual.of(rows), after.of(rows), first[rows, here])
        return ratio

    def _rivalry(self, good: int, rows: IntArray, kernel: FloatArray) -> Rivalry:
        world = self._prepared.world
        offers, needs = world.offer_slice(good), world.need_slice(good)
        assert self._seen is not None
        price, required, rate = self._seen.gate_price, self._seen.required, self._seen.rate
        sigma = _some(self._sigma[:, good : good + 1], rows)
        drawn = np.log(price[rows, offers]) - np.log(self._seen.sourcing_weight[rows, offers]) / sigma
        weights = kernel[rows] if kernel.ndim == 3 and len(kernel) > 1 else kernel
        # Before the first step nobody has required anything yet: what the base year did.
        known = np.add.reduce(required[rows], axis=1, keepdims=True) > 0
        demand = np.where(known, required[rows, needs], world.need_use[needs])
        flow = flows_at(weights, sigma, drawn, demand, rate[rows, offers] > 0)
        flow = self._markets(good).groups.sums(flow)
        return Rivalry(flow, sigma, _some(self._eta, rows), _some(self._weight, rows), self.most[good])

    def _markets(self, good: int) -> Buyers:
        if good not in self._buyers:
            self._buyers[good] = Buyers.of(self._prepared.world, good)
        return self._buyers[good]

    def _usual_of(self, good: int) -> Owned:
        if good not in self._usual:
            self._usual[good] = self._owners(good, self._base)
        return self._usual[good]

    def _owners(self, good: int, owner: IntArray) -> Owned:
        fringe = self._prepared.fringe[:, good : good + 1]
        return owned_by(self._prepared.world, good, owner, fringe, self._markets(good).facility)

    def _changed(self, good: int, owner: IntArray) -> Owned | None:
        """Who prices a good's sellers together; None where that is as in the base year."""
        world = self._prepared.world
        if world.offer_slice(good).stop == world.offer_slice(good).start:
            return None
        key = good, owner.tobytes()
        if key not in self._owned:
            usual, now = self._usual_of(good), self._owners(good, owner)
            same = (
                np.array_equal(usual.together, now.together)
                and np.array_equal(usual.firms_each, now.firms_each)
                and np.array_equal(usual.own, now.own)
            )
            self._owned[key] = None if same else now
        return self._owned[key]


def _column(value: Amount) -> FloatArray:
    """(1 or M, 1)"""
    return np.reshape(np.asarray(value, dtype=np.float64), (-1, 1))


def _some(values: FloatArray, rows: IntArray) -> FloatArray:
    """(1 or R, n) of some members, where members differ."""
    return values if len(values) == 1 else values[rows]
