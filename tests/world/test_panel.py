"""Worlds of the panel: built for minerals and years, steady without shocks, refused where there are none."""

from __future__ import annotations

import csv
import datetime as dt
import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import sim
from sim.engine import Simulation
from sim.errors import InputProblems
from sim.paths import share_root, world_directory
from sim.world.basis import adjusted, world_basis
from sim.world.load import load_world
from sim.world.source import NoWorld, panel_coverage, panel_labels, world_tables

PANEL = share_root() / "data" / "panel"
EXAMPLES = (("nickel", 2013), ("lithium", 2020), ("tin", 2022), ("magnesium", 2020), ("antimony", 2003))
"""A stage without a code, ore that stated rules place, a stage placed by apparent use, no trade at all, one
country that makes five sixths."""
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
ALL = [(mineral, year) for mineral, of in panel_coverage().items() for year in sorted(of) if THOROUGH]
NAMED = (*EXAMPLES, ("cobalt", 2006), ("tungsten", 2004), ("antimony", 2009))
MOST_DRIFT = 0.01 / 12
"""A month; 1 % a year."""


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def steady(mineral: str, year: int, months: int) -> None:
    """Without shocks prices stay, nobody lacks anything, every market is certified.

    As far as the world is a rest: what it remembers of the years before moves it (tests/agents/test_past.py).
    """
    tables = world_tables(year, (mineral,), "panel")
    world = load_world(year, tables)
    world = replace(world, goods=tuple(replace(good, past=()) for good in world.goods))
    calm = sim.load("baseline-2024")
    last = dt.date(year + months // 12, 1, 1) - dt.timedelta(days=1)
    calm = replace(calm, base_year=year, minerals=(mineral,), world="panel", events=())
    scenario = replace(calm, start=dt.date(year, 1, 1), end=last)
    found = Simulation(world, scenario).run()
    price = found["price_outside"].values[0] / world.base_price
    assert np.isfinite(price).all()
    assert np.abs(np.diff(np.log(price), axis=0)).max() < MOST_DRIFT, "prices drift"
    assert np.abs(price - 1).max() < 0.05, "prices do not start at those of the year"
    assert float(found["shortfall"].sum()) <= 1e-6 * float(world.need_use.sum())
    assert bool(found["certified"].all())


@pytest.mark.parametrize(("mineral", "year"), EXAMPLES)
def test_world_without_shocks_is_steady_for_five_years(mineral: str, year: int) -> None:
    steady(mineral, year, 60)


@pytest.mark.parametrize(("mineral", "year"), ALL)
def test_every_world_that_is_offered_is_built_and_steady(mineral: str, year: int) -> None:
    steady(mineral, year, 60)


def test_output_of_a_country_is_that_of_the_panel() -> None:
    tables = world_tables(2013, ("nickel",))
    stated = pd.read_parquet(PANEL / "output.parquet")
    stated = stated[(stated.mineral == "nickel") & (stated.stage == "mine") & (stated.year == 2013)]
    known = dict(zip(stated.iso3, stated.tonnes, strict=True))
    where = {r["facility"]: r["country"] for r in rows(tables / "2013" / "facilities.csv")}
    made = {where[r["facility"]]: float(r["output_t"]) for r in rows(tables / "2013" / "outputs.csv")
            if r["good"] == "nickel_ore"}  # fmt: skip
    assert made["IDN"] == pytest.approx(known["IDN"], rel=1e-9)
    assert sum(made.values()) == pytest.approx(stated.tonnes.sum(), rel=1e-9)
    named = [country for country in made if country != "ROW"]
    assert [made[country] for country in named] == pytest.approx([known[c] for c in named], rel=1e-9)


def test_stage_without_a_code_is_marked_and_the_others_rest_on_data() -> None:
    tables = world_tables(2022, ("tin",))
    line = {(b.good, b.what): b for b in world_basis(tables, 2022)}
    assert set(line["tin_refined", "trade"].confidence) == {"assumption"}
    assert "no trade code" in line["tin_refined", "trade"].source
    assert line["tin_concentrate", "trade"].confidence["derived"] > 0.5
    assert line["tin_concentrate", "output"].sure == "seen"
    assert line["tin_refined", "output"].sure == "derived"
    assert line["tin_refined", "price"].sure == "seen"
    assert line["tin_concentrate", "output"].amount == pytest.approx(306_970)


def test_every_adjustment_says_what_moved_and_why() -> None:
    tables = world_tables(2013, ("nickel",))
    moved = adjusted(tables, 2013, ["nickel_ore"])
    (lowered,) = [r for r in moved if r["item"] == "price"]
    assert float(lowered["reconciled"]) < float(lowered["raw"])
    assert "plants" in lowered["rule"]
    price = next(r for r in rows(tables / "2013" / "prices.csv") if r["good"] == "nickel_ore")
    assert float(price["price_usd_t"]) == pytest.approx(float(lowered["reconciled"]))
    assert price["confidence"] == "assumption"


def test_worlds_are_kept_whatever_the_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MONAZITE_CACHE", str(tmp_path))
    first = world_tables(2022, ("tin", "bismuth"))
    written = {p: p.stat().st_mtime_ns for p in first.rglob("*.csv")}
    assert world_tables(2022, ("bismuth", "tin")) == first
    assert {p: p.stat().st_mtime_ns for p in first.rglob("*.csv")} == written
    alone = world_tables(2022, ("tin",))
    assert alone != first
    ours = {(r["good"], r["facility"]): r["output_t"] for r in rows(first / "2022" / "outputs.csv")}
    theirs = {(r["good"], r["facility"]): r["output_t"] for r in rows(alone / "2022" / "outputs.csv")}
    assert theirs.items() <= ours.items()
    assert not list((tmp_path / "worlds").glob(".*"))


def test_curated_worlds_come_first_and_the_panel_on_request() -> None:
    assert world_tables(2024) == world_directory()
    assert world_tables(2024, ("nickel",)) == world_directory()
    assert world_tables(2024, ("terbium", "nothing")) == world_directory()
    assert world_tables(2024, ("tin",)) != world_directory()
    assert world_tables(2024, ("nickel",), "panel") != world_directory()


@pytest.mark.parametrize(
    ("year", "minerals", "where", "said"),
    [
        (2013, (), "base_year", "name 'minerals'"),
        (1950, (), "base_year", "there are: 2009, 2022, 2024"),
        (1950, ("nickel",), "base_year", "the nearest year that it has is 1996"),
        (2013, ("tin",), "base_year", "the nearest year that it has is 2021"),
        (2013, ("nickel", "tungstn"), "minerals", "did you mean 'tungsten'?"),
        (2024, ("tin", "terbium"), "minerals", "the panel has no 'terbium'"),
    ],
)
def test_worlds_that_are_not_there(year: int, minerals: tuple[str, ...], where: str, said: str) -> None:
    with pytest.raises(NoWorld) as caught:
        world_tables(year, minerals)
    assert caught.value.where[0] == where
    assert said in str(caught.value)


def test_scenario_points_at_what_is_wrong(tmp_path: Path) -> None:
    text = "format: 2\nname: a\ntitle: A\nbase_year: 2013\nminerals: [nickel, {}]\n"
    text += "time: {{start: 2013-01, end: 2013-12}}\n"
    file = tmp_path / "a.yaml"
    file.write_text(text.format("nickle"), encoding="utf-8")
    with pytest.raises(InputProblems) as caught:
        sim.load(file)
    (problem,) = [p for p in caught.value.problems if not p.warning]
    assert (problem.line, problem.column) == (5, 20)
    file.write_text(text.format("cobalt"), encoding="utf-8")
    scenario = sim.load(file)
    assert {good.mineral for good in load_world(2013, scenario.tables).goods} == {"nickel", "cobalt"}
    assert sim.load(file, "+world=panel").tables == scenario.tables
    with pytest.raises(InputProblems, match="moon: no such folder"):
        sim.load(file, "+world=moon")


def test_a_ban_acts_in_a_world_of_the_panel() -> None:
    given = ["base_year=2013", "minerals=[nickel]", "time.start=2013-01", "time.end=2014-06"]
    given += [f"~events.{event.id}" for event in sim.load("baseline-2024").events]
    ban = "{type: export_ban, by: IDN, to: world, goods: [nickel_ore], from: 2014-01, assumption: true}"
    base, found = sim.run("baseline-2024", *given), sim.run("baseline-2024", *given, f"+events.ban={ban}")
    rise = (found["price_outside"] / base["price_outside"]).isel(member=0, time=-1)
    assert float(rise.sel(good="nickel_ore")) > 1.1
    assert float(rise.sel(good="nickel_refined")) > 1.01


def test_all_that_is_named_in_the_tables_of_the_panel_is_there() -> None:
    chains, uses = rows(PANEL / "chains.csv"), rows(PANEL / "end_uses.csv")
    traded = set(pd.read_parquet(PANEL / "trade.parquet", columns=["hs6"]).hs6.unique())
    priced = set(pd.read_parquet(PANEL / "prices.parquet", columns=["series"]).series.unique())
    assert {row["price"] for row in chains} <= priced
    assert {c for row in chains for c in row["codes"].split(";") if c} <= traded
    goods = [row["good"] for row in chains]
    assert len(set(goods)) == len(goods)
    assert all(goods.index(row["input"]) < place for place, row in enumerate(chains) if row["input"])
    assert len(panel_coverage()) >= 40
    assert {label.id for label in panel_labels()} == set(goods)
    total: dict[tuple[str, str], float] = defaultdict(float)
    for row in uses:
        total[row["good"], row["year"]] += float(row["share"])
    assert all(value == pytest.approx(1) for value in total.values())
    assert {good for good, _ in total} <= set(goods)


def test_panel_stays_small_and_offers_what_it_says() -> None:
    assert sum(path.stat().st_size for path in PANEL.iterdir()) < 15e6
    for mineral, year in NAMED:
        assert year in panel_coverage()[mineral]
    assert sum(1 for of in panel_coverage().values() if {2023, 2024} <= set(of)) >= 38
    assert sum(1 for of in panel_coverage().values() if len(of) >= 20) >= 10
    assert panel_coverage()["cobalt"][2006].grade == "A"
    assert panel_coverage()["nickel"][2013].grade == "B"
    assert panel_coverage()["magnesium"][2020].grade == "C"
