"""``exchange_rate``: a currency gains or loses against the US dollar, in which all goods are priced."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.words import Countries, quantity
from sim.units import Amount, Quantity, parse_quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "ExchangeRate"]

FULL = parse_quantity("100 %", "share")
Change = Annotated[Quantity, quantity("share", -0.99, 100.0, "a change from -99 % upwards")]


class ExchangeRate(Instrument):
    """A currency changes by ``change`` in dollars, and ``pass_through`` of it shows in the country.

    Own costs of its makers (all but bought inputs) are in its currency, so in dollars they change alike:
    after a fall they ask less and make more. What its end users can pay is in its currency too, so their
    give-up prices in dollars change alike, and they economise when it falls. Traders and the plants'
    own demand are in dollars.
    """

    type: Literal["exchange_rate"] = "exchange_rate"
    countries: Annotated[Countries, Field(description="whose currency", examples=["[CHN]"])]
    change: Annotated[
        dict[Since, Change],
        BeforeValidator(by_date),
        Field(description="change of its value in dollars, or date: change", examples=["-20 %"]),
    ]
    pass_through: Annotated[
        Quantity,
        quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="share of the change that shows in dollar costs and budgets; all by assumption"),
    ] = FULL

    def clause(self) -> str:
        """Whose currency changes by how much."""
        full = self.pass_through.text == FULL.text
        part = "" if full else f", {self.pass_through} of which shows in prices"
        whose = self.say_countries(self.countries)
        return f"the currency of {whose} changes by {say_dated(self.change)} in dollars{part}"

    def _masks(self, controls: Controls) -> tuple[BoolArray, BoolArray]:
        """(O,) offers of makers and (N,) needs of end users in the countries."""
        import numpy as np

        world, here = controls.world, self.country_mask(controls.world, self.countries)
        makes = np.array([kind != "trader" for kind in world.facility_kind])
        uses = np.array([kind == "manufacturer" for kind in world.facility_kind])
        offers = here[world.offer_country] & makes[world.offer_facility]
        return offers, here[world.need_country] & uses[world.need_facility]

    def apply(self, controls: Controls, share: Amount) -> None:
        """Change own costs and budgets in dollars for the share of the step."""
        offers, needs = self._masks(controls)
        factor = 1 + share * self.now(controls, self.change) * self.pass_through.amount
        controls.scale_own_cost(offers, factor)
        controls.scale_budget(needs, factor)
        controls.touched_offers[self.id], controls.touched_needs[self.id] = offers, needs

    def touches(self, labels: Labels) -> bool:
        """Whether anybody there makes or uses anything."""
        codes = {code for word in self.countries for code in labels.group(word)}
        there = {n for n, f in labels.facilities.items() if f.country in codes and f.kind != "trader"}
        tables = (labels.output, labels.use)
        return any(t > 0 and name in there for table in tables for (_, name), t in table.items())


INSTRUMENT = ExchangeRate
