"""A scan: scenarios for every large supplier, run as one sweep, ranked; equal to the same runs made alone."""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from matplotlib.figure import Figure

import sim
from sim.cli import main
from sim.errors import MonaziteError
from sim.plots.scan import draw_matrix, draw_ranking
from sim.scenario import load_scenario
from sim.sweep.execute import execute
from sim.sweep.executors import ExecutorSettings
from sim.sweep.plan import make_plan
from sim.sweep.read import Sweep, open_sweep
from sim.sweep.request import Keeping, Request
from sim.sweep.scan import ScanCase, largest_suppliers, scan_minerals, scan_table, write_cases
from sim.world.source import panel_coverage
from tests.plots.boxes import faults

MEMBERS = 2
Scanned = tuple[Path, list[ScanCase], Sweep]


@pytest.fixture(scope="module")
def scanned(tmp_path_factory: pytest.TempPathFactory) -> Scanned:
    folder = tmp_path_factory.mktemp("scan")
    cases = write_cases(folder / "scenarios", ["magnesium", "tungsten"], 2020, (2, "exports", 24))
    names = dict.fromkeys(name for case in cases for name in (case.calm, case.name))
    files = [str(folder / "scenarios" / f"{name}.yaml") for name in names]
    plan = make_plan(Request(files, members=MEMBERS, keeping=Keeping(full=True)))
    execute(plan, folder, ExecutorSettings("local", None, None, None, {}))
    return folder, cases, open_sweep(plan.id, folder)


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("Jappan", "--country: unknown country 'Jappan'; did you mean 'Japan'?"),
        ("Congo", "--country: 'Congo' may be more than one country; write COD"),
    ],
)
def test_whose_loss_is_ranked_is_a_country_or_refused(
    word: str, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["scan", "magnesium", "--base-year", "2020", "--country", word]) == 2
    assert said in capsys.readouterr().err


def test_each_case_stops_one_supplier_for_a_year(scanned: Scanned) -> None:
    folder, cases, _ = scanned
    assert [(case.mineral, len([c for c in cases if c.mineral == case.mineral])) for case in cases] == [
        ("magnesium", 2), ("magnesium", 2), ("tungsten", 2), ("tungsten", 2),
    ]  # fmt: skip
    for case in cases:
        scenario = load_scenario(folder / "scenarios" / f"{case.name}.yaml")
        (event,) = scenario.events
        assert (event.type, event.by, str(event.from_), str(event.until)) == (
            "export_ban", (case.iso3,), "2020-07-01", "2021-06-30",
        )  # fmt: skip
        assert scenario.compare_to == case.calm
        assert scenario.minerals == (case.mineral,)
        assert not load_scenario(folder / "scenarios" / f"{case.calm}.yaml").events


def test_a_scan_equals_its_runs_made_alone_to_the_bit(scanned: Scanned) -> None:
    folder, cases, sweep = scanned
    for name in (cases[0].calm, cases[0].name):
        alone = sim.run(folder / "scenarios" / f"{name}.yaml", members=MEMBERS)
        together = sweep.dataset(name)
        for variable in ("price_outside", "price_inside"):
            assert np.array_equal(alone[variable].values, together[variable].values, equal_nan=True)


def test_the_ranking_is_that_of_losses_against_the_paired_calm(scanned: Scanned) -> None:
    _, cases, sweep = scanned
    table = scan_table(sweep, cases, ())
    assert table["value_lost"].is_monotonic_decreasing
    assert set(zip(table.mineral, table.supplier, strict=True)) == {(c.mineral, c.iso3) for c in cases}
    first = table.iloc[0]
    case = next(c for c in cases if (c.mineral, c.iso3) == (first.mineral, first.supplier))
    found, calm = (
        sweep.dataset(name)["value_added_at_risk"].values.astype(float).sum(axis=(1, 2))
        for name in (case.name, case.calm)
    )
    assert first["value_lost"] == pytest.approx(np.median(found - calm))
    assert first["value_lost_p10"] == pytest.approx(np.quantile(found - calm, 0.1))
    assert (table["price_peak"] >= 1).all()
    part = scan_table(sweep, cases, ("USA",))
    assert part["value_lost"].sum() <= table["value_lost"].sum()
    risk = {case.iso3: 0.0 for case in cases} | {str(table["supplier"].iloc[-1]): 1.0}
    weighted = scan_table(sweep, cases, (), risk)
    assert weighted["value_lost_weighted"].is_monotonic_decreasing
    assert set(weighted["weight"]) == {0.0, 1.0}


def test_suppliers_are_the_largest_by_what_stops() -> None:
    exports, output = (largest_suppliers("tungsten", 2020, 3, stop) for stop in ("exports", "output"))
    assert next(iter(output)) == "CHN"
    assert output["CHN"] > 0.75
    assert list(exports.values()) == sorted(exports.values(), reverse=True)
    assert len(exports) == 3
    assert "ROW" not in {*exports, *output}
    assert scan_minerals(2024) == sorted(m for m, years in panel_coverage().items() if 2024 in years)
    assert len(scan_minerals(2024)) == 40
    with pytest.raises(MonaziteError, match="the panel has no tin of 2013"):
        scan_minerals(2013, ["tin"])
    with pytest.raises(MonaziteError, match="no world of 1950"):
        scan_minerals(1950)


