"""What mergers, takeovers, joint ventures and cartels share: when they are known, on which terms."""

from __future__ import annotations

import datetime as dt
from abc import abstractmethod
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from sim.instruments.base import Instrument
from sim.instruments.dated import climbed, climbing
from sim.instruments.words import (
    Countries,
    Facilities,
    FirmWord,
    FirstDay,
    Goods,
    WordError,
    joined,
    quantity,
    select_goods,
)  # fmt: skip
from sim.units import DAYS_PER_YEAR, Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["Deal", "Divestiture", "Owners"]

Share = Annotated[Quantity | None, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]
Saving = Annotated[Quantity | None, quantity("share", 0.0, 0.9, "a share from 0 % to 90 %")]
Time = Annotated[Quantity | None, quantity("duration", 0.0, 50.0, "a time of 0 to 50 years")]
Owners = Annotated[
    Countries | None,
    Field(description="countries or groups whose firms take part, by who controls them", examples=["[CHN]"]),
]


class Divestiture(BaseModel):
    """A remedy: facilities that go to somebody else."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)

    facilities: Annotated[Facilities, Field(description="what is sold", examples=["[bhp_per]"])]
    to: Annotated[FirmWord | None, Field(description="the buyer; a firm of its own if left out")] = None

    def clause(self) -> str:
        """What goes to whom."""
        return f"{joined(self.facilities)} to {self.to or 'a firm of its own'}"


class Deal(Instrument):
    """Changes who sets prices, from ``from`` on; until it is decided people reckon with its ``probability``.

    What is sold as a remedy takes no part in synergies, closures and lost output.

    ``withdrawn`` is the day on which it is called off: it then never comes into force, and moves prices only
    as long as it was thought likely.
    """

    decided: Annotated[
        FirstDay | None,
        Field(description="day from which people know whether it goes through; `from` if left out"),
    ] = None
    withdrawn: Annotated[
        FirstDay | None, Field(description="day on which it is called off, as people learn that day")
    ] = None
    divest: Annotated[
        tuple[Divestiture, ...],
        Field(description="what is sold to whom as a condition", examples=["[{facilities: [bhp_per]}]"]),
    ] = ()
    synergies: Annotated[
        Saving, Field(description="share of own costs that the parties save", examples=["2 %"])
    ] = None
    ramp: Annotated[Time, Field(description="time until all synergies are there; at once if left out")] = None
    withdrawal: Annotated[
        Share, Field(description="share of the parties' capacity that is closed", examples=["10 %"])
    ] = None
    withdrawal_goods: Annotated[Goods, Field(description="of which goods")] = ("all",)
    integration_loss: Annotated[
        Share, Field(description="share of the parties' output lost while they are put together")
    ] = None
    length: Annotated[Time, Field(description="how long that lasts", examples=["1 years"])] = None

    def model_post_init(self, context: Any, /) -> None:
        """Days must follow each other, and a loss needs a length."""
        if (self.integration_loss is None) != (self.length is None):
            raise WordError("'integration_loss' and 'length' come together", "write both or neither")
        if self.ramp is not None and self.synergies is None:
            raise WordError("'ramp' is the time until synergies are there, of which there are none",
                            "add 'synergies', or leave 'ramp' out")  # fmt: skip
        for name in ("decided", "withdrawn"):
            day, begin = getattr(self, name), self.from_
            if day is not None and begin is not None and day > begin:
                raise WordError(f"'{name}' is {day}, after it comes into force on {begin}",
                                f"write '{name}: {begin}' or earlier")  # fmt: skip
            if day is not None and self.announced is None:
                raise WordError(f"'{name}' means something only where it was announced before",
                                "add 'announced'")  # fmt: skip
            if day is not None and self.announced is not None and day < self.announced:
                raise WordError(f"'{name}' is {day}, before the announcement on {self.announced}",
                                f"write '{name}' of a later day")  # fmt: skip
        changes = self.divest or self.synergies or self.withdrawal or self.integration_loss
        if self.in_base_year and changes:
            raise WordError("what is in the base year already brings no savings, sales or closures",
                            "leave them out, or 'in_base_year'")  # fmt: skip
        if self.withdrawn is not None and self.until is not None:
            raise WordError("what is 'withdrawn' never comes into force, so it has no 'until'",
                            "leave one of them out")  # fmt: skip
        super().model_post_init(context)

    # -- when ----------------------------------------------------------------------------------

    @property
    def known_from(self) -> dt.date | None:
        """First day on which people know whether it happens."""
        return self.decided or self.from_

    def activity(self, step_start: dt.date, step_end: dt.date) -> Amount:
        """0 throughout for one that is called off; one of the base year holds until it ends."""
        if self.withdrawn is not None:
            return 0.0
        first, over = self._days(step_start, step_end)
        return max(0, (over - first).days) / (step_end - step_start).days

    @property
    def ends_base_year(self) -> bool:
        """Whether owners of the base year may part in the course of a run."""
        return self.in_base_year

    def as_known(self, day: dt.date) -> Instrument:
        """Before it is called off nobody knows that it will be."""
        known = super().as_known(day)
        if self.withdrawn is None or self.withdrawn < day:
            return known
        return known.model_copy(update={"withdrawn": None})

    def phase(self, step_start: dt.date, step_end: dt.date) -> object:
        """Synergies grow."""
        growing = climbing(self.ramp, self.from_, self.until, step_start)
        return super().phase(step_start, step_end), growing

    def own_phase(self, step_start: dt.date, step_end: dt.date) -> Amount:
        """Share of the days of a step in which the parties are being put together."""
        import numpy as np

        if self.length is None or self.from_ is None:
            return 0.0
        first, last = ((day - self.from_).days / DAYS_PER_YEAR for day in (step_start, step_end))
        over = np.minimum(self.length.amount, last) - max(first, 0.0)
        share = np.clip(over / (last - first), 0.0, 1.0)
        return share if np.ndim(share) else float(share)

    # -- what ----------------------------------------------------------------------------------

    @abstractmethod
    def parties(self, world: World) -> BoolArray:
        """(F,) facilities of those who take part."""

    def _named(
        self, world: World, firms: Iterable[str], owners: Iterable[str] = ()
    ) -> BoolArray:
        """(F,) facilities of some firms, and of all that some countries control."""
        import numpy as np

        named, home = set(firms), self.country_mask(world, tuple(owners))[world.facility_home]
        mask: BoolArray = np.array([firm in named for firm in world.facility_firm], dtype=bool)
        return mask | home

    def _join(self, controls: Controls, share: Amount, *, to: str | None = None, whole: bool = True) -> None:
        """Price the parties together, or by a firm, sell what must be sold, change costs and output."""
        from sim.controls import OwnerChange

        world, parties = controls.world, self.parties(controls.world)
        taker = None if to is None else _number(world, to)
        controls.owner_changes.append(OwnerChange(self.id, share, parties, taker, whole))
        kept = parties
        for sale in self.divest:
            sold = _facilities(world, sale.facilities)
            kept = kept & ~sold
            if sold.any():
                to_whom = _number(world, sale.to) if sale.to else len(sold) + int(sold.argmax())
                controls.owner_changes.append(OwnerChange(self.id, share, sold, to_whom))
        offers = parties[world.offer_facility]
        controls.touched_offers[self.id] = offers
        self._cost_and_output(controls, kept[world.offer_facility], share)

    def _cost_and_output(self, controls: Controls, offers: BoolArray, share: Amount) -> None:
        import numpy as np

        if self.synergies is not None:
            part = climbed(self.ramp, self.from_, controls.date, controls.end)
            controls.scale_own_cost(offers, 1 - share * part * self.synergies.amount)
        if self.withdrawal is not None:
            goods = self.good_indices(controls.world, self.withdrawal_goods, None)
            closed = offers & np.isin(controls.world.offer_good, goods)
            controls.scale_capacity(closed, 1 - share * self.withdrawal.amount)
        if self.integration_loss is not None:
            part = self.own_phase(controls.date, controls.end)
            controls.scale_output(offers, 1 - share * part * self.integration_loss.amount)

    # -- words ---------------------------------------------------------------------------------

    def terms(self) -> str:
        """Conditions and consequences, after who does what."""
        words = []
        if self.divest:
            words.append(f"selling {joined([sale.clause() for sale in self.divest])}")
        if self.synergies is not None:
            within = f" within {self.ramp}" if self.ramp else ""
            words.append(f"saving {self.synergies} of own costs{within}")
        if self.withdrawal is not None:
            every = self.withdrawal_goods == ("all",)
            goods = "" if every else f" for {self.say_goods(self.withdrawal_goods, None)}"
            words.append(f"closing {self.withdrawal} of their capacity{goods}")
        if self.integration_loss is not None:
            words.append(f"losing {self.integration_loss} of their output for {self.length}")
        if self.withdrawn is not None:
            words.append(f"called off on {self.withdrawn}")
        elif self.decided is not None:
            words.append(f"decided on {self.decided}")
        return "".join(f", {word}" for word in words)

    def who(self, firms: Iterable[str] | None, owners: Iterable[str] | None) -> str:
        """Firms and countries, in words."""
        named = list(firms or ())
        if owners:
            named.append(f"the firms of {self.say_countries(tuple(owners))}")
        return joined(named)

    def sellers(self, labels: Labels, firms: Iterable[str] | None, owners: Iterable[str] | None,
                goods: Iterable[str] = ("all",)) -> set[str]:  # fmt: skip
        """Firms among them that sell anything of some goods."""
        chosen = {labels.goods[i].id for i in select_goods(labels.goods, tuple(goods), ())}
        codes = {code for word in owners or () for code in labels.group(word)}
        named = set(firms or ())
        return {
            label.firm
            for (good, facility), tonnes in labels.output.items()
            if tonnes > 0 and good in chosen
            for label in (labels.facilities[facility],)
            if label.firm in named or (label.kind != "trader" and labels.home(facility) in codes)
        }

    def problems_with(self, others: Any) -> Iterator[tuple[tuple[str, ...], str, str]]:
        """A facility sold twice."""
        seen: set[str] = set()
        for i, sale in enumerate(self.divest):
            for facility in sale.facilities:
                if facility in seen:
                    yield ("divest", str(i)), f"'{facility}' is sold twice", "name it once"
                seen.add(facility)


def _facilities(world: World, names: Iterable[str]) -> BoolArray:
    import numpy as np

    chosen = set(names)
    return np.array([name in chosen for name in world.facilities], dtype=bool)


def _number(world: World, firm: str) -> int:
    """Number of a firm; one of its own where it has nothing in this world."""
    firms = dict.fromkeys(world.facility_firm)
    numbers = {name: number for number, name in enumerate(firms)}
    return numbers.get(firm, 2 * len(world.facilities))
