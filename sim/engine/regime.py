"""What policy makes of a step: controls, the market under them, mark-ups. Made anew only where it changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sim.agents.state import State
from sim.arrays import FloatArray
from sim.controls import Controls
from sim.engine.markets import PolicyMarket, build_market
from sim.engine.policy import active_controls, policy_key
from sim.engine.power import MarketPower
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
    """(1 or M, O) mark-up over that of the base year's owners."""


class Regimes:
    """The regime of each step of a run."""

    def __init__(self, case: Run, rules: Rules, processes: Sequence[Process]) -> None:
        self._case, self._rules, self._processes = case, rules, processes
        self._acts = any(process.acts for process in processes)
        self.power = MarketPower(case.prepared, case.events)
        self._key: object = None
        self._now: Regime | None = None

    def of(self, time: int, state: State) -> Regime:
        """The regime of a step: the same object as long as nothing changes but what owners make of it.

        Args:
            state: as the last step has left it.
        """
        case, rules, owner = self._case, self._rules, state.owner
        start, end = case.dates[time], case.dates[time + 1]
        key = policy_key(case.events, start, end), rules.key, owner.tobytes()
        self.power.see(state)
        if self._now is None or self._acts or key != self._key:
            controls, shares = active_controls(
                case.world, rules.eased(), (start, end), case.happens, rules.strengths, owner
            )
            for process in self._processes:
                process.act(controls, shares)
            market = build_market(case.prepared, controls, case.differing)
            self._now = Regime(controls, shares, market, self._ratio(controls, market, state))
            self._key = key
        elif self.power.moves(self._now.controls):
            ratio = self._ratio(self._now.controls, self._now.market, state)
            self._now = replace(self._now, markup_ratio=ratio)
        return self._now

    def _ratio(self, controls: Controls, market: PolicyMarket, state: State) -> FloatArray:
        return self.power.ratio(controls, market.market.kernel, state.markup)
