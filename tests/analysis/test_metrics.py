"""Metrics on invented results, whose answers follow from the formulas that made them."""

from __future__ import annotations

import inspect
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from sim.analysis import metrics, run_metrics
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
    peak = run_metrics.peak_price(dataset, DYSPROSIUM, "outside")
    assert peak["price"].values[0] == pytest.approx(4 * 257_000, rel=1e-6)
    assert peak["date"].values[0] == dataset["time"].values[SHOCK_START + 12]


def test_a_good_that_never_trades_outside_has_no_peak() -> None:
    dataset = make_dataset("a")
    dataset["price_outside"][:, :, 1] = np.nan
    peak = run_metrics.peak_price(dataset, DYSPROSIUM, "outside")
    assert np.isnan(peak["price"].values).all()
    assert np.isnat(peak["date"].values).all()


def test_unmet_demand_adds_up_to_all_shortfall() -> None:
    dataset = make_dataset("a", shock=1.0)
    total = sum(
        run_metrics.unmet_demand(dataset, str(good))["tonnes"].sum("country").values
        for good in dataset["good"].values
    )
    np.testing.assert_allclose(total, dataset["shortfall"].sum(("time", "need")).values, rtol=1e-4)
    unmet = run_metrics.unmet_demand(dataset, DYSPROSIUM)
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
    months = run_metrics.months_since(np.datetime64("2025-04-04"), time)
    assert months[15] == 0
    assert months[14] == pytest.approx(-1, abs=0.05)
    assert months[27] == pytest.approx(12, abs=0.05)


def test_concentration_of_equal_and_single_producers() -> None:
    dataset = make_dataset("a", members=1)
    single = run_metrics.concentration(dataset, ["gallium_refined"])
    assert (single["hhi"].values == 10_000).all()
    assert (single["without_largest"].values == 0).all()
    mines = run_metrics.concentration(dataset, ["ree_concentrate"])
    shares = np.array([270, 60, 50]) / 380
    np.testing.assert_allclose(mines["hhi"].values, 1e4 * (shares**2).sum(), rtol=1e-5)
    np.testing.assert_allclose(mines["top_3"].values, 1.0, rtol=1e-6)


def test_net_import_reliance() -> None:
    dataset = make_dataset("a", members=1)
    reliance = run_metrics.net_import_reliance(dataset, "ndfeb_magnet")
    assert reliance.sel(country="USA").item() == 1.0
    assert reliance.sel(country="CHN").item() == 0.0
    japan = 1 - 15_000 / (1.5 * 9_000 * (1 + 1 / 2 + 1 / 3))
    assert reliance.sel(country="JPN").item() == pytest.approx(japan, rel=1e-5)


def test_value_added_at_risk_by_country_and_sector() -> None:
    dataset = make_dataset("a", shock=1.0)
    by_country = run_metrics.value_added_at_risk(dataset)
    by_both = run_metrics.value_added_at_risk(dataset, ("country", "sector"))
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
    outside = rows["peak price outside China"]
    assert outside.unit == "USD/kg"
    assert outside.bands["licence"].median == pytest.approx(4 * 257, rel=0.25)
    assert outside.bands["licence"].low < outside.bands["licence"].median < outside.bands["licence"].high
    recover = rows["months to recover, price outside China"].bands
    assert 20 <= recover["licence"].median <= 24
    assert recover["lasting"].median == np.inf
    assert rows["unmet demand, Japan"].bands["baseline-test"].median == 0
    assert rows["unmet demand, Japan"].bands["licence"].median > 0
    assert "unmet demand, China" not in rows
    first = rows["months to first shortfall outside China"].bands["licence"]
    assert first.median == pytest.approx(1, abs=0.1)
    listed = {row["key"]["measure"]: row for row in found.as_dict()["sections"][0]["rows"]}
    assert listed["supply_recovery"]["values"]["lasting"]["median"] == "beyond the run"
    economy = {row.name: row for row in found.sections[-1].rows}
    assert economy["value added at risk, all countries"].bands["licence"].median > 0


def test_a_missing_baseline_says_what_there_is() -> None:
    with pytest.raises(MonaziteError, match="holds no run of 'baseline-2024'; there are: licence"):
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


SHAPE = (3, 8, 2)
"""Members, steps, and goods or suppliers."""


def _given(name: str) -> object:
    """Something for a parameter of a metric; in arrays over members, number 1 has no value at all."""
    known = {
        "time": np.arange("2024-01", "2024-09", dtype="datetime64[M]").astype("datetime64[D]"),
        "months": np.arange(8) - 2.0,
        "window": 3,
        "base_price": np.array([1.0, 2.0]),
    }
    if name in known:
        return known[name]
    values = np.random.default_rng(len(name)).uniform(0.1, 2.0, SHAPE)
    values[1] = np.nan
    return values


