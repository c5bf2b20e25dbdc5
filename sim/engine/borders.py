"""What crosses borders in each step, by good and country: tonnes out, tonnes in, and what those cost."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.agents.groups import Groups
from sim.world.world import FloatArray

if TYPE_CHECKING:
    from sim.engine.policy import PolicyMarket
    from sim.engine.simulation import Simulation

__all__ = ["TradeBook"]

DESCRIBED = {
    "exports": ("outbound", "t per step", "tonnes sold abroad, by good and country"),
    "imports": ("inbound", "t per step", "tonnes that arrive from abroad, by good and country"),
    "import_value": ("inbound", "USD per step", "CIF value of what arrives from abroad, rent included"),
}


class TradeBook:
    """Exports as they are sold, imports as they arrive."""

    def __init__(self, simulation: Simulation) -> None:
        world = simulation.world
        self._simulation = simulation
        countries = len(world.countries)
        self._outbound = Groups(world.offer_good * countries + world.offer_country)
        self._inbound = Groups(world.need_good * countries + world.need_country)
        self._abroad = []
        for g in range(len(world.goods)):
            origin, destination = world.link_countries(g)
            self._abroad.append((origin[:, None] != destination).astype(float))
        shape = len(simulation.members), simulation.steps
        sizes = {"outbound": len(self._outbound.keys), "inbound": len(self._inbound.keys)}
        self._kept = {name: np.zeros((*shape, sizes[axis])) for name, (axis, _, _) in DESCRIBED.items()}
        self._valued: PolicyMarket | None = None
        self._value_weight: list[FloatArray] = []

    def book(self, simulation: Simulation) -> None:
        """Write the step that has just ended."""
        clearing, market, t = simulation.cleared, simulation.market, simulation.time
        if market is not self._valued:
            # Weights are kept by identity, so they are made once for each policy.
            self._valued = market
            self._value_weight = [cif * far for cif, far in zip(market.cif, self._abroad, strict=True)]
        self._kept["exports"][:, t] = self._outbound.sums(clearing.to_sellers(self._abroad))
        self._kept["imports"][:, t] = self._inbound.sums(clearing.to_buyers(self._abroad))
        landed = clearing.to_buyers(self._value_weight, clearing.price, include_rent=True)
        price = simulation.world.base_price[simulation.world.need_good]
        self._kept["import_value"][:, t] = self._inbound.sums(landed * price)

    def _on_arrival(self, name: str) -> FloatArray:
        """(M, T, inbound) booked on arrival rather than when sold.

        Every country keeps its base-year mix of sailing times; before the run, it bought as in the base
        year.
        """
        world, benchmark = self._simulation.world, self._simulation.benchmark
        by_lag = []
        for weights in benchmark.lag_weight:
            per_need = []
            for g, flow in enumerate(benchmark.flow):
                worth = (1 + world.freight_share[g]) * world.goods[g].base_price
                worth = worth if name == "import_value" else np.ones_like(worth)
                per_need.append((flow * self._abroad[g] * weights[g] * worth).sum(0))
            by_lag.append(np.concatenate(per_need))
        usual = self._inbound.sums(np.stack(by_lag)) * self._simulation.step_years
        total = usual.sum(0)
        mix = np.divide(usual, total, out=np.zeros_like(usual), where=total > 0)
        mix[0, total == 0] = 1.0
        sold = self._kept[name]
        arrived = np.zeros_like(sold)
        for lag, share in enumerate(mix):
            arrived[:, lag:] += sold[:, : sold.shape[1] - lag] * share
            arrived[:, :lag] += share * total
        return arrived

    def variables(self) -> dict[str, Any]:
        """Variables for the dataset."""
        made: dict[str, Any] = {}
        for name, (axis, unit, text) in DESCRIBED.items():
            values = self._kept[name] if axis == "outbound" else self._on_arrival(name)
            made[name] = (
                ("member", "time", axis), values.astype(np.float32), {"units": unit, "long_name": text}
            )
        return made

    def labels(self, codes: npt.NDArray[np.str_], goods: npt.NDArray[np.str_]) -> dict[str, Any]:
        """Labels of the two axes: good and country."""
        made: dict[str, Any] = {}
        for axis, groups in (("outbound", self._outbound), ("inbound", self._inbound)):
            good, country = np.divmod(groups.keys, len(codes))
            made[f"{axis}_good"], made[f"{axis}_country"] = (axis, goods[good]), (axis, codes[country])
        return made
