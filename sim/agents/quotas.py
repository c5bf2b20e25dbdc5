"""What is left of an export quota that is counted: allotted at once, or carried over."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.controls import Cap
from sim.units import Amount
from sim.world.world import FloatArray

__all__ = ["QuotaAccount"]


@dataclass
class QuotaAccount:
    """Tonnes of one quota on one good that may still be exported."""

    left: FloatArray
    """(M,) tonnes."""
    period: str | None = None
    """The last period whose tonnes were allotted."""

    def allot(self, quota: Cap, share: Amount, step_years: float) -> None:
        """Add what this step brings: its part, or all of a period on the period's first step.

        What is left from before counts for its share ``carry_over``.

        Equation (M53), docs/model.md, for ``left_g``.
        """
        if quota.period and quota.period == self.period:
            return
        tonnes = quota.tonnes_per_year * (quota.period_years if quota.period else step_years * share)
        self.left = np.broadcast_to(quota.carry_over * self.left + tonnes, self.left.shape)
        self.period = quota.period

    def allot_part(self, usual: FloatArray, part: Amount) -> None:
        """A share of what mines usually make in a step, (M,) tonnes; what was left of the last one lapses.

        Equation (M155), docs/model.md, for ``left_g``.
        """
        self.left = part * usual

    def use(self, tonnes: FloatArray) -> None:
        """Book exports, (M,) tonnes.

        Equation (M54), docs/model.md, for ``left_g``.
        """
        self.left = np.maximum(self.left - tonnes, 0.0)
