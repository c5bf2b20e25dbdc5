"""Each event's part of a price: the runs that it rests on, and what is refused."""

from __future__ import annotations

import dataclasses
import shutil
from functools import partial

import numpy as np
import pytest

import sim
from sim.analysis.select import price
from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.explain.attribute import Question, attribute, peak_step, step_of
from sim.explain.branches import Cases, cut, run_subsets
from sim.explain.credit import subsets
from sim.explain.measure import Measure, Watcher, from_dataset
from sim.explain.players import chains_of
from sim.units import Quantity

GOOD = "tantalum_powder"
STEP = 19


@pytest.fixture(scope="module")
def found(runs):
    run, baseline = runs
    return attribute(run, baseline, Question(GOOD, step=step_of(run, "2027-02")))


def test_the_parts_and_what_is_without_events_are_what_was_stored(runs, found):
    run = runs[0]
    step = found.question.step
    stored = price(run.dataset, GOOD, "outside")[:, step]
    total = found.credit.none + found.credit.parts.sum(axis=0)
    np.testing.assert_allclose(total, found.credit.every, rtol=1e-13)
    # Stored with few bits.
    np.testing.assert_allclose(total, stored, rtol=2.0**-13)
    assert found.events == ("stock", "stoppage")
    assert found.runs == (4, 3)
    assert (np.abs(found.credit.parts) > 1).all(), "each of the two moves the price"


def test_events_written_in_another_order_have_the_same_parts(runs, found, tmp_path):
    run, baseline = runs
    copy = tmp_path / run.id
    shutil.copytree(run.directory, copy)
    text = (copy / "scenario.resolved.yaml").read_text()
    head, events = text.split("\nevents:", 1)
    end = events.index("\nassumptions:") if "\nassumptions:" in events else len(events)
    blocks = ("\n" + events[:end].partition("\n")[2]).split("\n  ")
    names = [i for i, line in enumerate(blocks) if line and not line.startswith(" ")]
    parts = [blocks[a:b] for a, b in zip(names, [*names[1:], len(blocks)], strict=True)]
    assert len(parts) == 4
    turned = "\n  ".join(["", *(line for part in reversed(parts) for line in part)])
    (copy / "scenario.resolved.yaml").write_text(f"{head}\nevents:{turned}{events[end:]}")
    manifest = {**run.manifest}
    again = attribute(
        dataclasses.replace(run, directory=copy, manifest=manifest), baseline, found.question
    )
    assert again.events == found.events
    np.testing.assert_array_equal(again.credit.parts, found.credit.parts)


def test_runs_with_events_off_are_runs_of_the_scenario_without_them():
    scenario = sim.load("framework-deal-2025", "minerals=[dysprosium]", "time.end=2025-08")
    names = ["deal", "licence-usa", "us-duty"]
    acts = subsets(3)
    measure = Measure("price", "dysprosium_oxide", step=STEP)
    world = sim.load_world(2024)
    cases = Cases(np.array([0, 3]), np.array([7, 7]), {})
    values = run_subsets(world, scenario, cases, {n: acts[:, k] for k, n in enumerate(names)}, measure)
    for row in (2, 6):
        off = {name for name, on in zip(names, acts[row], strict=True) if not on}
        without = dataclasses.replace(
            scenario, events=tuple(e for e in scenario.events if e.id not in off)
        )
        alone = Simulation(world, without, [0, 3], 7, recorder=partial(Watcher, measure))
        while alone.time < alone.steps:
            alone.step()
        # Prices ahead are reckoned in rounds that end within a thousandth, in another market of caps.
        np.testing.assert_allclose(values[row], alone.recorder.rows[STEP], rtol=1e-3)


def test_a_certain_event_is_one_with_a_chance_of_one():
    """Over years in which many rounds rest on each other: what is expected, and what follows from it."""
    scenario = sim.load("framework-deal-2025", "minerals=[dysprosium]", "time.end=2029-06")
    certain = Quantity(1.0, "share", "100 %")
    given = [e if e.probability else e.model_copy(update={"probability": certain}) for e in scenario.events]
    likely = dataclasses.replace(scenario, events=tuple(given))
    measure, world = Measure("price", "dysprosium_oxide"), sim.load_world(2024)
    found = []
    for either in (scenario, likely):
        run = Simulation(world, either, [0, 1], 7, recorder=partial(Watcher, measure))
        while run.time < run.steps:
            run.step()
        found.append(np.array(run.recorder.rows))
    assert np.ptp(found[0], axis=0).min() > found[0].min()
    np.testing.assert_allclose(found[1], found[0], rtol=1e-4)


def test_one_member_is_explained_as_among_others(runs, found):
    run, baseline = runs
    alone = attribute(run, baseline, dataclasses.replace(found.question, members=1))
    np.testing.assert_array_equal(alone.credit.parts, found.credit.parts[:, :1])


def test_a_shortage_over_the_run_adds_up(runs):
    run, baseline = runs
    asked = Question(GOOD, "shortage", "USA")
    found = attribute(run, baseline, asked)
    stored = from_dataset(Measure("shortage", GOOD, "USA"), run.dataset).sum(axis=0)
    np.testing.assert_allclose(found.credit.every, stored, rtol=1e-3, atol=1e-6)
    np.testing.assert_allclose(found.credit.none + found.credit.parts.sum(axis=0), found.credit.every)


def test_an_event_that_has_not_begun_has_no_part(runs):
    run, baseline = runs
    found = attribute(run, baseline, Question(GOOD, step=step_of(run, "2026-06")))
    assert found.events == ("stock",)
    assert "begins later, on 2027-01-01" in found.idle["stoppage"]


def test_the_default_month_is_where_the_price_is_furthest_from_the_baseline(runs):
    run, baseline = runs
    ratio = price(run.dataset, GOOD, "outside") / price(baseline.dataset, GOOD, "outside")
    assert peak_step(run, baseline, GOOD) == np.abs(np.log(np.median(ratio, axis=0))).argmax()


@pytest.mark.parametrize("when", ["2028-01", "2023-12", "soon", "2027-13"])
def test_a_month_outside_of_the_run_is_refused(runs, when):
    with pytest.raises(MonaziteError, match=when):
        step_of(runs[0], when)


def test_a_baseline_has_nothing_to_explain(runs):
    with pytest.raises(MonaziteError, match="no event of its own"):
        attribute(runs[1], runs[1], Question(GOOD, step=3))


def test_what_program_and_data_no_longer_give_is_refused(runs):
    run, baseline = runs
    other = dataclasses.replace(run, manifest={**run.manifest, "seed": 6})
    with pytest.raises(MonaziteError, match="changed since"):
        attribute(other, baseline, Question(GOOD, step=step_of(run, "2027-02")))


def test_an_amount_over_several_minerals_keeps_them_together():
    scenario = sim.load(
        "baseline-2024",
        "+events.q={type: export_quota, by: [CHN], goods: [gallium, germanium], from: 2025-01-01, "
        "amount: 100 t/year, assumption: true}",
    )
    kept = chains_of(scenario, next(g.id for g in sim.load_world(2024).goods if g.mineral == "gallium"))
    assert set(kept.minerals) == {"gallium", "germanium"}


def test_a_scenario_that_is_cut_ends_with_the_step():
    scenario = sim.load("baseline-2024")
    assert str(cut(scenario, 3).end) == "2024-03-31"
    assert cut(scenario, 84).end == scenario.end
