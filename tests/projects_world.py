"""The small world with three projects: a mine, a separator and a magnet plant; and runs of it."""

from __future__ import annotations

import csv
import datetime as dt
from pathlib import Path
from typing import Any

from sim.engine import Simulation
from sim.engine.projects import Projects
from sim.instruments import instrument_class
from sim.world.load import load_world
from sim.world.world import World
from tests.engine_events import PlainScenario
from tests.prepared_world import LATER, world_with_entrants
from tests.scrap_world import add_tables

COLUMNS = (
    "facility", "owner_country", "stage", "dormant", "capex_usd", "permit_years", "build_years", "start",
    "life_years", "know_how", "backed", "risk",
)  # fmt: skip
USUAL = {
    "owner_country": "USA", "stage": "permitted", "dormant": "0", "capex_usd": "", "permit_years": "2",
    "build_years": "1", "start": "", "life_years": "20", "know_how": "1", "backed": "0", "risk": "0.3",
}  # fmt: skip


def project_world(
    folder: Path, cost: float = 10_000.0, copies: int = 0, scrap: bool = False, **rows: dict[str, str]
) -> World:
    """The world; ``mine``, ``separator`` and ``magnet`` change the row of each.

    Args:
        cost: USD/t of the mine's cash cost. copies: further mines like it. scrap: follow goods in use.
    """
    world_with_entrants(folder)
    outputs = folder / "2024" / "outputs.csv"
    text = outputs.read_text(encoding="utf-8").replace("26000", f"{cost:g}")
    outputs.write_text(text, encoding="utf-8")
    more = [f"mine_more_{number}" for number in range(copies)]
    for table in ("facilities", "outputs", "composition"):
        path = folder / "2024" / f"{table}.csv"
        lines = path.read_text(encoding="utf-8").splitlines()
        mine = [line for line in lines if line.startswith("mine_later,")]
        lines += [line.replace("mine_later", name) for name in more for line in mine]
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with (folder / "2024" / "projects.csv").open("w", newline="", encoding="utf-8") as handle:
        projects = csv.DictWriter(handle, COLUMNS)
        projects.writeheader()
        for name in (*LATER, *more):
            projects.writerow({"facility": name, **USUAL, **rows.get(name.partition("_")[0], {})})
    countries = folder / "countries.csv"
    rows_of = list(csv.DictReader(countries.read_text(encoding="utf-8").splitlines()))
    with countries.open("w", newline="", encoding="utf-8") as handle:
        columns = list(dict.fromkeys([*rows_of[0], "political_risk"]))
        wider = csv.DictWriter(handle, columns)
        wider.writeheader()
        wider.writerows({**row, "political_risk": "0.3"} for row in rows_of)
    if scrap:
        add_tables(folder)
    return load_world(2024, folder)


def event(kind: str, **fields: Any) -> Any:
    return instrument_class(kind).model_validate({"id": kind, "type": kind, **fields})


def simulation(
    world: World, *events: Any, members: Any = 3, years: int = 6, step: str = "month", **assumptions: float
) -> Simulation:
    end = dt.date(2023 + years, 12, 31)
    scenario: Any = PlainScenario(events=events, end=end, step=step, assumptions=assumptions)
    return Simulation(world, scenario, members=members, seed=7)


def projects_of(run: Simulation) -> Projects:
    (found,) = (process for process in run.actors.processes if isinstance(process, Projects))
    return found
