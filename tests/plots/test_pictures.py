"""Pictures: sensible on odd results, the same bytes twice, the numbers beside them."""

from __future__ import annotations

import hashlib
import struct
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import MonaziteError
from sim.plots import comparison
from sim.plots.comparison.price_paths import draw_price_paths
from sim.plots.comparison.shortage_heatmap import draw_shortage_heatmap, shortage_table
from sim.plots.comparison.supply_mix import draw_supply_mix
from sim.plots.draw import draw_comparison
from sim.plots.style import number, spread
from sim.results import Run
from tests.synthetic import make_dataset

GOOD = "dysprosium_oxide"


def _run(dataset: xr.Dataset) -> Run:
    name = str(dataset.attrs["scenario"])
    manifest = {
        "scenario": name,
        "version": "0.1.0",
        "base_year": 2024,
        "seed": dataset.attrs["seed"],
        "members": dataset.sizes["member"],
    }
    return Run(Path(f"{name}-0123abcd"), manifest, dataset)


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """A fraction of the work of drawing, where the size of the picture does not matter."""
    if request.function is not test_every_picture_has_png_svg_and_csv:
        monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)


BASE = _run(make_dataset("baseline-test"))
SHOCK = _run(make_dataset("licence-test", shock=1.0))


def test_every_picture_has_png_svg_and_csv(tmp_path: Path) -> None:
    pictures = draw_comparison([BASE, SHOCK], "baseline-test", [GOOD], tmp_path)
    assert len(pictures) == 3
    for picture in pictures:
        head = picture.png.read_bytes()[:24]
        width, height = struct.unpack(">II", head[16:24])
        assert 1200 <= width <= 2000
        assert 500 <= height <= 2000
        svg = picture.svg.read_text(encoding="utf-8")
        assert svg.startswith("<?xml")
        assert "<dc:date>" not in svg
        assert "unit" in pd.read_csv(picture.csv).columns


