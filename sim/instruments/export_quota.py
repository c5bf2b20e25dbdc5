"""``export_quota``: a ceiling on the tonnes that leave a country, by year, by half-year or by quarter."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field, ValidationInfo, WithJsonSchema, model_validator

from sim.instruments.calendar import Allotment, Period, check_periods, period_of, yearly_rates
from sim.instruments.dated import mean_over, weights
from sim.instruments.measures import ExportMeasure
from sim.instruments.selecting import base_tonnes, origins, where_any
from sim.instruments.words import FirmWord, WordError, joined, quantity
from sim.units import Amount, Quantity, parse_quantity

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "ExportQuota"]

OF_YEAR = re.compile(r"\s*([^\s%][^%]*%)\s+of\s+(\d{4})\s*")
"""As in ``60 % of 2024``."""
SHARE = r"^\s*[^\s%][^%]*%\s+of\s+\d{4}\s*$"
"""The same for editors."""
TINY = 1e-12
"""Tonnes a year that are none."""
Tonnes = Annotated[Quantity, quantity("mass per year", low=0.0, bounds="0 t/year or more")]
NOTHING = parse_quantity("0 %", "share")
Share = Annotated[Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]


class ExportQuota(ExportMeasure):
    """Caps exports at ``amount`` per year, or at the ``amounts`` of periods, or at a ``share`` of base trade.

    ``share`` is of base-year exports to ``to``; ``amount: 60 % of 2024`` says the same with the base year.

    After the last period its yearly rate goes on. ``allotted: evenly`` gives each step its part;
    ``at once`` gives each period (each calendar year, for ``amount``) all of it on its first day. What is
    not used is lost, but for the share ``carry_over``, which is added to the next allotment. With
    ``firms``, each firm has its share of the quota (or, with ``firm_amounts``, its tonnes a year) and all
    others together have the rest; nobody may use what another leaves. The quota can go slack when buyers
    want less.

    One amount over several goods or exporting countries is split in proportion to their base-year
    exports to ``to``; what has no base-year exports gets none of it.
    """

    type: Literal["export_quota"] = "export_quota"
    amount: Annotated[
        Quantity | None,
        quantity("mass per year", low=0.0, bounds="0 t/year or more"),
        WithJsonSchema({
            "anyOf": [{"$monazite": "uncertain mass per year"}, {"type": "string", "pattern": SHARE}]
        }),
        Field(
            description="tonnes per year, all goods together; or, as '60 % of 2024', of base-year exports",
            examples=["30258 t/year"],
        ),
    ] = None
    amounts: Annotated[
        dict[Period, Annotated[Quantity, quantity("mass", low=0.0, bounds="0 t or more")]] | None,
        Field(
            description="tonnes by year, half-year or quarter",
            examples=["{2010-H1: 22282 t, 2010-H2: 7976 t}"],
        ),
    ] = None
    share: Annotated[
        Quantity | None,
        quantity("share", low=0.0, bounds="0 % or more"),
        Field(description="of base-year exports, instead of tonnes", examples=["60 %"]),
    ] = None
    allotted: Annotated[Allotment, Field(description="how a period's tonnes are released")] = "evenly"
    carry_over: Annotated[Share, Field(description="share of unused tonnes that is kept")] = NOTHING
    firms: Annotated[
        dict[FirmWord, Share] | None,
        Field(description="share of the quota by exporting firm", examples=["{BHP: 40 %}"]),
    ] = None
    firm_amounts: Annotated[
        dict[FirmWord, Tonnes] | None,
        Field(description="tonnes of the quota by exporting firm", examples=["{BHP: 1200 t/year}"]),
    ] = None

    @model_validator(mode="before")
    @classmethod
    def _share_of_base(cls, given: Any, info: ValidationInfo) -> Any:
        """``amount: 60 % of 2024`` is ``share: 60 %``, where that is the base year."""
        match = OF_YEAR.fullmatch(str(given.get("amount"))) if isinstance(given, dict) else None
        if match is None:
            return given
        labels = (info.context or {}).get("labels")
        if labels is not None and int(match[2]) != labels.base_year:
            raise WordError(
                f"'{given['amount']}': base trade is that of {labels.base_year}",
                f"write '{match[1].strip()} of {labels.base_year}', or tonnes",
            )
        return {**{k: v for k, v in given.items() if k != "amount"}, "share": match[1].strip()}

    def model_post_init(self, context: object, /) -> None:
        """One way to say how much, for every day in force, and shares that do not exceed the quota."""
        if sum(given is not None for given in (self.amount, self.amounts, self.share)) != 1:
            raise WordError(
                "exactly one of 'amount', 'amounts' and 'share' is needed",
                "write for example 'amount: 30258 t/year'",
            )
        if self.amounts is not None:
            check_periods(tuple(self.amounts), self.from_)
        if self.firms and sum(share.value for share in self.firms.values()) > 1 + 1e-9:
            raise WordError("the shares of 'firms' add up to more than 100 %", "lower them")
        self._check_firm_amounts()
        super().model_post_init(context)

    def _check_firm_amounts(self) -> None:
        if self.firm_amounts and self.firms:
            raise WordError("'firms' and 'firm_amounts' say the same thing twice", "leave one of them out")
        total = sum(tonnes.value for tonnes in (self.firm_amounts or {}).values())
        if self.amount is not None and total > self.amount.value * (1 + 1e-9):
            raise WordError(
                f"the tonnes of 'firm_amounts' add up to {total:g} t/year, more than the quota", "lower them"
            )

    def clause(self) -> str:
        """Who caps what at how much."""
        plural = len(self.goods) > 1
        if self.amount is not None:
            text = f"at {self.amount}"
        elif self.share is not None:
            text = f"at {self.share} of those of the base year"
        else:
            amounts = [f"{tonnes} in {period}" for period, tonnes in (self.amounts or {}).items()]
            text = f"at {joined(amounts)}"
        text += " in all" if plural else ""
        if self.firms:
            text += f", of which {joined([f'{share} for {firm}' for firm, share in self.firms.items()])}"
        if self.firm_amounts:
            named = [f"{tonnes} for {firm}" for firm, tonnes in self.firm_amounts.items()]
            text += f", of which {joined(named)}"
        text += ", each period's at once" if self.allotted == "at once" else ""
        text += f", {self.carry_over} of what is unused carried over" if self.carry_over.text != "0 %" else ""
        return f"{self.say_countries(self.by)} caps {self.exports()} {text}"

    @property
    def _rates(self) -> dict[dt.date, Quantity]:
        return yearly_rates(self.share if self.amount is None else self.amount, self.amounts)

    def _rate(self, controls: Controls, mask: BoolArray) -> Amount:
        """Tonnes a year of the quota in this step."""
        rate = mean_over(self._rates, *self._days(controls.date, controls.end))
        return rate if self.share is None else rate * sum(base_tonnes(controls.world, mask).values())

    def phase(self, step_start: dt.date, step_end: dt.date) -> object:
        """The amount, and the period whose tonnes are being used."""
        days = self._days(step_start, step_end)
        period = period_of(tuple(self.amounts or ()), days[0]).key if self.allotted == "at once" else ""
        return super().phase(step_start, step_end), weights(self._rates, *days), period

    def _shares(self, world: World, rate: Amount) -> Iterator[tuple[Amount, BoolArray | None]]:
        """Share of the quota, and the (O,) offers that it goes to; None for all."""
        import numpy as np

        if not self.firms and not self.firm_amounts:
            yield 1.0, None
            return
        parts = {firm: share.amount for firm, share in (self.firms or {}).items()}
        for firm, tonnes in (self.firm_amounts or {}).items():
            parts[firm] = np.minimum(1.0, tonnes.amount / np.maximum(rate, TINY))
        owner = np.array(world.facility_firm)[world.offer_facility]
        rest: Amount = 1.0
        for firm, part in parts.items():
            rest = np.maximum(0.0, rest - part)
            yield part, owner == firm
        yield rest, ~np.isin(owner, list(parts))

    def apply(self, controls: Controls, share: Amount) -> None:
        """One cap per good, origin and group of firms. The engine leaves the rest of a partial step free."""
        from sim.controls import Cap

        mask, days = self.mask(controls), self._days(controls.date, controls.end)
        rate, batch = self._rate(controls, mask), None
        if self.allotted == "at once":
            batch = period_of(tuple(self.amounts or ()), days[0])
        for part, offers in self._shares(controls.world, rate):
            base = base_tonnes(controls.world, mask, offers)
            total = sum(base.values())
            for good, origin, destinations in origins(mask):
                split = part * base[good, origin] / total if total else 0.0
                controls.caps.append(
                    Cap(
                        self.id, good, origin, destinations, rate * split, offers=offers,
                        carry_over=self.carry_over.amount,
                        period=batch.key if batch else "",
                        period_years=batch.years_from(self.from_) if batch else 0.0,
                    )
                )  # fmt: skip
        controls.touch_links(self.id, mask)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links that it covers, where it lies below base-year exports."""
        mask = self.mask(controls)
        total = sum(base_tonnes(controls.world, mask).values())
        return where_any(mask, 1 - self._rate(controls, mask) / total if total > 0 else 0.0)


INSTRUMENT = ExportQuota
