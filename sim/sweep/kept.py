"""What a sweep keeps of each member: prices, production, stocks, shortfall, projects by step, flows by year.

Facilities are summed to countries, so that a thousand members of the default world take a few hundred
megabytes and not five thousand; :mod:`sim.variables` says what each variable is.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.agents.firms import OwnerConcentration
from sim.agents.origins import Origins
from sim.analysis.metrics import mean_price, peak_price
from sim.arrays import Groups
from sim.engine.flow_book import FlowBook
from sim.engine.recording import Recording
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.instruments.process import Process
from sim.market.flows import FlowTotals
from sim.results.grouping import over_run
from sim.sweep.kept_projects import OwnersSales, RunTotals, labels_of
from sim.variables import VARIABLES

if TYPE_CHECKING:
    from sim.engine.simulation import Simulation

__all__ = ["KEPT", "OUTCOMES", "EveryFlowRecorder", "SweepRecorder", "axis_labels"]

Array = npt.NDArray[Any]


STEP = "time"
KEPT = {name: variable for name, variable in VARIABLES.items() if variable.in_sweep}
"""What a sweep may keep, by name."""
OUTCOMES = tuple(name for name, variable in KEPT.items() if variable.detail == "outcome")


class SweepRecorder(Recording):
    """Keeps what :data:`KEPT` lists, summed to countries.

    Attributes:
        kept: name -> (M, ...) array.
    """

    every_flow = False
    """Whether to keep the flows of every step, too."""

    def __init__(self, case: Run, families: Sequence[Origins], processes: Sequence[Process]) -> None:
        world, countries = case.world, len(case.world.countries)
        self._case = case
        self._flows, self._concentration = FlowBook(case), OwnerConcentration(world)
        self._years = np.array([date.year for date in case.dates[:-1]])
        self._kinds, kind = np.unique(np.array(world.facility_kind, dtype=str), return_inverse=True)
        place = world.offer_good * countries + world.offer_country
        self._offers = Groups(place * len(self._kinds) + kind[world.offer_facility])
        place = world.need_good * countries + world.need_country
        self._needs = Groups(place * len(self._kinds) + kind[world.need_facility])
        flow = np.concatenate([flow.ravel() for flow in case.prepared.benchmark.flow])
        # What no sourcing weight reaches cannot move in any member.
        self._traded = self._flows.links.sums(flow[None])[0] > 0
        self._labels = labels_of(processes)
        sizes = {axis: len(words) for axis, words in self._labels.values()}
        sizes |= {
            "good": len(world.goods), "offer": len(self._offers.keys), "need": len(self._needs.keys),
            "facility": len(case.observer.users.keys), "link": int(self._traded.sum()),
        }  # fmt: skip
        self._totals, self._owners = RunTotals(case.prepared.members, sizes), OwnersSales(case)
        self.kept: dict[str, Array] = {}
        for name, variable in KEPT.items():
            wanted = self.every_flow or variable.detail != "every_flow"
            if wanted and STEP in variable.axes and sizes.get(variable.axes[-1]):
                shape = (case.prepared.members, case.steps - case.first, sizes[variable.axes[-1]])
                self.kept[name] = np.zeros(shape, variable.dtype)

    def record(self, result: StepResult) -> None:
        """Write the step that has just ended."""
        case, clearing = self._case, result.clearing
        time = result.time
        rows = {
            **result.prices.rows(),
            "rent": case.observer.rents(result),
            "hhi_owners": self._concentration.of(
                result.controls.markup_owner, clearing.sales, case.prepared.fringe
            ),
            "certified": clearing.certified,
            "production": self._offers.sums(result.output),
            "seller_stock": self._offers.sums(result.seller_stock),
            "shortfall": self._needs.sums(result.shortfall),
            "requirement": self._needs.sums(result.required),
            "buyer_stock": self._needs.sums(result.buyer_stock),
            "value_added_at_risk": case.observer.value_added_at_risk(result),
        }
        rows |= {name: row for name, row in result.booked.items() if name in self.kept}
        if self.every_flow:
            step = FlowTotals()
            step.add(clearing)
            rows["flow_step"] = self._flows.sums(step)[:, self._traded]
        for name, row in rows.items():
            self.kept[name][:, time - case.first] = row
        new_year = time > case.first and self._years[time] != self._years[time - 1]
        # Where policy changes at other times in other members, sums are closed at every step: their last bit
        # must not depend on who shares the batch.
        if new_year or case.differing:
            self._flows.close_segment()
        if new_year:
            self._flows.close_year()
            self._owners.close_year()
        self._flows.add(clearing)
        self._owners.add(clearing.sales)
        self._totals.add(result.booked)

    def finish(self) -> dict[str, Array]:
        """All that is kept, name -> (M, ...)."""
        self._flows.close_segment()
        case, kept = self._case, self.kept
        yearly = [sums[:, self._traded] for sums in self._flows.so_far()]
        kept["flow_year"] = np.stack(yearly, axis=1).astype(np.float32)
        kept["sales_year"] = self._owners.by_year()
        kept |= {name: total.astype(np.float32) for name, total in self._totals.kept.items()}
        drawn = case.draws.values
        if drawn:
            kept["drawn"] = np.stack(list(drawn.values()), axis=1)
        outside = kept["price_outside"].astype(np.float64)
        kept["peak_price_outside"] = peak_price(outside)
        kept["mean_price_outside"] = mean_price(outside)
        goods = Groups(self._needs.keys // (len(self._kinds) * len(case.world.countries)))
        for name, source in (("unmet_tonnes", "shortfall"), ("required_tonnes", "requirement")):
            kept[name] = goods.spread_sums(over_run(kept[source], source), len(case.world.goods))
        return kept

    def labels(self) -> dict[str, tuple[str, Array]]:
        """Coordinate -> (axis, labels) of what is kept."""
        case, world = self._case, self._case.world
        codes = np.array(world.countries)
        goods = np.array([item.id for item in world.goods])
        count = len(world.countries)
        sellers, seller_kind = np.divmod(self._offers.keys, len(self._kinds))
        buyers, buyer_kind = np.divmod(self._needs.keys, len(self._kinds))
        users = case.observer.users.keys
        good, pair = np.divmod(self._flows.links.keys[self._traded], count**2)
        exporter, importer = np.divmod(pair, count)

        def of(attribute: str) -> Array:
            return np.array([str(getattr(item, attribute)) for item in world.goods])

        dates = np.array(case.dates[case.first : -1], dtype="datetime64[D]")
        return {
            "time": ("time", dates.astype(np.int64)),
            "year": ("year", np.unique(self._years[case.first :]).astype(np.int64)),
            "good": ("good", goods),
            "good_name": ("good", of("name")),
            "good_mineral": ("good", of("mineral")),
            "good_stage": ("good", of("stage")),
            "good_unit": ("good", of("unit")),
            "good_base_price": ("good", np.asarray(world.base_price, dtype=np.float64)),
            "good_controller": ("good", codes[case.observer.controller]),
            "offer_good": ("offer", goods[sellers // count]),
            "offer_country": ("offer", codes[sellers % count]),
            "offer_kind": ("offer", self._kinds[seller_kind]),
            "need_good": ("need", goods[buyers // count]),
            "need_country": ("need", codes[buyers % count]),
            "need_kind": ("need", self._kinds[buyer_kind]),
            "facility": ("facility", np.array(world.facilities)[users]),
            "facility_country": ("facility", codes[np.asarray(world.facility_country)[users]]),
            "facility_sector": ("facility", np.array(world.facility_sector)[users]),
            "facility_kind": ("facility", np.array(world.facility_kind)[users]),
            "link_good": ("link", goods[good]),
            "link_exporter": ("link", codes[exporter]),
            "link_importer": ("link", codes[importer]),
            "draw": ("draw", np.array(list(case.draws.values), dtype=str)),
            **self._owners.labels(), **self._labels,
        }  # fmt: skip


class EveryFlowRecorder(SweepRecorder):
    """Keeps the flows of every step, too."""

    every_flow = True


def axis_labels(simulation: Simulation) -> dict[str, tuple[str, Array]]:
    """Coordinate -> (axis, labels) of a simulation's stored variables."""
    assert isinstance(simulation.recorder, SweepRecorder)
    return simulation.recorder.labels()
