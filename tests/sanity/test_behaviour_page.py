"""What docs/behaviour.md says the model does by itself: signs and order, on the central run."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from scripts import behaviour_measures as measures
from scripts import behaviour_pictures as pictures
from scripts.picture_tools import Dates
from scripts.results_tables import with_tables

PAGE = (Path(__file__).parents[2] / "docs" / "behaviour.md").read_text(encoding="utf-8")


def months(time: Dates, first: str, last: str) -> npt.NDArray[np.bool_]:
    return (time >= np.datetime64(first)) & (time <= np.datetime64(last))


def test_an_announcement_moves_both_prices_at_once_and_fills_stocks() -> None:
    time, found = measures.measure_notice(1)
    notice, ban = months(time, "2025-01", "2025-06"), months(time, "2025-07", "2026-06")
    ahead, late, dropped = (
        {name: values[0] for name, values in found[run].items()}
        for run in ("half a year's notice", "no notice", "notice, then dropped")
    )
    price = ahead["outside"][notice]
    assert price[0] - 1 > 0.4 * (price[-1] - 1) > 0.02, "at once by about half"
    assert (np.diff(price) > 0).all(), "then slowly: holders are paid for storage"
    assert (ahead["inside"][notice] > 1.02).all()
    assert (ahead["inside"][notice] < price).all(), "inside somewhat less"
    np.testing.assert_allclose(late["outside"][notice], 1, rtol=1e-6)
    assert ahead["exports"][notice].argmax() == 0
    assert (ahead["exports"][notice] > 1.03).all()
    assert 1.25 < ahead["stock"][notice][-1] < 2, "nearly half as much again"
    peaks = [run["outside"][ban].max() - 1 for run in (ahead, late)]
    assert 0.1 < peaks[0] < 0.5 * peaks[1], "notice takes off most of the peak"
    lacking = [1 - (run["use abroad"][ban].sum() / run["need abroad"][ban].sum()) for run in (ahead, late)]
    assert lacking[0] < 0.8 * lacking[1]
    assert ahead["use abroad"][ban].mean() < 1.03 * late["use abroad"][ban].mean(), "but not by using more"
    assert ahead["need abroad"][ban].mean() < late["need abroad"][ban].mean()
    assert ahead["outside"][ban].argmax() < 9
    assert late["outside"][ban].argmax() < 6
    assert late["outside"][ban][-1] - 1 < 0.5 * peaks[1], "a known end brings the price down before it comes"
    assert ahead["outside"][ban][0] < price[-1], "a dip where stocks are fullest"
    assert ahead["stock"][ban].argmax() == 0
    year = months(time, "2026-07", "2027-06")
    assert (ahead["outside"][year] < 0.97).all()
    assert (ahead["outside"][year] < late["outside"][year]).all(), "lower still with notice"
    drop = dropped["outside"][time >= np.datetime64("2025-06")]
    assert drop.argmin() == 0, "a ban that is dropped leaves a glut"
    assert drop[0] < 0.93 < drop[12] < 0.99
    assert dropped["exports"][months(time, "2025-06", "2025-06")].item() < 0.4
    assert abs(dropped["stock"][months(time, "2025-09", "2025-09")].item() - 1) < 0.05


def test_a_control_on_exports_parts_the_prices_and_a_cut_of_output_does_not() -> None:
    time, found = measures.measure_sides(1)
    control, cut = (
        {name: values[0] for name, values in found[run].items()}
        for run in ("control on exports", "cut of output")
    )
    first, second, third, after = (months(time, f"{y}-01", f"{y}-12") for y in (2025, 2026, 2027, 2028))
    force = months(time, "2025-01", "2027-12")
    assert (control["outside"][force] > 0.98).all()
    assert (control["inside"][force] < 1).all()
    assert control["outside"][force][0] > 1.15, "from the first month"
    inside = [control["inside"][months(time, m, m)].item() for m in ("2025-03", "2025-09", "2026-06")]
    assert inside == sorted(inside, reverse=True), "it goes on falling"
    assert control["outside"][first].mean() > control["outside"][second].mean() + 0.1
    assert control["outside"][second].mean() > control["outside"][third].mean() > 1, "over two years"
    for years in (first, third):
        assert control["output of China"][years].mean() < 0.97
        assert control["output abroad"][years].mean() > 1.01
    assert control["use abroad"][third].mean() - 1 < -0.05
    assert control["output abroad"][first].mean() > control["output abroad"][third].mean()

    gap = cut["outside"][force] / cut["inside"][force]
    assert np.abs(gap - 1).max() < 0.1, "one price"
    assert (gap < 1).all(), "abroad other makers help"
    assert cut["outside"][force][0] > 1.15
    made = cut["output of China"]
    np.testing.assert_allclose(made[force], made[force][0], rtol=0.02, err_msg="the ceiling lasts")
    assert made[force][0] < 0.85
    assert cut["exports"][force][0] > made[force][0], "makers sell off stocks"
    assert (cut["exports"][force][2:30] < made[force][2:30] + 1e-3).all(), "until its known end is near"
    means = [[run["outside"][y].mean() for y in (first, second, third)] for run in (cut, control)]
    assert abs(means[0][0] - means[1][0]) < 0.1, "as dear at first"
    assert means[0][1] < means[1][1]
    assert means[0][2] < means[1][2]
    assert means[0][2] < 1, "below the old level while the cut is in force"
    assert made[after][0] < 0.9 < 0.97 < made[after][:8].max() < 1.05, "output comes back over half a year"
    assert made[after][-1] < made[after].max()
    assert cut["outside"][after].min() < 0.9


def test_control_and_cut_take_away_as_much_on_paper() -> None:
    run = measures.Watched(
        measures.BASE, {"out": (("germanium_metal",), "CHN", "!CHN")},
        [measures.GERMANIUM, "time.end=2024-12"], 1,
    )  # fmt: skip
    made = (run.data["offer_good"].values == measures.METAL) & (run.data["offer_country"].values == "CHN")
    exports = run.world.base_flow[list(run.data["good"].values).index(measures.METAL)]
    origin, destination = run.world.link_countries(list(run.data["good"].values).index(measures.METAL))
    china = run.world.countries.index("CHN")
    abroad = exports[np.ix_(origin == china, destination != china)].sum()
    kept_back = abroad - _amount(measures.CONTROL)
    not_made = run.world.offer_output[made].sum() - _amount(measures.CUT)
    assert kept_back == pytest.approx(not_made, rel=0.05)
    assert kept_back == pytest.approx(abroad / 2, rel=0.05)


def _amount(event: str) -> float:
    found = re.search(r"amount: ([\d.]+) t/year", event)
    assert found
    return float(found.group(1))


def test_a_quota_of_three_years_binds_to_the_end_but_its_rent_falls() -> None:
    time, found = measures.measure_quota(1)
    force, after = months(time, "2025-01", "2027-12"), months(time, "2028-01", "2029-12")
    third = months(time, "2027-01", "2027-12")
    peaks, falls, lows = [], [], []
    for name, amount in measures.QUOTAS.items():
        series = {key: values[0] for key, values in found[name].items()}
        rent, price, stock = series["rent"][force], series["outside"][force], series["stock"][force]
        np.testing.assert_allclose(
            series["t exported a year"][force][6:], float(amount.removesuffix(" t")), rtol=0.02
        )
        assert (rent > 1e-3).all(), "it never stops binding"
        assert rent.argmax() < 6, "the rent is highest within the first half-year"
        assert 0.4 < rent[-1] / rent.max() < 0.75
        assert price[0] > 1.05
        assert 1 < price[-6:].mean() < 1.12, "a few per cent above the old level under all three"
        falls.append((price[:6].mean() - 1) / (price[-6:].mean() - 1))
        assert series["inside"][third].mean() < 1
        assert series["output abroad"][force][:12].mean() > series["output abroad"][third].mean() > 1
        use = series["use abroad"][force]
        assert 1 > use[:12].mean() > use[12:24].mean() - 0.01
        assert abs(use[24:].mean() - use[12:24].mean()) < 0.02, "thrift stays"
        assert stock[:24].min() > 0.8
        assert stock.argmin() >= 34, "stocks are run down before the end"
        assert series["rent"][after].max() < 1e-6
        assert series["stock"][after][3] > stock[-1] + 0.03
        peaks.append(rent.max())
        lows.append(series["outside"][after].min())
    assert peaks == sorted(peaks), "the tighter, the dearer"
    assert falls == sorted(falls), "the tighter, the faster the price comes down"
    assert lows == sorted(lows, reverse=True)
    assert lows[-1] < 0.93 < 0.95 < lows[0]


@pytest.mark.slow
def test_a_by_product_is_dearer_than_a_main_product_and_more_so_where_a_scenario_ties_it() -> None:
    time, found = measures.measure_by_product(1)
    second, end = months(time, "2026-01", "2026-12"), months(time, "2028-07", "2028-12")
    price, output = (
        {name: series[what][0] for name, series in found.items()} for what in ("price", "output")
    )
    leap = {name: values.max() - 1 for name, values in price.items()}
    for name in ("gallium", "germanium", "cobalt"):
        assert leap[name] > 1.5 * leap["lithium"] > 0
        assert price[name].argmax() <= 6 + int(np.flatnonzero(time == np.datetime64("2025-01-01"))[0])
        assert price[name][second].mean() > price["lithium"][second].mean()
        assert 0.03 < output[name].max() - 1 < output["lithium"].max() - 1
    assert price["lithium"][second].mean() - 1 < 0.5 * leap["lithium"]
    assert output["lithium"].max() > 1.1, "by more than need"
    assert output["gallium, tied"].max() < 1.03 < output["gallium"].max()
    assert leap["gallium, tied"] > 1.3 * leap["gallium"]
    assert price["gallium, tied"][end].mean() > price["gallium"][end].mean()
    for name, values in output.items():
        assert 1 < values[end].mean() < 1.07, f"in the end users give way: {name}"


@pytest.mark.slow
def test_who_stops_stops_in_the_first_weeks_with_stocks_in_hand() -> None:
    # The page shows two years after the stop; what is said of them here shows in one.
    found = measures.measure_stop(1, "2026-06")
    shares = {}
    for good, stop in found.items():
        price, lack = stop.price[0], stop.lack["end users"][0]
        held = stop.held["end users"][0]
        first, last, free = stop.start, stop.release - 1, slice(stop.release, None)
        force = slice(first, stop.release)
        shares[good] = lack[force].mean()
        assert lack[first] > 0.5 * lack[force].max(), "at once"
        assert price[first] > 0.6 * price[force].max() > 0.9
        early, late = price[first : first + 26].mean(), price[last - 12 : last + 1].mean()
        assert early > 0.95 * late, "at least as high in the first half-year as in the last quarter"
        assert held[first - 1] > 4
        assert held[first : first + 5].max() > held[first - 1], "the last ships arrive"
        assert 1 < held[last] < 0.7 * held[first - 1], "stocks are kept for the year"
        assert lack[free].max() < max(lack[last], 0.01), "no more than in the last week"
        assert measures.settled(1 + lack[None], stop.release, 0.02)[0] <= 10
        down = price[stop.release]
        assert (down > 1.1) if good == "Gallium" else (down < 1.05), "within a week, but for gallium"
        assert 0.8 < price[stop.release + 26] < 1.02
    assert max(shares, key=shares.__getitem__) == "NdFeB magnets"
    assert min(shares, key=shares.__getitem__) == "Germanium"
    assert 0.35 < shares["NdFeB magnets"] < 0.65
    magnets = found["NdFeB magnets"]
    rise = magnets.price[0, magnets.release - 13 : magnets.release]
    assert rise[-1] > 1.2 * rise.min(), "once more in the last weeks"
    idle = {good: found[good].lack["plants"][0, found[good].start : found[good].release] for good in
            ("Dysprosium oxide", "Gallium")}  # fmt: skip
    assert idle["Gallium"][6:].min() > 0.6, "plants before factories"
    assert shares["Gallium"] < 0.4 * idle["Gallium"].mean()
    assert idle["Dysprosium oxide"].mean() < 0.2, "terbium does the same work, and is still sold"
    assert idle["Dysprosium oxide"][26:].max() < 0.1, "and recipes change"
    for good in idle:
        stop = found[good]
        assert stop.held["plants"][0, stop.release - 1] > 1.5, "plants keep their stock"


def test_prices_of_an_input_and_its_product_neither_swing_nor_run_away() -> None:
    oxide, magnet = "dysprosium_oxide", "ndfeb_magnet_high_temperature"
    common = ["minerals=[dysprosium]", "time.end=2026-06"]

    def prices(*goods: str) -> dict[str, npt.NDArray[np.float64]]:
        stop = (
            f"+events.stop={{type: export_ban, by: CHN, to: world, goods: [{', '.join(goods)}], "
            "from: 2024-07-01, until: 2026-06-30, assumption: an example}"
        )
        run = measures.Watched(measures.BASE, {}, [*common, *([stop] if goods else [])], 1)
        return {good: measures._standing(run, good, "outside")[0] for good in (oxide, magnet)}

    free, alone, product, both = prices(), prices(oxide), prices(magnet), prices(oxide, magnet)
    path = (alone[oxide] / free[oxide])[6:]
    assert 1.5 < path.max() < 5
    assert path.argmax() < 3, "at once"
    assert path[12:].max() < 0.8 * path.max(), "and down as plants turn to terbium and other recipes"
    assert np.abs(np.log(path[3:] / path[:-3])).max() < np.log(1.5), "not up and down"
    highest = (product[magnet] / free[magnet]).max(), (both[magnet] / free[magnet]).max()
    assert 5 < highest[0] < 0.6 * highest[1] < 60, "dearer where both are stopped"
    assert (both[oxide] / free[oxide]).max() < 20, "and nothing runs away"


def test_prices_swing_while_offices_let_little_through() -> None:
    oxide, magnet = "dysprosium_oxide", "ndfeb_magnet_high_temperature"
    run = measures.Watched("ree-licence-2025", {}, ["minerals=[dysprosium]", "time.end=2027-12"], 1)
    price = {good: measures._standing(run, good, "outside")[0] for good in (oxide, magnet)}
    early, late = months(run.time, "2025-04", "2026-03"), months(run.time, "2027-07", "2027-12")
    step = np.diff(np.log(price[oxide][early]))
    assert step.min() < -0.4 < 0.4 < step.max(), "halved and doubled from one month to the next"
    before = price[magnet][0]
    assert price[magnet][early].max() > 8 * before
    assert price[magnet][early][:3].argmin() == 1, "up, down, and up again"
    for good in (oxide, magnet):
        assert np.abs(np.diff(np.log(price[good][late]))).max() < 0.1, "both calm down"
        assert 1 < (price[good][late] / price[good][0]).mean() < 1.4


def test_steps_until_a_ratio_stays_near_one() -> None:
    ratio = np.array([[2, 2, 1, 1, 1], [2, 2, 1, 2, 1], [2, 1, 1, 1, 2], [2, 1, 1, 1, 1], [1, 1, 1, 1, 1.0]])
    np.testing.assert_array_equal(measures.settled(ratio, 1), [1, 3, np.inf, 0, 0])


@pytest.mark.parametrize("event", ["NOTICE", "CONTROL", "CUT", "DEMAND", "STOP"])
def test_the_page_shows_the_scenarios_that_were_run(event: str) -> None:
    assert getattr(measures, event) in PAGE


def test_every_table_and_picture_has_its_place() -> None:
    assert set(re.findall(r"<!-- numbers of ([\w-]+) -->", PAGE)) == set(pictures.SECTIONS)
    made = {f"numbers of {name}": pictures.table({"something": "7 weeks"}) for name in pictures.SECTIONS}
    assert with_tables(pictures.PAGE, made).count("| something | 7 weeks |") == len(pictures.SECTIONS)
    images = {path.name for path in pictures.PAGE.parent.glob("images/behaviour_*.png")}
    assert images == set(re.findall(r"images/(behaviour_[\w-]+\.png)", PAGE))
