"""``cartel``: several owners set prices of a good together, and hold output back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.deal import Deal, Owners, Share
from sim.instruments.words import Firms, Goods, WordError
from sim.units import Amount
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "Cartel"]


class Cartel(Deal):
    """Members price the goods as one firm and hold back ``cut`` of their output; its end is its break-up.

    What they sell of other goods they price by themselves. With ``in_base_year`` the base year's prices are
    the cartel's, and what happens is its break-up.
    """

    type: Literal["cartel"] = "cartel"
    goods: Annotated[Goods, Field(description="good ids, minerals or HS codes", examples=["[cobalt]"])]
    firms: Annotated[Firms | None, Field(description="firms that take part")] = None
    owners: Owners = None
    cut: Annotated[Share, Field(description="share of output held back", examples=["10 %"])] = None

    def model_post_init(self, context: object, /) -> None:
        """Nobody conspires alone."""
        if len(set(self.firms or ())) < 2 and self.owners is None:
            raise WordError("a cartel needs at least two different firms, or 'owners'",
                            "write for example 'owners: [COD, IDN]'")  # fmt: skip
        if self.in_base_year and self.cut is not None:
            raise WordError("in the base year already, a 'cut' is in base-year output",
                            "leave 'cut' out, or 'in_base_year'")  # fmt: skip
        super().model_post_init(context)

    def clause(self) -> str:
        """Who prices what together, holding back how much."""
        held = f" and hold back {self.cut} of their output" if self.cut is not None else ""
        who = self.who(self.firms, self.owners)
        return f"{who} price {self.say_goods(self.goods, None)} as one firm{held}{self.terms()}"

    def parties(self, world: World) -> BoolArray:
        """(F,) facilities of the members that sell the goods."""
        import numpy as np

        sells = np.zeros(len(world.facilities), dtype=bool)
        sells[world.offer_facility[self._offers(world)]] = True
        return self._named(world, self.firms or (), self.owners or ()) & sells

    def _offers(self, world: World) -> BoolArray:
        import numpy as np

        mask: BoolArray = np.isin(world.offer_good, self.good_indices(world, self.goods, None))
        return mask

    def apply(self, controls: Controls, share: Amount) -> None:
        """Give the facilities one price setter, and lower output."""
        self._join(controls, share, whole=False)
        if self.cut is not None:
            world = controls.world
            offers = self.parties(world)[world.offer_facility] & self._offers(world)
            controls.scale_output(offers, 1 - share * self.cut.amount)

    def touches(self, labels: Labels) -> bool:
        """Whether at least two members sell the goods, or one that holds back."""
        members = self.sellers(labels, self.firms, self.owners, self.goods)
        return len(members) >= (1 if self.cut is not None else 2)


INSTRUMENT = Cartel
