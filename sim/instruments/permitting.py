"""``permitting``: hosts decide on projects faster, or more slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.project_measures import ProjectMeasure
from sim.instruments.words import quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "Permitting"]


class Permitting(ProjectMeasure):
    """Changes the time that permits take, by a share of it."""

    type: Literal["permitting"] = "permitting"
    change: Annotated[
        Quantity, quantity("share", -0.95, 100.0, "a change from -95 % upwards"),
        Field(description="of the time that permits take", examples=["-50 %"]),
    ]

    def clause(self) -> str:
        """Whose permits take how much longer."""
        less = self.change.value < 0
        change = f"{self.change.text.lstrip('-')} {'less' if less else 'more'} time"
        return f"permits of {self.which()} take {change}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Change the pace of permits."""
        longer = 1 + share * self.change.amount
        controls.projects.multiply("permit_pace", self.touch(controls), 1 / longer)


INSTRUMENT = Permitting
