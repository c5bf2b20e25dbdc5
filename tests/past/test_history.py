"""The list of natural experiments: copied right, every row tried or explained, said as it is found."""

from __future__ import annotations

import csv
import datetime as dt
import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from scripts.history_table import markdown
from sim.analysis.targets import reasons
from sim.cli import main
from sim.engine import Simulation
from sim.errors import MonaziteError
from sim.past.history import HistoryTarget, chosen_targets, history_targets, load_case
from sim.past.origins import PAIRS, PairRecorder
from sim.past.replay import HindcastRow
from sim.past.scoring import Statistic, Window, evaluate
from sim.past.timing import months
from sim.tables import read_table

ROOT = Path(__file__).parents[2]
TARGETS = ROOT / "data" / "raw" / "targets"
ROWS = history_targets()
TRIED = [row for row in ROWS if row.case]
CASES = sorted({row.case for row in TRIED})
PAGE = (ROOT / "docs" / "validation.md").read_text(encoding="utf-8")
LAST_OF_ONE_SOURCE = 2020
"""Until then the panel has output from the source that the list quotes; later from another."""


def test_every_row_of_the_list_is_tried_or_says_why_not() -> None:
    assert len(ROWS) == 171
    assert len({row.id for row in ROWS}) == len(ROWS)
    assert len(TRIED) > 50
    for row in ROWS:
        assert bool(row.case) != bool(row.left_out), row.id
        assert row.target.low <= row.target.observed <= row.target.high, row.id
        assert row.target.source, row.id
    assert {path.stem for path in (TARGETS / "history").glob("*.yaml")} == set(CASES)


@pytest.fixture(scope="module")
def made() -> Callable[[str, str, int], float]:
    """Tonnes of a good in a country, or the world, in a year, as the panel has them."""
    output = pd.read_parquet(ROOT / "data" / "panel" / "output.parquet")
    with (ROOT / "data" / "panel" / "chains.csv").open(encoding="utf-8") as file:
        chains = {row["good"]: row for row in csv.DictReader(file)}

    def find(good: str, country: str, year: int) -> float:
        chain = chains[good]
        at = (output.mineral == chain["mineral"]) & (output.stage == chain["output"]) & (output.year == year)
        part = output[at]
        return float(part.tonnes.sum() if country == "world" else part[part.iso3 == country].tonnes.sum())

    return find


def _year(window: Window) -> int:
    return window.last.year


def test_volumes_of_the_list_are_those_of_the_panel(made: Callable[[str, str, int], float]) -> None:
    """The list was made from the same statistics as the panel: a row carried over wrong would show."""
    checked = 0
    for row in TRIED:
        statistic = row.target.statistic
        kind, *named = statistic.series.split(".")
        if kind != "production" or _year(statistic.at) > LAST_OF_ONE_SOURCE or row.id == "H87":
            continue
        value = made(named[0], named[1], _year(statistic.at)) / row.over
        if statistic.reference is not None:
            below = statistic.reference
            good, country = below.series.split(".")[1:]
            value /= made(good, country, _year(below.at))
        assert value == pytest.approx(row.target.observed, rel=0.01), row.id
        checked += 1
    assert checked >= 12


@pytest.mark.parametrize(
    ("row", "series"),
    [("H32a", "cobalt"), ("H33a", "cobalt"), ("H33b", "cobalt"), ("H37a", "tungsten"), ("H38b", "tungsten"),
     ("H44a", "germanium"), ("H44b", "germanium"), ("H48a", "magnesium"), ("H48b", "magnesium")],
)  # fmt: skip
def test_prices_of_the_list_are_those_of_the_panel(row: str, series: str) -> None:
    prices = pd.read_parquet(ROOT / "data" / "panel" / "prices.parquet")
    part = prices[prices.series == series]
    of = {int(year): float(price) for year, price in zip(part.year, part.usd_t, strict=True)}
    (target,) = (one.target for one in ROWS if one.id == row)
    assert target.statistic.reference is not None
    ratio = of[_year(target.statistic.at)] / of[_year(target.statistic.reference.at)]
    assert ratio == pytest.approx(target.observed, rel=0.01)


