"""``recycling_policy``: a state has scrap collected, pays for what comes out, asks for recycled content."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.process import Ended, Process, Setting, Spending
from sim.instruments.words import Countries, Goods, Stages, WordError, joined, quantity, select_goods
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.arrays import BoolArray, FloatArray
    from sim.controls import Controls
    from sim.world.labels import Labels
    from sim.world.world import World

__all__ = ["INSTRUMENT", "RecyclingPolicy"]

Share = Annotated[Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]
PerTonne = Annotated[Quantity, quantity("price", 0.0, None, "0 USD/t or more")]
FIELDS = "collection", "recycled_content", "subsidy"


def _dated(given: object) -> object:
    return None if given is None else by_date(given)


class RecyclingPolicy(Instrument):
    """What a state does for scrap of goods that are followed in use (``world: {scrap: all}``).

    ``collection`` is the least share of retired goods that is collected, ``recycled_content`` the least share
    of what users in the country take in that recyclers there must recover: duties that those pay who have
    them, and that need time. ``subsidy`` is paid for each tonne that comes out, beside its price, as long as
    the ``fund`` lasts. Nothing is collected beyond what can be.
    """

    type: Literal["recycling_policy"] = "recycling_policy"
    by: Annotated[Countries, Field(description="countries or groups", examples=["EU27"])]
    goods: Annotated[Goods, Field(description="what is recovered: good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    collection: Annotated[
        dict[Since, Share] | None, BeforeValidator(_dated),
        Field(description="least collected share of retired goods, or date: share", examples=["50 %"]),
    ] = None
    recycled_content: Annotated[
        dict[Since, Share] | None, BeforeValidator(_dated),
        Field(description="least recycled share of what is used there, or date: share", examples=["15 %"]),
    ] = None
    subsidy: Annotated[
        dict[Since, PerTonne] | None, BeforeValidator(_dated),
        Field(description="paid for a tonne that is recovered, or date: amount", examples=["5000 USD/t"]),
    ] = None
    fund: Annotated[
        Quantity | None, quantity("money", 0.0, None, "0 USD or more"),
        Field(description="money for the subsidy; without end if left out", examples=["1 billion USD"]),
    ] = None

    _spent: BoolArray | None = PrivateAttr(default=None)

    def model_post_init(self, context: object, /) -> None:
        """Something must be done, and a fund needs something to pay for."""
        if all(getattr(self, name) is None for name in FIELDS):
            raise WordError(
                "none of 'collection', 'recycled_content' and 'subsidy' is given",
                "write for example 'collection: 50 %'",
            )
        if self.fund is not None and self.subsidy is None:
            raise WordError("'fund' pays no 'subsidy' here", "add 'subsidy', or leave 'fund' out")
        super().model_post_init(context)
        labels = (context or {}).get("labels") if isinstance(context, dict) else None
        if labels is not None and not labels.recyclers:
            raise WordError("this world follows no goods in use", "write 'world: {scrap: all}'")

    def clause(self) -> str:
        """Who does what for which scrap."""
        does = []
        if self.collection is not None:
            does.append(f"has at least {say_dated(self.collection)} of what is retired collected")
        if self.recycled_content is not None:
            does.append(f"asks for at least {say_dated(self.recycled_content)} recycled content")
        if self.subsidy is not None:
            out_of = f" out of {self.fund}" if self.fund else ""
            does.append(f"pays {say_dated(self.subsidy)} for what is recovered{out_of}")
        goods = self.say_goods(self.goods, self.stages)
        return f"for scrap of {goods}, {self.say_countries(self.by)} {joined(does)}"

    def unpaid(self, spent: BoolArray) -> RecyclingPolicy | None:
        """The duties alone in members (M,) in which nothing is left to pay."""
        if self.collection is None and self.recycled_content is None:
            return None
        copy = self.model_copy()
        copy._spent = spent
        return copy

    def recyclers(self, world: World) -> BoolArray:
        """(O,) what recyclers in the countries make of the goods."""
        import numpy as np

        mask = np.zeros(len(world.offer_good), dtype=bool)
        if world.scrap is None:
            return mask
        at = world.scrap.offers
        chosen = np.isin(world.offer_good[at], self.good_indices(world, self.goods, self.stages))
        chosen &= self.country_mask(world, self.by)[world.offer_country[at]]
        mask[at[chosen]] = True
        return mask

    def amounts(self, controls: Controls) -> FloatArray:
        """(1 or M, O) multiples of the base price that the subsidy adds while it is in force."""
        import numpy as np

        world = controls.world
        assert self.subsidy is not None
        level = np.atleast_1d(np.asarray(self.now(controls, self.subsidy), dtype=np.float64))[:, None]
        per_tonne: FloatArray = level / world.base_price[world.offer_good]
        return per_tonne

    def apply(self, controls: Controls, share: Amount) -> None:
        """Ask for collection and content, and pay, for the share of the step."""
        import numpy as np

        mask = self.recyclers(controls.world)
        duties = {"collection_target": self.collection, "recycled_content": self.recycled_content}
        for name, given in duties.items():
            if given is not None:
                controls.ask_of_recyclers(name, mask, share * self.now(controls, given))
        if self.subsidy is not None:
            pays = share if self._spent is None else share * ~self._spent
            controls.pay_recyclers(mask, self.amounts(controls) * np.reshape(pays, (-1, 1)))
        controls.touched_offers[self.id] = mask

    @classmethod
    def process(cls, events: Sequence[Instrument], setting: Setting) -> Process | None:
        """What the subsidies of a run have paid."""
        policies = [event for event in events if isinstance(event, RecyclingPolicy)]
        paying = [event for event in policies if event.subsidy is not None and not event.in_base_year]
        return Subsidies(paying, setting) if paying else None

    def touches(self, labels: Labels) -> bool:
        """Whether anybody there recovers such a good, or may."""
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        codes = {code for word in self.by for code in labels.group(word)}
        return any(
            good in goods and labels.facilities[name].country in codes for name, good in labels.recyclers
        )


class Subsidies(Spending):
    """What states pay to recyclers."""

    name = "recycling_policy"

    def __init__(self, events: Sequence[RecyclingPolicy], setting: Setting) -> None:
        import numpy as np

        super().__init__([event.id for event in events], setting.members)
        self.events, self._world = tuple(events), setting.world
        self._support = np.zeros((setting.members, len(setting.world.offer_good)))

    def _total(self, event: RecyclingPolicy) -> Amount:
        """USD in all, one number or (M,)."""
        return math.inf if event.fund is None else event.fund.amount

    def _due(self, event: RecyclingPolicy, controls: Controls, share: Amount) -> FloatArray:
        """(1 or M, O) multiples of the base price beside the price."""
        import numpy as np

        mask = event.recyclers(self._world)
        due: FloatArray = np.where(mask, event.amounts(controls) * np.reshape(share, (-1, 1)), 0.0)
        return due

    def paid(self, price: FloatArray, controls: Controls, shares: Mapping[str, Amount]) -> FloatArray:
        """(M, O) prices with what states pay while money is left."""
        import numpy as np

        for k, event in enumerate(self.events):
            due = self._due(event, controls, shares.get(event.id, 0.0))
            left = self.left(self._total(event), k)[:, None] > 0
            price = price + np.where(left, due, 0.0)
        return price

    def after(self, ended: Ended) -> None:
        """Pay for what was recovered, as far as the money goes.

        Equation (M176), docs/model.md, for ``rsb_v``.
        """
        import numpy as np

        world = self._world
        tonnes = ended.output * world.base_price[world.offer_good]
        self.paid_out, self._support = np.zeros_like(self.spent), np.zeros_like(tonnes)
        for k, event in enumerate(self.events):
            due = self._due(event, ended.controls, ended.shares.get(event.id, 0.0)) * tonnes
            # Sums in one order, however many members share the run.
            whole = np.add.reduceat(due, [0], axis=1)[:, 0]
            left = self.left(self._total(event), k)
            part = np.where(whole > left, left / np.where(whole > 0, whole, 1.0), 1.0)
            self._support = self._support + due * part[:, None]
            self.paid_out[:, k] = whole * part
        self.spent = self.spent + self.paid_out

    def support(self) -> FloatArray:
        """(M, O) USD paid in the step."""
        return self._support

    def out_of_money(self) -> Mapping[str, BoolArray]:
        """Funds of which nothing is left."""
        return {
            event.id: self.spent[:, k] >= self._total(event)
            for k, event in enumerate(self.events)
            if event.fund is not None
        }

    def book(self) -> Mapping[str, FloatArray]:
        """USD paid in the step."""
        return {"recycling_paid": self.paid_out}

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """The events."""
        return {"recycling": ("recycling", self.names)}


INSTRUMENT = RecyclingPolicy
