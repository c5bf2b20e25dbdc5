"""A world of five countries and four goods, small enough to check every message by hand."""

from __future__ import annotations

from pathlib import Path

COUNTRIES = (
    ("CHN", "China", 105, 35, 0, 0, 0, 1),
    ("USA", "United States", -98, 39, 0, 1, 1, 0),
    ("JPN", "Japan", 138, 36, 0, 1, 1, 0),
    ("DEU", "Germany", 10, 51, 1, 1, 1, 0),
    ("FRA", "France", 2, 46, 1, 1, 1, 0),
    ("NOR", "Norway", 8, 61, 0, 1, 0, 0),
    ("ROW", "Rest of the world", 0, 0, 0, 0, 0, 0),
)
GOODS = (
    ("dysprosium_oxide", "Dysprosium oxide", "dysprosium", "oxide", "t oxide", "284690"),
    ("gallium_low_purity", "Gallium", "gallium", "refined", "t", "811292;811299"),
    ("gallium_high_purity", "Gallium, high purity", "gallium", "metal", "t", "811292"),
    ("copper_refined", "Refined copper", "copper", "refined", "t Cu", "740311"),
)
FACILITIES = (
    ("sep_chn", "miner", "CHN", "Northern", ""),
    ("ga_chn", "miner", "CHN", "Northern", ""),
    ("ga_jpn", "miner", "JPN", "Dowa", ""),
    ("cu_usa", "miner", "USA", "BHP", ""),
    ("cu_nor", "miner", "NOR", "Anglo American", ""),
    ("cu_row", "miner", "ROW", "other", ""),
    ("ev_chn", "manufacturer", "CHN", "ev CHN", "ev"),
    ("ev_usa", "manufacturer", "USA", "ev USA", "ev"),
    ("chips_jpn", "manufacturer", "JPN", "chips JPN", "chips"),
    ("chips_deu", "manufacturer", "DEU", "chips DEU", "chips"),
    ("trade_fra", "trader", "FRA", "traders FRA", ""),
)
FLOWS = (
    ("dysprosium_oxide", "sep_chn", "ev_chn", 60),
    ("dysprosium_oxide", "sep_chn", "ev_usa", 30),
    ("dysprosium_oxide", "sep_chn", "chips_jpn", 10),
    ("gallium_low_purity", "ga_chn", "chips_jpn", 40),
    ("gallium_low_purity", "ga_chn", "trade_fra", 20),
    ("gallium_low_purity", "trade_fra", "chips_deu", 20),
    ("gallium_high_purity", "ga_jpn", "chips_deu", 5),
    ("copper_refined", "cu_usa", "ev_usa", 500),
    ("copper_refined", "cu_nor", "chips_deu", 300),
    ("copper_refined", "cu_row", "chips_deu", 200),
)
PRICES = {"dysprosium_oxide": 250000, "gallium_low_purity": 250000, "gallium_high_purity": 400000,
          "copper_refined": 9000}  # fmt: skip

PROJECT_COLUMNS = (
    "project,name,base_year,kind,good,like,country,owner,owner_country,capacity_t,capex_usd_m,cash_cost_usd_t,"
    "state,permit_years,build_years,start,life_years,know_how,backed,composition,source,confidence"
)
PROJECTS = [
    (name, name, 2024, "named", good, "", "USA", "BHP", "USA", 10, "", "", "permitted", 0, 2, "", 20, 1, 0,
     "", "s", "assumption")
    for name, good in (
        ("mountain_pass_heavy", "dysprosium_oxide"), ("gramercy", "gallium_low_purity"),
        ("new_copper_refined_usa", "copper_refined"),
    )
]  # fmt: skip


def _write(path: Path, header: str, rows: object) -> None:
    lines = [header, *(",".join(str(cell) for cell in row) for row in rows)]  # type: ignore[attr-defined]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")