@pytest.mark.parametrize("case", CASES)
def test_a_case_has_its_world_its_dates_and_sources(case: str) -> None:
    world, scenario = load_case(case)
    assert world.projects
    assert scenario.base_year <= scenario.start.year <= scenario.base_year + 1
    for row in (one for one in TRIED if one.case == case):
        statistic = row.target.statistic
        first = statistic.reference.at.first if statistic.reference else statistic.at.first
        assert scenario.start <= min(first, statistic.at.first), row.id
        assert scenario.end >= statistic.at.last, row.id
    for event in scenario.events:
        assert event.source, event.id
        assert event.announced is None or event.announced <= event.from_, event.id


def _day(written: str) -> dt.date:
    return dt.date.fromisoformat(written if len(written) == 10 else f"{written}-15")


def lasting(kind: str) -> float:
    """Years for which measures of a kind lasted: those in force counted with what is known of them."""
    rows = [row for row in read_table(TARGETS / "history_ends.csv").dictionaries() if row["kind"] == kind]
    spans = [_day(row["last"] or row["in_force_on"]) - _day(row["first"]) for row in rows]
    assert all(span.days > 0 for span in spans)
    return sum(span.days for span in spans) / 365.25 / sum(bool(row["last"]) for row in rows)


STOPS = "production_quota", "strike", "outage"
RESTRICTIONS = "export_ban", "export_quota", "export_tax"
SAID = {("nickel-2013", "quota")}
"""For five years, as was said when it began."""


@pytest.mark.parametrize("case", CASES)
def test_an_end_that_nobody_knew_is_guessed_by_one_rule(case: str) -> None:
    stop, restriction = f"{round(12 * lasting('stop'))} months", f"{round(lasting('restriction'))} years"
    for event in load_case(case)[1].events:
        guess = None if event.expected_to_last is None else event.expected_to_last.text
        known = event.as_known(event.from_ or dt.date.min).until is not None
        rule = {**dict.fromkeys(STOPS, stop), **dict.fromkeys(RESTRICTIONS, restriction)}.get(event.type)
        if (case, event.id) in SAID:
            rule = "5 years"
        assert guess == (None if known else rule), event.id


@pytest.mark.parametrize("case", CASES)
def test_nobody_knows_what_use_will_be_more_than_a_year_ahead(case: str) -> None:
    for event in load_case(case)[1].events:
        if event.type == "demand_shock":
            assert event.growth is None, event.id
            assert event.ramp.amount <= 1, event.id
            assert event.announced is None, event.id


def test_times_count_from_the_reference_and_from_the_peak() -> None:
    path = np.array([[1.0, 1.0, 2.0, 3.0, 2.1, 1.9, 1.05], [1.0, 1.0, 1.5, 2.0, 2.0, 2.0, 2.0], [1.0] * 7])
    month, window, base = np.arange(7) - 1, np.array([2, 3, 4]), np.ones(3)
    assert months("months_to_peak", path, base, window, month).tolist()[:2] == [2.0, 2.0]
    assert months("months_to_half", path, base, window, month).tolist()[:2] == [2.0, np.inf]
    assert months("months_to_base", path, base, window, month).tolist()[:2] == [3.0, np.inf]
    for how in ("months_to_peak", "months_to_half", "months_to_base"):
        assert np.isnan(months(how, path, base, window, month)[2]), "no rise, no time"


def test_what_never_happens_is_later_than_all_that_does() -> None:
    row = HindcastRow("e", ROWS[0].target, np.array([3.0, np.inf, np.inf, 5.0, np.inf, np.nan]), {})
    assert row.low == 3.0
    assert row.median == np.inf
    assert not row.in_band


