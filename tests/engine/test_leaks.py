"""Bans around which goods find their way: when, how much, and the same on every road of a run.

Third countries sell nothing on here; ``test_resale.py`` has what they do.
"""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.engine import Simulation
from sim.instruments import Instrument
from sim.world.world import World
from tests.engine import banned
from tests.engine.banned import advanced, export_ban, passing
from tests.steps import bits, differing

GOOD = "dysprosium_oxide"


def ban(**fields: Any) -> Instrument:
    return export_ban(GOOD, **{"to": ["JPN"], **fields})


def simulation(world: World, *events: Any, **settings: Any) -> Simulation:
    return banned.simulation(world, *events, **{"resale_speed": 0.0, **settings})


def share(run: Simulation) -> np.ndarray:
    (found,) = run.actors.gates.ways.leaks.values()
    return found


def test_what_passes_is_the_share_of_base_trade_that_found_a_way(small_world: World) -> None:
    run = advanced(simulation(small_world, ban(leak=True)), 3)
    base: float | None = None
    before = np.zeros(1)
    for month in range(12):
        advanced(run, 1)
        (gate,) = run.last.market.gates
        base = gate.base.sum() / 12
        assert passing(run) <= before * base * (1 + 1e-9) + 1e-12
        if month == 0:
            assert passing(run) == 0
        else:
            assert passing(run) > 0.9 * before * base
        before = share(run)
    assert before > 0.05
    assert run.last.clearing.certified.all()


def test_the_equations(small_world: World) -> None:
    """(M166) and (M167), from a step's prices."""
    run = advanced(simulation(small_world, ban(leak=True)), 5)
    before = share(run).copy()
    advanced(run, 1)
    clearing, prepared = run.last.clearing, run.case.prepared
    (gate,) = run.last.market.gates
    base = gate.base.reshape(len(gate.offers), len(gate.needs))
    abroad = np.log(clearing.index[0, gate.needs] / prepared.benchmark.base_index[gate.needs])
    inside = np.log(clearing.price[0, gate.offers])
    apart = (base * abroad).sum() / base.sum() - (base * inside[:, None]).sum() / base.sum()
    growth, margin, decay = (prepared.behaviour[f"leak_{n}"][0, 0] for n in ("growth", "margin", "decay"))
    assert apart > margin
    rest = growth / decay * (apart - margin)
    expected = rest + (before - rest) * np.exp(-decay / 12)
    assert share(run) == pytest.approx(expected, rel=1e-9)


def test_prices_abroad_come_down_and_users_use_more(small_world: World) -> None:
    # A year and a half on; later those who have turned to something else make the tight market the cheaper.
    tight, loose = (advanced(simulation(small_world, ban(leak=leak)), 18) for leak in (False, True))
    (gate,) = loose.last.market.gates
    needs = gate.needs
    assert loose.state.choice_index[0, needs].mean() < 0.95 * tight.state.choice_index[0, needs].mean()
    assert loose.last.consumed[0, needs].sum() > tight.last.consumed[0, needs].sum()


def test_where_prices_hardly_part_nothing_passes(small_world: World) -> None:
    run = advanced(simulation(small_world, ban(leak=True), leak_margin=5.0), 12)
    assert share(run) == 0
    assert passing(run) == 0


def test_before_a_leak_has_begun_a_ban_is_a_ban(small_world: World) -> None:
    """In its first month, to what the solver leaves over."""
    tight, loose = (advanced(simulation(small_world, ban(leak=leak)), 4) for leak in (False, True))
    np.testing.assert_allclose(loose.last.clearing.purchases, tight.last.clearing.purchases, rtol=0.05)
    np.testing.assert_allclose(loose.state.gate_price, tight.state.gate_price, rtol=0.05)


def test_months_and_weeks_leak_alike(small_world: World) -> None:
    months = advanced(simulation(small_world, ban(leak=True)), 15)
    weeks = advanced(simulation(small_world, ban(leak=True), step="week"), 65)
    assert share(weeks)[0] == pytest.approx(share(months)[0], rel=0.1)


def test_when_the_ban_ends_its_ways_are_forgotten(small_world: World) -> None:
    run = advanced(simulation(small_world, ban(leak=True, until=dt.date(2025, 1, 31))), 14)
    assert not run.actors.gates.ways.leaks


def test_a_checkpoint_and_a_member_alone_go_on_with_the_same_bits(small_world: World) -> None:
    event = ban(leak=True, probability="60 %")
    run = advanced(simulation(small_world, event, members=[0, 2, 5, 6]), 8)
    again = Simulation.resume(run.checkpoint())
    alone = advanced(simulation(small_world, event, members=[5]), 8)
    assert np.array_equal(share(again), share(run))
    for _ in range(6):
        one, other = bits(run.step()), bits(again.step())
        assert differing(one, other) == []
        alone.step()
        assert np.array_equal(alone.state.gate_price[0], run.state.gate_price[2])
        assert np.array_equal(share(alone)[0], share(run)[2])


def test_who_looks_ahead_knows_what_leaks(small_world: World) -> None:
    run = advanced(simulation(small_world, ban(leak=True)), 3)
    shares = [0.0, *(float(share(advanced(run, 1))[0]) for _ in range(13))]
    coming = [known.regime for known in run._outlook._priced if known.regime and known.regime.leaks]
    assert coming
    (leak,) = coming[0].leaks
    # As it was when the quarter began.
    assert coming[0].cap_tonnes[0, leak.cap] == pytest.approx(shares[-2] * leak.whole, rel=1e-12)
