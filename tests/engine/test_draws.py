"""Values that members draw: independent of the batch, recorded, and equal to runs with the value fixed."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from sim.agents.parameters import Draws
from sim.controls import Controls, LinkValues
from sim.engine import Simulation
from sim.engine.draws import draw_events
from sim.engine.policy import active_controls
from sim.instruments import Instrument, instrument_class
from sim.instruments.dated import ALWAYS
from sim.world.world import World
from tests.engine_events import PlainScenario

START = dt.date(2024, 1, 1)


def event(kind: str, **fields: Any) -> Instrument:
    given = {"id": "e", "type": kind, "from": START, "assumption": True} | fields
    return instrument_class(kind).model_validate(given)


LICENCE = {"by": "CHN", "goods": ["all"], "approval_share": {"uniform": ["20 %", "60 %"]}, "delay": "45 days"}


def test_a_drawn_quantity_does_not_depend_on_the_batch() -> None:
    (together,) = draw_events([event("export_licence", **LICENCE)], Draws(range(10), 7))
    (alone,) = draw_events([event("export_licence", **LICENCE)], Draws([4], 7))
    drawn = together.approval_share["world"][ALWAYS].amount  # type: ignore[attr-defined]
    assert drawn[4] == alone.approval_share["world"][ALWAYS].amount[0]  # type: ignore[attr-defined]
    assert drawn[0] == pytest.approx(0.4)
    assert len(np.unique(drawn)) == 10
    assert drawn.min() >= 0.2
    assert drawn.max() <= 0.6


def test_what_was_drawn_is_recorded_under_its_path_and_a_design_goes_before_it() -> None:
    path = "events.e.approval_share"
    draws = Draws(range(2), 7, {path: np.array([0.1, 0.2])})
    draw_events([event("export_licence", **LICENCE)], draws)
    assert draws.values[path].tolist() == [0.1, 0.2]


def test_an_event_that_only_some_see_acts_on_those(small_world: World) -> None:
    goods = [good.id for good in small_world.goods]
    ban = event("export_ban", by="CHN", to="world", goods=[goods[0]], probability="40 %")
    happens = {"e": np.array([True, False])}
    controls, shares = active_controls(small_world, [ban], (START, dt.date(2024, 2, 1)), happens)
    assert np.asarray(shares["e"]).tolist() == [1.0, 0.0]
    home = small_world.countries.index("CHN")
    away = (home + 1) % len(small_world.countries)
    pair = np.array([[home]]), np.array([[away]])
    assert controls.open_share.on(0, pair).ravel().tolist() == [0.0, 1.0]


def test_link_values_keep_members_apart_from_what_they_share() -> None:
    values = LinkValues(np.zeros((1, 2, 2)), np.add)
    mask = np.array([[[False, True], [False, False]]])
    values.change(mask, 0.1)
    values.change(mask, np.array([0.0, 0.5]))
    block = values.on(0, (np.array([[0], [1]]), np.array([[0, 1]])))
    np.testing.assert_allclose(block[:, 0, 1], [0.1, 0.6])


def test_an_output_cut_may_differ_by_member(small_world: World) -> None:
    controls = Controls(small_world)
    at = np.arange(len(small_world.offer_good)) == 1
    controls.scale_output(at, np.array([1.0, 0.5, 0.0]))
    controls.scale_output(at, 0.5)
    assert controls.production_factor[:, 1].tolist() == [0.5, 0.25, 0.0]
    assert (controls.production_factor[:, 0] == 1).all()


@pytest.mark.parametrize(
    "fields",
    [
        {"type": "import_tariff", "by": "USA", "on": "world", "rate": {"uniform": ["0 %", "60 %"]}},
        {"type": "export_ban", "by": "CHN", "to": "world", "probability": "50 %"},
    ],
    ids=["tariff", "ban"],
)
def test_members_with_different_policy_are_the_same_alone(small_world: World, fields: dict[str, Any]) -> None:
    one = event(fields.pop("type"), goods=["all"], **fields)
    scenario = PlainScenario(events=(one,), end=dt.date(2024, 12, 31))
    together = Simulation(small_world, scenario, members=[0, 1, 2, 3, 4], seed=2).run()
    alone = Simulation(small_world, scenario, members=[3], seed=2).run()
    np.testing.assert_array_equal(together["sales"].sel(member=[3]), alone["sales"])
    np.testing.assert_array_equal(together["price_outside"].sel(member=[3]), alone["price_outside"])
    drawn = together["drawn"].sel(draw="events.e.rate" if "rate" in fields else "events.e")
    assert len(np.unique(drawn)) > 1
    # The oracle: the same member under the policy that it drew, as if it were certain.
    value = float(drawn.sel(member=3))
    certain = {"rate": f"{100 * value} %"} if "rate" in fields else {"probability": f"{100 * value:.0f} %"}
    given = {"id": "e", "type": one.type, "goods": ["all"], "assumption": True, "from": START}
    fixed = one.model_validate(given | fields | certain)
    expected = Simulation(small_world, replace(scenario, events=(fixed,)), members=[3], seed=2).run()
    oxide = together["price_outside"].sel(member=3, good="dysprosium_oxide")
    np.testing.assert_allclose(
        oxide, expected["price_outside"].sel(member=3, good="dysprosium_oxide"), rtol=1e-3
    )
