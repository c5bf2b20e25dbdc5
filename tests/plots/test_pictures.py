"""Pictures: the numbers beside them, titles that say the same, words that stay apart, odd results."""

from __future__ import annotations

import hashlib
import json
import struct
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.text import Text

from sim.analysis.baselines import titles
from sim.analysis.chains import downstream, touched_goods, upstream
from sim.analysis.paired import compare
from sim.errors import MonaziteError
from sim.explain.words import place as in_words
from sim.plots import draw_all, kinds, line_up, pictures, save_picture, svg_text
from sim.plots.case import MOST, Case
from sim.plots.events import MAXIMUM_LANES, event_lanes
from sim.plots.lettering import shortened, spread, stacked, width, wrapped
from sim.plots.outlines import FRAME, middles, outlines
from sim.plots.pictures import Kind
from sim.plots.pictures.price_paths import line_of
from sim.plots.pictures.shortage_heatmap import shortage_table
from sim.plots.pictures.winners_losers import contributions
from sim.plots.style import number
from sim.plots.trade import traded
from sim.results import Run
from tests.plots.boxes import faults
from tests.synthetic import SHOCK_START, make_dataset

GOOD = "dysprosium_oxide"


def _run(dataset: xr.Dataset, title: str = "") -> Run:
    name = str(dataset.attrs["scenario"])
    manifest = {
        "scenario": name, "version": "0.1.0", "base_year": 2024, "seed": dataset.attrs["seed"],
        "members": dataset.sizes["member"], "title": title or dataset.attrs["title"],
        "compare_to": "baseline-test",
    }  # fmt: skip
    return Run(Path(f"{name}-0123abcd"), manifest, dataset)


BASE = _run(make_dataset("baseline-test"), "No new controls")
SHOCK = _run(make_dataset("licence-test", shock=1.0), "A licence on heavy rare earths")
LONG = "A very long title of a scenario, as people write them when they mean to say all that there is to say"


def _case(*runs: Run, good: str = GOOD) -> Case:
    return line_up([BASE, *runs], "baseline-test").of(good)


def _kind(name: str) -> Kind:
    return next(kind for kind in kinds() if kind.name == name)


