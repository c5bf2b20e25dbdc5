"""Metrics on invented results, whose answers follow from the formulas that made them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.analysis import metrics
from sim.analysis.observed import observed_prices
from sim.analysis.paired import band, compare, paired
from sim.analysis.select import own_events, price_unit, select_goods, stages
from sim.errors import MonaziteError
from sim.results import Run
from tests.synthetic import SHOCK_START, make_dataset

DYSPROSIUM = "dysprosium_oxide"


def _run(dataset: object, name: str) -> Run:
    return Run(Path(name), {"scenario": name}, dataset)  # type: ignore[arg-type]


def test_peak_is_where_the_profile_peaks() -> None:
    dataset = make_dataset("a", shock=1.0, members=1)
    peak = metrics.peak_price(dataset, DYSPROSIUM, "outside")
    assert peak["price"].values[0] == pytest.approx(4 * 257_000, rel=1e-6)
    assert peak["date"].values[0] == dataset["time"].values[SHOCK_START + 12]


def test_a_good_that_never_trades_outside_has_no_peak() -> None:
    dataset = make_dataset("a")
    dataset["price_outside"][:, :, 1] = np.nan
    peak = metrics.peak_price(dataset, DYSPROSIUM, "outside")
    assert np.isnan(peak["price"].values).all()
    assert np.isnat(peak["date"].values).all()


def test_unmet_demand_adds_up_to_all_shortfall() -> None:
    dataset = make_dataset("a", shock=1.0)
    total = sum(
        metrics.unmet_demand(dataset, str(good))["tonnes"].sum("country").values
        for good in dataset["good"].values
    )
    np.testing.assert_allclose(total, dataset["shortfall"].sum(("time", "need")).values, rtol=1e-4)
    unmet = metrics.unmet_demand(dataset, DYSPROSIUM)
    assert unmet["tonnes"].sel(country="CHN").values.max() == 0
    assert unmet["share"].sel(country="JPN").values.min() > 0


def test_months_to_recover_counts_from_the_first_event_to_the_last_disturbed_step() -> None:
    months = np.arange(-2.0, 6.0)
    disturbed = np.zeros((4, 8), dtype=bool)
    disturbed[1, [3, 5]] = True  # back for good in the step at month 4, although in band at month 2
    disturbed[2, -1] = True
    disturbed[3, 0] = True  # before the event: not its doing
    assert metrics.months_to_recover(disturbed, months).tolist() == [0.0, 4.0, np.inf, 0.0]


@given(
    arrays.arrays(bool, st.tuples(st.integers(1, 4), st.integers(2, 30))),
    st.integers(0, 10),
)
def test_recovery_agrees_with_a_plain_loop(disturbed: np.ndarray, before: int) -> None:
    months = np.arange(disturbed.shape[1], dtype=float) - min(before, disturbed.shape[1] - 1)
    for row, found in zip(disturbed, metrics.months_to_recover(disturbed, months), strict=True):
        expected = 0.0
        for i, month in enumerate(months):
            if row[i] and month >= 0:
                expected = months[i + 1] if i + 1 < len(months) else np.inf
        assert found == expected


@given(
    arrays.arrays(float, (2, 30), elements=st.floats(0, 1)),
    st.integers(1, 40),
)
def test_worst_year_is_the_largest_window(share: np.ndarray, window: int) -> None:
    required = np.full(share.shape, 7.0)
    found = metrics.worst_year_share(share * required, required, window)
    width = min(window, share.shape[1])
    for row, value in zip(share, found, strict=True):
        means = [row[i : i + width].mean() for i in range(share.shape[1] - width + 1)]
        assert value == pytest.approx(max(means), abs=1e-9)


def test_months_since_counts_from_the_step_that_holds_the_day() -> None:
    time = np.array([np.datetime64("2024-01", "M") + i for i in range(30)]).astype("datetime64[ns]")
    months = metrics.months_since(np.datetime64("2025-04-04"), time)
    assert months[15] == 0
    assert months[14] == pytest.approx(-1, abs=0.05)
    assert months[27] == pytest.approx(12, abs=0.05)


def test_concentration_of_equal_and_single_producers() -> None:
    dataset = make_dataset("a", members=1)
    single = metrics.concentration(dataset, ["gallium_refined"])
    assert (single["hhi"].values == 10_000).all()
    assert (single["without_largest"].values == 0).all()
    mines = metrics.concentration(dataset, ["ree_concentrate"])
    shares = np.array([270, 60, 50]) / 380
    np.testing.assert_allclose(mines["hhi"].values, 1e4 * (shares**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(mines["top_3"].values, 1.0, rtol=1e-6)


def test_net_import_reliance() -> None:
    dataset = make_dataset("a", members=1)
    reliance = metrics.net_import_reliance(dataset, "ndfeb_magnet")
    assert reliance.sel(country="USA").item() == 1.0
    assert reliance.sel(country="CHN").item() == 0.0
    japan = 1 - 15_000 / (1.5 * 9_000 * (1 + 1 / 2 + 1 / 3))
    assert reliance.sel(country="JPN").item() == pytest.approx(japan, rel=1e-5)


def test_value_added_at_risk_by_country_and_sector() -> None:
    dataset = make_dataset("a", shock=1.0)
    by_country = metrics.value_added_at_risk(dataset)
    by_both = metrics.value_added_at_risk(dataset, ("country", "sector"))
    np.testing.assert_allclose(by_country.sum("group"), by_both.sum("group"))
    assert by_country.sel(group="CHN").values.max() == 0
    assert "JPN wind" in by_both["group"].values


def test_goods_by_id_and_by_mineral() -> None:
    dataset = make_dataset("a")
    assert select_goods(dataset, ["dysprosium", "ndfeb_magnet", DYSPROSIUM]) == [DYSPROSIUM, "ndfeb_magnet"]
    with pytest.raises(MonaziteError, match="did you mean 'dysprosium'"):
        select_goods(dataset, ["dysprosum"])


def test_the_chain_runs_from_ore_to_product() -> None:
    chain = stages(make_dataset("a"), DYSPROSIUM)
    assert [s.goods for s in chain] == [("ree_concentrate",), (DYSPROSIUM,), ("ndfeb_magnet",)]
    assert chain[1].unit == "t Dy2O3"
    assert [s.goods for s in stages(make_dataset("a"), "gallium_refined")] == [("gallium_refined",)]


def test_price_units() -> None:
    dataset = make_dataset("a")
    assert price_unit(dataset, DYSPROSIUM).factor * 257_000 == pytest.approx(257)
    assert price_unit(dataset, "ree_concentrate").name == "USD/t"
    cheap = dataset.assign_coords(good_unit=("good", ["t oxide"] * 4))
    assert price_unit(cheap, "ree_concentrate").name == "USD/kg"


def test_own_events_are_those_the_baseline_lacks() -> None:
    scenario, base = make_dataset("a", shock=1.0), make_dataset("b")
    assert [e["id"] for e in own_events(scenario, base)] == ["licence"]
    assert own_events(scenario, scenario) == []


def test_pairs_need_the_same_seed() -> None:
    with pytest.raises(MonaziteError, match="not paired"):
        paired(make_dataset("a", seed=1), make_dataset("b", seed=2))


def test_pairs_are_cut_to_common_members_and_steps() -> None:
    a, b = paired(make_dataset("a", members=3, steps=40), make_dataset("b", members=5, steps=60))
    assert a.sizes["member"] == b.sizes["member"] == 3
    assert b.sizes["time"] == 40


def test_band_of_never_does_not_interpolate() -> None:
    some = band(np.array([3.0, 5.0, np.inf, np.inf, np.inf]))
    assert some.median == np.inf
    assert some.low == 3.0
    assert band(np.array([np.nan, np.nan])).members == 0
    assert band(np.array([1.0, 2.0, np.nan, 3.0])).median == 2.0


def test_comparison_of_paired_runs() -> None:
    base, shock = make_dataset("baseline-test"), make_dataset("licence", shock=1.0)
    lasting = make_dataset("lasting", shock=1.0, recovers=False)
    found = compare(
        [_run(base, "baseline-test"), _run(shock, "licence"), _run(lasting, "lasting")],
        "baseline-test",
        [DYSPROSIUM],
    )
    section = found.sections[0]
    rows = {row.name: row for row in section.rows}
    outside = rows["peak price outside CHN"]
    assert outside.unit == "USD/kg"
    assert outside.bands["licence"].median == pytest.approx(4 * 257, rel=0.25)
    assert outside.bands["licence"].low < outside.bands["licence"].median < outside.bands["licence"].high
    recover = rows["months to recover, price outside CHN"].bands
    assert 20 <= recover["licence"].median <= 24
    assert recover["lasting"].median == np.inf
    assert rows["unmet demand JPN"].bands["baseline-test"].median == 0
    assert rows["unmet demand JPN"].bands["licence"].median > 0
    assert "unmet demand CHN" not in rows
    assert rows["months to first shortfall outside CHN"].bands["licence"].median == pytest.approx(1, abs=0.1)
    assert found.as_dict()["sections"][0]["rows"][-3]["values"]["lasting"]["median"] == "beyond the run"
    economy = {row.name: row for row in found.sections[-1].rows}
    assert economy["value added at risk, all countries"].bands["licence"].median > 0


def test_a_missing_baseline_says_what_to_run() -> None:
    with pytest.raises(MonaziteError, match="monazite run baseline-2024 licence"):
        compare([_run(make_dataset("licence", shock=1.0), "licence")], "baseline-2024", [DYSPROSIUM])


def test_observed_prices_of_a_good() -> None:
    observed = {
        "a": {
            "series": "price_outside.dysprosium_oxide",
            "values": {
                "2025-10-01": "850 USD/kg",
                "2025-11-01": {"value": "900 USD/kg", "source": "y"},
            },
            "source": "x",
        },
        "b": {"series": "price_outside.terbium_oxide", "values": {"2025-10-01": "3000 USD/kg"}},
        "c": {"series": "exports.dysprosium_oxide.CHN", "values": {"2025-10-01": "10 t"}},
    }
    runs = [Run(Path("r"), {"observed": observed}, make_dataset("a")), Run(Path("s"), {}, make_dataset("b"))]
    found = observed_prices(runs, DYSPROSIUM)
    assert found.to_dict("records") == [
        {"date": "2025-10-01", "market": "outside", "value": 850_000.0, "source": "x"},
        {"date": "2025-11-01", "market": "outside", "value": 900_000.0, "source": "y"},
    ]


def test_observed_prices_of_a_run_stored_by_an_earlier_version() -> None:
    observed = {"a": {"series": f"price_outside.{DYSPROSIUM}", "at": "2025-10-01", "value": "850 USD/kg"}}
    found = observed_prices([Run(Path("r"), {"observed": observed}, make_dataset("a"))], DYSPROSIUM)
    assert found[["date", "value", "source"]].to_numpy().tolist() == [["2025-10-01", 850_000.0, "assumption"]]
