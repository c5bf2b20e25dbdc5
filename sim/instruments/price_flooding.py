"""``price_flooding``: a state lets its sellers sell below cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field

from sim.instruments.dated import Since, by_date, say_dated
from sim.instruments.measures import MakerMeasure
from sim.instruments.words import quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "PriceFlooding"]

Discount = Annotated[Quantity, quantity("share", 0.0, 0.99, "a share from 0 % to 99 %")]


class PriceFlooding(MakerMeasure):
    """Lowers the asks of some makers by ``discount``; the state pays them the difference.

    So they go on making as if they were paid the full price. With ``extra_output`` they make more, as far
    as their capacity allows. Rivals see the lower market price only.
    """

    type: Literal["price_flooding"] = "price_flooding"
    discount: Annotated[
        dict[Since, Discount],
        BeforeValidator(by_date),
        Field(description="share taken off the ask, or date: share", examples=["30 %"]),
    ]
    extra_output: Annotated[
        Quantity | None,
        quantity("share", 0.0, 100.0, "0 % or more"),
        Field(description="additional output, within capacity", examples=["10 %"]),
    ] = None

    def clause(self) -> str:
        """Whose goods are sold how far below cost."""
        more = f", and {self.extra_output} more is made" if self.extra_output else ""
        return f"a state has {self.output()} sold {say_dated(self.discount)} below cost{more}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Lower asks and raise output for the share of the step."""
        mask = self.offers(controls)
        controls.scale_asks(mask, 1 - share * self.now(controls, self.discount))
        if self.extra_output is not None:
            controls.scale_output(mask, 1 + share * self.extra_output.amount)
        controls.touched_offers[self.id] = mask


INSTRUMENT = PriceFlooding
