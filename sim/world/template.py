"""A folder of tables to start a world of one's own from: rhenium in 2024, each column explained."""

from __future__ import annotations

from pathlib import Path

from sim.errors import MonaziteError
from sim.files import write_whole

__all__ = ["write_template"]

USGS = "USGS Mineral Commodity Summaries 2026"
PRICES = f"""good,name,mineral,stage,unit,price_usd_t,source
rhenium_metal,"Rhenium, metal and compounds",rhenium,metal,t Re,1360000,"{USGS}: metal, 1360 USD/kg in 2024"
"""
MINES = f"""good,country,output_t,source
rhenium_metal,Chile,29,{USGS}
rhenium_metal,China,20,{USGS}
rhenium_metal,Poland,9.4,{USGS}
rhenium_metal,USA,9.31,{USGS}
rhenium_metal,Uzbekistan,7.4,{USGS}
rhenium_metal,South Korea,3,{USGS}
rhenium_metal,Kazakhstan,1.5,{USGS}
rhenium_metal,Armenia,0.2,{USGS}
"""
USES = """good,sector,country,share
rhenium_metal,defence,,0.8
rhenium_metal,chemicals,,0.2
"""
README = """# A world of your own

Three tables make a world: `prices.csv`, `mines.csv`, `uses.csv`. Two more may be added: `plants.csv` for
what is made of something else, `flows.csv` for who ships to whom. The rows that stand here are rhenium in
2024 (output and price from the USGS; the uses are recalled). Write your own over them, then:

    monazite world build {folder}          # checks, balances, tells every adjustment
    monazite world show {folder} 2024      # what rests on what

`monazite world import` writes tables of the USGS, the BGS, CEPII and others into them (see its `--help`).
Name the folder in a scenario, beside the scenario file:

    base_year: 2024
    world: {folder}

Tonnes are metric tonnes a year, of what `unit` says; the dot is the decimal point. Countries are codes or
English names, `ROW` is the rest of the world. A column `source` may stand in every table: rows without one
are marked as assumptions.

| table | column | what it holds |
|---|---|---|
| prices.csv | good | word for the good, in small letters: one row for each good |
| | name, mineral, stage | its name; the mineral and stage that scenarios may name it by |
| | unit | what its tonnes are: `t`, or `t Re` for contained metal |
| | price_usd_t | price of the year, USD per tonne of that unit |
| | hs6 (optional) | HS codes, with `;` between them |
| mines.csv | good, country, output_t | output of the year; several rows of a country are several mines |
| | capacity_t (optional) | most that it can make; 15 % above the output if left out |
| | cash_cost_usd_t (optional) | cost without capital; 70 % of the price if left out |
| | name, firm (optional) | of the mine, of its owner; rows without a firm are firms of their own |
| uses.csv | good, sector | sector that uses the good: `monazite list sectors` |
| | share | of what plants leave; the countries follow value added, or the flows; `country` stays empty |
| | use_t, country | instead of a share: tonnes, in one country, or in all where `country` is empty |
| plants.csv | good, country, output_t | as in mines.csv, with the same optional columns |
| | inputs | tonnes of goods of prices.csv per tonne of output: `silicon_ore:2.7;coke:1.1` |
| flows.csv | good, exporter, importer, tonnes | trade of the year; a good without rows follows distance |

What is used is scaled to what is made, and flows are fitted to both; `monazite world build` says by how
much. If they differ by more than a factor of two, it refuses, and says which rows, by how much, and what
to change.
"""


def write_template(folder: Path) -> list[Path]:
    """Write the tables and the page that explains them.

    Args:
        folder: new, or empty.

    Returns:
        The files that were written.

    Raises:
        MonaziteError: the folder holds something already, or cannot be written.
    """
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise MonaziteError(f"{folder}: is there already; name a folder that is new or empty")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise MonaziteError(f"{folder}: cannot be made ({error.strerror or error})") from error
    texts = {
        "README.md": README.replace("{folder}", folder.name),
        "prices.csv": PRICES,
        "mines.csv": MINES,
        "uses.csv": USES,
    }
    for name, text in texts.items():
        write_whole(folder / name, text.encode())
    return [folder / name for name in texts]
