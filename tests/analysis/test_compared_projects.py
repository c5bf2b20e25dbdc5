"""What a comparison says of projects, counted by hand on runs of a small world; and the picture of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.analysis.compared_projects import has_projects, project_facts, project_section, project_sentence
from sim.analysis.comparison import Key
from sim.plots import line_up
from sim.plots.pictures.gantt import draw, measure
from sim.results import Run
from tests.projects_world import event, project_world, simulation

OPERATING, CANCELLED = 3, 6


def named(data: xr.Dataset, name: str) -> xr.Dataset:
    return data.assign_attrs(scenario=name, title=f"Case {name}", compare_to="usual")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[xr.Dataset, xr.Dataset]:
    """A baseline, and the same with a grant and a block."""
    mine = {"stage": "building", "start": "2024.5", "capex_usd": "400000"}
    world = project_world(tmp_path_factory.mktemp("projects"), mine=mine)
    events = (
        event("investment_finance", countries=["USA"], form="grant", share="60 %"),
        event("investment_block", projects=["separator_later"]),
    )
    with pytest.MonkeyPatch.context() as patch:
        from tests.checks_of_runs import price_briefly

        price_briefly(patch)
        usual = simulation(world, members=5, years=6).run()
        helped = simulation(world, *events, members=5, years=6).run()
    return named(usual, "usual"), named(helped, "helped")


def opening(row: np.ndarray[Any, Any]) -> int:
    """The step in which a project first runs; one beyond the last where it never does."""
    return next((step for step, stage in enumerate(row.tolist()) if stage == OPERATING), len(row))


def test_counts_are_those_of_the_stages(runs: tuple[xr.Dataset, xr.Dataset]) -> None:
    usual, helped = runs
    facts = project_facts(helped, usual)
    stage, before = (one.project_stage.values for one in (helped, usual))
    for member in range(5):
        rows = stage[member].T
        begun = sum(bool(((row >= 2) & (row <= 5)).any()) and row[0] < 2 for row in rows)
        assert facts[Key("projects_begun")][member] == begun
        assert facts[Key("projects_running")][member] == sum(row[-1] == OPERATING for row in rows)
        assert facts[Key("projects_cancelled")][member] == sum(row[-1] == CANCELLED for row in rows)
        late = 0
        for now, then in zip(rows, before[member].T, strict=True):
            late += opening(now) > opening(then)
        assert facts[Key("projects_delayed")][member] == late
    np.testing.assert_allclose(facts[Key("public_paid")], helped.fund_paid.values.sum((1, 2)))


def test_the_section_and_the_sentence_have_the_figures(runs: tuple[xr.Dataset, xr.Dataset]) -> None:
    usual, helped = runs
    section = project_section(("usual", usual), {"helped": (helped, usual)}, "2024 to 2029")
    assert section is not None
    rows = {row.key.measure: row for row in section.rows}
    running = float(np.median((helped.project_stage.values[:, -1] == OPERATING).sum(1)))
    assert rows["projects_running"].bands["helped"].median == running
    assert "projects_killed" not in rows["projects_killed"].bands.keys() - {"helped"}
    sentence = project_sentence("helped", helped, usual)
    assert sentence.startswith(f"helped: {running:.0f}")
    assert "states pay" in sentence
    none = project_section(("a", usual.drop_vars("project_stage")), {}, "")
    assert none is None
    assert not has_projects(usual.drop_vars("project_stage"))


def test_the_picture_shows_what_the_stages_say(runs: tuple[xr.Dataset, xr.Dataset]) -> None:
    stored = [
        Run(
            Path(f"{data.attrs['scenario']}-0123abcd"),
            {"scenario": data.attrs["scenario"], "version": "0", "base_year": 2024, "seed": 7, "members": 5,
             "title": data.attrs["title"], "compare_to": "usual"},
            data,
        )
        for data in runs
    ]  # fmt: skip
    measured = measure(line_up(stored, "usual").of("clay"))
    assert measured.nothing == ""
    table = measured.table
    rows = table.query("project == 'mine_later' and scenario == 'usual' and does == 'running'")
    expected = (runs[0].project_stage.sel(project="mine_later").values == OPERATING).mean(0)
    np.testing.assert_allclose(rows["share"].to_numpy(), expected)
    figure = draw(measured)
    assert figure.axes
