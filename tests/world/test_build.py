"""The committed base years: rebuilt byte for byte, closed to rounding, and true to their sources."""

from __future__ import annotations

import csv
import filecmp
import shutil
from collections import defaultdict
from pathlib import Path

import pandas as pd
import pytest

from sim.errors import MonaziteError
from sim.world.build import build_world
from sim.world.build.raw import Raw
from sim.world.build.shares import assumption_share

ROOT = Path(__file__).resolve().parents[2]
WORLD = ROOT / "data" / "world"
YEARS = (2024, 2022, 2009)
COMMON = (
    "goods.csv", "elements.csv", "countries.csv", "behaviour.csv", "firms.csv", "governments.csv",
    "hosts.csv", "substitutes.csv", "transport.csv", "straits.csv", "sea_legs.csv", "harbours.csv",
    "overland.csv", "projects.csv", "more_countries.csv", "register.csv", "reserves.csv",
    "past_projects.csv", "project_rules.csv", "past_reserves.csv", "scrap.csv",
    "lifetimes.csv", "recyclers.csv",
)  # fmt: skip
SAMPLE = ROOT / "data" / "raw" / "targets" / "posterior.csv"
CONFIDENCE = {"seen", "derived", "memory", "assumption"}
Rows = list[dict[str, str]]


def rows(year: int, name: str) -> Rows:
    with (WORLD / str(year) / name).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def common(name: str) -> Rows:
    with (WORLD / name).open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def country_of(year: int) -> dict[str, str]:
    return {r["facility"]: r["country"] for r in rows(year, "facilities.csv")}


def supply_shares(year: int, goods: tuple[str, ...]) -> dict[str, float]:
    """Share of supply by country, traders left out, several goods together."""
    kind = {r["facility"]: r["kind"] for r in rows(year, "facilities.csv")}
    place = country_of(year)
    total: dict[str, float] = defaultdict(float)
    for r in rows(year, "outputs.csv"):
        if r["good"] in goods and kind[r["facility"]] != "trader":
            total[place[r["facility"]]] += float(r["output_t"])
    whole = sum(total.values())
    return {c: v / whole for c, v in total.items()}


def test_rebuild_gives_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    build_world(ROOT, tmp_path)
    built = sorted(p.relative_to(tmp_path) for p in tmp_path.rglob("*.csv"))
    assert len(built) == len(COMMON) + 9 * len(YEARS) + SAMPLE.is_file()
    assert (WORLD / "posterior.csv").is_file() == SAMPLE.is_file()
    different = [str(p) for p in built if not filecmp.cmp(tmp_path / p, WORLD / p, shallow=False)]
    assert different == []


def with_base_years(root: Path, text: str) -> Path:
    """The source tables, with another list of base years."""
    shutil.copytree(ROOT / "data" / "raw", root / "data" / "raw")
    (root / "data" / "raw" / "assumptions" / "base_years.csv").write_text(text, encoding="utf-8")
    return root


def test_a_base_year_is_a_row_and_its_trade_a_file(tmp_path: Path) -> None:
    root = with_base_years(tmp_path / "root", "base_year,holds\n2009,rare earths\n")
    raw = root / "data" / "raw"
    trade = pd.read_csv(raw / "baci_2009_2022_2024.csv.gz", dtype={"hs6": str})
    (raw / "baci_2009_2022_2024.csv.gz").unlink()
    for name, part in (("baci_2009.csv.gz", trade.year == 2009), ("baci_later.csv.gz", trade.year > 2009)):
        trade[part].to_csv(raw / name, index=False)
    build_world(root, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir() if path.is_dir()] == ["2009"]
    for path in sorted((tmp_path / "out" / "2009").iterdir()):
        assert filecmp.cmp(path, WORLD / "2009" / path.name, shallow=False), path.name


def test_a_base_year_that_is_no_year_is_refused(tmp_path: Path) -> None:
    root = with_base_years(tmp_path, "base_year,holds\nlast year,all\n")
    with pytest.raises(MonaziteError, match=r"base_years.csv.*last year"):
        build_world(root, tmp_path / "out")


