"""Export quotas over time: what is left of one that is counted, and who of several goods gets how much."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.controls import Cap
from sim.units import Amount
from sim.world.world import FloatArray

__all__ = ["QuotaAccount", "QuotaPool"]


@dataclass
class QuotaAccount:
    """Tonnes of one quota on one good that may still be exported."""

    left: FloatArray
    """(M,) tonnes."""
    period: str | None = None
    """The last period whose tonnes were allotted."""

    def allot(self, quota: Cap, share: Amount, step_years: float, division: Amount = 1.0) -> None:
        """Add what this step brings: its part, or all of a period on the period's first step.

        What is left from before counts for its share ``carry_over``.

        Args:
            division: what the exporters make of this good's part of a quota over several goods.
        """
        if quota.period and quota.period == self.period:
            return
        tonnes = quota.tonnes_per_year * (quota.period_years if quota.period else step_years * share)
        self.left = np.broadcast_to(quota.carry_over * self.left + division * tonnes, self.left.shape)
        self.period = quota.period

    def use(self, tonnes: FloatArray) -> None:
        """Book exports, (M,) tonnes."""
        self.left = np.maximum(self.left - tonnes, 0.0)


@dataclass
class QuotaPool:
    """How exporters divide one quota between several goods.

    A tonne of quota is worth the price abroad less the price at home, whatever good it lets out; so
    tonnes move to the goods on which they earn most, until all earn the same. Cheap goods then bear the
    largest rent as a share of their price.
    """

    part: FloatArray
    """(M, P) part of the quota that each good has; adds up to 1."""

    def move(self, earned: FloatArray, price: FloatArray, speed: FloatArray, step_years: float) -> None:
        """Shift parts towards what earns more than the average tonne of the quota.

        Args:
            earned: (M, P) rent of a tonne, USD. price: (M, P) price abroad, USD/t.
            speed: (M, 1) log change of a part per year for a gap as large as the price.
        """
        mean = (self.part * earned).sum(1, keepdims=True)
        # Beyond its own price, a larger gap moves nobody faster: cheap goods would give way in one step.
        gap = np.clip((earned - mean) / price, -1.0, 1.0)
        part = self.part * np.exp(speed * step_years * gap)
        self.part = part / part.sum(1, keepdims=True)
