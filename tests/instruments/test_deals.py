"""Mergers, takeovers, joint ventures and cartels: who prices what, on which terms, known from when."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from sim.controls import Controls
from sim.instruments import Instrument
from sim.world.world import World
from tests.instruments.acting import acted, event

A, B = "separator_china_a", "separator_china_b"
START = dt.date(2024, 7, 1)


def owners(world: World, controls: Controls, *facilities: str) -> list[int]:
    return [int(controls.markup_owner[0, world.facilities.index(name)]) for name in facilities]


def bid(**fields: Any) -> Instrument:
    return event("merger", firms=[A, B], **{"from": START, "announced": "2024-02-01", **fields})


def test_a_merger_counts_by_the_part_of_the_step(small_world: World) -> None:
    controls = acted(small_world, event("merger", firms=[A, B]), share=0.3)
    ((share, owner),) = controls.ownerships()
    assert share == 0.3
    places = [small_world.facilities.index(name) for name in (A, B)]
    assert owner[0, places[0]] == owner[0, places[1]]
    assert len(set(owners(small_world, controls, A, B))) == 2


def test_what_is_sold_is_the_buyers_or_its_own(small_world: World) -> None:
    sold = event("merger", firms=[A, B], divest=[{"facilities": [B]}])
    first, second = owners(small_world, acted(small_world, sold), A, B)
    assert first != second
    other = next(name for name in small_world.facilities if name not in (A, B))
    to = small_world.facility_firm[small_world.facilities.index(other)]
    given = event("merger", firms=[A, B], divest=[{"facilities": [B], "to": to}])
    after = acted(small_world, given)
    assert owners(small_world, after, B) == owners(small_world, after, other)
    assert len(acted(small_world, sold).ownerships()) == 1


def test_a_takeover_moves_what_is_taken_over_alone(small_world: World) -> None:
    taken = event("acquisition", by=A, facilities=[B])
    before = owners(small_world, Controls(small_world), A)
    assert owners(small_world, acted(small_world, taken), A, B) == before * 2


def test_a_joint_venture_is_apart_from_its_parents(world: World) -> None:
    """Of two firms with a mine and a plant each, the plants alone are put together."""
    venture = event("joint_venture", facilities=["cu_usa", "cu_nor"])
    before = owners(world, Controls(world), "cu_usa", "cu_nor")
    after = owners(world, acted(world, venture), "cu_usa", "cu_nor")
    assert len(set(before)) == 2
    assert len(set(after)) == 1
    assert after[0] not in before


def test_members_of_a_cartel_hold_back_the_goods_alone(small_world: World) -> None:
    controls = acted(small_world, event("cartel", owners=["CHN"], goods=["dysprosium_oxide"], cut="10 %"))
    assert len(set(owners(small_world, controls, A, B))) == 1
    good = [one.id for one in small_world.goods].index("dysprosium_oxide")
    chinese = small_world.offer_country == small_world.countries.index("CHN")
    expected = np.where(chinese & (small_world.offer_good == good), 0.9, 1.0)
    np.testing.assert_allclose(controls.production_factor[0], expected)


def test_costs_fall_as_synergies_come(small_world: World) -> None:
    slow = event("merger", firms=[A, B], synergies="10 %", ramp="2 years", **{"from": "2024-01-01"})
    factors = []
    for year in (2024, 2025, 2027):
        controls = Controls(small_world)
        controls.date, controls.end = dt.date(year, 1, 1), dt.date(year, 2, 1)
        slow.apply(controls, 1.0)
        factors.append(float(controls.own_cost_factor[0].min()))
    assert factors == pytest.approx([0.99788, 0.9479, 0.9], abs=1e-3)
    assert slow.phase(dt.date(2024, 3, 1), dt.date(2024, 4, 1)) != slow.phase(
        dt.date(2024, 4, 1), dt.date(2024, 5, 1)
    )


def test_integration_ends(small_world: World) -> None:
    loss: dict[str, Any] = {"integration_loss": "20 %", "length": "1 years", "from": "2024-01-01"}
    rough = event("merger", firms=[A, B], **loss)
    for month, factor in ((dt.date(2024, 6, 1), 0.8), (dt.date(2025, 6, 1), 1.0)):
        assert acted(small_world, rough, month=month).production_factor.min() == pytest.approx(factor)


def test_nobody_knows_before_the_day_that_a_bid_fails() -> None:
    one = bid(withdrawn="2024-05-29", probability="40 %")
    before, after = one.as_known(dt.date(2024, 5, 1)), one.as_known(dt.date(2024, 6, 1))
    month = dt.date(2024, 7, 1), dt.date(2024, 8, 1)
    assert [x.activity(*month) for x in (one, before, after)] == [0, 1, 0]
    assert bid(decided="2024-06-01").known_from == dt.date(2024, 6, 1)
    assert bid().known_from == START


def test_the_sentence_names_the_terms() -> None:
    one = bid(
        decided="2024-06-01", probability="60 %", synergies="2 %", ramp="2 years", withdrawal="5 %",
        withdrawal_goods=["copper"], divest=[{"facilities": ["bhp_per"], "to": "Teck"}],
    )  # fmt: skip
    assert one.sentence() == (
        f"From 2024-07-01 {A} and {B} set their prices as one firm, selling bhp_per to Teck, saving 2 % of "
        "own costs within 2 years, closing 5 % of their capacity for copper, decided on 2024-06-01; "
        "announced on 2024-02-01, with a probability of 60 %."
    )
    cartel = event("cartel", owners=["CHL"], firms=["Glencore"], goods=["cobalt"], cut="5 %")
    held = "hold back 5 % of their output"
    assert cartel.clause() == f"Glencore and the firms of CHL price cobalt as one firm and {held}"


@pytest.mark.parametrize(
    ("kind", "fields", "said"),
    [
        ("merger", {"firms": [A]}, "a merger needs at least two different firms"),
        ("cartel", {"firms": [A], "goods": ["cobalt"]},
         "a cartel needs at least two different firms, or 'owners'"),
        ("acquisition", {"by": A}, "neither 'firms' nor 'facilities' is given"),
        ("acquisition", {"by": A, "firms": [A]}, f"'{A}' cannot take over itself"),
        ("joint_venture", {"facilities": ["x"]}, "a joint venture needs at least two facilities"),
        ("merger", {"firms": [A, B], "ramp": "1 years"}, "'ramp' is the time until synergies are there"),
        ("merger", {"firms": [A, B], "length": "1 years"}, "'integration_loss' and 'length' come together"),
        ("merger", {"firms": [A, B], "decided": "2024-01-01"}, "means something only where it was announced"),
        ("merger", {"firms": [A, B], "announced": "2024-02-01", "decided": "2024-09-01"},
         "after it comes into force"),
        ("merger", {"firms": [A, B], "announced": "2024-02-01", "decided": "2024-01-01"},
         "before the announcement"),
        ("merger",
         {"firms": [A, B], "announced": "2024-02-01", "withdrawn": "2024-03-01", "until": "2025-01-01"},
         "so it has no 'until'"),
    ],
)  # fmt: skip
def test_bad_terms_are_refused(kind: str, fields: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError) as error:
        event(kind, **{"from": START, **fields})
    assert said in str(error.value)


def test_a_facility_is_sold_once() -> None:
    twice = event("merger", firms=[A, B], divest=[{"facilities": ["x"]}, {"facilities": ["x"]}])
    assert list(twice.problems_with({})) == [(("divest", "1"), "'x' is sold twice", "name it once")]
