"""Copies and checkpoints go on as the original would, which does not notice; branches; who only reads."""

from __future__ import annotations

import copy
import datetime as dt
import os
import pickle
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.rounds import ARRIVED
from sim.engine import Simulation, StepResult
from sim.engine.record import Recorder
from sim.engine.recording import Recording
from sim.errors import MonaziteError
from sim.instruments import Instrument
from sim.sweep.kept import EveryFlowRecorder, SweepRecorder
from sim.world.load import load_world
from sim.world.world import World
from tests.checks_of_runs import price_briefly
from tests.engine.busy_run import BEGIN, HALFWAY, MEMBERS, WAYS, advance, busy, everything, record_tail
from tests.engine.test_rules import LICENCE, QUOTA, event, rule
from tests.engine_events import PlainScenario, piles_of
from tests.steps import bits, differing, digest
from tests.world.random_worlds import random_event, random_sketch

STEPS = 5
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
MONTHS = 6
"""Before a branch: its events begin with the month after."""
LATER: dict[str, Any] = {"from": dt.date(2024, 7, 1)}
OXIDE = ["dysprosium_oxide"]
Steps = list[dict[str, Any]]
briefly = pytest.mark.usefixtures("few_rounds")


def keeps_nothing(*_: Any) -> Recording:
    return Recording()


def following(simulation: Simulation, steps: int = STEPS) -> Steps:
    return [bits(simulation.step()) for _ in range(steps)]


def assert_same(one: Steps, other: Steps) -> None:
    assert [differing(*pair) for pair in zip(one, other, strict=True)] == [[]] * len(one)


@pytest.fixture(scope="module")
def straight(small_world: World) -> Steps:
    """The first fifteen months of the busy run, of which nothing was ever copied."""
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        return following(busy(small_world), 15)


Parted = tuple[Simulation, Steps, dict[str, Simulation]]


@pytest.fixture(scope="module", params=["month", "week"])
def parted(
    request: pytest.FixtureRequest, small_world: World, tmp_path_factory: pytest.TempPathFactory
) -> Parted:
    """A run that has gone on from the middle, what its steps brought, and what was made of it before."""
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        original = advance(busy(small_world, request.param), HALFWAY)
        folder = tmp_path_factory.mktemp("parted")
        others = {name: way(original, folder) for name, way in WAYS.items()}
        return original, following(original), others


@briefly
def test_everything_with_a_memory_is_at_work(small_world: World) -> None:
    """Or the tests below would prove nothing."""
    made = advance(busy(small_world), HALFWAY)
    arrays = made.checkpoint().arrays
    for name in ("pile/magnet/bought", "/schedule", "/waiting", "/left", "/kept", "tariff/now"):
        assert any(array.any() for key, array in arrays.items() if key.endswith(name)), name
    assert len({made.case.happens["strike"].tobytes()} | {np.ones(3, dtype=bool).tobytes()}) == 2
    assert any(acting.any() for _, _, acting in made.last.acting)


@briefly
@pytest.mark.parametrize("way", WAYS)
def test_it_goes_on_with_the_same_bits(parted: Parted, way: str) -> None:
    original, expected, others = parted
    other = others[way]
    assert_same(expected, following(other))
    assert differing(record_tail(original, HALFWAY), record_tail(other, HALFWAY)) == []
    own, theirs = original.checkpoint(), other.checkpoint()
    assert own.header == theirs.header
    assert differing(own.arrays, theirs.arrays) == []


@briefly
@pytest.mark.parametrize("seed", range(300 if THOROUGH else 8))
def test_random_worlds_go_on_with_the_same_bits(tmp_path: Path, seed: int) -> None:
    """Facilities that stand still, traders, one country or four, any event."""
    sketch = random_sketch(seed)
    world = load_world(2024, sketch.write(tmp_path))
    events = (random_event(seed, sketch, dt.date(2024, 2, 1)),)
    scenario: Any = PlainScenario(events=events, end=dt.date(2024, 9, 30))
    original = advance(Simulation(world, scenario, members=2, seed=seed), 1 + seed % 4)
    others = [way(original, tmp_path) for way in WAYS.values()]
    expected = following(original, 3)
    for other in others:
        assert_same(expected, following(other, 3))


