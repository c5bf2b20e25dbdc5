"""``price_floor``: a state makes up what some makers are paid below a price, as long as its money lasts."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.measures import MakerMeasure
from sim.instruments.process import Ended, Process, Promise, Setting, Spending
from sim.instruments.words import quantity
from sim.units import DAYS_PER_YEAR, Amount, Quantity, parse_quantity

if TYPE_CHECKING:
    from sim.arrays import FloatArray
    from sim.controls import Controls, Floor
    from sim.world.labels import Labels

__all__ = ["INSTRUMENT", "PriceFloor"]

NOTHING = parse_quantity("0 %", "share")


class PriceFloor(MakerMeasure):
    """Makers are paid at least ``price`` for what they make; a state pays what the market does not.

    With ``upside`` it takes a share of what the market pays above it. With ``fund`` the money can run out,
    and then makers are paid what the market pays. Builders reckon with it for as long as it is to last, and
    the money will do.
    """

    type: Literal["price_floor"] = "price_floor"
    price: Annotated[
        Quantity, quantity("", 0.0, None, "a price such as 110 USD/kg, or a share of the base price"),
        Field(description="paid at least", examples=["110 USD/kg"]),
    ]
    upside: Annotated[
        Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="share of what is above it that the state takes", examples=["30 %"]),
    ] = NOTHING
    fund: Annotated[
        Quantity | None, quantity("money", 0.0, None, "0 USD or more"),
        Field(description="money in all; without end if left out", examples=["1 billion USD"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """A price per tonne, or a share of the base price."""
        from sim.instruments.words import WordError

        if self.price.dimension not in ("price", "share"):
            raise WordError(f"the price, {self.price}, is neither a price nor a share", "write '110 USD/kg'")
        super().model_post_init(context)

    def turns(self, now: dt.date) -> set[dt.date]:
        """None: the market of tomorrow does not change with a floor, which it does not know."""
        return set()

    def clause(self) -> str:
        """Who is paid at least how much."""
        what = f"{self.price} of the base price" if self.price.dimension == "share" else str(self.price)
        out_of = f", out of {self.fund}" if self.fund else ""
        takes = f"; it takes {self.upside} of what is above" if self.upside.value else ""
        return f"a state has {self.output()} paid at least {what}{out_of}{takes}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Put the floor under the price."""
        import numpy as np

        from sim.controls import Floor

        world, mask = controls.world, self.offers(controls)
        level = np.atleast_1d(np.asarray(self.price.amount, dtype=np.float64))[:, None]
        if self.price.dimension == "price":
            level = level / world.base_price[world.offer_good]
        level = np.broadcast_to(level, (len(level), len(mask)))
        years = math.inf if self.until is None else (self.until - controls.date).days / DAYS_PER_YEAR
        total = math.inf if self.fund is None else self.fund.amount
        floor = Floor(self.id, mask, level, self.upside.amount, share, total, years)
        controls.projects.floors.append(floor)
        controls.touched_offers[self.id] = mask

    @classmethod
    def process(cls, events: Sequence[Instrument], setting: Setting) -> Process | None:
        """What the floors of a run have paid."""
        return Floors([event.id for event in events], setting)

    def touches(self, labels: Labels) -> bool:
        """Whether any of these makers produced anything, or may come to."""
        if super().touches(labels):
            return True
        codes = None if self.countries is None else {c for w in self.countries for c in labels.group(w)}
        anyone = self.firms is None and self.facilities is None
        return any(
            (anyone or name in (self.facilities or ()) or labels.facilities[name].firm in (self.firms or ()))
            and (codes is None or labels.facilities[name].country in codes)
            for name in labels.projects
        )


class Floors(Spending):
    """What floors pay, what the state takes back taken off."""

    name = "price_floor"
    least = -math.inf

    def __init__(self, events: Sequence[str], setting: Setting) -> None:
        import numpy as np

        super().__init__(events, setting.members)
        self._setting = setting
        self._support = np.zeros((setting.members, len(setting.world.offer_good)))

    def _left(self, floor: Floor) -> FloatArray:
        """(M,) USD that are left."""
        return self.left(floor.total, self.names.index(floor.event))

    def _due(self, floor: Floor, price: FloatArray) -> FloatArray:
        """(M, O) multiples of the base price that makers get beside a price; below 0 where they give."""
        import numpy as np

        columns = (np.asarray(a, dtype=np.float64) for a in (floor.share, floor.upside))
        share, upside = (np.reshape(column, (-1, 1)) for column in columns)
        gap = np.maximum(floor.level - price, 0.0)
        taken = upside * np.maximum(price - floor.level, 0.0)
        given = np.where(self._left(floor)[:, None] > 0, gap, 0.0) - taken
        due: FloatArray = np.where(floor.offers, share * given, 0.0)
        return due

    def paid(self, price: FloatArray, controls: Controls, shares: Mapping[str, Amount]) -> FloatArray:
        """(M, O) prices with what states pay, to each as far as what is left would do for it alone."""
        import numpy as np

        world, given = self._setting.world, price
        step = world.offer_capacity * self._setting.step_years * world.base_price[world.offer_good]
        for floor in controls.projects.floors:
            due, left = self._due(floor, price), self._left(floor)[:, None]
            claim = due * step
            part = np.where(claim > left, left / np.where(claim > 0, claim, 1.0), 1.0)
            given = given + due * part
        return given

    def promised(self, price: FloatArray, controls: Controls) -> Sequence[Promise]:
        """Each floor, with what it paid in the last step as what others draw."""
        import numpy as np

        found = []
        for floor in controls.projects.floors:
            pays = np.maximum(self.paid_out[:, self.names.index(floor.event)], 0.0)
            due = self._due(floor, price)
            found.append(Promise(due, floor.years, self._left(floor), pays / self._setting.step_years))
        return found

    def after(self, ended: Ended) -> None:
        """Pay for what was made, at the prices of the step, as far as the money goes.

        Equation (M153), docs/model.md, for ``pfl_s``.
        """
        import numpy as np

        world = self._setting.world
        worth = ended.output * world.base_price[world.offer_good]
        self.paid_out = np.zeros_like(self.spent)
        self._support = np.zeros_like(worth)
        for floor in ended.controls.projects.floors:
            due = self._due(floor, ended.clearing.price) * worth
            # Sums in one order, however many members share the run.
            whole = np.add.reduceat(due, [0], axis=1)[:, 0]
            left = self._left(floor)
            part = np.where(whole > left, left / np.where(whole > 0, whole, 1.0), 1.0)
            k = self.names.index(floor.event)
            self._support = self._support + due * part[:, None]
            self.paid_out[:, k] = whole * part
        self.spent = self.spent + self.paid_out

    def support(self) -> FloatArray:
        """(M, O) USD paid in the step."""
        return self._support

    def book(self) -> Mapping[str, FloatArray]:
        """USD paid in the step."""
        return {"floor_paid": self.paid_out}

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """The events."""
        return {"floor": ("floor", self.names)}


INSTRUMENT = PriceFloor
