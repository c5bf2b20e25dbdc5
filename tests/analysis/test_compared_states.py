"""What a comparison says of states: what hosts take, and what is paid on exports and under floors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sim.analysis import compared_states
from sim.analysis.compared_states import state_facts, state_section, state_sentence
from sim.analysis.comparison import Key, band
from sim.analysis.paired import compare
from sim.commands.register import _tonnes
from sim.results import Run
from tests.projects_world import event, project_world, simulation


def named(data: xr.Dataset, name: str) -> Run:
    data = data.assign_attrs(scenario=name, title=f"Case {name}", compare_to="usual")
    manifest = {"scenario": name, "version": "0", "base_year": 2024, "seed": 7, "members": 3,
                "title": f"Case {name}", "compare_to": "usual"}  # fmt: skip
    return Run(Path(f"{name}-0123abcd"), manifest, data)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> list[Run]:
    """A baseline, and the same with two hosts, a rebate and a floor."""
    world = project_world(tmp_path_factory.mktemp("states"))
    events = (
        event("host_demands", by=["CHN", "ROW"], goods=["clay"], royalty="10 %", carried="20 %"),
        event("export_promotion", by="CHN", goods=["magnet"], rate="10 %"),
        event("price_floor", countries=["JPN"], goods=["magnet"], price="105 %"),
    )
    with pytest.MonkeyPatch.context() as patch:
        from tests.checks_of_runs import price_briefly

        price_briefly(patch)
        return [
            named(simulation(world, *acting, members=3, years=2).run(), name)
            for name, acting in (("usual", ()), ("asked", events))
        ]


def test_the_figures_are_sums_over_the_run(runs: list[Run]) -> None:
    data = runs[1].dataset
    facts = state_facts(data)
    for column, place in enumerate(data.host_country.values.tolist()):
        taken = (data.host_royalty.values + data.host_carried.values)[..., column].sum(1)
        np.testing.assert_allclose(facts[Key("host_income", "", place)], taken)
        assert (taken > 0).all()
    np.testing.assert_allclose(facts[Key("promotion_paid")], data.promotion_paid.values.sum((1, 2)))
    np.testing.assert_allclose(facts[Key("floors_paid")], data.floor_paid.values.sum((1, 2)))
    assert state_facts(runs[0].dataset) == {}


def test_a_comparison_has_them_in_a_section_and_a_sentence(runs: list[Run]) -> None:
    found = compare(runs, "usual", ["clay"])
    (section,) = (section for section in found.sections if section.key == "states")
    names = [row.name for row in section.rows]
    assert names[0].startswith("taken of mines, ")
    assert {"given back on exports", "paid under price floors"} <= set(names)
    facts = state_facts(runs[1].dataset)
    for row in section.rows:
        if row.key in facts:
            np.testing.assert_allclose(row.values["asked"], facts[row.key] * 1e-9)
            assert "usual" not in row.values
    (said,) = (note for note in found.notes if "hosts take" in note)
    total = sum(facts[key] for key in facts if key.measure == "host_income")
    assert said.startswith(f"asked: hosts take {np.median(total) * 1e-9:.2g}")
    assert "China" in said
    assert "on exports; states pay" in said


def test_nothing_is_said_where_no_state_takes_or_pays(runs: list[Run]) -> None:
    usual = runs[0].dataset
    assert state_section({"usual": usual}, {}, "2024 to 2025") is None
    assert state_sentence("usual", usual, {}) == ""


def test_large_sums_are_written_out() -> None:
    """120 bn USD, not 1.2e+02."""
    paid = band(np.array([1.2e11, 1.2e11, 1.2e11]))
    assert compared_states._figure(paid) == "120"
    assert compared_states._change(paid) == "120 more"
    assert _tonnes(999_700.0) == "1 Mt"
