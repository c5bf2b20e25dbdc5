"""``sanction``: a coalition stops trade with countries or with firms."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.selecting import where_any
from sim.instruments.words import Countries, Firms, Goods, Stages, WordError, joined, quantity, select_goods
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "Sanction"]


class Sanction(Instrument):
    """Closes trade between the coalition and what it sanctions; with ``compliance`` below 100 %, in part.

    Countries are cut off across borders. A firm is cut off with all its facilities, wherever they stand:
    buyers in the coalition do not buy from it, sellers in the coalition do not sell to it. Where compliance
    is partial, the sourcing weight of a link falls by that share. Third countries may resell.
    """

    type: Literal["sanction"] = "sanction"
    by: Annotated[Countries, Field(description="countries or groups that sanction", examples=["[USA, EU27]"])]
    on: Annotated[Countries | None, Field(description="sanctioned countries or groups")] = None
    firms: Annotated[Firms | None, Field(description="sanctioned firms", examples=["[Nornickel]"])] = None
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None
    stops: Annotated[
        Literal["imports", "exports", "trade"], Field(description="imports and exports of the coalition")
    ] = "trade"
    compliance: Annotated[
        Quantity | None,
        quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="share of the trade that stops; all if left out", examples=["80 %"]),
    ] = None

    def model_post_init(self, context: object, /) -> None:
        """Somebody must be sanctioned."""
        if self.on is None and self.firms is None:
            raise WordError("neither 'on' nor 'firms' is given", "write for example 'on: [RUS]'")
        super().model_post_init(context)

    def clause(self) -> str:
        """Who stops which trade with whom."""
        whom = joined([*([self.say_countries(self.on)] if self.on else []), *(self.firms or ())])
        what = f"{self.stops} of {self.say_goods(self.goods, self.stages)}"
        way = {"imports": "from", "exports": "to", "trade": "with"}[self.stops]
        part = f", with a compliance of {self.compliance}" if self.compliance else ""
        return f"{self.say_countries(self.by)} stops {what} {way} {whom}{part}"

    def _links(self, controls: Controls) -> BoolArray:
        """(G, C, C) links with sanctioned countries."""
        mask = controls.no_links()
        for own_exports, word in ((False, "imports"), (True, "exports")):
            if self.on is not None and self.stops in (word, "trade"):
                mask |= self.link_mask(
                    controls, self.goods, self.stages, self.by, self.on, own_exports=own_exports
                )
        return mask

    def _blocks(self, controls: Controls) -> list[tuple[BoolArray, BoolArray]]:
        """(O,) sellers and (N,) buyers between whom sanctioned firms trade with the coalition."""
        import numpy as np

        world = controls.world
        firm = np.array([name in (self.firms or ()) for name in world.facility_firm])
        goods = self.good_indices(world, self.goods, self.stages)
        own = self.country_mask(world, self.by)
        offers, needs = np.isin(world.offer_good, goods), np.isin(world.need_good, goods)
        imports = offers & firm[world.offer_facility], needs & own[world.need_country]
        exports = offers & own[world.offer_country], needs & firm[world.need_facility]
        chosen = {"imports": [imports], "exports": [exports], "trade": [imports, exports]}[self.stops]
        return [(sellers, buyers) for sellers, buyers in chosen if sellers.any() and buyers.any()]

    def _comply(self) -> Amount:
        return 1.0 if self.compliance is None else self.compliance.amount

    def apply(self, controls: Controls, share: Amount) -> None:
        """Close the links, and the trade of the firms, for the share of the step."""
        import numpy as np

        world, mask = controls.world, self._links(controls)
        if mask.any():
            controls.open_share.change(mask, 1 - share * self._comply())
            controls.touch_links(self.id, mask)
        for sellers, buyers in self._blocks(controls):
            controls.close_between(sellers, buyers, 1 - share * self._comply())
            for books, chosen, firms in (
                (controls.touched_offers, sellers, world.offer_facility),
                (controls.touched_needs, buyers, world.need_facility),
            ):
                named = np.array([name in (self.firms or ()) for name in world.facility_firm])[firms]
                books[self.id] = books.get(self.id, np.zeros(len(chosen), dtype=bool)) | (chosen & named)

    def restricts(self, controls: Controls) -> BoolArray:
        """The links of sanctioned countries; that of single firms restricts no country's trade as a whole."""
        return where_any(self._links(controls), self._comply())

    def touches(self, labels: Labels) -> bool:
        """Whether a sanctioned country traded with the coalition, or a sanctioned firm trades at all."""
        if self.on is not None:
            ways = {"imports": (False,), "exports": (True,), "trade": (False, True)}[self.stops]
            links = labels, self.goods, self.stages, self.by, self.on
            if any(self.traded(*links, own_exports=way) for way in ways):
                return True
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        tables = {"imports": (labels.output,), "exports": (labels.use,), "trade": (labels.output, labels.use)}
        return any(
            tonnes > 0 and good in goods and labels.facilities[name].firm in (self.firms or ())
            for table in tables[self.stops]
            for (good, name), tonnes in table.items()
        )


INSTRUMENT = Sanction
