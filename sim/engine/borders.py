"""What crosses borders in each step, by good and country: tonnes out, tonnes in, and what those cost."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.arrays import FloatArray
from sim.engine.markets import PolicyMarket
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.variables import written_by

__all__ = ["TradeBook"]


class TradeBook:
    """Exports as they are sold, imports as they arrive."""

    def __init__(self, case: Run) -> None:
        self._case, observer = case, case.observer
        self._outbound, self._inbound, self._abroad = observer.exporters, observer.importers, observer.abroad
        shape = case.prepared.members, case.steps - case.first
        sizes = {"outbound": len(self._outbound.keys), "inbound": len(self._inbound.keys)}
        self._kept = {
            name: np.zeros((*shape, sizes[variable.axes[-1]]))
            for name, variable in written_by("borders").items()
        }
        self._valued: PolicyMarket | None = None
        self._value_weight: list[FloatArray] = []

    def book(self, result: StepResult) -> None:
        """Write the step that has just ended."""
        clearing, market, t = result.clearing, result.market, result.time - self._case.first
        if market is not self._valued:
            # Weights are kept by identity, so they are made once for each policy.
            self._valued = market
            self._value_weight = [cif * far for cif, far in zip(market.cif, self._abroad, strict=True)]
        self._kept["exports"][:, t] = self._case.observer.exports(clearing)
        self._kept["imports"][:, t] = self._inbound.sums(clearing.to_buyers(self._abroad))
        landed = clearing.to_buyers(self._value_weight, clearing.price, include_rent=True)
        price = self._case.world.base_price[self._case.world.need_good]
        self._kept["import_value"][:, t] = self._inbound.sums(landed * price)

    def _usual(self, name: str) -> FloatArray:
        """(L, inbound) base-year arrivals per step, by the steps that they took."""
        world, benchmark = self._case.world, self._case.prepared.benchmark
        by_lag = []
        for weights in benchmark.lag_weight:
            per_need = []
            for g, flow in enumerate(benchmark.flow):
                worth = (1 + world.freight_share[g]) * world.goods[g].base_price
                worth = worth if name == "import_value" else np.ones_like(worth)
                per_need.append((flow * self._abroad[g] * weights[g] * worth).sum(0))
            by_lag.append(np.concatenate(per_need))
        return self._inbound.sums(np.stack(by_lag)) * self._case.prepared.step_years

    def _with_past(self, name: str, total: FloatArray, lags: int) -> FloatArray:
        """(M, lags + T, inbound) as sold, with the steps before; before the run, as in the base year."""
        sold = self._kept[name]
        past = np.broadcast_to(total, (len(sold), lags, len(total)))
        known = self._case.history.get(name)
        if known is not None and lags:
            past = np.concatenate([past, known], axis=1)[:, -lags:]
        return np.concatenate([past, sold], axis=1)

    def history(self, steps: int) -> dict[str, FloatArray]:
        """Variable -> (M, L - 1, n) as sold in the steps before ``steps`` recorded ones were over."""
        found = {}
        for name in self._kept:
            if name != "exports":
                usual = self._usual(name)
                lags = len(usual) - 1
                found[name] = self._with_past(name, usual.sum(0), lags)[:, steps : steps + lags]
        return found

    def _on_arrival(self, name: str) -> FloatArray:
        """(M, T, inbound) booked on arrival rather than when sold.

        Every country keeps its base-year mix of sailing times.
        """
        usual = self._usual(name)
        total, lags = usual.sum(0), len(usual) - 1
        mix = np.divide(usual, total, out=np.zeros_like(usual), where=total > 0)
        mix[0, total == 0] = 1.0
        sold = self._with_past(name, total, lags)
        steps = sold.shape[1] - lags
        arrived = np.zeros((len(sold), steps, sold.shape[2]))
        for lag, share in enumerate(mix):
            arrived += sold[:, lags - lag : lags - lag + steps] * share
        return arrived

    def variables(self) -> dict[str, Any]:
        """Variables for the dataset."""
        made: dict[str, Any] = {}
        for name, variable in written_by("borders").items():
            values = self._kept[name] if name == "exports" else self._on_arrival(name)
            made[name] = variable.axes, values.astype(np.float32), variable.attributes
        return made

    def labels(self, codes: npt.NDArray[np.str_], goods: npt.NDArray[np.str_]) -> dict[str, Any]:
        """Labels of the two axes: good and country."""
        made: dict[str, Any] = {}
        for axis, groups in (("outbound", self._outbound), ("inbound", self._inbound)):
            good, country = np.divmod(groups.keys, len(codes))
            made[f"{axis}_good"], made[f"{axis}_country"] = (axis, goods[good]), (axis, codes[country])
        return made
