"""Draws of behavioural parameters."""

from __future__ import annotations

import numpy as np
import pytest

from sim.agents.parameters import (
    Draws,
    Range,
    draw_behaviour,
    member_generator,
    read_behaviour,
    with_assumptions,
)
from sim.errors import MonaziteError
from sim.world.load import load_world
from sim.world.world import World

TABLE = {
    ("speed", "all"): Range(3.0, 2.0, 5.0),
    ("supply_elasticity", "all"): Range(0.3, 0.1, 0.5),
    ("supply_elasticity", "dysprosium"): Range(0.1, 0.05, 0.2),
}


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
    assert table["supply_elasticity", "terbium"].value == 0.7


def test_an_unknown_parameter_is_named_with_a_suggestion() -> None:
    message = r"assumptions\.sped: unknown parameter 'sped'; did you mean 'speed'"
    with pytest.raises(MonaziteError, match=message):
        with_assumptions(TABLE, {"sped": 1.0})


def test_a_mineral_cannot_have_its_own_value_of_a_common_parameter() -> None:
    with pytest.raises(MonaziteError, match=r"assumptions\.speed\.terbium: 'speed' is one number for all"):
        with_assumptions(TABLE, {"speed.terbium": 1.0})


def test_a_range_on_what_all_members_share_is_refused(small_world: World) -> None:
    table = {**TABLE, ("prior_weight", "all"): Range(0.02, 0.01, 0.05)}
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
    table = {**TABLE, ("offer_elasticity", "all"): span, ("sourcing_elasticity", "terbium"): span}
    table["sourcing_elasticity", "all"] = Range(6.0, 6.0, 6.0)
    message = (
        r"assumptions\.offer_elasticity: (0|-\S+) is not above 0; give values above 0\n"
        r"assumptions\.sourcing_elasticity\.terbium: "
    )
    with pytest.raises(MonaziteError, match=message):
        draw_behaviour(small_world, table, Draws(range(5), 5))


def test_what_nobody_draws_is_one_number(small_world: World) -> None:
    fixed = {**TABLE, ("speed", "all"): Range(3.0, 3.0, 3.0)}
    behaviour = draw_behaviour(small_world, fixed, Draws(range(2), 5))
    assert behaviour.shared_or_each("speed") == 3.0
    assert np.shape(behaviour.shared_or_each("supply_elasticity")) == (2, len(small_world.goods))
    # A range is drawn even where one member is alone.
    alone = draw_behaviour(small_world, TABLE, Draws([0], 5))
    assert np.shape(alone.shared_or_each("speed")) == (1, 1)


def test_the_shipped_table_is_consistent() -> None:
    for (name, scope), span in read_behaviour().items():
        low, high = span.bounds
        assert low <= span.central <= high, (name, scope)


def test_every_scope_of_the_shipped_table_is_a_mineral_of_the_shipped_world() -> None:
    minerals = {good.mineral for good in load_world(2024).goods}
    scopes = {scope for _, scope in read_behaviour()} - {"all"}
    assert scopes <= minerals
