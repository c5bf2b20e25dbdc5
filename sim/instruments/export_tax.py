"""``export_tax``: a duty that the exporting country takes on what leaves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.measures import ExportMeasure
from sim.instruments.selecting import where_any
from sim.instruments.words import quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "ExportTax"]

Rate = Annotated[Quantity, quantity("share", -0.9, 100.0, "a rate such as 15 %")]


class ExportTax(ExportMeasure):
    """Puts ``rate`` on the gate price of what is exported; several taxes on one link add up.

    Domestic buyers do not pay it. A negative rate is a rebate on exports.
    """

    type: Literal["export_tax"] = "export_tax"
    rate: Annotated[
        dict[Since, Rate],
        BeforeValidator(by_date),
        Field(description="share of the gate price, or date: rate", examples=["15 %"]),
    ]

    def clause(self) -> str:
        """Who taxes which exports at which rate."""
        return f"{self.say_countries(self.by)} taxes {self.exports()} at {say_dated(self.rate)}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Add the rate for the share of the step."""
        mask = self.mask(controls)
        controls.export_tax_rate.change(mask, share * self.now(controls, self.rate))
        controls.touch_links(self.id, mask)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links that it taxes; a rebate restricts nothing."""
        return where_any(self.mask(controls), self.now(controls, self.rate))


INSTRUMENT = ExportTax
