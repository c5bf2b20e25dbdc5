"""What a tonne is worth, and the next-best way: derived as stated, and plausible in the committed years."""

from __future__ import annotations

import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest

from sim.errors import MonaziteError
from sim.world.build.draft import Draft, Facility, Use
from sim.world.build.raw import Raw
from sim.world.build.shares import Stake, stakes
from sim.world.build.worth import IDLE_YEARS, set_worth
from sim.world.load import load_world
from sim.world.world import World

ROOT = Path(__file__).resolve().parents[2]
YEARS = (2024, 2022, 2009)
Key = tuple[str, str, str]
TABLES = {
    "dependence": "mineral,good,sector,dependence,low,high\ntin,,cans,0.2,0.1,0.4\n",
    "next_best": (
        "mineral,good,sector,way,switch_multiple_low,switch_multiple,switch_multiple_high,"
        "switch_years_low,switch_years,switch_years_high,switch_share,source\n"
        "tin,,,glass,1.5,2,4,1,3,5,0.6,s\ntin,foil,,paper,1.1,1.5,3,1,2,4,0.9,s\n"
        ",,,less of it,2,3,5,2,4,8,0.3,s\n,,plant,none,,,,,,,0,s\nzinc,,plant,other ore,1,1.2,2,1,1,2,0.4,s\n"
        "lead,,,nothing else is heavy,,,,,,,0,s\n"
    ),
    "sector_behaviour": (
        "sector,surplus_share,surplus_low,surplus_high,usual_worth,usual_low,usual_high\n"
        "cans,0.5,0.4,0.6,8,4,20\nships,0.25,0.2,0.4,5,2,9\n"
    ),
    "worth": (
        "rule,value,low,high,unit,source,confidence\nleast_worth,1.5,1,2,1,s,assumption\n"
        "most_worth,2000,1000,3000,1,s,assumption\ndependence_by_use,0.5,0,1,1,s,assumption\n"
    ),
}  # fmt: skip
PRICE = {"tin_bar": 100.0, "foil": 100.0, "zinc": 10.0, "lead": 1.0}
MINERAL = {"tin_bar": "tin", "foil": "tin", "zinc": "zinc", "lead": "lead"}


def raw_with(root: Path, **changed: str) -> Raw:
    folder = root / "data" / "raw" / "assumptions"
    folder.mkdir(parents=True)
    for name, text in (TABLES | changed).items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return Raw(root)


def filled(raw: Raw, needs: dict[Key, tuple[float, float]]) -> dict[Key, Use]:
    """Uses after the build, from (good, sector, country) -> (tonnes, value added of the pooled countries)."""
    draft = Draft(2024)
    for (good, sector, country), (tonnes, value) in needs.items():
        kind = "manufacturer" if sector else "processor"
        name = f"{sector or 'plant'}_{country}"
        draft.add(Facility(name, name, kind, country, name, sector, value if sector else 0.0))
        draft.use(good, name, Use(tonnes, "s", "assumption", worth=4.0, value_added=value))
    set_worth(draft, raw, PRICE, MINERAL)
    return {key: draft.uses[key[0]][f"{key[1] or 'plant'}_{key[2]}"] for key in needs}


def test_worth_is_surplus_of_what_depends_over_what_is_paid(tmp_path: Path) -> None:
    found = filled(
        raw_with(tmp_path),
        {("tin_bar", "cans", "AAA"): (30.0, 9e4), ("tin_bar", "cans", "BBB"): (10.0, 9e4)},
    )
    a, b = found["tin_bar", "cans", "AAA"], found["tin_bar", "cans", "BBB"]
    # World: 0.5 x 0.2 x 180,000 over 40 t x 100 is 4.5; BBB makes three times the value of a tonne.
    assert a.worth == pytest.approx(4.5 * ((1 / 2) / (3 / 4)) ** 0.5)
    assert b.worth / a.worth == pytest.approx(3**0.5)
    assert a.dependence / b.dependence == pytest.approx(3**0.5)
    for use, tonnes in ((a, 30), (b, 10)):
        assert use.worth * tonnes * 100 == pytest.approx(0.5 * use.dependence * 9e4)


