"""Tables as others lay them out: what is read, what is left out and said, what is refused."""

from pathlib import Path

import numpy as np
import openpyxl
import pytest

from sim.errors import MonaziteError
from sim.world.importers import (
    PRODUCTION_COLUMNS,
    TRADE_COLUMNS,
    CellError,
    cepii_countries,
    read_cepii,
    read_number,
    read_production,
)
from sim.world.importers.cells import tonnes_in

BACI = """t,i,j,k,v,q
2022,156,392,284690,  1500.5,  12.25
2022,156,842,284690,   300.0,        NA
2022,156,251,284690,    10.0,   1.000
2022,490,276,284690,    20.0,   2.000
2022,156,392,2504.10,   7.0,    3.0
"""


def written(folder: Path, text: str, name: str = "table.csv", encoding: str = "utf-8") -> Path:
    path = folder / name
    path.write_text(text, encoding=encoding)
    return path


def baci(folder: Path, *more: str) -> Path:
    return written(folder, BACI.replace("2504.10", "250410") + "".join(f"{line}\n" for line in more))


# -- trade ---------------------------------------------------------------------------------------


def test_trade_has_codes_of_countries_and_counts_what_is_missing(tmp_path: Path) -> None:
    found = read_cepii(baci(tmp_path))
    assert tuple(found.table.columns) == TRADE_COLUMNS
    rows = found.table.set_index(["hs6", "exporter", "importer"])
    assert rows.quantity_t["284690", "CHN", "JPN"] == 12.25
    assert rows.value_kusd["284690", "TWN", "DEU"] == 20.0
    assert np.isnan(rows.quantity_t["284690", "CHN", "USA"])
    assert "1 of 5 rows have no quantity: 0.3 million USD, 16.3 % of the value" in found.notes
    assert "importers with numbers of CEPII's own: 251 as FRA, 842 as USA" in found.notes
    assert "exporters with numbers of CEPII's own: 490 as TWN" in found.notes


def test_trade_of_some_codes(tmp_path: Path) -> None:
    assert set(read_cepii(baci(tmp_path), codes=["2504"]).table.hs6) == {"250410"}
    assert read_cepii(baci(tmp_path), codes=["9999"]).table.empty


def test_a_code_that_lost_its_zero_has_it_back(tmp_path: Path) -> None:
    found = read_cepii(baci(tmp_path, "2022,156,392,10410,1.0,1.0"))
    assert "010410" in set(found.table.hs6)


def test_trade_of_unknown_countries_within_one_and_said_twice(tmp_path: Path) -> None:
    lines = ("2022,999,392,284690,1000,1", "2022,156,156,284690,1,1", "2022,156,392,284690,0.5,0.75")
    found = read_cepii(baci(tmp_path, *lines))
    rows = found.table.set_index(["hs6", "exporter", "importer"])
    assert rows.quantity_t["284690", "CHN", "JPN"] == 13.0
    assert np.isnan(rows.quantity_t["284690", "CHN", "USA"])
    assert "exporters with unknown numbers: 999" in found.notes
    assert "1 rows of unknown countries are left out: 1.0 million USD" in found.notes
    assert "1 rows from a country to itself are left out" in found.notes
    assert "1 rows name year, code and countries of another and are added to it" in found.notes


def test_a_quantity_that_is_missing_in_a_flow_of_two_rows_is_not_zero(tmp_path: Path) -> None:
    # 250 and 251 are France both, 842 is in the table with 300,000 USD and no quantity.
    lines = ("2022,156,250,284690,40.0,NA", "2022,156,842,284690,700.0,5.5", "2022,156,392,284690,0.5,0.75")
    found = read_cepii(baci(tmp_path, *lines))
    rows = found.table.set_index(["hs6", "exporter", "importer"])
    for importer, value in (("FRA", 50.0), ("USA", 1000.0)):
        assert rows.value_kusd["284690", "CHN", importer] == value
        assert np.isnan(rows.quantity_t["284690", "CHN", importer])
    assert rows.quantity_t["284690", "CHN", "JPN"] == 13.0
    assert "3 rows name year, code and countries of another and are added to it" in found.notes
    assert (
        "2 of the rows of such flows have no quantity, so their flows have none either: 6.5 t of other rows "
        "are not counted" in found.notes
    )
    # 50 + 1000 of 1501 + 50 + 1000 + 20 + 7 thousand USD.
    assert "2 of 5 rows have no quantity: 1.1 million USD, 40.7 % of the value" in found.notes


