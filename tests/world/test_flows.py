"""Fitting flows to margins, and what is thrown out of the trade records before."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.world.build.bilateral import balance, distance_km, ras
from sim.world.build.draft import Draft, Facility, Offer, Use, weakest
from sim.world.build.raw import Raw
from sim.world.build.trade_records import add_traders, country_seed

PLACES = {"AAA": (0.0, 0.0), "BBB": (10.0, 0.0), "USA": (-90.0, 40.0)}
RULE = {
    "base_year": "",
    "good": "ore",
    "codes": "000001",
    "content": "1",
    "home_share": "",
    "traders": "1",
    "skip": "",
    "source": "test",
    "confidence": "derived",
}


class Records(Raw):
    """Trade records made for a test; assumption tables empty unless given."""

    def __init__(self, trade: list[tuple[str, str, float, float]], **tables: list[dict[str, str]]) -> None:
        super().__init__(Path())
        columns = ["exporter", "importer", "value_kusd", "quantity_t"]
        self.__dict__["baci"] = pd.DataFrame(trade, columns=columns).assign(year=2024, hs6="000001")
        names = ("trade_pins", "us_sources", "traders", "trade_rules", "countries")
        self._tables = {name: tables.get(name, []) for name in names}


def small_draft() -> Draft:
    draft = Draft(2024)
    for name, kind, country in (("mine_a", "miner", "AAA"), ("mine_b", "miner", "BBB")):
        draft.add(Facility(name, name, kind, country, name))
    for name, country in (("works_a", "AAA"), ("works_b", "BBB"), ("works_u", "USA")):
        draft.add(Facility(name, name, "manufacturer", country, name))
    draft.offer("ore", "mine_a", Offer(80.0, "s", "seen"))
    draft.offer("ore", "mine_b", Offer(20.0, "s", "seen"))
    for name, tonnes in (("works_a", 30.0), ("works_b", 50.0), ("works_u", 40.0)):
        draft.use("ore", name, Use(tonnes, "s", "seen"))
    return draft


@given(
    st.integers(1, 6).flatmap(
        lambda n: st.tuples(
            st.lists(st.floats(0.1, 1e6), min_size=n, max_size=n),
            st.lists(st.floats(0.1, 1e6), min_size=1, max_size=6),
            st.integers(0, 2**32 - 1),
        )
    )
)
def test_a_full_seed_can_always_be_fitted(case: tuple[list[float], list[float], int]) -> None:
    rows, columns = np.array(case[0]), np.array(case[1])
    columns *= rows.sum() / columns.sum()
    seed = np.random.default_rng(case[2]).uniform(0.01, 1.0, (len(rows), len(columns)))
    flow = ras(seed, rows, columns)
    np.testing.assert_allclose(flow.sum(axis=1), rows, rtol=1e-12)
    np.testing.assert_allclose(flow.sum(axis=0), columns, rtol=1e-8)


def test_a_seller_without_a_link_is_refused() -> None:
    with pytest.raises(ValueError, match="no admissible link"):
        ras(np.array([[1.0, 1.0], [0.0, 0.0]]), np.array([1.0, 1.0]), np.array([1.0, 1.0]))


def test_flows_meet_outputs_exactly_and_scale_uses_to_supply() -> None:
    draft = small_draft()
    raw = Records([("AAA", "BBB", 400.0, 40.0), ("AAA", "USA", 300.0, 30.0)])
    balance(draft, "ore", RULE, raw, PLACES)
    sold = {s: sum(t for (a, _), t in draft.flows["ore"].items() if a == s) for s in ("mine_a", "mine_b")}
    assert sold == pytest.approx({"mine_a": 80.0, "mine_b": 20.0}, rel=1e-12)
    used = {name: use.tonnes for name, use in draft.uses["ore"].items()}
    assert used == pytest.approx({"works_a": 25.0, "works_b": 125 / 3, "works_u": 100 / 3}, rel=1e-8)
    assert [(a.raw, a.reconciled) for a in draft.adjustments if a.item == "use"] == [(120.0, 100.0)]


def test_a_stated_flow_is_kept() -> None:
    draft = small_draft()
    pin = {
        "base_year": "2024",
        "good": "ore",
        "exporter": "AAA",
        "importer": "USA",
        "share_of_importer": "0.9",
        "source": "customs",
        "confidence": "seen",
    }
    raw = Records([("AAA", "BBB", 400.0, 40.0)], trade_pins=[pin])
    balance(draft, "ore", RULE, raw, PLACES)
    assert draft.flows["ore"]["mine_a", "works_u"] == pytest.approx(0.9 * 100 / 3)
    assert draft.flow_label["ore"]["mine_a", "works_u"] == ("customs", "seen")


def test_a_record_of_absurd_unit_value_is_rejected_and_booked() -> None:
    draft = small_draft()
    raw = Records([("AAA", "BBB", 400.0, 40.0), ("BBB", "USA", 0.01, 500.0), ("AAA", "USA", 100.0, 10.0)])
    seed = country_seed(raw, 2024, ["000001"], draft, "ore")
    assert seed == {("AAA", "BBB"): 40.0, ("AAA", "USA"): 10.0}
    assert [(a.country, a.raw, a.reconciled) for a in draft.adjustments] == [("BBB", 500.0, 0.0)]


def test_exports_beyond_own_output_make_a_trader() -> None:
    draft = small_draft()
    known = [{"iso3": "AAA"}, {"iso3": "BBB"}, {"iso3": "ROW"}]
    trade = [("AAA", "BBB", 600.0, 60.0), ("BBB", "USA", 400.0, 40.0)]
    raw = Records(trade, trade_rules=[RULE], countries=known)
    add_traders(draft, raw, "ore")
    assert {f: o.tonnes for f, o in draft.offers["ore"].items() if f.startswith("trader")} == {
        "trader_ore_bbb": 20.0
    }
    balance(draft, "ore", RULE, raw, PLACES)
    bought = sum(t for (_, b), t in draft.flows["ore"].items() if b == "trader_ore_bbb")
    assert bought == pytest.approx(20.0)
    assert ("mine_b", "trader_ore_bbb") not in draft.flows["ore"]


def test_distance_is_symmetric_and_never_zero() -> None:
    assert distance_km(PLACES, "AAA", "AAA") == 400.0
    assert distance_km(PLACES, "AAA", "BBB") == pytest.approx(1111.9, rel=1e-3)
    assert distance_km(PLACES, "AAA", "USA") == pytest.approx(distance_km(PLACES, "USA", "AAA"))


def test_the_weakest_label_wins() -> None:
    assert weakest(["seen", "assumption", "memory"]) == "assumption"
    assert weakest([]) == "derived"


def test_one_id_cannot_stand_for_two_facilities() -> None:
    draft = small_draft()
    with pytest.raises(ValueError, match="two facilities"):
        draft.add(Facility("mine_a", "other", "miner", "BBB", "x"))