@briefly
def test_the_original_does_not_notice(small_world: World, tmp_path: Path) -> None:
    alone, copied = busy(small_world), busy(small_world)
    for step in range(8):
        for number, way in enumerate(WAYS.values()):
            advance(way(copied, tmp_path), (step + number) % 3)
        assert differing(bits(alone.step()), bits(copied.step())) == []
    assert alone.recorder.dataset().identical(copied.recorder.dataset())


@briefly
def test_one_checkpoint_is_resumed_as_often_as_one_likes(small_world: World) -> None:
    original = advance(busy(small_world), HALFWAY)
    checkpoint = original.checkpoint()
    before = digest(checkpoint.arrays)
    first, second = (Simulation.resume(checkpoint) for _ in range(2))
    ahead = following(second, 2)
    expected = following(original)
    assert_same(expected, following(first))
    assert_same(expected, ahead + following(second, STEPS - 2))
    assert digest(checkpoint.arrays) == before
    assert_same(expected, following(Simulation.resume(checkpoint)))


@briefly
def test_a_checkpoint_of_what_was_resumed_is_the_same(small_world: World) -> None:
    checkpoint = advance(busy(small_world), HALFWAY).checkpoint()
    for _ in range(2):
        following_one = Simulation.resume(checkpoint).checkpoint()
        assert following_one.header == checkpoint.header
        assert differing(following_one.arrays, checkpoint.arrays) == []
        checkpoint = following_one


@briefly
def test_from_before_the_first_step_to_after_the_last(small_world: World, straight: Steps) -> None:
    """A list of checkpoints is a list of undos, the first of which is the start."""
    original = busy(small_world)
    kept = [original.checkpoint()]
    for _ in range(4):
        original.step()
        kept.append(original.checkpoint())
    for checkpoint in kept[::-1]:
        back = Simulation.resume(checkpoint)
        assert_same(straight[back.time : back.time + 3], following(back, 3))
    short = busy(small_world)
    scenario = short.case.scenario
    done = advance(Simulation(small_world, replace(scenario, end=dt.date(2024, 12, 31))), 12)  # type: ignore[type-var]
    longer = Simulation.resume(done.checkpoint(), scenario)
    assert_same(following(advance(Simulation(small_world, scenario), 12)), following(longer))


@briefly
def test_numbers_seeds_and_values_survive(small_world: World, tmp_path: Path) -> None:
    original = advance(busy(small_world), 2)
    for way in ("resumed", "from a file"):
        other = WAYS[way](original, tmp_path).case
        assert list(other.members) == MEMBERS["members"]
        assert other.seed == MEMBERS["seed"]
        assert differing(original.case.draws.values, other.draws.values) == []
        assert differing(original.case.draws.given, other.draws.given) == []
        assert len(other.draws.given) == 2


@briefly
@pytest.mark.parametrize("parted", ["month"], indirect=True)
@pytest.mark.parametrize("keeper", [keeps_nothing, SweepRecorder], ids=["nothing", "sweep"])
def test_what_a_checkpoint_holds_does_not_depend_on_the_record(
    small_world: World, halfway: Simulation, parted: Parted, keeper: Callable[..., Recording]
) -> None:
    """What was bought abroad before arrives in the new record, whoever recorded before."""
    quiet = advance(busy(small_world, recorder=keeper), HALFWAY)
    own, theirs = halfway.checkpoint(), quiet.checkpoint()
    assert own.header["lags"] > 2
    assert differing(own.arrays, theirs.arrays) == []
    resumed = advance(Simulation.resume(theirs), STEPS)
    assert differing(record_tail(parted[0], HALFWAY), record_tail(resumed, HALFWAY)) == []


# -- who only reads ------------------------------------------------------------------------------


@briefly
@pytest.mark.parametrize("keeper", [keeps_nothing, SweepRecorder, EveryFlowRecorder])
def test_recording_only_reads(
    small_world: World, straight: Steps, keeper: Callable[..., Recording]
) -> None:
    assert_same(straight[:12], following(busy(small_world, recorder=keeper), 12))


