"""``monazite discover`` on a real, small sweep."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from sim.cli import main
from sim.plots.discovery import discovery_figure
from sim.sweep import ExecutorSettings, Request, Sampling, Sweep, make_plan, run_plan
from sim.sweep.discovered import find_boxes, restrictions
from sim.sweep.judged import judged
from tests.checks_of_runs import price_briefly
from tests.plots.boxes import faults

SHOCK, BASELINE = "ree-licence-2025", "baseline-2024"
SHARE, DELAY, FROM = (f"events.licence.{name}" for name in ("approval_share", "delay", "from"))
GOOD = "dysprosium_oxide"
EARLY = "2025-06-01"
VARY = {
    SHARE: {"uniform": ["10 %", "80 %"]},
    DELAY: {"uniform": ["30 days", "45 days"]},
    FROM: [EARLY, "2025-07-15"],
}


def swept(out: Path, scenarios: tuple[str, ...], samples: int, seeds: int) -> Sweep:
    overrides = ["minerals=[dysprosium]", "time.start=2025-01-01", "time.end=2025-09-30"]
    request = Request(scenarios, overrides, VARY, Sampling("lhs", samples, seeds), seed=1)
    return run_plan(make_plan(request), out, ExecutorSettings("local"))


@pytest.fixture(scope="module")
def sweep(tmp_path_factory: pytest.TempPathFactory) -> Sweep:
    """With rough prices of the time ahead: boxes are found in whatever is stored."""
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        return swept(tmp_path_factory.mktemp("discover"), (BASELINE, SHOCK), 60, 2)


@pytest.fixture(scope="module")
def peaks(sweep: Sweep) -> pd.Series:
    """Median of the two seeds of each point, USD/kg."""
    stored = sweep.outcomes(SHOCK)["peak_price_outside"].sel(good=GOOD).to_series() / 1000
    frame = sweep.design[sweep.design["scenario"] == SHOCK]
    return frame.assign(peak=frame["run"].map(stored)).groupby("sample")["peak"].median()


@pytest.fixture(scope="module")
def bad(peaks: pd.Series) -> str:
    """A bound that a third of the points exceed."""
    return f"price.{GOOD} > {peaks.quantile(0.67):.1f} USD/kg"


def test_the_box_and_its_shares_are_those_of_the_stored_outcomes(
    sweep: Sweep, peaks: pd.Series, bad: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["discover", str(sweep.directory), "--bad", bad, "--out", str(tmp_path / "found"), "--no-plots"]
    assert main(words) == 0
    printed = capsys.readouterr().out
    (file,) = (tmp_path / "found").glob("discovery_price-dysprosium_oxide-above-*.json")
    content = json.loads(file.read_text(encoding="utf-8"))
    limit = float(bad.split()[2])
    assert (content["points"], content["bad_points"]) == (60, int((peaks > limit).sum()))
    (box,) = content["boxes"]
    frame = sweep.design[sweep.design["scenario"] == SHOCK].drop_duplicates("sample").set_index("sample")
    inside = pd.Series(True, index=frame.index)
    assert SHARE in {r["factor"] for r in box["restrictions"]}
    for r in box["restrictions"]:
        column = frame[r["factor"]]
        if r["kept"]:
            inside &= column.isin(r["kept"])
        else:
            inside &= column.between(
                -np.inf if r["low"] is None else r["low"], np.inf if r["high"] is None else r["high"]
            )
    hits = int((inside & (peaks > limit)).sum())
    assert (box["points"], box["bad"]) == (int(inside.sum()), hits)
    assert box["coverage"] == pytest.approx(hits / content["bad_points"])
    assert box["density"] == pytest.approx(hits / inside.sum())
    assert box["mass"] == pytest.approx(inside.sum() / 60)
    # Fewer licences make it dearer.
    approval = next(r for r in box["restrictions"] if r["factor"] == SHARE)
    assert approval["low"] is None
    assert approval["high"] < 0.7
    lines = printed.split(str(tmp_path))[0].splitlines()
    assert max(map(len, lines)) <= 80
    assert f"coverage {100 * box['coverage']:.0f} %: {hits} of {content['bad_points']} bad points" in printed
    assert f"mass {100 * box['mass']:.0f} %" in printed
    assert not (sweep.directory / "discovery").exists()


def test_the_picture_says_what_the_table_says(
    sweep: Sweep, bad: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)
    points = judged(sweep, SHOCK, BASELINE, bad)
    found = find_boxes(points, 2, None)
    title, figure = discovery_figure(sweep, SHOCK, bad, points, found)
    assert faults(figure) == []
    called = "\u201cChina licenses heavy rare earths, April 2025\u201d, lhs design"
    assert any(text.get_text().startswith(called) for text in figure.texts)
    rows = restrictions(points, found[0])
    assert rows[0].words.removeprefix("up to ") in title
    assert f"{100 * found[0].density:.0f} % of the points there are bad" in title
    assert main(["discover", str(sweep.directory), "--bad", bad]) == 0
    assert title in capsys.readouterr().out
    (table,) = (
        path for path in (sweep.directory / "discovery").glob("*.csv") if not path.stem.endswith("_boxes")
    )
    drawn = pd.read_csv(table)
    assert len(drawn) == 60
    np.testing.assert_allclose(drawn["outcome"], points.outcome, rtol=1e-5)
    assert ((drawn["box"] == 1) & drawn["bad"]).sum() == found[0].hits


def test_a_date_is_a_choice_without_order(sweep: Sweep) -> None:
    """Money lost hangs on when the licence begins: the early date alone is bad."""
    text = f"unmet.{GOOD} > 0 t"
    points = judged(sweep, SHOCK, BASELINE, text)
    early = points.frame[FROM].to_numpy() == EARLY
    bound = f"{np.quantile(points.outcome, 0.6):.3f}"
    points = judged(sweep, SHOCK, BASELINE, f"unmet.{GOOD} > {bound} t")
    (found,) = find_boxes(points, 1, None)
    kept = {r.path: r.kept for r in restrictions(points, found)}
    assert kept[FROM] == (EARLY,)
    assert found.box.holds(points.points.place)[~early].sum() == 0


def test_a_statistic_is_one_over_the_seeds_of_a_point(sweep: Sweep, peaks: pd.Series) -> None:
    limit = f"{peaks.quantile(0.75):.1f} USD/kg"
    low, high = (judged(sweep, SHOCK, BASELINE, f"{s}(price.{GOOD}) > {limit}") for s in ("p10", "p90"))
    assert low.points.bad.sum() < high.points.bad.sum()
    assert (low.outcome < high.outcome).all()
    likely = judged(sweep, SHOCK, BASELINE, f"probability(price.{GOOD} > {limit}) > 60 %")
    assert set(likely.outcome) <= {0.0, 0.5, 1.0}
    assert (likely.points.bad == (likely.outcome == 1)).all()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--bad", "price.gold > 3 USD/kg"], "--bad: no good or mineral 'gold' in this run"),
        (["--bad", f"prise.{GOOD} > 3 USD/kg"], "unknown measure 'prise'; did you mean 'price'"),
        (["--bad", f"price.{GOOD} > 1 USD/kg"], "60 of 60 points are bad; 10 must be"),
        (["--bad", f"price.{GOOD} > 1 USD/kg", "--boxes", "0"], "--boxes: 0 is not from 1 to 9"),
        (["--bad", f"price.{GOOD} > 1 USD/kg", "--density", "0 %"], "--density: '0 %' is no share"),
        (["--bad", f"price.{GOOD} > 1 USD/kg", "--scenario", "x"], "holds no 'x'"),
        (["--bad", f"recovery.{GOOD} > 1 month", "--scenario", BASELINE], "nothing varies"),
    ],
)
def test_what_cannot_be_discovered_is_said(
    sweep: Sweep, words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["discover", str(sweep.directory), *words]) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "Traceback" not in said
