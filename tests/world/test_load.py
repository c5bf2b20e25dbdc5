"""A world folder that is wrong is refused, with all that is wrong; one with facilities to come loads."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from sim.errors import MonaziteError
from sim.world.load import load_world
from sim.world.world import World
from tests.small_world import write_small_world

Rows = list[dict[str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return write_small_world(tmp_path / "world")


def change(folder: Path, name: str, edit: Callable[[Rows], Rows | None]) -> None:
    """Rewrite one table; ``edit`` changes the rows or returns others."""
    path = folder / name
    with path.open(newline="", encoding="utf-8") as handle:
        rows = list(csv.DictReader(handle))
    columns = list(rows[0])
    rows = edit(rows) or rows
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=columns)
        writer.writeheader()
        writer.writerows(rows)


def put(folder: Path, name: str, row: int, **cells: str) -> None:
    """Change cells of one row, counted from 0."""
    change(folder, name, lambda rows: rows[row].update(cells))


def problems(folder: Path) -> list[str]:
    with pytest.raises(MonaziteError) as caught:
        load_world(2024, folder)
    return str(caught.value).replace(f"{folder}/", "").splitlines()


@pytest.mark.parametrize(
    ("name", "row", "cells", "expected"),
    [
        ("2024/outputs.csv", 0, {"capacity_t": "-1"}, "capacity_t: -1 is out of range; write 0 or more"),
        ("2024/outputs.csv", 0, {"capacity_t": "10"},
         "capacity_t: 10 is less than the output, 1000.0; raise it, or lower output and flows"),
        ("2024/outputs.csv", 0, {"stock_weeks": "-2"}, "stock_weeks: -2 is out of range; write 0 or more"),
        ("2024/outputs.csv", 0, {"cash_cost_usd_t": "inf"},
         "cash_cost_usd_t: 'inf' is not a number; write a number such as 0.25"),
        ("2024/outputs.csv", 0, {"good": "clai"}, "good: unknown good 'clai'; did you mean 'clay'?"),
        ("2024/outputs.csv", 0, {"facility": "mine_chine"},
         "facility: unknown facility 'mine_chine'; did you mean 'mine_china'?"),
        ("2024/inputs.csv", 0, {"use_t": "-3"}, "use_t: -3 is out of range; write 0 or more"),
        ("2024/inputs.csv", 0, {"use_t": "0"}, "use_t: uses nothing; write its use, or remove the row"),
        ("2024/inputs.csv", 0, {"dependence": "1.5"},
         "dependence: 1.5 is out of range; write a number from 0 to 1"),
        ("2024/inputs.csv", 0, {"worth_multiple": "0.9"},
         "worth_multiple: 0.9 is out of range; write 1 or more"),
        ("2024/inputs.csv", 0, {"worth_multiple": ""},
         "worth_multiple: '' is not a number; write a number such as 0.25"),
        ("2024/inputs.csv", 0, {"switch_multiple": "0"},
         "switch_multiple: 0 is out of range; write 1 or more"),
        ("2024/inputs.csv", 0, {"switch_years": "0"},
         "switch_years: 0 is out of range; write 0.01 or more"),
        ("2024/inputs.csv", 0, {"switch_share": "60"},
         "switch_share: 60 is out of range; write a number from 0 to 1"),
        ("2024/inputs.csv", 0, {"cover_weeks": "six"},
         "cover_weeks: 'six' is not a number; write a number such as 0.25"),
        ("2024/flows.csv", 0, {"tonnes": "-5"}, "tonnes: -5 is out of range; write 0 or more"),
        ("2024/flows.csv", 0, {"tonnes": "nan"},
         "tonnes: 'nan' is not a number; write a number such as 0.25"),
        ("2024/prices.csv", 0, {"price_usd_t": "0"},
         "price_usd_t: 0 is out of range; write a number above 0"),
        ("2024/prices.csv", 0, {"price_usd_t": "-7"},
         "price_usd_t: -7 is out of range; write a number above 0"),
        ("2024/facilities.csv", 0, {"country": "CHM"}, "country: unknown country 'CHM'; did you mean 'CHN'?"),
        ("2024/facilities.csv", 0, {"kind": "mine"}, "kind: unknown kind 'mine'; did you mean 'miner'?"),
        ("2024/facilities.csv", 0, {"value_added_usd": "-1"},
         "value_added_usd: -1 is out of range; write 0 or more"),
        ("2024/facilities.csv", 0, {"firm": "mine_china "},
         "firm: 'mine_china ' has blanks around it, which make another firm of it; remove them"),
        ("2024/composition.csv", 0, {"element": "Xx"},
         "element: unknown element 'Xx'; allowed: NdPr, Dy, Other"),
        ("2024/composition.csv", 0, {"share": "-0.1"}, "share: -0.1 is out of range; write 0 or more"),
        ("2024/tariffs.csv", 0, {"rate": "-2"}, "rate: -2 is out of range; write -0.99 or more"),
        ("2024/tariffs.csv", 0, {"exporter": "CHM"}, "exporter: unknown country 'CHM'; did you mean 'CHN'?"),
        ("countries.csv", 0, {"lat": "100"}, "lat: 100 is out of range; write a number from -90 to 90"),
        ("countries.csv", 0, {"duty_on_fob": "yes"}, "duty_on_fob: unknown duty_on_fob 'yes'; allowed: 0, 1"),
        ("transport.csv", 0, {"value": "0"}, "value: 0 is out of range; write a number above 0"),
        ("transport.csv", 1, {"value": "-1"}, "value: -1 is out of range; write 0 or more"),
        ("substitutes.csv", 0, {"good": "magnets"}, "good: unknown good 'magnets'; did you mean 'magnet'?"),
    ],
)  # fmt: skip
def test_a_bad_cell_is_refused_with_its_place(
    folder: Path, name: str, row: int, cells: dict[str, str], expected: str
) -> None:
    put(folder, name, row, **cells)
    assert f"{name}:{row + 2}: {expected}" in problems(folder)


def test_all_that_is_wrong_is_said_at_once(folder: Path) -> None:
    put(folder, "2024/facilities.csv", 2, country="XXX")
    put(folder, "2024/outputs.csv", 1, capacity_t="-1")
    put(folder, "2024/inputs.csv", 1, use_t="many")
    put(folder, "2024/prices.csv", 1, price_usd_t="-1")
    put(folder, "2024/flows.csv", 3, tonnes="x")
    found = problems(folder)
    for place in ("facilities.csv:4", "outputs.csv:3", "inputs.csv:3", "prices.csv:3", "flows.csv:5"):
        assert any(line.startswith(f"2024/{place}: ") for line in found), place


def test_rows_that_contradict_each_other_are_refused(folder: Path) -> None:
    change(folder, "2024/outputs.csv", lambda rows: [*rows, rows[0]])
    change(folder, "2024/facilities.csv", lambda rows: [*rows, rows[0]])
    found = problems(folder)
    assert any("stand twice; add the two rows up" in line for line in found)
    assert any("stands twice; remove one row" in line for line in found)


def test_margins_must_close_and_links_must_exist(folder: Path) -> None:
    change(folder, "2024/flows.csv", lambda rows: rows[0].update(tonnes=str(2 * float(rows[0]["tonnes"]))))
    found = problems(folder)
    assert len(found) == 2
    assert "but the flows sum to" in found[0]
    folder = write_small_world(folder)
    change(folder, "2024/flows.csv", lambda rows: rows[0].update(buyer="wind_row"))
    assert "2024/flows.csv:2: mine_china -> wind_row is not a link of clay; it needs a row of outputs.csv " \
        "and one of inputs.csv" in problems(folder)  # fmt: skip


def test_a_good_without_price_or_seller_is_refused(folder: Path) -> None:
    change(folder, "2024/prices.csv", lambda rows: rows[1:])
    assert problems(folder) == ["2024/prices.csv: has no price of 'clay', which is sold; add its row"]
    folder = write_small_world(folder)
    change(folder, "2024/outputs.csv", lambda rows: [row for row in rows if row["good"] != "magnet"])
    assert any("nobody sells 'magnet' in 2024; remove the row" in line for line in problems(folder))


def test_a_missing_rule_of_transport_is_named(folder: Path) -> None:
    change(folder, "transport.csv", lambda rows: rows[:-1])
    assert problems(folder) == ["transport.csv: has no rule 'freight_by_distance'; add its row"]


def add_later(folder: Path, capacity: str, use: str = "0") -> None:
    """A separator that makes nothing in the base year."""
    change(folder, "2024/facilities.csv", lambda rows: [*rows, {**rows[2], "facility": "separator_later"}])
    change(
        folder, "2024/outputs.csv",
        lambda rows: [
            *rows,
            {**next(r for r in rows if r["good"] == "ndpr_oxide"), "facility": "separator_later",
             "output_t": "0", "capacity_t": capacity},
        ],
    )  # fmt: skip
    change(
        folder, "2024/inputs.csv",
        lambda rows: [
            *rows,
            {**next(r for r in rows if r["good"] == "clay"), "facility": "separator_later", "use_t": use},
        ],
    )  # fmt: skip


def test_a_facility_that_may_enter_later_loads(folder: Path) -> None:
    before = load_world(2024, folder)
    add_later(folder, "50")
    world = load_world(2024, folder)
    assert len(world.offer_good) == len(before.offer_good) + 1
    later = world.facilities.index("separator_later")
    offer = np.flatnonzero(world.offer_facility == later)
    need = np.flatnonzero(world.need_facility == later)
    assert world.offer_output[offer].tolist() == [0.0]
    assert world.offer_capacity[offer].tolist() == [50.0]
    assert world.need_use[need].tolist() == [0.0]
    good = int(world.offer_good[offer[0]])
    row = offer[0] - world.offer_slice(good).start
    assert world.base_flow[good][row].tolist() == [0.0] * world.base_flow[good].shape[1]


def test_a_facility_without_output_and_capacity_is_refused(folder: Path) -> None:
    add_later(folder, "0")
    (line,) = problems(folder)
    assert line.endswith(
        "capacity_t: makes nothing and has no capacity; give a facility that enters later its capacity, or "
        "remove the row"
    )


def test_a_plant_that_makes_nothing_may_not_use_anything(folder: Path) -> None:
    add_later(folder, "50", use="3")
    expected = "use_t: uses 3 t, but the facility makes nothing; write 0, or give the facility an output"
    assert any(line.endswith(expected) for line in problems(folder))


def test_what_does_not_fit_the_kind_of_a_facility_is_refused(folder: Path) -> None:
    kinds = {"mine_abroad": "manufacturer", "ev_usa": "processor", "magnet_japan": "miner"}
    change(
        folder, "2024/facilities.csv",
        lambda rows: [{**row, "kind": kinds.get(row["facility"], row["kind"])} for row in rows],
    )  # fmt: skip
    change(folder, "2024/inputs.csv", lambda rows: [
        row for row in rows if row["facility"] != "separator_china_b"
    ])  # fmt: skip
    found = "\n".join(problems(folder))
    for said in (
        "mine_abroad is a manufacturer, which sells nothing; make it a processor",
        "magnet_japan is a miner, which buys nothing; make it a processor",
        "kind: processor ev_usa sells nothing; add its rows of outputs.csv",
        "kind: processor separator_china_b buys nothing; add its rows of inputs.csv",
    ):
        assert said in found, said


def test_a_trader_that_buys_something_else_is_refused(folder: Path) -> None:
    def other(rows: Rows) -> None:
        next(r for r in rows if r["facility"] == "trader_singapore_dy").update(good="magnet")

    change(folder, "2024/inputs.csv", other)
    expected = "trader trader_singapore_dy buys or sells alone: dysprosium_oxide, magnet; give each good"
    assert any(expected in line for line in problems(folder))


def test_a_plant_begins_with_all_its_products(folder: Path) -> None:
    add_later(folder, "50")
    moved = {"facility": "separator_china_a", "good": "magnet"}
    change(folder, "2024/outputs.csv", lambda rows: rows[-1].update(moved))
    expected = "output_t: separator_china_a makes none of it, but works in the base year; remove the row"
    assert any(expected in line for line in problems(folder))


def test_a_good_that_nobody_buys_is_refused(folder: Path) -> None:
    add_later(folder, "50")
    change(folder, "2024/inputs.csv", lambda rows: [row for row in rows if row["good"] != "magnet"])
    expected = "good: nobody buys 'magnet'; add a row of inputs.csv, or remove this one"
    assert any(line.endswith(expected) for line in problems(folder))


def test_a_concentrate_without_composition_is_refused(folder: Path) -> None:
    change(folder, "2024/composition.csv", lambda rows: [r for r in rows if r["facility"] != "mine_abroad"])
    expected = "nothing says which elements its clay holds; add rows of composition.csv for mine_abroad"
    assert any(line.endswith(expected) for line in problems(folder))


def test_what_an_entrant_takes_must_be_known_or_stated(folder: Path) -> None:
    add_later(folder, "50")
    change(folder, "2024/inputs.csv", lambda rows: rows[-1].update(good="magnet"))
    (line,) = problems(folder)
    assert line == (
        "separator_later has no base-year output, and no other plant makes ndpr_oxide of magnet: nothing "
        "says how much it would take; state it in column 'use_at_capacity_t' of inputs.csv"
    )
    rewrite(folder, "separator_later", "70")
    world = load_world(2024, folder)
    assert sorted(set(world.need_full_use.tolist())) == [0.0, 70.0]
    rewrite(folder, "ev_usa", "70")
    expected = "leave it empty: it is for plants that make nothing yet"
    assert any(line.endswith(expected) for line in problems(folder))


def rewrite(folder: Path, facility: str, stated: str) -> None:
    """Give the table of inputs its optional column, empty but for one facility."""
    path = folder / "2024" / "inputs.csv"
    with path.open(newline="", encoding="utf-8") as handle:
        rows = [
            {**row, "use_at_capacity_t": stated if row["facility"] == facility else ""}
            for row in csv.DictReader(handle)
        ]
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.DictWriter(handle, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def test_a_world_that_sells_nothing_is_refused(folder: Path) -> None:
    (folder / "2024" / "outputs.csv").write_text(
        "facility,good,output_t,capacity_t,stock_weeks,cash_cost_usd_t\n"
    )
    assert "2024/outputs.csv: sells nothing that goods.csv names; add rows" in problems(folder)


def test_a_capacity_may_miss_its_output_by_rounding(folder: Path) -> None:
    change(
        folder, "2024/outputs.csv",
        lambda rows: rows[0].update(capacity_t=repr(float(rows[0]["output_t"]) * (1 - 1e-9))),
    )  # fmt: skip
    world = load_world(2024, folder)
    assert (world.offer_capacity >= world.offer_output).all()
    put(folder, "2024/outputs.csv", 0, capacity_t="")
    world = load_world(2024, folder)
    assert (world.offer_capacity >= world.offer_output).all()


def test_the_shipped_tables_state_what_is_used() -> None:
    """Nothing is raised or cut when the world is read."""
    for year in (2024, 2022, 2009):
        world = load_world(year)
        kinds = np.array(world.facility_kind)[world.need_facility]
        assert world.need_worth[kinds != "manufacturer"].min() == 1.5
        assert (world.need_worth[kinds == "trader"] == 1.5).all()
        assert world.need_worth[kinds == "processor"].max() <= 10


def test_a_world_knows_who_levies_duties_on_fob(small_world: World) -> None:
    assert dict(zip(small_world.countries, small_world.country_duty_on_fob.tolist(), strict=True)) == {
        code: code == "USA" for code in small_world.countries
    }