def arrays_of(value: Any, found: dict[int, np.ndarray]) -> dict[int, np.ndarray]:
    """Every array of a step, those that make its flows included, workspaces not."""
    if isinstance(value, np.ndarray):
        found[id(value)] = value
    elif is_dataclass(value):
        for part in fields(value):
            if part.name not in ("memory", "frame", "world"):
                arrays_of(getattr(value, part.name), found)
    elif isinstance(value, dict):
        for item in value.values():
            arrays_of(item, found)
    elif isinstance(value, tuple | list):
        for item in value:
            arrays_of(item, found)
    return found


@briefly
def test_later_steps_do_not_write_into_a_result(small_world: World) -> None:
    made = busy(small_world)
    kept: list[tuple[StepResult, str]] = []
    for _ in range(15):
        result = made.step()
        kept.append((result, digest(bits(result))))
        for earlier, before in kept[-4:]:
            assert digest(bits(earlier)) == before


@briefly
def test_a_result_may_be_locked(small_world: World, straight: Steps) -> None:
    """Neither later steps nor recorders nor checkpoints write into its arrays: they could not."""
    made = busy(small_world)
    for free in straight:
        result = made.step()
        locked = arrays_of(result, {})
        assert len(locked) > 40
        for array in locked.values():
            array.flags.writeable = False
        made.checkpoint()
        assert differing(bits(result), free) == []
    made.recorder.dataset()


# -- branches ------------------------------------------------------------------------------------


def scenario_of(*events: Instrument, end: dt.date = dt.date(2025, 12, 31), **fields: Any) -> Any:
    return PlainScenario(events=events, end=end, **fields)


def branched(world: World, first: Any, then: Any, steps: int = MONTHS) -> tuple[Simulation, Simulation]:
    """A run of the first scenario that goes on under the second, and one of the second from its start."""
    before = advance(Simulation(world, first, **MEMBERS), steps)
    return Simulation.resume(before.checkpoint(), then), advance(Simulation(world, then, **MEMBERS), steps)


TALKS = event(
    "talks", "negotiation", between=["USA", "CHN"], events=["licence"], approval_share="90 %", **LATER
)  # fmt: skip
QUOTA_BEFORE = event("quota", "export_quota", **QUOTA)
LICENCE_BEFORE = event("licence", "export_licence", **LICENCE)
TARIFF = event("tariff", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate="20 %", dormant=True)
PILE: dict[str, Any] = {
    "by": "JPN", "goods": OXIDE, "size": "12 t", "rate": "12 t/year", "initial": "3 t",
    "release_above": "150 %",
}  # fmt: skip


def reacting(trigger: dict[str, Any], **fields: Any) -> Instrument:
    return rule(trigger, "activate", "tariff", **LATER, **fields)


BRANCHES: dict[str, tuple[Any, Any]] = {
    "a ban": (
        scenario_of(), scenario_of(event("ban", "export_ban", by="CHN", to="JPN", goods=OXIDE, **LATER))
    ),
    "a licence": (scenario_of(), scenario_of(event("l", "export_licence", **LICENCE | LATER))),
    "a quota": (scenario_of(), scenario_of(event("q", "export_quota", **QUOTA | LATER))),
    "a stockpile": (scenario_of(), scenario_of(event("pile", "stockpile", **PILE, **LATER))),
    "a later end": (scenario_of(QUOTA_BEFORE), scenario_of(QUOTA_BEFORE, end=dt.date(2029, 12, 31))),
    "an earlier end": (scenario_of(QUOTA_BEFORE), scenario_of(QUOTA_BEFORE, end=dt.date(2025, 3, 31))),
    "longer delays": (
        scenario_of(), scenario_of(event("storm", "freight_shock", change="50 %", delay="3 months", **LATER)),
    ),
    "the end of a licence": (
        scenario_of(LICENCE_BEFORE),
        # Had it been announced before, everybody would have reckoned with it.
        scenario_of(
            event("licence", "export_licence", until=dt.date(2024, 6, 30), end_announced=dt.date(2024, 7, 1),
                  **LICENCE)
        ),
    ),
}  # fmt: skip
"""First scenario, and another that first differs in the month in which it takes over."""