def _tables(tmp_path: Path, **changed: str) -> Path:
    """A copy of the two tables in which cells of row H70 are others."""
    place = tmp_path / "data" / "raw" / "targets"
    place.mkdir(parents=True)
    for name in ("history_targets.csv", "history_rows.csv"):
        shutil.copyfile(TARGETS / name, place / name)
    for name in ("history_targets.csv", "history_rows.csv"):
        with (place / name).open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        for row in rows:
            if row["id"] == "H70":
                row.update({key: text for key, text in changed.items() if key in row})
        with (place / name).open("w", encoding="utf-8", newline="") as file:
            writer = csv.DictWriter(file, list(rows[0]))
            writer.writeheader()
            writer.writerows(rows)
    return tmp_path


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"left_out": "no data"}, "history_rows.csv, H70: needs either a 'case' or a reason under"),
        ({"case": ""}, "history_rows.csv, H70: needs either a 'case' or a reason under 'left_out'; state"),
        ({"how": "totl"}, "history_rows.csv, H70: how is 'totl'; did you mean 'total'?"),
        ({"reference_how": "months_to_peak"}, "history_rows.csv, H70: reference_how is 'months_to_peak'"),
        ({"how": "months_to_half", "reference_series": ""}, "counts from a reference; state"),
        ({"over": "0"}, "history_rows.csv, H70: 'over' is 0, but divides; write a number above 0"),
        ({"over": "many"}, "history_rows.csv, H70: over is 'many', which is no number; write one"),
        ({"value": "half"}, "history_targets.csv, H70: value is 'half', which is no number; write one"),
        ({"at": "2014-13"}, "window '2014-13'"),
    ],
)
def test_mistakes_in_the_tables_are_said_with_their_place(
    tmp_path: Path, changed: dict[str, str], said: str
) -> None:
    with pytest.raises(MonaziteError, match=re.escape(said)):
        history_targets(_tables(tmp_path, **changed))


