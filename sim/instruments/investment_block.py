"""``investment_block``: investments in projects are forbidden, or prevented by pressure on their hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.project_measures import ProjectMeasure
from sim.instruments.words import quantity
from sim.units import Amount, Quantity, parse_quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "InvestmentBlock"]

ALL = parse_quantity("100 %", "share")


class InvestmentBlock(ProjectMeasure):
    """Keeps a share of the starts that would be made from being made. What is being built goes on."""

    type: Literal["investment_block"] = "investment_block"
    share: Annotated[
        Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="of the starts that would be made", examples=["80 %"]),
    ] = ALL

    def clause(self) -> str:
        """Whose starts are prevented."""
        return f"{self.share} of new investments in {self.which()} are prevented"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Hold starts back."""
        controls.projects.add_share("held_back", self.touch(controls), share * self.share.amount)


INSTRUMENT = InvestmentBlock
