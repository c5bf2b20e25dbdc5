"""``export_licence``: every shipment waits for a permit, and some are refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BeforeValidator, Field, PrivateAttr, field_serializer

from sim.distributions import is_distribution
from sim.instruments.base import Instrument, origins
from sim.instruments.words import Countries, CountryWord, Goods, Stages, joined, quantity
from sim.units import Amount, Quantity, parse_quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "ExportLicence"]

SIX_MONTHS = parse_quantity("6 months", "duration")
Share = Annotated[Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]
Delay = Annotated[Quantity, quantity("duration", 0.0, 10.0, "a time of 0 to 10 years")]
Validity = Annotated[Quantity, quantity("duration", 1 / 366, 10.0, "a time of a day to 10 years")]


def _by_destination(given: object) -> object:
    """One share stands for every destination."""
    return given if isinstance(given, dict) and not is_distribution(given) else {"world": given}


class ExportLicence(Instrument):
    """A queue at the border: goods wait ``delay``, the approved share becomes a permit for ``validity``.

    ``approval_share`` is one share, or a mapping from destination to share, where a country goes
    before a group and a group before ``world``; a destination that the mapping leaves out gets none.
    """

    type: Literal["export_licence"] = "export_licence"
    by: Annotated[Countries, Field(description="exporting countries or groups", examples=["CHN"])]
    to: Annotated[Countries, Field(description="importing countries or groups")] = ("world",)
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[dysprosium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    approval_share: Annotated[
        dict[CountryWord, Share],
        BeforeValidator(_by_destination, json_schema_input_type=dict[CountryWord, Share] | Share),
        Field(description="share approved, for all destinations or by destination", examples=["40 %"]),
    ]
    delay: Annotated[Delay, Field(description="time until the decision", examples=["45 business days"])]
    validity: Annotated[Validity, Field(description="life of a permit, 6 months by assumption")] = SIX_MONTHS

    _floors: tuple[tuple[Sequence[str], Amount], ...] = PrivateAttr(default=())

    @field_serializer("approval_share")
    def _as_written(self, shares: dict[str, Quantity]) -> Any:
        written = {word: share.written for word, share in shares.items()}
        return written["world"] if list(written) == ["world"] else written

    def clause(self) -> str:
        """Who licenses what to whom, how long it takes and how much is approved."""
        goods, shares = self.say_goods(self.goods, self.stages), self.approval_share
        rates = [
            str(q) if len(shares) == 1 else f"{q} to {self.say_countries([c])}" for c, q in shares.items()
        ]
        who = f"{self.say_countries(self.by)} licenses exports of {goods} to {self.say_countries(self.to)}"
        return f"{who}: each shipment waits {self.delay}, {joined(rates)} are approved"

    def _by_share(self, controls: Controls) -> Iterator[tuple[Amount, BoolArray]]:
        """Links of each approval share; they do not overlap."""
        links = self.link_mask(controls, self.goods, self.stages, self.by, self.to)
        rank = {word: (word != "world") + (word in controls.world.countries) for word in self.approval_share}
        for word in sorted(self.approval_share, key=lambda w: -rank[w]):
            chosen = links & self.country_mask(controls.world, [word])
            links &= ~chosen
            yield self.approval_share[word].amount, chosen
        yield 0.0, links

    def eased(self, floors: Sequence[tuple[Sequence[str], Amount]]) -> ExportLicence:
        """The licence with approval shares of at least a floor for some destinations."""
        copy = self.model_copy()
        copy._floors = tuple(floors)
        return copy

    def _by_share_and_floor(self, controls: Controls) -> Iterator[tuple[Amount, BoolArray]]:
        """As :meth:`_by_share`. A floor splits destinations even where it is not reached yet, so that a
        queue stays one queue when it is."""
        import numpy as np

        parts = list(self._by_share(controls))
        for words, floor in self._floors:
            chosen = self.country_mask(controls.world, words)
            for rate, links in parts[:]:
                parts.append((np.maximum(rate, floor), links & chosen))
                parts.append((rate, links & ~chosen))
                parts.pop(0)
        yield from parts

    def apply(self, controls: Controls, share: Amount) -> None:
        """One queue per good, origin and approval share. The engine leaves part of a partial step free."""
        from sim.controls import Licence

        times = self.delay.amount, self.validity.amount
        for rate, mask in self._by_share_and_floor(controls):
            for good, origin, destinations in origins(mask):
                controls.licences.append(Licence(self.id, good, origin, destinations, rate, *times))
            controls.touch_links(self.id, mask)

    def alarm(self, controls: Controls) -> None:
        """Severity 1 - approval share, by destination."""
        for rate, mask in self._by_share_and_floor(controls):
            controls.raise_risk(mask, 1 - rate)

    def touches(self, labels: Labels) -> bool:
        """Whether any licensed link carried trade."""
        return self.traded(labels, self.goods, self.stages, self.by, self.to)


INSTRUMENT = ExportLicence
