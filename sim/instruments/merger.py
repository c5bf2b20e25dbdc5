"""``merger``: two or more firms set their prices together."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.deal import Deal, Owners
from sim.instruments.words import Firms, WordError
from sim.units import Amount
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray, World

__all__ = ["INSTRUMENT", "Merger"]


class Merger(Deal):
    """Joins the facilities of the firms under one pricing owner; all sellers then set their prices anew.

    Nothing physical changes but for what ``synergies``, ``withdrawal`` and ``integration_loss`` say. A bid is
    a merger with ``announced``, a ``probability`` and the day on which it is ``decided`` or ``withdrawn``:
    until then expectations carry it by its probability. In force for part of a step it counts by that part.
    Without ``from`` it holds throughout the run.
    """

    type: Literal["merger"] = "merger"
    firms: Annotated[
        Firms | None, Field(description="firms that merge", examples=["[BHP, Anglo American]"])
    ] = None
    owners: Owners = None

    def model_post_init(self, context: object, /) -> None:
        """A firm cannot merge with itself."""
        if len(set(self.firms or ())) < 2 and self.owners is None:
            raise WordError("a merger needs at least two different firms", "write for example [BHP, Vale]")
        super().model_post_init(context)

    def clause(self) -> str:
        """Which firms merge, on which terms."""
        return f"{self.who(self.firms, self.owners)} set their prices as one firm{self.terms()}"

    def parties(self, world: World) -> BoolArray:
        """(F,) facilities of the firms."""
        return self._named(world, self.firms or (), self.owners or ())

    def apply(self, controls: Controls, share: Amount) -> None:
        """Give every facility of the firms one owner."""
        self._join(controls, share)

    def touches(self, labels: Labels) -> bool:
        """Whether at least two of the firms sell anything."""
        return len(self.sellers(labels, self.firms, self.owners)) >= 2


INSTRUMENT = Merger