def test_goods_of_a_mineral_share_what_hangs_on_it_by_value(tmp_path: Path) -> None:
    needs = {("tin_bar", "cans", "AAA"): (10.0, 9e4), ("foil", "cans", "AAA"): (30.0, 9e4)}
    found = filled(raw_with(tmp_path), needs)
    bar, foil = found["tin_bar", "cans", "AAA"], found["foil", "cans", "AAA"]
    assert (bar.dependence, foil.dependence) == pytest.approx((0.05, 0.15))
    assert bar.worth == pytest.approx(foil.worth)
    assert (bar.switch_multiple, bar.switch_years, bar.switch_share) == (2, 3, 0.6)
    assert (foil.switch_multiple, foil.switch_years, foil.switch_share) == (1.5, 2, 0.9)


def test_a_mineral_without_a_row_follows_the_rule_of_its_sector(tmp_path: Path) -> None:
    needs = {("zinc", "ships", "AAA"): (50.0, 1e6), ("zinc", "", "AAA"): (5.0, 0.0)}
    found = filled(raw_with(tmp_path), needs)
    use, plant = found["zinc", "ships", "AAA"], found["zinc", "", "AAA"]
    assert use.worth == pytest.approx(5)
    assert use.dependence == pytest.approx(5 * 50 * 10 / 0.25 / 1e6)
    assert (use.switch_multiple, use.switch_years, use.switch_share) == (3, 4, 0.3)
    assert (plant.worth, plant.switch_multiple, plant.switch_share) == (4, 1.2, 0.4)


def test_where_nothing_replaces_a_good_its_share_is_none(tmp_path: Path) -> None:
    needs = {("lead", "ships", "AAA"): (50.0, 1e6), ("lead", "", "AAA"): (5.0, 0.0)}
    found = filled(raw_with(tmp_path), needs)
    for use in found.values():
        assert (use.switch_multiple, use.switch_years, use.switch_share) == (use.worth, IDLE_YEARS, 0)


@pytest.mark.parametrize(("tonnes", "bound"), [(1e6, 1.5), (1e-3, 2000)])
def test_worth_is_bounded_and_the_bound_is_booked(tmp_path: Path, tonnes: float, bound: float) -> None:
    draft = Draft(2024)
    draft.add(Facility("user", "user", "manufacturer", "AAA", "user", "cans", 9e4))
    draft.use("tin_bar", "user", Use(tonnes, "s", "assumption", value_added=9e4))
    set_worth(draft, raw_with(tmp_path), PRICE, MINERAL)
    assert draft.uses["tin_bar"]["user"].worth == bound
    (booked,) = draft.adjustments
    assert (booked.good, booked.country, booked.reconciled) == ("tin_bar", "AAA", bound)
    assert booked.raw == pytest.approx(0.5 * 0.2 * 9e4 / (tonnes * 100))
    # Who pays more than the value added that was counted loses all of it.
    assert draft.uses["tin_bar"]["user"].dependence == pytest.approx(1 if bound == 1.5 else 0.2)


@pytest.mark.parametrize(
    ("table", "old", "new", "said"),
    [
        ("dependence", "cans,0.2,", "cans,1.2,", "dependence: 1.2 is out of range"),
        ("dependence", "cans,0.2,", "cans,0.5,", "0.5 is out of range; write a number from 0.1 to 0.4"),
        ("next_best", "glass,1.5,2,", "glass,1.5,1,", "switch_multiple: 1 is out of range"),
        ("next_best", "glass,", ",", "way: is empty; name the way, or why there is none"),
        ("next_best", ",0.6,s", ",1.6,s", "switch_share: 1.6 is out of range"),
        ("next_best", "tin,foil,,", "tin,,,", "'tin, , ' stands twice; remove one row"),
        ("sector_behaviour", "cans,0.5", "cans,50", "surplus_share: 50 is out of range"),
    ],
)
def test_a_table_that_is_wrong_is_refused_with_its_place(
    tmp_path: Path, table: str, old: str, new: str, said: str
) -> None:
    text = TABLES[table]
    assert old in text
    raw = raw_with(tmp_path, **{table: text.replace(old, new, 1)})
    with pytest.raises(MonaziteError) as caught:
        filled(raw, {("lead", "ships", "AAA"): (1.0, 1e6)})
    assert f"{table}.csv:" in str(caught.value)
    assert said in str(caught.value)


