"""Worlds of one's own: from a folder of tables, checked and balanced; facilities added by a scenario."""

from __future__ import annotations

import csv
import shutil
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

import sim
from sim.cli import main
from sim.errors import InputProblems, MonaziteError
from sim.paths import share_root, world_directory
from sim.world.basis import adjusted, world_basis
from sim.world.build.own import COLUMNS, OPTIONAL, OwnTables, unit_slips
from sim.world.load import load_world
from sim.world.patch import NewFacility, NoWorld
from sim.world.source import WorldChoice, world_tables
from sim.world.template import write_template

SCENARIO = "format: 2\nname: a\ntitle: A\nbase_year: 2024\ntime: {start: 2024-01, end: 2024-12}\n"
CHAIN = {
    "prices": "good,name,mineral,stage,unit,price_usd_t\n"
    "quartz,Quartz,silicon,ore,t,100\nmetal,Silicon metal,silicon,metal,t,3000\n",
    "mines": "good,country,output_t,capacity_t,cash_cost_usd_t,name,firm\n"
    "quartz,Brazil,600,700,50,Old pit,Quartz plc\nquartz,Brazil,200,,,New pit,Quartz plc\n"
    "quartz,DRC,400,,,,\nmetal,Norway,20,,,Scrap,\n",
    "plants": "good,country,output_t,inputs\nmetal,China,300,quartz:2.6\nmetal,USA,150,quartz:2.6\n",
    "uses": "good,sector,country,use_t\nmetal,chips,Taiwan,100\nmetal,chemicals,,200\n"
    "metal,energy,China,130\n",
    "flows": "good,exporter,importer,tonnes\nquartz,Brazil,China,500\nquartz,COD,China,300\n"
    "metal,China,Taiwan,90\n",
}


def write(folder: Path, tables: dict[str, str]) -> Path:
    folder.mkdir(exist_ok=True)
    for name, text in tables.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def changed(name: str, before: str, after: str) -> dict[str, str]:
    assert before in CHAIN[name]
    return {**CHAIN, name: CHAIN[name].replace(before, after)}


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("own") / "chain", CHAIN)


@pytest.fixture(scope="module")
def tables(folder: Path) -> Path:
    return world_tables(2024, (), WorldChoice(folder))


def test_output_is_as_stated_and_every_row_a_facility(tables: Path) -> None:
    world = load_world(2024, tables)
    made = dict(zip(world.facilities, [0.0] * len(world.facilities), strict=True))
    for offer, facility in enumerate(world.offer_facility):
        made[world.facilities[facility]] += float(world.offer_output[offer])
    assert made["quartz_bra"] == pytest.approx(600)
    assert made["quartz_bra_quartz_plc"] == pytest.approx(200)
    assert made["quartz_cod"] == pytest.approx(400)
    assert made["metal_nor"] == pytest.approx(20)
    firm = dict(zip(world.facilities, world.facility_firm, strict=True))
    assert firm["quartz_bra"] == firm["quartz_bra_quartz_plc"] == "Quartz plc"
    cost = {r["facility"]: float(r["cash_cost_usd_t"]) for r in rows(tables / "2024" / "outputs.csv")}
    assert cost["quartz_bra"] == 50
    assert cost["quartz_cod"] == pytest.approx(0.7 * 100)


def test_what_was_scaled_or_moved_is_told(tables: Path) -> None:
    moved = {(r["good"], r["item"]): r for r in adjusted(tables, 2024, ["quartz", "metal"])}
    stated = moved["metal", "stated use"]
    assert (float(stated["raw"]), float(stated["reconciled"])) == pytest.approx((430, 470))
    assert float(moved["quartz", "use"]["reconciled"]) == pytest.approx(1200)
    line = {(b.good, b.what): b for b in world_basis(tables, 2024)}
    assert line["quartz", "trade"].sure == "derived" or "derived" in line["quartz", "trade"].confidence
    assert line["metal", "output"].amount == pytest.approx(470)


def test_own_world_is_steady_and_answers_to_a_ban(folder: Path, tmp_path: Path) -> None:
    text = SCENARIO + f"world: {folder}\n"
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    calm = sim.run(tmp_path / "a.yaml")
    price = calm["price_outside"].values[0]
    assert np.abs(price / price[0] - 1).max() < 1e-6
    assert float(calm["shortfall"].sum()) == pytest.approx(0, abs=1e-6)
    ban = "+events.ban={type: export_ban, by: CHN, to: world, goods: metal, from: 2024-03, assumption: true}"
    shocked = sim.run(tmp_path / "a.yaml", ban)
    last = shocked["price_outside"].sel(good="metal").values[0, -1]
    assert last > 1.1 * price[0, list(calm.good.values).index("metal")]


