"""``supply_pact``: allies prefer each other, hold a stock together, and pay their makers at least a price."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.bloc import Bloc, Inside, Members, Outside, Preferences
from sim.instruments.price_floor import PriceFloor
from sim.instruments.stockpile import BASE_PRICE, Price, Stockpile
from sim.instruments.stockpile import Rate as Purchases
from sim.instruments.words import Goods, Stages, WordError, quantity
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "SupplyPact"]


class SupplyPact(Instrument):
    """A ``bloc``, a ``stockpile`` and a ``price_floor`` of the same members and goods, agreed as one.

    Each part acts as the instrument of its name does: a preference tilts what members buy, the shared stock
    buys through the channels of all their users and is released to those who are short, and makers in
    member countries are paid at least the floor. A part that is not stated is not agreed.
    """

    type: Literal["supply_pact"] = "supply_pact"
    members: Members
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[gallium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    preference: Preferences = None
    tariff_inside: Inside = None
    tariff_outside: Outside = None
    stock: Annotated[
        Quantity | None, quantity("", 0.0, None, "0 t or more, or a time such as 6 months"),
        Field(description="shared stock: tonnes, or time of members' base-year use", examples=["6 months"]),
    ] = None
    stock_rate: Annotated[
        Purchases | None, Field(description="most bought and released in a year", examples=["500 t/year"])
    ] = None
    buy_below: Annotated[Price, Field(description="of the base price, for the stock")] = BASE_PRICE
    release_above: Annotated[Price | None, Field(description="of the base price", examples=["150 %"])] = None
    release_on_shortfall: Annotated[
        Quantity | None, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="unmet share of members' need that opens the stock", examples=["5 %"]),
    ] = None
    floor: Annotated[
        Quantity | None, quantity("", 0.0, None, "a price such as 110 USD/kg, or a share of the base price"),
        Field(description="makers in member countries are paid at least this", examples=["110 USD/kg"]),
    ] = None
    floor_fund: Annotated[
        Quantity | None, quantity("money", 0.0, None, "0 USD or more"),
        Field(description="money for the floor in all; without end if left out", examples=["1 billion USD"]),
    ] = None

    def model_post_init(self, context: Any, /) -> None:
        """Something must be agreed, and each part must be whole."""
        if (self.stock is None) != (self.stock_rate is None):
            raise WordError("'stock' and 'stock_rate' belong together", "write both, or neither")
        if self.floor is None and self.floor_fund is not None:
            raise WordError("there is a 'floor_fund' and no 'floor'", "write for example 'floor: 110 %'")
        super().model_post_init(context)
        if not self.parts():
            raise WordError(
                "none of 'preference', 'tariff_inside', 'tariff_outside', 'stock' and 'floor' is given",
                "write for example 'preference: 50 %'",
            )

    def parts(self) -> Sequence[Instrument]:
        """The bloc, the stock and the floor, as far as they are agreed, each with the pact's id and dates."""
        common = {name: getattr(self, name) for name in ("id", *Instrument.model_fields) if name != "type"}
        common |= {"goods": self.goods, "stages": self.stages}
        found: list[Instrument] = []
        rates = {name: getattr(self, name) for name in ("preference", "tariff_inside", "tariff_outside")}
        if any(value is not None for value in rates.values()):
            found.append(Bloc.model_construct(**common, **rates, members=self.members))
        if self.stock is not None and self.stock_rate is not None:
            rules = {n: getattr(self, n) for n in ("buy_below", "release_above", "release_on_shortfall")}
            found.append(Stockpile.model_construct(
                **common, **rules, by=self.members, size=self.stock, rate=self.stock_rate
            ))  # fmt: skip
        if self.floor is not None:
            found.append(PriceFloor.model_construct(
                **common, countries=self.members, price=self.floor, fund=self.floor_fund
            ))  # fmt: skip
        for part in found:
            part._labels = self._labels
        return found

    def clause(self) -> str:
        """What is agreed, part by part."""
        return f"by a pact {'; '.join(part.clause() for part in self.parts())}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Each part acts; where trade is tilted, that trade is what the event acts on, beside its stock."""
        for part in self.parts():
            part.apply(controls, share)
        if self.id in controls.touched_links:
            controls.touched_offers.pop(self.id, None)
            controls.touched_needs.pop(self.id, None)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links from outsiders, under a tariff on them."""
        hit = controls.no_links()
        for part in self.parts():
            hit = hit | part.restricts(controls)
        return hit

    def touches(self, labels: Labels) -> bool:
        """Whether any part touches anything."""
        return any(part.touches(labels) for part in self.parts())


INSTRUMENT = SupplyPact