@pytest.fixture(autouse=True)
def _coarse(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fraction of the work of drawing, where the size of the picture does not matter."""
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)


def _many() -> list[Run]:
    shocks = (1.0, 0.3, 0.6, 0.0, 0.9, 0.2, 0.5, 0.8)
    return [
        _run(
            make_dataset(f"s{i}", shock=shock, members=2, steps=26), f"{LONG}, {i}" if i % 2 else f"Shock {i}"
        )
        for i, shock in enumerate(shocks)
    ]


MANY = _case(*_many())


def test_every_picture_has_png_svg_and_csv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 150)
    measured = _kind("price").measure(_case(SHOCK))
    picture = save_picture(_kind("price").draw(measured), tmp_path, "price", measured.title, measured.table)
    high, wide = struct.unpack(">II", picture.png.read_bytes()[16:24])[::-1]
    assert 1200 <= wide <= 2000
    assert 500 <= high <= 2000
    svg = picture.svg.read_text(encoding="utf-8")
    assert svg.startswith("<?xml")
    assert "<dc:date>" not in svg
    assert "unit" in pd.read_csv(picture.csv).columns


def test_all_are_drawn_or_say_why_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    chosen = (_kind("shortage"),)
    monkeypatch.setattr("sim.plots.draw.kinds", lambda: chosen)
    drawn = draw_all([BASE, SHOCK], "baseline-test", [GOOD, "gallium_refined"], tmp_path)
    assert [picture.png.stem for picture in drawn.pictures] == [f"shortage_{GOOD}"]
    assert "Shortages: nobody who uses gallium" in drawn.not_drawn[0]
    assert all(sentence.endswith(".") for sentence in drawn.not_drawn)
    assert len(list(tmp_path.iterdir())) == 3


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
@pytest.mark.parametrize("number_of", [1, 8])
def test_words_are_whole_and_apart(kind: Kind, number_of: int) -> None:
    measured = kind.measure(_case(SHOCK) if number_of == 1 else MANY)
    if measured.nothing:
        assert measured.nothing.endswith(".")
        return
    assert faults(kind.draw(measured)) == []


def test_a_file_in_the_folder_of_pictures_is_drawn_by_every_comparison(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "toy_scatter.py").write_text(
        """
import pandas as pd
from sim.plots.pictures import Kind, Measured
from sim.plots.style import figure

KIND = Kind("toy", 99, lambda case: Measured("A toy", table=pd.DataFrame({"unit": []})),
            lambda measured: figure(), "a toy")
""",
        encoding="utf-8",
    )
    monkeypatch.setattr(pictures, "__path__", [*pictures.__path__, str(tmp_path)])
    assert kinds()[-1].name == "toy"
    sys.modules.pop("sim.plots.pictures.toy_scatter")


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    found = []
    for folder in (tmp_path / "a", tmp_path / "b"):
        for name in ("shortage",):
            measured = _kind(name).measure(_case(SHOCK))
            save_picture(_kind(name).draw(measured), folder, name, measured.title, measured.table)
        found.append({p.name: hashlib.sha256(p.read_bytes()).hexdigest() for p in folder.iterdir()})
    assert found[0] == found[1]


def _variant(name: str, label: str, shock: float) -> Run:
    """A variant of a sweep as it is stored: its scenario's title, a name of its own, and what varies."""
    run = _run(make_dataset(name, shock=shock), "A licence on heavy rare earths")
    return Run(run.directory, {**run.manifest, "sweep": {"scenario": "licence", "label": label}}, run.dataset)


def test_scenarios_are_called_by_what_tells_them_apart() -> None:
    twins = [_run(make_dataset(name, shock=1.0), "A licence") for name in ("licence-a", "licence-b")]
    variants = [_variant("licence_0", "ban from 2026-07", 1.0), _variant("licence_1", "ban from 2027", 0.5)]
    named = [shown.name for shown in line_up([BASE, *twins, *variants], "baseline-test").scenarios]
    assert named == [
        "A licence (licence-a)", "A licence (licence-b)",
        "A licence on heavy rare earths: ban from 2026-07", "A licence on heavy rare earths: ban from 2027",
    ]  # fmt: skip
    assert titles([BASE, *variants])[0] == "No new controls"
    # The title of a single scenario goes without saying.
    alone = line_up([BASE, *variants], "baseline-test")
    assert [shown.name for shown in alone.scenarios] == ["ban from 2026-07", "ban from 2027"]
    heads = compare([BASE, *variants], "baseline-test", [GOOD]).names
    assert list(heads.values()) == ["baseline-test", "licence: ban from 2026-07", "licence: ban from 2027"]


@pytest.mark.parametrize("kind", kinds(), ids=lambda kind: kind.name)
def test_no_picture_shows_the_number_of_a_variant(kind: Kind) -> None:
    variants = [_variant("licence_0", "ban from 2026-07", 1.0), _variant("licence_1", "ban from 2027", 0.5)]
    measured = kind.measure(_case(*variants))
    assert "licence_" not in measured.words
    if not measured.nothing:
        drawn = [text.get_text() for text in kind.draw(measured).findobj(Text)]
        # The footer names the folders of the runs.
        assert not [said for said in drawn if "licence_" in said and not said.startswith("Unit:")]
    elif kind.name == "dose":
        assert "monazite sweep licence events.licence" in measured.nothing


def test_what_varies_is_named_in_words() -> None:
    lined = line_up([BASE, _run(make_dataset("licence-test", shock=1.0))], "baseline-test")
    varies = json.dumps(["assumptions.thrift_speed", "events.licence.approval_share"])
    lined.scenarios[0].run.dataset.attrs["varies"] = varies
    said = "Between members varies, besides their draws: thrift speed, licence: approval share."
    assert said in lined.footer("t", "")


def test_the_title_speaks_of_the_line_that_is_drawn() -> None:
    measured = _kind("price").measure(_case(SHOCK))
    line = line_of(measured.table, "licence-test", "outside")
    assert f"peaks at {number(float(line.max()))} USD/kg" in measured.title
    figure = _kind("price").draw(measured)
    drawn = [artist for artist in figure.axes[1].lines if len(artist.get_ydata()) == len(line)]
    assert any(np.allclose(artist.get_ydata(), line) for artist in drawn)
    members = SHOCK.dataset["price_outside"].sel(good=GOOD).values / 1000
    np.testing.assert_allclose(line, np.median(members, axis=0), rtol=1e-6)


def test_titles_of_scenarios_stand_in_titles_and_beside_lines() -> None:
    half = _run(make_dataset("half", shock=0.4), "Half a licence")
    measured = _kind("price").measure(_case(SHOCK, half))
    assert "under \u201cA licence on heavy rare earths\u201d" in measured.title
    assert "\u201cHalf a licence\u201d" in measured.title
    names = " ".join(text for _, text, _, _ in measured.look["lines"]["outside"])
    assert "Half a licence" in names
    assert "licence-test" not in measured.title + names
    calm = _kind("price").measure(_case(SHOCK, good="gallium_refined"))
    assert "never rises 10 %" in calm.title


def test_titles_say_what_the_tables_say() -> None:
    short = _kind("shortage").measure(_case(SHOCK))
    assert f"{100 * shortage_table(SHOCK.dataset, GOOD)['p50'].max():.0f} %" in short.title
    assert short.table["shown"].max() == shortage_table(SHOCK.dataset, GOOD)["shown"].max()
    stocks = _kind("stocks").measure(_case(SHOCK))
    cover = stocks.table[(stocks.table["scenario"] == "baseline-test") & (stocks.table["unit"] == "weeks")]
    assert f"hold {cover['drawn'].iloc[0]:.1f} weeks" in stocks.title
    first = stocks.table[stocks.table["measure"] == "first shortage"]["drawn"].iloc[0]
    assert f"short after {first:.0f} month" in stocks.title


def test_what_countries_gain_is_split_exactly() -> None:
    case = _case(SHOCK)
    parts = contributions(case, case.lined.scenarios[0])
    # Japan makes no oxide and buys it outside: it pays more for what it gets.
    now, before = (run.dataset for run in (SHOCK, BASE))
    mine = (now["need_good"].values == GOOD) & (now["need_country"].values == "JPN")
    got = (now["requirement"] - now["shortfall"]).values[..., mine].sum(axis=-1)
    dearer = (now["price_outside"] - before["price_outside"]).sel(good=GOOD).values
    np.testing.assert_allclose(parts["JPN"]["price, users"], -(dearer * got).sum(axis=1), rtol=1e-5)
    # What Malaysia sells: price and volume together are all that its sales change by.
    sold = now["offer_country"].values == "MYS"
    revenue = [
        (
            run["price_outside"].sel(good=GOOD).values * run["production"].values[..., sold].sum(axis=-1)
        ).sum(axis=1)
        for run in (now, before)
    ]
    change = parts["MYS"]["price, producers"] + parts["MYS"]["volume, producers"]
    np.testing.assert_allclose(change, revenue[0] - revenue[1], rtol=1e-4)
    measured = _kind("winners").measure(case)
    net = measured.table[(measured.table["part"] == "net, trade") & (measured.table["country"] == "JPN")]
    total = sum(usd for part, usd in parts["JPN"].items() if part != "value added at risk")
    np.testing.assert_allclose(net["drawn"].iloc[0], total.mean() / 1e6)


def _with_events(dataset: xr.Dataset, *events: dict[str, object]) -> xr.Dataset:
    return dataset.assign_attrs(events=json.dumps(list(events)))


def _event(name: str, goods: list[str], **more: object) -> dict[str, object]:
    day = {"announced": "", "from": "2025-04-01", "until": "", "in_base_year": False, "sentence": name}
    return {"id": name, "type": "import_tariff", "goods": goods, **day, **more}


def test_only_events_that_touch_the_good_are_shown_in_the_colour_of_their_scenario() -> None:
    mine = _event("on-oxide", [GOOD])
    ore, other = _event("on-ore", ["ree_concentrate"]), _event("on-gallium", ["gallium_refined"])
    old = _event("long-since", [GOOD], in_base_year=True)
    one = _run(_with_events(make_dataset("one", shock=1.0), mine, ore, other, old))
    two = _run(_with_events(make_dataset("two", shock=0.5), mine, _event("unsaid", [])))
    case = _case(one, two)
    lanes = {lane.text.split(" (")[0]: lane.colours for lane in event_lanes(case)}
    first, second = (shown.colour for shown in case.lined.scenarios)
    assert lanes == {"on oxide": (first, second), "on ore": (first,), "unsaid": (second,)}


def test_a_baseline_with_events_is_named() -> None:
    base = _run(_with_events(make_dataset("baseline-test"), _event("old_tariff", [GOOD])), "With a tariff")
    case = line_up([base, SHOCK], "baseline-test").of(GOOD)
    said = _kind("price").measure(case).subtitle
    assert "With a tariff, itself with old tariff" in said


def test_chains_of_sweeps_are_those_of_the_world() -> None:
    assert upstream(BASE.dataset, GOOD) == ["ree_concentrate"]
    assert downstream(BASE.dataset, "ree_concentrate") == [GOOD, "ndfeb_magnet"]
    bare = BASE.dataset.drop_vars(["offer_facility", "need_facility"])
    bare = bare.assign_coords(
        good=["ree_concentrate_bastnaesite", GOOD, "ndfeb_high_temperature", "gallium_refined"]
    )
    assert upstream(bare, GOOD) == ["ree_concentrate_bastnaesite"]
    assert touched_goods(BASE.dataset, {"id": "x"}) is None


@pytest.mark.parametrize("good", ["ree_concentrate", GOOD, "ndfeb_magnet", "gallium_refined"])
def test_one_member_and_baseline_alone(good: str) -> None:
    single = _run(make_dataset("baseline-test", members=1, steps=24))
    for kind in kinds():
        measured = kind.measure(line_up([single], "baseline-test").of(good))
        assert measured.nothing or len(measured.table)


def test_more_scenarios_than_colours_are_named_as_left_out() -> None:
    runs = [_run(make_dataset(f"s{i}", members=1, steps=14), f"Number {i}") for i in range(MOST + 2)]
    lined = line_up([BASE, *runs], "baseline-test")
    assert len(lined.scenarios) == MOST
    assert f"Number {MOST}, Number {MOST + 1}" in _kind("price").measure(lined.of(GOOD)).note


def test_scenarios_that_share_a_title_are_told_apart() -> None:
    twins = [_run(make_dataset(name, shock=1.0, members=2), "Twins") for name in ("castor", "pollux")]
    names = [shown.name for shown in line_up([BASE, *twins], "baseline-test").scenarios]
    assert names == ["Twins (castor)", "Twins (pollux)"]


def test_weekly_steps_and_no_trade_outside() -> None:
    weekly = [
        _run(make_dataset(n, shock=s, steps=104, step="week", members=3)) for n,
        s in (("baseline-test", 0.0), ("one", 1.0))
    ]
    assert "peaks at" in _kind("price").measure(line_up(weekly, "baseline-test").of(GOOD)).title
    dataset = make_dataset("embargo", shock=1.0)
    dataset["price_outside"][:, 15:, 1] = np.nan
    assert faults(_kind("price").draw(_kind("price").measure(_case(_run(dataset))))) == []
    dataset["price_outside"][:, :, 1] = np.nan
    assert "nothing trades" in _kind("price").measure(_case(_run(dataset))).title


def test_many_events_keep_their_lanes() -> None:
    events = [_event(f"event_{i}", [GOOD], **{"from": f"2025-{i:02d}-01"}) for i in range(1, 13)]
    case = _case(_run(_with_events(make_dataset("spiral", shock=1.0), *events)))
    lanes = event_lanes(case)
    assert len(lanes) == MAXIMUM_LANES
    assert lanes[-1].text == f"and {13 - MAXIMUM_LANES} more events"
    assert faults(_kind("price").draw(_kind("price").measure(case))) == []


def test_observed_dots_are_named_and_stand_in_the_table() -> None:
    observed = {

        "dot": {
            "series": f"price_outside.{GOOD}", "at": "2025-10-01", "value": "850 USD/kg", "source": "press"
        }
    }
    run = Run(SHOCK.directory, {**SHOCK.manifest, "observed": observed}, SHOCK.dataset)
    measured = _kind("price").measure(_case(run))
    assert "dots: observed, press" in measured.subtitle
    assert measured.table.query("scenario == 'observed'")["drawn"].tolist() == [850.0]
    assert faults(_kind("price").draw(measured)) == []


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "plots").write_text("x")
    measured = _kind("price").measure(_case(SHOCK))
    with pytest.raises(MonaziteError, match="cannot write pictures"):
        save_picture(_kind("price").draw(measured), tmp_path / "plots", "x", measured.title, measured.table)


