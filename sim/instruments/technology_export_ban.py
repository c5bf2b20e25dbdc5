"""``technology_export_ban``: know-how and equipment for plants are kept at home."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.project_measures import ProjectMeasure
from sim.instruments.words import Countries, quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "TechnologyExportBan"]


class TechnologyExportBan(ProjectMeasure):
    """Takes away a share of the pace at which plants abroad are built.

    ``countries`` are those that do not get it any more. Plants in the country itself, and those that its own
    firms build elsewhere, keep it; so do mines.
    """

    type: Literal["technology_export_ban"] = "technology_export_ban"
    by: Annotated[Countries, Field(description="whose know-how it is", examples=["CHN"])]
    countries: Annotated[Countries | None, Field(description="who does not get it any more")] = ("world",)
    slower: Annotated[
        Quantity, quantity("share", 0.0, 0.95, "a share from 0 % to 95 %"),
        Field(description="share of the pace of building that is lost", examples=["30 %"]),
    ]

    def clause(self) -> str:
        """Who keeps know-how from whom."""
        return (
            f"{self.say_countries(self.by)} keeps know-how at home: {self.which()} are built "
            f"{self.slower} more slowly"
        )

    def mask(self, controls: Controls) -> BoolArray:
        """(J,) plants abroad that the country's own firms do not build."""
        import numpy as np

        world = controls.world
        home = self.country_mask(world, self.by)
        own = self.owned(world, self.by)
        at = world.project_of_offer
        there = np.zeros(len(world.projects), dtype=bool)
        plant = np.zeros(len(world.projects), dtype=bool)
        known = np.flatnonzero(at >= 0)
        there[at[known]] = home[world.offer_country[known]]
        plant[at[known]] = [world.facility_kind[f] == "processor" for f in world.offer_facility[known]]
        abroad: BoolArray = super().mask(controls) & ~own & ~there & plant
        return abroad

    def apply(self, controls: Controls, share: Amount) -> None:
        """Slow building down."""
        controls.projects.multiply("know_how", self.touch(controls), 1 - share * self.slower.amount)


INSTRUMENT = TechnologyExportBan
