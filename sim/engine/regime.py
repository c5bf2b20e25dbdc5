"""What policy makes of a step: controls, the market under them, mark-ups. Made anew only where it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim.agents.firms import markups, markups_by_member
from sim.arrays import FloatArray, IntArray
from sim.controls import Controls
from sim.engine.markets import PolicyMarket, build_market
from sim.engine.policy import active_controls, policy_key
from sim.engine.rules import Rules
from sim.engine.run import Run
from sim.instruments.process import Process
from sim.units import Amount

__all__ = ["Regime", "Regimes"]


@dataclass(frozen=True)
class Regime:
    """The policy of some steps."""

    controls: Controls
    shares: Mapping[str, Amount]
    """Event id -> share of the step in which it is in force, one number or (M,)."""
    market: PolicyMarket
    markup_ratio: FloatArray
    """(1 or M, O) mark-up over that of the base year."""


class Regimes:
    """The regime of each step of a run."""

    def __init__(self, case: Run, rules: Rules, processes: Sequence[Process]) -> None:
        self._case, self._rules, self._processes = case, rules, processes
        self._acts = any(process.acts for process in processes)
        behaviour = case.prepared.behaviour
        self._eta = behaviour.shared_or_each("markup_demand_elasticity")
        self._ceiling = behaviour.shared_or_each("markup_ceiling")
        base_owner, sigma = Controls(case.world).markup_owner[0], case.prepared.sigma
        self._base_markup = markups(case.world, base_owner, sigma, self._eta, self._ceiling)
        self._ratio: tuple[IntArray, FloatArray] | None = None
        """Who owned what last, and the ratio then: it changes with mergers alone."""
        self._key: object = None
        self._now: Regime | None = None

    def of(self, time: int, owner: IntArray) -> Regime:
        """The regime of a step: the same object as long as nothing changes.

        Args:
            owner: (1 or M, F) number of the firm that owns each facility.
        """
        case, rules = self._case, self._rules
        start, end = case.dates[time], case.dates[time + 1]
        key = policy_key(case.events, start, end), rules.key, owner.tobytes()
        if self._now is None or self._acts or key != self._key:
            controls, shares = active_controls(
                case.world, rules.eased(), (start, end), case.happens, rules.strengths, owner
            )
            for process in self._processes:
                process.act(controls, shares)
            market = build_market(case.prepared, controls, case.differing)
            self._now = Regime(controls, shares, market, self.ratio(controls))
            self._key = key
        return self._now

    def ratio(self, controls: Controls) -> FloatArray:
        """(1 or M, O) mark-ups over those of the base year; not to be changed."""
        owner, sigma = controls.markup_owner, self._case.prepared.sigma
        if self._ratio is None or not np.array_equal(self._ratio[0], owner):
            now = markups_by_member(self._case.world, owner, sigma, self._eta, self._ceiling)
            self._ratio = owner.copy(), now / self._base_markup
        return self._ratio[1]
