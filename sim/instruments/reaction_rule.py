"""``reaction_rule``: a government that switches another event on, off, or up, once something happens."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.condition import Condition, Wait
from sim.instruments.targets import target_problems, unknown_event
from sim.instruments.words import Countries, EventIds, Truth, WholeNumber, WordError, joined, quantity
from sim.units import Amount, Quantity, parse_quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "ReactionRule"]

AT_ONCE = parse_quantity("0 days", "duration")


class ReactionRule(Instrument):
    """Watches one series and acts on other events of the scenario after ``lag``, at most ``times`` times.

    ``activate`` puts an event marked ``dormant`` into force, ``suspend`` lifts an event, ``scale`` changes
    how hard it acts by ``step`` of what its file says. What is seen is what the last step brought.
    """

    type: Literal["reaction_rule"] = "reaction_rule"
    by: Annotated[Countries, Field(description="whose government reacts", examples=["CHN"])]
    trigger: Annotated[
        Condition,
        Field(description="what must happen", examples=["{price: [gallium], above: 150 %, for: 2 months}"]),
    ]
    action: Annotated[
        Literal["activate", "suspend", "scale"],
        Field(description="what is done to the events", examples=["activate"]),
    ]
    events: Annotated[EventIds, Field(description="ids of the events acted on", examples=["[tariff]"])]
    lag: Annotated[Wait, Field(description="time from the trigger to the action", examples=["1 month"])] = (
        AT_ONCE
    )
    step: Annotated[
        Quantity | None,
        quantity("share", -1.0, 10.0, "a share from -100 % to 1000 %"),
        Field(description="with `scale`: change of the event's strength at each time", examples=["25 %"]),
    ] = None
    times: Annotated[WholeNumber, Field(description="how often it may act in a run", examples=["3"])] = 1
    reverses: Annotated[
        Truth, Field(description="undone, after the same lag, once the trigger has not held for as long")
    ] = False

    def model_post_init(self, context: object, /) -> None:
        """A step belongs to scaling."""
        if (self.action == "scale") != (self.step is not None):
            has = "needs" if self.action == "scale" else "has no"
            raise WordError(f"the action '{self.action}' {has} 'step'", "write 'action: scale, step: 25 %'")
        super().model_post_init(context)

    @property
    def weighed(self) -> tuple[str, ...]:
        """What it scales."""
        return self.events if self.step else ()

    def clause(self) -> str:
        """Who does what once what has happened."""
        once = self.trigger.clause(self.say_goods, self.say_countries)
        names = joined([f"'{name}'" for name in self.events])
        verb = {"activate": "puts", "suspend": "suspends", "scale": "changes the strength of"}[self.action]
        what = f"{verb} {names}" + (" into force" if self.action == "activate" else "")
        what += f" by {self.step}" if self.step else ""
        lag = f", {self.lag} later," if self.lag.value else ""
        often = "once" if self.times == 1 else f"up to {self.times} times"
        back = ", until that ends" if self.reverses else ""
        return f"once {once}, {self.say_countries(self.by)}{lag} {what} ({often}){back}"

    def problems_with(self, others: Mapping[str, Instrument]) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """Events that are not there, or that cannot be acted on this way."""
        yield from unknown_event(self, others, ("trigger", "event"), self.trigger.event)
        yield from target_problems(self, others, self.events, "a rule cannot act on", self._unfit)

    def _unfit(self, target: Instrument) -> tuple[str, str, str] | None:
        if self.action != "activate" or target.dormant:
            return None
        message = f"'{target.id}' acts anyway, so nothing activates it"
        return message, f"write 'dormant: true' below '{target.id}'", ""

    def apply(self, controls: Controls, share: Amount) -> None:
        """Nothing by itself: the engine follows the rule, and the events acted on do the rest."""

    def touches(self, labels: Labels) -> bool:
        """Known at the end of a run only: whether the trigger was met."""
        return True


INSTRUMENT = ReactionRule
