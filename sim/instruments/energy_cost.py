"""``energy_cost``: energy becomes dearer or cheaper for mines, smelters and other plants."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.measures import MakerMeasure
from sim.instruments.words import quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "EnergyCost"]

Change = Annotated[Quantity, quantity("share", -1.0, 100.0, "a change from -100 % upwards")]


class EnergyCost(MakerMeasure):
    """Multiplies the own costs of makers by (1 + change x energy_share).

    Own costs are all but bought inputs: all costs of a mine, the cost of processing in a plant. Asks,
    margins and the price at which a mine idles follow.
    """

    type: Literal["energy_cost"] = "energy_cost"
    change: Annotated[
        dict[Since, Change],
        BeforeValidator(by_date),
        Field(description="change of the price of energy, or date: change", examples=["50 %"]),
    ]
    energy_share: Annotated[
        Quantity,
        quantity("share", 0.0, 0.99, "a share from 0 % to 99 %"),
        Field(description="share of energy in own costs, bought inputs aside", examples=["30 %"]),
    ]

    def clause(self) -> str:
        """For whom energy changes by how much."""
        change, part = say_dated(self.change), self.energy_share
        return f"the price of energy, {part} of own costs, changes by {change} for {self.output()}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Change own costs for the share of the step."""
        mask = self.offers(controls)
        rise = self.now(controls, self.change) * self.energy_share.amount
        controls.scale_own_cost(mask, 1 + share * rise)
        controls.touched_offers[self.id] = mask


INSTRUMENT = EnergyCost