def assumptions(name: str) -> list[dict[str, str]]:
    with (ROOT / "data" / "raw" / "assumptions" / f"{name}.csv").open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def worlds() -> dict[int, World]:
    return {year: load_world(year) for year in YEARS}


def test_every_mineral_of_end_users_has_a_next_best_way_of_its_own(worlds: dict[int, World]) -> None:
    stated = {r["mineral"] for r in assumptions("next_best") if r["sector"] != "plant"}
    for world in worlds.values():
        kinds = np.array(world.facility_kind)[world.need_facility]
        used = {world.goods[g].mineral for g in world.need_good[kinds == "manufacturer"].tolist()}
        assert used <= stated, world.base_year


def test_most_of_what_users_buy_can_be_replaced_and_no_plant_switches_but_magnet_makers(
    worlds: dict[int, World],
) -> None:
    magnet_inputs = {"dysprosium_oxide", "terbium_oxide", "neodymium_praseodymium_oxide"}
    for world in worlds.values():
        kinds = np.array(world.facility_kind)[world.need_facility]
        goods = np.array([good.id for good in world.goods])[world.need_good]
        users, switches = kinds == "manufacturer", world.need_switch_share > 0
        never = {"manganese_alloy", "zirconium_chemicals", "hydrofluoric_acid"}
        assert set(goods[users & ~switches]) <= never
        makers = np.isin(goods, sorted(magnet_inputs)) & (kinds == "processor")
        assert makers.any()
        np.testing.assert_array_equal(switches[~users], makers[~users])


def test_worth_is_at_least_the_price_and_never_absurd(worlds: dict[int, World]) -> None:
    for world in worlds.values():
        kinds = np.array(world.facility_kind)[world.need_facility]
        worth = world.need_worth[kinds == "manufacturer"]
        assert worth.min() >= 1.5
        assert worth.max() <= 2000
        # Users in different countries differ, by their value added and use.
        by_cell: dict[tuple[int, str], set[float]] = defaultdict(set)
        for need, good, facility in zip(
            range(len(world.need_good)), world.need_good.tolist(), world.need_facility.tolist(), strict=True
        ):
            if kinds[need] == "manufacturer":
                by_cell[good, world.facility_sector[facility]].add(float(world.need_worth[need]))
        assert sum(len(values) > 1 for values in by_cell.values()) > 0.8 * len(by_cell)


@pytest.fixture(scope="module")
def stake() -> dict[str, Stake]:
    return stakes(ROOT / "data" / "world" / "2024")


def test_what_hangs_on_inputs_is_a_plausible_part_of_value_added(stake: dict[str, Stake]) -> None:
    whole = sum(s.value_added for s in stake.values())
    assert stake["construction"].value_added < 0.15 * whole
    assert stake["robots"].value_added < 0.05 * whole
    for sector, s in stake.items():
        # One good never bids more than the sector earns; minor metals far less.
        assert max(s.bids.values()) < 0.85, sector
        assert sum(share for good, share in s.bids.items() if good.endswith("_oxide")) < 0.05, sector
        for good, share in s.bids.items():
            assert share <= s.dependent[good] * 1.01 or good in {"copper_refined", "hydrofluoric_acid"}, good
    # The United States would lose a few billion USD a year without gallium (USGS OFR 2024-1057: 1.7 to 8.2).
    gallium = sum(s.value_added * s.bids.get("gallium_high_purity", 0) for s in stake.values())
    assert 5e9 < gallium < 3e10


def test_the_documented_table_is_that_of_the_data(stake: dict[str, Stake]) -> None:
    page = (ROOT / "docs" / "world.md").read_text(encoding="utf-8")
    for sector, s in stake.items():
        good = max(s.bids, key=lambda g: s.bids[g])
        row = (
            f"| {sector} | {s.value_added / 1e9:,.0f} | {100 * sum(s.bids.values()):.0f} % | "
            f"{good} {100 * s.bids[good]:.0f} % | {100 * s.dependent[good]:.0f} % |"
        )
        assert row in page
