"""Buyers who hold something already, and sellers who keep what they do not want to sell at a price."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.market import Clearing, clear
from sim.market import clearing as module
from sim.market.certificate import certify
from sim.market.layout import Terms
from sim.market.reference import ReferenceMarket, clear_by_hand
from sim.market.solver import sweeps
from sim.market.solver.holdings import TAIL
from tests.market.cases import Case, random_case
from tests.market.test_equilibrium import by_hand
from tests.market.test_invariance import assert_same_bits

LEAST, KEEP = 0.02, 1.25
KINDS = ("held", "kept", "both")


def holdings(case: Case, rng: np.random.Generator, kind: str) -> dict[str, Any]:
    """Options of :func:`clear`: some buyers hold more than they want, some sellers would keep more than all.

    All keep something: one that keeps nothing sells its goods at any price, and where buyers have
    enough there is none at which they take it.
    """
    options: dict[str, Any] = {}
    if kind != "kept":
        wanted = case.demand.sum(axis=2)
        options |= {"held": wanted * rng.choice([0.0, 0.3, 0.8, 1.5], wanted.shape), "least": LEAST}
    if kind != "held":
        shape = case.quantity.shape
        options |= {"kept": case.quantity * rng.choice([0.05, 0.3, 0.9, 3.0], shape), "keep_elasticity": KEEP}
    return options


def of(options: dict[str, Any], members: Any) -> dict[str, Any]:
    """The options of some members."""
    return {name: v[members] if isinstance(v, np.ndarray) else v for name, v in options.items()}


def cleared_by_hand(case: Case, options: dict[str, Any]) -> ReferenceMarket:
    plain = by_hand(case)
    names = "kernel", "sigma", "quantity", "ask", "demand", "reservation", "elasticity", "caps"
    fields = {name: getattr(plain, name) for name in names}
    rows = {name: np.asarray(options[name])[0].tolist() for name in ("held", "kept") if name in options}
    eps = [KEEP] * len(plain.eps) if "kept" in options else plain.eps
    least = LEAST if "held" in options else 0.0
    return ReferenceMarket(**fields, **rows, eps=eps, least=least)


@pytest.fixture(scope="module")
def case() -> Case:
    rng = np.random.default_rng(3)
    made = random_case(rng, goods=4, members=8, sellers=(2, 9), buyers=(2, 14), caps=4, idle=0.1, content=0.1)
    return made.with_(cap_tonnes=np.maximum(made.cap_tonnes, 1e-3 * made.quantity.max()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("caps", [0, 1])
def test_twin_of_the_plain_loops(kind: str, caps: int) -> None:
    agreed = 0
    for seed in range(7):
        rng = np.random.default_rng(seed)
        case = random_case(rng, sellers=(1, 3), buyers=(1, 3), caps=caps, spread=0.5, idle=0.2)
        case = case.with_(cap_tonnes=np.maximum(case.cap_tonnes, 1e-2 * case.quantity.max()))
        options = holdings(case, rng, kind)
        fast = case.clear(tolerance=1e-11, **options)
        assert fast.certified.all()
        slow = clear_by_hand(cleared_by_hand(case, options), tolerance=1e-10, rounds=300)
        if slow.residual > 1e-10:
            continue  # where two unknowns act alike, moving one at a time creeps
        agreed += 1
        np.testing.assert_allclose(fast.flow(0)[0], slow.flow, atol=1e-8 * case.quantity.max())
        # Prices are compared where they are determined: by sales of some weight.
        sells = fast.sales[0] > 1e-2 * case.quantity.max()
        np.testing.assert_allclose(fast.price[0][sells], np.array(slow.price)[sells], rtol=1e-6)
    assert agreed >= 5


@pytest.mark.parametrize("kind", KINDS)
def test_certificate_of_random_markets(case: Case, kind: str) -> None:
    options = holdings(case, np.random.default_rng(8), kind)
    clearing = case.clear(**options)
    assert clearing.certified.all()
    for g in range(len(case.kernel)):
        found = certify(clearing, g, Terms(*case.arguments(), **options))
        size = np.maximum(case.quantity[:, case.offer_good == g].max(axis=1), 1e-300)
        assert (found.gap >= -1e-12 * size).all()
        assert (found.gap <= 1e-6 * size).all()
        assert (found.excess <= 1e-8 * size).all()
        assert (found.cap_violation <= 1e-12 * size).all()
        assert (found.oversold <= 1e-12 * size).all()
        assert (found.tonnes_lost <= 1e-12 * size).all()


@pytest.mark.parametrize("kind", KINDS)
def test_certificate_sees_prices_that_are_wrong(case: Case, kind: str) -> None:
    """The gap of a rough clearing, from products and dense flows; without caps, whose rents are rough."""
    free = case.with_(caps=[], cap_tonnes=np.zeros((len(case.quantity), 0)))
    options = holdings(free, np.random.default_rng(8), kind)
    rough = free.clear(tolerance=1e-2, **options)
    assert rough.gap.max() > 1e-7
    for g in range(len(free.kernel)):
        found = certify(rough, g, Terms(*free.arguments(), **options))
        size = 2.0 ** np.floor(np.log2(free.quantity[:, free.offer_good == g].max(axis=1)))
        # Where an offer is below the turn to its tail and sales are not, products give it to first order.
        exact = 1e-5 if kind == "held" else 2e-2
        np.testing.assert_allclose(found.gap / size, rough.gap[:, g], atol=2e-11, rtol=exact)
        assert (found.gap >= -1e-12 * size).all()


@pytest.mark.parametrize("kind", KINDS)
def test_newton_alone_finds_the_same_prices(case: Case, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    options = holdings(case, np.random.default_rng(8), kind)
    by_sweeps = case.clear(tolerance=1e-11, **options)
    monkeypatch.setattr(sweeps, "MOST_SWEEPS", 1)
    alone = case.clear(tolerance=1e-11, **options)
    assert alone.certified.all()
    sells = by_sweeps.sales > 1e-3 * case.quantity.max()
    np.testing.assert_allclose(alone.price[sells], by_sweeps.price[sells], rtol=1e-6)
    np.testing.assert_allclose(alone.sales, by_sweeps.sales, atol=1e-8 * case.quantity.max())


@pytest.mark.parametrize("kind", KINDS)
def test_bits_depend_on_neither_batch_nor_company(
    case: Case, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    options = holdings(case, np.random.default_rng(8), kind)
    whole = case.clear(**options)
    for which in (slice(0, 1), slice(4, 8), np.array([7, 2, 3])):
        assert_same_bits(case.members(which).clear(case.market(), **of(options, which)), whole, which)
    monkeypatch.setattr(module, "BATCH_ELEMENTS", 1)
    assert_same_bits(case.clear(**options), whole, slice(None))


def one_market(held: float, kept: float, open_link: float = 1.0) -> Clearing:
    """Two buyers of 100 t each, of whom the first may be cut off; a seller of 150 t."""
    case = random_case(np.random.default_rng(0), sellers=(1, 1), buyers=(2, 2), sigma=4.0)
    case = case.with_(
        kernel=[np.array([[open_link, 1.0]])], quantity=np.array([[150.0]]), ask=np.array([[1.0]]),
        demand=np.array([[[60.0, 40.0], [60.0, 40.0]]]), reservation=np.array([[[1.0, 2.0], [1.0, 2.0]]]),
        elasticity=np.array([2.0, 2.0]),
    )  # fmt: skip
    return case.clear(
        held=np.array([[held, 0.0]]), least=LEAST, kept=np.array([[kept]]), keep_elasticity=KEEP,
        tolerance=1e-12,
    )  # fmt: skip


def tiers(index: float) -> float:
    """Tonnes that a buyer of :func:`one_market` wants."""
    return float(60.0 * min(1.0, index**-2.0) + 40.0 * min(1.0, (index / 2) ** -2.0))


def test_who_has_more_than_it_wants_orders_the_least() -> None:
    clearing = one_market(held=500.0, kept=50.0)
    first, second = clearing.purchases[0]
    assert first == pytest.approx(LEAST * tiers(clearing.index[0, 0]), rel=1e-9)
    assert second == pytest.approx(tiers(clearing.index[0, 1]), rel=1e-9)


def test_what_is_held_is_not_ordered() -> None:
    clearing = one_market(held=30.0, kept=50.0)
    assert clearing.purchases[0, 0] == pytest.approx(tiers(clearing.index[0, 0]) - 30.0, rel=1e-9)


def test_a_seller_offers_what_it_does_not_keep() -> None:
    clearing = one_market(held=0.0, kept=50.0)
    price = clearing.price[0, 0]
    assert clearing.sales[0, 0] == pytest.approx(150.0 - 50.0 * price**-KEEP, rel=1e-9)


def test_next_to_nothing_is_offered_as_a_power_of_the_price() -> None:
    """A seller that would keep more than it has still sells a little."""
    clearing = one_market(held=97.0, kept=6000.0)
    share = 6000.0 / 150.0 * clearing.price[0, 0] ** -KEEP
    assert share > 1 - TAIL
    offered = 150.0 * TAIL * (share / (1 - TAIL)) ** (-(1 - TAIL) / TAIL)
    assert clearing.sales[0, 0] == pytest.approx(offered, rel=1e-8)


@pytest.mark.parametrize(("held", "expected"), [(0.0, 2.0), (30.0, 2.0), (70.0, None), (150.0, 1.0)])
def test_who_is_cut_off_is_quoted_where_its_stock_is_enough(held: float, expected: float | None) -> None:
    """At the highest reservation price it wants 55 t, below the lowest never more than 100 t."""
    index = one_market(held=held, kept=50.0, open_link=0.0).index[0, 0]
    if expected is None:
        assert 1.0 < index < 2.0
        assert tiers(index) == pytest.approx(held, rel=1e-9)
    else:
        assert index == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("least", [0.0, 1.0])
def test_a_least_order_is_asked_for(least: float) -> None:
    case = random_case(np.random.default_rng(0), buyers=(2, 2))
    with pytest.raises(ValueError, match="least must lie between 0 and 1"):
        clear(case.market(), *case.arguments(), held=np.ones((1, 2)), least=least)
