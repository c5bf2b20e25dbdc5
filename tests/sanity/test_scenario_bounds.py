"""Bounds on shipped scenarios: how they are measured, and one scenario that is held to them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from scripts.scenario_bounds import MOST_LOST, Found, baseline_of, judged, measured, said, worst_year

PLACES = "steel DEU", "steel JPN", "steel KOR", "steel USA"


def found(lost: list[list[float]], short: tuple[float, ...], price: float = 0.5) -> Found:
    """Two members, four countries that use a good alike."""
    return Found(
        price, "steel, gate, 2024-01", lost, 2, 1000.0, {"steel": 1.0},
        {place: [share, share] for place, share in zip(PLACES, short, strict=True)},
        dict.fromkeys(PLACES, 100.0),
    )  # fmt: skip


CALM = found([[5.0, 0.0, 5.0], [5.0, 0.0, 5.0]], (0.01, 0.01, 0.01, 0.01))


def test_the_worst_year_is_the_largest_sum_of_steps_on_end() -> None:
    series = np.array([[[1.0], [4.0], [3.0], [0.0]]])
    assert worst_year(series, 2).tolist() == [[7.0]]
    assert worst_year(series, 12).tolist() == [[8.0]]


def test_losses_are_those_beside_the_same_member_of_the_baseline() -> None:
    run = found([[5.0, 12.0, 5.0], [5.0, 4.0, 9.0]], (0.01, 0.01, 0.01, 0.01))
    verdict = judged("baseline-2024", run, CALM)
    # 12 in the first member, 4 + 4 in the second.
    assert verdict.lost == pytest.approx(10.0)
    assert verdict.share == pytest.approx(0.01)
    assert verdict.missed == []
    worse = judged("baseline-2024", replace(run, value_added=900.0), CALM)
    assert worse.share > MOST_LOST
    assert worse.missed == ["lost"]


def test_shortages_are_alike_where_all_who_lack_lack_the_same() -> None:
    lost = [[5.0, 0.0, 5.0]] * 2
    assert judged("baseline-2024", found(lost, (0.01, 0.31, 0.32, 0.31)), CALM).missed == ["alike"]
    assert judged("baseline-2024", found(lost, (0.01, 0.31, 0.42, 0.31)), CALM).missed == []
    assert judged("baseline-2024", found(lost, (0.01, 0.01, 0.32, 0.31)), CALM).missed == []


def test_what_the_scenario_explains_is_beyond_and_not_missed() -> None:
    run = found([[5.0, 0.0, 5.0]] * 2, (0.01, 0.01, 0.01, 0.01), price=1.1)
    assert judged("baseline-2024", run, CALM).missed == ["price"]
    verdict = judged("host-country-demands", run, CALM)
    assert (verdict.beyond, verdict.missed) == (["price"], [])
    assert "price (explained)" in said("host-country-demands", run, verdict)


def test_a_baseline_is_cut_to_the_scenario() -> None:
    assert baseline_of("baseline-2024") == ("baseline-2024", ())
    name, overrides = baseline_of("teaching-embargo-magnets")
    assert name == "baseline-2024-scrap"
    assert overrides == ("time.end=2026-06", "minerals=[dysprosium]")


def test_a_small_scenario_is_within() -> None:
    name = "teaching-embargo-45min"
    beside, overrides = baseline_of(name)
    soon = "time.end=2024-12"
    run, baseline = measured(name, (soon,), 1), measured(beside, (*overrides, soon), 1)
    assert 0 < run.price < 1
    assert len(run.lost[0]) == len(baseline.lost[0])
    assert judged(name, run, baseline).missed == []