@pytest.mark.parametrize("year", YEARS)
def test_flows_add_up_to_outputs_and_uses(year: int) -> None:
    sold: dict[tuple[str, str], float] = defaultdict(float)
    bought: dict[tuple[str, str], float] = defaultdict(float)
    for r in rows(year, "flows.csv"):
        assert float(r["tonnes"]) > 0
        sold[r["good"], r["seller"]] += float(r["tonnes"])
        bought[r["good"], r["buyer"]] += float(r["tonnes"])
    outputs = {(r["good"], r["facility"]): float(r["output_t"]) for r in rows(year, "outputs.csv")}
    uses = {(r["good"], r["facility"]): float(r["use_t"]) for r in rows(year, "inputs.csv")}
    assert sold == pytest.approx(outputs, rel=1e-6)
    assert bought == pytest.approx(uses, rel=1e-6)


@pytest.mark.parametrize("year", YEARS)
def test_every_facility_does_what_its_kind_says(year: int) -> None:
    sells: dict[str, set[str]] = defaultdict(set)
    buys: dict[str, set[str]] = defaultdict(set)
    for r in rows(year, "outputs.csv"):
        sells[r["facility"]].add(r["good"])
        assert float(r["capacity_t"]) >= float(r["output_t"]) > 0
    for r in rows(year, "inputs.csv"):
        buys[r["facility"]].add(r["good"])
        assert float(r["use_t"]) > 0
        assert float(r["worth_multiple"]) >= 1
        assert 0 < float(r["dependence"]) <= 1
        assert float(r["cover_weeks"]) > 0
    for r in rows(year, "facilities.csv"):
        name = r["facility"]
        shape = (bool(sells[name]), bool(buys[name]))
        expected = {"miner": (True, False), "manufacturer": (False, True)}
        assert shape == expected.get(r["kind"], (True, True)), name
        assert (float(r["value_added_usd"]) > 0) == (r["kind"] == "manufacturer")
        if r["kind"] == "trader":
            assert sells[name] == buys[name]
            assert len(sells[name]) == 1


@pytest.mark.parametrize("year", YEARS)
def test_traders_pass_on_what_they_buy_and_never_to_themselves(year: int) -> None:
    kind = {r["facility"]: r["kind"] for r in rows(year, "facilities.csv")}
    outputs = {r["facility"]: float(r["output_t"]) for r in rows(year, "outputs.csv")}
    for r in rows(year, "inputs.csv"):
        if kind[r["facility"]] == "trader":
            assert float(r["use_t"]) == pytest.approx(outputs[r["facility"]], rel=1e-6)
    assert all(r["seller"] != r["buyer"] for r in rows(year, "flows.csv"))


@pytest.mark.parametrize("year", YEARS)
def test_every_row_names_its_source_its_confidence_and_a_known_code(year: int) -> None:
    countries = {r["iso3"] for r in common("countries.csv")}
    goods = {r["good"] for r in common("goods.csv")}
    for name in (
        "facilities.csv",
        "outputs.csv",
        "inputs.csv",
        "composition.csv",
        "flows.csv",
        "prices.csv",
        "tariffs.csv",
        "controls.csv",
    ):
        for r in rows(year, name):
            assert r["confidence"] in CONFIDENCE, (name, r)
            assert r["source"], (name, r)
            assert r.get("unit", "t"), (name, r)
            assert r.get("good", "steel") in goods, (name, r)
            assert r.get("country", "ROW") in countries, (name, r)
    assert common("countries.csv")[-1]["iso3"] == "ROW"


def test_duties_on_fob_rest_on_a_law() -> None:
    on_fob = {r["iso3"]: r["source"] for r in common("countries.csv") if r["duty_on_fob"] == "1"}
    assert sorted(on_fob) == ["AUS", "CAN", "USA", "ZAF"]
    assert all("Act" in source or "U.S.C." in source for source in on_fob.values())


