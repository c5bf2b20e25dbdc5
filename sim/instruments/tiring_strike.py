"""``tiring_strike``: a strike whose force fades with the output that it has already cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.base import Instrument
from sim.instruments.measures import MakerMeasure
from sim.instruments.process import Ended, Process, Setting
from sim.instruments.words import quantity
from sim.units import Amount, Quantity

if TYPE_CHECKING:
    from sim.arrays import FloatArray
    from sim.controls import Controls

__all__ = ["INSTRUMENT", "Strikers", "TiringStrike"]

Share = Annotated[Quantity, quantity("share", 0.0, 1.0, "a share from 0 % to 100 %")]
Tonnes = Annotated[Quantity, quantity("mass", 1e-6, None, "more than 0 t")]


class TiringStrike(MakerMeasure):
    """Takes ``loss`` of the output at first; less, the more tonnes below the base year's have been made."""

    type: Literal["tiring_strike"] = "tiring_strike"
    loss: Annotated[Share, Field(description="share of output lost at first", examples=["60 %"])]
    patience: Annotated[
        Tonnes, Field(description="tonnes lost after which half of the force is left", examples=["500 t"])
    ]

    def clause(self) -> str:
        """What is lost, where, and how it fades."""
        return (
            f"a strike takes {self.loss} of the output of {self.output()}, half as much once {self.patience} "
            "are lost"
        )

    def apply(self, controls: Controls, share: Amount) -> None:
        """Say who is concerned; what they lose follows from what they have lost."""
        controls.touched_offers[self.id] = self.offers(controls)

    def alarm(self, controls: Controls) -> None:
        """Severity = the share of a country's output lost at first."""
        self.alarm_buyers(controls, self.loss.amount)

    @classmethod
    def process(cls, events: Sequence[Instrument], setting: Setting) -> Process:
        """What the strikes of a run have cost so far."""
        return Strikers([event for event in events if isinstance(event, TiringStrike)], setting)


class Strikers(Process):
    """All tiring strikes of a run, E in number.

    Attributes:
        lost: (M, E) tonnes lost so far. missing: event id -> (M, O) tonnes in the last step.
    """

    name = "tiring_strike"

    def __init__(self, events: Sequence[TiringStrike], setting: Setting) -> None:
        import numpy as np

        self._events, self._world = events, setting.world
        self._usual = setting.benchmark.normal_output * setting.step_years
        self.lost = np.zeros((setting.members, len(events)))
        self.missing: dict[str, FloatArray] = {}

    def act(self, controls: Controls, shares: Mapping[str, Amount]) -> None:
        """Lower output by what is left of the force."""
        for position, event in enumerate(self._events):
            force = event.loss.amount / (1 + self.lost[:, position] / event.patience.amount)
            controls.scale_output(event.offers(controls), 1 - shares[event.id] * force)

    def after(self, ended: Ended) -> None:
        """Count what fell short of the base year while the strike was on."""
        import numpy as np

        self.lost = self.lost.copy()
        for position, event in enumerate(self._events):
            on = np.asarray(ended.shares[event.id]).reshape(-1, 1) > 0
            struck = on & event.offers(ended.controls)
            missing = np.where(struck, np.maximum(self._usual - ended.output, 0.0), 0.0)
            self.missing[event.id] = missing
            self.lost[:, position] += missing.sum(1)

    def moved(self) -> Mapping[str, FloatArray]:
        """(M, G) tonnes that each strike has cost in the step."""
        from sim.arrays import Groups

        of_good, goods = Groups(self._world.offer_good), len(self._world.goods)
        return {event: -of_good.spread_sums(missing, goods) for event, missing in self.missing.items()}

    def arrays(self) -> dict[str, FloatArray]:
        """What was lost so far, by event."""
        return {event.id: self.lost[:, position] for position, event in enumerate(self._events)}

    def restore(self, arrays: Mapping[str, FloatArray]) -> None:
        """Strikes that were there before go on as tired as they were."""
        self.lost = self.lost.copy()
        for position, event in enumerate(self._events):
            if event.id in arrays:
                self.lost[:, position] = arrays[event.id]


INSTRUMENT = TiringStrike
