"""Play a country: override one decision of China and see what the world makes of it.

China's firms decide how much ionic clay to mine. Here the state steps in: whenever dysprosium oxide
sells below its base price, it lets the mines of ionic clay run at eight tenths only. Run with

    python examples/play_a_country.py
"""

from __future__ import annotations

import numpy as np

import sim
from sim.model import Country, MonaziteModel
from sim.world.world import FloatArray

MONTHS = 36
CLAY, OXIDE = "ree_concentrate_ionic_clay", "dysprosium_oxide"


class QuotaState(Country):
    """A state that cuts its clay mines while the oxide is cheap."""

    def decide_output(self, member: int, planned: FloatArray) -> FloatArray:
        """Called once per member and step with what this country's facilities plan to make, tonnes."""
        limited = planned.copy()
        oxide = self.offers_of(OXIDE)
        cheap = self.model.simulation.state.gate_price[member, oxide].mean() < 1.1
        if cheap:
            limited[np.isin(self.offer_positions, self.offers_of(CLAY))] *= 0.8
        return limited


def main() -> dict[str, float]:
    """Run both worlds side by side and return the price ratio at the end, central member."""
    world, scenario = sim.load_world(2024), sim.load("baseline-2024")
    left_alone = MonaziteModel(world, scenario, members=3)
    played = MonaziteModel(world, scenario, members=3, agent_classes={"CHN": QuotaState})
    for _ in range(MONTHS):
        left_alone.step()
        played.step()
    ratio = {good: played.price(good) / left_alone.price(good) for good in (CLAY, OXIDE, "yttrium_oxide")}
    for good, value in ratio.items():
        print(f"{good}: {value:.2f} times the price of the world left alone after {MONTHS} months")
    return ratio


if __name__ == "__main__":
    main()
