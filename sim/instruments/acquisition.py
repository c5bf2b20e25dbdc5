"""``acquisition``: a firm takes over another, or mines and plants of others."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.deal import Deal
from sim.instruments.words import Facilities, Firms, FirmWord, WordError, joined
from sim.units import Amount
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "Acquisition"]


class Acquisition(Deal):
    """What is taken over is priced together with what the buyer has already; what the sellers keep is not.

    Synergies, closures and lost output are those of what is taken over.
    """

    type: Literal["acquisition"] = "acquisition"
    by: Annotated[FirmWord, Field(description="firm that takes over", examples=["Nippon Steel"])]
    firms: Annotated[
        Firms | None, Field(description="firms taken over whole", examples=["[US Steel]"])
    ] = None
    facilities: Annotated[Facilities | None, Field(description="mines or plants taken over")] = None

    def model_post_init(self, context: object, /) -> None:
        """Something must be taken over, and not from oneself."""
        if self.firms is None and self.facilities is None:
            raise WordError("neither 'firms' nor 'facilities' is given", "write for example 'firms: [Teck]'")
        if self.by in (self.firms or ()):
            raise WordError(f"'{self.by[:60]}' cannot take over itself", "name another firm")
        super().model_post_init(context)

    def clause(self) -> str:
        """Who takes over what, on which terms."""
        what = joined([*(self.firms or ()), *(self.facilities or ())])
        return f"{self.by} takes over {what}{self.terms()}"

    def parties(self, world: World) -> BoolArray:
        """(F,) what is taken over."""
        import numpy as np

        named = set(self.facilities or ())
        mask: BoolArray = np.array([name in named for name in world.facilities], dtype=bool)
        return self._named(world, self.firms or ()) | mask

    def apply(self, controls: Controls, share: Amount) -> None:
        """Give what is taken over to the buyer."""
        self._join(controls, share, to=self.by)

    def touches(self, labels: Labels) -> bool:
        """Whether what is taken over sells anything, and is not the buyer's already."""
        sold = {facility for (_, facility), tonnes in labels.output.items() if tonnes > 0}
        return any(
            label.firm != self.by and (label.firm in (self.firms or ()) or name in (self.facilities or ()))
            for name, label in labels.facilities.items()
            if name in sold
        )


INSTRUMENT = Acquisition