@pytest.mark.parametrize("year", YEARS)
def test_oxides_equal_the_element_inflow_times_a_recovery_of_at_most_one(year: int) -> None:
    share = {(r["facility"], r["element"]): float(r["share"]) for r in rows(year, "composition.csv")}
    element = {r["good"]: r["element"] for r in common("goods.csv") if r["element"]}
    basket = {r["good"] for r in common("goods.csv") if r["basket"] == "1"}
    inflow: dict[tuple[str, str], float] = defaultdict(float)
    mined: dict[str, float] = defaultdict(float)
    for r in rows(year, "outputs.csv"):
        if r["good"] in basket:
            for e in {*element.values(), "Other"}:
                mined[e] += float(r["output_t"]) * share[r["facility"], e]
    for r in rows(year, "flows.csv"):
        if r["good"] in basket:
            for e in {*element.values(), "Other"}:
                inflow[r["buyer"], e] += float(r["tonnes"]) * share[r["seller"], e]
    arrived: dict[str, float] = defaultdict(float)
    for (_, e), tonnes in inflow.items():
        arrived[e] += tonnes
    assert arrived == pytest.approx(mined, rel=1e-6)
    separators = {buyer for buyer, _ in inflow}
    made = 0
    for r in rows(year, "outputs.csv"):
        if r["facility"] in separators:
            made += 1
            recovery = float(r["output_t"]) / inflow[r["facility"], element[r["good"]]]
            assert 0.5 < recovery <= 1.0, r
    assert made > 10


@pytest.mark.parametrize("year", YEARS)
def test_basket_shares_sum_to_one(year: int) -> None:
    total: dict[str, float] = defaultdict(float)
    for r in rows(year, "composition.csv"):
        total[r["facility"]] += float(r["share"])
    assert total
    assert all(value == pytest.approx(1.0, abs=1e-8) for value in total.values())


@pytest.mark.parametrize("year", YEARS)
def test_base_prices_cover_input_costs_and_cash_costs(year: int) -> None:
    price = {r["good"]: float(r["price_usd_t"]) for r in rows(year, "prices.csv")}
    kind = {r["facility"]: r["kind"] for r in rows(year, "facilities.csv")}
    revenue: dict[str, float] = defaultdict(float)
    spend: dict[str, float] = defaultdict(float)
    for r in rows(year, "outputs.csv"):
        revenue[r["facility"]] += float(r["output_t"]) * price[r["good"]]
        assert 0 < float(r["cash_cost_usd_t"]) <= price[r["good"]], r
    for r in rows(year, "inputs.csv"):
        spend[r["facility"]] += float(r["use_t"]) * price[r["good"]]
    for facility in revenue:
        if kind[facility] == "processor":
            assert spend[facility] <= 0.95 * revenue[facility], facility


MINED = {
    "antimony_concentrate": ("antimony", "mine"),
    "tungsten_concentrate": ("tungsten", "mine"),
    "cobalt_intermediate": ("cobalt", "mine"),
    "lithium_concentrate": ("lithium", "mine"),
    "nickel_ore": ("nickel", "mine"),
    "manganese_ore": ("manganese", "mine"),
    "tantalum_concentrate": ("tantalum", "mine"),
    "niobium_concentrate": ("niobium", "mine"),
    "copper_concentrate": ("copper", "mine"),
    "chromite": ("chromium", "mine"),
    "fluorspar": ("fluorspar", "mine"),
    "titanium_mineral": ("titanium", "mine"),
    "iron_ore": ("iron", "mine"),
    "bismuth_refined": ("bismuth", "refinery"),
    "gallium_low_purity": ("gallium", "primary_low_purity"),
}


@pytest.mark.parametrize("good", MINED)
def test_mine_shares_of_2024_are_those_of_usgs(good: str) -> None:
    observed = Raw(ROOT).mine_output(*MINED[good], 2024)
    whole = sum(observed.values())
    built = supply_shares(2024, (good,))
    for country, tonnes in observed.items():
        if country != "ROW" and tonnes / whole > 0.02:
            assert built[country] == pytest.approx(tonnes / whole, abs=0.005), country


def test_graphite_and_rare_earth_mines_of_2024_are_those_of_usgs() -> None:
    ores = ("ree_concentrate_bastnaesite", "ree_concentrate_monazite", "ree_concentrate_ionic_clay")
    for goods, mineral in (
        (("graphite_flake", "graphite_amorphous"), "graphite"),
        (ores, "rare_earths"),
    ):
        observed = Raw(ROOT).mine_output(mineral, "mine", 2024)
        whole, built = sum(observed.values()), supply_shares(2024, goods)
        for country, tonnes in observed.items():
            if country != "ROW" and tonnes / whole > 0.02:
                assert built[country] == pytest.approx(tonnes / whole, abs=0.005), country


