"""The compiled engine: the same equilibria as arrays find, in bits that hang on nothing but the market."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.market import Clearing, Market, clear
from sim.market.certificate import certify
from sim.market.layout import Terms
from tests.market.cases import random_case
from tests.market.test_holdings import KINDS, holdings
from tests.market.test_members import by_member, market_of

pytest.importorskip("numba", reason="THE COMPILED ENGINE IS NOT TESTED: pip install '.[fast]'")

TIGHT = 1e-11
"""Where both engines arrive so near, what is left between them is rounding."""
AXES = ("price", "sales", "index", "purchases", "demanded", "log_rent", "cap_flow", "scaled_down")


def compiled(market: Market) -> Market:
    return replace(market, engine="compiled", memory={})


def assert_near(one: Clearing, other: Clearing, share: float = 1e-9) -> None:
    """Tonnes to a share of the largest; prices of who sells more than a millionth of it."""
    for name in ("sales", "purchases", "cap_flow", "rent_value", "scaled_down"):
        a, b = getattr(one, name), getattr(other, name)
        assert np.abs(a - b).max(initial=0) <= share * np.abs(other.sales).max(), name
    counts = other.sales > 1e-6 * other.sales.max()
    np.testing.assert_allclose(one.price[counts], other.price[counts], rtol=share)
    buys = other.purchases > 1e-6 * other.purchases.max()
    np.testing.assert_allclose(one.index[buys], other.index[buys], rtol=share)
    np.testing.assert_array_equal(one.certified, other.certified)


def assert_same_bits(one: Clearing, other: Clearing, rows: Any = slice(None)) -> None:
    for name in (*AXES, "residual", "gap", "iterations"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name)[rows], name)


@pytest.mark.parametrize("caps", [0, 3])
@pytest.mark.parametrize("seed", range(12))
def test_finds_what_arrays_find(seed: int, caps: int) -> None:
    case = random_case(np.random.default_rng(seed), goods=4, members=6, caps=caps, sellers=(2, 40))
    market = case.market()
    ours, theirs = (case.clear(m, tolerance=TIGHT) for m in (compiled(market), market))
    assert_near(ours, theirs)
    for good in range(4):
        flow = theirs.flow(good)
        np.testing.assert_allclose(ours.flow(good), flow, atol=1e-9 * flow.max(initial=0) + 1e-300)
        judged = certify(ours, good, Terms(*case.arguments()))
        size = case.quantity.max()
        assert judged.tonnes_lost.max() <= 1e-12 * size
        assert judged.cap_violation.max() <= 1e-12 * size
        assert judged.oversold.max() <= 1e-12 * size
        assert np.abs(judged.gap).max() <= 1e-8 * size


@pytest.mark.parametrize("caps", [0, 3])
def test_finds_what_arrays_find_where_members_differ(caps: int) -> None:
    case, kernels = by_member(3, caps)
    market = market_of(case, kernels)
    assert_near(case.clear(compiled(market), tolerance=TIGHT), case.clear(market, tolerance=TIGHT))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(4))
def test_finds_what_arrays_find_where_stocks_are_held(kind: str, seed: int) -> None:
    rng = np.random.default_rng(seed)
    case = random_case(rng, goods=4, members=5, sellers=(2, 9), buyers=(2, 14), caps=4, idle=0.1, content=0.1)
    case = case.with_(cap_tonnes=np.maximum(case.cap_tonnes, 1e-3 * case.quantity.max()))
    options = holdings(case, rng, kind)
    market = case.market()
    ours, theirs = (case.clear(m, tolerance=TIGHT, **options) for m in (compiled(market), market))
    assert_near(ours, theirs)


def test_a_market_that_misses_goes_to_newton(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.market.compiled import engine

    case = random_case(np.random.default_rng(5), goods=3, members=5, caps=2, sellers=(3, 12))
    market = case.market()
    expected = case.clear(market, tolerance=TIGHT)
    monkeypatch.setattr(engine, "MOST_SWEEPS", 2)
    found = case.clear(compiled(market), tolerance=TIGHT)
    assert_near(found, expected)
    assert found.certified.all()
    assert found.iterations.max() > 2
    one = case.members([3]).clear(compiled(market), tolerance=TIGHT)
    np.testing.assert_array_equal(one.price, found.price[[3]])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", range(3))
def test_newton_finds_it_where_stocks_are_held(
    kind: str, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.market.compiled import engine
    from sim.market.solver import sweeps

    for module in (engine, sweeps):
        monkeypatch.setattr(module, "MOST_SWEEPS", 3)
    rng = np.random.default_rng(seed)
    case = random_case(rng, goods=4, members=5, sellers=(2, 9), buyers=(2, 14), caps=4, idle=0.1, content=0.1)
    case = case.with_(cap_tonnes=np.maximum(case.cap_tonnes, 1e-3 * case.quantity.max()))
    options = holdings(case, rng, kind)
    market = case.market()
    found, expected = (case.clear(m, tolerance=TIGHT, **options) for m in (compiled(market), market))
    # Both arrive, but from far away, where stocks leave prices loose.
    assert_near(found, expected, 1e-8)
    assert found.iterations.max() > 3 < expected.iterations.max()


def test_newton_has_the_same_bits_whatever_stands_beside(monkeypatch: pytest.MonkeyPatch) -> None:
    from sim.market.compiled import engine

    monkeypatch.setattr(engine, "MOST_SWEEPS", 3)
    case = random_case(np.random.default_rng(6), goods=4, members=7, caps=3, sellers=(2, 30))
    market = compiled(case.market())
    whole = case.clear(market)
    assert whole.iterations.max() > 3
    for rows in ([4], [6, 3, 0], list(range(6, -1, -1))):
        assert_same_bits(case.members(rows).clear(market), whole, rows)


@pytest.mark.parametrize("caps", [0, 3])
def test_bits_do_not_hang_on_the_batch_nor_on_its_order(caps: int) -> None:
    case = random_case(np.random.default_rng(8), goods=4, members=11, caps=caps, sellers=(2, 30))
    market = compiled(case.market())
    whole = case.clear(market)
    for rows in ([4], [0, 1], [10, 3, 7], list(range(10, -1, -1)), list(range(5))):
        assert_same_bits(case.members(rows).clear(market), whole, rows)
    for good in range(4):
        wanted = np.arange(4) == good
        offers, needs, own = wanted[case.offer_good], wanted[case.need_good], wanted[market.cap_good]
        alone = clear(
            market.alone(wanted), case.quantity[:, offers], case.ask[:, offers], case.demand[:, needs],
            case.reservation[:, needs], case.elasticity, case.cap_tonnes[:, own],
        )  # fmt: skip
        np.testing.assert_array_equal(alone.price, whole.price[:, offers])
        np.testing.assert_array_equal(alone.purchases, whole.purchases[:, needs])


def test_offers_without_goods_and_buyers_without_sellers_are_quoted_alike() -> None:
    case = random_case(np.random.default_rng(2), goods=3, members=4, sellers=(3, 9))
    quantity = case.quantity.copy()
    quantity[:, ::3] = 0.0
    quantity[1] = 0.0
    kernel = [k.copy() for k in case.kernel]
    kernel[0][:, 0] = 0.0
    case = case.with_(quantity=quantity, kernel=kernel)
    market = case.market()
    ours, theirs = (case.clear(m, tolerance=TIGHT) for m in (compiled(market), market))
    for name in ("price", "index", "demanded", "purchases"):
        np.testing.assert_allclose(getattr(ours, name), getattr(theirs, name), rtol=1e-8, err_msg=name)


@pytest.mark.parametrize("name", ["gallium-germanium-licence-2023", "baseline-2024"])
def test_whole_runs_agree(name: str) -> None:
    from sim.engine import Simulation
    from sim.scenario import load_scenario
    from sim.world.load import load_world

    scenario = load_scenario(name)
    world = load_world(scenario.base_year, scenario.tables)
    ours, theirs = (
        Simulation(world, replace(scenario, engine=engine), members=2, seed=1)
        for engine in ("compiled", "numpy")
    )
    for _ in range(9):
        assert_near(ours.step().clearing, theirs.step().clearing)


def test_real_markets_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the clearings of a run under a licence were asked for, of steps and of the year ahead."""
    from sim.engine import Simulation
    from sim.market import clearing, weighed
    from sim.scenario import load_scenario
    from sim.world.load import load_world

    calls: list[tuple[tuple[Any, ...], dict[str, Any]]] = []

    def call(*args: Any, **options: Any) -> Clearing:
        calls.append((args, options))
        return clear(*args, **options)

    for module in (weighed, clearing):
        monkeypatch.setattr(module, "clear", call)
    scenario = load_scenario("ree-licence-2025", ["time.start=2025-03", "time.end=2025-06"])
    world = load_world(scenario.base_year, scenario.tables)
    run = Simulation(world, scenario, members=3, seed=1)
    for _ in range(4):
        run.step()
    assert len(calls) > 10
    for args, options in calls[::3]:
        given = {**options, "tolerance": TIGHT}
        assert_near(clear(compiled(args[0]), *args[1:], **given), clear(*args, **given))


BITS = """
import hashlib, numpy as np
from dataclasses import replace
from sim.market.compiled import engine
from tests.market.cases import random_case
case = random_case(np.random.default_rng(1), goods=4, members=5, caps=2, sellers=(2, 30))
said = hashlib.sha256()
for engine.MOST_SWEEPS in (engine.MOST_SWEEPS, 3):  # Newton's method finds what so few do not
    found = case.clear(replace(case.market(), engine="compiled"))
    for array in (found.price, found.index, found.sales, found.gap, found.log_rent, found.iterations):
        said.update(array.tobytes())
print(said.hexdigest())
"""


@pytest.mark.slow
def test_bits_do_not_hang_on_the_width_of_the_processor(tmp_path: Any) -> None:
    def bits(**settings: str) -> str:
        known = {**os.environ, **settings}
        command = [sys.executable, "-c", BITS]
        return subprocess.run(command, env=known, capture_output=True, check=True, text=True).stdout

    # That of this processor may have been compiled by another test.
    narrow = bits(NUMBA_CPU_NAME="generic", NUMBA_CPU_FEATURES="", MONAZITE_CACHE=str(tmp_path))
    assert narrow == bits()