def test_numbers_of_countries_from_the_table_beside_the_trade(tmp_path: Path) -> None:
    head = "country_code,country_name,country_iso2,country_iso3\n"
    text = f"{head}999,Japan,JP,JPN\n490,Other Asia,,S19\n697,EFTA,,R20\n"
    numbers = cepii_countries(written(tmp_path, text, "codes.csv"))
    assert numbers == {999: "JPN", 490: "TWN"}
    assert "JPN" in set(read_cepii(baci(tmp_path, "2022,999,842,284690,1,1"), numbers=numbers).table.exporter)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("2022,156,392,284690,-1,1", r"csv:7: v \(thousand USD\) '-1' is no number of 0 or more; mend it"),
        ("2022,156,392,284690,1,x", r"table.csv:7: q \(tonnes\) 'x' is no number"),
        ("2022,,392,284690,1,1", r"table.csv:7: i \(exporter\) '' is no number"),
        ("22,156,392,284690,1,1", r"table.csv:7: t \(year\) '22' is no year"),
        ("2022,156,392,28469A,1,1", r"table.csv:7: k \(HS code\) '28469A' has not six digits"),
    ],
)
def test_bad_trade_is_refused_with_its_line(tmp_path: Path, line: str, said: str) -> None:
    with pytest.raises(MonaziteError, match=said):
        read_cepii(baci(tmp_path, line))


def test_another_table_is_no_trade(tmp_path: Path) -> None:
    with pytest.raises(MonaziteError, match=r"columns are missing: i \(exporter\), j \(importer\)"):
        read_cepii(written(tmp_path, "t,k,v,q\n2022,284690,1,1\n"))
    with pytest.raises(MonaziteError, match="cannot be read"):
        read_cepii(tmp_path / "nothing.csv")


# -- output --------------------------------------------------------------------------------------


def yearbook(folder: Path) -> Path:
    """A table as the Minerals Yearbook has it: a title, footnotes between the columns, notes below."""
    book = openpyxl.Workbook()
    book.active.title = "Notes"
    sheet = book.create_sheet("T8")
    for row in (
        ["TABLE 8"], ["ANTIMONY: WORLD MINE PRODUCTION, BY COUNTRY OR LOCALITY1"],
        ["(Metric tons, antimony content)"], [],
        ["Country or locality", 2019, "", 2020, "", "2021"],
        ["China", 89000, "", "61,000", "e", "60,000e"], ["Korea, Republic of", "--", "", "W", "", "NA"],
        ["Burma2", 6000, "r", 2200, "", 2000], ["Soviet Union", 5, "", 5, "", 5],
        ["Total", 95000, "", 1, "", 1],
        ["eEstimated. rRevised. 1Table includes data available through 2022."],
    ):  # fmt: skip
        sheet.append(row)
    book.save(folder / "myb.xlsx")
    return folder / "myb.xlsx"


def test_a_table_of_the_yearbook_in_excel(tmp_path: Path) -> None:
    found = read_production(yearbook(tmp_path), mineral="antimony")
    assert tuple(found.table.columns) == PRODUCTION_COLUMNS
    rows = found.table.set_index(["iso3", "year"])
    assert rows.quantity_t["CHN", 2020] == 61000
    assert rows.estimated["CHN", 2021]
    assert not rows.estimated["CHN", 2019]
    assert rows.quantity_t["KOR", 2019] == 0
    assert ("KOR", 2020) not in rows.index
    assert rows.quantity_t["MMR", 2021] == 2000
    assert set(found.table.unit) == {"Metric tons, antimony content"}
    assert "left out, as no country: Soviet Union, Total" in found.notes
    assert "left out: 1 figures that are withheld" in found.notes


def test_sheets_are_found_by_name(tmp_path: Path) -> None:
    assert len(read_production(yearbook(tmp_path), sheet="T8").table) == 7
    with pytest.raises(MonaziteError, match="has no sheet 'T9'; it has: Notes, T8"):
        read_production(yearbook(tmp_path), sheet="T9")


def test_world_data_of_the_summaries(tmp_path: Path) -> None:
    text = (
        "SOURCE,COMMODITY,COUNTRY,TYPE,UNIT_MEAS,PROD_2023,PROD_EST_ 2024,PROD_NOTES,CAP_2023,RESERVES_2024\n"
        "MCS2025,Gallium,China,\"Primary production, low purity\",kilograms,\"690,000\",\"760,000\",,9,\n"
        "MCS2025,Gallium,World total (rounded),x,kilograms,700000,760000,,,\n"
        "MCS2025,Helium,Qatar,Production,million cubic meters,1,2,,,\n"
    )
    found = read_production(written(tmp_path, text))
    assert found.table[["iso3", "year", "quantity_t", "estimated"]].to_numpy().tolist() == [
        ["CHN", 2023, 690.0, False], ["CHN", 2024, 760.0, True],
    ]  # fmt: skip
    assert "left out: 1 rows in 'million cubic meters', which is no mass" in found.notes