def test_folder_of_world_tables_is_used_as_it_is(tmp_path: Path) -> None:
    whole = tmp_path / "tables"
    whole.mkdir()
    for path in world_directory().glob("*.csv"):
        shutil.copyfile(path, whole / path.name)
    shutil.copytree(world_directory() / "2009", whole / "2009")
    text = SCENARIO.replace("2024", "2009") + "minerals: [terbium]\n"
    (tmp_path / "a.yaml").write_text(text + "world: tables\n", encoding="utf-8")
    ours = sim.load(tmp_path / "a.yaml", "time.end=2009-02")
    assert ours.tables == whole
    (tmp_path / "a.yaml").write_text(text, encoding="utf-8")
    theirs = sim.load(tmp_path / "a.yaml", "time.end=2009-02")
    assert theirs.tables == world_directory()
    assert sim.run(ours).equals(sim.run(theirs))
    with pytest.raises(NoWorld, match="has no world of 2024; it has 2009"):
        world_tables(2024, (), WorldChoice(whole))


@pytest.mark.parametrize(
    ("table", "before", "after", "said"),
    [
        ("mines", "DRC", "Atlantis", "mines.csv:4: country: unknown country 'Atlantis'"),
        ("mines", "quartz,DRC", "qartz,DRC", "mines.csv:4: good: unknown good of prices.csv 'qartz'"),
        ("mines", "600,700", "600,500", "mines.csv:2: capacity_t: 500 is below the output"),
        ("mines", "400,,", "0,,", "mines.csv:4: output_t: is 0 without a capacity"),
        ("mines", "output_t", "tonnes", "column 'output_t' is missing"),
        ("mines", ",firm\n", ",owner\n", "unknown column 'owner'"),
        ("prices", "metal,t,3000", "metal,kg,3000", "unit: 'kg' is no unit in tonnes"),
        ("prices", ",t,100\n", ",t,0\n", "prices.csv:2: price_usd_t: 0 is out of range"),
        ("plants", "quartz:2.6\nmetal,USA", "quartz2.6\nmetal,USA", "plants.csv:2: inputs"),
        ("uses", "chips", "chip", "uses.csv:2: sector: unknown sector 'chip'; did you mean 'chips'?"),
        ("uses", "Taiwan,100", "Taiwan,", "uses.csv:2: states use_t and share, or neither"),
        ("flows", "China,500", "China,900", "BRA ships 900 t of quartz (lines 2) and makes 800 t; raise its "
         "output by 100 t"),
        ("uses", "energy,China,130", "energy,China,900", "metal cannot balance: 470 t are made"),
        ("plants", "metal,USA,150", "metal,USA,900", "quartz cannot balance: 1,200 t are made, plants take "
         "3,120 t"),
        ("prices", "ore,t,100", "ore,t,1100", "inputs cost"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_said(tmp_path: Path, table: str, before: str, after: str, said: str) -> None:
    with pytest.raises(MonaziteError) as caught:
        world_tables(2024, (), WorldChoice(write(tmp_path / "bad", changed(table, before, after))))
    assert said in str(caught.value)


def test_all_problems_come_at_once(tmp_path: Path) -> None:
    bad = changed("mines", "DRC", "Atlantis") | {"uses": CHAIN["uses"].replace("chips", "chip")}
    with pytest.raises(MonaziteError) as caught:
        OwnTables(share_root(), write(tmp_path / "bad", bad), 2024)
    assert "Atlantis" in str(caught.value)
    assert "'chip'" in str(caught.value)


def test_slips_of_units_are_pointed_out(tmp_path: Path) -> None:
    assert unit_slips(OwnTables(share_root(), write(tmp_path / "a", CHAIN), 2024)) == []
    dotted = changed("mines", "Brazil,600,700", "Brazil,600.000,700")
    (slip,) = unit_slips(OwnTables(share_root(), write(tmp_path / "b", dotted), 2024))
    assert "600.000 is read as 600; write 600000" in slip
    tiny = changed("flows", "China,Taiwan,90", "China,Taiwan,0.09")
    (slip,) = unit_slips(OwnTables(share_root(), write(tmp_path / "c", tiny), 2024))
    assert "0.09 t of metal are shipped" in slip


def test_template_is_a_world_and_overwrites_nothing(tmp_path: Path) -> None:
    written = write_template(tmp_path / "mine")
    assert {path.name for path in written} == {"README.md", "prices.csv", "mines.csv", "uses.csv"}
    world = load_world(2024, world_tables(2024, (), WorldChoice(tmp_path / "mine")))
    assert sum(world.offer_output) == pytest.approx(79.81)
    text = (tmp_path / "mine" / "README.md").read_text(encoding="utf-8")
    columns = {column for part in (COLUMNS, OPTIONAL) for row in part.values() for column in row}
    assert [column for column in columns if column not in text] == []
    with pytest.raises(MonaziteError, match="is there already"):
        write_template(tmp_path / "mine")


def test_commands_new_build_and_show(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["world", "new", "mine"]) == 0
    assert main(["world", "build", "mine"]) == 0
    said = capsys.readouterr().out
    assert "mine: 1 good" in said
    assert "base_year: 2024, world: mine" in said
    assert main(["world", "show", "mine"]) == 0
    assert "USGS Mineral Commodity Summaries 2026" in capsys.readouterr().out
    write(tmp_path / "chain", CHAIN)
    assert main(["world", "build", "chain"]) == 0
    assert "stated use 430 -> 470 t: scaled to what is made" in capsys.readouterr().out
    assert main(["world", "build", "nowhere"]) == 2
    assert main(["world", "new"]) == 2
    assert main(["world", "show", "nickel"]) == 2
    assert "name a year, too" in capsys.readouterr().err
    assert main(["world", "show", "nickel", "2013"]) == 0
    assert "lowered so that plants earn their costs" in capsys.readouterr().out


NEW = "world:\n  from: {}\n  facilities:\n    pit: {{good: quartz, country: {}, capacity: 300 t/year, {}}}\n"


def test_new_mine_enters_where_it_pays_and_changes_nothing_before(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(SCENARIO + NEW.format(folder, "Canada", "cash_cost: 60 USD/t"), encoding="utf-8")
    scenario = sim.load(file)
    world = load_world(2024, scenario.tables)
    place = world.facilities.index("pit")
    assert world.countries[world.facility_country[place]] == "CAN"
    assert world.facility_kind[place] == "miner"
    (offer,) = np.flatnonzero(world.offer_facility == place)
    assert world.offer_output[offer] == 0
    assert world.offer_capacity[offer] == pytest.approx(300)
    assert world.offer_cash_cost[offer] == pytest.approx(60)
    ban = "{type: export_ban, by: BRA, to: world, goods: quartz, from: 2024-02, assumption: true}"
    ban = f"+events.ban={ban}"
    helped = _short_of_quartz(sim.run(file, ban))
    file.write_text(SCENARIO + f"world: {folder}\n", encoding="utf-8")
    alone = _short_of_quartz(sim.run(file, ban))
    assert helped < 0.98 * alone


def _short_of_quartz(data: xr.Dataset) -> float:
    """Tonnes that plants lack over the run."""
    return float(data["shortfall"].values[..., data["need_good"].values == "quartz"].sum())


def test_new_plant_takes_what_others_take(folder: Path) -> None:
    new = NewFacility("smelter", "metal", "DEU", 100.0)
    world = load_world(2024, world_tables(2024, (), WorldChoice(folder, (new,))))
    place = world.facilities.index("smelter")
    assert world.facility_kind[place] == "processor"
    (need,) = np.flatnonzero(world.need_facility == place)
    assert world.goods[world.need_good[need]].id == "quartz"
    stated = NewFacility("smelter", "metal", "DEU", 100.0, inputs=(("quartz", 3.0),))
    world = load_world(2024, world_tables(2024, (), WorldChoice(folder, (stated,))))
    (need,) = np.flatnonzero(world.need_facility == world.facilities.index("smelter"))
    assert world.need_full_use[need] == pytest.approx(300)


@pytest.mark.parametrize(
    ("words", "column", "said"),
    [
        (("quarz", "CAN"), "good", "nobody makes 'quarz' in this world; did you mean 'quartz'?"),
        (("quartz", "Atlantis"), "country", "unknown country 'Atlantis'"),
        (("quartz", "Fiji"), "country", "FJI is no country of this world"),
    ],
)
def test_new_facility_names_what_the_world_has(
    folder: Path, words: tuple[str, str], column: str, said: str
) -> None:
    with pytest.raises(NoWorld) as caught:
        world_tables(2024, (), WorldChoice(folder, (NewFacility("pit", *words, 10.0),)))
    assert caught.value.where == ("world", "facilities", "pit", column)
    assert said in str(caught.value)


def test_scenario_points_at_the_cell_of_its_world(folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text(SCENARIO + NEW.format(folder, "Atlantis", "firm: X"), encoding="utf-8")
    with pytest.raises(InputProblems) as caught:
        sim.load(file)
    (problem,) = [p for p in caught.value.problems if not p.warning]
    assert (problem.line, problem.column) == (9, 34)
    file.write_text(SCENARIO + "world: nowhere\n", encoding="utf-8")
    with pytest.raises(InputProblems, match="no such folder; 'monazite world new FOLDER' writes one"):
        sim.load(file)
    file.write_text(SCENARIO + NEW.format(folder, "CAN", "firm: X"), encoding="utf-8")
    again = tmp_path / "scenario.resolved.yaml"
    again.write_text(yaml.safe_dump(sim.load(file).model_dump(), sort_keys=False), encoding="utf-8")
    assert sim.load(again).tables == sim.load(file).tables
