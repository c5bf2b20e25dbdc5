"""Observed figures: currencies, periods and files; what is read, said and refused, each with its place."""

from pathlib import Path

import openpyxl
import pytest

from sim.errors import InputProblems
from sim.results.resolved import resolved_yaml
from sim.scenario import Observation, Scenario, load_scenario
from sim.scenario.period import parse_period, parse_span

HEAD = """format: 2
name: mine
title: A case
base_year: 2024
time: {start: 2024-01, end: 2026-12}
sources: {press: {title: The press}}
observed:
"""
HEADINGS = "series,date,value,unit\n"
TIDY = """series,date,value,unit,source,low,high
price_outside.copper,2024M07,"9,000",USD/t,press,,
price_outside.copper,2025-Q1,12,USD/kg,press,11,14
exports.Ga.China,2024,90,t,press,,
price_outside.copper,2026-01,NA,USD/kg,press,,
"""


def load(folder: Path, entries: str, **files: str) -> Scenario:
    for name, text in files.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    (folder / "mine.yaml").write_text(HEAD + entries, encoding="utf-8")
    return load_scenario(folder / "mine.yaml")


def figures(seen: Observation) -> dict[str, float]:
    return {str(period): figure.value.value for period, figure in seen.values.items()}


def test_a_tidy_table_is_read_and_a_resolved_scenario_holds_its_figures(tmp_path: Path) -> None:
    scenario = load(tmp_path, "  file: prices.csv\n", prices=TIDY)
    price = scenario.observed["price_outside.copper"]
    assert figures(price) == {"2024-07": 9000, "2025-Q1": 12_000}
    band = price.values[parse_period("2025-Q1")].band
    assert [end.value for end in band or ()] == [11_000, 14_000]
    assert scenario.observed["exports.Ga.China"].series == "exports.gallium.CHN"
    assert scenario.origin["observed.price_outside.copper.values.2025-Q1.value"].line == 3
    copy = tmp_path / "elsewhere" / "scenario.resolved.yaml"
    copy.parent.mkdir()
    copy.write_text(resolved_yaml(scenario), encoding="utf-8")
    assert load_scenario(copy).model_dump() == scenario.model_dump()


def test_a_table_of_others_by_a_map_of_columns(tmp_path: Path) -> None:
    entry = (
        "  p: {file: t.csv, columns: {date: Monat, value: Preis}, series: price_inside.copper, unit: CNY/kg, "
        "rate: {2024-01: 7 CNY/USD, 2025-01: 8 CNY/USD}, vat: 13 %, source: press, thousands: '.'}\n"
    )
    scenario = load(tmp_path, entry, t="Monat;Preis\n2024-05;79,1\n2025-05;90,4\n")
    assert figures(scenario.observed["p"]) == pytest.approx({"2024-05": 10_000, "2025-05": 10_000})


def test_a_pivot_table_in_excel(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    for row in (["Somebody's"], ["Month", "Outside", "Inside"], ["2024-05", 9, 8], ["2024-06", None, 7]):
        book.active.append(row)
    book.save(tmp_path / "t.xlsx")
    entry = (
        "  p: {file: t.xlsx, pivot: {Outside: price_outside.Cu, Inside: price_inside.Cu}, unit: USD/kg, "
        "assumption: true}\n"
    )
    scenario = load(tmp_path, entry)
    found = {seen.series: figures(seen) for seen in scenario.observed.values()}
    assert found == {
        "price_outside.copper": {"2024-05": 9000}, "price_inside.copper": {"2024-05": 8000, "2024-06": 7000}
    }  # fmt: skip


def test_trade_of_cepii_year_by_year(tmp_path: Path) -> None:
    records = "t,i,j,k,v,q\n2022,156,392,811299,10,5\n2023,156,842,811299,10,NA\n2023,156,392,811299,30,3.5\n"
    scenario = load(
        tmp_path, "  e: {file: t.csv, layout: cepii, series: exports.Ga.CN, source: press}\n", t=records
    )
    assert figures(scenario.observed["e"]) == {"2022": 5, "2023": 3.5}
    said = " ".join(problem.message for problem in scenario.warnings)
    assert "trade of 811292, 811299, all of each code, in tonnes of gross weight" in said
    assert "1 of 3 rows of the series have no quantity and are not in its figures: 20.0 % of its va" in said


@pytest.mark.parametrize(
    ("table", "said"),
    [
        (HEADINGS + "price_gate.copper,May 24,5,t\n", "t.csv:2:1: observed.p: 'May 24' is not a date"),
        (HEADINGS + "price_gate.copper,2024-05,five,USD/kg\n", "t.csv:2:1: observed.p: 'five' is not"),
        (HEADINGS + "price_gate.copper,2024-05,5,\n", "t.csv:2:1: observed.p: '5' has no unit"),
        (HEADINGS + ",2024-05,5,USD/kg\n", "t.csv:2:1: observed.p: nothing says of which series"),
        (HEADINGS + "price_gate.copper,2024-05,5,t\n", "t.csv:2:1: .*is a mass, but a price"),
        (HEADINGS + "price_gate.copper,2024-05,-5,USD/kg\n", "t.csv:2:1: .*'-5 USD/kg' is negative"),
        ("date,value\n2024-05,5\n2024M05,6\n", "nothing says of which series"),
        ("a,b\n1,2\n", "no row of headings of a tidy table; the first row is: a, b; the columns"),
        (HEADINGS, "the file holds no figures"),
    ],
)
def test_bad_tables_are_refused_with_their_lines(tmp_path: Path, table: str, said: str) -> None:
    with pytest.raises(InputProblems, match=said):
        load(tmp_path, "  p: {file: t.csv, source: press}\n", t=table)


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{file: t.csv, layout: long}", "observed.p.layout: unknown layout 'long'"),
        ("{file: t.csv, columns: {dat: Month}}", "observed.p.columns: no column holds 'dat'; did you mean"),
        ("{file: t.csv, columns: [a]}", "observed.p.columns: 'columns' is a mapping of words to words"),
        ("{file: t.csv, thousands: x}", "observed.p.thousands: 'thousands' is what parts them"),
        ("{file: t.csv, layout: cepii, series: worth.x}", "'worth.x' is no series of yearly trade; write"),
        ("{file: [t.csv]}", "observed.p.file: an observed file is named by text"),
        ("{file: t.csv, value: 3}", "value: unknown field; did you mean 'values'"),
    ],
)
def test_bad_entries_are_refused(tmp_path: Path, entry: str, said: str) -> None:
    entry = entry.replace("}", ", source: press}", 1) if "columns: {" not in entry else entry
    with pytest.raises(InputProblems, match=said):
        load(tmp_path, f"  p: {entry}\n", t=TIDY)


