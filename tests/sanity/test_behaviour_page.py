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

PAGE = (Path(__file__).parents[2] / "docs" / "behaviour.md").read_text(encoding="utf-8")


def months(time: Dates, first: str, last: str) -> npt.NDArray[np.bool_]:
    return (time >= np.datetime64(first)) & (time <= np.datetime64(last))


def test_an_announcement_fills_stocks_and_moves_both_prices() -> None:
    time, found = measures.measure_notice(1)
    notice, ban = months(time, "2025-01", "2025-06"), months(time, "2025-07", "2026-06")
    ahead, late, dropped = (
        {name: values[0] for name, values in found[run].items()}
        for run in ("half a year's notice", "no notice", "notice, then dropped")
    )
    assert (ahead["stock"][notice][2:] > 1.1).all()
    for price in ("outside", "inside"):
        assert (ahead[price][notice][1:] > 1.005).all()
    np.testing.assert_allclose(ahead["outside"][notice], ahead["inside"][notice], rtol=0.05)
    assert ahead["exports"][notice].max() > 1.1
    assert 1 <= ahead["exports"][notice].argmax() <= 3, "highest soon after the news, not just before the ban"
    np.testing.assert_allclose(late["outside"][notice], 1, rtol=1e-6)
    assert ahead["exports"][ban].max() < 0.01
    assert 1.2 < ahead["outside"][ban].max() < late["outside"][ban].max(), "notice takes off the peak"
    assert ahead["use abroad"][ban].sum() > late["use abroad"][ban].sum()
    year_after = months(time, "2025-10", "2026-09")
    assert (dropped["exports"][year_after] < 1).all(), "a scare that comes to nothing is followed by a lull"
    assert dropped["outside"][time >= np.datetime64("2026-07")].min() < 1


def test_a_control_on_exports_parts_the_prices_and_a_cut_of_output_does_not() -> None:
    time, found = measures.measure_sides(1)
    control, cut = (
        {name: values[0] for name, values in found[run].items()}
        for run in ("control on exports", "cut of output")
    )
    force = months(time, "2025-04", "2027-12")
    assert (control["outside"][force] > 1).all()
    assert (control["inside"][force] < 1).all()
    assert (control["outside"] / control["inside"])[months(time, "2025-10", "2026-12")].min() > 1.15
    first, second = months(time, "2025-04", "2025-12"), months(time, "2026-01", "2026-12")
    assert (cut["outside"][first] > 1).all()
    assert (cut["inside"][first] > 1).all()
    gap = cut["outside"][force] / cut["inside"][force]
    assert np.abs(gap - 1).max() < 0.1
    assert (cut["inside"][force] > cut["outside"][force]).all(), "abroad other makers help"
    assert cut["outside"][first].mean() < control["outside"][first].mean()
    assert cut["outside"][second].mean() < control["outside"][second].mean()
    third = months(time, "2027-01", "2027-12")
    assert cut["outside"][third].mean() > control["outside"][third].mean(), "slower, but longer"
    whole = months(time, "2025-01", "2027-12")
    made = cut["output of China"]
    np.testing.assert_allclose(made[whole], made[whole][0], rtol=0.02, err_msg="the ceiling lasts")
    assert made[months(time, "2028-01", "2028-01")].item() > 1.2, "and output overshoots afterwards"
    assert cut["exports"][third].mean() < made[third].mean()
    gap_of_control = control["outside"] / control["inside"]
    assert gap_of_control[whole][-1] < 0.95 * gap_of_control[whole].max(), "the gap narrows"
    assert control["output abroad"][second].mean() > 1.02
    start = months(time, "2025-01", "2025-01")
    assert cut["output of China"][start].item() < 0.85
    assert control["output of China"][start].item() > 0.95


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
    peaks = []
    for name, amount in measures.QUOTAS.items():
        series = {key: values[0] for key, values in found[name].items()}
        rent = series["rent"][force]
        np.testing.assert_allclose(
            series["t exported a year"][force][6:], float(amount.removesuffix(" t")), rtol=0.02
        )
        assert (rent > 1e-3).all(), "it never stops binding"
        assert rent[-1] < 0.9 * rent.max()
        assert 3 <= rent.argmax() < len(rent) - 3
        assert series["rent"][after].max() < 1e-6
        assert series["stock"][force].min() < 1
        assert series["stock"][force][-1] > 1, "stocks grow beyond what they were while the quota binds"
        assert series["stock"][after].max() > series["stock"][force][-1], "and on after its end"
        assert series["output abroad"][force][-12:].mean() > 1
        assert series["use abroad"][force][-12:].mean() < 1
        assert series["outside"][after].min() < 1
        peaks.append(rent.max())
    assert peaks == sorted(peaks), "the tighter, the dearer"


