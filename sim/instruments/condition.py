"""When a rule acts: a fixed vocabulary of what a government can see, and nothing to evaluate."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from sim.instruments.words import Countries, Goods, WordError, quantity
from sim.units import Quantity

__all__ = ["Condition", "Wait"]

Level = Annotated[Quantity | None, quantity("share", 0.0, 1000.0, "a share of 0 % or more")]
Wait = Annotated[Quantity, quantity("duration", 0.0, 50.0, "a time of 0 to 50 years")]
SERIES = ("event", "price", "shortfall", "exports")


class Condition(BaseModel):
    """One thing that is watched, and the bound that it must cross. Bounds are shares of the base year.

    ``event`` with ``is``: whether another event is in force, or was raised, eased or lifted by a rule or
    its dates. ``price``: price outside the controlling country over the base price; where nothing is traded
    there, what users there would pay, and where nobody there uses the good, what sellers ask.
    ``shortfall``: share of the need of the countries ``in`` that is missing. ``exports``: exports of the
    countries ``in`` over those of the base year. With several goods it is enough that one of them crosses
    the bound.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    event: Annotated[str | None, Field(description="id of an event of this scenario")] = None
    is_: Annotated[
        Literal["in force", "raised", "eased", "lifted"], Field(alias="is", description="state of `event`")
    ] = "in force"
    price: Annotated[Goods | None, Field(description="goods whose price outside is watched")] = None
    shortfall: Annotated[Goods | None, Field(description="goods whose unmet need is watched")] = None
    exports: Annotated[Goods | None, Field(description="goods whose exports are watched")] = None
    in_: Annotated[
        Countries, Field(alias="in", description="countries of `shortfall` and `exports`; all if left out")
    ] = ("world",)
    above: Annotated[Level, Field(description="holds above this share", examples=["150 %"])] = None
    below: Annotated[Level, Field(description="holds below this share", examples=["50 %"])] = None
    for_: Annotated[
        Wait | None, Field(alias="for", description="how long it must hold; a step if left out")
    ] = None

    @property
    def series(self) -> str:
        """What is watched: one of :data:`SERIES`."""
        return next(name for name in SERIES if getattr(self, name) is not None)

    @property
    def goods(self) -> tuple[str, ...]:
        """Words for the goods watched; none for an event."""
        words: tuple[str, ...] = () if self.series == "event" else getattr(self, self.series)
        return words

    def model_post_init(self, context: object, /) -> None:
        """Exactly one series; a bound for a number, none for an event."""
        named = [name for name in SERIES if getattr(self, name) is not None]
        if len(named) != 1:
            found = f"{' and '.join(named)} are" if named else "nothing is"
            raise WordError(
                f"{found} watched; exactly one thing must be", f"write one of: {', '.join(SERIES)}"
            )
        bounds = [name for name in ("above", "below") if getattr(self, name) is not None]
        if named == ["event"] and bounds:
            raise WordError(f"an event has no '{bounds[0]}'", "write for example 'is: in force'")
        if named != ["event"] and len(bounds) != 1:
            raise WordError(
                "one bound is needed, 'above' or 'below'", "write for example 'above: 150 %'"
            )

    def clause(
        self,
        say_goods: Callable[[Sequence[str], None], str],
        say_countries: Callable[[Sequence[str]], str],
    ) -> str:
        """The condition in words, after 'once'; the two functions put goods and countries into words."""
        lasting = f" for {self.for_}" if self.for_ else ""
        if self.event is not None:
            return f"'{self.event}' is {self.is_}{lasting}"
        goods = say_goods(self.goods, None)
        side, bound = ("above", self.above) if self.above else ("below", self.below)
        where = say_countries(self.in_)
        what = {
            "price": f"the price of {goods} outside is {side} {bound} of the base price",
            "shortfall": f"the unmet share of the need for {goods} in {where} is {side} {bound}",
            "exports": f"exports of {goods} from {where} are {side} {bound} of those of the base year",
        }
        return f"{what[self.series]}{lasting}"
