"""``stockpile``: a state that buys when cheap, holds, and releases to its users when short."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.words import Countries, Goods, Stages, WordError, quantity, select_goods
from sim.units import Amount, Quantity, parse_quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.instruments.process import Process, Setting

__all__ = ["INSTRUMENT", "Stockpile"]

BASE_PRICE = parse_quantity("100 %", "share")
NOTHING = parse_quantity("0 t", "mass")
NO_ROTATION = parse_quantity("0 %/year", "growth rate")
Tonnes = Annotated[Quantity, quantity("mass", 0.0, None, "0 t or more")]
Rate = Annotated[Quantity, quantity("mass per year", 0.0, None, "0 t/year or more")]
Price = Annotated[Quantity, quantity("share", 0.0, 1000.0, "a share of the base price, 0 % or more")]


class Stockpile(Instrument):
    """A state's stock of each good, bought and released by rule.

    It buys through the channels of the country's own users, at most ``rate``, while what they paid in the
    last step was below ``buy_below`` of the base price, until ``size`` is reached. It releases to them, at
    most ``release_rate``, in proportion to what they need, while that price is above ``release_above`` or
    the unmet share of their need above ``release_on_shortfall``. Several goods share tonnes in proportion
    to base-year use. After ``until`` the stock lies still.
    """

    type: Literal["stockpile"] = "stockpile"
    by: Annotated[Countries, Field(description="whose stock it is", examples=["USA"])]
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[cobalt]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    size: Annotated[
        Quantity, quantity("", 0.0, None, "0 t or more, or a time such as 6 months"),
        Field(description="target: tonnes, or time of the country's base-year use", examples=["6 months"]),
    ]
    rate: Annotated[Rate, Field(description="most bought in a year", examples=["500 t/year"])]
    buy_below: Annotated[Price, Field(description="of the base price")] = BASE_PRICE
    release_rate: Annotated[Rate | None, Field(description="most released; `rate` if left out")] = None
    release_above: Annotated[Price | None, Field(description="of the base price", examples=["150 %"])] = None
    release_on_shortfall: Annotated[
        Quantity | None, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="unmet share of need that opens the stock", examples=["5 %"]),
    ] = None
    rotation: Annotated[
        Quantity, quantity("growth rate", 0.0, 12.0, "a rate such as 10 %/year"),
        Field(description="share of the stock sold and bought again in a year"),
    ] = NO_ROTATION
    initial: Annotated[Tonnes, Field(description="tonnes in stock at the start of the run")] = NOTHING

    def model_post_init(self, context: object, /) -> None:
        """A size in tonnes or in time."""
        if self.size.dimension not in ("mass", "duration"):
            raise WordError(
                f"the size, {self.size}, is neither tonnes nor a time", "write '500 t' or '6 months'"
            )
        super().model_post_init(context)

    def clause(self) -> str:
        """Who stocks what, how much, and when it buys and releases."""
        goods, of_use = self.say_goods(self.goods, self.stages), self.size.dimension == "duration"
        size = f"{self.size} of use" if of_use else str(self.size)
        buys = f"buys up to {self.rate} below {self.buy_below} of the base price"
        when = [f"above {self.release_above} of it"] if self.release_above else []
        if self.release_on_shortfall:
            when.append(f"when more than {self.release_on_shortfall} of need is unmet")
        out = f"; it releases up to {self.release_rate or self.rate} {' or '.join(when)}" if when else ""
        held = f", starting with {self.initial}" if self.initial.value else ""
        turn = f"; {self.rotation} of it is rotated" if self.rotation.value else ""
        return f"{self.say_countries(self.by)} stocks {size} of {goods}{held}: it {buys}{out}{turn}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Tell the engine which stocks may trade in this step, and for which share of it."""
        import numpy as np

        world = controls.world
        controls.stockpiles[self.id] = share
        goods = self.good_indices(world, self.goods, self.stages)
        inside = self.country_mask(world, self.by)[world.need_country]
        controls.touched_needs[self.id] = inside & np.isin(world.need_good, goods)

    @classmethod
    def process(cls, events: Sequence[Instrument], setting: Setting) -> Process | None:
        """The piles of all events of this type that are not in base-year trade already."""
        from sim.instruments.piles import PileRule, Piles

        never, rules = math.inf, []
        for event in events:
            assert isinstance(event, Stockpile)
            if event.in_base_year:
                continue
            dear, short = event.release_above, event.release_on_shortfall
            rules.append(PileRule(
                event=event.id,
                countries=event.country_mask(setting.world, event.by),
                goods=event.good_indices(setting.world, event.goods, event.stages),
                size=event.size.amount,
                by_time=event.size.dimension == "duration",
                rate=event.rate.amount,
                release_rate=(event.release_rate or event.rate).amount,
                buy_below=event.buy_below.amount,
                release_above=dear.amount if dear else never,
                release_on_shortfall=short.amount if short else never,
                rotation=event.rotation.amount,
                initial=event.initial.amount,
            ))  # fmt: skip
        piles = Piles(rules, setting) if rules else None
        return piles if piles is not None and piles.goods else None

    def touches(self, labels: Labels) -> bool:
        """Whether the country used any such good."""
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        codes = {code for word in self.by for code in labels.group(word)}
        return any(
            t > 0 and good in goods and labels.facilities[user].country in codes
            for (good, user), t in labels.use.items()
        )


INSTRUMENT = Stockpile
