"""The stable path of storage against the differential equations, integrated step by step."""

from __future__ import annotations

from math import exp, sqrt

import numpy as np
import pytest

from sim.agents import holding
from sim.agents.holding import LEAST_YEARS
from sim.agents.prepared import Prepared
from tests.prepared_world import Situation, behaving, prepared_world

RESPONSE, YIELD, STOCK, COST = 0.25, 1.0, 0.2, 0.08
"""E, psi, s in years and r a year."""
LOSS, BEGINS, ENDS = 0.10, 0.25, 1.25
"""Share of supply that is lost, from and until when, in years after it is announced."""


def closing(response: float, stock: float, cost: float, convenience: float) -> float:
    """The positive root of l**2 = r l + E psi / s."""
    return cost / 2 + sqrt(cost**2 / 4 + response * convenience / stock)


def rise_at_the_announcement(response: float, cost: float, rate: float) -> float:
    """Of the price, in logs, with stocks as usual: what is lost later, discounted at the rate.

    The price without stocks is LOSS / E higher in the window; of it counts what does not pay the holder.
    """
    weight = float(holding.weight_ahead(np.array(rate), BEGINS, ENDS))
    return LOSS / response * weight * (1 - cost / rate)


def integrated(response: float, stock: float, cost: float, convenience: float) -> float:
    """The rise of price from which integration lands on the stable path when the loss is over.

    The equations are linear: of two trials, the mix that ends on y = -kappa x is the answer.
    """
    rate = closing(response, stock, cost, convenience)

    def left(y: float) -> float:
        x = 0.0
        for length, loss in ((BEGINS, 0.0), (ENDS - BEGINS, LOSS)):
            steps = round(length * 800)
            for _ in range(steps):
                x, y = runge_kutta(x, y, loss, length / steps)
        return y + convenience / rate * x

    def runge_kutta(x: float, y: float, loss: float, dt: float) -> tuple[float, float]:
        def slope(x: float, y: float, lost: float) -> tuple[float, float]:
            return (response * y - lost) / stock, cost * y + convenience * x

        a = slope(x, y, loss)
        b = slope(x + dt / 2 * a[0], y + dt / 2 * a[1], loss)
        c = slope(x + dt / 2 * b[0], y + dt / 2 * b[1], loss)
        d = slope(x + dt * c[0], y + dt * c[1], loss)
        return (
            x + dt / 6 * (a[0] + 2 * b[0] + 2 * c[0] + d[0]),
            y + dt / 6 * (a[1] + 2 * b[1] + 2 * c[1] + d[1]),
        )

    none, one = left(0.0), left(1.0)
    return none / (none - one)


@pytest.mark.parametrize(
    ("response", "convenience", "stock", "cost"),
    [(RESPONSE, YIELD, STOCK, COST), (0.6, 0.5, 0.1, 0.15), (0.15, 2.0, 0.5, 0.0)],
)
def test_news_of_a_loss_moves_the_price_as_the_equations_do(
    response: float, convenience: float, stock: float, cost: float
) -> None:
    rate = closing(response, stock, cost, convenience)
    found = rise_at_the_announcement(response, cost, rate)
    assert found == pytest.approx(integrated(response, stock, cost, convenience), abs=1e-6)


def test_a_tenth_lost_for_a_year_from_three_months_on() -> None:
    rate = closing(RESPONSE, STOCK, COST, YIELD)
    assert rise_at_the_announcement(RESPONSE, COST, rate) == pytest.approx(0.1912, abs=5e-5)


def response_of(prepared: Prepared, member: int, good: int) -> float:
    """Elasticity of supply, a mine's or a plant's, and of use together."""
    world, behaviour = prepared.world, prepared.behaviour
    sellers = np.flatnonzero(world.offer_good == good).tolist()
    total = 0.0
    for s in sellers:
        mined = world.facility_kind[world.offer_facility[s]] == "miner"
        mine = behaviour["supply_elasticity"][member, good]
        own = mine if mined else behaviour["processing_elasticity"][member, 0]
        total += float(prepared.benchmark.normal_output[s] * own)
    whole = float(prepared.benchmark.normal_output[sellers].sum())
    return total / whole + float(behaviour["use_elasticity"][member, 0])


def stock_of(now: Situation, member: int, good: int) -> float:
    """Years of use that buyers and sellers want to hold of a good."""
    world, use = now.world, now.prepared.benchmark.normal_use
    needs, offers = world.need_good == good, world.offer_good == good
    held = (use * world.need_cover)[needs].sum() * now.value("cover_scale", member)
    held += now.prepared.kept_stock[member, offers].sum()
    return float(held / use[needs].sum())


@pytest.mark.parametrize("which", ["varied", "entering"])
def test_the_rate_of_every_good_is_the_root_of_its_equation(
    request: pytest.FixtureRequest, which: str
) -> None:
    """(M17), with a convenience that makes 1 / kappa the elasticity of storage."""
    now: Situation = request.getfixturevalue(which)
    rates = holding.closing_rate(now.prepared)
    elasticities = holding.elasticity_of_goods(now.prepared)
    for (m, good), rate in np.ndenumerate(rates):
        response = response_of(now.prepared, m, good)
        assert elasticities[m, good] == pytest.approx(response, rel=1e-12)
        kappa = 1 / now.value("storage_elasticity", m)
        stock, cost = stock_of(now, m, good), now.value("storage_cost", m)
        assert rate == pytest.approx(cost + response * kappa / stock, rel=1e-12)
        assert rate == pytest.approx(closing(response, stock, cost, kappa * rate), rel=1e-9)


def test_of_a_good_that_nobody_holds_a_week_is_reckoned(plain: Prepared) -> None:
    bare = behaving(plain, cover_scale=0.0, seller_stock_scale=0.0)
    found = holding.closing_rate(bare)
    kappa = 1 / bare.behaviour.shared("storage_elasticity")
    cost = bare.behaviour["storage_cost"]
    np.testing.assert_allclose(found, cost + holding.elasticity_of_goods(bare) * kappa / LEAST_YEARS)


def test_what_sellers_make_within_a_year(plain: Prepared) -> None:
    now = prepared_world(plain.world, supply_elasticity=0.3, processing_elasticity=0.7)
    found = holding.year_elasticity(now)
    np.testing.assert_allclose(found, [np.where(plain.made, 0.7, 0.3)])


def test_share_of_step() -> None:
    """(M16): twelve months close what a year does."""
    rate = np.array([[0.0, 0.5, 6.0]])
    month, year = holding.share_of_step(rate, 1 / 12), holding.share_of_step(rate, 1.0)
    np.testing.assert_allclose((1 - month) ** 12, 1 - year)
    np.testing.assert_allclose(year, [[0.0, 1 - exp(-0.5), 1 - exp(-6.0)]])