@pytest.mark.slow
def test_a_by_product_answers_with_its_price_only_where_a_scenario_ties_it() -> None:
    time, found = measures.measure_by_product(1)
    second = months(time, "2026-01", "2026-12")
    price, output = (
        {name: series[what][0][second].mean() for name, series in found.items()}
        for what in ("price", "output")
    )
    assert all(1.02 < value < 3 for value in price.values())
    assert all(value > 1 for value in output.values())
    assert output["gallium, tied"] < 1.05 < output["lithium"]
    assert price["gallium, tied"] > price["gallium"] > price["lithium"]


@pytest.mark.slow
def test_the_first_user_stops_when_stock_and_cargo_are_used_up() -> None:
    found = measures.measure_stop(1)
    for good, stop in found.items():
        force = slice(stop.start, stop.release)
        assert stop.price[0, force].max() > 1.5
        assert stop.price[0, stop.release + 1] < 0.5 * stop.price[0, stop.release - 1], (
            "the price is back at once"
        )
        assert stop.lack[0, stop.release] > 0.5 * stop.lack[0, stop.release - 1], "the goods are not"
        assert stop.lack[0, stop.release + 20 :].max() < 0.01
        if good == "Germanium":
            assert stop.lack[0, force].max() < 0.3
            continue
        first = stop.stops[0].argmin()
        held = stop.stock[first] + stop.under_way[first]
        assert stop.stock[first] < stop.stops[0, first] < 2 * held
    refiners = [user.startswith("Refiners") for user in found["Gallium"].users]
    stops = found["Gallium"].stops[0]
    assert stops[refiners].min() < stops[np.logical_not(refiners)].min()


def test_stocks_under_a_quota_are_held_up_by_perceived_risk() -> None:
    calm = ["+assumptions.risk_cover_response=0", "+assumptions.risk_price_premium=0"]
    last = []
    for assumptions in ([], calm):
        _, found = measures._compare(
            measures.METAL, {"quota": [measures.CONTROL]},
            [measures.GERMANIUM, "time.end=2027-12", *assumptions], 1,
        )  # fmt: skip
        last.append(found["quota"]["stock"][0, -1])
    assert last[1] < 0.7 < 1.2 < last[0]


def test_an_input_and_its_product_stopped_together_run_away() -> None:
    oxide, magnet = "dysprosium_oxide", "ndfeb_magnet_high_temperature"
    common = ["minerals=[dysprosium]", "time.end=2026-06"]

    def prices(*goods: str) -> dict[str, npt.NDArray[np.float64]]:
        stop = (
            f"+events.stop={{type: export_ban, by: CHN, to: world, goods: [{', '.join(goods)}], "
            "from: 2024-07-01, until: 2026-06-30, assumption: an example}"
        )
        run = measures.Watched(measures.BASE, {}, [*common, *([stop] if goods else [])], 1)
        found = run.data["price_outside"].fillna(run.data["quote_outside"])
        return {good: found.sel(good=good).values[0].astype(float) for good in (oxide, magnet)}

    free, alone, product, both = prices(), prices(oxide), prices(magnet), prices(oxide, magnet)
    assert 2 < (alone[oxide] / free[oxide]).max() < 10
    assert 5 < (product[magnet] / free[magnet]).max() < 20
    spiral = both[oxide] / free[oxide]
    assert spiral.max() > 20
    assert (np.diff(spiral[7:]) > 0).all(), "month by month, for two years"
    assert (product[oxide] < 1.05 * free[oxide]).all()


def test_steps_until_a_ratio_stays_near_one() -> None:
    ratio = np.array([[2, 2, 1, 1, 1], [2, 2, 1, 2, 1], [2, 1, 1, 1, 2], [2, 1, 1, 1, 1], [1, 1, 1, 1, 1.0]])
    np.testing.assert_array_equal(measures.settled(ratio, 1), [1, 3, np.inf, 0, 0])


@pytest.mark.parametrize("event", ["NOTICE", "CONTROL", "CUT", "DEMAND", "STOP"])
def test_the_page_shows_the_scenarios_that_were_run(event: str) -> None:
    assert getattr(measures, event) in PAGE


def test_every_table_and_picture_has_its_place() -> None:
    assert set(re.findall(r"<!-- numbers: ([\w-]+) -->", PAGE)) == set(pictures.SECTIONS)
    blank = pictures.with_tables(PAGE, {name: {"something": "7 weeks"} for name in pictures.SECTIONS})
    assert blank.count("| something | 7 weeks |") == len(pictures.SECTIONS)
    with pytest.raises(ValueError, match="no place for the numbers of 'nothing'"):
        pictures.with_tables(PAGE, {"nothing": {}})
    images = {path.name for path in pictures.PAGE.parent.glob("images/behaviour_*.png")}
    assert images == set(re.findall(r"images/(behaviour_[\w-]+\.png)", PAGE))
