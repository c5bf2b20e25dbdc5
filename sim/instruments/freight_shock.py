"""``freight_shock``: shipping between countries costs more or less, and takes longer or shorter."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.words import (
    Countries,
    Goods,
    Stages,
    StraitNames,
    Truth,
    WordError,
    links_between,
    quantity,
    select_goods,
    spoken,
)
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "FreightShock"]

Change = Annotated[Quantity, quantity("share", -1.0, 1000.0, "a change from -100 % upwards")]


class FreightShock(Instrument):
    """Multiplies freight on routes by (1 + change) and adds ``delay`` to the time under way.

    Several shocks on a route multiply, and their delays add up. A negative delay is a shorter way; no
    shipment arrives before it leaves. Routes go both ways unless ``one_way`` says otherwise; transport
    at home is not concerned. With ``straits``, a shock is felt only between countries whose shortest way
    by sea passes one of them.
    """

    type: Literal["freight_shock"] = "freight_shock"
    exporters: Annotated[Countries, Field(description="one end of the routes")] = ("world",)
    importers: Annotated[Countries, Field(description="the other end", examples=["EU27"])] = ("world",)
    straits: Annotated[
        StraitNames | None,
        Field(description="only routes whose way passes one of these", examples=["[suez, bab_el_mandeb]"]),
    ] = None
    one_way: Annotated[Truth, Field(description="only from exporters to importers")] = False
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    change: Annotated[
        dict[Since, Change] | None,
        BeforeValidator(lambda given: None if given is None else by_date(given)),
        Field(description="change of freight, or date: change", examples=["100 %"]),
    ] = None
    delay: Annotated[
        Quantity | None,
        quantity("duration", -1.0, 1.0, "a time from -1 to 1 years"),
        Field(description="additional time under way", examples=["14 days"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """Something must change."""
        if self.change is None and self.delay is None:
            raise WordError("neither 'change' nor 'delay' is given", "write for example 'change: 100 %'")
        super().model_post_init(context)

    @property
    def longest_delay_at_sea(self) -> float:
        """The longest that any member draws."""
        import numpy as np

        return 0.0 if self.delay is None else max(0.0, float(np.max(self.delay.amount)))

    def clause(self) -> str:
        """Between whom freight changes by how much."""
        here, there = self.say_countries(self.exporters), self.say_countries(self.importers)
        ends = f"from {here} to {there}"
        if not self.one_way:
            ends = f"between {here} on one side and {there} on the other"
        parts = [f"changes in cost by {say_dated(self.change)}"] if self.change else []
        if self.delay:
            way = "less" if self.delay.value < 0 else "longer"
            parts.append(f"takes {self.delay.text.lstrip('-')} {way}")
        if self.straits:
            names = self._labels.straits.names if self._labels else {}
            everywhere = {*self.exporters, *self.importers} == {"world"}
            ends = f"{'' if everywhere else f'{ends} '}through the {spoken(self.straits, names)}"
        return f"freight of {self.say_goods(self.goods, self.stages)} {ends} {' and '.join(parts)}"

    def _mask(self, controls: Controls) -> BoolArray:
        mask = self.link_mask(controls, self.goods, self.stages, self.exporters, self.importers)
        if not self.one_way:
            mask |= mask.transpose(0, 2, 1).copy()
        if self.straits:
            mask &= self._through(controls.world.countries)
        return mask

    def _passing(self) -> frozenset[tuple[str, str]]:
        """Pairs of countries that trade through one of the straits."""
        if self._labels is None:
            raise WordError("nothing is known of straits without the names of a world")
        return self._labels.straits.passing(self.straits or ())

    def _through(self, countries: Sequence[str]) -> BoolArray:
        """(C, C) True where trade from one country to the other passes one of the straits."""
        import numpy as np

        passing = self._passing()
        return np.array([[(one, other) in passing for other in countries] for one in countries])

    def apply(self, controls: Controls, share: Amount) -> None:
        """Change freight and time for the share of the step."""
        mask = self._mask(controls)
        if self.change is not None:
            controls.freight_factor.change(mask, 1 + share * self.now(controls, self.change))
        if self.delay is not None:
            controls.transit_delay.change(mask, share * self.delay.amount)
        controls.touch_links(self.id, mask)

    def touches(self, labels: Labels) -> bool:
        """Whether any of these routes carried trade."""
        ways = (True,) if self.one_way else (True, False)
        if self.straits:
            return any(self._trades_through(labels, own_exports=way) for way in ways)
        return any(
            self.traded(labels, self.goods, self.stages, self.exporters, self.importers, own_exports=way)
            for way in ways
        )

    def _trades_through(self, labels: Labels, *, own_exports: bool) -> bool:
        passing = labels.straits.passing(self.straits or ())
        pairs = [(set(a), set(b)) for a, b in links_between(self.exporters, self.importers, labels.group)]
        for i in select_goods(labels.goods, self.goods, self.stages or ()):
            for ends, tonnes in labels.trade(labels.goods[i].id).items():
                mine, theirs = ends if own_exports else ends[::-1]
                if tonnes > 0 and ends in passing and any(mine in a and theirs in b for a, b in pairs):
                    return True
        return False


INSTRUMENT = FreightShock
