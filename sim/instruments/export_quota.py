"""``export_quota``: a ceiling on the tonnes that leave a country in a year."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument, base_tonnes, origins
from sim.instruments.words import Countries, Goods, Stages, quantity
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "ExportQuota"]


class ExportQuota(Instrument):
    """Caps exports at ``amount``. The quota can go slack when buyers want less.

    One amount over several goods or exporting countries is split in proportion to their base-year
    exports to ``to``; a good without base-year exports gets none of it.
    """

    type: Literal["export_quota"] = "export_quota"
    by: Annotated[Countries, Field(description="exporting countries or groups", examples=["CHN"])]
    to: Annotated[Countries, Field(description="importing countries or groups")] = ("world",)
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[dysprosium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    amount: Annotated[
        Quantity,
        quantity("mass per year", low=0.0, bounds="0 t/year or more"),
        Field(description="tonnes per year, all goods together", examples=["30258 t/year"]),
    ]

    def clause(self) -> str:
        """Who caps what at how much."""
        goods = self.say_goods(self.goods, self.stages)
        countries = f"{self.say_countries(self.by)} caps exports of {goods} to {self.say_countries(self.to)}"
        return f"{countries} at {self.amount}" + (" in all" if len(self.goods) > 1 else "")

    def _mask(self, controls: Controls) -> BoolArray:
        return self.link_mask(controls, self.goods, self.stages, self.by, self.to)

    def apply(self, controls: Controls, share: Amount) -> None:
        """One cap per good and origin. The engine leaves the rest of a partial step free."""
        from sim.controls import Cap

        mask = self._mask(controls)
        split = self._split(controls.world, mask)
        for good, origin, destinations in origins(mask):
            controls.caps.append(Cap(self.id, good, origin, destinations, split[good, origin]))
        controls.touch_links(self.id, mask)

    def _split(self, world: World, mask: BoolArray) -> dict[tuple[int, int], Amount]:
        base = base_tonnes(world, mask)
        total = sum(base.values())
        return {key: self.amount.amount * t / total if total else 0.0 for key, t in base.items()}

    def alarm(self, controls: Controls) -> None:
        """Severity 1 - quota / base-year exports: the share of this supply that will not come."""
        import numpy as np

        mask = self._mask(controls)
        total = sum(base_tonnes(controls.world, mask).values())
        if total > 0:
            controls.raise_risk(mask, np.maximum(0.0, 1 - self.amount.amount / total))

    def touches(self, labels: Labels) -> bool:
        """Whether any capped link carried trade."""
        return self.traded(labels, self.goods, self.stages, self.by, self.to)


INSTRUMENT = ExportQuota
