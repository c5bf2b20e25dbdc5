"""``demand_shock``: end users need more or less, at once or year by year."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.dated import climbed, climbing
from sim.instruments.measures import UserMeasure
from sim.instruments.words import WordError, quantity
from sim.units import DAYS_PER_YEAR, Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "DemandShock"]


class DemandShock(UserMeasure):
    """Multiplies the requirements of end-use sectors by (1 + level) (1 + growth) ** years in force.

    With ``ramp``, the level is reached in a straight line over that time. Only manufacturers are
    shocked; what plants upstream need follows from what they sell.
    """

    type: Literal["demand_shock"] = "demand_shock"
    level: Annotated[
        Quantity | None,
        quantity("share", -1.0, 100.0, "a change from -100 % upwards"),
        Field(description="change of the need", examples=["20 %"]),
    ] = None
    growth: Annotated[
        Quantity | None,
        quantity("growth rate", -0.9, 10.0, "a growth rate such as 5 %/year"),
        Field(description="change of the need per year in force", examples=["5 %/year"]),
    ] = None
    ramp: Annotated[
        Quantity | None,
        quantity("duration", 0.0, 50.0, "a time of 0 to 50 years"),
        Field(description="time until the level is reached; at once if left out"),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """Something must change."""
        if self.level is None and self.growth is None:
            raise WordError("neither 'level' nor 'growth' is given", "write for example 'level: 20 %'")
        if self.ramp is not None and self.level is None:
            raise WordError("'ramp' needs a 'level' to reach", "add for example 'level: 20 %'")
        super().model_post_init(context)

    @property
    def varies(self) -> bool:
        """Growth goes on while the event is in force."""
        return self.growth is not None

    def phase(self, step_start: dt.date, step_end: dt.date) -> object:
        """A ramp goes on until its top is reached."""
        return super().phase(step_start, step_end), climbing(self.ramp, self.from_, self.until, step_start)

    def clause(self) -> str:
        """Whose need for what changes by how much."""
        change = [f"changes by {self.level}"] if self.level else []
        if self.ramp:
            change[0] += f" over {self.ramp}"
        if self.growth:
            verb = "grows" if self.growth.value >= 0 else "shrinks"
            change.append(f"{verb} by {self.growth.text.lstrip('-')}")
        return f"{self.need()} {' and '.join(change)}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Multiply the requirements, in proportion to the share of the step."""
        mask = self.needs(controls)
        part = climbed(self.ramp, self.from_, controls.date, controls.end)
        factor = 1 + (self.level.amount * part if self.level else 0.0)
        if self.growth is not None and self.from_ is not None:
            years = max(0.0, (controls.date - self.from_).days / DAYS_PER_YEAR)
            factor = factor * (1 + self.growth.amount) ** years
        controls.scale_demand(mask, 1 + share * (factor - 1))
        controls.touched_needs[self.id] = mask


INSTRUMENT = DemandShock
