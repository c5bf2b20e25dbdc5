"""Results compared in a notebook: the chain, the same numbers as the command's, labels that ``sel`` takes."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from PIL import Image

import sim
from sim.analysis.comparison_tables import html, tidy
from sim.analysis.paired import compare
from sim.errors import MonaziteError
from sim.plots import kinds
from sim.plots.notebook import Beside
from sim.results import Run, find_runs
from sim.results.labels import with_labels
from tests.synthetic import make_dataset
from tests.tantalum import OVERRIDES, tantalum_campaign

GOOD = "dysprosium_oxide"
TANTALUM = "tantalum_powder"
ELEVEN = [
    "concentration", "dose", "flows", "map", "price", "projects", "sensitivity", "shortage", "stocks",
    "supply", "winners",
]  # fmt: skip


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)


def results(name: str, shock: float = 0.0) -> xr.Dataset:
    data = make_dataset(name, shock=shock)
    data.attrs["compare_to"] = "" if name.startswith("baseline") else "baseline-test"
    return data


CALM, SHOCK, HALF = results("baseline-test"), results("licence-test", 1.0), results("licence-test", 0.5)


@pytest.fixture(scope="module")
def ran() -> tuple[xr.Dataset, xr.Dataset]:
    """Results of the stored campaign's scenarios, run again in memory."""
    calm, stock = (
        sim.run(name, *OVERRIDES, members=3, seed=5) for name in ("baseline-2024", "stockpile-usa-tantalum")
    )
    return calm, stock


def test_the_chain_of_a_notebook(ran: tuple[xr.Dataset, xr.Dataset], tmp_path: Path) -> None:
    calm, stock = ran
    drawn = stock.compare(calm, good="tantalum").plot.price(TANTALUM)
    assert "antalum" in drawn.title
    assert repr(drawn) == drawn.title
    assert Image.open(io.BytesIO(drawn._repr_png_())).width == 11 * 40
    saved = drawn.save(tmp_path / "pictures")
    pd.testing.assert_frame_equal(pd.read_csv(saved.csv), drawn.table, rtol=1e-5, check_dtype=False)


def test_it_compares_as_the_command_does(
    ran: tuple[xr.Dataset, xr.Dataset], tmp_path_factory: pytest.TempPathFactory
) -> None:
    stored: list[Run] = find_runs(tantalum_campaign(tmp_path_factory))
    calm, stock = (run.dataset for run in sorted(stored, key=lambda run: run.scenario))
    own = stock.compare(calm, good=TANTALUM).table
    pd.testing.assert_frame_equal(own, tidy([compare(stored, "baseline-2024", [TANTALUM])]))
    # Whoever begins, the baseline is the one that the scenario names.
    pd.testing.assert_frame_equal(calm.compare(stock, good=TANTALUM).table, own)
    # What is in memory has the bits that stored arrays are rounded to.
    peak = ran[1].compare(ran[0], good=TANTALUM).table.query("measure == 'price'")
    assert len(peak) == 2
    np.testing.assert_allclose(peak["median"], own.loc[peak.index, "median"], rtol=1e-3)


def test_labels_of_real_results_select(ran: tuple[xr.Dataset, xr.Dataset]) -> None:
    calm, stock = ran
    assert stock.price_outside.sel(good=TANTALUM, time="2025-06", member=0).size == 1
    mine = stock.requirement.sel(need_good=TANTALUM)
    known = stock["need_good"].values.astype(str) == TANTALUM
    np.testing.assert_array_equal(mine.values, stock.requirement.values[..., known])
    assert stock.flow.sel(link_good=TANTALUM).sizes["link"] == (stock["link_good"] == TANTALUM).sum()
    by_country = mine.groupby("need_country").sum("need").sum("need_country")
    np.testing.assert_allclose(by_country, mine.sum("need"), rtol=1e-5)
    apart = [data.shortfall.sel(need_good=TANTALUM) for data in (stock, calm)]
    together = (stock.shortfall - calm.shortfall).sel(need_good=TANTALUM)
    np.testing.assert_array_equal(together, apart[0] - apart[1])


