"""``import_tariff``: a duty on imports, on top of the base-year tariff."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.measures import ImportMeasure
from sim.instruments.words import Countries, Goods, quantity, select_goods
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "ImportTariff"]

Rate = Annotated[Quantity, quantity("share", -0.9, 100.0, "a rate from -90 % upwards, such as 25 %")]


class ImportTariff(ImportMeasure):
    """Adds ``rate`` to the ad-valorem tariff; several tariffs on one link add up.

    A negative rate is relief; below a tariff of zero it becomes a subsidy, of 90 % of the price at most. A
    group that levies the tariff spares its own members. ``rate`` may be a mapping from dates to rates.
    """

    type: Literal["import_tariff"] = "import_tariff"
    rate: Annotated[
        dict[Since, Rate],
        BeforeValidator(by_date),
        Field(description="percentage points added to the tariff, or date: rate", examples=["25 %"]),
    ]
    exempt_countries: Annotated[Countries | None, Field(description="origins that do not pay")] = None
    exempt_goods: Annotated[Goods | None, Field(description="goods that are free")] = None

    @property
    def scalable(self) -> bool:
        """Twice the strength is twice the rate."""
        return True

    def clause(self) -> str:
        """Who taxes what from whom at which rate."""
        single = len(self.rate) == 1
        relief = single and next(iter(self.rate.values())).value < 0
        verb, way = ("takes", "off") if relief else ("adds", "to")
        rate = say_dated(self.rate) + ("" if single else ",")
        free = [
            *([self.say_countries(self.exempt_countries)] if self.exempt_countries else []),
            *([self.say_goods(self.exempt_goods, None)] if self.exempt_goods else []),
        ]
        but = f", {' and '.join(free)} exempt" if free else ""
        duty = f"{verb} {rate.lstrip('-') if relief else rate} {way} the tariff on {self.imports()}"
        return f"{self.say_countries(self.by)} {duty}{but}"

    def mask(self, controls: Controls) -> BoolArray:
        """(G, C, C) links that pay."""
        mask = super().mask(controls)
        if self.exempt_countries:
            mask &= ~self.country_mask(controls.world, self.exempt_countries)[:, None]
        if self.exempt_goods:
            mask[self.good_indices(controls.world, self.exempt_goods, None)] = False
        return mask

    def apply(self, controls: Controls, share: Amount) -> None:
        """Add the rate for the share of the step."""
        mask = self.mask(controls)
        controls.tariff_rate.change(mask, share * self.now(controls, self.rate))
        controls.touch_links(self.id, mask)

    def alarm(self, controls: Controls) -> None:
        """Severity rate / (1 + rate): the part of the delivered price that the new duty takes."""
        import numpy as np

        rate = np.maximum(self.now(controls, self.rate), 0.0)
        controls.raise_risk(self.mask(controls), rate / (1 + rate))

    def touches(self, labels: Labels) -> bool:
        """Whether any link that pays carried trade."""
        free = set(select_goods(labels.goods, self.exempt_goods or ()))
        chosen = select_goods(labels.goods, self.goods, self.stages or ())
        goods = [labels.goods[i].id for i in chosen if i not in free]
        spared = {code for word in self.exempt_countries or () for code in labels.group(word)}
        origins = [c for word in self.on for c in labels.group(word) if c not in spared]
        return self.traded(labels, goods, None, self.by, origins, own_exports=False)


INSTRUMENT = ImportTariff
