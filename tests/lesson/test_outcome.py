"""What a page shows: medians that some member has, measures of known runs, parts that add up."""

import json
from dataclasses import replace

import numpy as np
import pytest

from sim.lesson.answers import answers, spoken
from sim.lesson.lab import Case
from sim.lesson.measures import Pair, middle, of_members
from sim.lesson.outcome import outcomes, pair_of
from sim.lesson.settings import status_quo
from sim.lesson.watch import Tracks
from sim.lesson.why import why

pytestmark = pytest.mark.usefixtures("few_rounds")


def pair(short, need=10.0, price=2.0):
    """Three members, twelve and more months, one good in two countries; the second needs a hundredth."""
    months = len(short[0])
    run_short = np.zeros((3, months, 2))
    run_short[:, :, 0] = short
    needs = np.full((3, months, 2), need)
    needs[:, :, 1] = need / 1000
    prices = np.full((3, months, 1), price)
    base = Tracks(np.ones((3, months, 1)), np.zeros((3, months, 2)), needs)
    return Pair(Tracks(prices, run_short, needs), base, ("g",), [("g", "JPN"), ("g", "DEU")], 2)


def test_measures_of_a_run_that_is_known():
    path = [0.0] * 4 + [5.0] * 3 + [0.0] * 9
    known = pair([path, path, [0.0] * 16])
    assert known.value("peak_price", "g", None).tolist() == [2.0, 2.0, 2.0]
    assert known.value("worst_month", "g", "JPN").tolist() == [0.5, 0.5, 0.0]
    assert known.value("worst_year", "g", "JPN") == pytest.approx([15 / 120, 15 / 120, 0.0])
    assert known.value("missing", "g", None).tolist() == [15.0, 15.0, 0.0]
    assert known.value("first_short", "g", "JPN").tolist() == [2.0, 2.0, np.inf]
    assert known.value("recovery", "g", "JPN").tolist() == [5.0, 5.0, 0.0]
    assert known.countries("g") == ["JPN"]
    assert known.worst_country("g") == ("JPN", pytest.approx(0.125))


def test_nobody_is_worst_hit_where_nobody_is_short():
    assert pair(np.zeros((3, 14))).worst_country("g") is None


def test_what_the_status_quo_lacks_too_is_nobodys_doing():
    known = pair(np.full((3, 14), 2.0))
    same = replace(known, base=replace(known.base, short=known.run.short))
    assert same.value("worst_month", "g", "JPN").tolist() == [0.0] * 3
    assert same.worst_country("g") is None


def test_the_band_has_values_of_members_and_the_middle_is_one():
    values = np.array([3.0, np.inf, 1.0, 2.0, 5.0])
    assert of_members(values).tolist() == [1.0, 3.0, np.inf]
    assert values[middle(values)] == 3.0


def test_an_outcome_is_words_and_numbers_and_agrees_with_the_runs(lab):
    quo = status_quo(lab.lesson)
    base, now = outcomes(lab, [quo, replace(quo, embargo=True)])
    json.dumps([base, now], allow_nan=False)
    good = "gallium_high_purity"
    assert base["goods"][good]["numbers"]["worst"] is None
    assert base["goods"][good]["numbers"]["peak"] == {"low": 1.0, "mid": 1.0, "high": 1.0}
    run = lab.run([Case(replace(quo, embargo=True))])[0]
    assert now["goods"][good]["mid"] == pytest.approx(np.median(run.price[:, :, 0], axis=0) / 1000, rel=1e-3)
    assert now["events"][0].startswith("From 2022-07-01 to 2023-06-30 China bans exports of gallium")
    assert (now["begin"], now["end"], now["idle"]) == (6, 17, ["approval"])


def test_parts_add_up_to_what_is_shown(lab):
    settings = replace(status_quo(lab.lesson), embargo=True).at(1, 2).at(2, 2)
    items = why(lab, settings, "gallium_high_purity")
    shown = outcomes(lab, [settings])[0]["goods"]["gallium_high_purity"]
    assert items[0]["country"] is None
    assert set(items[0]["parts"]) == {"embargo", "stock", "saving"}
    for item in items:
        total = sum(item["parts"].values()) + item["together"]
        assert total == pytest.approx(item["after"] - item["before"], abs=1e-12)
        if item["country"] in shown["short"]:
            on_the_map = shown["short"][item["country"]][item["step"]]
            assert item["after"] - item["before"] == pytest.approx(on_the_map, abs=1e-4)
    multiple = pair_of(lab, settings, lab.run([Case(settings)])[0]).multiple("gallium_high_purity")
    assert items[0]["after"] == pytest.approx(np.median(multiple[:, items[0]["step"]]))


def test_one_change_alone_is_all_of_it_and_nothing_changed_is_nothing_explained(lab):
    quo = status_quo(lab.lesson)
    assert why(lab, quo, "gallium_high_purity") == []
    item = why(lab, replace(quo, embargo=True), "gallium_high_purity")[0]
    assert item["parts"]["embargo"] == pytest.approx(item["after"] - item["before"])


def test_bets_and_questions_are_decided_by_the_runs(lab):
    found = answers(lab)
    run = lab.run([Case(replace(status_quo(lab.lesson), embargo=True))])[0]
    known = pair_of(lab, replace(status_quo(lab.lesson), embargo=True), run)
    peak = np.median(known.value("peak_price", "gallium_high_purity", None))
    assert found["values"]["bet price"]["mid"] == pytest.approx(peak, rel=1e-3)
    assert found["bets"]["price"]["right"] == sum(peak >= bound for bound in (1.2, 2, 4))
    bare = np.median(known.value("worst_month", "gallium_high_purity", "JPN"))
    said = spoken("worst_month", {"mid": bare}, "en")
    assert found["debrief"]["short"]["en"].startswith(f"{said} of its need")
    assert found["debrief"]["short"]["zh"].endswith("。")


@pytest.mark.parametrize(
    ("measure", "value", "said"),
    [
        ("peak_price", {"mid": 1.5}, "× 1.50"), ("worst_year", {"mid": 0.256}, "26 %"),
        ("worst_month", {"mid": 0.031}, "3.1 %"), ("first_short", {"mid": None}, "not before the end"),
        ("recovery", {"mid": 12.0}, "12 months"), ("recovery", {"mid": 1.0}, "1 month"),
        ("first_short", {"mid": 0.0}, "at once"), ("missing", {"mid": 1234.5}, "1,234 t"),
        ("worst_country", {"country": "JPN"}, "Japan"), ("worst_country", {"country": None}, "nobody"),
    ],
)  # fmt: skip
def test_values_in_words(measure, value, said):
    assert spoken(measure, value, "en") == said


def test_a_country_in_another_language_is_left_to_the_page():
    assert spoken("worst_country", {"country": "JPN"}, "zh") == "{JPN}"
    assert spoken("worst_country", {"country": None}, "zh") == "没有国家"


def test_what_the_model_is_told_follows_the_sliders(lab):
    quo = status_quo(lab.lesson)
    pressed = replace(quo, embargo=True)
    moved = pressed.at(2, 2)
    settings = [quo, pressed, moved, pressed.at(0, 2)]
    nothing, bare, both, idle = (one["events"] for one in outcomes(lab, settings))
    assert nothing == []
    assert len(bare) == 1
    assert both[0] == bare[0]
    assert "30 %" in both[1]
    # The licence does not happen while the card says ban, wherever its slider stands.
    assert idle == bare
    licensed = replace(pressed.at(0, 2), options=(0, 1))
    assert "80 %" in lab.told(licensed)[0]
