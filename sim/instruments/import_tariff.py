"""``import_tariff``: a duty on imports, on top of the base-year tariff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.words import Countries, Goods, Stages, quantity
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "ImportTariff"]


class ImportTariff(Instrument):
    """Adds ``rate`` to the ad-valorem tariff; several tariffs on one link add up.

    A negative rate is relief; below a tariff of zero it becomes a subsidy. A group that levies the
    tariff spares its own members.
    """

    type: Literal["import_tariff"] = "import_tariff"
    by: Annotated[Countries, Field(description="importing countries or groups", examples=["USA"])]
    on: Annotated[Countries, Field(description="exporting countries or groups", examples=["CHN"])]
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[gallium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    rate: Annotated[
        Quantity,
        quantity("share", -10.0, 100.0, "a rate such as 25 %"),
        Field(description="percentage points added to the tariff", examples=["25 %"]),
    ]

    @property
    def scalable(self) -> bool:
        """Twice the strength is twice the rate."""
        return True

    def clause(self) -> str:
        """Who taxes what from whom at which rate."""
        verb, way = ("adds", "to") if self.rate.value >= 0 else ("takes", "off")
        rate = self.rate.text.lstrip("-")
        goods = f"imports of {self.say_goods(self.goods, self.stages)} from {self.say_countries(self.on)}"
        return f"{self.say_countries(self.by)} {verb} {rate} {way} the tariff on {goods}"

    def _mask(self, controls: Controls) -> BoolArray:
        return self.link_mask(controls, self.goods, self.stages, self.by, self.on, own_exports=False)

    def apply(self, controls: Controls, share: Amount) -> None:
        """Add the rate for the share of the step."""
        mask = self._mask(controls)
        controls.tariff_rate.change(mask, share * self.rate.amount)
        controls.touch_links(self.id, mask)

    def alarm(self, controls: Controls) -> None:
        """Severity rate / (1 + rate): the part of the delivered price that the new duty takes."""
        if self.rate.value > 0:
            controls.raise_risk(self._mask(controls), self.rate.amount / (1 + self.rate.amount))

    def touches(self, labels: Labels) -> bool:
        """Whether any taxed link carried trade."""
        return self.traded(labels, self.goods, self.stages, self.by, self.on, own_exports=False)


INSTRUMENT = ImportTariff
