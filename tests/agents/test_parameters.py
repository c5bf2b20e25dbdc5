"""Draws of behavioural parameters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.parameters import (
    SHARED,
    BehaviourTable,
    Draws,
    Range,
    draw_behaviour,
    member_generator,
    read_behaviour,
    with_assumptions,
)
from sim.distributions import Distribution
from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.scenario import load_scenario
from sim.tables import read_table
from sim.world.load import load_world
from sim.world.world import World


def table_of(spans: Mapping[tuple[str, str], Range]) -> BehaviourTable:
    """A table with places in the order of names."""
    return BehaviourTable(spans, {name: i for i, name in enumerate(sorted({name for name, _ in spans}))})


TABLE = table_of(
    {
        ("speed", "all"): Range(3.0, 2.0, 5.0),
        ("supply_elasticity", "all"): Range(0.3, 0.1, 0.5),
        ("supply_elasticity", "dysprosium"): Range(0.1, 0.05, 0.2),
    }
)


def test_member_zero_is_central_and_others_stay_in_range(small_world: World) -> None:
    drawn = draw_behaviour(small_world, TABLE, Draws(range(200), 5))
    assert drawn["speed"][0, 0] == 3.0
    others = drawn["speed"][1:, 0]
    assert others.min() >= 2.0
    assert others.max() <= 5.0
    # Triangular with mode 3 on 2..5: mean 10/3, standard deviation 0.62.
    assert others.mean() == pytest.approx(10 / 3, abs=0.15)
    assert others.std() == pytest.approx(0.62, abs=0.1)


def test_a_scope_overrides_all_for_its_mineral_only(small_world: World) -> None:
    elasticity = draw_behaviour(small_world, TABLE, Draws(range(1), 5))["supply_elasticity"][0]
    by_good = dict(zip([good.mineral for good in small_world.goods], elasticity.tolist(), strict=True))
    assert by_good["dysprosium"] == 0.1
    assert by_good["neodymium_praseodymium"] == 0.3


def test_a_draw_does_not_depend_on_the_batch(small_world: World) -> None:
    together = draw_behaviour(small_world, TABLE, Draws(range(10), 5))
    alone = draw_behaviour(small_world, TABLE, Draws(range(7, 8), 5))
    np.testing.assert_array_equal(together["speed"][7:8], alone["speed"])
    assert member_generator(5, 7, 0).random() != member_generator(5, 7, 1).random()


def test_an_assumption_fixes_a_parameter(small_world: World) -> None:
    table = with_assumptions(TABLE, {"speed": 4.0, "supply_elasticity.terbium": 0.7})
    drawn = draw_behaviour(small_world, table, Draws(range(3), 5))
    assert drawn["speed"].ravel().tolist() == [4.0, 4.0, 4.0]
    assert table["supply_elasticity", "terbium"].central == 0.7


def test_an_unknown_parameter_is_named_with_a_suggestion() -> None:
    message = r"assumptions\.sped: unknown parameter 'sped'; did you mean 'speed'"
    with pytest.raises(MonaziteError, match=message):
        with_assumptions(TABLE, {"sped": 1.0})


def test_a_mineral_cannot_have_its_own_value_of_a_common_parameter() -> None:
    with pytest.raises(MonaziteError, match=r"assumptions\.speed\.terbium: 'speed' is one number for all"):
        with_assumptions(TABLE, {"speed.terbium": 1.0})


def test_a_range_on_what_all_members_share_is_refused(small_world: World) -> None:
    table = table_of({**TABLE, ("prior_weight", "all"): Range(0.02, 0.01, 0.05)})
    with pytest.raises(MonaziteError, match=r"assumptions\.prior_weight: all members share this parameter"):
        draw_behaviour(small_world, table, Draws(range(2), 5))


def test_a_design_sets_one_mineral_that_the_table_does_not_name(small_world: World) -> None:
    given = {"assumptions.supply_elasticity.neodymium_praseodymium": np.array([0.7, 0.8])}
    drawn = draw_behaviour(small_world, TABLE, Draws([3, 4], 5, given))
    plain = draw_behaviour(small_world, TABLE, Draws([3, 4], 5))
    named = np.array([good.mineral == "neodymium_praseodymium" for good in small_world.goods])
    np.testing.assert_array_equal(drawn["supply_elasticity"][:, named].T, [[0.7, 0.8]] * named.sum())
    np.testing.assert_array_equal(
        drawn["supply_elasticity"][:, ~named], plain["supply_elasticity"][:, ~named]
    )


@pytest.mark.parametrize("span", [Range(0.0, 0.0, 0.0), Range(1.0, -3.0, 1.0)], ids=["fixed", "range"])
def test_an_elasticity_of_nothing_is_refused(small_world: World, span: Range) -> None:
    spans = {**TABLE, ("instant_elasticity", "all"): span, ("sourcing_elasticity", "terbium"): span}
    table = table_of({**spans, ("sourcing_elasticity", "all"): Range(6.0, 6.0, 6.0)})
    message = (
        r"assumptions\.instant_elasticity: (0|-\S+) is not above 0; give values above 0\n"
        r"assumptions\.sourcing_elasticity\.terbium: "
    )
    with pytest.raises(MonaziteError, match=message):
        draw_behaviour(small_world, table, Draws(range(5), 5))


@pytest.mark.parametrize("name", ["building_years", "noise_memory"])
def test_a_time_of_nothing_is_refused(small_world: World, name: str) -> None:
    table = with_assumptions(read_behaviour(), {name: 0.0})
    with pytest.raises(MonaziteError, match=rf"^assumptions\.{name}: 0 is not above 0; give values above 0$"):
        draw_behaviour(small_world, table, Draws([0], 5))


def test_nothing_of_behaviour_is_below_zero(small_world: World) -> None:
    """All that is wrong is said at once; 0 is allowed where nothing is divided by it."""
    wrong = {"cover_scale": 0.0, "ramp_limit": -1.0, "thrift_elasticity": -0.5}
    table = with_assumptions(read_behaviour(), wrong)
    message = (
        r"^assumptions\.ramp_limit: -1 is below 0; give values of 0 or more\n"
        r"assumptions\.thrift_elasticity: -0\.5 is below 0; give values of 0 or more$"
    )
    with pytest.raises(MonaziteError, match=message):
        draw_behaviour(small_world, table, Draws([0], 5))


def test_what_nobody_draws_is_one_number(small_world: World) -> None:
    fixed = table_of({**TABLE, ("speed", "all"): Range(3.0, 3.0, 3.0)})
    behaviour = draw_behaviour(small_world, fixed, Draws(range(2), 5))
    assert behaviour.shared_or_each("speed") == 3.0
    assert np.shape(behaviour.shared_or_each("supply_elasticity")) == (2, len(small_world.goods))
    # A range is drawn even where one member is alone.
    alone = draw_behaviour(small_world, TABLE, Draws([0], 5))
    assert np.shape(alone.shared_or_each("speed")) == (1, 1)


def test_a_new_parameter_moves_no_other(small_world: World) -> None:
    spans = {**TABLE, ("alacrity", "all"): Range(1.0, 0.5, 2.0)}
    more = draw_behaviour(
        small_world, BehaviourTable(spans, {**TABLE.places, "alacrity": 2}), Draws(range(9), 5)
    )
    before = draw_behaviour(small_world, TABLE, Draws(range(9), 5))
    for name in ("speed", "supply_elasticity"):
        np.testing.assert_array_equal(more[name], before[name])
    assert len(np.unique(more["alacrity"])) == 9


def test_what_is_held_is_the_value_until_it_is_varied(small_world: World) -> None:
    held = table_of({**TABLE, ("speed", "all"): Range(3.0, 2.0, 5.0, held=True)})
    draws = Draws(range(5), 5)
    assert draw_behaviour(small_world, held, draws)["speed"].ravel().tolist() == [3.0] * 5
    assert "assumptions.speed" not in draws.values
    varied = with_assumptions(held, {"speed": Distribution("uniform", (2.0, 5.0))})
    assert len(np.unique(draw_behaviour(small_world, varied, Draws(range(5), 5))["speed"])) == 5
    given = Draws(range(2), 5, {"assumptions.speed": np.array([2.5, 4.5])})
    assert draw_behaviour(small_world, held, given)["speed"].ravel().tolist() == [2.5, 4.5]


FIRST_PLACES = {
    "cover_scale": 1, "demand_noise": 2, "discard_years": 3, "licence_overrun": 7,
    "markup_demand_elasticity": 9, "minimum_utilisation": 10, "noise_memory": 11, "output_noise": 15,
    "prior_weight": 17, "processing_elasticity": 18, "seller_reserve_share": 24, "shutdown_response": 25,
    "sourcing_elasticity": 26, "supply_elasticity": 27, "thrift_elasticity": 28, "thrift_speed": 29,
    "urgent_elasticity": 31, "utilisation_speed": 32,
}  # fmt: skip
"""Places of parameters that there were when places were fixed; those of others that are gone stay empty."""
ADDED = 33
"""First place of a parameter that came later."""
HEAD = "parameter,scope,value,low,high,held,draw,unit,source,confidence\n"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["speed,all,3,2,5,no,0,1,s,a", "pace,all,3,2,5,no,0,1,s,a"],
         ["3: draw: place 0 belongs to 'speed'; take a place that nobody has had, such as 1"]),
        (["speed,all,3,2,5,no,0,1,s,a", "speed,copper,3,2,5,no,1,1,s,a"],
         ["3: draw: 'speed' has place 0 in another row, here 1; a parameter has one place, whatever the "
          "scope"]),
        (["speed,all,6,2,5,perhaps,x,1,,a"],
         ["2: value: 6 is not between low 2 and high 5; widen the range",
          "2: source: is empty; no number without one; write the source",
          "2: held: unknown answer 'perhaps'; allowed: yes, no",
          "2: draw: 'x' is not a whole number of at least 0; write a number such as 1"]),
        (["speed,all,3,2,5,no,0,1,s,a"] * 2,
         ["3: parameter: 'speed' stands twice for scope 'all'; remove one row"]),
    ],
)  # fmt: skip
def test_a_table_says_all_that_is_wrong(tmp_path: Path, rows: list[str], said: list[str]) -> None:
    path = tmp_path / "behaviour.csv"
    path.write_text(HEAD + "".join(f"{row}\n" for row in rows))
    with pytest.raises(MonaziteError) as caught:
        read_behaviour(path)
    assert str(caught.value).splitlines() == [f"{path}:{one}" for one in said]


def test_the_shipped_table_is_consistent() -> None:
    for (name, scope), span in read_behaviour().items():
        low, high = span.bounds
        assert low <= span.central <= high, (name, scope)


def test_parameters_of_the_first_tables_keep_their_places() -> None:
    places = read_behaviour().places
    assert {name: place for name, place in places.items() if place < ADDED} == FIRST_PLACES
    assert len(set(places.values())) == len(places)


def test_held_parameters_may_differ_from_member_to_member(small_world: World) -> None:
    """Members of a mixed batch are what they are alone, whatever is varied."""
    added = [name for name, place in read_behaviour().places.items() if place >= ADDED]
    table = {name: with_range(name) for name in added if name not in SHARED}
    table = {name: span for name, span in table.items() if span.held}
    assert len(table) > 10
    scenario: Any = load_scenario("teaching-stockpile", overrides=["time.end=2025-06"])
    scenario = replace(scenario, assumptions={})
    values = {f"assumptions.{name}": np.array([span.low, span.high]) for name, span in table.items()}
    world = load_world(scenario.base_year)
    both = Simulation(world, scenario, members=[1, 2], seed=1, values=values).run()
    for row, member in enumerate((1, 2)):
        alone = {path: pair[row : row + 1] for path, pair in values.items()}
        one = Simulation(world, scenario, members=[member], seed=1, values=alone).run()
        for name in ("price_gate", "purchases", "production"):
            np.testing.assert_array_equal(one[name].values[0], both[name].values[row])
    assert not np.allclose(both["price_gate"].values[0], both["price_gate"].values[1])


def with_range(name: str) -> Range:
    span = read_behaviour()[name, "all"]
    assert isinstance(span, Range)
    return span


def test_every_scope_of_the_shipped_table_is_a_mineral_of_the_shipped_world() -> None:
    """Or of worlds that are built from the panel."""
    minerals = {good.mineral for good in load_world(2024).goods}
    chains = read_table(Path(__file__).parents[2] / "data" / "panel" / "chains.csv")
    minerals |= {row.text("mineral") for row in chains}
    scopes = {scope for _, scope in read_behaviour()} - {"all"}
    assert scopes <= minerals