def test_a_link_that_leads_out_of_the_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text(TIDY, encoding="utf-8")
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "t.csv").symlink_to(tmp_path / "secret.csv")
    with pytest.raises(InputProblems, match=r"'t\.csv' is a link that leads out of the folder"):
        load(folder, "  file: t.csv\n")


def test_a_file_is_looked_for_beside_the_scenario_that_names_it(tmp_path: Path) -> None:
    child = "format: 2\nname: child\ntitle: x\nextends: mine\n"
    (tmp_path / "child.yaml").write_text(child, encoding="utf-8")
    load(tmp_path, "  file: prices.csv\n", prices=TIDY)
    assert len(load_scenario(tmp_path / "child.yaml").observed) == 2


@pytest.mark.parametrize(
    ("entry", "said"),
    [
        ("{series: price_gate.copper, values: {2024-05: 60 CNY/kg}, rate: 7 CNY/USD}", "write 'vat: 13 %'"),
        ("{series: exports.gallium.CHN, values: {2024: 0.031 t}}", "and no figure of the series is closer"),
        ("{series: price_gate.copper, values: {2024: 9000 USD/kg}}", "and no figure of the series is closer"),
        ("{series: exports.unobtainium.CHN, values: {2024: 5 t}}", "unknown good 'unobtainium'"),
    ],
)
def test_doubtful_figures_are_warned_about(tmp_path: Path, entry: str, said: str) -> None:
    scenario = load(tmp_path, f"  p: {entry[:-1]}, assumption: true}}\n")
    assert [said in problem.text() for problem in scenario.warnings] == [True]


def test_a_halt_is_no_slip_of_a_unit(tmp_path: Path) -> None:
    values = "{2024-05: 9 t, 2025-05: 0.001 t, 2025-06: 0 t}"
    scenario = load(tmp_path, f"  p: {{series: exports.gallium.CHN, values: {values}, source: press}}\n")
    assert scenario.warnings == ()


@pytest.mark.parametrize(
    ("amount", "said"),
    [("0.31 t/year", "% of the"), ("31000 kt/year", "times the"), ("0 t/year", ""), ("90 t/year", "")],
)
def test_tonnes_far_from_base_trade_are_warned_about(tmp_path: Path, amount: str, said: str) -> None:
    quota = f"type: export_quota, by: CHN, goods: [gallium], amount: {amount}, from: 2025-01, source: press"
    text = HEAD.replace("observed:\n", f"events: {{quota: {{{quota}}}}}\n")
    (tmp_path / "mine.yaml").write_text(text, encoding="utf-8")
    found = [p.text() for p in load_scenario(tmp_path / "mine.yaml").warnings]
    assert len(found) == bool(said)
    assert all(said in text and "events.quota.amount" in text for text in found)


def test_reading_what_was_read_takes_no_tax_off_twice() -> None:
    seen = Observation.model_validate(
        {"series": "price_gate.copper", "values": {"2024": "113 USD/kg"}, "vat": "13 %", "assumption": True}
    )
    assert figures(seen) == pytest.approx({"2024": 100_000})
    assert figures(Observation.model_validate(seen)) == figures(seen)
    assert figures(Observation.model_validate(seen.model_dump(exclude_none=True))) == figures(seen)


@pytest.mark.parametrize(
    ("text", "first", "last", "form", "months"),
    [
        ("2024", "2024-01-01", "2024-12-31", "2024", 12),
        ("2024Q2", "2024-04-01", "2024-06-30", "2024-Q2", 3),
        ("2024-H2", "2024-07-01", "2024-12-31", "2024-H2", 6),
        ("2024M2", "2024-02-01", "2024-02-29", "2024-02", 1),
        ("2024-02-10", "2024-02-10", "2024-02-10", "2024-02-10", 1),
    ],
)  # fmt: skip
def test_periods(text: str, first: str, last: str, form: str, months: int) -> None:
    found = parse_period(text)
    assert (str(found.first), str(found.last), str(found), found.months) == (first, last, form, months)
    assert parse_period(str(found)) == found
    assert parse_span(f"2020..{text}").holds(found)
