"""``monazite sensitivity`` on real, small sweeps."""

from __future__ import annotations

import csv
import dataclasses
import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from sim.analysis.outcomes import good_outcomes, moved_most, risk_outcome
from sim.cli import main
from sim.plots import kinds, line_up
from sim.plots.case import Shown
from sim.plots.pictures.sensitivity import ends_in_words
from sim.plots.swept import Swept
from sim.plots.swept import swept as varied
from sim.results import Run, find_runs
from sim.scenario.compose import split_sweeps
from sim.sweep import ExecutorSettings, Request, Sampling, Sweep, make_plan, run_plan
from tests.checks_of_runs import price_briefly
from tests.plots.boxes import faults
from tests.synthetic import make_dataset

SHOCK = "ree-licence-2025"
VARY = {
    "events.licence.approval_share": {"uniform": ["10 %", "80 %"]},
    "events.licence.delay": {"uniform": ["30 days", "120 days"]},
}
FACTORS = list(VARY)


def swept(
    out: Path, method: str, samples: int, scenarios: tuple[str, ...] = (SHOCK,), seeds: int = 1
) -> Sweep:
    overrides = ["minerals=[dysprosium]", "time.start=2025-01-01", "time.end=2025-10-31"]
    sampling = Sampling(method, samples, seeds)
    plan = make_plan(Request(scenarios, overrides, VARY, sampling, seed=1))
    # Indices are those of what is stored, and signs are as plain at rough prices of the time ahead.
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        return run_plan(plan, out, ExecutorSettings("local"))


