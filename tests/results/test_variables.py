"""The table of variables says of each variable what results say, and lists nothing that is never written."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from scripts import results_tables
from sim.instruments import Instrument
from sim.sweep.kept import EveryFlowRecorder
from sim.variables import DETAILS, OVER_AGENTS, OVER_MEMBERS, OVER_TIME, VARIABLES, Variable, written_by
from sim.world.world import World
from tests.engine.test_origins import everything
from tests.engine.test_rules import LICENCE, event, rule, simulation
from tests.projects_world import event as project_event
from tests.projects_world import project_world
from tests.projects_world import simulation as with_projects


def _events() -> list[Instrument]:
    """A stockpile, a licence, a rule on resale and a government that reacts: all that adds variables."""
    return [
        everything(content=True),
        event(
            "pile", "stockpile", by="JPN", goods=["dysprosium_oxide", "magnet"], size="2 months",
            rate="500 t/year", release_above="150 %",
        ),
        event("licence", "export_licence", **LICENCE),
        event("tariff", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate="20 %", dormant=True),
        rule({"event": "licence"}, "activate", "tariff", lag="2 months"),
    ]  # fmt: skip


@pytest.fixture(scope="module")
def run(small_world: World) -> xr.Dataset:
    return simulation(small_world, *_events(), members=3).run()


@pytest.fixture(scope="module")
def kept(small_world: World) -> dict[str, np.ndarray]:
    made = simulation(small_world, *_events(), members=3)
    made.recorder = EveryFlowRecorder(made.case, made.actors.families, made.actors.processes)
    while made.time < made.steps:
        made.step()
    return made.recorder.finish()


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> xr.Dataset:
    """A run in a world with projects and scrap, public money, a floor, a host that takes and a rebate."""
    world = project_world(tmp_path_factory.mktemp("projects"), scrap=True)
    money = project_event("investment_finance", projects=["mine_later"], form="grant", share="50 %")
    floor = project_event("price_floor", countries=["USA"], goods=["all"], price="110 %")
    hosts = project_event("host_demands", by="USA", royalty="5 %")
    given = project_event("export_promotion", by="CHN", goods=["magnet"], rate="5 %")
    paid = project_event("recycling_policy", by="JPN", subsidy="1000 USD/t")
    return with_projects(world, money, floor, hosts, given, paid, members=[0, 1], years=1).run()


WITH_PROJECTS = frozenset(
    name for writer in ("projects", "hosts", "promotions", "scrap") for name in written_by(writer)
)
OF_PROJECTS = frozenset(name for name in WITH_PROJECTS if VARIABLES[name].in_run)


def test_a_run_writes_the_variables_of_the_table_and_no_others(run: xr.Dataset, built: xr.Dataset) -> None:
    known = {name for name, variable in VARIABLES.items() if variable.in_run}
    assert set(run.data_vars) == known - OF_PROJECTS
    assert set(built.data_vars) & OF_PROJECTS == OF_PROJECTS
    assert set(built.data_vars) <= known


def test_a_run_states_axes_type_unit_and_meaning_as_the_table_does(
    run: xr.Dataset, built: xr.Dataset
) -> None:
    stated = {n: (v.axes, v.dtype, v.attributes) for n, v in VARIABLES.items() if v.in_run}
    for data in (run, built):
        found = {n: (array.dims, str(array.dtype), dict(array.attrs)) for n, array in data.data_vars.items()}
        assert found == {name: stated[name] for name in found}


def test_a_sweep_keeps_the_variables_of_the_table_and_no_others(kept: dict[str, np.ndarray]) -> None:
    known = {name: variable for name, variable in VARIABLES.items() if variable.in_sweep}
    stated = {name: len(variable.axes) for name, variable in known.items() if name not in WITH_PROJECTS}
    assert {name: values.ndim for name, values in kept.items()} == stated


@pytest.mark.parametrize("variable", VARIABLES.values(), ids=lambda variable: variable.name)
def test_each_row_uses_the_words_of_the_reader(variable: Variable) -> None:
    assert variable.over_time in OVER_TIME
    assert variable.over_agents in OVER_AGENTS
    assert variable.over_members in OVER_MEMBERS
    assert variable.detail in DETAILS
    assert np.dtype(variable.dtype).name == variable.dtype
    assert variable.unit
    assert variable.sentence
    assert re.fullmatch("[a-z_]+", variable.writer)
    steps = "time" in variable.axes or "year" in variable.axes
    assert bool(variable.over_time) == steps


def test_no_variable_stands_twice_in_the_table() -> None:
    lines = (Path(__file__).parents[2] / "sim/results/variables.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == len(VARIABLES) + 1


def test_the_variables_of_a_writer_come_together() -> None:
    assert list(written_by("borders")) == ["exports", "imports", "import_value"]
    with pytest.raises(KeyError):
        written_by("nobody")


def test_the_page_on_results_has_the_tables_of_the_program() -> None:
    text = results_tables.PAGE.read_text(encoding="utf-8")
    made = results_tables.with_tables(results_tables.PAGE, results_tables.tables())
    assert text == made, "run: python -m scripts.results_tables"
    assert text.count("\n| `") >= len(VARIABLES)
