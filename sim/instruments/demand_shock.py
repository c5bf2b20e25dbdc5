"""``demand_shock``: end users need more or less, at once or year by year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.words import Countries, Goods, Sectors, Stages, WordError, quantity, select_goods, spoken
from sim.units import DAYS_PER_YEAR, Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "DemandShock"]


class DemandShock(Instrument):
    """Multiplies the requirements of end-use sectors by (1 + level) (1 + growth) ** years in force.

    Only manufacturers are shocked; what plants upstream need follows from what they sell.
    """

    type: Literal["demand_shock"] = "demand_shock"
    sectors: Annotated[Sectors | None, Field(description="end-use sectors; all if left out")] = None
    countries: Annotated[Countries, Field(description="where; everywhere if left out")] = ("world",)
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    level: Annotated[
        Quantity | None,
        quantity("share", -1.0, 100.0, "a change from -100 % upwards"),
        Field(examples=["20 %"]),
    ] = None
    growth: Annotated[
        Quantity | None,
        quantity("growth rate", -0.9, 10.0, "a growth rate such as 5 %/year"),
        Field(examples=["5 %/year"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """Something must change."""
        if self.level is None and self.growth is None:
            raise WordError("neither 'level' nor 'growth' is given", "write for example 'level: 20 %'")
        super().model_post_init(context)

    @property
    def varies(self) -> bool:
        """Growth goes on while the event is in force."""
        return self.growth is not None

    def clause(self) -> str:
        """Whose need for what changes by how much."""
        who = "all sectors" if self.sectors is None else spoken(self.sectors)
        where = self.say_countries(self.countries)
        change = [f"changes by {self.level}"] if self.level else []
        if self.growth:
            verb = "grows" if self.growth.value >= 0 else "shrinks"
            change.append(f"{verb} by {self.growth.text.lstrip('-')}")
        goods = self.say_goods(self.goods, self.stages)
        return f"the need of {who} in {where} for {goods} {' and '.join(change)}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Multiply the requirements, in proportion to the share of the step."""
        import numpy as np

        world = controls.world
        goods = np.isin(world.need_good, self.good_indices(world, self.goods, self.stages))
        mask = goods & self.country_mask(world, self.countries)[world.need_country]
        users = [
            kind == "manufacturer" and (self.sectors is None or sector in self.sectors)
            for kind, sector in zip(world.facility_kind, world.facility_sector, strict=True)
        ]
        mask &= np.array(users)[world.need_facility]
        factor = 1 + (self.level.amount if self.level else 0.0)
        if self.growth is not None and self.from_ is not None:
            years = max(0.0, (controls.date - self.from_).days / DAYS_PER_YEAR)
            factor = factor * (1 + self.growth.amount) ** years
        controls.scale_demand(mask, 1 + share * (factor - 1))
        controls.touched_needs[self.id] = mask

    def touches(self, labels: Labels) -> bool:
        """Whether any such sector used such a good."""
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        codes = {code for word in self.countries for code in labels.group(word)}
        sectors = self.sectors or tuple(labels.sectors)
        users = {
            name
            for name, f in labels.facilities.items()
            if f.kind == "manufacturer" and f.country in codes and f.sector in sectors
        }
        return any(t > 0 and good in goods and user in users for (good, user), t in labels.use.items())


INSTRUMENT = DemandShock