def test_a_file_in_the_folder_of_pictures_is_drawn_by_every_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy_scatter.py").write_text(
        """
import matplotlib as mpl
import pandas as pd
from sim.plots.comparison import Plot
from sim.plots.style import STYLE, figure, file_name, save_picture

def draw(of):
    with mpl.rc_context(STYLE):
        picture = figure()
    return save_picture(picture, of.directory, file_name("toy", of.good, of.run.scenario), of.run.scenario,
                        pd.DataFrame({"unit": []}))

PLOT = Plot(draw, rank=9, of_each=True, needs=("sales",))
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(comparison, "__path__", [*comparison.__path__, str(tmp_path)])
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 20)
    pictures = draw_comparison([BASE, SHOCK], "baseline-test", [GOOD], tmp_path / "out")
    assert [picture.png.name.partition("_")[0] for picture in pictures] == [
        "price", "supply", "shortage", "toy",
    ]  # fmt: skip
    sold_out = _run(SHOCK.dataset.drop_vars("sales"))
    pictures = draw_comparison([BASE, sold_out], "baseline-test", [GOOD], tmp_path / "out")
    assert "toy" not in {picture.png.name.partition("_")[0] for picture in pictures}
    sys.modules.pop("sim.plots.comparison.toy_scatter")


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    def digests(folder: Path) -> dict[str, str]:
        draw_comparison([BASE, SHOCK], "baseline-test", [GOOD], folder)
        return {p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()}

    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_titles_say_what_the_numbers_say(tmp_path: Path) -> None:
    price = draw_price_paths([BASE, SHOCK], "baseline-test", GOOD, tmp_path)
    peaks = SHOCK.dataset["price_outside"].sel(good=GOOD).values.max(axis=1)
    assert f"peaks at {number(float(np.median(peaks)) / 1000)} USD/kg" in price.title
    calm = draw_price_paths([BASE, SHOCK], "baseline-test", "gallium_refined", tmp_path)
    assert "never rises 10 %" in calm.title
    short = draw_shortage_heatmap(SHOCK, BASE, GOOD, tmp_path)
    worst = shortage_table(SHOCK.dataset, GOOD)["p50"].max()
    assert f"{100 * worst:.0f} %" in short.title
    assert "nobody runs short" in draw_shortage_heatmap(BASE, BASE, GOOD, tmp_path).title


@pytest.mark.parametrize("good", ["ree_concentrate", GOOD, "ndfeb_magnet", "gallium_refined"])
def test_one_member_and_baseline_alone(tmp_path: Path, good: str) -> None:
    single = _run(make_dataset("baseline-test", members=1))
    for picture in draw_comparison([single], "baseline-test", [good], tmp_path):
        assert picture.png.stat().st_size > 3_000


def test_several_scenarios_and_weekly_steps(tmp_path: Path) -> None:
    runs = [
        _run(make_dataset(name, shock=shock, steps=104, step="week", members=3))
        for name, shock in (("baseline-test", 0.0), ("one", 1.0), ("two", 0.3), ("three", 0.0))
    ]
    picture = draw_price_paths(runs, "baseline-test", GOOD, tmp_path)
    assert "in one" in picture.title
    assert "in two" in picture.title
    assert "in three" not in picture.title


def test_two_countries_and_no_trade_outside(tmp_path: Path) -> None:
    dataset = make_dataset("embargo", shock=1.0)
    keep = np.isin(dataset["offer_country"].values, ["CHN", "JPN"])
    needs = np.isin(dataset["need_country"].values, ["CHN", "JPN"])
    dataset = dataset.isel(offer=np.flatnonzero(keep), need=np.flatnonzero(needs))
    dataset["price_outside"][:, 15:, 1] = np.nan
    run = _run(dataset)
    assert len(draw_comparison([BASE, run], "baseline-test", [GOOD], tmp_path)) == 3
    dataset["price_outside"][:, :, 1] = np.nan
    assert "nothing trades" in draw_price_paths([BASE, run], "baseline-test", GOOD, tmp_path).title


def test_many_events_keep_their_lanes(tmp_path: Path) -> None:
    import json

    events = [
        {
            "id": f"event_{i}",
            "type": "import_tariff",
            "sentence": "",
            "announced": "",
            "from": f"2025-{i:02d}-01",
        }
        for i in range(1, 10)
    ]
    dataset = make_dataset("spiral", shock=1.0)
    dataset.attrs["events"] = json.dumps(events)
    assert draw_price_paths([BASE, _run(dataset)], "baseline-test", GOOD, tmp_path).png.is_file()


def test_observed_dots_are_named(tmp_path: Path) -> None:
    observed = pd.DataFrame(
        {"date": ["2025-10-01"], "market": ["outside"], "value": [850_000.0], "source": ["trade press"]}
    )
    bare = draw_price_paths([BASE, SHOCK], "baseline-test", GOOD, tmp_path / "a")
    dotted = draw_price_paths([BASE, SHOCK], "baseline-test", GOOD, tmp_path / "b", observed)
    assert bare.png.read_bytes() != dotted.png.read_bytes()


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("x")
    with pytest.raises(MonaziteError, match="cannot write pictures"):
        draw_price_paths([BASE, SHOCK], "baseline-test", GOOD, tmp_path / "plots")


def test_extreme_prices_use_a_logarithmic_axis(tmp_path: Path) -> None:
    dataset = make_dataset("extreme", shock=1.0)
    dataset["price_outside"][:, 20, 1] = 1e9
    picture = draw_price_paths([BASE, _run(dataset)], "baseline-test", GOOD, tmp_path)
    assert "1,000,000 USD/kg" in picture.title


def test_supply_never_adds_unlike_units(tmp_path: Path) -> None:
    table = pd.read_csv(draw_supply_mix(SHOCK, BASE, GOOD, tmp_path).csv)
    assert table.groupby("panel")["unit"].nunique().max() == 1
    oxide = table.query("panel == 'Output: dysprosium oxide' and scenario == 'baseline-test'")
    np.testing.assert_allclose(oxide.groupby("time")["tonnes_per_year"].sum(), 2120.0, rtol=1e-4)
    bought = table[table["panel"].str.startswith("Bought outside") & (table["scenario"] == "baseline-test")]
    np.testing.assert_allclose(bought.groupby("time")["tonnes_per_year"].sum(), 420.0, rtol=1e-4)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=12),
    st.floats(0.001, 0.05),
)
def test_labels_are_moved_apart_and_stay_in_order(positions: list[float], gap: float) -> None:
    placed = spread(positions, gap, 0.0, 1.0)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= gap * (1 - 1e-6)).all()
    assert min(placed) >= 0
    assert max(placed) <= 1 + 1e-12
    apart = np.diff(np.sort(positions)) >= gap
    if apart.all() and max(positions) <= 1 - gap * len(positions):
        np.testing.assert_allclose(placed, positions, atol=1e-12)