def test_china_refines_and_makes_the_share_that_the_iea_reports() -> None:
    oxides = ("neodymium_praseodymium_oxide", "dysprosium_oxide", "terbium_oxide")
    assert 0.88 <= supply_shares(2024, oxides)["CHN"] <= 0.94
    magnets = ("ndfeb_magnet", "ndfeb_magnet_high_temperature")
    assert 0.90 <= supply_shares(2024, magnets)["CHN"] <= 0.96


def test_mountain_pass_ships_to_china_what_customs_say() -> None:
    """58,637 t gross in 2024; concentrate of 55 to 70 % rare-earth oxide."""
    place = country_of(2024)
    shipped = sum(
        float(r["tonnes"])
        for r in rows(2024, "flows.csv")
        if r["seller"] == "mountain_pass_mine" and place[r["buyer"]] == "CHN"
    )
    assert 0.55 * 58_637 < shipped < 0.70 * 58_637


IMPORTED = {
    "germanium_metal": {"BEL": 0.41, "CHN": 0.23, "CAN": 0.17, "DEU": 0.14},
    "antimony_trioxide": {"CHN": 0.66, "BEL": 0.16, "BOL": 0.06, "FRA": 0.05},
    "cobalt_refined": {"NOR": 0.26, "FIN": 0.16, "CAN": 0.14, "JPN": 0.14},
    "titanium_sponge": {"JPN": 0.77, "SAU": 0.13, "KAZ": 0.08},
    "ferroniobium": {"BRA": 0.65, "CAN": 0.31},
    "fluorspar": {"MEX": 0.64, "VNM": 0.12, "CHN": 0.10, "ZAF": 0.09},
    "lithium_chemicals": {"CHL": 0.54, "ARG": 0.43},
    "gallium_high_purity": {"CAN": 0.28, "JPN": 0.22, "CHN": 0.18, "DEU": 0.16},
}


@pytest.mark.parametrize("good", IMPORTED)
def test_united_states_imports_come_from_where_usgs_says(good: str) -> None:
    place, kind = country_of(2024), {r["facility"]: r["kind"] for r in rows(2024, "facilities.csv")}
    total: dict[str, float] = defaultdict(float)
    for r in rows(2024, "flows.csv"):
        origin = place[r["seller"]]
        if r["good"] == good and place[r["buyer"]] == "USA" != origin and kind[r["buyer"]] != "trader":
            total[origin] += float(r["tonnes"])
    whole = sum(total.values())
    for origin, share in IMPORTED[good].items():
        assert total[origin] / whole == pytest.approx(share, abs=0.08), origin


@pytest.mark.parametrize("year", YEARS)
def test_shares_by_confidence_sum_to_one(year: int) -> None:
    shares = assumption_share(WORLD / str(year))
    assert set(shares) == {"flows", "supply"}
    for parts in shares.values():
        for mineral, labels in parts.items():
            assert sum(labels.values()) == pytest.approx(1.0), mineral
    assert shares["flows"]["rare_earth_magnets"]["assumption"] > 0.9


def test_controls_in_force_are_listed_for_each_base_year() -> None:
    assert {r["id"] for r in rows(2024, "controls.csv")} == {
        "chn-ga-ge-licence-2023",
        "chn-graphite-licence-2023",
    }
    assert any(r["type"] == "export_quota" and "50,145" in r["note"] for r in rows(2009, "controls.csv"))
    for year in YEARS:
        goods = {r["good"] for r in rows(year, "prices.csv")}
        for r in rows(year, "controls.csv"):
            assert set(r["goods"].split(";")) <= goods
            assert r["from"] < f"{year + 1}"


@pytest.mark.parametrize("year", YEARS)
def test_unnamed_producers_are_not_one_firm(year: int) -> None:
    firms = [r["firm"] for r in rows(year, "facilities.csv") if r["firm"].startswith("other ")]
    assert len(firms) == len(set(firms)) > 5


def test_every_hand_made_row_says_how_sure_it_is() -> None:
    for path in sorted((ROOT / "data" / "raw" / "assumptions").glob("*.csv")):
        if path.stem in {"goods", "elements"}:
            continue
        with path.open(newline="", encoding="utf-8") as handle:
            for r in csv.DictReader(handle):
                assert r["confidence"] in CONFIDENCE, (path.name, r)
                assert r.get("source", "x"), (path.name, r)
