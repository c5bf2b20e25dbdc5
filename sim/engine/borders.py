"""What crosses borders in each step, by good and country: tonnes out, tonnes in, and what those cost."""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.arrays import FloatArray, Saved
from sim.engine.markets import PolicyMarket
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.market.clearing import Clearing
from sim.variables import written_by

__all__ = ["Border", "TradeBook", "UnderWay", "history_of"]

LATE = ("imports", "import_value")
"""Variables that are booked on arrival."""


class Border:
    """What a step's sales send over borders to each importer of a good, by what it is counted in."""

    def __init__(self, case: Run) -> None:
        self._case, observer = case, case.observer
        self.inbound, self.abroad = observer.importers, observer.abroad
        self._kept: list[tuple[PolicyMarket, list[FloatArray]]] = []

    def _value_weight(self, market: PolicyMarket) -> list[FloatArray]:
        """Per good the CIF value of what crosses a border; made once for each policy, as clearings keep
        weights by identity."""
        for known, weights in self._kept:
            if known is market:
                return weights
        made = [cif * far for cif, far in zip(market.cif, self.abroad, strict=True)]
        lags = len(self._case.prepared.benchmark.lag_weight)
        self._kept = [*self._kept, (market, made)][-lags:]
        return made

    def imports(self, market: PolicyMarket, clearing: Clearing) -> dict[str, FloatArray]:
        """Variable -> (M, inbound) bought abroad: tonnes, and USD with freight."""
        landed = clearing.to_buyers(self._value_weight(market), clearing.price, include_rent=True)
        price = self._case.world.base_price[self._case.world.need_good]
        return {
            "imports": self.inbound.sums(clearing.to_buyers(self.abroad)),
            "import_value": self.inbound.sums(landed * price),
        }

    def usual(self, name: str) -> FloatArray:
        """(L, inbound) base-year arrivals per step, by the steps that they took."""
        world, benchmark = self._case.world, self._case.prepared.benchmark
        by_lag = []
        for weights in benchmark.lag_weight:
            per_need = []
            for g, flow in enumerate(benchmark.flow):
                worth = (1 + world.freight_share[g]) * world.goods[g].base_price
                worth = worth if name == "import_value" else np.ones_like(worth)
                per_need.append((flow * self.abroad[g] * weights[g] * worth).sum(0))
            by_lag.append(np.concatenate(per_need))
        return self.inbound.sums(np.stack(by_lag)) * self._case.prepared.step_years

    def before(self, name: str, total: FloatArray, lags: int) -> FloatArray:
        """(M, lags, inbound) bought abroad in the steps before the first: as noted, or as in the base year.

        Args:
            total: (inbound,) of a base-year step.
        """
        past = np.broadcast_to(total, (self._case.prepared.members, lags, len(total)))
        known = self._case.history.get(name)
        return past if known is None else np.concatenate([past, known], axis=1)[:, known.shape[1] :]


def history_of(case: Run, saved: Saved, lags: int) -> dict[str, FloatArray]:
    """What :meth:`UnderWay.history` gave in a run with so many lags, for a run that goes on from there.

    Raises:
        MonaziteError: an array is missing or does not fit.
    """
    like = np.zeros((case.prepared.members, lags - 1, len(case.observer.importers.keys)))
    return {name: saved.take(name, like) for name in LATE}


class UnderWay:
    """The last steps, as far as what they sent over borders may still be under way.

    Imports are booked on arrival, so a record that begins in the middle of a run needs them. They are summed
    only when asked for.
    """

    def __init__(self, case: Run) -> None:
        self._border = Border(case)
        lags = len(case.prepared.benchmark.lag_weight) - 1
        self._last: deque[tuple[PolicyMarket, Clearing]] = deque(maxlen=lags)

    def note(self, result: StepResult) -> None:
        """Remember the step that has just ended."""
        self._last.append((result.market, result.clearing))

    def history(self) -> dict[str, FloatArray]:
        """Variable -> (M, L - 1, inbound) bought abroad in the last steps, oldest first."""
        border, lags = self._border, self._last.maxlen or 0
        sent = [border.imports(*step) for step in self._last]
        found = {}
        for name in LATE:
            past = border.before(name, border.usual(name).sum(0), lags)
            rows = [past, *(step[name][:, None] for step in sent)]
            found[name] = np.concatenate(rows, axis=1)[:, len(sent) :]
        return found


class TradeBook:
    """Exports as they are sold, imports as they arrive."""

    def __init__(self, case: Run) -> None:
        self._case, self._border = case, Border(case)
        self._outbound, self._inbound = case.observer.exporters, self._border.inbound
        shape = case.prepared.members, case.steps - case.first
        sizes = {"outbound": len(self._outbound.keys), "inbound": len(self._inbound.keys)}
        self._kept = {
            name: np.zeros((*shape, sizes[variable.axes[-1]]))
            for name, variable in written_by("borders").items()
        }

    def book(self, result: StepResult) -> None:
        """Write the step that has just ended."""
        t = result.time - self._case.first
        self._kept["exports"][:, t] = self._case.observer.exports(result.clearing)
        for name, sums in self._border.imports(result.market, result.clearing).items():
            self._kept[name][:, t] = sums

    def _on_arrival(self, name: str) -> FloatArray:
        """(M, T, inbound) booked on arrival rather than when sold.

        Every country keeps its base-year mix of sailing times.
        """
        usual = self._border.usual(name)
        total, lags = usual.sum(0), len(usual) - 1
        mix = np.divide(usual, total, out=np.zeros_like(usual), where=total > 0)
        mix[0, total == 0] = 1.0
        sold = np.concatenate([self._border.before(name, total, lags), self._kept[name]], axis=1)
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
