"""``offtake``: buyers or a state commit themselves to a part of what projects will make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.project_measures import ProjectMeasure
from sim.instruments.words import quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "Offtake"]


class Offtake(ProjectMeasure):
    """A share of the output is sold before it is made, at the price of its day.

    That lowers the risk for which capital is paid, and opens banks. It moves no price by itself: a price that
    is promised is a ``price_floor``.
    """

    type: Literal["offtake"] = "offtake"
    share: Annotated[
        Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="of the output", examples=["60 %"]),
    ]

    def clause(self) -> str:
        """Whose output is bought ahead."""
        return f"{self.share} of the output of {self.which()} is bought ahead"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Sell a share ahead."""
        controls.projects.add_share("offtake", self.touch(controls), share * self.share.amount)


INSTRUMENT = Offtake
