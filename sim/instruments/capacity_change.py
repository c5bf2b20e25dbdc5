"""``capacity_change``: mines or plants grow, shrink or close."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.dated import climbed, climbing
from sim.instruments.measures import MakerMeasure
from sim.instruments.selecting import where_any
from sim.instruments.words import quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "CapacityChange"]


class CapacityChange(MakerMeasure):
    """Multiplies capacity, and output at a given utilisation, by (1 + change).

    With ``ramp``, in a straight line over that time. Who grows are facilities that exist in the base year.
    """

    type: Literal["capacity_change"] = "capacity_change"
    change: Annotated[
        Quantity,
        quantity("share", -1.0, 100.0, "a change from -100 % upwards"),
        Field(description="change of capacity", examples=["30 %"]),
    ]
    ramp: Annotated[
        Quantity | None,
        quantity("duration", 0.0, 50.0, "a time of 0 to 50 years"),
        Field(description="time until all of it is reached; at once if left out"),
    ] = None

    def clause(self) -> str:
        """Whose capacity changes by how much."""
        over = f" over {self.ramp}" if self.ramp else ""
        return f"the capacity for {self.output()} changes by {self.change}{over}"

    def phase(self, step_start: dt.date, step_end: dt.date) -> object:
        """A ramp goes on until its top is reached."""
        return super().phase(step_start, step_end), climbing(self.ramp, self.from_, self.until, step_start)

    def apply(self, controls: Controls, share: Amount) -> None:
        """Change capacity in proportion to the share of the step."""
        mask = self.offers(controls)
        part = climbed(self.ramp, self.from_, controls.date, controls.end)
        controls.scale_capacity(mask, 1 + share * self.change.amount * part)
        controls.touched_offers[self.id] = mask

    def restricts(self, controls: Controls) -> BoolArray:
        """All that the makers' countries sell, where capacity falls."""
        import numpy as np

        return where_any(self.links_of_makers(controls), -np.asarray(self.change.amount))


INSTRUMENT = CapacityChange
