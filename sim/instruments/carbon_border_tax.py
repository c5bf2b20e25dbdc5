"""``carbon_border_tax``: importers charge the carbon that was emitted in making what they import."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.distributions import is_distribution
from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.selecting import where_any
from sim.instruments.words import (
    Countries,
    CountryWord,
    DistinctCountries,
    DistinctGoods,
    GoodWord,
    joined,
    quantity,
)
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "CarbonBorderTax"]

Price = Annotated[Quantity, quantity("carbon price", 0.0, 10000.0, "0 to 10000 USD/t CO2")]
Intensity = Annotated[Quantity, quantity("carbon intensity", 0.0, 100000.0, "0 to 100000 t CO2/t")]


def _by_origin(given: object) -> object:
    """One intensity stands for every origin."""
    return given if isinstance(given, dict) and not is_distribution(given) else {"world": given}


class CarbonBorderTax(Instrument):
    """Adds max(0, price - carbon price paid at origin) x intensity / base price to the tariff.

    ``intensity`` maps goods to t CO2 per tonne, or to a mapping from origin to that; a good id goes before
    a mineral, a country before a group and a group before ``world``; an origin left out pays nothing.
    The base price is the base-year gate price of the good, so that the duty per tonne does not follow
    later prices. A group that levies the tax spares its own members.
    """

    type: Literal["carbon_border_tax"] = "carbon_border_tax"
    by: Annotated[Countries, Field(description="importing countries or groups", examples=["EU27"])]
    on: Annotated[Countries, Field(description="exporting countries or groups")] = ("world",)
    intensity: Annotated[
        dict[
            GoodWord,
            Annotated[dict[CountryWord, Intensity], DistinctCountries, BeforeValidator(_by_origin)],
        ],
        DistinctGoods,
        Field(description="emissions by good, and by origin", examples=["{copper: 4 t CO2/t}"]),
    ]
    price: Annotated[
        dict[Since, Price],
        BeforeValidator(by_date),
        Field(description="carbon price of the importers, or date: price", examples=["80 USD/t CO2"]),
    ]
    paid_at_origin: Annotated[
        Annotated[dict[CountryWord, Price], DistinctCountries] | None,
        Field(description="carbon price already paid, by origin"),
    ] = None

    def clause(self) -> str:
        """Who charges how much for carbon in what from whom."""
        goods, on = self.say_goods(tuple(self.intensity), None), self.say_countries(self.on)
        paid = [f"{price} in {self.say_countries([c])}" for c, price in (self.paid_at_origin or {}).items()]
        less = f", less what is paid at origin ({joined(paid)})" if paid else ""
        who = f"{self.say_countries(self.by)} charges {say_dated(self.price)}{less}"
        return f"{who} for the carbon in imports of {goods} from {on}"

    def _ranked(self, words: dict[str, Quantity], controls: Controls) -> Iterator[tuple[BoolArray, Amount]]:
        """(C,) origins and the amount that goes for them; they do not overlap."""
        left = self.country_mask(controls.world, ["world"])
        rank = {word: (word != "world") + (word in controls.world.countries) for word in words}
        for word in sorted(words, key=lambda w: -rank[w]):
            chosen = left & self.country_mask(controls.world, [word])
            left &= ~chosen
            yield chosen, words[word].amount
        yield left, 0.0

    def _rates(self, controls: Controls) -> Iterator[tuple[BoolArray, Amount]]:
        """(G, C, C) links and the ad valorem rate on them; they do not overlap."""
        import numpy as np

        world, price = controls.world, self.now(controls, self.price)
        ids = {good.id for good in world.goods}
        minerals = {good.mineral for good in world.goods}
        done: set[int] = set()
        for word in sorted(self.intensity, key=lambda w: -2 * (w in ids) - (w in minerals)):
            for good in self.good_indices(world, [word], None).tolist():
                if good in done:
                    continue
                done.add(good)
                name = world.goods[good].id
                links = self.link_mask(controls, [name], None, self.by, self.on, own_exports=False)
                for some, emitted in self._ranked(self.intensity[word], controls):
                    for others, paid in self._ranked(self.paid_at_origin or {}, controls):
                        chosen = links & (some & others)[:, None]
                        if chosen.any():
                            due = np.maximum(price - paid, 0.0) * emitted
                            yield chosen, due / world.goods[good].base_price

    def apply(self, controls: Controls, share: Amount) -> None:
        """Add the rates for the share of the step."""
        import numpy as np

        for links, rate in self._rates(controls):
            # Where members draw their duties, what is written must not depend on who shares the batch.
            if np.ndim(rate) > 0 or np.any(np.asarray(rate) > 0):
                controls.tariff_rate.change(links, share * rate)
                controls.touch_links(self.id, links)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links on which something is due."""
        hit = controls.no_links()
        for links, rate in self._rates(controls):
            hit |= where_any(links, rate)
        return hit

    def touches(self, labels: Labels) -> bool:
        """Whether any link of these goods carried trade."""
        return self.traded(labels, tuple(self.intensity), None, self.by, self.on, own_exports=False)


INSTRUMENT = CarbonBorderTax
