"""``bloc``: allies prefer each other's goods, and treat outsiders differently at the border."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.selecting import where_any
from sim.instruments.words import Countries, Goods, Stages, WordError, joined, quantity
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "Bloc", "Inside", "Members", "Outside", "Preferences"]

Preference = Annotated[Quantity, quantity("share", 0.0, 1000.0, "0 % or more")]
Rate = Annotated[Quantity, quantity("share", -0.9, 100.0, "a rate from -90 % upwards, such as 10 %")]
Members = Annotated[Countries, Field(description="countries or groups", examples=["[USA, EU27, JPN]"])]
Preferences = Annotated[
    dict[Since, Preference] | None,
    BeforeValidator(lambda given: None if given is None else by_date(given)),
    Field(description="rise of the weight of members for each other, or date: rise", examples=["50 %"]),
]
Inside = Annotated[Rate | None, Field(description="percentage points, between members")]
Outside = Annotated[Rate | None, Field(description="percentage points, on others")]


class Bloc(Instrument):
    """Multiplies the sourcing weight of links between members, domestic ones included, by (1 + preference).

    The other weights of a buyer are scaled so that it is neither richer nor poorer at base prices: the
    mix tilts, the amount does not. ``tariff_inside`` is added to the tariffs between members (negative:
    relief), ``tariff_outside`` to those on imports from others.
    """

    type: Literal["bloc"] = "bloc"
    members: Members
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    preference: Preferences = None
    tariff_inside: Inside = None
    tariff_outside: Outside = None

    def model_post_init(self, context: object, /) -> None:
        """Something must change."""
        if self.preference is None and self.tariff_inside is None and self.tariff_outside is None:
            raise WordError(
                "none of 'preference', 'tariff_inside' and 'tariff_outside' is given",
                "write for example 'preference: 50 %'",
            )
        super().model_post_init(context)

    def clause(self) -> str:
        """Who prefers whom, and which tariffs change."""
        parts = [f"give each other {say_dated(self.preference)} more weight"] if self.preference else []
        for rate, where in ((self.tariff_inside, "among them"), (self.tariff_outside, "on all others")):
            if rate is not None:
                verb, way = ("take", "off") if rate.value < 0 else ("add", "to")
                parts.append(f"{verb} {rate.text.lstrip('-')} {way} the tariff {where}")
        goods = self.say_goods(self.goods, self.stages)
        return f"buyers of {goods} in the bloc of {self.say_countries(self.members)} {joined(parts)}"

    def _masks(self, controls: Controls) -> tuple[BoolArray, BoolArray]:
        """(G, C, C) links between members, domestic ones included, and imports of members from others."""
        chosen = controls.no_links()
        chosen[self.good_indices(controls.world, self.goods, self.stages)] = True
        inside = self.country_mask(controls.world, self.members)
        return chosen & inside[:, None] & inside, chosen & ~inside[:, None] & inside

    def apply(self, controls: Controls, share: Amount) -> None:
        """Tilt weights and change tariffs for the share of the step."""
        import numpy as np

        inside, outside = self._masks(controls)
        if self.preference is not None:
            controls.preference.change(inside, 1 + share * self.now(controls, self.preference))
        between = inside & ~np.eye(len(controls.world.countries), dtype=bool)
        for rate, mask in ((self.tariff_inside, between), (self.tariff_outside, outside)):
            if rate is not None:
                controls.tariff_rate.change(mask, share * rate.amount)
        controls.touch_links(self.id, between | outside)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links from outsiders, under a tariff on them."""
        rate = 0.0 if self.tariff_outside is None else self.tariff_outside.amount
        return where_any(self._masks(controls)[1], rate)

    def touches(self, labels: Labels) -> bool:
        """Whether any member bought abroad."""
        members = [code for word in self.members for code in labels.group(word)]
        return self.traded(labels, self.goods, self.stages, members, ("world",), own_exports=False)


INSTRUMENT = Bloc
