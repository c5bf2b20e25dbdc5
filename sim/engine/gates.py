"""Gates at the border: licences that queue, quotas that are counted, and what lies in their books."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.agents.licences import LicenceQueue
from sim.agents.prepared import Prepared
from sim.agents.quotas import QuotaAccount
from sim.arrays import FloatArray, Saved
from sim.controls import Licence
from sim.engine.markets import Gate, GateKey, PolicyMarket
from sim.engine.result import Queued
from sim.engine.ways import Ways
from sim.errors import MonaziteError
from sim.units import Amount

__all__ = ["Gates"]


class Gates:
    """The books of all gates in force.

    Attributes:
        queues: applications and permits of each licence, by good, origin, destinations and which of such.
        quotas: what is left of each quota that is counted, by event, good, origin, destinations and offers.
        ways: what passes each ban around which there are ways, by the same.
    """

    def __init__(self, prepared: Prepared) -> None:
        self._prepared = prepared
        self.queues: dict[GateKey, LicenceQueue] = {}
        self.quotas: dict[GateKey, QuotaAccount] = {}
        self.ways = Ways(prepared)
        self._passing: dict[GateKey, FloatArray] = {}
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
        self.ways.keep(kept)

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
                self._passing[gate.key] = self.ways.open(market, gate, buyer_stock, share)
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
            else self._passing[gate.key]
            if gate.rule.passes_by_others
            else self.quotas[gate.key].left
            for gate in market.gates
        }

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
        for kind, found in (("leak", self.ways.leaks), ("resold", self.ways.resold)):
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
        found |= {f"{first + i}/leak": share for i, share in enumerate(self.ways.leaks.values())}
        first += len(self.ways.leaks)
        return found | {f"{first + i}/resold": share for i, share in enumerate(self.ways.resold.values())}

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
                found = self.ways.leaks if row["kind"] == "leak" else self.ways.resold
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


def _row_of(key: Any) -> dict[str, Any]:
    """The key of a quota or of a ban that leaks, as JSON has it."""
    event, good, origin, to, offers = key
    return {"event": event, "good": int(good), "origin": int(origin), "to": to.hex(), "offers": offers.hex()}