def test_extreme_prices_use_a_logarithmic_axis() -> None:
    dataset = make_dataset("extreme", shock=1.0)
    dataset["price_outside"][:, 20, 1] = 1e9
    measured = _kind("price").measure(_case(_run(dataset)))
    assert "1,000,000 USD/kg" in measured.title
    assert "logarithmic" in measured.note
    assert _kind("price").draw(measured).axes[1].get_yscale() == "log"


def test_lines_rise_with_the_event_and_not_before() -> None:
    measured = _kind("price").measure(_case(SHOCK))
    line = line_of(measured.table, "licence-test", "outside")
    assert line[SHOCK_START + 1] > 1.1 * line[SHOCK_START]
    steps = {
        artist.get_drawstyle() for artist in _kind("price").draw(measured).axes[1].lines
        if len(artist.get_ydata()) == len(line)
    }
    assert steps == {"steps-post"}


def test_supply_never_adds_unlike_units() -> None:
    table = _kind("supply").measure(_case(SHOCK)).table
    assert table.groupby("panel")["unit"].nunique().max() == 1
    oxide = table.query("panel == 'Output: dysprosium oxide' and scenario == 'baseline of licence-test'")
    np.testing.assert_allclose(oxide.groupby("time")["rate"].sum(), 2120.0, rtol=1e-4)
    used = table[
        table["panel"].str.startswith("Use outside") & (table["scenario"] == "baseline of licence-test")
    ]
    np.testing.assert_allclose(used.groupby("time")["rate"].sum(), 420.0, rtol=1e-4)


