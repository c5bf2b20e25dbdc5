"""The small world with magnets in use: a recycler of dysprosium in Japan, new ones elsewhere; runs of it."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

from sim.engine import Simulation
from sim.engine.scrap import GoodsInUse
from sim.instruments import instrument_class
from sim.tables import read_table
from sim.world.load import load_world
from sim.world.scrap import Chosen, add_scrap
from sim.world.world import World
from tests.engine_events import PlainScenario
from tests.small_world import GOODS, small_sketch
from tests.world_sketch import write_rows

RECYCLER, TODAY = "mine_recycled", 4.0
"""Who recovers dysprosium in the base year, and t/year of it."""
SCRAP = {
    "content": "", "recovery": "0.9", "collected_now": "0.1", "collected_low": "0.05",
    "collected_high": "0.5", "collected_most": "0.8", "past_growth": "0.05", "least_share": "0.03",
}  # fmt: skip
LIVES = {"ev": "10", "wind": "20"}


def chosen(**terms: str) -> Chosen:
    """Two oxides are recovered of magnets, on these terms."""
    oxides = "dysprosium_oxide", "ndpr_oxide"
    rows = [{"good": "magnet", "recovered": good, **SCRAP, **terms} for good in oxides]
    lives = [{"sector": sector, "mineral": "", "years": years, "past_growth": ""}
             for sector, years in LIVES.items()]  # fmt: skip
    return Chosen(rows, lives, [{"facility": RECYCLER, "good": "dysprosium_oxide"}])


def add_tables(folder: Path, **terms: str) -> Path:
    """Add goods in use and recyclers to the tables of a world that was written."""
    year = folder / "2024"
    read = {name: read_table(year / f"{name}.csv").dictionaries()
            for name in ("facilities", "outputs", "inputs")}  # fmt: skip
    made = add_scrap(chosen(**terms), read, {good: sketch.mineral for good, sketch in GOODS.items()})
    for name in ("facilities", "outputs"):
        rows: list[dict[str, Any]] = [dict(row) for row in read[name]]
        write_rows(year / f"{name}.csv", rows)
    for name, table in made.items():
        write_rows(year / name, [dict(row) for row in table])
    return folder


def scrap_world(folder: Path, **terms: str) -> World:
    """The world; ``terms`` change columns of the table of scrap."""
    sketch = small_sketch()
    sketch.country[RECYCLER] = "JPN"
    sketch.flow("dysprosium_oxide", RECYCLER, "magnet_japan", TODAY)
    return load_world(2024, add_tables(sketch.write(folder), **terms))


def policy(**fields: Any) -> Any:
    start = {"from": dt.date(2024, 7, 1)}
    return instrument_class("recycling_policy").model_validate(
        {"id": "policy", "type": "recycling_policy", "by": ["world"], **start, **fields}
    )


def simulation(
    world: World, *events: Any, members: Any = 2, years: int = 3, step: str = "month", **assumptions: float
) -> Simulation:
    end = dt.date(2023 + years, 12, 31)
    scenario: Any = PlainScenario(events=events, end=end, step=step, assumptions=assumptions)
    return Simulation(world, scenario, members=members, seed=7)


def goods_in_use(run: Simulation) -> GoodsInUse:
    (found,) = (process for process in run.actors.processes if isinstance(process, GoodsInUse))
    return found