@briefly
@pytest.mark.parametrize("name", BRANCHES)
def test_a_branch_is_a_run_whose_events_begin_there(small_world: World, name: str) -> None:
    """To the bit: both have done the same sums."""
    branch, whole = branched(small_world, *BRANCHES[name])
    steps = min(9, branch.steps - MONTHS)
    assert_same(following(whole, steps), following(branch, steps))
    assert differing(record_tail(whole, MONTHS), record_tail(branch, MONTHS)) == []


@briefly
def test_a_licence_that_is_gone_lets_everything_pass(small_world: World) -> None:
    """The other scenario never had it: from the next month on nothing waits and no permit is needed."""
    branch, _ = branched(small_world, scenario_of(LICENCE_BEFORE), scenario_of())
    ended, _ = branched(
        small_world, scenario_of(LICENCE_BEFORE),
        scenario_of(event("licence", "export_licence", until=dt.date(2024, 6, 30), **LICENCE)),
    )  # fmt: skip
    for _ in range(3):
        result, other = branch.step(), ended.step()
        assert result.queues == {}
        assert not result.held_back.any()
        np.testing.assert_array_equal(result.clearing.price, other.clearing.price)


RULES: dict[str, tuple[dict[str, Any], bool]] = {
    "in force": ({"event": "quota"}, True), "raised": ({"event": "quota", "is": "raised"}, False),
    "for a time": ({"event": "quota", "for": "2 months"}, True),
    "dear": ({"price": OXIDE, "above": "101 %"}, True),
}  # fmt: skip
"""What a rule waits for, and whether it comes: the quota was raised long ago."""


@pytest.mark.parametrize("name", RULES)
def test_a_rule_that_is_added_sees_the_step_before(small_world: World, name: str) -> None:
    """As in a run in which it was written from the start, and waited for its date.

    At first it meets the same market, as far as prices of the time ahead agree: an event that some members
    may meet and others not has a market of other shapes, before it acts, too, and rounds from prices that
    rounding moved need not end at the same ones. Later months carry that on; what the rule does stays so.
    """
    trigger, acts = RULES[name]
    then = scenario_of(QUOTA_BEFORE, TARIFF, reacting(trigger))
    branch, whole = branched(small_world, scenario_of(QUOTA_BEFORE), then)
    for month in range(8):
        mine, theirs = branch.step(), whole.step()
        assert mine.acting[0][2].tolist() == theirs.acting[0][2].tolist()
        if month == 0:
            np.testing.assert_allclose(mine.clearing.price, theirs.clearing.price, rtol=ARRIVED)
            missing = np.abs(mine.shortfall - theirs.shortfall)
            assert (missing <= ARRIVED * theirs.required).all()
    assert mine.acting[0][2].tolist() == [acts] * 3


@pytest.mark.parametrize("added", [True, False])
def test_talks_about_a_licence_leave_its_queue_alone(small_world: World, added: bool) -> None:
    """Applications and permits stay where talks come in, or are no longer there.

    A month more is filed for, about as much as without: what comes is priced anew in another scenario.
    """
    plain, talked = scenario_of(LICENCE_BEFORE), scenario_of(LICENCE_BEFORE, TALKS)
    first, then = (plain, talked) if added else (talked, plain)
    before = advance(Simulation(small_world, first, **MEMBERS), MONTHS)
    stood = before.last.queues["licence"]
    branch = Simulation.resume(before.checkpoint(), then)
    queue = branch.step().queues["licence"]
    on = before.step().queues["licence"]
    assert (queue.filed > stood.filed).all()
    np.testing.assert_allclose(queue.filed - stood.filed, on.filed - stood.filed, rtol=0.1)
    # Decided is what was filed a month ago and more: the same in both, though not as much is approved.
    np.testing.assert_allclose(queue.filed - queue.waiting, on.filed - on.waiting, rtol=1e-9)
    assert (queue.approved > stood.approved).all()


