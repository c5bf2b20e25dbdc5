"""``import_ban``: no imports of some goods from some countries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sim.instruments.measures import ImportMeasure
from sim.units import Amount

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "ImportBan"]


class ImportBan(ImportMeasure):
    """Closes links from the importers' side; for a part of a step it closes them in proportion.

    It meets an export ban on the same links as two export bans meet: their open shares multiply. What comes
    by way of third countries stays free, and so do purchases at home.
    """

    type: Literal["import_ban"] = "import_ban"

    def clause(self) -> str:
        """Who bans what from whom."""
        return f"{self.say_countries(self.by)} bans {self.imports()}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Close the links for the share of the step."""
        mask = self.mask(controls)
        controls.close_links(self.id, mask, share, self.partly(controls))
        controls.touch_links(self.id, mask)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links that it closes."""
        return self.mask(controls)


INSTRUMENT = ImportBan
