"""``import_tariff``: a duty on imports, on top of the base-year tariff or instead of it."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.measures import ImportMeasure
from sim.instruments.selecting import where_any
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

    ``applies: instead of`` makes ``rate`` the whole tariff: the base-year tariff of each link is taken off.

    A negative rate is relief; below a tariff of zero it becomes a subsidy, of 90 % of the price at most. A
    group that levies the tariff spares its own members. ``rate`` may be a mapping from dates to rates.
    """

    type: Literal["import_tariff"] = "import_tariff"
    rate: Annotated[
        dict[Since, Rate],
        BeforeValidator(by_date),
        Field(description="percentage points added to the tariff, or date: rate", examples=["25 %"]),
    ]
    applies: Annotated[
        Literal["on top of", "instead of"], Field(description="how the rate meets the base-year tariff")
    ] = "on top of"
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
        if self.applies == "instead of":
            return f"{self.say_countries(self.by)} taxes {self.imports()} at {rate} instead of before{but}"
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
        for links, rate in self._added(controls, mask):
            controls.tariff_rate.change(links, share * rate)
        controls.touch_links(self.id, mask)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links on which the duty rises."""
        hit = controls.no_links()
        for links, added in self._added(controls, self.mask(controls)):
            hit |= where_any(links, added)
        return hit

    def _added(self, controls: Controls, mask: BoolArray) -> Iterator[tuple[BoolArray, Amount]]:
        """(G, C, C) links, and what comes on top of their base-year tariff."""
        import numpy as np

        rate = self.now(controls, self.rate)
        if self.applies == "on top of":
            yield mask, rate
            return
        before = controls.world.base_tariff
        for level in np.unique(before[mask]).tolist():
            yield mask & (before == level), rate - level

    def problems_with(self, others: Mapping[str, Instrument]) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Two duties cannot both stand instead of one tariff."""
        for name, other in others.items():
            if name <= self.id or not isinstance(other, ImportTariff):
                continue
            if {self.applies, other.applies} == {"instead of"} and self._meets(other):
                message = f"'{name}' stands instead of the base-year tariff of the same trade, too"
                yield ("applies",), message, "end one before the other begins, or write 'on top of'"

    def _meets(self, other: ImportTariff) -> bool:
        """Whether both may be in force on one link on one day."""
        first, last = dt.date.min, dt.date.max
        if max(self.from_ or first, other.from_ or first) > min(self.until or last, other.until or last):
            return False
        labels = self._labels
        if labels is None:
            return True

        def codes(words: Sequence[str]) -> set[str]:
            return {code for word in words for code in labels.group(word)}

        goods = [set(select_goods(labels.goods, one.goods, one.stages or ())) for one in (self, other)]
        return bool(
            goods[0] & goods[1] and codes(self.by) & codes(other.by) and codes(self.on) & codes(other.on)
        )

    def touches(self, labels: Labels) -> bool:
        """Whether any link that pays carried trade."""
        free = set(select_goods(labels.goods, self.exempt_goods or ()))
        chosen = select_goods(labels.goods, self.goods, self.stages or ())
        goods = [labels.goods[i].id for i in chosen if i not in free]
        spared = {code for word in self.exempt_countries or () for code in labels.group(word)}
        origins = [c for word in self.on for c in labels.group(word) if c not in spared]
        return self.traded(labels, goods, None, self.by, origins, own_exports=False)


INSTRUMENT = ImportTariff