@pytest.mark.parametrize("content", [False, True])
def test_origins_that_nobody_followed_begin_with_the_base_mix(small_world: World, content: bool) -> None:
    """In stocks, under way and in piles of states; they add up to all tonnes where all origins are named."""
    larger = {"rotation": "30 %/year", "size": "2 months", "rate": "500 t/year"}
    pile = event("pile", "stockpile", **PILE | larger)
    ban = event("ban", "export_ban", by=["CHN", "JPN", "ROW"], to="USA", goods=["all"], extraterritorial=True,
                content=content, **LATER)  # fmt: skip
    branch, whole = branched(small_world, scenario_of(pile), scenario_of(pile, ban))
    (family,), piles = branch.actors.families, piles_of(branch)
    assert piles.tonnes.stock.min() > 3
    for _ in range(6):
        for tonnes, mix in (
            (branch.state.seller_stock[:, family.offers], family.seller),
            (branch.state.buyer_stock[:, family.needs], family.buyer.stock),
            (branch.state.transit[:, :, family.needs], family.buyer.transit),
            (piles.tonnes.stock[..., 0], piles.mixes[1].stock),
            (piles.tonnes.transit[..., 0], piles.mixes[1].transit),
        ):
            np.testing.assert_allclose(mix.sum(-1), tonnes, rtol=1e-9, atol=1e-9)
        mine, theirs = branch.step(), whole.step()
        # Member 0 has no noise: what stocks consist of has stayed at the base mix all along.
        np.testing.assert_allclose(mine.clearing.price[0], theirs.clearing.price[0], rtol=1e-3)


@briefly
def test_a_pile_that_is_there_keeps_its_tonnes_beside_a_new_one(small_world: World) -> None:
    by = {"old": "JPN", "new": "CHN"}
    old, new = (event(name, "stockpile", **PILE | {"by": country}) for name, country in by.items())
    before = advance(Simulation(small_world, scenario_of(old), **MEMBERS), MONTHS)
    stood = piles_of(before).tonnes.stock.copy()
    branch = Simulation.resume(before.checkpoint(), scenario_of(new, old))
    piles = piles_of(branch)
    assert piles.events == ["new", "old"]
    np.testing.assert_array_equal(piles.tonnes.stock[:, [1]], stood)
    np.testing.assert_allclose(piles.tonnes.stock[:, 0, 0], 3.0)


def test_events_of_before_are_in_force_at_once(small_world: World) -> None:
    branch, _ = branched(small_world, scenario_of(), scenario_of(QUOTA_BEFORE))
    assert branch.step().shares == {"quota": 1.0}
    assert (branch.last.prices.outside[:, 2] > 1.02 * small_world.base_price[2]).all()


@briefly
def test_a_busy_branch_of_a_plain_run_and_back(small_world: World, tmp_path: Path) -> None:
    """All at once: every kind of memory appears, and goes, in any order, and through a file."""
    plain, full = scenario_of(), scenario_of(*everything())
    simulation = advance(Simulation(small_world, plain, **MEMBERS), 4)
    for turn in range(4):
        path = tmp_path / f"{turn}.checkpoint"
        simulation.checkpoint().write(path)
        then = (full, plain)[turn % 2]
        simulation = Simulation.resume(path, then, small_world)
        one, other = simulation, pickle.loads(pickle.dumps(simulation))
        assert_same(following(one, 4), following(copy.deepcopy(other), 4))
        assert simulation.last.clearing.certified.all()
    assert simulation.dates[4] > BEGIN


@briefly
def test_the_run_of_a_file_needs_its_scenario(small_world: World, tmp_path: Path) -> None:
    path = tmp_path / "x.checkpoint"
    advance(busy(small_world), 1).checkpoint().write(path)
    with pytest.raises(MonaziteError, match=r"give one: scenario=sim\.load\('busy'\)"):
        Simulation.resume(path)


@briefly
def test_a_recorder_of_ones_own_goes_on(small_world: World, straight: Steps) -> None:
    original = advance(busy(small_world), HALFWAY)
    for keeper in (Recorder, SweepRecorder, keeps_nothing):
        resumed = Simulation.resume(original.checkpoint(), recorder=keeper)
        assert_same(straight[HALFWAY : HALFWAY + 2], following(resumed, 2))
