"""What instruments do beside each other in a run, on the small world."""

from __future__ import annotations

import numpy as np
import pytest

from sim.world.world import World
from tests.checks_of_runs import price_to_the_end
from tests.engine.test_instruments_in_runs import JULY, LICENCE, one, tell


def test_nobody_applies_for_what_a_ban_forbids(small_world: World) -> None:
    licence = one("export_licence", id="l", **LICENCE)
    ban = one("export_ban", id="b", by="CHN", to=["JPN", "SGP"], goods=["dysprosium"])
    alone, both = tell(small_world, licence, months=12), tell(small_world, licence, ban, months=12)
    assert alone.simulation.last.held_back[0].sum() > 1
    assert both.simulation.last.held_back[0].sum() < 0.05 * alone.simulation.last.held_back[0].sum()


def test_on_a_closed_link_nothing_else_matters(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    price_to_the_end(monkeypatch)
    ban = one("export_ban", id="b", by="CHN", to="JPN", goods=["dysprosium"])
    others = [
        one("import_tariff", id="t", by="JPN", on="CHN", goods=["dysprosium"], rate="50 %"),
        one("export_quota", id="q", by="CHN", to="JPN", goods=["dysprosium"], amount="1 t/year"),
        one("export_licence", id="l", **LICENCE | {"to": "JPN"}),
    ]
    shut = {"resale_speed": 0.0}
    alone = tell(small_world, ban, months=12, assumptions=shut)
    together = tell(small_world, ban, *others, months=12, assumptions=shut)
    np.testing.assert_allclose(together.price, alone.price, rtol=1e-3)
    np.testing.assert_allclose(together.flow, alone.flow, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize(("amount", "tighter"), [("10 t/year", "quota"), ("30 t/year", "licence")])
def test_of_a_quota_and_a_licence_the_tighter_one_holds(
    small_world: World, amount: str, tighter: str
) -> None:
    licence = one("export_licence", id="l", **LICENCE | {"delay": "0 days"})
    quota = one("export_quota", id="q", by="CHN", goods=["dysprosium"], amount=amount)
    both = tell(small_world, licence, quota)
    last = both.simulation.last
    rents = dict(zip(last.market.cap_events, last.clearing.rent[0], strict=True))
    loose, tight = ("l", "q") if tighter == "quota" else ("q", "l")
    assert rents[tight] > 0.01
    assert rents[loose] < 1e-3
    exports = both.exports()
    if tighter == "quota":
        assert exports[-1] == pytest.approx(10 / 12, rel=0.15)
    else:
        # Of what is applied for, decided within the month: less than a quota of 30 tonnes lets through.
        assert exports[JULY:] == pytest.approx(0.4 * both.filed[JULY:], rel=0.01)
        assert exports[JULY:].max() < 30 / 12
