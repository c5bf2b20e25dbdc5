"""``export_promotion``: a state adds to what exports earn, as long as its money lasts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.measures import ExportMeasure
from sim.instruments.process import Ended, Process, Setting, Spending
from sim.instruments.words import WordError, quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.arrays import BoolArray, FloatArray
    from sim.controls import Controls
    from sim.world.world import World

__all__ = ["INSTRUMENT", "ExportPromotion"]

Rate = Annotated[Quantity, quantity("share", 0.0, 0.9, "a share from 0 % to 90 %")]


class ExportPromotion(ExportMeasure):
    """A rebate on what leaves a country: buyers abroad pay less, sellers get as much, a state pays the rest.

    It is a share of the gate price, or money per tonne, which is turned into a share at the base year's
    price. With ``fund`` the money can run out: from the next step on nothing is given back, and everybody
    knows. Buyers at home pay in full.
    """

    type: Literal["export_promotion"] = "export_promotion"
    rate: Annotated[
        dict[Since, Rate] | None,
        BeforeValidator(lambda given: None if given is None else by_date(given)),
        Field(description="share of the gate price, or date: share", examples=["13 %"]),
    ] = None
    per_tonne: Annotated[
        Quantity | None, quantity("price", 0.0, None, "0 USD/t or more"),
        Field(description="money per tonne, at the base year's price", examples=["500 USD/t"]),
    ] = None
    fund: Annotated[
        Quantity | None, quantity("money", 0.0, None, "0 USD or more"),
        Field(description="money in all; without end if left out", examples=["1 billion USD"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """One way to say how much."""
        if (self.rate is None) == (self.per_tonne is None):
            raise WordError(
                "exactly one of 'rate' and 'per_tonne' is needed", "write for example 'rate: 13 %'"
            )
        super().model_post_init(context)

    def clause(self) -> str:
        """Who pays how much for which exports."""
        how = say_dated(self.rate) if self.rate is not None else str(self.per_tonne)
        out_of = f", out of {self.fund}" if self.fund else ""
        return f"{self.say_countries(self.by)} gives back {how} on {self.exports()}{out_of}"

    def rates(self, controls: Controls) -> Iterator[tuple[int, Amount]]:
        """Good and share of its gate price that is given back, while the event is in force."""
        import numpy as np

        from sim.controls import LEAST_LEFT

        world = controls.world
        for good in self.good_indices(world, self.goods, self.stages).tolist():
            if self.rate is not None:
                yield good, self.now(controls, self.rate)
            elif self.per_tonne is not None:
                share = np.minimum(self.per_tonne.amount / world.goods[good].base_price, 1 - LEAST_LEFT)
                yield good, share if np.ndim(share) else float(share)

    def apply(self, controls: Controls, share: Amount) -> None:
        """Take the rate off the gate price for the share of the step."""
        import numpy as np

        mask = self.mask(controls)
        for good, rate in self.rates(controls):
            here = np.zeros_like(mask)
            here[good] = mask[good]
            controls.export_tax_rate.change(here, -share * rate)
        controls.touch_links(self.id, mask)

    @classmethod
    def process(cls, events: Sequence[Instrument], setting: Setting) -> Process | None:
        """What the promotions of a run have cost."""
        paying = [event for event in events if isinstance(event, ExportPromotion) and not event.in_base_year]
        return Promotions(paying, setting) if paying else None


class Promotions(Spending):
    """What promotions pay."""

    name = "export_promotion"

    def __init__(self, events: Sequence[ExportPromotion], setting: Setting) -> None:
        super().__init__([event.id for event in events], setting.members)
        self.events, self._world = tuple(events), setting.world
        # What a clearing sums with is kept by identity: made once.
        self._weights = [_on_links(event, setting.world) for event in self.events]

    def _total(self, event: ExportPromotion) -> Amount:
        """USD in all, one number or (M,)."""
        import math

        return math.inf if event.fund is None else event.fund.amount

    def after(self, ended: Ended) -> None:
        """Pay for what was sold abroad, at the prices of the step, as far as the money goes.

        Equation (M159), docs/model.md, for ``prm_v``.
        """
        import numpy as np

        world = self._world
        self.paid_out = np.zeros_like(self.spent)
        for k, (event, weights) in enumerate(zip(self.events, self._weights, strict=True)):
            share = ended.shares.get(event.id, 0.0)
            if not np.any(np.asarray(share) > 0):
                continue
            sold = ended.clearing.to_buyers(weights, ended.clearing.price)
            due = np.zeros(len(sold))
            for good, rate in event.rates(ended.controls):
                worth = sold[:, world.need_slice(good)] * world.goods[good].base_price
                # Sums in one order, however many members share the run.
                due = due + rate * np.add.reduceat(worth, [0], axis=1)[:, 0]
            self.paid_out[:, k] = np.minimum(share * due, self.left(self._total(event), k))
        self.spent = self.spent + self.paid_out

    def out_of_money(self) -> Mapping[str, BoolArray]:
        """Funds of which nothing is left."""
        return {
            event.id: self.spent[:, k] >= self._total(event)
            for k, event in enumerate(self.events)
            if event.fund is not None
        }

    def book(self) -> Mapping[str, FloatArray]:
        """USD paid in the step."""
        return {"promotion_paid": self.paid_out}

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """The events."""
        return {"promotion": ("promotion", self.names)}


def _on_links(event: ExportPromotion, world: World) -> list[FloatArray]:
    """Per good (S, B) 1 on the links that a promotion acts on."""
    import numpy as np

    from sim.controls import Controls

    mask = event.mask(Controls(world))
    return [
        mask[good][np.ix_(*world.link_countries(good))].astype(np.float64)
        for good in range(len(world.goods))
    ]


INSTRUMENT = ExportPromotion