def _traded(name: str, factor: float) -> Run:
    """A run whose trade in the good in 2026 is so much of what it is in the other years."""
    dataset = make_dataset(name, shock=1.0 - factor)
    less = (dataset["link_good"].values == GOOD) & (dataset["year"].values == 2026)[:, None]
    dataset["flow"] = dataset["flow"] * np.where(less, factor, 1.0)
    return _run(dataset, f"Trade times {factor}")


def test_flows_show_the_year_in_which_most_is_lost() -> None:
    case = _case(_traded("halved", 0.5))
    found = traded(case, case.lined.scenarios[0], (GOOD,))
    assert found is not None
    assert found.year == 2026
    np.testing.assert_allclose(found.table["now"].sum(), found.table["before"].sum() / 2, rtol=1e-5)
    flows = _kind("flows").measure(case)
    assert "50 % less crosses borders in 2026" in flows.title
    assert flows.title.endswith(" t"), flows.title
    assert faults(_kind("flows").draw(flows)) == []
    parts = flows.table[["kept", "lost", "more"]].sum(axis=1)
    np.testing.assert_allclose(parts, flows.table[["before", "now"]].max(axis=1), rtol=1e-6)
    world = _kind("map").measure(case)
    assert "t less in 2026" in world.title
    assert faults(_kind("map").draw(world)) == []
    assert "no scenario" in _kind("map").measure(_case()).nothing
    assert "changes by less" in _kind("flows").measure(_case(_traded("same", 1.0))).nothing


