"""Step 9: the record of a single run, every variable of every facility, and the labels that it carries."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.agents.firms import OwnerConcentration
from sim.agents.origins import Origins
from sim.arrays import Groups
from sim.engine.borders import TradeBook
from sim.engine.flow_book import FlowBook
from sim.engine.labels import base_labels
from sim.engine.ledger import Ledger
from sim.engine.price_index import DeliveredPrices
from sim.engine.recording import Recording
from sim.engine.result import StepResult
from sim.engine.run import Run
from sim.instruments.base import event_row
from sim.instruments.process import Process
from sim.variables import VARIABLES

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Recorder"]

QUANTILES = (0.05, 0.5, 0.95)
BY_STEP = (
    "observe", "clearing", "ledger", "origins", "stockpiles", "projects", "hosts", "promotions",
    "scrap",
)  # fmt: skip
"""Writers whose variables are filled step by step here; the others keep their own."""


class Recorder(Recording):
    """Collects one row per step; :meth:`dataset` labels it all.

    Args:
        case: the run. families: tracers of origins.
        processes: what events remember, some of which is recorded.
    """

    def __init__(self, case: Run, families: Sequence[Origins], processes: Sequence[Process]) -> None:
        self._case = case
        countries = len(case.world.countries)
        benchmark, thin = case.prepared.benchmark, case.prepared.behaviour["least_trade_quoted"]
        self._delivered = DeliveredPrices(case.world, benchmark.flow, case.prepared.step_years, thin)
        self._importers = Groups(case.world.need_country)
        self._flows, self._concentration = FlowBook(case), OwnerConcentration(case.world)
        self.ledger = Ledger(case, self._flows.links)
        self._trade = TradeBook(case)
        self._years = np.array([date.year for date in case.dates[:-1]])
        self._steps = 0
        # Purchases by origin: one column per family, good, importer and country of origin.
        self._origin_groups = []
        self._origin_columns: list[tuple[int, int, int]] = []
        for family in families:
            needs = family.needs
            groups = Groups(case.world.need_good[needs] * countries + case.world.need_country[needs])
            self._origin_groups.append(groups)
            for key in groups.keys.tolist():
                self._origin_columns += [(*divmod(key, countries), origin) for origin in family.countries]
        self._labels = {name: label for process in processes for name, label in process.labels().items()}
        self._kept = self._room()

    def _room(self) -> dict[str, npt.NDArray[Any]]:
        """Arrays for what is kept of every step, by variable; an axis without labels has none."""
        case, world = self._case, self._case.world
        sizes = {
            "good": len(world.goods), "offer": len(world.offer_good), "need": len(world.need_good),
            "importer": len(world.countries), "facility": len(world.facilities), "event": len(case.events),
            "origin_link": len(self._origin_columns),
        }  # fmt: skip
        sizes |= {axis: len(labels) for axis, labels in self._labels.values()}
        kept: dict[str, npt.NDArray[Any]] = {}
        for name, variable in VARIABLES.items():
            if not variable.in_run or "time" not in variable.axes or variable.writer not in BY_STEP:
                continue
            axes = variable.axes[2:]
            if all(sizes.get(axis) or axis == "event" for axis in axes):
                shape = case.prepared.members, case.steps - case.first, *(sizes[axis] for axis in axes)
                # Zeros, which take no memory before they are written.
                kept[name] = np.zeros(shape, dtype=variable.dtype)
        return kept

    def record(self, result: StepResult) -> None:
        """Write the step that has just ended."""
        case, clearing = self._case, result.clearing
        t, observer = result.time - case.first, case.observer
        self._book_flows(result)
        rows = {
            **result.prices.rows(), "rent": observer.rents(result),
            "hhi_owners": self._concentration.of(
                result.controls.markup_owner, clearing.sales, case.prepared.fringe
            ),
            "production": result.output, "sales": clearing.sales, "seller_stock": result.seller_stock,
            "discarded": result.discarded, "requirement": result.required, "consumption": result.consumed,
            "shortfall": result.shortfall, "purchases": result.purchases, "buyer_stock": result.buyer_stock,
            "certificate_residual": clearing.residual, "certificate_gap": clearing.gap,
            "certified": clearing.certified, **self.ledger.columns, **result.booked,
        }  # fmt: skip
        for name, row in rows.items():
            self._kept[name][:, t] = row
        self._kept["value_added_at_risk"][:, t, observer.users.keys] = observer.value_added_at_risk(result)
        self._book_payments(result, t)
        self._book_origins(result, t)
        self._trade.book(result)
        self._steps = t + 1

    def _book_payments(self, result: StepResult, t: int) -> None:
        world, clearing = self._case.world, result.clearing
        good, importer = np.divmod(self._delivered.pairs, len(world.countries))
        price = self._kept["price_delivered"][:, t]
        price[:] = np.nan
        price[:, good, importer] = self._delivered.of(result.market, clearing)
        duty = clearing.to_buyers(result.market.duty, clearing.price, include_rent=True)
        duty = self._importers.sums(duty * world.base_price[world.need_good])
        self._kept["tariff_revenue"][:, t, self._importers.keys] = duty

    def _book_origins(self, result: StepResult, t: int) -> None:
        first = 0
        for shipped, groups in zip(result.bought_by_origin, self._origin_groups, strict=True):
            members, needs, origins = shipped.shape
            by_need = np.swapaxes(shipped, 1, 2).reshape(members * origins, needs)
            sums = groups.sums(by_need).reshape(members, origins, -1)
            width = origins * sums.shape[2]
            columns = np.swapaxes(sums, 1, 2).reshape(members, -1)
            self._kept["origin_purchases"][:, t, first : first + width] = columns
            first += width

    def _book_flows(self, result: StepResult) -> None:
        """Add the step's flows, closing sums where policy or the year changes; book the events on them."""
        time, case = result.time, self._case
        new_year = time > case.first and self._years[time] != self._years[time - 1]
        changed = self.ledger.set_policy(result.controls, result.shares)
        # Where policy changes at other times in other members, sums are closed at every step: their last bit
        # must not depend on who shares the batch.
        if changed or new_year or case.differing:
            self._close_segment()
        if new_year:
            self._flows.close_year()
        if self._flows.empty:
            self.ledger.open_segment()
        self._flows.add(result.clearing)
        self.ledger.book(result)

    def _close_segment(self) -> None:
        closed = self._flows.close_segment()
        if closed is not None:
            self.ledger.close_segment(*closed)

    def dataset(self) -> xr.Dataset:
        """All results, labelled, with units (``docs/results.md``)."""
        import xarray as xr

        case, world = self._case, self._case.world
        codes, goods = np.array(world.countries), np.array([item.id for item in world.goods])
        self._kept["price_delivered"][:, self._steps :] = np.nan
        variables: dict[str, Any] = {
            name: (VARIABLES[name].axes, values, VARIABLES[name].attributes)
            for name, values in self._kept.items()
        }
        variables |= self._trade.variables()
        drawn = case.draws.values
        if drawn:
            table = np.stack(list(drawn.values()), axis=1)
            variables["drawn"] = VARIABLES["drawn"].axes, table, VARIABLES["drawn"].attributes
        coordinates = {
            **base_labels(case),
            **({"draw": np.array(list(drawn))} if drawn else {}),
            **self._trade.labels(codes, goods),
            **self._add_ledger(variables, codes, goods),
            **{name: (axis, np.array(labels)) for name, (axis, labels) in self._labels.items()},
            **self._origin_labels(codes, goods),
            **self._add_flow(variables, codes, goods),
        }
        return xr.Dataset(variables, coords=coordinates, attrs=_attributes(case))

    def _add_flow(
        self, variables: dict[str, Any], codes: npt.NDArray[np.str_], goods: npt.NDArray[np.str_]
    ) -> dict[str, Any]:
        """Trade by calendar year, added to the variables; its labels."""
        self._close_segment()
        links, totals = self._flows.links.keys, np.stack(self._flows.so_far())
        quantiles = np.quantile(totals, QUANTILES, axis=1).astype(np.float32)
        moved = quantiles.max(axis=(0, 1)) > 0
        flow = VARIABLES["flow"]
        variables["flow"] = flow.axes, quantiles[:, :, moved], flow.attributes
        good, pair = np.divmod(links[moved], len(codes) ** 2)
        exporter, importer = np.divmod(pair, len(codes))
        first = self._case.first
        return {
            "year": np.unique(self._years[first : first + self._steps]),
            "quantile": list(QUANTILES),
            "link_good": ("link", goods[good]),
            "link_exporter": ("link", codes[exporter]),
            "link_importer": ("link", codes[importer]),
        }

    def _add_ledger(
        self, variables: dict[str, Any], codes: npt.NDArray[np.str_], goods: npt.NDArray[np.str_]
    ) -> dict[str, Any]:
        """The ledger by event and link, added to the variables; its labels."""
        self._close_segment()
        agents = VARIABLES["event_agents"]
        variables["event_agents"] = agents.axes, self.ledger.agents, agents.attributes
        event, link, tonnes, base = self.ledger.table()
        ids = np.array([item.id for item in self._case.events], dtype=str)
        reached = [(ids[e], s, row) for (e, s), rows in self.ledger.reached.items() for row in sorted(rows)]
        columns = list(zip(*sorted(reached), strict=True))
        labels = {
            f"reached_{name}": ("reached", np.array(column))
            for name, column in zip(("event", "side", "row"), columns, strict=False)
        }
        if not len(event):
            return labels
        for name, values in (("ledger_tonnes", tonnes), ("ledger_base", base)):
            variables[name] = VARIABLES[name].axes, values.astype(np.float32), VARIABLES[name].attributes
        good, pair = np.divmod(link, len(codes) ** 2)
        exporter, importer = np.divmod(pair, len(codes))
        return {
            **labels,
            "ledger_event": ("ledger", ids[event]),
            "ledger_good": ("ledger", goods[good]),
            "ledger_exporter": ("ledger", codes[exporter]),
            "ledger_importer": ("ledger", codes[importer]),
        }

    def _origin_labels(
        self, codes: npt.NDArray[np.str_], goods: npt.NDArray[np.str_]
    ) -> dict[str, Any]:
        if not self._origin_columns:
            return {}
        good, importer, origin = np.array(self._origin_columns).T
        return {
            "origin_good": ("origin_link", goods[good]),
            "origin_importer": ("origin_link", codes[importer]),
            "origin_country": ("origin_link", codes[origin]),
        }


def _attributes(case: Run) -> dict[str, Any]:
    scenario = case.scenario
    return {
        "scenario": scenario.name,
        "title": scenario.title,
        "base_year": case.world.base_year,
        "seed": case.seed if isinstance(case.seed, int) else int(case.seed[0]),
        "members": len(case.members),
        "step": scenario.step,
        "engine": case.prepared.engine,
        "compare_to": scenario.compare_to or "",
        "events": json.dumps([event_row(event) for event in scenario.events]),
    }
