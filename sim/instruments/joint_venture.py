"""``joint_venture``: firms put some of their mines and plants together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.deal import Deal
from sim.instruments.words import Facilities, WordError, joined
from sim.units import Amount
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "JointVenture"]


class JointVenture(Deal):
    """The facilities are priced as one firm, apart from what their owners keep."""

    type: Literal["joint_venture"] = "joint_venture"
    facilities: Annotated[
        Facilities,
        Field(description="mines and plants put together", examples=["[bhp_iron, rio_tinto_iron]"]),
    ]

    def model_post_init(self, context: object, /) -> None:
        """One facility is no venture."""
        if len(set(self.facilities)) < 2:
            raise WordError("a joint venture needs at least two facilities",
                            "add one, or write an acquisition")  # fmt: skip
        super().model_post_init(context)

    def clause(self) -> str:
        """What is put together, on which terms."""
        return f"{joined(self.facilities)} set their prices as one firm{self.terms()}"

    def parties(self, world: World) -> BoolArray:
        """(F,) what is put together."""
        import numpy as np

        named = set(self.facilities)
        return np.array([name in named for name in world.facilities], dtype=bool)

    def apply(self, controls: Controls, share: Amount) -> None:
        """Give the facilities an owner of their own."""
        self._join(controls, share, whole=False)

    def touches(self, labels: Labels) -> bool:
        """Whether at least two of them sell anything."""
        sold = {facility for (_, facility), tonnes in labels.output.items() if tonnes > 0}
        return len(sold & set(self.facilities)) >= 2


INSTRUMENT = JointVenture