def test_a_row_that_one_table_lacks_is_said(tmp_path: Path) -> None:
    root = _tables(tmp_path)
    path = root / "data" / "raw" / "targets" / "history_rows.csv"
    text = path.read_text(encoding="utf-8")
    path.write_text(text.replace("\nH70,", "\nH7000,"), encoding="utf-8")
    with pytest.raises(MonaziteError, match=r"'H7000' is no row of history_targets\.csv; remove it"):
        history_targets(root)
    lines = [line for line in text.splitlines() if not line.startswith("H70,")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(MonaziteError, match="has no row 'H70'; say how it is tried"):
        history_targets(root)


def test_names_are_rows_or_cases() -> None:
    assert [row.id for row in chosen_targets(["H70", "H05a"])] == ["H05a", "H70"]
    assert {row.case for row in chosen_targets(["platinum-2013"])} == {"platinum-2013"}
    assert len(chosen_targets([])) == len(ROWS)
    with pytest.raises(MonaziteError, match=r"'nickel-2031' is neither a row nor a case.*did you mean"):
        chosen_targets(["nickel-2031"])


def test_one_row_is_run_and_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The shortest case: what is printed, what is written, and the same for whoever else takes part."""
    written = []
    for members in (2, 3):
        file = tmp_path / f"{members}.json"
        words = ["hindcast", "--history", "H09", "H05a", "--members", str(members), "--json", str(file)]
        assert main(words) == 0
        written.append(json.loads(file.read_text(encoding="utf-8"))["rows"])
    said = capsys.readouterr().out
    assert "H09  max monthly price in strike / mean of 3 months before" in said
    assert "1 row cannot be tried:\n  H05a: no world: the panel has no copper before 2023" in said
    assert "of 1 tried, 2 in the list" in said
    left, tried = written[0]
    assert left["left_out"].startswith("no world")
    assert tried["low"] <= tried["observed"] <= tried["high"]
    assert tried["median"] > 1
    (target,) = chosen_targets(["H09"])
    assert target.target.statistic == Statistic(
        "price_gate.platinum_refined", "peak", Window.parse("2014-01..2014-06"),
        Statistic("price_gate.platinum_refined", "mean", Window.parse("2013-11..2014-01")),
    )  # fmt: skip


def test_the_share_of_an_origin_is_that_of_the_yearly_flows() -> None:
    """Years of a small run: shares of all origins add up to 1, and what is not a pair is refused."""
    world, scenario = load_case("platinum-2013")
    data = Simulation(world, scenario, members=2, seed=1, recorder=PairRecorder).run()
    year, goods = Window.parse("2013"), "platinum_refined"
    shares = [
        evaluate(data, Statistic(f"origin_share.{goods}.USA<{origin}", "mean", year))
        for origin in world.countries
    ]
    np.testing.assert_allclose(np.sum(shares, axis=0), 1)
    with pytest.raises(MonaziteError, match=r"no country 'XXX'; write importer and origin as ISO-3 codes"):
        evaluate(data, Statistic(f"origin_share.{goods}.USA<XXX", "mean", year))
    with pytest.raises(MonaziteError, match="kept trade between countries as quantiles"):
        evaluate(data.drop_vars(PAIRS), Statistic(f"origin_share.{goods}.USA<ZAF", "mean", year))


def test_bad_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    for words, said in (
        (["--history", "H7x"], "'H7x' is neither a row nor a case of the list of history"),
        (["--history", "--plots", "x"], "--plots has no effect with --history"),
        (["--history", "H70", "H70"], "given twice, which has no effect: H70"),
    ):
        assert main(["hindcast", *words]) == 2
        assert said in capsys.readouterr().err


def _page_rows() -> Mapping[str, list[str]]:
    part = PAGE[PAGE.index("<!-- history -->") : PAGE.index("<!-- end of history -->")]
    found = {}
    for line in part.splitlines():
        if line.startswith("| **"):
            cells = [cell.strip() for cell in line.strip("|").split("|")]
            found[cells[0].split("**")[1]] = cells
    return found


def test_the_page_has_every_row_with_its_band_and_the_reason_of_each_miss() -> None:
    page = _page_rows()
    assert list(page) == [row.id for row in TRIED]
    known = reasons()
    for row in TRIED:
        _, case, observed, accepted, model, within, why = page[row.id]
        assert case == f"`{row.case}`"
        assert _number(observed) == pytest.approx(row.target.observed, rel=0.01)
        low, high = (_number(text) for text in accepted.split(" to "))
        median = _number(model.split(" ")[0])
        assert (within == "yes") == (not why)
        # Three digits are printed: at an end of the band they may fall on either side.
        if within == "yes":
            assert low * 0.99 <= median <= high * 1.01
        else:
            assert not low * 1.01 < median < high * 0.99
            assert why == known[(row.id, row.case)], row.id
    out = PAGE[PAGE.index("<!-- history left out -->") : PAGE.index("<!-- end of history left out -->")]
    for row in ROWS:
        if row.left_out:
            assert re.search(rf"\b{row.id}\b", out), row.id
            assert row.left_out in out


def _number(text: str) -> float:
    return float("inf") if text == "never" else float(text.replace(",", ""))


def test_the_table_is_made_of_what_the_command_writes() -> None:
    rows = [
        {"target": "A", "mineral": "tin", "statistic": "a ratio", "episode": "tin-2022", "observed": 1.5,
         "low": 1, "high": 2, "median": "never", "p10": 1.2, "p90": "never", "in_band": False,
         "reason": "because"},
        {"target": "B", "mineral": "tin", "statistic": "another", "left_out": "no world"},
        {"target": "C", "mineral": "tin", "statistic": "a third", "left_out": "no world"},
    ]  # fmt: skip
    made = markdown(rows)
    row = "| **A** tin: a ratio | `tin-2022` | 1.5 | 1 to 2 | never (1.2 to never) | **no** | because |"
    assert row in made["history"]
    assert "In band: 0 of 1 rows that can be tried, of 3 in the list." in made["history"]
    assert "| no world | B C |" in made["history left out"]


def test_a_row_says_where_it_is_from() -> None:
    row: HistoryTarget = next(one for one in ROWS if one.id == "H74")
    assert row.mineral == "nickel"
    assert row.case == "nickel-2013"
    assert row.target.statistic.series == "production.nickel_refined.IDN"
    assert row.over == 1.0