def write_world(top: Path) -> Path:
    """Write the tables of base year 2024 below ``top``."""
    year = top / "2024"
    year.mkdir(parents=True)
    _write(
        top / "countries.csv",
        "iso3,name,lon,lat,region,eu27,oecd,g7,brics,political_risk,duty_on_fob,source,confidence",
        [(c, n, lon, lat, "x", eu, oecd, g7, brics, 0.3, 0, "s", "assumption")
         for c, n, lon, lat, eu, oecd, g7, brics in COUNTRIES],
    )  # fmt: skip
    _write(
        top / "goods.csv",
        "good,name,mineral,market,stage,unit,hs6,basket,element,note",
        [(g, f'"{n}"', m, "", s, u, hs, 0, "", "") for g, n, m, s, u, hs in GOODS],
    )
    _write(top / "projects.csv", PROJECT_COLUMNS, PROJECTS)
    _write(top / "elements.csv", "element,name,members,note", [("Dy", "Dysprosium", "Dy", "")])
    _write(top / "hosts.csv", "good,country,host,share,source,confidence", [])
    for name in ("governments.csv", "scrap.csv", "lifetimes.csv", "recyclers.csv"):
        table = Path(__file__).parents[2] / "data" / "raw" / "assumptions" / name
        (top / name).write_text(table.read_text(encoding="utf-8"), encoding="utf-8")
    _write(top / "substitutes.csv", "group,good,source,confidence", [])
    _write(
        top / "transport.csv",
        "rule,value,low,high,unit,source,confidence",
        [("sailing_speed", 480, 400, 600, "km/day", "s", "assumption"),
         ("handling_time", 14, 7, 28, "days", "s", "assumption"),
         ("freight_base", 0.01, 0, 1, "share", "s", "assumption"),
         ("freight_by_distance", 0.001, 0, 1, "share", "s", "assumption")],
    )  # fmt: skip
    _write(top / "straits.csv", "strait,name,note,source,confidence", [
        ("suez", "Suez Canal", "", "s", "assumption"), ("dover", "Strait of Dover", "", "s", "assumption"),
    ])
    _write(top / "sea_legs.csv", "sea,other_sea,strait,nautical_miles,source,confidence", [
        ("east", "west", "suez", 100, "s", "assumption"), ("east", "west", "", 500, "s", "assumption"),
        ("west", "north", "dover", 50, "s", "assumption"),
    ])
    _write(top / "harbours.csv", "iso3,sea,harbour,source,confidence", [
        (code, sea, "h", "s", "assumption")
        for code, sea in (("CHN", "east"), ("JPN", "east"), ("DEU", "north"), ("USA", "west"))
    ])
    _write(top / "overland.csv", "region,members,how,source,confidence", [])
    _write(
        top / "behaviour.csv",
        "parameter,scope,value,low,high,held,draw,unit,source,confidence",
        [("thrift_speed", "all", 0.5, 0.3, 0.8, "no", 0, "1/year", "s", "assumption"),
         ("supply_elasticity", "all", 0.3, 0.1, 0.5, "no", 1, 1, "s", "assumption")],
    )  # fmt: skip
    _write(
        year / "facilities.csv",
        "facility,name,kind,country,firm,sector,value_added_usd,source,confidence",
        [(f, f, k, c, firm, s, 1e9 if s else 0, "s", "assumption") for f, k, c, firm, s in FACILITIES],
    )
    sold: dict[tuple[str, str], float] = {}
    bought: dict[tuple[str, str], float] = {}
    for good, seller, buyer, tonnes in FLOWS:
        sold[seller, good] = sold.get((seller, good), 0) + tonnes
        bought[buyer, good] = bought.get((buyer, good), 0) + tonnes
    _write(
        year / "outputs.csv",
        "facility,good,output_t,capacity_t,stock_weeks,cash_cost_usd_t,by_product,unit,source,confidence",
        [(f, g, t, 1.2 * t, 6, 100, 0, "t", "s", "assumption") for (f, g), t in sold.items()],
    )
    _write(
        year / "inputs.csv",
        "facility,good,use_t,cover_weeks,dependence,worth_multiple,switch_multiple,"
        "switch_years,switch_share,unit,source,confidence",
        [(f, g, t, 6, 1, 20, 3, 2, 0.5, "t", "s", "assumption") for (f, g), t in bought.items()],
    )
    _write(year / "composition.csv", "facility,good,element,share,source,confidence", [])
    _write(
        year / "flows.csv",
        "good,seller,buyer,tonnes,source,confidence",
        [(*row, "s", "assumption") for row in FLOWS],
    )
    _write(
        year / "prices.csv",
        "good,price_usd_t,unit,series,source,confidence",
        [(g, p, "USD/t", "s", "s", "assumption") for g, p in PRICES.items()],
    )
    _write(
        year / "tariffs.csv",
        "good,exporter,importer,rate,source,confidence",
        [("gallium_low_purity", "CHN", "JPN", 0.03, "s", "assumption")],
    )
    return top
