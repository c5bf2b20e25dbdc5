"""The runs of a lesson are the model's own, to the bit, however they are stacked and wherever they branch."""

from dataclasses import replace
from functools import partial

import numpy as np
import pytest

from sim.engine.simulation import Simulation
from sim.lesson.lab import Case, Lab
from sim.lesson.settings import Settings, read_settings, status_quo
from sim.lesson.watch import Tracks, Watcher
from sim.scenario import load_scenario
from tests.lesson_file import write_lesson

pytestmark = pytest.mark.usefixtures("few_rounds")
APPROVAL, STOCK, SAVING = range(3)


def pressed(lab, **changes):
    return replace(status_quo(lab.lesson), embargo=True, **changes)


def plain(lab, *overrides):
    """The same run by the model alone, from its start to its end."""
    scenario = load_scenario(lab.source, ["lesson=null", *overrides])
    recorder = partial(Watcher, lab.goods, lab.homes)
    simulation = Simulation(lab.whole, scenario, lab.members, lab.seed, recorder=recorder)
    while simulation.time < simulation.steps:
        simulation.step()
    return simulation.recorder.tracks()


def same(one: Tracks, other: Tracks) -> bool:
    return all(np.array_equal(getattr(one, k), getattr(other, k)) for k in ("price", "short", "need"))


def test_the_status_quo_is_the_scenario_without_what_the_button_does(lab):
    assert same(lab.ground(status_quo(lab.lesson)), plain(lab, "~events.embargo", "~events.licence"))


def test_pressing_the_button_is_the_scenario_run_from_its_start(lab):
    assert same(lab.run([Case(pressed(lab))])[0], plain(lab, "~events.licence"))


def test_positions_in_one_stack_are_scenarios_with_these_values(lab):
    settings = [pressed(lab).at(SAVING, place) for place in range(3)]
    runs = lab.run([Case(one) for one in settings])
    assert same(runs[2], plain(lab, "~events.licence", "events.saving.share=30%"))
    early = lab.run([Case(pressed(lab).at(STOCK, 2).at(SAVING, 1))])[0]
    changes = "events.saving.share=10%", "events.stock.size='6 months'"
    assert same(early, plain(lab, "~events.licence", *changes))


def test_options_set_other_events_and_other_countries(lab):
    settings = Settings(True, (1, 1), (2, 0, 0))
    expected = plain(
        lab, "~events.embargo", "events.licence.to=[JPN]", "events.licence.approval_share=80%",
        "~events.licence.probability",
    )  # fmt: skip
    assert same(lab.run([Case(settings)])[0], expected)


def test_members_alone_have_the_same_bits(lab):
    whole = lab.run([Case(pressed(lab).at(SAVING, 1))])[0]
    fresh = Lab(lab.source)
    for member in (0, 3):
        alone = fresh.run([Case(pressed(lab).at(SAVING, 1))], np.array([member]))[0]
        assert same(alone, whole.rows(np.array([member])))


def test_before_the_first_month_touched_nothing_differs_and_after_it_something_does(lab):
    quo, run = lab.ground(status_quo(lab.lesson)), lab.run([Case(pressed(lab))])[0]
    announced = 5
    assert same(run.until(announced), quo.until(announced))
    assert not np.array_equal(run.price, quo.price)


def test_a_slider_of_what_does_not_happen_changes_nothing_and_is_said_to_be_idle(lab):
    settings = pressed(lab)
    assert lab.idle(lab.acting(settings)) == ("approval",)
    one, other = lab.run([Case(settings), Case(settings.at(APPROVAL, 0))])
    assert same(one, other)


def test_what_is_off_is_as_if_it_had_not_been_touched(lab):
    settings = pressed(lab).at(SAVING, 2)
    off = lab.run([Case(settings, frozenset(["embargo", "saving"])), Case(settings, frozenset(["saving"]))])
    assert same(off[0], lab.ground(settings))
    assert same(off[1], lab.run([Case(pressed(lab))])[0])


@pytest.mark.parametrize(
    "written",
    [
        None, [], {"embargo": 1}, {"embargo": "yes"}, {"sliders": {"stock": 3}}, {"sliders": {"stock": -1}},
        {"sliders": {"stock": True}}, {"sliders": {"stock": 1.0}}, {"sliders": {"<b>": 0}}, {"options": [0]},
        {"options": {"whom": 99}}, {"more": 1}, {"sliders": {"stock": 10**400}},
    ],
)  # fmt: skip
def test_settings_that_are_none_are_refused(lab, written):
    from sim.errors import MonaziteError

    with pytest.raises(MonaziteError):
        read_settings(lab.lesson, written)


def test_a_scenario_without_a_lesson_or_with_goods_it_does_not_run_is_refused(tmp_path):
    from sim.errors import MonaziteError

    with pytest.raises(MonaziteError, match="baseline-2022 has no lesson"):
        Lab("baseline-2022")
    path = write_lesson(tmp_path, "gallium_high_purity: High", "steel: High")
    with pytest.raises(MonaziteError, match="'steel' is not run"):
        Lab(str(path))
