"""Tables of others written into a folder of one's own world, and the world that is built from them."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from sim.cli import main
from sim.errors import MonaziteError
from sim.world.importers.fill import Reading, fill_output, fill_trade, is_trade
from sim.world.load import load_world
from sim.world.source import WorldChoice, world_tables

PRICES = (
    "good,name,mineral,stage,unit,price_usd_t\nflake,Graphite,graphite,ore,t,1200\n"
    "alloy,Alloy,alloy,metal,t,900\n"
)
USES = "good,sector,country,share\nflake,batteries,,1\nalloy,steel_and_alloys,,1\n"
MINES = "good,country,output_t,firm\nalloy,Norway,70,Alloy plc\nflake,Peru,5,Old pit\n"
OUTPUT = """commodity,country,type,unit,prod_2023,prod_2024e
Graphite,China,"Mine production, natural",thousand metric tons,1.2,1.3
Graphite,Madagascar,"Mine production, natural",thousand metric tons,0.1,0.2
Graphite,Türkiye,"Mine production, natural",thousand metric tons,0.1,0
Graphite,Russia,"Mine production, natural",thousand metric tons,0.1,W
Graphite,World total (rounded),"Mine production, natural",thousand metric tons,1.5,1.6
Diamonds,Botswana,Mine production,thousand carats,9,9
"""
# China 156, Japan 392, USA 842, Madagascar 450, Netherlands 528, Germany 276.
TRADE = """t,i,j,k,v,q
2024,156,392,250410,9,300
2024,156,392,250490,9,100.5
2024,156,842,250490,9,NA
2024,156,842,250410,9,200
2024,450,276,250410,9,400
2024,528,276,250410,9,90
2024,156,276,250410,9,0.4
2024,156,276,811241,9,77
2023,156,276,250410,9,55
"""


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    for name, text in (("prices", PRICES), ("uses", USES), ("mines", MINES)):
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder


def written(folder: Path, text: str, name: str = "table.csv") -> Path:
    (folder / name).write_text(text, encoding="utf-8")
    return folder / name


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as handle:
        return list(csv.DictReader(handle))


def flows(path: Path) -> dict[tuple[str, str], float]:
    return {(row["exporter"], row["importer"]): float(row["tonnes"]) for row in rows(path)}


def test_output_takes_the_place_of_rows_of_its_good_alone(own: Path, tmp_path: Path) -> None:
    done = fill_output(own, written(tmp_path, OUTPUT), "flake", 2024, Reading(mineral="graphite"))
    assert (done.rows, done.replaced, done.tonnes) == (2, 1, 1500)
    assert rows(own / "mines.csv") == [
        {"good": "alloy", "country": "Norway", "output_t": "70", "firm": "Alloy plc", "source": ""},
        {"good": "flake", "country": "CHN", "output_t": "1300", "firm": "", "source": "table.csv, estimate"},
        {"good": "flake", "country": "MDG", "output_t": "200", "firm": "", "source": "table.csv, estimate"},
    ]
    assert "left out: 1 figures that are withheld" in done.notes
    assert "left out: 1 figure of zero" in done.notes
    # Nothing is said of minerals that nobody asked for.
    assert not any("carats" in note for note in done.notes)
    fill_output(own, written(tmp_path, OUTPUT), "flake", 2023, Reading(mineral="GRAPHITE"))
    assert [row["output_t"] for row in rows(own / "mines.csv")] == ["70", "1200", "100", "100", "100"]


def test_trade_is_that_of_makers_and_no_more_than_they_make(own: Path, tmp_path: Path) -> None:
    fill_output(own, written(tmp_path, OUTPUT), "flake", 2024, Reading(mineral="graphite"))
    path = written(tmp_path, TRADE)
    assert is_trade(path)
    done = fill_trade(own, [path], "flake", 2024, ["2504"])
    assert flows(own / "flows.csv") == {("CHN", "JPN"): 400.5, ("CHN", "USA"): 200.0, ("MDG", "DEU"): 200.0}
    said = "\n".join(done.notes)
    assert "1 of 8 rows have no quantity" in said
    assert "left out: 1 exporter without output, that is of what others made: 8.3 % of the tonnes" in said
    assert "MDG ships 400 t and makes 200 t: its flows are scaled down to that" in said
    assert "the 1 smallest of 4 flows" in said
    again = fill_trade(own, [path], "flake", 2024, ["250410"], content=0.5)
    assert again.replaced == 3
    assert flows(own / "flows.csv") == {("CHN", "JPN"): 150.0, ("CHN", "USA"): 100.0, ("MDG", "DEU"): 200.0}


def test_small_flows_are_no_slips_of_units(own: Path, tmp_path: Path) -> None:
    path = written(tmp_path, "country,2024\nChina,700.125\nPeru,0.5\n")
    fill_output(own, path, "flake", 2024, Reading(unit="t"))
    assert [row["output_t"] for row in rows(own / "mines.csv")] == ["70", "700.12", "0.5000"]


def test_commands_fill_and_build(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, OUTPUT, "usgs.csv")
    written(tmp_path, TRADE, "baci.csv")
    words = ["world", "import", "own"]
    assert main([*words, "usgs.csv", "2024", "--good", "flake", "--mineral", "Graphite"]) == 0
    assert "own/mines.csv: 2 rows of flake, 1,500 t, in place of 1 row" in capsys.readouterr().out
    codes = ["--code", "HS 2504.10,250490", "--json", "done.json"]
    assert main([*words, "baci.csv", "2024", "--good", "flake", *codes]) == 0
    done = json.loads(Path("done.json").read_text(encoding="utf-8"))
    assert (done["rows"], done["tonnes"], done["year"]) == (3, 800.5, 2024)
    assert main(["world", "build", "own"]) == 0
    world = load_world(2024, world_tables(2024, (), WorldChoice(own)))
    assert sum(world.offer_output) == pytest.approx(1570)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("usgs.csv 2024", "needs --good"),
        ("--good flake", "needs a folder, a file and a year"),
        ("usgs.csv 2023 2024 --good flake", "needs a folder, a file and a year"),
        ("usgs.csv --good flak", "prices.csv: has no good 'flak'; did you mean 'flake'?"),
        ("stages.csv --good flake --unit t", "more than one stage; name one by --stage: 'mine', 'plant'"),
        ("stages.csv --good flake --unit t --stage plants", "has no stage 'plants'; did you mean 'plant'?"),
        ("two.csv --good flake", "more than one mineral; name one by --mineral: 'Cobalt', 'Nickel'"),
        ("usgs.csv --good flake --mineral Graphit", "has no output of 'Graphit'; did you mean 'Graphite'?"),
        ("usgs.csv 2020 --good flake --mineral graphite", "has no output of 2020; its years are 2023, 2024"),
        ("usgs.csv --good flake --code 2504", "--code does nothing in an import of output"),
        ("usgs.csv baci.csv --good flake", "one table of output at a time, not 2"),
        ("plain.csv --good flake", "in which unit the figures are; say unit='t' (--unit t)"),
        ("plain.csv --good flake --unit t --column Land", "'Land' is no NAME=HEADING"),
        ("none.csv --good flake", "none.csv: no such file"),
        ("baci.csv --good flake", "needs --code"),
        ("baci.csv --good flake --code graphite", "'graphite' is no HS code"),
        ("baci.csv --good flake --code 25041000", "has more than six digits"),
        ("baci.csv --good flake --code 9999", "baci.csv: has no trade in HS 9999"),
        ("baci.csv 2022 --good flake --code 2504", "has no quantities of 2022; its years are 2023, 2024"),
        ("baci.csv --good flake --code 2504 --content 2", "'2' is no share above 0"),
        ("baci.csv --good flake --code 2504 --unit kt", "--unit does nothing in an import of trade"),
        ("baci.csv --good flake --code 2504", "none of those that make flake ships any"),
    ],
)
def test_what_cannot_be_imported_is_refused_and_nothing_changed(
    own: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    words: str, said: str,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    written(tmp_path, OUTPUT, "usgs.csv")
    written(tmp_path, TRADE, "baci.csv")
    written(tmp_path, "country,2024\nPeru,9\n", "plain.csv")
    written(tmp_path, "stage,country,2024\nmine,Peru,9\nplant,Peru,9\n", "stages.csv")
    written(tmp_path, "mineral,country,unit,2024\nCobalt,Peru,t,9\nNickel,Peru,t,9\n", "two.csv")
    assert main(["world", "import", "own", *words.split()]) == 2
    assert said in capsys.readouterr().err
    assert (own / "mines.csv").read_text(encoding="utf-8") == MINES
    assert not (own / "flows.csv").exists()


def test_output_comes_before_trade(own: Path, tmp_path: Path) -> None:
    path = written(tmp_path, TRADE)
    (own / "mines.csv").write_text("good,country,output_t\nalloy,Norway,70\n", encoding="utf-8")
    with pytest.raises(MonaziteError, match="nobody makes 'flake'; write its output first, or import it"):
        fill_trade(own, [path], "flake", 2024, ["2504"])
    (own / "mines.csv").write_text("good,country,output_t\nflake,Congo,x\n", encoding="utf-8")
    with pytest.raises(MonaziteError) as caught:
        fill_trade(own, [path], "flake", 2024, ["2504"])
    assert "'Congo' may be more than one country; write COD" in str(caught.value)
    assert "mines.csv:2: output_t: 'x' is not a number" in str(caught.value)


def test_options_of_an_import_do_nothing_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["world", "build", "own", "--good", "flake"]) == 2
    assert "--good does nothing in 'world build'; leave it out" in capsys.readouterr().err