def test_a_table_of_the_geological_survey_of_britain(tmp_path: Path) -> None:
    text = (
        "year,country_iso3_code,country_trans,bgs_commodity_trans,bgs_sub_commodity_trans,quantity,units,yearbook_table_trans\n"
        "2020,COD,\"Congo, Democratic Republic\",\"cobalt, mine\",,98000,tonnes (metal content),Production\n"
        "2020,,Turkey,\"cobalt, mine\",,12.5,kilograms (metal content),Production\n"
        "2020,TUR,Turkey,\"cobalt, mine\",,7,tonnes (metal content),Exports\n"
    )
    found = read_production(written(tmp_path, text, encoding="utf-8-sig"))
    assert found.table.set_index("iso3").quantity_t.to_dict() == {"COD": 98000, "TUR": 0.0125}
    assert any("different units" in note for note in found.notes)


def test_a_table_of_ones_own_with_semicolons_and_dots_for_thousands(tmp_path: Path) -> None:
    text = "Land;Jahr;Menge\nTürkiye;2022;1.234,5\nDRC;2022;30.258\n"
    path = written(tmp_path, text, encoding="cp1252")
    columns = {"country": "Land", "year": "Jahr", "quantity": "Menge"}
    found = read_production(path, unit="kt", columns=columns, thousands=".")
    assert found.table.set_index("iso3").quantity_t.to_dict() == {"COD": 30_258_000, "TUR": 1_234_500}


def test_dots_that_may_part_thousands_are_said(tmp_path: Path) -> None:
    found = read_production(written(tmp_path, "country,2022\nChina,30.258\nPeru,800\n"), unit="t")
    assert any("1 figures such as '30.258' have three decimals" in note for note in found.notes)


@pytest.mark.parametrize(
    ("text", "unit", "said"),
    [
        ("country,2022\nChnia,5\nKorea,6\n", "t", r"csv:2: .* 'Chnia'; did you mean 'China'\?\n.*csv:3: "),
        ("country,2022\nChina,five\n", "t", "csv:2: CHN 2022: 'five' is not a number; write a"),
        ("country,2022\nChina,1.234,5\n".replace("1.234,5", '"1.234,5"'), "t", "say so with thousands='.'"),
        ("country,2022\nChina,-5\n", "t", "csv:2: CHN 2022: -5 is negative; write 0 or more"),
        ("country,year,quantity\nChina,22,5\n", "t", "csv:2: '22' is no year"),
        ("country,2022\nChina,5\nPRC,6\n", "t", "2 figures share mineral, stage, country and year"),
        ("country,2022\nChina,5\n", "", "nothing says in which unit the figures are; say unit='t'"),
        ("place,amount\nChina,5\n", "t", "no row is headed by country and years"),
        ("country,2022\nWorld,5\n", "t", "holds no output of a country"),
    ],
)
def test_bad_output_is_refused_with_place_and_remedy(tmp_path: Path, text: str, unit: str, said: str) -> None:
    with pytest.raises(MonaziteError, match=said):
        read_production(written(tmp_path, text), unit=unit)


@pytest.mark.parametrize("name", ["a.xlsx", "a.xls", "a.csv"])
def test_what_is_no_table(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(b"PK\x03\x04 broken \x00\xff\x81")
    with pytest.raises(MonaziteError, match="save it"):
        read_production(tmp_path / name, unit="t")
    with pytest.raises(MonaziteError, match="no such file"):
        read_production(tmp_path / "other.csv", unit="t")


@pytest.mark.parametrize(
    ("text", "value", "estimated"),
    [
        ("1,234.5", 1234.5, False), ("61 000", 61000, False), ("60,000e", 60000, True),
        ("e60,000", 60000, True),
        ("2,200r", 2200, False), ("2,200r, e", 2200, True), ("1e6", 1e6, False), ("—", 0, False),
        ("5 (3)", 5, False), (">75,000", 75000, False), ("W", None, False),
        ("NA", None, False), ("<1", None, False),
    ],
)  # fmt: skip
def test_figures_as_tables_print_them(text: str, value: float | None, estimated: bool) -> None:
    found = read_number(text)
    assert (found.value, found.estimated) == (value, estimated)
    assert bool(found.why) == (value is None)


@pytest.mark.parametrize("text", ["1.2.3", "12 t", "1,23", "abc"])
def test_what_is_no_figure(text: str) -> None:
    with pytest.raises(CellError):
        read_number(text)


def test_units_of_tables() -> None:
    units = ("metric tons", "thousand metric tons, gross weight", "kg", "short tons", "Mt", "carats", "USD")
    assert [tonnes_in(unit) for unit in units] == [1, 1000, 0.001, 0.90718474, 1e6, None, None]
