"""What every instrument has: an id, dates, a source, a sentence, and an effect on Controls.

Adding an instrument is adding a file: a subclass of :class:`Instrument` named ``INSTRUMENT`` in
``sim/instruments/<type>.py``. See ``docs/scenarios.md``.
"""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import ConfigDict, Field, field_serializer

from sim.instruments.dated import ALWAYS, as_written, dated_fields, mean_over, spans, weights
from sim.instruments.selecting import Selecting
from sim.instruments.words import (
    FirstDay,
    LastDay,
    Truth,
    WordError,
    quantity,
    select_goods,
)  # fmt: skip
from sim.units import DAYS_PER_YEAR, Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls, Resale
    from sim.instruments.process import Process, Setting
    from sim.world.world import BoolArray, World

__all__ = ["RULES", "Instrument", "event_row"]

LOOKS_AHEAD = (1.0, 2.0, 4.0)
"""Years ahead at which something that goes on changing is looked at."""
RULES = ("reaction_rule", "negotiation")
"""Types that act on other events only."""


class Instrument(Selecting):
    """One event of a scenario. Dates are to the day; ``until`` is the last day in force."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    id: str
    type: str
    announced: Annotated[FirstDay | None, Field(description="day of the announcement")] = None
    from_: Annotated[FirstDay | None, Field(alias="from", description="first day in force")] = None
    until: Annotated[LastDay | None, Field(description="last day in force; none = stays in force")] = None
    end_announced: Annotated[
        FirstDay | None,
        Field(description="day from which people know `until`; until then they expect it to stay in force"),
    ] = None
    expected_to_last: Annotated[
        Quantity | None,
        quantity("duration", 1 / DAYS_PER_YEAR, 50.0, "a time of a day to 50 years"),
        Field(description="how long people think it goes on, while no end is known; none = for good",
              examples=["2 years"]),
    ] = None  # fmt: skip
    source: Annotated[str | None, Field(description="key of `sources`")] = None
    assumption: Annotated[
        Truth | str, Field(description="true, or what is assumed, where no source gives it")
    ] = False
    probability: Annotated[
        Quantity | None,
        quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="how likely the event is; each member draws whether it happens", examples=["30 %"]),
    ] = None
    note: Annotated[str, Field(description="shown by describe")] = ""
    in_base_year: Annotated[
        Truth, Field(description="in force in the base year already, so its effect is in base-year trade")
    ] = False
    dormant: Annotated[
        Truth, Field(description="waits until a reaction_rule activates it; `from` is then the earliest day")
    ] = False

    def model_post_init(self, context: Any, /) -> None:
        """Keep the names that sentences need; what changes over time must be known from the first day."""
        for value in self._dated():
            first = next(iter(value))
            if self.from_ is not None and first > self.from_:
                raise WordError(f"nothing is said for {self.from_}; the first date is {first}",
                                f"add a value for {self.from_}")  # fmt: skip
        _refuse_a_guess(self)
        for name in ("ramp", "growth", "length") if self.dormant else ():
            if getattr(self, name, None) is not None:
                raise WordError(f"'{name}' counts from 'from', so a dormant event cannot have it",
                                f"leave '{name}' or 'dormant' out")  # fmt: skip
        if context and isinstance(context.get("labels"), Labels):
            self._labels = context["labels"]

    @field_serializer("*", mode="plain")
    def _as_written(self, value: Any) -> Any:
        """Values in the form that a file has them in."""
        return as_written(value)

    def _dated(self) -> Iterator[Mapping[dt.date, Quantity]]:
        """All values that change over time."""
        for name in type(self).model_fields:
            for value in dated_fields(getattr(self, name)):
                if list(value) != [ALWAYS]:
                    yield value

    # -- what the engine calls ---------------------------------------------------------------

    def activity(self, step_start: dt.date, step_end: dt.date) -> Amount:
        """Share 0..1 of the step [step_start, step_end) in which the event is in force, or (M,) such.

        0 throughout for an event marked ``in_base_year``: base-year trade reflects it already.
        """
        if self.in_base_year:
            return 0.0
        first, over = self._days(step_start, step_end)
        return max(0, (over - first).days) / (step_end - step_start).days

    def _days(self, step_start: dt.date, step_end: dt.date) -> tuple[dt.date, dt.date]:
        """First day of the step in force, and the day after the last."""
        over = step_end if self.until is None else min(step_end, self.until + dt.timedelta(days=1))
        return max(step_start, self.from_ or dt.date.min), over

    def now(self, controls: Controls, value: Mapping[dt.date, Quantity]) -> Amount:
        """A value that changes over time: its mean over the days of the step that are in force.

        Before the event is in force, the value on its first day.
        """
        return mean_over(value, *self._days(controls.date, controls.end))

    def partly(self, controls: Controls) -> bool:
        """Whether dates leave it out of force in a part of the step, or a rule may let it act in part."""
        import numpy as np

        in_part = bool(np.any(np.less(self.activity(controls.date, controls.end), 1)))
        return in_part or self.id in controls.weighed

    def phase(self, step_start: dt.date, step_end: dt.date) -> object:
        """What the effect depends on beside :meth:`activity`; steps with equal phases share a market."""
        first, over = self._days(step_start, step_end)
        if self.varies:
            return step_start if first < over else None
        return tuple(weights(value, first, over) for value in self._dated())

    def own_phase(self, step_start: dt.date, step_end: dt.date) -> Amount:
        """The same where it may differ by member: a number, or (M,), of which each member knows its own."""
        return 0.0

    def as_known(self, day: dt.date) -> Instrument:
        """The event as people know it before a day: one whose end is not known yet has none."""
        if self.end_announced is None or self.end_announced < day or self.until is None:
            return self
        return self.model_copy(update={"until": None})

    def expected_end(self, day: dt.date) -> Amount:
        """Rate a year, or (M,) such, at which people think that it ends, while they know no end; else 0."""
        if self.expected_to_last is None or self.as_known(day).until is not None:
            return 0.0
        return 1 / self.expected_to_last.amount

    def turns(self, now: dt.date) -> set[dt.date]:
        """Days after ``now`` on which what the event does changes, as far as its dates say.

        What changes without a break is looked at in a few steps, farther apart as they lie farther ahead.
        """
        days = {self.from_, None if self.until is None else self.until + dt.timedelta(days=1)}
        days |= {date for value in self._dated() for date in value if date != ALWAYS}
        if self.from_ is not None:
            begin = self.from_
            for name in ("starts_after", "length", "delay", "ramp"):
                value = getattr(self, name, None)
                for years in spans(value if isinstance(value, Quantity) else None):
                    parts = (0.5, 1.0) if name == "ramp" else (1.0,)
                    days |= {begin + dt.timedelta(days=round(part * years * DAYS_PER_YEAR)) for part in parts}
        if self.varies:
            days |= {now + dt.timedelta(days=round(years * DAYS_PER_YEAR)) for years in LOOKS_AHEAD}
        over = dt.date.max if self.until is None else self.until + dt.timedelta(days=1)
        return {day for day in days if day is not None and now < day <= over}

    def settled(self, day: dt.date) -> bool:
        """Whether on a day a measure that takes time to begin to work has done so; licences only."""
        return False

    @property
    def chance(self) -> Amount:
        """How likely the event is; 1 for one that is certain."""
        return 1.0 if self.probability is None else self.probability.amount

    @property
    def known_from(self) -> dt.date | None:
        """First day on which people know whether an event of chance happens; None from the start."""
        return self.from_

    @property
    def ends_base_year(self) -> bool:
        """Whether it is in force in the base year and its end would change something; of owners alone."""
        return False

    @property
    def varies(self) -> bool:
        """True where the effect changes with every date while the event is in force."""
        return False

    @property
    def longest_delay_at_sea(self) -> float:
        """Years by which shipments may come to take longer."""
        return 0.0

    @property
    def weighed(self) -> tuple[str, ...]:
        """Ids of events that this one may leave at a part of their strength; of rules and talks alone."""
        return ()

    @property
    def scalable(self) -> bool:
        """True where a strength above what the file says has a meaning."""
        return False

    def eased(self, floors: Sequence[tuple[Sequence[str], Amount]]) -> Instrument:
        """The event with approval shares of at least a floor for some destinations; licences only."""
        raise TypeError(f"a {self.type} approves nothing")

    def under(self, third_countries_resell: bool) -> Instrument:
        """The event as it acts where third countries sell on what they hold, or do not."""
        return self

    def unpaid(self, spent: BoolArray) -> Instrument | None:
        """What goes on in members (M,) in which its money is gone; None where all that it does is over."""
        return None

    @abstractmethod
    def apply(self, controls: Controls, share: Amount) -> None:
        """Write the effect to ``controls``, for a step in which it is in force for ``share``.

        ``share`` is one number, or (M,) where members differ. Effects are linear in it, and use
        ``amount`` of a quantity, which is also one number or (M,).
        """

    def parts(self) -> Sequence[Instrument]:
        """The events that it is made of, each with its id, whose memory is kept by their own types."""
        return (self,)

    @classmethod
    def process(cls, events: Sequence[Instrument], setting: Setting) -> Process | None:
        """What events of this type remember from step to step in one run; None where dates decide alone."""
        return None

    def resale(self, world: World) -> Resale | None:
        """The rule on resale that the event brings: for it, origins of stocks are followed from the start."""
        return None

    def restricts(self, controls: Controls) -> BoolArray:
        """(G, C, C) links whose trade it makes less or dearer in any member; none unless it says so.

        They decide who controls a good: whose inside price is reported.
        """
        return controls.no_links()

    # -- what a reader sees ------------------------------------------------------------------

    def sentence(self) -> str:
        """One plain sentence: when, who, what, to whom, how hard."""
        if self.in_base_year:
            since = f" since {self.from_}" if self.from_ else ""
            return f"In force{since}, so already in base-year trade: {self.clause()}."
        when = f"From {self.from_} " if self.from_ else "Throughout the run "
        if self.from_ and self.until:
            when = f"From {self.from_} to {self.until} "
        elif self.until:
            when = f"Until {self.until} "
        if self.dormant:
            when = f"Once a rule says so{f', from {self.from_} on,' if self.from_ else ''} "
        early = self.announced and self.from_ and self.announced < self.from_
        announced = f"; announced on {self.announced}" if early else ""
        # "of 30 %", but "between 20 % and 40 %".
        of = "of " if self.probability and self.probability.text[:1].isdigit() else ""
        likely = f", with a probability {of}{self.probability}" if self.probability else ""
        guess = f"; people expect it to last {self.expected_to_last}" if self.expected_to_last else ""
        return f"{when}{self.clause()}{announced}{likely}{guess}."

    @abstractmethod
    def clause(self) -> str:
        """The sentence without its dates."""

    @abstractmethod
    def touches(self, labels: Labels) -> bool:
        """Whether the event acts on any base-year trade, output or use."""

    def problems_with(self, others: Mapping[str, Instrument]) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """What is wrong beside the other events: field, message and remedy of each problem."""
        yield from ()


def _refuse_a_guess(event: Instrument) -> None:
    """Refuse 'expected_to_last' where nobody has to guess an end."""
    if event.expected_to_last is None:
        return
    remedy = "leave 'expected_to_last' out"
    if event.in_base_year or event.type in RULES:
        what = "what is in base-year trade already" if event.in_base_year else f"a {event.type}"
        raise WordError(f"nobody guesses how long {what} lasts", remedy)
    if event.until is not None and event.end_announced is None:
        raise WordError(f"the end, {event.until}, is known from the announcement on: nobody guesses it",
                        f"{remedy}, or give 'end_announced'")  # fmt: skip


def event_row(event: Instrument) -> dict[str, Any]:
    """What results keep of an event: id, type, sentence, dates, and the ids of the goods that it names."""
    words, stages = getattr(event, "goods", None), getattr(event, "stages", None)
    known = event._labels.goods if event._labels and words else ()
    return {
        "id": event.id, "type": event.type, "sentence": event.sentence(),
        "announced": str(event.announced or ""), "from": str(event.from_ or ""),
        "until": str(event.until or ""), "in_base_year": bool(event.in_base_year),
        "goods": [known[i].id for i in select_goods(known, words or (), stages or ())],
    }  # fmt: skip
