"""``ownership_control``: owners direct what they make abroad home, unless the host forbids it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.measures import MakerMeasure
from sim.instruments.words import Countries, quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "OwnershipControl"]


class OwnershipControl(MakerMeasure):
    """Keeps a share of what foreign mines and plants would sell to others from being sold to them.

    The makers are named, as in all measures on makers: by owner, facility and host. Buyers at home and in the
    host country itself are served as before. Hosts in ``overridden_by`` see to it that nothing changes.
    """

    type: Literal["ownership_control"] = "ownership_control"
    by: Annotated[Countries, Field(description="country of the owners", examples=["CHN"])]
    share: Annotated[
        Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %"),
        Field(description="of the willingness to sell to others that is taken away", examples=["60 %"]),
    ]
    overridden_by: Annotated[
        Countries | None, Field(description="hosts that do not let it happen", examples=["COD"])
    ] = None

    def clause(self) -> str:
        """Whose foreign output goes home."""
        but = f", except in {self.say_countries(self.overridden_by)}" if self.overridden_by else ""
        return (
            f"{self.say_countries(self.by)} has {self.share} of {self.output()} kept from others and sold at "
            f"home{but}"
        )

    def offers(self, controls: Controls) -> BoolArray:
        """(O,) offers abroad whose host does not override."""
        import numpy as np

        world = controls.world
        free = ~self.country_mask(world, self.by)
        if self.overridden_by is not None:
            free &= ~self.country_mask(world, self.overridden_by)
        mask: BoolArray = super().offers(controls) & free[np.asarray(world.offer_country)]
        return mask

    def apply(self, controls: Controls, share: Amount) -> None:
        """Weigh other buyers less: those neither at home nor in the host country."""
        world = controls.world
        mask, home = self.offers(controls), self.country_mask(world, self.by)
        left = 1 - share * self.share.amount
        for host in sorted(set(world.offer_country[mask].tolist())):
            here = mask & (world.offer_country == host)
            others = ~home[world.need_country] & (world.need_country != host)
            controls.close_between(here, others, left)
        controls.touched_offers[self.id] = mask


INSTRUMENT = OwnershipControl
