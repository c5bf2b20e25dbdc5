"""Gates at the border: licences that queue, quotas that are counted, and what lies in their books."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.agents.holding import share_of_step
from sim.agents.licences import LicenceQueue
from sim.agents.prepared import Prepared
from sim.agents.quotas import QuotaAccount
from sim.agents.resale import sold_on
from sim.arrays import FloatArray, Saved
from sim.controls import Licence
from sim.engine.markets import Gate, GateKey, PolicyMarket
from sim.engine.result import Queued
from sim.errors import MonaziteError
from sim.market.clearing import Clearing
from sim.units import Amount

__all__ = ["Gates"]


class Gates:
    """The books of all gates in force.

    Attributes:
        queues: applications and permits of each licence, by good, origin, destinations and which of such.
        quotas: what is left of each quota that is counted, by event, good, origin, destinations and offers.
        leaks: (M,) share of base-year trade that passes each ban that leaks, by the same.
        resold: (M,) share of it that third countries can sell on, of each ban that spares some, by the same.
        ways: both together.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self.queues: dict[GateKey, LicenceQueue] = {}
        self.quotas: dict[GateKey, QuotaAccount] = {}
        self.leaks: dict[GateKey, FloatArray] = {}
        self.resold: dict[GateKey, FloatArray] = {}
        self.ways: Mapping[GateKey, FloatArray] = _Ways(self.leaks, self.resold)
        self._leaking: dict[GateKey, FloatArray] = {}
        self._event: dict[GateKey, str] = {}
        # Who made nothing in the base year counts in full.
        world = prepared.world
        part = np.divide(world.offer_output, world.offer_capacity, out=np.ones(len(world.offer_output)),
                         where=(world.offer_output > 0) & (world.offer_capacity > 0))  # fmt: skip
        self._usual_part: FloatArray = part

    def keep(self, market: PolicyMarket) -> None:
        """Forget queues and accounts of what is no longer in force."""
        for gate in market.gates:
            if isinstance(gate.rule, Licence) and gate.key not in self.queues:
                self._hand_over(gate.key, gate.rule.event)
        kept = {gate.key for gate in market.gates}
        self.queues = {key: queue for key, queue in self.queues.items() if key in kept}
        self.quotas = {key: account for key, account in self.quotas.items() if key in kept}
        # In place: who looks ahead reads them, too.
        for found in (self.leaks, self.resold):
            for key in set(found) - kept:
                del found[key]

    def _hand_over(self, key: GateKey, event: str) -> None:
        """Keep the queue of an event that comes and goes member by member from now on, or no longer does.

        Such events have queues by their names, others by number; which is which may change where a checkpoint
        is resumed under another scenario.
        """
        for other in self.queues:
            if other[:3] == key[:3] and self._event[other] == event and type(other[3]) is not type(key[3]):
                self.queues[key] = self.queues.pop(other)
                return

    def open(
        self,
        market: PolicyMarket,
        stocks: tuple[FloatArray, FloatArray],
        required: FloatArray,
        capacity: FloatArray,
        shares: Mapping[str, Amount],
    ) -> FloatArray:
        """File applications for what licensed buyers need, decide what is due, and allot quotas.

        Args:
            stocks: tonnes on hand of sellers (M, O) and of buyers (M, N).
            required: (M, N) tonnes that buyers need this step.
            capacity: (M, O) t/year that facilities can make.
            shares: event id -> share of the step in which it is in force.

        Returns:
            (M, O) tonnes that wait for a decision and are not for sale.
        """
        members, step_years = self._prepared.members, self._prepared.step_years
        seller_stock, buyer_stock = stocks
        waiting = np.zeros_like(seller_stock)
        for gate in market.gates:
            share = shares.get(gate.rule.event, 1.0)
            if not isinstance(gate.rule, Licence) and gate.rule.passes_by_others:
                self._pass_by_others(market, gate, buyer_stock, share)
                continue
            if not isinstance(gate.rule, Licence):
                account = self.quotas.setdefault(gate.key, QuotaAccount(np.zeros(members)))
                if gate.rule.makers is None:
                    account.allot(gate.rule, share, step_years)
                else:
                    makers = np.flatnonzero(gate.rule.makers)
                    usual = (np.take(capacity, makers, axis=1) * self._usual_part[makers]).sum(1)
                    account.allot_part(usual * step_years, share * gate.rule.part)
                continue
            waiting[:, gate.offers] += self._queue(gate, gate.rule, seller_stock, required, share)
        return waiting

    def _pass_by_others(
        self, market: PolicyMarket, gate: Gate, buyer_stock: FloatArray, share: Amount
    ) -> None:
        """What finds its way around a ban in this step, and what third countries can sell on.

        Equation (M187), docs/model.md, for ``rsl_g``.
        """
        assert not isinstance(gate.rule, Licence)
        members, step_years = self._prepared.members, self._prepared.step_years
        passes = np.zeros(members)
        if gate.rule.leaks:
            passes = self.leaks.setdefault(gate.key, passes)
        if gate.rule.resold:
            tonnes = sold_on(self._prepared, buyer_stock, gate.holders, gate.open_to)
            barred = market.barred_together(gate) * step_years
            self.resold[gate.key] = tonnes / barred if barred > 0 else np.zeros(members)
            passes = passes + self.resold[gate.key]
        self._leaking[gate.key] = passes * (share * market.base_cap_flow[gate.cap] * step_years)

    def _queue(
        self, gate: Gate, licence: Licence, seller_stock: FloatArray, required: FloatArray, share: Amount
    ) -> FloatArray:
        """One licence's step: file, decide; (M, S) tonnes that wait.

        Equation (M49), docs/model.md, for ``app_s``.
        """
        prepared, at = self._prepared, gate.offers
        step_years = prepared.step_years
        if gate.key not in self.queues:
            self.queues[gate.key] = LicenceQueue.empty(prepared.members, len(at), licence, step_years)
        queue = self.queues[gate.key]
        self._event[gate.key] = licence.event
        queue.resize(licence, step_years)
        activity = required[:, gate.needs] / (prepared.benchmark.normal_use[gate.needs] * step_years)
        # Not a matrix product: its last bit would depend on the number of members.
        licensed = np.reshape(share * (1 - licence.free_share), (-1, 1))
        # Nor in the order in which indexing leaves members, side by side: that of a sum depends on it.
        wanted = (np.ascontiguousarray(activity)[:, None] * (gate.base * step_years)).sum(-1) * licensed
        reserve = prepared.behaviour["seller_reserve_share"] * prepared.kept_stock[:, at]
        free = seller_stock[:, at] - reserve - queue.held
        queue.apply_for(np.clip(wanted, 0.0, np.maximum(free, 0.0)), licence, step_years)
        # Deciding after filing: what is filed in a step may be due in it, so that a delay lasts as stated.
        overrun = prepared.behaviour["licence_overrun"][:, 0]
        queue.decide(licence.approval_share, queue.pace(licence, overrun, step_years))
        queue.drop(np.asarray(share) <= 0)
        return queue.held

    def in_hand(self, market: PolicyMarket) -> dict[int, FloatArray]:
        """Cap -> (M,) tonnes of permits, or of what is left of the quota."""
        return {
            gate.cap: self.queues[gate.key].allowed
            if isinstance(gate.rule, Licence)
            else self._leaking[gate.key]
            if gate.rule.passes_by_others
            else self.quotas[gate.key].left
            for gate in market.gates
        }

    def leak(self, market: PolicyMarket, clearing: Clearing, shares: Mapping[str, Amount]) -> None:
        """What a step's prices make of the ways around bans.

        Equations (M166) and (M167), docs/model.md, for ``apart_g`` and ``leak_g``.
        """
        behaviour, base_index = self._prepared.behaviour, self._prepared.benchmark.base_index
        growth, decay = behaviour["leak_growth"][:, 0], behaviour["leak_decay"][:, 0]
        margin = behaviour["leak_margin"][:, 0]
        for gate in market.gates:
            if isinstance(gate.rule, Licence) or not gate.rule.leaks:
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

    def use(self, market: PolicyMarket, cap_flow: FloatArray, shares: Mapping[str, Amount]) -> None:
        """Book exports, (M, C) tonnes, on permits and quotas; what passes freely needs neither."""
        for gate in market.gates:
            free = market.free_tonnes(gate.cap, shares, self._prepared.step_years)
            in_force = np.asarray(shares.get(gate.rule.event, 1.0)) > 0
            used = np.maximum(cap_flow[:, gate.cap] - free, 0.0) * in_force
            if isinstance(gate.rule, Licence):
                self.queues[gate.key].use(used)
            elif not gate.rule.passes_by_others:
                self.quotas[gate.key].use(used)

    def keys(self) -> list[dict[str, Any]]:
        """What each row of :meth:`arrays` is about, as words and numbers, for a checkpoint."""
        rows: list[dict[str, Any]] = []
        key: Any
        for key in self.queues:
            good, origin, to, which = key
            place = {"good": int(good), "origin": int(origin), "to": to.hex(), "which": which}
            rows.append({"kind": "licence", "event": self._event[key], **place})
        for key, account in self.quotas.items():
            rows.append({"kind": "quota", **_row_of(key), "period": account.period})
        for kind, found in (("leak", self.leaks), ("resold", self.resold)):
            rows += [{"kind": kind, **_row_of(key)} for key in found]
        return rows

    def arrays(self) -> dict[str, npt.NDArray[Any]]:
        """All books, by the number of their row in :meth:`keys`."""
        found = {
            f"{row}/{field.name}": getattr(queue, field.name)
            for row, queue in enumerate(self.queues.values())
            for field in fields(queue)
        }
        first = len(self.queues)
        found |= {f"{first + i}/left": account.left for i, account in enumerate(self.quotas.values())}
        first += len(self.quotas)
        found |= {f"{first + i}/leak": share for i, share in enumerate(self.leaks.values())}
        first += len(self.leaks)
        return found | {f"{first + i}/resold": share for i, share in enumerate(self.resold.values())}

    def restore(self, keys: Sequence[Mapping[str, Any]], saved: Saved) -> None:
        """Take over books; those of measures that are no longer there lapse in the next step.

        Raises:
            MonaziteError: a row or an array does not fit.
        """
        for number, row in enumerate(keys):
            try:
                self._restore_row(number, row, saved)
            except (AttributeError, LookupError, TypeError, ValueError, OverflowError) as error:
                raise MonaziteError(
                    f"row {number} of the checkpoint's licences and quotas is damaged ({error!r:.60})"
                ) from None

    def _restore_row(self, number: int, row: Mapping[str, Any], saved: Saved) -> None:
        world, members = self._prepared.world, np.zeros(self._prepared.members)
        event, good, origin, to = str(row["event"]), row["good"], row["origin"], bytes.fromhex(row["to"])
        if row["kind"] in ("quota", "leak", "resold"):
            key = event, int(good), int(origin), to, bytes.fromhex(row["offers"])
            if row["kind"] != "quota":
                found = self.leaks if row["kind"] == "leak" else self.resold
                found[key] = saved.take(f"{number}/{row['kind']}", members)
                return
            period = None if row["period"] is None else str(row["period"])
            self.quotas[key] = QuotaAccount(saved.take(f"{number}/left", members), period)
            return
        which = row["which"] if isinstance(row["which"], int) else str(row["which"])
        sellers = int(((world.offer_good == int(good)) & (world.offer_country == int(origin))).sum())
        waiting = saved.take(f"{number}/waiting", np.zeros((len(members), 1, sellers)), free=(1,))
        permits = saved.take(f"{number}/permits", np.zeros((len(members), 1)), free=(1,))
        life = saved.take(f"{number}/life", np.ones(len(members), dtype=np.int64), 1, permits.shape[1])
        late = saved.take(f"{number}/late", waiting[:, 0])
        filed, approved = (saved.take(f"{number}/{name}", members) for name in ("filed", "approved"))
        self.queues[int(good), int(origin), to, which] = LicenceQueue(
            waiting, late, permits, life, filed, approved
        )
        self._event[int(good), int(origin), to, which] = event

    def books(self, market: PolicyMarket) -> dict[str, Queued]:
        """How the licence queues of each event stand."""
        found: dict[str, Queued] = {}
        for gate in market.gates:
            queue = self.queues.get(gate.key)
            if queue is None:
                continue
            own = Queued(queue.undecided, queue.filed, queue.approved)
            other = found.get(gate.rule.event)
            found[gate.rule.event] = own if other is None else other + own
        return found


