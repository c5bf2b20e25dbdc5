"""Fields and selections that several instruments share: links of trade, and makers of goods."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.words import (
    Countries,
    Facilities,
    Firms,
    Goods,
    Sectors,
    Stages,
    WordError,
    joined,
    select_goods,
    spoken,
)  # fmt: skip
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["ExportMeasure", "ImportMeasure", "MakerMeasure", "UserMeasure"]


class ExportMeasure(Instrument):
    """A measure of exporting countries on some goods to some destinations."""

    by: Annotated[Countries, Field(description="exporting countries or groups", examples=["CHN"])]
    to: Annotated[Countries, Field(description="importing countries or groups")] = ("world",)
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[dysprosium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None

    def exports(self) -> str:
        """The exports concerned, in words."""
        return f"exports of {self.say_goods(self.goods, self.stages)} to {self.say_countries(self.to)}"

    def mask(self, controls: Controls) -> BoolArray:
        """(G, C, C) links concerned."""
        return self.link_mask(controls, self.goods, self.stages, self.by, self.to)

    def touches(self, labels: Labels) -> bool:
        """Whether any of these links carried trade."""
        return self.traded(labels, self.goods, self.stages, self.by, self.to)


class ImportMeasure(Instrument):
    """A measure of importing countries on some goods from some origins. A group spares its members."""

    by: Annotated[Countries, Field(description="importing countries or groups", examples=["USA"])]
    on: Annotated[Countries, Field(description="exporting countries or groups", examples=["CHN"])]
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[gallium]"])]
    stages: Annotated[Stages | None, Field(description="only these stages")] = None

    def imports(self) -> str:
        """The imports concerned, in words."""
        return f"imports of {self.say_goods(self.goods, self.stages)} from {self.say_countries(self.on)}"

    def mask(self, controls: Controls) -> BoolArray:
        """(G, C, C) links concerned."""
        return self.link_mask(controls, self.goods, self.stages, self.by, self.on, own_exports=False)

    def touches(self, labels: Labels) -> bool:
        """Whether any of these links carried trade."""
        return self.traded(labels, self.goods, self.stages, self.by, self.on, own_exports=False)


class MakerMeasure(Instrument):
    """What happens to mines and plants that make some goods. Traders make nothing and are left alone."""

    countries: Annotated[Countries | None, Field(description="where", examples=["COD"])] = None
    firms: Annotated[Firms | None, Field(description="owners", examples=["[BHP]"])] = None
    facilities: Annotated[Facilities | None, Field(description="facility ids")] = None
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None

    def model_post_init(self, context: object, /) -> None:
        """Somebody must be meant."""
        if self.countries is None and self.firms is None and self.facilities is None:
            raise WordError(
                "none of 'countries', 'firms' and 'facilities' is given",
                "write for example 'countries: [COD]'",
            )
        super().model_post_init(context)

    def who(self) -> str:
        """The makers, in words."""
        named = [*(self.firms or ()), *(self.facilities or ())]
        makers = joined(named) if named else "mines and plants"
        place = f" in {self.say_countries(self.countries)}" if self.countries else ""
        return f"{makers}{place}"

    def output(self) -> str:
        """The output concerned, in words."""
        return f"{self.say_goods(self.goods, self.stages)} by {self.who()}"

    def offers(self, controls: Controls) -> BoolArray:
        """(O,) offers concerned: all that is named must hold, except that firms and facilities add up."""
        import numpy as np

        world = controls.world
        mask = np.isin(world.offer_good, self.good_indices(world, self.goods, self.stages))
        mask &= np.array([kind != "trader" for kind in world.facility_kind])[world.offer_facility]
        if self.countries is not None:
            mask &= self.country_mask(world, self.countries)[world.offer_country]
        if self.firms is not None or self.facilities is not None:
            named = [
                firm in (self.firms or ()) or facility in (self.facilities or ())
                for firm, facility in zip(world.facility_firm, world.facilities, strict=True)
            ]
            mask &= np.array(named)[world.offer_facility]
        return mask

    def links_of_makers(self, controls: Controls) -> BoolArray:
        """(G, C, C) all links of the goods from the countries of makers who made any in the base year."""
        world, links = controls.world, controls.no_links()
        mask = self.offers(controls) & (world.offer_output > 0)
        links[world.offer_good[mask], world.offer_country[mask]] = True
        return links

    def touches(self, labels: Labels) -> bool:
        """Whether any of these makers produced anything."""
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        codes = None
        if self.countries is not None:
            codes = {code for word in self.countries for code in labels.group(word)}
        anyone = self.firms is None and self.facilities is None
        for (good, name), tonnes in labels.output.items():
            maker = labels.facilities[name]
            named = anyone or maker.firm in (self.firms or ()) or name in (self.facilities or ())
            here = codes is None or maker.country in codes
            if tonnes > 0 and good in goods and named and here and maker.kind != "trader":
                return True
        return False


class UserMeasure(Instrument):
    """What changes the needs of end users."""

    sectors: Annotated[Sectors | None, Field(description="end-use sectors; all if left out")] = None
    countries: Annotated[Countries, Field(description="where; everywhere if left out")] = ("world",)
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes")] = ("all",)
    stages: Annotated[Stages | None, Field(description="only these stages")] = None

    def need(self) -> str:
        """The need concerned, in words."""
        who = "all sectors" if self.sectors is None else spoken(self.sectors)
        goods = self.say_goods(self.goods, self.stages)
        return f"the need of {who} in {self.say_countries(self.countries)} for {goods}"

    def needs(self, controls: Controls) -> BoolArray:
        """(N,) needs of manufacturers concerned."""
        import numpy as np

        world = controls.world
        mask = np.isin(world.need_good, self.good_indices(world, self.goods, self.stages))
        mask &= self.country_mask(world, self.countries)[world.need_country]
        users = [
            kind == "manufacturer" and (self.sectors is None or sector in self.sectors)
            for kind, sector in zip(world.facility_kind, world.facility_sector, strict=True)
        ]
        mask &= np.array(users)[world.need_facility]
        return mask

    def touches(self, labels: Labels) -> bool:
        """Whether any such sector used such a good."""
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        codes = {code for word in self.countries for code in labels.group(word)}
        sectors = self.sectors or tuple(labels.sectors)
        users = {
            name
            for name, f in labels.facilities.items()
            if f.kind == "manufacturer" and f.country in codes and f.sector in sectors
        }
        return any(t > 0 and good in goods and user in users for (good, user), t in labels.use.items())
