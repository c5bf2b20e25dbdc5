"""Values that change while an event is in force, and the calendar of quotas."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.instruments.calendar import period_of, yearly_rates
from sim.instruments.dated import ALWAYS, as_written, by_date, mean_over, say_dated, weights
from sim.units import Quantity, parse_quantity
from sim.world.world import World
from tests.instruments.acting import acted, at, drawn, event

DAY = dt.date
STEPS = {
    DAY(2025, 1, 1): parse_quantity("10 %"), DAY(2025, 2, 11): parse_quantity("50 %"),
    DAY(2025, 2, 21): parse_quantity("20 %"),
}  # fmt: skip


@pytest.mark.parametrize(
    ("first", "last", "mean"),
    [
        (DAY(2025, 1, 1), DAY(2025, 2, 1), 0.1),
        (DAY(2024, 12, 1), DAY(2025, 1, 1), 0.1),
        (DAY(2025, 2, 1), DAY(2025, 3, 1), (10 * 0.1 + 10 * 0.5 + 8 * 0.2) / 28),
        (DAY(2026, 1, 1), DAY(2026, 2, 1), 0.2),
        (DAY(2025, 2, 15), DAY(2025, 2, 15), 0.5),
        (DAY(2025, 2, 15), DAY(2025, 2, 10), 0.5),
    ],
)
def test_mean_counts_the_days_of_each_value(first: DAY, last: DAY, mean: float) -> None:
    assert mean_over(STEPS, first, last) == pytest.approx(mean)


@given(
    st.lists(st.dates(DAY(2020, 1, 1), DAY(2030, 1, 1)), min_size=1, max_size=6, unique=True),
    st.dates(DAY(2020, 1, 1), DAY(2030, 1, 1)),
    st.integers(0, 400),
)
def test_shares_of_days_add_up_to_one(dates: list[DAY], first: DAY, days: int) -> None:
    one = parse_quantity("100 %")
    shares = weights(dict.fromkeys(sorted(dates), one), first, first + dt.timedelta(days=days))
    assert sum(shares) == pytest.approx(1)
    assert min(shares) >= 0


def test_one_value_stands_for_all_time_and_is_written_so() -> None:
    ten = parse_quantity("10 %")
    assert by_date("10 %") == {ALWAYS: "10 %"}
    assert as_written({ALWAYS: ten}) == "10 %"
    assert as_written({"world": {ALWAYS: ten}}) == "10 %"
    assert as_written({"JPN": {ALWAYS: ten}}) == {"JPN": "10 %"}
    assert say_dated({ALWAYS: ten}) == "10 %"
    assert say_dated(STEPS) == "10 %, then from 2025-02-11 50 % and from 2025-02-21 20 %"


def test_a_step_with_two_rates_has_their_mean_and_its_own_market(world: World) -> None:
    rates = {"2025": "10 %", "2025-03-11": "41 %"}
    tariff = event("import_tariff", by="JPN", on="CHN", goods=["gallium"], rate=rates)
    link = at(world, "gallium_low_purity", "CHN", "JPN")
    for month, rate in ((1, 0.1), (3, (10 * 0.1 + 21 * 0.41) / 31), (4, 0.41)):
        controls = acted(world, tariff, month=DAY(2025, month, 1))
        assert controls.tariff_rate.shared[link] == pytest.approx(0.03 + rate)
    phases = [tariff.phase(DAY(2025, m, 1), DAY(2025, m + 1, 1)) for m in (1, 2, 3, 4, 5)]
    assert phases[0] == phases[1] != phases[2] != phases[3] == phases[4]


def test_only_days_in_force_count(world: World) -> None:
    """The event ends on the 20th; the rate of the days after it does not matter."""
    rates = {"2025": "10 %", "2025-03-11": "20 %", "2025-03-21": "90 %"}
    tariff = event(
        "import_tariff", by="JPN", on="CHN", goods=["gallium"], rate=rates, until="2025-03-20"
    )
    march = DAY(2025, 3, 1), DAY(2025, 4, 1)
    share = tariff.activity(*march)
    controls = acted(world, tariff, month=march[0], share=share)
    link = at(world, "gallium_low_purity", "CHN", "JPN")
    assert controls.tariff_rate.shared[link] == pytest.approx(0.03 + 20 / 31 * 0.15)


def test_members_draw_each_value_by_itself(world: World) -> None:
    rates = {"2025-01": "10 %", "2025-06": {"uniform": ["20 %", "40 %"]}}
    tariff = drawn(
        event("import_tariff", by="JPN", on="CHN", goods=["gallium"], rate=rates),
        **{"rate.2025-06-01": [0.2, 0.4]},
    )
    link = at(world, "gallium_low_purity", "CHN", "JPN")
    pair = np.array([[link[1]]]), np.array([[link[2]]])
    early = acted(world, tariff, month=DAY(2025, 1, 1)).tariff_rate.on(link[0], pair)
    late = acted(world, tariff, month=DAY(2025, 7, 1)).tariff_rate.on(link[0], pair)
    assert early.ravel() == pytest.approx([0.13])
    assert late.ravel() == pytest.approx([0.23, 0.43])


def test_periods_of_a_quota() -> None:
    keys = ("2010-H1", "2010-H2", "2011")
    assert period_of(keys, DAY(2010, 6, 30)).key == "2010-H1"
    assert period_of(keys, DAY(2010, 7, 1)).key == "2010-H2"
    assert period_of(keys, DAY(2011, 12, 31)).key == "2011"
    assert period_of(keys, DAY(2013, 5, 1)).key == "2013"
    assert period_of(("2010-H1", "2010-H2"), DAY(2013, 8, 1)).key == "2013-H2"
    assert period_of((), DAY(2013, 8, 1)).key == "2013"
    half = period_of(keys, DAY(2010, 8, 1))
    assert (half.start, half.end) == (DAY(2010, 7, 1), DAY(2011, 1, 1))
    assert half.years_from(DAY(2010, 10, 1)) == pytest.approx(92 / 365.25)


def test_rates_of_periods_carry_their_tonnes() -> None:
    amounts = {"2010-H1": parse_quantity("22282 t"), "2010-H2": parse_quantity("7976 t")}
    rates = yearly_rates(None, amounts)
    assert list(rates) == [DAY(2010, 1, 1), DAY(2010, 7, 1)]
    whole = mean_over(rates, DAY(2010, 1, 1), DAY(2011, 1, 1)) * 365 / 365.25
    assert whole == pytest.approx(30258)
    two = Quantity(30.0, "mass", "30 t", drawn=np.array([20.0, 40.0]))
    assert yearly_rates(None, {"2011": two})[DAY(2011, 1, 1)].amount == pytest.approx(
        np.array([20.0, 40.0]) * 365.25 / 365
    )
