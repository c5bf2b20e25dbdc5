"""The ledger: tonnes, dollars and agents that each event acted on, step by step and by pair.

What an event touches it says itself, in :class:`~sim.controls.Controls`; here that is weighed with what flows
in this run and what flowed in the base year. See ``docs/results.md``, section "Ledger".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sim.arrays import BoolArray, FloatArray, Groups, IntArray
from sim.controls import Controls
from sim.engine.result import Acting, StepResult
from sim.engine.run import Run
from sim.units import Amount
from sim.world.world import World

__all__ = ["Ledger", "touched"]


@dataclass
class _Touched:
    """What one event acts on under the policy of now."""

    share: FloatArray
    """(M, 1) share of the step, at most 1."""
    weights: tuple[FloatArray, ...] | None
    """Per good (S, B) 1 on its links."""
    links: BoolArray | None
    base_by_good: FloatArray
    """(G,) base-year tonnes per step on its links, in the whole step."""
    offers: IntArray
    needs: IntArray
    agents: int
    """Facilities that sell, buy, make or use any of it in the base year."""


def touched(
    world: World, controls: Controls, shares: Mapping[str, Amount], step_years: float
) -> dict[str, tuple[Amount, Amount]]:
    """Per event the base-year tonnes and USD of one step that it acts on; of newcomers those at capacity."""
    made = np.where(world.comes_later, world.offer_capacity, world.offer_output)
    result: dict[str, tuple[Amount, Amount]] = {}
    for event, strength in shares.items():
        # A tariff at twice its rate acts on no more tonnes.
        share = np.minimum(strength, 1.0) if np.ndim(strength) else min(float(strength), 1.0)
        tonnes = usd = 0.0
        links = controls.touched_links.get(event)
        if links is not None:
            for g, flow in enumerate(world.base_flow):
                amount = float((flow * links[g][np.ix_(*world.link_countries(g))]).sum())
                tonnes, usd = tonnes + amount, usd + amount * world.goods[g].base_price
        for mask, amounts, goods in (
            (controls.touched_offers.get(event), made, world.offer_good),
            (controls.touched_needs.get(event), world.need_use, world.need_good),
        ):
            if mask is not None:
                tonnes += float(amounts[mask].sum())
                usd += float((amounts * world.base_price[goods])[mask].sum())
        result[event] = (tonnes * share * step_years, usd * share * step_years)
    return result


class Ledger:
    """Totals of one run.

    Attributes:
        columns: name -> (M, E) of the step booked last. agents: (M, E) most facilities acted on so far.
        reached: event and ``offer`` or ``need`` -> positions of those that it has acted on so far.
    """

    def __init__(self, case: Run, links: Groups) -> None:
        prepared = case.prepared
        self._case, self._links = case, links
        self._world, self._events = case.world, case.events
        self._members, self._step_years = prepared.members, prepared.step_years
        flows = prepared.benchmark.flow
        flat = np.concatenate([block.ravel() for block in flows])[None] * self._step_years
        self._base_links = links.sums(flat)[0]
        self._base_flow = flows
        self.agents = np.zeros((self._members, len(self._events)), dtype=np.int64)
        self.columns: dict[str, FloatArray] = {}
        self.reached: dict[tuple[int, str], set[int]] = {}
        self._touched: dict[int, _Touched] = {}
        self._controls: Controls | None = None
        self._by_link: dict[tuple[int, bytes], tuple[IntArray, FloatArray, FloatArray]] = {}
        self._segment: list[tuple[int, _Touched, FloatArray]] = []
        self._base: dict[str, tuple[Amount, Amount]] = {}

    def set_policy(self, controls: Controls, shares: Mapping[str, Amount]) -> bool:
        """Take over the policy of a step; True where the links acted on or their shares have changed."""
        if controls is self._controls:
            return False
        self._controls = controls
        self._base = touched(self._world, controls, shares, self._step_years)
        before = {e: (t.share.tobytes(), t.links) for e, t in self._touched.items() if t.links is not None}
        old = self._touched
        self._touched = {}
        for position, event in enumerate(self._events):
            share = np.broadcast_to(np.asarray(shares.get(event.id, 0.0)), (self._members,))
            # Links are noted even where no member is concerned: rows must not depend on who shares the batch.
            if share.any() or event.id in controls.touched_links:
                found = self._touch(event.id, controls, np.minimum(share, 1.0)[:, None], old.get(position))
                self._touched[position] = found
                for side, rows in (("offer", found.offers), ("need", found.needs)):
                    if len(rows):
                        self.reached.setdefault((position, side), set()).update(rows.tolist())
                seen = found.agents * (share > 0)
                self.agents[:, position] = np.maximum(self.agents[:, position], seen)
        now = {e: (t.share.tobytes(), t.links) for e, t in self._touched.items() if t.links is not None}
        same = before.keys() == now.keys() and all(
            before[e][0] == now[e][0] and np.array_equal(before[e][1], now[e][1]) for e in now
        )
        return not same

    def _touch(self, event: str, controls: Controls, share: FloatArray, old: _Touched | None) -> _Touched:
        world = self._world
        links = controls.touched_links.get(event)
        offers = np.flatnonzero(controls.touched_offers.get(event, np.zeros(0, dtype=bool)))
        needs = np.flatnonzero(controls.touched_needs.get(event, np.zeros(0, dtype=bool)))
        agents = {*world.offer_facility[offers].tolist(), *world.need_facility[needs].tolist()}
        if links is None:
            none = np.zeros(len(world.goods))
            return _Touched(share, None, None, none, offers, needs, len(agents))
        if old is not None and old.links is not None and np.array_equal(old.links, links):
            return _Touched(share, old.weights, links, old.base_by_good, offers, needs, old.agents)
        weights, base = [], np.zeros(len(world.goods))
        for g, flow in enumerate(world.base_flow):
            mask = links[g][np.ix_(*world.link_countries(g))].astype(np.float64)
            weights.append(mask)
            base[g] = (self._base_flow[g] * mask).sum() * self._step_years
            sold = flow * mask > 0
            agents.update(world.offer_facility[world.offer_slice(g)][sold.any(1)].tolist())
            agents.update(world.need_facility[world.need_slice(g)][sold.any(0)].tolist())
        return _Touched(share, tuple(weights), links, base, offers, needs, len(agents))

    def book(self, result: StepResult) -> None:
        """Weigh the step that has just ended."""
        shape = self._members, len(self._events)
        names = (
            "event_tonnes", "event_usd", "event_flow", "event_change", "event_flow_usd", "event_waiting",
            "event_filed", "event_approved",
        )  # fmt: skip
        tonnes, value, flow, change, usd, waiting, filed, approved = (np.zeros(shape) for _ in names)
        world, price = self._world, result.prices.standing("gate")
        for position, found in self._touched.items():
            by_good = np.zeros((self._members, len(world.goods)))
            base = found.base_by_good.copy()
            tonnes[:, position], value[:, position] = self._base[self._events[position].id]
            if not found.share.any():
                continue
            if found.weights is not None:
                traded = result.clearing.to_buyers(found.weights)
                by_good += self._case.observer.of_needs(traded)
            for at, now, usual, goods in (
                (found.offers, result.output, world.offer_output, world.offer_good),
                (found.needs, result.required, world.need_use, world.need_good),
            ):
                for good in np.unique(goods[at]).tolist():
                    mine = at[goods[at] == good]
                    by_good[:, good] += np.take(now, mine, axis=1).sum(1)
                    base[good] += usual[mine].sum() * self._step_years
            flow[:, position] = by_good.sum(1) * found.share[:, 0]
            change[:, position] = (by_good - base).sum(1) * found.share[:, 0]
            usd[:, position] = (by_good * price).sum(1) * found.share[:, 0]
        # An event with a memory acts on what it moves or takes away, not on all that its country uses.
        for event, moved in result.moved.items():
            position, size = self._place(event), np.abs(moved)
            # A pact tilts trade, too.
            beside = float(event in result.controls.touched_links)
            flow[:, position] = beside * flow[:, position] + size.sum(1)
            change[:, position] = beside * change[:, position] + moved.sum(1)
            usd[:, position] = beside * usd[:, position] + (size * price).sum(1)
        self._book_rules(result.acting, (tonnes, value, flow, change, usd))
        for event, queue in result.queues.items():
            position = self._place(event)
            waiting[:, position], filed[:, position] = queue.waiting, queue.filed
            approved[:, position] = queue.approved
        columns = tonnes, value, flow, change, usd, waiting, filed, approved
        self.columns = dict(zip(names, columns, strict=True))

    def _place(self, name: str) -> int:
        return next(i for i, event in enumerate(self._events) if event.id == name)

    def _book_rules(self, rules: Sequence[Acting], columns: Sequence[FloatArray]) -> None:
        """A rule has the tonnes of the events whose strength it has changed."""
        for name, targets, acting in rules:
            position = self._place(name)
            agents = np.zeros(self._members, dtype=np.int64)
            for target in targets:
                other = self._place(target)
                for column in columns:
                    column[:, position] += column[:, other] * acting
                agents = np.maximum(agents, self.agents[:, other] * acting)
            self.agents[:, position] = np.maximum(self.agents[:, position], agents)

    def close_segment(self, link_tonnes: FloatArray, steps: int) -> None:
        """Book the flows of some steps under one policy on the links of each event.

        Args:
            link_tonnes: (M, links) tonnes in these steps. steps: how many.
        """
        for position, found, _ in self._segment:
            assert found.links is not None
            key = position, found.links.tobytes()
            if key not in self._by_link:
                at = np.flatnonzero(found.links.ravel()[self._links.keys])
                empty = np.zeros((self._members, len(at)))
                self._by_link[key] = at, empty, empty.copy()
            at, flow, base = self._by_link[key]
            flow += link_tonnes[:, at] * found.share
            base += self._base_links[at] * found.share * steps
        self._segment = []

    def open_segment(self) -> None:
        """Note on which links events act in the steps to come."""
        self._segment = [(e, t, t.share) for e, t in self._touched.items() if t.links is not None]

    def table(self) -> tuple[IntArray, IntArray, FloatArray, FloatArray]:
        """Rows of event and link: event (R,), link key (R,), tonnes in the run and base year, (M, R) each."""
        rows_of: set[tuple[int, int]] = set()
        for (event, _), (at, _, _) in self._by_link.items():
            used = at[self._base_links[at] > 0]
            rows_of.update((event, link) for link in self._links.keys[used].tolist())
        rows = sorted(rows_of)
        place = {row: i for i, row in enumerate(rows)}
        tonnes, usual = (np.zeros((self._members, len(rows))) for _ in range(2))
        for (event, _), (at, flow, base) in self._by_link.items():
            for k, link in enumerate(self._links.keys[at].tolist()):
                row = place.get((event, link))
                if row is not None:
                    tonnes[:, row] += flow[:, k]
                    usual[:, row] += base[:, k]
        pairs = np.array(rows, dtype=np.int64).reshape(-1, 2)
        return pairs[:, 0], pairs[:, 1], tonnes, usual