def test_there_are_the_eleven_pictures_each_shown_or_saying_why_not() -> None:
    plot = SHOCK.compare(CALM, good=GOOD).plot
    assert [name for name in dir(plot) if not name.startswith("_")] == ELEVEN
    assert sorted(kind.name for kind in kinds()) == ELEVEN
    drawn = [getattr(plot, name)() for name in ELEVEN]
    shown = {one.name.partition("_")[0] for one in drawn if one._repr_png_() is not None}
    assert shown >= {"price", "shortage", "stocks", "winners"}
    for one in drawn:
        if one.figure is None:
            assert one._repr_png_() is None
            assert one.title.endswith(".")
            with pytest.raises(MonaziteError, match="no picture to save"):
                one.save("nowhere")
    with pytest.raises(AttributeError, match="no picture 'prize'; did you mean 'price'"):
        _ = plot.prize


def test_a_second_run_of_a_scenario_has_the_name_that_it_was_given() -> None:
    beside: Beside = SHOCK.compare(CALM, good=GOOD, half_the_shock=HALF)
    assert list(beside.comparison.names.values()) == [
        "baseline-test", "licence-test", "licence-test: half the shock"
    ]  # fmt: skip
    assert "\u201chalf the shock\u201d" in beside.plot.price().title
    text = beside._repr_html_()
    assert text == html([beside.comparison])
    assert text.count("<table>") == len(beside.comparison.sections)
    assert "<th scope=\"col\">licence-test: half the shock</th>" in text
    assert repr(beside).startswith("Dysprosium oxide")


def test_names_from_elsewhere_are_text_in_a_notebook() -> None:
    evil = results("<script>alert(1)</script>", 1.0)
    text = evil.compare(CALM, good=GOOD)._repr_html_()
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_goods_whose_price_moved_most_where_none_is_named() -> None:
    moved = SHOCK.compare(CALM)
    assert len(moved.goods) == 2
    assert moved.plot.price().table.equals(moved.plot.price(moved.goods[0]).table)


@pytest.mark.parametrize(
    ("compared", "said"),
    [
        (lambda: SHOCK.compare(), "baseline is missing: compare with results of 'baseline-test'"),
        (lambda: SHOCK.compare(CALM, HALF), "several results are called 'licence-test'"),
        (lambda: SHOCK.compare(3), "int: no results of a run"),
        (lambda: SHOCK.compare(CALM, vs="nobody"), "results of 'nobody', or name one of"),
        (lambda: SHOCK.compare(CALM, good="unobtainium"), "unobtainium"),
    ],
)
def test_what_cannot_be_compared_says_why(compared: object, said: str) -> None:
    with pytest.raises(MonaziteError, match=said):
        compared()  # type: ignore[operator]


def test_a_label_keeps_its_axis_and_takes_lists() -> None:
    data = with_labels(CALM)
    one = data.shortfall.sel(need_good="gallium_refined").sel(need_country="JPN")
    assert one.sizes["need"] == 1
    several = data.shortfall.sel(need_country=["JPN", "USA"])
    assert set(several["need_country"].values) == {"JPN", "USA"}
    with pytest.raises(KeyError, match="'Japan' is no need_country"):
        data.shortfall.sel(need_country="Japan")
    with pytest.raises(ValueError, match="no slice"):
        data.shortfall.sel(need_country=slice("JPN", "USA"))


def test_labelled_results_are_copied_and_kept() -> None:
    data = with_labels(CALM)
    for again in (data.copy(deep=True), pickle.loads(pickle.dumps(data))):
        np.testing.assert_array_equal(
            again["shortfall"].sel(need_country="JPN"), data["shortfall"].sel(need_country="JPN")
        )
