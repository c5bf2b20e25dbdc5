"""What a sweep keeps of each member: prices, production, stocks, shortfall by step, flows by year.

Facilities are summed to countries, so that a thousand members of the default world take a few hundred
megabytes and not five thousand; :mod:`sim.variables` says what each variable is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.agents.firms import owner_concentration
from sim.agents.groups import Groups
from sim.analysis.metrics import mean_price, peak_price
from sim.engine.record import Recorder
from sim.market.flows import FlowTotals
from sim.results.grouping import over_run
from sim.variables import VARIABLES

if TYPE_CHECKING:
    from sim.engine.simulation import Simulation

__all__ = ["KEPT", "OUTCOMES", "EveryFlowRecorder", "SweepRecorder", "axis_labels"]

Array = npt.NDArray[Any]


STEP = "time"
KEPT = {name: variable for name, variable in VARIABLES.items() if variable.in_sweep}
"""What a sweep may keep, by name."""
OUTCOMES = tuple(name for name, variable in KEPT.items() if variable.detail == "outcome")


class SweepRecorder(Recorder):
    """Keeps what :data:`KEPT` lists, summed to countries.

    Attributes:
        kept: name -> (M, ...) array.
    """

    every_flow = False
    """Whether to keep the flows of every step, too."""

    def _allocate(self, simulation: Simulation) -> None:
        world = simulation.world
        countries = len(world.countries)
        self.kinds, kind = np.unique(np.array(world.facility_kind, dtype=str), return_inverse=True)
        place = world.offer_good * countries + world.offer_country
        self._offers = Groups(place * len(self.kinds) + kind[world.offer_facility])
        place = world.need_good * countries + world.need_country
        self._needs = Groups(place * len(self.kinds) + kind[world.need_facility])
        flow = np.concatenate([flow.ravel() for flow in simulation.benchmark.flow])
        # What no sourcing weight reaches cannot move in any member.
        self._traded = self._links.sums(flow[None])[0] > 0
        sizes = {
            "good": len(world.goods), "offer": len(self._offers.keys), "need": len(self._needs.keys),
            "facility": len(self._users.keys), "link": int(self._traded.sum()),
        }  # fmt: skip
        self.kept: dict[str, Array] = {}
        for name, variable in KEPT.items():
            if STEP in variable.axes and (self.every_flow or variable.detail != "every_flow"):
                shape = (len(simulation.members), simulation.steps, sizes[variable.axes[-1]])
                self.kept[name] = np.zeros(shape, variable.dtype)

    def record(self, simulation: Simulation) -> None:
        """Write the step that has just ended."""
        t, kept, clearing, state = simulation.time, self.kept, simulation.cleared, simulation.state
        rows = {
            **self.prices(simulation),
            "rent": self.rents(simulation),
            "hhi_owners": owner_concentration(
                simulation.world, simulation.controls.markup_owner, clearing.sales
            ),
            "certified": clearing.certified,
            "production": self._offers.sums(simulation.output),
            "seller_stock": self._offers.sums(state.seller_stock),
            "shortfall": self._needs.sums(simulation.shortfall),
            "requirement": self._needs.sums(simulation.required),
            "buyer_stock": self._needs.sums(state.buyer_stock),
            "value_added_at_risk": self.value_added_at_risk(simulation),
        }
        if self.every_flow:
            step = FlowTotals()
            step.add(clearing)
            rows["flow_step"] = self._by_country(step)
        for name, row in rows.items():
            kept[name][:, t] = row
        self._add_flows(simulation, t)

    def _by_country(self, flows: FlowTotals) -> Array:
        blocks = flows.totals()
        flat = np.concatenate([block.reshape(len(block), -1) for block in blocks], axis=1)
        return self._links.sums(flat)[:, self._traded]

    def latest(self, name: str) -> npt.NDArray[np.float32]:
        """(M, size) row of the step recorded last."""
        row: npt.NDArray[np.float32] = self.kept[name][:, self._simulation.time - 1]
        return row

    def _add_flows(self, simulation: Simulation, t: int) -> None:
        new_year = t > 0 and self._year_of[t] != self._year_of[t - 1]
        # Where policy changes at other times in other members, sums are closed at every step: their last bit
        # must not depend on who shares the batch.
        if new_year or simulation.differing:
            self._close_segment()
        if new_year:
            self._close_year()
        if self._running is None:
            self._running = FlowTotals()
        self._running.add(simulation.cleared)

    def _close_segment(self) -> None:
        if self._running is not None:
            sums = self._by_country(self._running)
            self._year_total = sums if self._year_total is None else self._year_total + sums
            self._running = None

    def finish(self) -> dict[str, Array]:
        """All that is kept, name -> (M, ...)."""
        self._close_year()
        simulation, kept = self._simulation, self.kept
        kept["flow_year"] = np.stack(self._yearly, axis=1).astype(np.float32)
        drawn = simulation.draws.values
        if drawn:
            kept["drawn"] = np.stack(list(drawn.values()), axis=1)
        outside = kept["price_outside"].astype(np.float64)
        kept["peak_price_outside"] = peak_price(outside)
        kept["mean_price_outside"] = mean_price(outside)
        goods = Groups(self._needs.keys // (len(self.kinds) * len(simulation.world.countries)))
        for name, source in (("unmet_tonnes", "shortfall"), ("required_tonnes", "requirement")):
            tonnes = np.zeros((len(outside), len(simulation.world.goods)))
            tonnes[:, goods.keys] = goods.sums(over_run(kept[source], source))
            kept[name] = tonnes
        return kept


class EveryFlowRecorder(SweepRecorder):
    """Keeps the flows of every step, too."""

    every_flow = True


def axis_labels(simulation: Simulation) -> dict[str, tuple[str, Array]]:
    """Coordinate -> (axis, labels) of a simulation's stored variables."""
    world, recorder = simulation.world, simulation.recorder
    assert isinstance(recorder, SweepRecorder)
    codes = np.array(world.countries)
    goods = np.array([item.id for item in world.goods])
    count = len(world.countries)
    sellers, seller_kind = np.divmod(recorder._offers.keys, len(recorder.kinds))
    buyers, buyer_kind = np.divmod(recorder._needs.keys, len(recorder.kinds))
    users = recorder._users.keys
    good, pair = np.divmod(recorder._links.keys[recorder._traded], count**2)
    exporter, importer = np.divmod(pair, count)

    def of(attribute: str) -> Array:
        return np.array([str(getattr(item, attribute)) for item in world.goods])

    return {
        "time": ("time", np.array(simulation.dates[:-1], dtype="datetime64[D]").astype(np.int64)),
        "year": ("year", np.unique(recorder._year_of).astype(np.int64)),
        "good": ("good", goods),
        "good_name": ("good", of("name")),
        "good_mineral": ("good", of("mineral")),
        "good_stage": ("good", of("stage")),
        "good_unit": ("good", of("unit")),
        "good_base_price": ("good", np.asarray(world.base_price, dtype=np.float64)),
        "good_controller": ("good", codes[recorder._controller]),
        "offer_good": ("offer", goods[sellers // count]),
        "offer_country": ("offer", codes[sellers % count]),
        "offer_kind": ("offer", recorder.kinds[seller_kind]),
        "need_good": ("need", goods[buyers // count]),
        "need_country": ("need", codes[buyers % count]),
        "need_kind": ("need", recorder.kinds[buyer_kind]),
        "facility": ("facility", np.array(world.facilities)[users]),
        "facility_country": ("facility", codes[np.asarray(world.facility_country)[users]]),
        "facility_sector": ("facility", np.array(world.facility_sector)[users]),
        "facility_kind": ("facility", np.array(world.facility_kind)[users]),
        "link_good": ("link", goods[good]),
        "link_exporter": ("link", codes[exporter]),
        "link_importer": ("link", codes[importer]),
        "draw": ("draw", np.array(list(simulation.draws.values), dtype=str)),
    }