def test_outlines_hold_the_countries_that_trade() -> None:
    assert {"CHN", "JPN", "USA", "DEU", "AUS", "MYS"} <= outlines().keys()
    left, right, bottom, top = FRAME
    for place in ("CHN", "AUS", "USA"):
        x, y = middles()[place]
        assert left < x < right
        assert bottom < y < top


def test_a_figure_is_svg_for_a_page() -> None:
    figure = _kind("shortage").draw(_kind("shortage").measure(_case(SHOCK)))
    assert svg_text(figure) == svg_text(figure)
    assert svg_text(figure).startswith("<?xml")


@given(st.text("abcdefgh .%0123456789", min_size=1, max_size=120), st.floats(0.8, 4.0))
def test_wrapped_words_fit_and_none_is_lost(text: str, inches: float) -> None:
    lines = wrapped(text, inches, 9.0)
    assert lines.replace("\n", " ").replace("\u00a0", " ").split() == text.split()
    for line in lines.split("\n"):
        assert width(line, 9.0) <= inches or " " not in line.strip()
    assert shortened(text, inches, 9.0, 2).count("\n") <= 1


@given(st.lists(st.floats(0, 1), min_size=1, max_size=12), st.floats(0.001, 0.05))
def test_labels_are_moved_apart_and_stay_in_order(positions: list[float], gap: float) -> None:
    placed = spread(positions, gap, 0.0, 1.0)
    order = np.argsort(positions, kind="stable")
    assert (np.diff(np.array(placed)[order]) >= gap * (1 - 1e-6)).all()
    assert min(placed) >= -1e-12
    assert max(placed) <= 1 + 1e-12
    apart = np.diff(np.sort(positions)) >= gap
    if apart.all() and max(positions) <= 1 - gap * len(positions):
        np.testing.assert_allclose(placed, positions, atol=1e-12)
    sizes = [gap * (1 + i % 3) for i in range(len(positions))]
    middles = np.array(stacked(positions, sizes, 0.0, 2.0))
    low, high = middles - np.array(sizes) / 2, middles + np.array(sizes) / 2
    rank = np.argsort(middles)
    assert (low[rank][1:] >= high[rank][:-1] - 1e-9).all()


def test_places_are_those_of_the_world_in_use(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another folder of tables has places of its own, before and after."""
    usual = middles()["CHN"]
    (tmp_path / "countries.csv").write_text("iso3,lon,lat\nCHN,0,0\n", encoding="utf-8")
    monkeypatch.setenv("MONAZITE_WORLD", str(tmp_path))
    assert list(middles()) == ["CHN"]
    monkeypatch.delenv("MONAZITE_WORLD")
    np.testing.assert_array_equal(middles()["CHN"], usual)
    assert "AUS" in middles()


def test_titles_speak_of_countries_and_months_as_people_do() -> None:
    case = _case(SHOCK)
    short = _kind("map").measure(case)
    worst = short.table[short.table["what"] == "unmet share"].sort_values("drawn")["country"].iloc[-1]
    assert f"is missing most in {in_words(str(worst))}: " in short.title
    stocks = _kind("stocks").measure(case).title
    assert "after 0 months" not in stocks
    found = _kind("shortage").measure(case)
    many = found.table.groupby("country")["shown"].max().drop("ROW", errors="ignore").sort_values()
    others = int((many[:-1] >= many.iloc[-1] / 2).sum())
    assert found.title.endswith(f" and {others - 3} more") == (others > 3), found.title
