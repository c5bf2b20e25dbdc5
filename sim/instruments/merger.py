"""``merger``: two or more firms set their prices together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.words import Firms, WordError, joined
from sim.units import Amount
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "Merger"]


class Merger(Instrument):
    """Joins the facilities of the firms under one pricing owner; nothing physical changes.

    Prices cannot be set together for half a month: the merger counts from the step of which it
    covers at least half. Without ``from`` it holds throughout the run.
    """

    type: Literal["merger"] = "merger"
    firms: Annotated[Firms, Field(description="firms that merge", examples=["[BHP, Anglo American]"])]

    def model_post_init(self, context: object, /) -> None:
        """A firm cannot merge with itself."""
        if len(set(self.firms)) < 2:
            raise WordError("a merger needs at least two different firms", "write for example [BHP, Vale]")
        super().model_post_init(context)

    def clause(self) -> str:
        """Which firms merge."""
        return f"{joined(self.firms)} set their prices as one firm"

    def apply(self, controls: Controls, share: Amount) -> None:
        """Give every facility of the firms the first owner among them."""
        import numpy as np

        from sim.controls import OwnerChange

        mask = np.array([firm in self.firms for firm in controls.world.facility_firm])
        controls.touched_offers[self.id] = mask[controls.world.offer_facility]
        controls.owner_changes.append(OwnerChange(self.id, share, mask))

    def touches(self, labels: Labels) -> bool:
        """Whether at least two of the firms sell anything."""
        sellers = {labels.facilities[facility].firm for (_, facility), t in labels.output.items() if t > 0}
        return len(sellers & set(self.firms)) >= 2


INSTRUMENT = Merger
