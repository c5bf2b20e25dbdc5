"""``substitution_push``: products are redesigned to need less of a good."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field

from sim.instruments.dated import climbed, climbing
from sim.instruments.measures import UserMeasure
from sim.instruments.words import quantity, select_goods
from sim.units import Amount, Quantity
from sim.world.labels import Labels

if TYPE_CHECKING:
    from sim.controls import Controls
    from sim.world.world import BoolArray

__all__ = ["INSTRUMENT", "SubstitutionPush"]


class SubstitutionPush(UserMeasure):
    """Redesign: products need ``share`` less of a good for the same, in a straight line over ``ramp``.

    End users change, and, unless ``sectors`` names some, plants that combine several inputs (less
    dysprosium in a magnet). A plant with one input only changes its form and cannot. It adds to the
    thrift that high prices cause.
    """

    type: Literal["substitution_push"] = "substitution_push"
    share: Annotated[
        Quantity,
        quantity("share", 0.0, 0.99, "a share from 0 % to 99 %"),
        Field(description="share of the need that goes", examples=["20 %"]),
    ]
    ramp: Annotated[
        Quantity,
        quantity("duration", 0.0, 50.0, "a time of 0 to 50 years"),
        Field(description="time until all of it is reached", examples=["5 years"]),
    ]

    def clause(self) -> str:
        """Whose need for what falls by how much, in which time."""
        return f"{self.need()} falls by redesign, {self.share} over {self.ramp}"

    def phase(self, step_start: dt.date, step_end: dt.date) -> object:
        """The change goes on until all of it is reached."""
        return super().phase(step_start, step_end), climbing(self.ramp, self.from_, self.until, step_start)

    def needs(self, controls: Controls) -> BoolArray:
        """(N,) needs of manufacturers, and of plants with several inputs."""
        import numpy as np

        world, mask = controls.world, super().needs(controls)
        if self.sectors is not None:
            return mask
        inputs = np.bincount(world.need_facility, minlength=len(world.facilities))
        plant = np.array([kind == "processor" for kind in world.facility_kind]) & (inputs > 1)
        chosen = np.isin(world.need_good, self.good_indices(world, self.goods, self.stages))
        chosen &= self.country_mask(world, self.countries)[world.need_country]
        return mask | (chosen & plant[world.need_facility])

    def apply(self, controls: Controls, share: Amount) -> None:
        """Lower the need per unit of activity for the share of the step."""
        mask = self.needs(controls)
        part = climbed(self.ramp, self.from_, controls.date, controls.end)
        controls.scale_intensity(mask, 1 - share * self.share.amount * part)
        controls.touched_needs[self.id] = mask

    def touches(self, labels: Labels) -> bool:
        """Whether any such user used such a good."""
        if super().touches(labels) or self.sectors is not None:
            return super().touches(labels)
        goods = {labels.goods[i].id for i in select_goods(labels.goods, self.goods, self.stages or ())}
        codes = {code for word in self.countries for code in labels.group(word)}
        inputs: dict[str, int] = {}
        for _, name in labels.use:
            inputs[name] = inputs.get(name, 0) + 1
        return any(
            tonnes > 0 and good in goods and inputs[name] > 1
            and labels.facilities[name].kind == "processor" and labels.facilities[name].country in codes
            for (good, name), tonnes in labels.use.items()
        )  # fmt: skip


INSTRUMENT = SubstitutionPush
