"""Statistics on invented runs whose answers are known by hand."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st

from sim.errors import MonaziteError
from sim.past.scoring import FARTHEST, Statistic, Window, evaluate, miss, score, series_path

MONTHS = np.arange("2023-01", "2025-01", dtype="datetime64[M]").astype("datetime64[ns]")


def run() -> xr.Dataset:
    """Two members, 24 months, two goods; member 1 has twice the tonnes and prices of member 0."""
    steps = np.arange(24.0)
    one = np.stack([100 * 1.1**steps, np.full(24, 50.0)], axis=-1)
    prices = np.stack([one, 2 * one])
    sold = np.stack([steps, np.full(24, 3.0)], axis=-1)
    tonnes = np.stack([sold, 2 * sold])
    axis = ("member", "time", "outbound")
    other = ("member", "time", "inbound")
    return xr.Dataset(
        {
            "price_outside": (("member", "time", "good"), prices),
            "price_inside": (("member", "time", "good"), prices / np.array([4.0, 1.0])),
            "exports": (axis, tonnes),
            "imports": (other, tonnes),
            "import_value": (other, tonnes * np.array([10.0, 30.0])),
        },
        coords={
            "time": MONTHS,
            "good": ["ore", "metal"],
            "good_mineral": ("good", ["tin", "tin"]),
            "good_stage": ("good", ["ore", "metal"]),
            "good_hs6": ("good", ["260900", "800110;800120"]),
            "outbound_good": ("outbound", ["ore", "metal"]),
            "outbound_country": ("outbound", ["CHN", "CHN"]),
            "inbound_good": ("inbound", ["ore", "metal"]),
            "inbound_country": ("inbound", ["USA", "USA"]),
            "importer": ["CHN", "USA"],
        },
    )


def stat(series: str, how: str, at: str, reference: Statistic | None = None) -> Statistic:
    return Statistic(series, how, Window.parse(at), reference)


@pytest.mark.parametrize(
    ("statistic", "expected"),
    [
        (stat("price_outside.ore", "mean", "2023-02"), [110.0, 220.0]),
        (stat("price_outside.ore", "peak", "2023"), [100 * 1.1**11, 200 * 1.1**11]),
        (stat("price_outside.ore", "trough", "2023-03..2023-05"), [121.0, 242.0]),
        (stat("exports.ore.CHN", "total", "2023-02..2023-04"), [6.0, 12.0]),
        (stat("exports.tin.CHN", "mean", "2023-02..2023-04"), [5.0, 10.0]),
        (stat("exports.2609+metal.CHN", "total", "2023-11"), [13.0, 26.0]),
        (stat("exports.ore.USA", "total", "2023"), [0.0, 0.0]),
        # Value over tonnes of the whole window, not the mean of monthly ratios.
        (stat("import_unit_value.tin.USA", "mean", "2023-01..2023-02"), [(10 + 180) / 7] * 2),
        (
            stat("exports.ore.CHN", "total", "2024-01", stat("exports.ore.CHN", "total", "2023-05")),
            [3.0, 3.0],
        ),
        (
            stat("price_outside.ore", "mean", "2023-02", stat("price_inside.ore", "mean", "2023-02")),
            [4.0, 4.0],
        ),
        # Prices of several goods: the geometric mean.
        (stat("price_outside.tin", "mean", "2023-01"), [np.sqrt(5000), 2 * np.sqrt(5000)]),
    ],
)
def test_statistics_by_hand(statistic: Statistic, expected: list[float]) -> None:
    np.testing.assert_allclose(evaluate(run(), statistic), expected, rtol=1e-12)


def test_dividing_by_nothing_is_no_value() -> None:
    nothing = stat("exports.ore.USA", "total", "2023")
    assert np.isnan(evaluate(run(), stat("exports.ore.CHN", "total", "2023", nothing))).all()


def test_the_picture_of_a_ratio_passes_through_the_statistic() -> None:
    relative = stat("price_outside.ore", "mean", "2023-06", stat("price_outside.ore", "mean", "2023-01"))
    path = series_path(run(), relative)
    np.testing.assert_allclose(path[:, 5], evaluate(run(), relative))
    np.testing.assert_allclose(path[:, 0], 1)
    apart = stat("price_outside.ore", "mean", "2023-06", stat("price_inside.ore", "mean", "2023-06"))
    np.testing.assert_allclose(series_path(run(), apart), 4)


def test_windows_take_every_step_that_they_touch() -> None:
    assert Window.parse("2024") == Window(dt.date(2024, 1, 1), dt.date(2024, 12, 31))
    assert Window.parse("2023-08..2023-09").last == dt.date(2023, 9, 30)
    np.testing.assert_array_equal(Window.parse("2023-01-31..2023-02-01").steps(MONTHS), [0, 1])
    np.testing.assert_array_equal(Window.parse("2024-12-31").steps(MONTHS), [23])
    assert not len(Window.parse("2025").steps(MONTHS))


@pytest.mark.parametrize(
    ("series", "at", "message"),
    [
        ("price_outsid.ore", "2023", "unknown kind 'price_outsid'; did you mean 'price_outside'"),
        ("exports.ore", "2023", "should read exports.GOODS.COUNTRY"),
        ("exports.tim.CHN", "2023", "no good or mineral 'tim' in this run; did you mean 'tin'"),
        ("exports.ore.China", "2023", "no country 'China'; write its ISO-3 code"),
        ("price_outside.ore", "2026", "the run has no step from 2026-01-01 to 2026-12-31; it covers 2023"),
    ],
)
def test_what_a_run_does_not_have_is_named(series: str, at: str, message: str) -> None:
    with pytest.raises(MonaziteError) as caught:
        evaluate(run(), stat(series, "total", at))
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["last year", "2023-13", "2024..2023"])
def test_a_window_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(MonaziteError):
        Window.parse(text)


@given(
    st.floats(0.01, 100), st.floats(1.01, 10), st.floats(1.0, 5.0), st.floats(0.01, 100)
)
def test_a_miss_is_symmetric_in_factors_and_free_of_units(
    low: float, width: float, factor: float, unit: float
) -> None:
    high = low * width
    assert miss(low, low, high) == miss(high, low, high) == 0
    above, below = miss(high * factor, low, high), miss(low / factor, low, high)
    assert above == pytest.approx(below, abs=1e-9)
    assert above == pytest.approx(miss(high * factor * unit, low * unit, high * unit), abs=1e-9)
    assert 0 <= above <= FARTHEST


def test_a_value_that_is_none_is_as_wrong_as_can_be_and_scores_are_means() -> None:
    assert miss(float("nan"), 1, 2) == miss(0.0, 1, 2) == miss(1e9, 1, 2) == FARTHEST
    assert score([0.0, 1.0, 2.0]) == 1.0
