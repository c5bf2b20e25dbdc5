"""Public money for projects: what each fund has promised, paid out and got back. Every account adds up."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sim.arrays import BoolArray, FloatArray, Saved
from sim.controls import Fund
from sim.units import Amount

__all__ = ["PublicMoney"]


class PublicMoney:
    """Books of K funds for J projects, USD.

    A fund promises its share when a project starts, as far as it reaches; grants, loans and equity are paid
    as it is built, and what is not paid when it is given up goes back to the fund. A guarantee is paid where
    the project fails.

    Attributes:
        names: (K,) events. promised, given: (M, K, J) USD, what is given being a part of what is promised.
        paid, returned: (M, K) USD of this step. back: (M, K) USD that came back so far.
    """

    def __init__(
        self, names: Sequence[str], kinds: Sequence[str], totals: Sequence[Amount], shape: tuple[int, int]
    ) -> None:
        members, projects = shape
        self.names, self.kinds = tuple(names), np.array(kinds, dtype=str)
        books = members, len(self.names), projects
        self.promised, self.given = np.zeros(books), np.zeros(books)
        self.paid, self.returned = np.zeros(books[:2]), np.zeros(books[:2])
        self.back = np.zeros(books[:2])
        self.total = np.full(books[:2], np.inf)
        for k, total in enumerate(totals):
            self.total[:, k] = total
        self.grows = np.zeros(len(self.names), dtype=bool)
        """(K,) funds that money is put into as the run goes on."""
        self._place = {name: k for k, name in enumerate(self.names)}

    @property
    def left(self) -> FloatArray:
        """(M, K) USD that each fund has not promised yet; infinite where its total is not stated."""
        left: FloatArray = np.maximum(self.total - self.promised.sum(2), 0.0)
        return left

    def open(self) -> None:
        """A step begins: nothing has been paid in it."""
        self.paid, self.returned = np.zeros_like(self.paid), np.zeros_like(self.returned)

    def shares(
        self, funds: Sequence[Fund], shares: Sequence[Amount], planned: FloatArray, cost: FloatArray
    ) -> FloatArray:
        """(M, K, J) share of the planned capital, (M, J) USD, that each fund would bear.

        Of one alone, but for a fund that grows with losses, which goes to the cheapest first.

        Args:
            cost: (M, J) of what is worth one at base prices, capital included; infinite where nothing waits.
        """
        found = np.zeros_like(self.promised)
        for fund, active in zip(funds, shares, strict=True):
            k = self._place[fund.event]
            share = np.broadcast_to(np.asarray(active) * fund.share, (len(planned),))[:, None]
            meant = fund.projects & (np.isfinite(cost) | ~self.grows[k])
            wanted = np.where(meant, share * planned, 0.0)
            left = self.left[:, k, None] - (_before(wanted, cost) if self.grows[k] else 0.0)
            part = np.divide(left, wanted, out=np.ones_like(wanted), where=wanted > 0)
            found[:, k] = np.where(meant, share * np.clip(part, 0.0, 1.0), 0.0)
        return found

    def feed(self, event: str, amount: FloatArray) -> int:
        """Put money (M,) into a fund; its number among all."""
        k = self._place[event]
        self.total[:, k] = self.total[:, k] + amount
        return k

    def promise(self, starts: BoolArray, shares: FloatArray, planned: FloatArray) -> None:
        """Reserve money for projects that start, (M, J), the first of the table first."""
        wanted = np.where(starts[:, None], shares * planned[:, None], 0.0)
        left = self.left[..., None]
        before = np.cumsum(wanted, axis=2) - wanted
        with np.errstate(invalid="ignore"):
            room = np.where(np.isinf(left), wanted, np.clip(left - before, 0.0, wanted))
        self.promised = self.promised + room

    def build(self, part: FloatArray) -> None:
        """Pay for what has been built in the step, (M, J) share of the whole; guarantees pay nothing."""
        pays = (self.kinds != "guarantee")[None, :, None]
        given = np.where(pays, self.promised * part[:, None], 0.0)
        # What rounding leaves of the last instalment is no debt.
        given = np.minimum(given, self.promised - self.given)
        self.given = self.given + given
        self.paid = self.paid + given.sum(2)

    def fail(self, failed: BoolArray, spent: FloatArray, planned: FloatArray) -> None:
        """Guarantees pay their share of what was spent; what nobody asks for any more is free again.

        Args:
            failed: (M, J) given up or closed. spent, planned: (M, J) USD.
        """
        guarantee = (self.kinds == "guarantee")[None, :, None]
        part = np.divide(spent, planned, out=np.zeros_like(spent), where=planned > 0)
        due = np.where(guarantee & failed[:, None], self.promised * np.minimum(part, 1.0)[:, None], 0.0)
        due = np.minimum(due, self.promised - self.given)
        self.given = self.given + due
        self.paid = self.paid + due.sum(2)
        self.promised = np.where(failed[:, None], self.given, self.promised)

    def take_back(self, amounts: FloatArray) -> None:
        """Repayments and a state's part of profits, (M, K, J) USD."""
        self.returned = self.returned + amounts.sum(2)
        self.back = self.back + amounts.sum(2)

    def of_kind(self, kind: str, values: FloatArray) -> FloatArray:
        """(M, J) sum of (M, K, J) over funds of a kind."""
        total: FloatArray = np.where((self.kinds == kind)[None, :, None], values, 0.0).sum(1)
        return total

    def arrays(self) -> dict[str, FloatArray]:
        """All that is remembered, for a checkpoint, fund by fund."""
        found: dict[str, FloatArray] = {}
        for k, name in enumerate(self.names):
            found |= {f"funds/{name}/promised": self.promised[:, k], f"funds/{name}/given": self.given[:, k]}
            found[f"funds/{name}/back"] = self.back[:, k]
            if self.grows[k]:
                found[f"funds/{name}/total"] = self.total[:, k]
        return found

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave, of the funds that were there before."""
        for k, name in enumerate(self.names):
            if f"funds/{name}/given" in saved:
                for book in ("promised", "given", "back", *(("total",) if self.grows[k] else ())):
                    getattr(self, book)[:, k] = saved.take(f"funds/{name}/{book}", getattr(self, book)[:, k])


def _before(wanted: FloatArray, cost: FloatArray) -> FloatArray:
    """(M, J) what those that cost less want together."""
    order = np.argsort(cost, axis=1, kind="stable")
    sorted_ = np.take_along_axis(wanted, order, axis=1)
    before = np.empty_like(wanted)
    np.put_along_axis(before, order, np.cumsum(sorted_, axis=1) - sorted_, axis=1)
    return before
