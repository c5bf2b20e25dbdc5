"""The key ``sweep``: what is read, and what stays out of a single run."""

from __future__ import annotations

from pathlib import Path

from sim.results.resolved import resolved_yaml
from sim.scenario import load_scenario

FOLDER = Path(__file__).parents[1] / "scenarios" / "valid"


def test_lists_of_numbers_stay_numbers_and_dates_make_scenarios() -> None:
    spec = load_scenario(FOLDER / "sweep.yaml").sweep
    assert spec is not None
    share, start, speed = spec.axes
    assert (share.numbers, share.dimension, share.structural) == ((0.0, 0.2, 0.8), "share", False)
    assert (start.texts, start.structural) == (("2025-01", "2025-06"), True)
    assert (speed.numbers, speed.dimension) == ((0.3, 0.5), "")
    assert (spec.design.method, spec.design.seeds, spec.design.samples) == ("grid", 5, None)


def test_distributions_are_in_the_unit_inside_the_model() -> None:
    spec = load_scenario(FOLDER / "sweep-of-distributions.yaml").sweep
    assert spec is not None
    share, delay, elasticity = (axis.distribution for axis in spec.axes)
    assert share is not None
    assert share.parameters == (0.0, 0.4, 0.8)
    assert delay is not None
    assert delay.bounds == (10 / 365.25, 90 / 365.25)
    assert elasticity is not None
    assert elasticity.kind == "uniform"


def test_overrides_change_the_design() -> None:
    spec = load_scenario(FOLDER / "sweep-of-distributions.yaml", overrides=["sweep.design.samples=64"]).sweep
    assert spec is not None
    assert spec.design.samples == 64


def test_a_run_says_nothing_of_the_sweep() -> None:
    assert "sweep:" not in resolved_yaml(load_scenario(FOLDER / "sweep.yaml"))


def test_who_extends_a_scenario_does_not_inherit_its_sweep(tmp_path: Path) -> None:
    (tmp_path / "sweep.yaml").write_text((FOLDER / "sweep.yaml").read_text())
    child = "format: 1\nname: child\ntitle: A case\nbase_year: 2024\nextends: sweep\n"
    (tmp_path / "child.yaml").write_text(child + "time: {start: 2024-01, end: 2026-12}\n")
    scenario = load_scenario(tmp_path / "child.yaml")
    assert [event.id for event in scenario.events] == ["licence"]
    assert scenario.sweep is None
