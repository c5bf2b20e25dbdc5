"""``investment_finance``: a state puts money into projects: grants, loans, guarantees or equity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.project_measures import ProjectMeasure
from sim.instruments.words import WordError, quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "InvestmentFinance"]


class InvestmentFinance(ProjectMeasure):
    """Bears a share of the planned capital of projects that start while it is in force.

    A grant lowers what the owner has to earn back, a loan or a guarantee what the capital costs, equity takes
    part in the profit; all of them help to find the rest. Grants, loans and equity are paid as the project is
    built, a guarantee where it fails. With ``fund`` the money can run out; what a project that is given up
    leaves goes back to it.
    """

    type: Literal["investment_finance"] = "investment_finance"
    form: Annotated[Literal["grant", "loan", "guarantee", "equity"], Field(description="what it is")]
    share: Annotated[
        Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="of the planned capital cost", examples=["30 %"]),
    ]
    fund: Annotated[
        Quantity | None, quantity("money", 0.0, None, "0 USD or more"),
        Field(description="money in all; without end if left out", examples=["439 million USD"]),
    ] = None
    rate: Annotated[
        Quantity | None, quantity("growth rate", 0.0, 1.0, "a rate such as 4 %/year"),
        Field(description="interest of a loan", examples=["4 %/year"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """A loan has a rate, and nothing else has one."""
        if (self.rate is not None) != (self.form == "loan"):
            raise WordError(
                "a loan needs its 'rate'" if self.form == "loan" else f"a {self.form} has no 'rate'",
                "write for example 'rate: 4 %/year'" if self.form == "loan" else "leave it out",
            )
        super().model_post_init(context)

    @property
    def total(self) -> Amount:
        """USD in all."""
        return math.inf if self.fund is None else self.fund.amount

    def clause(self) -> str:
        """Who gets what."""
        loan = f"loans at {self.rate}"
        what = {"grant": "grants", "loan": loan, "guarantee": "guarantees", "equity": "equity"}
        out_of = f" out of {self.fund}" if self.fund else ""
        return f"a state gives {what[self.form]} of {self.share} of the capital to {self.which()}{out_of}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Offer the money to projects that start."""
        from sim.controls import Fund

        rate = 0.0 if self.rate is None else self.rate.amount
        fund = Fund(self.id, self.form, self.touch(controls), self.share.amount, rate, self.total)
        controls.projects.funds.append(fund)


INSTRUMENT = InvestmentFinance
