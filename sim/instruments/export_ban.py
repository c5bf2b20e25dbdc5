"""``export_ban``: no exports of some goods to some countries."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.words import Countries, Goods, Stages
from sim.units import Amount
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "ExportBan"]


class ExportBan(Instrument):
    """Closes links; for a part of a step it closes them in proportion. Domestic sales stay free.

    Two bans on one link leave open what neither closes: their open shares multiply.
    Third countries may resell: the ban is not extraterritorial.
    """

    type: Literal["export_ban"] = "export_ban"
    by: Annotated[Countries, Field(description="exporting countries or groups", examples=["CHN"])]
    to: Annotated[Countries, Field(description="importing countries or groups", examples=["world"])]
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[gallium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None

    def clause(self) -> str:
        """Who bans what to whom."""
        goods = self.say_goods(self.goods, self.stages)
        return f"{self.say_countries(self.by)} bans exports of {goods} to {self.say_countries(self.to)}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Close the links for the share of the step."""
        mask = self.link_mask(controls, self.goods, self.stages, self.by, self.to)
        controls.open_share.change(mask, 1 - share)
        controls.touch_links(self.id, mask)

    def alarm(self, controls: Controls) -> None:
        """Severity 1: nothing of this supply would come."""
        controls.raise_risk(self.link_mask(controls, self.goods, self.stages, self.by, self.to), 1.0)

    def touches(self, labels: Labels) -> bool:
        """Whether any banned link carried trade."""
        return self.traded(labels, self.goods, self.stages, self.by, self.to)


INSTRUMENT = ExportBan
