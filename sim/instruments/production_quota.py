"""``production_quota``: a country lets its mines and plants make less."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.selecting import where_any
from sim.instruments.words import Countries, Goods, Stages, WordError, quantity, select_goods
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "ProductionQuota"]


class ProductionQuota(Instrument):
    """Keeps output ``cut`` below that of the base year, or at ``amount`` in all, split as in the base year.

    It is a ceiling for each mine and plant, whatever the price. Buyers at home and abroad are hit alike,
    unlike by a control on exports. Traders do not produce and are left alone. An amount above base-year
    output binds only where output would grow beyond it.
    """

    type: Literal["production_quota"] = "production_quota"
    by: Annotated[Countries, Field(description="producing countries or groups", examples=["CHN"])]
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[tungsten]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    cut: Annotated[
        Quantity | None, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"), Field(examples=["20 %"])
    ] = None
    amount: Annotated[
        dict[Since, Annotated[Quantity, quantity("mass per year", 0.0, None, "0 t/year or more")]] | None,
        BeforeValidator(lambda given: None if given is None else by_date(given)),
        Field(description="tonnes per year, or date: tonnes per year", examples=["500 t/year"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """One way to say how much."""
        if (self.cut is None) == (self.amount is None):
            raise WordError("exactly one of 'cut' and 'amount' is needed", "write for example 'cut: 20 %'")
        super().model_post_init(context)

    def clause(self) -> str:
        """Who makes how much less of what."""
        how = f"to {say_dated(self.amount)} in all" if self.amount else f"by {self.cut}"
        who, goods = self.say_countries(self.by), self.say_goods(self.goods, self.stages)
        return f"{who} cuts output of {goods} {how}"

    def _effect(self, controls: Controls) -> tuple[BoolArray, Amount]:
        """(O,) offers concerned, and their ceiling in multiples of base-year output."""
        import numpy as np

        world = controls.world
        mask = np.isin(world.offer_good, self.good_indices(world, self.goods, self.stages))
        mask &= self.country_mask(world, self.by)[world.offer_country]
        mask &= np.array([kind != "trader" for kind in world.facility_kind])[world.offer_facility]
        if self.cut is not None:
            return mask, 1 - self.cut.amount
        base = float(world.offer_output[mask].sum())
        if self.amount is None or base <= 0:
            return mask, np.inf
        return mask, self.now(controls, self.amount) / base

    def apply(self, controls: Controls, share: Amount) -> None:
        """Put the ceiling on what is produced, in proportion to the share of the step."""
        mask, ceiling = self._effect(controls)
        controls.cap_output(mask, ceiling, share)
        controls.touched_offers[self.id] = mask

    def restricts(self, controls: Controls) -> BoolArray:
        """All that the makers' countries sell, where the ceiling lies below base-year output."""
        import numpy as np

        mask, ceiling = self._effect(controls)
        world, hit = controls.world, controls.no_links()
        hit[world.offer_good[mask], world.offer_country[mask]] = True
        return where_any(hit, 1 - np.asarray(ceiling))

    def touches(self, labels: Labels) -> bool:
        """Whether any such facility produced anything."""
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        codes = {code for word in self.by for code in labels.group(word)}
        made = ((g, labels.facilities[f]) for (g, f), tonnes in labels.output.items() if tonnes > 0)
        return any(g in goods and f.country in codes and f.kind != "trader" for g, f in made)


INSTRUMENT = ProductionQuota