# Months to recover takes what others have judged, and cannot know who has no value.
@pytest.mark.parametrize(
    "metric",
    [metric for name, metric in metrics.METRICS.items() if name != "months_to_recover"],
    ids=lambda metric: metric.name,
)
def test_a_member_without_values_gets_no_number_and_the_others_keep_theirs(metric: metrics.Metric) -> None:
    names = list(inspect.signature(metric.function).parameters)
    arguments = [_given(name) for name in names]
    if {"time", "months"} & set(names):
        # These take one good at a time.
        arguments = [a[..., 0] if np.ndim(a) == 3 else a for a in arguments]
    found = metric.function(*arguments)
    unknown = np.isnat(found) if found.dtype.kind == "M" else np.isnan(found)
    assert unknown[1].all()
    assert not unknown[[0, 2]].any()
    # The members beside it must not matter.
    alone = [a[:1] if np.shape(a)[:2] == SHAPE[:2] else a for a in arguments]
    np.testing.assert_array_equal(metric.function(*alone), found[:1])


def test_every_metric_has_a_unit_a_sentence_and_a_way_to_compute_it() -> None:
    for name, metric in metrics.METRICS.items():
        assert metric.name == name
        assert metric.unit
        assert metric.sentence.endswith(".")
        assert getattr(metrics, name) is metric.function
    assert set(metrics.METRICS) == {name for name in metrics.__all__ if name.islower()}


def test_steps_without_trade_have_no_price_and_are_left_out() -> None:
    prices = np.array([[1.0, np.nan, 3.0, 2.0], [np.nan] * 4])
    np.testing.assert_array_equal(metrics.peak_price(prices), [3.0, np.nan])
    np.testing.assert_array_equal(metrics.mean_price(prices), [2.0, np.nan])
    usual = np.array([[2.0, 1.0, 1.0, 0.0], [1.0] * 4])
    np.testing.assert_array_equal(metrics.paired_ratio(prices, usual)[0], [0.5, np.nan, 3.0, np.nan])
    np.testing.assert_array_equal(metrics.highest_multiple(prices, usual), [3.0, np.nan])
    np.testing.assert_array_equal(metrics.lowest_multiple(prices, usual), [0.5, np.nan])
    np.testing.assert_array_equal(metrics.largest_move(prices, usual), [np.log(3.0), np.nan])


def test_a_step_without_trade_is_no_recovery_but_a_run_without_any_is_nothing() -> None:
    months = np.arange(4.0)
    multiple = np.array([[2.0, np.nan, 1.0, 1.0], [1.0, 1.0, 1.0, np.nan], [np.nan] * 4])
    np.testing.assert_array_equal(metrics.price_recovery(multiple, months), [2.0, np.inf, np.nan])
    excess = np.array([[0.0, 0.5, 0.0, 0.0], [0.0] * 4, [np.nan] * 4])
    np.testing.assert_array_equal(metrics.supply_recovery(excess, months), [2.0, 0.0, np.nan])
    np.testing.assert_array_equal(metrics.months_to_first_shortfall(excess, months), [1.0, np.inf, np.nan])


def test_who_needs_nothing_lacks_nothing_and_who_supplies_nothing_has_no_share() -> None:
    np.testing.assert_array_equal(
        metrics.unmet_share(np.array([1.0, 0.0, np.nan]), np.array([4.0, 0.0, 1.0])), [0.25, 0.0, np.nan]
    )
    output = np.array([[3.0, 1.0], [0.0, 0.0]])
    np.testing.assert_array_equal(metrics.supply_shares(output), [[0.75, 0.25], [np.nan, np.nan]])
    np.testing.assert_array_equal(metrics.hhi(output), [6250.0, np.nan])
    np.testing.assert_array_equal(metrics.share_without_largest(output), [0.25, np.nan])


def test_a_failed_member_counts_in_no_row_of_a_comparison() -> None:
    """A sweep has NaN for a member that failed; as a zero it would be a member without any shortage."""
    names = ("baseline-2024", "licence-test")
    baseline, broken = make_dataset(names[0]), make_dataset(names[1], shock=1.0)
    for name in ("price_outside", "price_inside", "price_gate", "shortfall", "requirement", "production",
                 "value_added_at_risk", "hhi_owners", "sales"):  # fmt: skip
        broken[name].values[3] = np.nan
    failed = compare([_run(baseline, names[0]), _run(broken, names[1])], names[0], [DYSPROSIUM])
    members = broken.sizes["member"]
    counted = {
        row.name: row.bands[names[1]].members
        for section in failed.sections
        for row in section.rows
        if names[1] in row.bands and row.name != "  month of the peak"
    }
    assert counted == dict.fromkeys(counted, members - 1)
