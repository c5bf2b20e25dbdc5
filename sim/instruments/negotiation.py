"""``negotiation``: conditional relief, such as licences that are eased once a tariff falls."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.condition import Condition, Wait
from sim.instruments.targets import target_problems, unknown_event
from sim.instruments.words import Countries, EventIds, WordError, joined, quantity
from sim.units import Amount, Quantity, parse_quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "Negotiation"]

AT_ONCE = parse_quantity("0 days", "duration")
Share = Annotated[Quantity | None, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]


class Negotiation(Instrument):
    """From ``from`` on, once the trigger has been met (or at once without one) and ``delay`` has passed,
    the events named are eased until ``until``.

    ``relief`` takes that share off the strength of the events: 100 % suspends them, 50 % halves a tariff.
    ``approval_share`` raises the approval share of licences instead, for the destinations ``to``.
    ``probability`` says how likely the talks are to succeed.
    """

    type: Literal["negotiation"] = "negotiation"
    between: Annotated[Countries, Field(description="who negotiates", examples=["[USA, CHN]"])]
    events: Annotated[EventIds, Field(description="ids of the events eased", examples=["[licence]"])]
    trigger: Annotated[
        Condition | None, Field(description="what must happen first", examples=["{event: tariff, is: eased}"])
    ] = None
    delay: Annotated[Wait, Field(description="time from the trigger to relief", examples=["3 months"])] = (
        AT_ONCE
    )
    relief: Annotated[Share, Field(description="share taken off the events' strength")] = None
    approval_share: Annotated[
        Share, Field(description="licences: approved at least", examples=["80 %"])
    ] = None
    to: Annotated[
        Countries, Field(description="with `approval_share`: destinations that are eased; all if left out")
    ] = ("world",)

    def model_post_init(self, context: object, /) -> None:
        """Relief is of one kind."""
        if (self.relief is None) == (self.approval_share is None):
            raise WordError(
                "exactly one of 'relief' and 'approval_share' is needed", "write for example 'relief: 100 %'"
            )
        super().model_post_init(context)

    @property
    def weighed(self) -> tuple[str, ...]:
        """What it takes a part of the strength of."""
        return self.events if self.relief is not None else ()

    def clause(self) -> str:
        """Who agrees on what, on which condition."""
        names = joined([f"'{name}'" for name in self.events])
        if self.approval_share is not None:
            eased = f"approve at least {self.approval_share} under {names} to {self.say_countries(self.to)}"
        else:
            whole = self.relief is not None and self.relief.value == 1 and self.relief.drawn is None
            eased = f"suspend {names}" if whole else f"ease {names} by {self.relief}"
        once = ""
        if self.trigger is not None:
            once = f"once {self.trigger.clause(self.say_goods, self.say_countries)}, "
        later = f", {self.delay} later" if self.delay.value else ""
        return f"{once}{self.say_countries(self.between)} agree{later} to {eased}"

    def problems_with(self, others: Mapping[str, Instrument]) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Events that are not there, or that cannot be eased this way."""
        if self.trigger is not None:
            yield from unknown_event(self, others, ("trigger", "event"), self.trigger.event)
        yield from target_problems(self, others, self.events, "nothing eases", self._unfit)

    def _unfit(self, target: Instrument) -> tuple[str, str, str] | None:
        if self.approval_share is None or target.type == "export_licence":
            return None
        message = f"'{target.id}' is no licence, so nothing is approved"
        return message, "write 'relief' instead", "approval_share"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Nothing by itself: the engine follows the talks, and the events eased do the rest."""

    def touches(self, labels: Labels) -> bool:
        """Known at the end of a run only: whether relief came."""
        return True


INSTRUMENT = Negotiation