class _Ways(Mapping[GateKey, FloatArray]):
    """Shares of base-year trade that pass bans by others, of all kinds together; follows its parts."""

    def __init__(self, *parts: Mapping[GateKey, FloatArray]) -> None:
        self._parts = parts

    def __getitem__(self, key: GateKey) -> FloatArray:
        found = [part[key] for part in self._parts if key in part]
        if not found:
            raise KeyError(key)
        total: FloatArray = np.add.reduce(found)
        return total

    def __iter__(self) -> Iterator[GateKey]:
        return iter(dict.fromkeys(key for part in self._parts for key in part))

    def __len__(self) -> int:
        return len(list(iter(self)))


def _row_of(key: Any) -> dict[str, Any]:
    """The key of a quota or of a ban that leaks, as JSON has it."""
    event, good, origin, to, offers = key
    return {"event": event, "good": int(good), "origin": int(origin), "to": to.hex(), "offers": offers.hex()}


def _mean(values: FloatArray, weight: FloatArray) -> FloatArray:
    """(M,) means of values (M, n), weighted by (1 or M, n); 0 where nothing weighs."""
    total = np.ascontiguousarray(weight).sum(axis=1)
    summed = np.ascontiguousarray(values * weight).sum(axis=1)
    found: FloatArray = np.divide(summed, total, out=np.zeros(len(summed)), where=total > 0)
    return found
