"""``export_licence``: every shipment waits for a permit, and some are refused."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import BeforeValidator, Field, PrivateAttr

from sim.distributions import is_distribution
from sim.instruments.dated import Since, by_date, looks_dated, say_dated
from sim.instruments.measures import ExportMeasure
from sim.instruments.selecting import origins, where_any
from sim.instruments.words import (
    Countries,
    CountryWord,
    DistinctCountries,
    Facilities,
    Firms,
    Sectors,
    WordError,
    joined,
    quantity,
    spoken,
)  # fmt: skip
from sim.units import DAYS_PER_YEAR, Amount, Quantity, parse_quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "ExportLicence"]

SIX_MONTHS = parse_quantity("6 months", "duration")
Share = Annotated[Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]
Delay = Annotated[Quantity, quantity("duration", 0.0, 10.0, "a time of 0 to 10 years")]
Validity = Annotated[Quantity, quantity("duration", 1 / 366, 10.0, "a time of a day to 10 years")]
DatedShare = Annotated[dict[Since, Share], BeforeValidator(by_date)]
DatedDelay = Annotated[dict[Since, Delay], BeforeValidator(by_date)]


def _by_destination(given: object) -> object:
    """One value stands for every destination."""
    by_country = isinstance(given, dict) and not is_distribution(given) and not looks_dated(given)
    return given if by_country else {"world": given}


class ExportLicence(ExportMeasure):
    """A queue at the border: goods wait ``delay``, the approved share becomes a permit for ``validity``.

    ``approval_share`` and ``delay`` are one value, a mapping from date to value, or a mapping from
    destination to either. A country goes before a group and a group before ``world``; a destination that
    ``approval_share`` leaves out gets none. With ``longest_delay``, applications are decided evenly between
    ``delay`` and that time. Validated end users, and ``validated_share`` of base-year trade, skip the queue.
    """

    type: Literal["export_licence"] = "export_licence"
    approval_share: Annotated[
        dict[CountryWord, DatedShare],
        DistinctCountries,
        BeforeValidator(_by_destination),
        Field(description="share of the tonnes applied for that is approved", examples=["40 %"]),
    ]
    delay: Annotated[
        dict[CountryWord, DatedDelay],
        DistinctCountries,
        BeforeValidator(_by_destination),
        Field(description="time until the (first) decision", examples=["45 business days"]),
    ]
    longest_delay: Annotated[
        Delay | None, Field(description="time until the last decision; all at `delay` if left out")
    ] = None
    validity: Annotated[Validity, Field(description="life of a permit, 6 months by assumption")] = SIX_MONTHS
    validated_countries: Annotated[Countries | None, Field(description="destinations without a queue")] = None
    validated_firms: Annotated[Firms | None, Field(description="buyers without a queue")] = None
    validated_facilities: Annotated[Facilities | None, Field(description="buyers without a queue")] = None
    validated_sectors: Annotated[Sectors | None, Field(description="end users without a queue")] = None
    validated_share: Annotated[
        Share | None, Field(description="share of base-year trade without a queue", examples=["20 %"])
    ] = None

    _floors: tuple[tuple[Sequence[str], Amount], ...] = PrivateAttr(default=())

    def model_post_init(self, context: object, /) -> None:
        """Every destination must have a delay, and the last decision cannot come before the first."""
        if "world" not in self.delay:
            raise WordError("'delay' leaves out destinations", "add 'world: <time>' to it")
        longest = self.longest_delay
        delays = [time for by_date in self.delay.values() for time in by_date.values()]
        if longest is not None and longest.value < max(time.value for time in delays):
            raise WordError("'longest_delay' is shorter than 'delay'", "write a longer time, or leave it out")
        super().model_post_init(context)

    def clause(self) -> str:
        """Who licenses what to whom, how long it takes and how much is approved."""
        times, rates = self._said(self.delay), self._said(self.approval_share)
        times = f"between {times} and {self.longest_delay}" if self.longest_delay else times
        who = f"{self.say_countries(self.by)} licenses {self.exports()}"
        text = f"{who}: each shipment waits {times}, {rates} are approved"
        named = [*(self.validated_firms or ()), *(self.validated_facilities or ())]
        spared = [
            *([self.say_countries(self.validated_countries)] if self.validated_countries else []),
            *named,
            *([spoken(self.validated_sectors)] if self.validated_sectors else []),
            *([f"{self.validated_share} of base-year trade"] if self.validated_share else []),
        ]
        return f"{text}; without a licence: {joined(spared)}" if spared else text

    def _said(self, values: dict[str, dict[dt.date, Quantity]]) -> str:
        if len(values) == 1:
            return say_dated(next(iter(values.values())))
        return joined([f"{say_dated(v)} to {self.say_countries([c])}" for c, v in values.items()])

    def mask(self, controls: Controls) -> BoolArray:
        """(G, C, C) licensed links."""
        mask = super().mask(controls)
        if self.validated_countries:
            mask &= ~self.country_mask(controls.world, self.validated_countries)
        return mask

    def _groups(
        self, controls: Controls, values: dict[str, dict[dt.date, Quantity]], otherwise: Amount
    ) -> Iterator[tuple[Amount, BoolArray]]:
        """Value and (C,) destinations that it goes for; they do not overlap."""
        left = self.country_mask(controls.world, ["world"])
        rank = {word: (word != "world") + (word in controls.world.countries) for word in values}
        for word in sorted(values, key=lambda w: -rank[w]):
            chosen = left & self.country_mask(controls.world, [word])
            left &= ~chosen
            yield self.now(controls, values[word]), chosen
        yield otherwise, left

    def eased(self, floors: Sequence[tuple[Sequence[str], Amount]]) -> ExportLicence:
        """The licence with approval shares of at least a floor for some destinations."""
        copy = self.model_copy()
        copy._floors = tuple(floors)
        return copy

    def _approved(self, controls: Controls) -> list[tuple[Amount, BoolArray]]:
        """Approval share and (C,) destinations. A floor splits destinations even where it is not reached
        yet, so that a queue stays one queue when it is."""
        import numpy as np

        parts = list(self._groups(controls, self.approval_share, 0.0))
        for words, floor in self._floors:
            chosen = self.country_mask(controls.world, words)
            split = [(np.maximum(rate, floor), some & chosen) for rate, some in parts]
            parts = split + [(rate, some & ~chosen) for rate, some in parts]
        return parts

    def apply(self, controls: Controls, share: Amount) -> None:
        """One queue per good, origin and group of destinations. Part of a partial step stays free."""
        from sim.controls import Licence

        links, spared = self.mask(controls), self._spared(controls.world)
        for rate, some in self._approved(controls):
            for delay, others in self._groups(controls, self.delay, 0.0):
                for good, origin, destinations in origins(links & some & others):
                    controls.licences.append(
                        Licence(
                            self.id, good, origin, destinations, rate, delay, self.validity.amount,
                            longest_delay_years=delay if self.longest_delay is None
                            else self.longest_delay.amount,
                            exempt_needs=spared,
                            free_share=self.validated_share.amount if self.validated_share else 0.0,
                        )
                    )  # fmt: skip
        controls.touch_links(self.id, links)

    def _spared(self, world: World) -> BoolArray | None:
        """(N,) needs of the validated end users; None without any."""
        import numpy as np

        firms, facilities = self.validated_firms or (), self.validated_facilities or ()
        sectors = self.validated_sectors or ()
        if not (firms or facilities or sectors):
            return None
        spared = [
            firm in firms or facility in facilities or (sector in sectors and kind == "manufacturer")
            for firm, facility, sector, kind in zip(
                world.facility_firm, world.facilities, world.facility_sector, world.facility_kind, strict=True
            )
        ]
        return np.array(spared)[world.need_facility]

    def turns(self, now: dt.date) -> set[dt.date]:
        """As for all, and the day of the first decisions."""
        first = self._first_decision()
        return super().turns(now) | ({first} if first is not None and first > now else set())

    def settled(self, day: dt.date) -> bool:
        """Whether applications are being decided."""
        first = self._first_decision()
        return first is None or day >= first

    def _first_decision(self) -> dt.date | None:
        """Half-way between the first applications and the last decision on them; None if always in force."""
        if self.from_ is None or self.in_base_year:
            return None
        times = [time for by_date in self.delay.values() for time in by_date.values()]
        ends = [time.value for time in [*times, *([self.longest_delay] if self.longest_delay else [])]]
        years = sum(ends) / len(ends)
        return self.from_ + dt.timedelta(days=round(years * DAYS_PER_YEAR))

    def restricts(self, controls: Controls) -> BoolArray:
        """The links on which not all is approved; none as a whole where single users are spared."""
        hit = controls.no_links()
        if self._spared(controls.world) is not None:
            return hit
        needed = 1 - (self.validated_share.amount if self.validated_share else 0.0)
        links = self.mask(controls)
        for rate, some in self._approved(controls):
            hit |= where_any(links & some, (1 - rate) * needed)
        return hit

    def touches(self, labels: Labels) -> bool:
        """Whether any licensed link carried trade."""
        spared = {code for word in self.validated_countries or () for code in labels.group(word)}
        if not spared:
            return super().touches(labels)
        others = [code for word in self.to for code in labels.group(word) if code not in spared]
        return self.traded(labels, self.goods, self.stages, self.by, others)


INSTRUMENT = ExportLicence
