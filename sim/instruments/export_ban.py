"""``export_ban``: no exports of some goods to some countries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, PrivateAttr

from sim.instruments.base import Instrument
from sim.instruments.words import Countries, Goods, Stages, Truth, WordError, quantity
from sim.units import Amount, Quantity, parse_quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls, Resale
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "ExportBan"]

FULL = parse_quantity("100 %", "share")


class ExportBan(Instrument):
    """Closes links; for a part of a step it closes them in proportion. Domestic sales stay free.

    Two bans on one link leave open what neither closes: their open shares multiply. Third countries sell on
    what they hold (M186 to M188 of ``docs/model.md``), unless the ban is ``extraterritorial``: then no seller
    outside ``by`` and ``to`` may ship more to ``to`` than what it holds of other origin. Material comes from
    ``by`` if it was made there and resold; with ``content`` also what was made elsewhere of such material, by
    the value share of the inputs.

    A ban that leaks (``leak``) lets pass a share of base-year trade that grows while the goods are dearer at
    their destination than at home and shrinks as the state closes gaps (M166, M167 of ``docs/model.md``).
    """

    type: Literal["export_ban"] = "export_ban"
    by: Annotated[Countries, Field(description="exporting countries or groups", examples=["CHN"])]
    to: Annotated[Countries, Field(description="importing countries or groups", examples=["world"])]
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[gallium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    extraterritorial: Annotated[
        Truth, Field(description="third countries may not resell to `to` what comes from `by`")
    ] = False
    compliance: Annotated[
        Quantity,
        quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="with `extraterritorial`: share of such material that third countries hold back"),
    ] = FULL
    content: Annotated[
        Truth, Field(description="with `extraterritorial`: also goods among `goods` that were made from it")
    ] = False

    leak: Annotated[
        Truth, Field(description="goods find their way around the ban in time, the more the dearer they are")
    ] = False

    _resold: bool = PrivateAttr(default=False)

    def model_post_init(self, context: object, /) -> None:
        """Rules on resale need an importer that is not everybody, and a ban that reaches abroad."""
        if self.extraterritorial and "world" in self.to:
            raise WordError("no third country is left when 'to' is world", "name the importers in 'to'")
        for field in ("content", "compliance"):
            given = self.content if field == "content" else self.compliance != FULL
            if given and not self.extraterritorial:
                raise WordError(f"'{field}' without 'extraterritorial'", "write 'extraterritorial: true' too")
        if self.leak and self.extraterritorial:
            raise WordError(
                "'leak' with 'extraterritorial'", "leave out 'leak'; 'compliance' says what passes"
            )
        super().model_post_init(context)

    def clause(self) -> str:
        """Who bans what to whom."""
        goods = self.say_goods(self.goods, self.stages)
        bans = f"{self.say_countries(self.by)} bans exports of {goods} to {self.say_countries(self.to)}"
        if self.leak:
            return f"{bans}, around which goods find their way in time"
        if not self.extraterritorial:
            return bans
        what = "or process and sell on" if self.content else ""
        kept = "" if self.compliance.value == 1 else f" ({self.compliance} of it is held back)"
        return f"{bans}; third countries may not resell {what}".rstrip() + f" such material there{kept}"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Close the links for the share of the step."""
        import numpy as np

        mask = self.link_mask(controls, self.goods, self.stages, self.by, self.to)
        resold = self._sold_on(controls.world)
        if self.leak or np.ndim(resold) or resold > 0:
            passes = np.asarray(resold) > 0
            asked = share
            if not self.leak and not passes.all():
                # A way of no width is none: where nothing is sold on, links are closed as by other bans.
                controls.open_share.change(mask, np.where(~passes & (np.asarray(share) >= 1), 0.0, 1.0))
                asked = np.where(passes, share, 0.0)
            controls.leave_ways(self.id, mask, self.leak, resold, asked)
        else:
            controls.close_links(self.id, mask, share, self.partly(controls))
        controls.touch_links(self.id, mask)
        rule = self.resale(controls.world)
        if rule is not None:
            controls.resales.append(replace(rule, compliance=share * rule.compliance))

    def under(self, third_countries_resell: bool) -> ExportBan:
        """The ban as it acts where third countries sell on what they hold, or do not."""
        found = self.model_copy()
        found._resold = third_countries_resell
        return found

    def _sold_on(self, world: World) -> Amount:
        """Part of their stocks that third countries may sell on: all but what a rule on resale holds back."""
        named = self.country_mask(world, self.by) | self.country_mask(world, self.to)
        if not self._resold or bool(named.all()):
            return 0.0
        return 1 - self.compliance.amount if self.extraterritorial else 1.0

    def resale(self, world: World) -> Resale | None:
        """The rule on third countries, as it is in a whole step in force; None where there is none."""
        from sim.controls import Resale

        if not self.extraterritorial or (self.compliance.value == 0 and self.compliance.drawn is None):
            return None
        goods = tuple(self.good_indices(world, self.goods, self.stages).tolist())
        by, to = self.country_mask(world, self.by), self.country_mask(world, self.to)
        return Resale(self.id, goods, by, to & ~by, self.compliance.amount, self.content)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links that it closes."""
        return self.link_mask(controls, self.goods, self.stages, self.by, self.to)

    def touches(self, labels: Labels) -> bool:
        """Whether any banned link carried trade."""
        return self.traded(labels, self.goods, self.stages, self.by, self.to)


INSTRUMENT = ExportBan