def test_command_goes_on_where_it_was_and_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    words = "scan magnesium --base-year 2020 --suppliers 1 --stop output --members 2 --months 24 "
    words += "--country U.S. --executor local --quiet --weights political_risk --json rows.json"
    assert main(words.split()) == 0
    assert "4 runs, 0 were stored" in capsys.readouterr().out
    assert main([*words.split(), "--no-plots"]) == 0
    said = capsys.readouterr().out
    assert "4 runs, 4 were stored" in said
    assert "magnesium  CHN" in said
    folder = Path("outputs/scan-2020-output")
    written = {path.name for path in folder.iterdir()}
    assert written >= {"scan.csv", "scan_ranking.png", "scan_matrix.svg", "scenarios"}
    with (folder / "scan.csv").open(encoding="utf-8") as handle:
        (row,) = csv.DictReader(handle)
    stored = json.loads(Path("rows.json").read_text(encoding="utf-8"))["rows"]
    assert float(row["price_peak"]) == pytest.approx(stored[0]["price_peak"], rel=1e-5)
    assert float(row["price_peak"]) > 1.2
    assert main(["scan", "--months", "3"]) == 2


def test_a_case_that_is_run_alone_names_the_calm_file_beside_it(
    scanned: Scanned, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, cases, _ = scanned
    shutil.copytree(folder / "scenarios", tmp_path / "cases")
    monkeypatch.chdir(tmp_path)
    case, calm = (f"cases/{name}.yaml" for name in (cases[0].name, cases[0].calm))
    assert main(["run", case, "time.end=2020-08", "--members", "1"]) == 0
    said = capsys.readouterr().out
    assert f"to compare: Run both in one command: monazite run {calm} {case} time.end=2020-08-31" in said
    command = said.partition("in one command: monazite ")[2].splitlines()[0]
    assert main([*command.split(), "--campaign", "both", "--quiet"]) == 0
    assert main(["compare", "outputs/both", "--no-plots"]) == 0


def test_titles_hold_plain_numbers(tmp_path: Path) -> None:
    row = {
        "mineral": "nickel", "supplier": "IDN", "value_lost": 127e9, "value_lost_p10": 1e11,
        "value_lost_p90": 2e11, "price_peak": 310.0,
    }  # fmt: skip
    words = ("the world", "A note.")
    ranking, matrix = (draw(pd.DataFrame([row]), tmp_path, words) for draw in (draw_ranking, draw_matrix))
    assert "costs the world most, 130 bn USD of" in ranking.title
    assert matrix.title.endswith("to 310 times the baseline's")


def _losses(*million: float, low: float = 0.5, **more: float) -> pd.DataFrame:
    suppliers = ("CHN", "GBR", "ZAF", "CAN", "USA")
    return pd.DataFrame([
        {"mineral": "rare_earths", "supplier": supplier, "value_lost": 1e6 * value,
         "value_lost_p10": 1e6 * low * value, "value_lost_p90": 2e6 * value, **more}
        for supplier, value in zip(suppliers, million, strict=False)
    ])  # fmt: skip


@pytest.mark.parametrize(
    ("million", "scale", "start"),
    [((5000.0, 300.0, 50.0), "linear", 0.0), ((36_000.0, 300.0, 17.0, 0.0), "log", 1.0)],
)
def test_the_ranking_is_logarithmic_beyond_two_decades(
    million: tuple[float, ...], scale: str, start: float, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("sim.plots.scan.save_picture", lambda fig, *_: drawn.append(fig))
    draw_ranking(_losses(*million), tmp_path, ("the world", "A note."))
    (axes,) = drawn[0].axes
    assert axes.get_xscale() == scale
    assert axes.get_xlim()[0] == start
    for bar, value in zip(axes.patches, million, strict=True):
        assert bar.get_x() + bar.get_width() == pytest.approx(max(value, start))
    lines = [line[:, 0] for line in axes.collections[0].get_segments()]
    assert lines == [pytest.approx([max(0.5 * v, start), max(2 * v, start)]) for v in million]
    assert [text.get_text() for text in axes.texts][-1] == f"{million[-1]:.0f}"
    assert faults(drawn[0]) == []


def test_a_weighted_ranking_draws_and_names_what_it_ranks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[Figure] = []
    monkeypatch.setattr("sim.plots.scan.save_picture", lambda fig, *said: drawn.append(fig) or said[2])
    table = _losses(400.0, 900.0, 100.0)
    table["weight"] = [0.5, 0.1, float("nan")]
    table["value_lost_weighted"] = table["value_lost"] * table["weight"]
    title = draw_ranking(table, tmp_path, ("the United States", "A note."))
    said = "weighs most for the United States, 0.2 bn USD of value added in the median, times the supplier's"
    assert said in str(title)
    (axes,) = drawn[0].axes
    assert [bar.get_width() for bar in axes.patches] == pytest.approx([200.0, 90.0])
