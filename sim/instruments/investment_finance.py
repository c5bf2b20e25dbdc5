"""``investment_finance``: a state puts money into projects: grants, loans, guarantees or equity."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.project_measures import ProjectMeasure
from sim.instruments.words import Countries, WordError, quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import IntArray, World

__all__ = ["INSTRUMENT", "InvestmentFinance"]


class InvestmentFinance(ProjectMeasure):
    """Bears a share of the planned capital of projects that start while it is in force.

    A grant lowers what the owner has to earn back, a loan or a guarantee what the capital costs, equity takes
    part in the profit; all of them help to find the rest. Grants, loans and equity are paid as the project is
    built, a guarantee where it fails. With ``fund`` the money can run out; what a project that is given up
    leaves goes back to it. With ``from_losses`` money is put into the fund as users of some countries lose: a
    share of what they pay above base prices and of what they lack, remembered with a half-life; it goes to
    the cheapest project first.
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

    from_losses: Annotated[
        Quantity | None, quantity("share", 0.0, 10.0, "a share such as 30 %"),
        Field(description="of what `losers` lose that is put into the fund", examples=["30 %"]),
    ] = None
    losers: Annotated[
        Countries | None, Field(description="with `from_losses`: whose users", examples=["USA"])
    ] = None
    memory: Annotated[
        Quantity | None, quantity("duration", 0.01, 100.0, "a time such as 3 years"),
        Field(description="half-life of a loss, with `from_losses`", examples=["3 years"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """A loan has a rate, and nothing else has one; losses are somebody's."""
        if (self.from_losses is None) != (self.losers is None):
            lacking = "losers" if self.losers is None else "from_losses"
            message = f"'{lacking}' is missing: a share of losses needs those who lose"
            raise WordError(message, f"add '{lacking}'")
        if (self.memory is None) != (self.from_losses is None):
            if self.memory is None:
                raise WordError("a loss without 'memory' is forgotten at once", "write 'memory: 3 years'")
            remedy = "add 'from_losses' and 'losers', or leave 'memory' out"
            raise WordError("there is no loss to remember", remedy)
        if (self.rate is not None) != (self.form == "loan"):
            raise WordError(
                "a loan needs its 'rate'" if self.form == "loan" else f"a {self.form} has no 'rate'",
                "write for example 'rate: 4 %/year'" if self.form == "loan" else "leave it out",
            )
        super().model_post_init(context)

    @property
    def total(self) -> Amount:
        """USD in all, as the run begins."""
        if self.fund is None:
            return math.inf if self.from_losses is None else 0.0
        return self.fund.amount

    @property
    def half_life(self) -> Amount:
        """Years after which half of a loss is forgotten, one number or (M,)."""
        return 1.0 if self.memory is None else self.memory.amount

    def users(self, world: World) -> IntArray:
        """Needs of those whose losses count: of the goods meant, and of what is made of the same mineral."""
        import numpy as np

        minerals = {world.goods[g].mineral for g in self.good_indices(world, self.goods, self.stages)}
        meant = [g for g, good in enumerate(world.goods) if good.mineral in minerals]
        mine = self.country_mask(world, self.losers or ())[world.need_country]
        found: IntArray = np.flatnonzero(np.isin(world.need_good, meant) & mine)
        return found

    def clause(self) -> str:
        """Who gets what."""
        loan = f"loans at {self.rate}"
        what = {"grant": "grants", "loan": loan, "guarantee": "guarantees", "equity": "equity"}
        out_of = f" out of {self.fund}" if self.fund else ""
        if self.from_losses is not None and self.losers is not None:
            whose = self.say_countries(self.losers)
            out_of += f"{' and' if self.fund else ' out of'} {self.from_losses} of what users in {whose} lose"
            out_of += f" (half of a loss forgotten after {self.memory}), the cheapest first"
        return f"a state gives {what[self.form]} of {self.share} of the capital to {self.which()}{out_of}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Offer the money to projects that start."""
        from sim.controls import Fund

        rate = 0.0 if self.rate is None else self.rate.amount
        fund = Fund(self.id, self.form, self.touch(controls), self.share.amount, rate, self.total)
        controls.projects.funds.append(fund)


INSTRUMENT = InvestmentFinance
