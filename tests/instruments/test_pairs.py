"""Every pair of instruments on the same goods and links: what docs/scenarios.md says of overlaps."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.controls import Controls, LinkValues
from sim.instruments import Instrument, instrument_types
from sim.world.world import World
from tests.instruments.acting import acted, event
from tests.projects_world import project_world

OXIDE = ["dysprosium_oxide"]
BY = {"by": "CHN", "goods": OXIDE}
MAKERS = {"countries": ["CHN"], "goods": OXIDE}
RULES = ("negotiation", "reaction_rule")
OTHER_WAYS: dict[str, list[dict[str, Any]]] = {
    "host_demands": [{"by": "CHN", "goods": ["clay"], "ore_ban": True}],
}
"""Of a type of which one event cannot say all."""
EXAMPLES: dict[str, dict[str, Any]] = {
    "bloc": {"members": ["CHN", "JPN"], "preference": "40 %", "tariff_inside": "-3 %",
             "tariff_outside": "7 %"},
    "capacity_change": MAKERS | {"change": "-20 %"},
    "carbon_border_tax": {"by": "JPN", "intensity": {OXIDE[0]: "50 t CO2/t"}, "price": "80 USD/t CO2"},
    "demand_shock": {"level": "20 %"},
    "energy_cost": MAKERS | {"change": "50 %", "energy_share": "30 %"},
    "exchange_rate": {"countries": ["CHN", "JPN"], "change": "-10 %"},
    "export_ban": BY | {"to": "JPN", "extraterritorial": True},
    "export_licence": BY | {"approval_share": "40 %", "delay": "60 days"},
    "export_promotion": BY | {"rate": "13 %"},
    "export_quota": BY | {"amount": "20 t/year"},
    "export_tax": BY | {"rate": "15 %"},
    "freight_shock": {"exporters": "CHN", "change": "30 %", "delay": "5 days"},
    "host_demands": {"by": ["CHN", "USA"], "goods": ["clay"], "royalty": "5 %", "carried": "10 %",
                     "processing": "60 %"},
    "import_ban": {"by": "JPN", "on": "CHN", "goods": OXIDE},
    "import_tariff": {"by": "JPN", "on": "CHN", "goods": OXIDE, "rate": "25 %"},
    "merger": {"firms": ["separator_china_a", "separator_china_b"], "synergies": "2 %", "withdrawal": "5 %",
               "integration_loss": "10 %", "length": "1 years"},
    "acquisition": {"by": "separator_china_a", "facilities": ["separator_china_b"]},
    "joint_venture": {"facilities": ["separator_china_a", "separator_china_b"]},
    "cartel": {"owners": ["CHN"], "goods": OXIDE, "cut": "10 %"},
    "investment_block": {"countries": ["USA"], "share": "60 %"},
    "investment_finance": {"countries": ["USA"], "form": "grant", "share": "30 %"},
    "new_deposit": {"projects": ["mine_later"]},
    "offtake": {"countries": ["USA"], "share": "50 %"},
    "outage": MAKERS | {"loss": "30 %", "length": "1 years"},
    "ownership_control": {"by": "CHN", "countries": ["ROW"], "share": "60 %"},
    "permitting": {"countries": ["USA"], "change": "-50 %"},
    "price_floor": MAKERS | {"price": "110 %"},
    "price_flooding": MAKERS | {"discount": "20 %", "extra_output": "10 %"},
    "production_quota": BY | {"cut": "10 %"},
    "recycling_policy": {"by": ["world"], "collection": "50 %", "recycled_content": "10 %",
                         "subsidy": "20000 USD/t"},
    "sanction": {"by": "JPN", "on": "CHN", "firms": ["separator_china_a"], "compliance": "60 %"},
    "stockpile": {"by": "JPN", "goods": OXIDE, "size": "10 t", "rate": "5 t/year"},
    "strike": MAKERS | {"loss": "40 %", "length": "1 years"},
    "supply_pact": {"members": ["CHN", "JPN"], "goods": OXIDE, "preference": "40 %", "tariff_inside": "-3 %",
                    "stock": "10 t", "stock_rate": "5 t/year", "floor": "110 %"},
    "substitution_push": {"goods": ["all"], "share": "20 %", "ramp": "1 days"},
    "technology_export_ban": {"by": "CHN", "slower": "30 %"},
    "negotiation": {"between": ["CHN", "JPN"], "events": ["other"], "relief": "50 %"},
    "reaction_rule": {"by": "JPN", "trigger": {"event": "other"}, "action": "suspend", "events": ["other"]},
}


@pytest.fixture(scope="module")
def small_world(tmp_path_factory: pytest.TempPathFactory) -> World:
    """The small world with projects and goods in use."""
    folder = tmp_path_factory.mktemp("pairs")
    return project_world(folder, scrap=True, mine={"stage": "prospect", "dormant": "1"})


def _left_open(controls: Controls, world: World) -> np.ndarray[Any, Any]:
    """(O, N) what barriers leave open."""
    value = np.ones((len(world.offer_good), len(world.need_good)))
    for barrier in controls.barriers:
        value[np.ix_(barrier.offers, barrier.needs)] *= barrier.open_share
    return value


def _values(name: str) -> Callable[[Controls], np.ndarray[Any, Any]]:
    def read(controls: Controls) -> np.ndarray[Any, Any]:
        held = operator.attrgetter(name)(controls)
        return held.shared if isinstance(held, LinkValues) else held

    return read


ARRAYS: dict[str, tuple[str, Callable[[Any, Any, Any], Any]]] = {
    "share of a link that is open": ("open_share", lambda a, b, base: a * b),
    "tariff": ("tariff_rate", lambda a, b, base: a + b - base),
    "export tax": ("export_tax_rate", lambda a, b, base: a + b - base),
    "freight": ("freight_factor", lambda a, b, base: a * b),
    "time under way": ("transit_delay", lambda a, b, base: a + b - base),
    "sourcing weight": ("preference", lambda a, b, base: a * b),
    "output": ("production_factor", lambda a, b, base: a * b),
    "ceiling on output": ("output_ceiling", lambda a, b, base: np.minimum(a, b)),
    "capacity": ("capacity_factor", lambda a, b, base: a * b),
    "ask": ("ask_factor", lambda a, b, base: a * b),
    "own costs": ("own_cost_factor", lambda a, b, base: a * b),
    "need of users": ("demand_factor", lambda a, b, base: a * b),
    "need per unit of product": ("intensity_factor", lambda a, b, base: a * b),
    "what users can pay": ("budget_factor", lambda a, b, base: a * b),
    "starts of projects that are prevented": ("projects.held_back", lambda a, b, base: 1 - (1 - a) * (1 - b)),
    "output of projects that is sold ahead": ("projects.offtake", lambda a, b, base: 1 - (1 - a) * (1 - b)),
    "pace of permits": ("projects.permit_pace", lambda a, b, base: a * b),
    "pace of building": ("projects.know_how", lambda a, b, base: a * b),
    "revenue of projects that hosts take": ("projects.royalty", lambda a, b, base: 1 - (1 - a) * (1 - b)),
    "margins of projects that hosts take": ("projects.carried", lambda a, b, base: 1 - (1 - a) * (1 - b)),
    "least share collected": ("collection_target", lambda a, b, base: np.maximum(a, b)),
    "least recycled content": ("recycled_content", lambda a, b, base: np.maximum(a, b)),
    "what recyclers are paid beside the price": ("recovery_subsidy", lambda a, b, base: a + b - base),
    "dormant projects that are opened": ("projects.opened", lambda a, b, base: np.maximum(a, b)),
}
LISTS = {
    "resale": "resales", "ceiling on exports": "caps", "licence": "licences",
    "stock of a state": "stockpiles", "money for projects": "projects.funds",
    "floor of a price": "projects.floors",
}  # fmt: skip
"""What each event adds for itself; all of it holds."""


def written(controls: Controls, world: World) -> set[str]:
    """Rows of the table that an event has written to."""
    fresh = Controls(world)
    rows = {row for row, (name, _) in ARRAYS.items()
            if not np.array_equal(_values(name)(controls), _values(name)(fresh))}  # fmt: skip
    rows |= {row for row, name in LISTS.items() if operator.attrgetter(name)(controls)}
    if not np.array_equal(controls.markup_owner, fresh.markup_owner):
        rows.add("pricing owner")
    if (_left_open(controls, world) < 1).any():
        rows.add("trade of a firm that is open")
    return rows


def example(kind: str, name: str) -> Instrument:
    return event(kind, id=name, **EXAMPLES[kind])


def documented() -> dict[str, tuple[str, set[str]]]:
    """Row of the table -> how several combine, and the instruments that write to it."""
    page = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    section = page.split("### Overlaps")[1].split("\n## ")[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")][2:]
    return {
        what.strip(): (how.strip(), set(re.findall(r"`(\w+)`", who))) for what, how, who in rows
    }


def test_every_instrument_has_an_example() -> None:
    assert set(EXAMPLES) == set(instrument_types())


@pytest.mark.parametrize("kind", sorted(EXAMPLES))
def test_the_table_says_what_each_instrument_writes(small_world: World, kind: str) -> None:
    rows = {row for row, (_, kinds) in documented().items() if kind in kinds}
    ways = [example(kind, "e"), *(event(kind, **fields) for fields in OTHER_WAYS.get(kind, ()))]
    assert set().union(*(written(acted(small_world, way), small_world) for way in ways)) == rows
    assert rows or kind in RULES


def test_the_table_says_how_they_combine() -> None:
    """The words of the table are those that the pairs below are checked by."""
    table = documented()
    assert set(table) == set(ARRAYS) | set(LISTS) | {"pricing owner", "trade of a firm that is open"}
    for row, (_, combine) in ARRAYS.items():
        words: dict[float, str | tuple[str, ...]]
        words = {6.0: "multiply", 4.0: "add up", 2.0: "the lowest", -1.0: "join", 3.0: ("any", "the largest")}
        word = words[float(combine(2.0, 3.0, 1.0))]
        assert table[row][0].startswith(word), row
    for row in LISTS:
        assert table[row][0].startswith("each")


@pytest.mark.parametrize("first", sorted(EXAMPLES))
def test_each_pair_combines_by_the_rule_whatever_its_order(small_world: World, first: str) -> None:
    for second in (kind for kind in sorted(EXAMPLES) if kind >= first):
        try:
            _assert_it_combines(small_world, first, second)
        except AssertionError as error:
            error.add_note(f"{first} with {second}")
            raise


def _assert_it_combines(world: World, first: str, second: str) -> None:
    one, two = example(first, "one"), example(second, "two")
    fresh, a, b = Controls(world), acted(world, one), acted(world, two)
    there, back = acted(world, one, two), acted(world, two, one)
    for name, combine in ARRAYS.values():
        read = _values(name)
        expected = combine(read(a), read(b), read(fresh))
        for both in (there, back):
            np.testing.assert_allclose(read(both), expected, rtol=1e-14, atol=1e-15, err_msg=name)
    for name in LISTS.values():
        count = [len(operator.attrgetter(name)(one)) for one in (a, b, there, back)]
        assert count[2] == count[3] == count[0] + count[1]
    for both in (there, back):
        expected = _left_open(a, world) * _left_open(b, world)
        np.testing.assert_allclose(_left_open(both, world), expected, rtol=1e-14)
    np.testing.assert_array_equal(there.markup_owner, back.markup_owner)
    for book in ("touched_links", "touched_offers", "touched_needs"):
        for both in (there, back):
            assert set(getattr(both, book)) == set(getattr(a, book)) | set(getattr(b, book))
            for name, mask in (getattr(a, book) | getattr(b, book)).items():
                np.testing.assert_array_equal(getattr(both, book)[name], mask)
    for kind, alone_on in ((first, a), (second, b)):
        booked = alone_on.touched_links or alone_on.touched_offers or alone_on.touched_needs
        assert bool(booked) is (kind not in RULES)
