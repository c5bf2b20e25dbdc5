"""Regimes of the time ahead as the market of tomorrow takes them: market, ceilings, licences, mark-ups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from sim.agents.resale import usually_sold_on
from sim.agents.state import State
from sim.agents.tomorrow import Applied, Coming, Leak
from sim.arrays import BoolArray, FloatArray
from sim.controls import Controls, Licence
from sim.engine.markets import NO_CAP, PolicyMarket, build_market
from sim.engine.regime import Regimes
from sim.engine.run import Run
from sim.units import Amount

__all__ = ["Prospects"]


class Prospects:
    """Makes regimes of the time ahead.

    Args:
        response: (O,) elasticity of what sellers make within a year.
        leaks: (M,) share of base-year trade that passes each ban by others; kept up to date by its owner.
    """

    def __init__(
        self, case: Run, regimes: Regimes, response: FloatArray, leaks: Mapping[Any, FloatArray]
    ) -> None:
        self._case, self._regimes, self._response, self._leaks = case, regimes, response, leaks
        self._unseen: dict[Any, FloatArray] = {}

    def coming(
        self, controls: Controls, shares: Mapping[str, Amount], settled: Sequence[str]
    ) -> Coming:
        """A regime, from its policy, the part of it in which each event acts, and licences that decide."""
        prepared = self._case.prepared
        market = build_market(prepared, controls, self._case.differing, self._response)
        tonnes, approved = self._ceilings(market, shares, settled)
        applied = self._applied(market, approved)
        ratio = self._regimes.power.ratio(controls, market.market.kernel)
        touched = self._touched(controls, market, tonnes, ratio)
        leaks = tuple(
            Leak(gate.cap, gate.key, tonnes[:, gate.cap], shares.get(gate.rule.event, 1.0) * usual)
            for gate, usual in ((gate, market.base_cap_flow[gate.cap]) for gate in market.gates)
            if not isinstance(gate.rule, Licence) and gate.rule.passes_by_others
        )
        for gate in market.gates:
            if gate.holders is not None:
                passes = usually_sold_on(prepared, *gate.holders)
                self._unseen[gate.key] = passes / max(market.barred_together(gate), 1e-300)
        tonnes = self._leaking(tonnes, leaks)
        return Coming(controls, market.market, tonnes, applied, ratio, touched, leaks)

    def _leaking(self, tonnes: FloatArray, leaks: Sequence[Leak]) -> FloatArray:
        """(M, C) t/year with what finds its way around bans now: whoever looks ahead expects no more."""
        found = tonnes.copy() if leaks else tonnes
        for leak in leaks:
            share = self._leaks.get(leak.key, self._unseen.get(leak.key, 0.0))
            found[:, leak.cap] = leak.tight + share * leak.whole
        return found

    def see(self, state: State) -> None:
        """Take note of where the last step has left the market."""
        self._regimes.power.see(state)

    def anew(self, known: Coming) -> Coming:
        """The same regime, with mark-ups and ways around bans as the last step has left them."""
        if known.leaks:
            known = replace(known, cap_tonnes=self._leaking(known.cap_tonnes, known.leaks))
        if not self._regimes.power.moves(known.controls):
            return known
        ratio = self._regimes.power.ratio(known.controls, known.market.kernel)
        return replace(known, markup_ratio=ratio)

    def _ceilings(
        self, market: PolicyMarket, shares: Mapping[str, Amount], settled: Sequence[str]
    ) -> tuple[FloatArray, dict[int, FloatArray]]:
        """(M, C) t/year that pass each cap, and (M,) of licences what is approved where needs are as usual.

        Of applications nothing is approved before anything is decided.
        """
        tonnes = np.full((self._case.prepared.members, len(market.cap_events)), NO_CAP)
        approved: dict[int, FloatArray] = {}
        gates = {gate.cap: gate.rule for gate in market.gates}
        resales = len(market.resale_caps)
        for cap, event in enumerate(market.cap_events[: len(market.cap_events) - resales]):
            share = shares.get(event, 1.0)
            rule, base = gates.get(cap), market.base_cap_flow[cap]
            bound = (1 - share + share * market.free_shares[cap]) * base
            if not isinstance(rule, Licence):
                bound = bound + share * market.fixed_caps[cap]
            elif event in settled:
                granted = share * np.asarray(rule.approval_share) * (1 - np.asarray(rule.free_share)) * base
                approved[cap] = np.where(np.asarray(share) > 0, granted, 0.0)
            tonnes[:, cap] = np.where(np.asarray(share) > 0, bound, NO_CAP)
        return tonnes, approved

    def _touched(
        self, controls: Controls, market: PolicyMarket, tonnes: FloatArray, ratio: FloatArray
    ) -> BoolArray:
        """(M, G) goods with links, ceilings, costs, output or needs that are not the base year's."""
        world, prepared = self._case.world, self._case.prepared
        found = np.zeros((prepared.members, len(world.goods)), dtype=bool)
        pairs = zip(market.market.kernel, prepared.benchmark.kernel, strict=True)
        for good, (kernel, base) in enumerate(pairs):
            found[:, good] = (kernel != base).any(axis=(-2, -1))
        np.logical_or.at(found.T, market.market.cap_good, (tonnes < NO_CAP).T)
        of_offers = (
            ratio, controls.production_factor, controls.capacity_factor, controls.ask_factor,
            controls.own_cost_factor,
        )  # fmt: skip
        asked = controls.collection_target, controls.recycled_content, controls.recovery_subsidy
        for of_recyclers in asked if world.scrap is not None else ():
            np.logical_or.at(found.T, world.offer_good, (of_recyclers > 0).T)
        of_needs = controls.demand_factor, controls.intensity_factor, controls.budget_factor
        np.logical_or.at(found.T, world.offer_good, np.isfinite(controls.output_ceiling).T)
        for factors, good_of in ((of_offers, world.offer_good), (of_needs, world.need_good)):
            for factor in factors:
                np.logical_or.at(found.T, good_of, (factor != 1).T)
        return found

    def _applied(self, market: PolicyMarket, approved: Mapping[int, FloatArray]) -> Applied:
        """Whose applications each licence decides on, each buyer with its part of the base year's flow."""
        world, members = self._case.world, self._case.prepared.members
        caps, tonnes, needs, weights, start = [], [], [], [], [0]
        for cap, granted in approved.items():
            good, sellers, buyers = market.market.caps[cap]
            flow = self._case.prepared.benchmark.flow[good][sellers].sum(0) * buyers
            if flow.sum() > 0:
                here = np.flatnonzero(flow)
                caps.append(cap)
                tonnes.append(np.broadcast_to(granted, (members,)))
                needs.append(here + world.need_slice(good).start)
                weights.append(flow[here] / flow.sum())
                start.append(start[-1] + len(here))
        none = np.zeros(0, dtype=np.int64)
        return Applied(
            np.array(caps, dtype=np.int64),
            np.stack(tonnes, axis=1) if tonnes else np.zeros((members, 0)),
            np.concatenate([none, *needs]),
            np.concatenate([np.zeros(0), *weights]),
            np.array(start[:-1], dtype=np.int64),
        )
