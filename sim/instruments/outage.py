"""``outage``: mines or plants stand still for a time, by accident, flood or breakdown."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

from pydantic import Field

from sim.instruments.measures import MakerMeasure
from sim.instruments.words import WordError, quantity
from sim.units import DAYS_PER_YEAR, Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "Outage", "Standstill"]

Share = Annotated[Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]
Time = Annotated[Quantity, quantity("duration", 0.0, 50.0, "a time of 0 to 50 years")]


class Standstill(MakerMeasure):
    """Takes ``loss`` of the output for ``length``, from ``starts_after`` after ``from``.

    ``length``, ``loss`` and ``starts_after`` may be distributions, so that each member has an outage of
    its own; with ``probability``, only some members have one. ``until`` ends it at the latest. A ``length``
    is known to all from the first day; where nobody knew it, ``until`` stands alone, with ``end_announced``.
    """

    cause: ClassVar[str]
    loss: Annotated[Share, Field(description="share of output lost", examples=["100 %"])]
    length: Annotated[
        Time | None,
        Field(description="how long it lasts, known from its first day; none = to `until`",
              examples=["{uniform: [2 weeks, 3 months]}"]),
    ] = None  # fmt: skip
    starts_after: Annotated[
        Time | None,
        Field(description="time from `from` to its start", examples=["{uniform: [0 days, 1 years]}"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """A standstill ends, or people think that it does."""
        if self.length is None and self.until is None and self.expected_to_last is None:
            raise WordError(
                "nothing says how long it lasts", "write for example 'length: {uniform: [2 weeks, 3 months]}'"
            )
        super().model_post_init(context)

    def clause(self) -> str:
        """What is lost, where, for how long."""
        start = f", starting after {self.starts_after}" if self.starts_after else ""
        lasting = f" for {self.length}" if self.length else ""
        return f"{self.cause} takes {self.loss} of the output of {self.output()}{lasting}{start}"

    def activity(self, step_start: dt.date, step_end: dt.date) -> Amount:
        """Share 0..1 of the step in which the outage lasts, or (M,) such where members differ."""
        import numpy as np

        if self.in_base_year or self.from_ is None:
            return 0.0
        start, end = ((day - self.from_).days / DAYS_PER_YEAR for day in (step_start, step_end))
        begin = self.starts_after.amount if self.starts_after else 0.0
        over = np.inf if self.length is None else begin + self.length.amount
        if self.until is not None:
            over = np.minimum(over, ((self.until - self.from_).days + 1) / DAYS_PER_YEAR)
        share: Amount = np.clip(np.minimum(over, end) - np.maximum(begin, start), 0.0, None) / (end - start)
        return share

    def apply(self, controls: Controls, share: Amount) -> None:
        """Lower output for the share of the step."""
        mask = self.offers(controls)
        controls.scale_output(mask, 1 - share * self.loss.amount)
        controls.touched_offers[self.id] = mask


class Outage(Standstill):
    """A standstill that nobody wants."""

    cause: ClassVar[str] = "an outage"
    type: Literal["outage"] = "outage"


INSTRUMENT = Outage
