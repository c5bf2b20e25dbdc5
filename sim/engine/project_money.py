"""The money of projects: what is spent on building, earned, owed, and what states put in. It all adds up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from sim.agents.prepared import Prepared
from sim.agents.projects import Layout, annuity
from sim.arrays import BoolArray, FloatArray, Saved
from sim.controls import ProjectTerms
from sim.engine.public_money import PublicMoney
from sim.instruments.process import Ended

__all__ = ["ProjectMoney"]


class ProjectMoney:
    """Books of J projects, USD, (M, J) each.

    Attributes:
        planned: capital without overruns. capital: with this member's own.
        cash, debt: in hand, and owed to banks. spent: on building, so far.
        invested, margin, charges, put_in: of this step: spent on building; earned after royalties and
            running costs; interest, repayments and care; put in by owners, or written off.
        public: books of states' funds.
    """

    def __init__(
        self,
        prepared: Prepared,
        layout: Layout,
        planned: FloatArray,
        overrun: FloatArray,
        public: PublicMoney,
    ) -> None:
        self._prepared, self._layout, self.public = prepared, layout, public
        self.planned = planned
        self.capital = planned * (1 + prepared.behaviour["project_overrun"] * overrun)
        none = np.zeros_like(planned)
        self.cash, self.debt, self.spent = none, none, none
        self.invested, self.margin, self.charges, self.put_in = none, none, none, none
        self._rate = np.zeros(len(public.names))

    def open(self) -> None:
        """A step ends: its own books begin."""
        none = np.zeros_like(self.planned)
        self.invested, self.margin, self.charges, self.put_in = none, none, none, none
        self.public.open()

    def public_shares(self, ended: Ended, cost: FloatArray) -> FloatArray:
        """(M, K, J) share of capital that each fund in force would bear.

        Args:
            cost: (M, J) of what is worth one at base prices, capital included; infinite where nothing waits.
        """
        funds = ended.controls.projects.funds
        active = [ended.shares.get(fund.event, 1.0) for fund in funds]
        return self.public.shares(funds, active, self.planned, cost)

    def relief(self, rate: FloatArray, terms: ProjectTerms, shares: FloatArray) -> FloatArray:
        """(M, J) by how much loans and guarantees lower what capital costs a year.

        Equation (M148), docs/model.md, for ``relf_j``.
        """
        found = np.zeros_like(rate)
        risky = self._prepared.behaviour["project_capital_risk"] * terms.risk
        for fund in terms.funds:
            k = self.public.names.index(fund.event)
            if fund.kind == "loan":
                lent = np.reshape(np.asarray(fund.rate, dtype=np.float64), (-1, 1))
                found = found + shares[:, k] * np.maximum(rate - lent, 0.0)
            elif fund.kind == "guarantee":
                found = found + shares[:, k] * risky
        return found

    def promise(self, starts: BoolArray, shares: FloatArray) -> None:
        """Funds promise their shares to projects that start."""
        self.public.promise(starts, shares, self.planned)

    def build(self, part: FloatArray) -> None:
        """A share (M, J) of each is built and paid for."""
        self.invested = self.capital * part
        self.spent = self.spent + self.invested
        self.public.build(part)

    def begin(self, opens: BoolArray) -> None:
        """Who opens owes a part of what the state has not borne, and has some cash in hand."""
        behaviour = self._prepared.behaviour
        backed = np.array([project.backed for project in self._prepared.world.projects])
        borne = self.public.given.sum(1) + backed * self.planned
        owed = behaviour["project_debt_share"] * np.maximum(self.capital - borne, 0.0)
        cash = behaviour["project_cash_reserve"] * self.planned
        self.debt = np.where(opens, owed, self.debt)
        self.put_in = np.where(opens, cash, self.put_in)
        self.cash = self.cash + np.where(opens, cash, 0.0)

    def run(
        self, runs: BoolArray, output: FloatArray, price: FloatArray, cost: FloatArray,
        supports: Sequence[FloatArray],
    ) -> None:  # fmt: skip
        """What a step's output (M, O) earns at prices (M, O), and what is due on debt and public money.

        Equation (M149), docs/model.md, for ``cash_j``.
        """
        layout, world = self._layout, self._prepared.world
        behaviour = self._prepared.behaviour
        step, worth = self._prepared.step_years, world.base_price[world.offer_good]
        income = layout.total(output * price * worth)
        for given in supports:
            income = income + layout.total(given)
        net = income * (1 - layout.royalty(self._prepared))
        self.margin = net - cost * layout.total(output * worth)
        interest = np.where(runs, behaviour["project_interest"] * self.debt, 0.0) * step
        self.charges = interest + self._repay(runs)
        self.cash = self.cash + self.margin - self.charges

    def _repay(self, runs: BoolArray) -> FloatArray:
        """(M, J) USD that go back to funds: loans as an annuity, equity its part of the margin."""
        step, public = self._prepared.step_years, self.public
        rate = self._prepared.behaviour["project_interest"]
        life = np.array([project.life_years for project in self._prepared.world.projects])
        part = step / annuity(rate, np.maximum(life, step))
        kinds = public.kinds[None, :, None]
        owned = np.divide(public.given, self.capital[:, None], out=np.zeros_like(public.given),
                          where=self.capital[:, None] > 0)  # fmt: skip
        back = np.where(kinds == "loan", public.given * part[:, None], 0.0)
        earned = np.maximum(self.margin, 0.0)[:, None]
        back = back + np.where(kinds == "equity", np.minimum(owned, 1.0) * earned, 0.0)
        back = np.where(runs[:, None], back, 0.0)
        public.take_back(back)
        due: FloatArray = back.sum(1)
        return due

    def keep_idle(self, idles: BoolArray) -> None:
        """What stands idle has to be looked after."""
        care = self._prepared.behaviour["project_idle_cost"] * self.planned * self._prepared.step_years
        due = np.where(idles, care, 0.0)
        self.charges, self.cash = self.charges + due, self.cash - due

    def settle(self, runs: BoolArray, earns: BoolArray) -> BoolArray:
        """(M, J) who has to stop for want of cash; who earns is sold without its debt instead.

        Equation (M150), docs/model.md, for ``debt_j``.
        """
        limit = self._prepared.behaviour["project_cash_reserve"] * self.planned
        broke = runs & (self.cash < -limit)
        sold = broke & earns
        self.put_in = np.where(sold, self.put_in - self.cash, self.put_in)
        self.cash, self.debt = np.where(sold, 0.0, self.cash), np.where(sold, 0.0, self.debt)
        stops: BoolArray = broke & ~earns
        return stops

    def fail(self, failed: BoolArray) -> None:
        """Who is closed or given up owes nothing any more; guarantees pay."""
        self.public.fail(failed, self.spent, self.capital)
        self.put_in = np.where(failed, self.put_in - self.cash, self.put_in)
        self.cash, self.debt = np.where(failed, 0.0, self.cash), np.where(failed, 0.0, self.debt)

    def book(self) -> Mapping[str, FloatArray]:
        """Money of the step."""
        own = {
            "project_cash": self.cash, "project_invested": self.invested, "project_margin": self.margin,
            "project_charges": self.charges, "project_put_in": self.put_in,
        }  # fmt: skip
        if self.public.names:
            own |= {"fund_paid": self.public.paid, "fund_returned": self.public.returned}
            own |= {"fund_promised": self.public.promised.sum(2)}
        return own

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """Events of the funds."""
        return {"fund": ("fund", self.public.names)} if self.public.names else {}

    def arrays(self) -> dict[str, FloatArray]:
        """All that is remembered."""
        own = {"cash": self.cash, "debt": self.debt, "spent": self.spent}
        return {f"money/{name}": values for name, values in own.items()} | self.public.arrays()

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave."""
        self.cash = saved.take("money/cash", self.cash, -np.inf)
        self.debt, self.spent = (saved.take(f"money/{n}", self.debt) for n in ("debt", "spent"))
        self.public.restore(saved)