@pytest.fixture(scope="module")
def saltelli(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    return swept(tmp_path_factory.mktemp("saltelli"), "saltelli", 8)


def table(sweep: Sweep) -> list[dict[str, str]]:
    with (sweep.directory / "sensitivity" / "sensitivity.csv").open(encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def of(rows: list[dict[str, str]], outcome: str, column: str) -> dict[str, float]:
    return {row["factor"]: float(row[column]) for row in rows if row["outcome"] == outcome}


def test_approval_and_delay_both_move_the_outcomes(
    saltelli: Sweep, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)
    assert main(["sensitivity", str(saltelli.directory), "--good", "dysprosium_oxide"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{SHOCK}: saltelli, 2 factors, 32 points\n")
    assert "not converged" in printed
    rows = table(saltelli)
    assert {row["outcome"] for row in rows} == {
        "peak price outside", "months to recover", "unmet demand", "value added at risk"
    }
    total = of(rows, "peak price outside", "ST")
    assert min(total.values()) > 0
    assert of(rows, "peak price outside", "swing")[FACTORS[0]] < 0
    assert of(rows, "unmet demand", "swing")[FACTORS[1]] > 0
    drawn = {path.name for path in (saltelli.directory / "sensitivity").glob("*.csv")}
    assert drawn == {"sensitivity.csv", "dose_dysprosium_oxide.csv", "sensitivity_dysprosium_oxide.csv"}
    content = json.loads((saltelli.directory / "sensitivity" / "sensitivity.json").read_text())
    assert content["method"] == "saltelli"
    assert [row["factor"] for row in content["rows"][:2]] == FACTORS


def test_pictures_show_the_stored_outcomes_and_the_indices(saltelli: Sweep) -> None:
    main(["sensitivity", str(saltelli.directory), "--good", "dysprosium_oxide", "--no-plots"])
    case = line_up(find_runs(saltelli.directory), SHOCK).of("dysprosium_oxide")
    dose, spread = (next(k for k in kinds() if k.name == name) for name in ("dose", "sensitivity"))
    shown = dose.measure(case)
    points = shown.table[(shown.table["kind"] == "point") & (shown.table["outcome"] == "peak price outside")]
    stored = saltelli.outcomes().sel(good="dysprosium_oxide")["peak_price_outside"].values / 1000
    np.testing.assert_allclose(points["drawn"], stored, rtol=1e-6)
    # Drawn against what moves it most, by ranks: with so few runs the indices may say otherwise.
    total = of(table(saltelli), "peak price outside", "ST")
    ranks = pd.Series(stored).rank()
    found = varied(case)
    assert found is not None
    frame = found.frame
    strength = {factor: abs(frame[factor].rank().corr(ranks)) for factor in FACTORS}
    low, high, words = {FACTORS[0]: (10, 80, "approval share"), FACTORS[1]: (30 / 366, 120 / 365, "delay")}[
        max(strength, key=strength.__getitem__)
    ]
    assert points["x"].between(low, high).all()
    assert words in shown.title
    assert faults(dose.draw(shown)) == []
    measured = spread.measure(case)
    mine = measured.table[measured.table["outcome"] == "peak price outside"].set_index("factor")["ST"]
    assert mine.to_dict() == pytest.approx(total)
    assert "Not converged" in measured.note or "not converged" in measured.note
    assert faults(spread.draw(measured)) == []


def test_the_indices_are_those_of_the_stored_outcomes(saltelli: Sweep) -> None:
    from SALib.analyze import sobol

    main(["sensitivity", str(saltelli.directory), "--good", "dysprosium_oxide", "--no-plots"])
    stored = saltelli.outcomes().sel(good="dysprosium_oxide")
    share = (stored.unmet_tonnes / stored.required_tonnes).values
    expected = sobol.analyze(saltelli.problem(), share, calc_second_order=False, seed=1)
    found = of(table(saltelli), "unmet demand", "ST")
    np.testing.assert_allclose([found[name] for name in FACTORS], expected["ST"], rtol=1e-12)


def test_without_a_good_those_that_differ_most_are_taken(saltelli: Sweep) -> None:
    main(["sensitivity", str(saltelli.directory), "--no-plots"])
    goods = {row["good"] for row in table(saltelli)} - {""}
    peak = np.log(saltelli.outcomes().peak_price_ratio)
    spread = (peak.max("run") - peak.min("run")).to_series()
    assert goods == set(spread.nlargest(2).index)


def test_morris(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = swept(tmp_path, "morris", 6)
    assert main(["sensitivity", str(sweep.directory), "--good", "dysprosium_oxide", "--no-plots"]) == 0
    effect = of(table(sweep), "peak price outside", "mu_star")
    assert min(effect.values()) > 0
    # Of the delay not the need unmet: who waits longer has heard of it, too, and has saved.
    assert of(table(sweep), "unmet demand", "mu")[FACTORS[0]] < 0
    lost = of(table(sweep), "value added at risk", "mu")
    assert lost[FACTORS[0]] < 0 < lost[FACTORS[1]]
    assert "mu_star" in capsys.readouterr().out


def test_an_elasticity_of_the_market_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Ranges in a scenario file, swept and analysed: the easier buyers switch, the less is missing."""
    sigma = "assumptions.sourcing_elasticity"
    path = tmp_path / "switching.yaml"
    path.write_text(
        f"""extends: {SHOCK}
name: switching
title: Switching
minerals: [dysprosium]
time: {{start: 2025-01-01, end: 2025-10-31}}
assumptions:
  urgent_elasticity: {{triangular: [5, 6, 7]}}
events:
  licence: {{approval_share: 20 %, assumption: harsh}}
sweep:
  vary:
    {sigma}: {{uniform: [3, 9]}}
  design: {{method: lhs, samples: 8}}
"""
    )
    assert main(["validate", str(path)]) == 0
    assert main(["sweep", str(path), "--out", str(tmp_path / "out"), "--seed", "1"]) == 0
    (directory,) = [found.parent for found in (tmp_path / "out").rglob("sweep.json")]
    assert main(["sensitivity", str(directory), "--good", "dysprosium_oxide"]) == 0
    capsys.readouterr()
    with (directory / "sensitivity" / "sensitivity.csv").open(encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    unmet = of(rows, "unmet demand", "PRCC")
    assert list(unmet) == [sigma]
    assert unmet[sigma] < -0.5


def test_a_sample_beside_its_baseline_with_seeds(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep = swept(tmp_path, "lhs", 8, ("baseline-2024", SHOCK), seeds=2)
    target = tmp_path / "tables"
    words = ["sensitivity", str(sweep.directory), "--good", "dysprosium_oxide", "--out", str(target)]
    assert main(words) == 0
    printed = capsys.readouterr().out
    assert printed.startswith(f"{SHOCK}: lhs, 2 factors, 8 points, 2 seeds each\n")
    assert "of the paired baseline" in printed
    content = json.loads((target / "sensitivity.json").read_text())
    assert content["baseline"] == "baseline-2024"
    (unmet,) = [
        row for row in content["rows"] if row["outcome"] == "unmet demand" and row["factor"] == FACTORS[0]
    ]
    assert unmet["PRCC"] < -0.5
    assert unmet["S1"] is None
    assert not (sweep.directory / "sensitivity").exists()


def test_what_cannot_be_analysed_is_said(
    saltelli: Sweep, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    plain = run_plan(make_plan(Request([SHOCK], ["time.end=2024-02-29"], members=2)), tmp_path)
    for words, message in (
        ([str(plain.directory)], "nothing varies in this sweep but the seed"),
        ([str(saltelli.directory), "--scenario", "x"], f"holds no 'x'; there are: {SHOCK}"),
        ([str(saltelli.directory), "--good", "dysprosum"], "did you mean 'dysprosium'"),
        (["nowhere"], "there is no sweep 'nowhere'"),
    ):
        assert main(["sensitivity", *words]) == 2
        assert message in capsys.readouterr().err


def test_outcomes_of_an_invented_run() -> None:
    """The invented shock multiplies outside prices by up to 4 from step 15 on and is over after 24 steps."""
    good = "dysprosium_oxide"
    run, baseline = make_dataset("shock", shock=1.0), make_dataset()
    for data in (run, baseline):
        for name, source in (("unmet_tonnes", "shortfall"), ("required_tonnes", "requirement")):
            of_need = data.need_good.values
            total = [data[source].values[..., of_need == g].sum((1, 2)) for g in data.good.values]
            data[name] = (("member", "good"), np.stack(total, axis=1))
    peak, recovery, unmet = good_outcomes(run, good, baseline)
    np.testing.assert_allclose(
        peak.values, run.price_outside.sel(good=good).max("time").values / 1000, rtol=1e-6
    )
    assert (peak.unit, recovery.unit) == ("USD/kg", "months")
    np.testing.assert_array_equal(recovery.values, 24)
    assert "paired baseline" in recovery.note
    here = run.need_good.values == good
    lacked, needed = (run[name].values[..., here].sum((1, 2)) for name in ("shortfall", "requirement"))
    np.testing.assert_allclose(unmet.values, 100 * lacked / needed, rtol=1e-5)
    assert (unmet.values > 1).all()
    totals = {name: run[name] for name in ("unmet_tonnes", "required_tonnes")}
    never = make_dataset("shock", shock=1.0, recovers=False).assign(totals)
    _, late, _ = good_outcomes(never, good, baseline)
    assert np.ptp(late.values) == 0
    assert "5 of 5 runs do not recover and count 45 months" in late.note
    np.testing.assert_allclose(
        risk_outcome(run).values, run.value_added_at_risk.sum(("time", "facility")) / 1e6, rtol=1e-5
    )


def test_moved_most_compares_in_logs() -> None:
    ratio = np.array([[1.0, 10.0, 1.0], [1.5, 11.0, np.nan]])
    assert moved_most(ratio, ["a", "b", "c"], 2) == ["a", "b"]


def test_pictures_of_all_variants_are_not_called_by_one_of_them() -> None:
    """Points of every date are in them: what is drawn of all must not go by the first date."""
    axes = (
        SimpleNamespace(path="events.licence.from", structural=True, levels=("2025-04-04", "2026-04-01")),
        SimpleNamespace(path="assumptions.thrift_speed", structural=False, levels=()),
    )
    manifest = {"scenario": "licence_1", "title": "A licence", "sweep": {"label": "licence from 2025-04-04"}}
    data = make_dataset("licence", shock=1.0, members=2)
    variant = Run(Path("licence_1"), manifest, data)
    shown = Shown("licence_1", "licence from 2025-04-04", "red", "solid", variant, data, data)
    dates = ["2025-04-04", "2026-04-01"] * 2
    frame = pd.DataFrame({"events.licence.from": dates, "assumptions.thrift_speed": [0.1, 0.1, 0.6, 0.6]})
    both = Swept(SimpleNamespace(axes=axes), shown, "licence", None, frame, "dysprosium_oxide")
    assert both.name == "A licence"
    assert both.varying == ["events.licence.from", "assumptions.thrift_speed"]
    alone = dataclasses.replace(both, frame=frame.iloc[::2])
    assert alone.name == "licence from 2025-04-04"
    assert alone.varying == ["assumptions.thrift_speed"]
    assert ends_in_words(axes, "events.licence.from") == ("2025-04-04", "2026-04-01")
    assert ends_in_words(axes, "assumptions.thrift_speed") == ("low", "high")


def test_an_interval_takes_units_as_all_values_do() -> None:
    plain, found = split_sweeps([
        "events.licence.approval_share=interval(50%, 100 %)", "assumptions.thrift_speed=interval(0.1,0.6)",
        "events.licence.approval_share=interval(${x},1)", "minerals=[dysprosium]",
    ])  # fmt: skip
    assert found == {
        "events.licence.approval_share": {"uniform": ["50%", "100 %"]},
        "assumptions.thrift_speed": {"uniform": [0.1, 0.6]},
    }
    assert len(plain) == 2
