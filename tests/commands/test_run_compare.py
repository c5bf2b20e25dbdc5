"""The commands on a stand-in engine: what is written, what is printed, what is refused."""

from __future__ import annotations

import json
import re
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
import xarray as xr

import sim.scenario.find
import sim.scenario.resolve  # the stand-ins of the packages have no modules of their own
import sim.sweep.estimate  # noqa: F401
from sim.analysis.comparison import Comparison
from sim.cli import build_parser
from sim.commands import run
from sim.commands.compare import Compared, picture_folder
from sim.errors import MonaziteError
from sim.plots import kinds
from sim.results import find_runs
from tests.synthetic import make_dataset

# Modules of pictures are loaded with what they import, not with its stand-ins, whatever test comes first.
kinds()


@dataclass(frozen=True)
class FakeEvent:
    id: str = "licence"


@dataclass(frozen=True)
class FakeScenario:
    name: str
    compare_to: str | None
    events: tuple[FakeEvent, ...] = ()
    base_year: int = 2024
    start: date = date(2024, 1, 1)
    overrides: tuple[str, ...] = ()
    seed: int | None = None
    origin: dict[str, object] = field(default_factory=dict)
    tables: Path = Path("world")


STEPS = 30
SHOCKS = {"baseline-2024": 0.0, "ree-licence-2025": 1.0, "half-licence": 0.5}


def read_as_pyam(path: Path) -> pd.DataFrame:
    """What ``pyam.IamDataFrame`` makes of a file by the rules of its page on the data model.

    A name that ends with csv is read by pandas; names of columns count without case; model, scenario, region,
    variable and unit must be there and filled; in the wide form every other column is a year, else it would
    become an extra column; years without a value are dropped; the same row twice is refused.
    """
    assert path.name.endswith("csv")
    wide = pd.read_csv(path)
    wide.columns = wide.columns.map(str.lower)
    keys = ["model", "scenario", "region", "variable", "unit"]
    assert set(keys) <= set(wide.columns)
    years = [name for name in wide.columns if name not in keys]
    assert years
    assert all(re.fullmatch(r"\d{4}", year) for year in years)
    assert not wide[keys].isna().any().any()
    for column in keys:
        assert (wide[column] == wide[column].str.strip()).all()
    levels = wide["variable"].str.split("|").explode()
    assert (levels.str.strip() != "").all()
    # An asterisk stands for any text where rows are picked.
    assert not wide["variable"].str.contains("*", regex=False).any()
    long = wide.melt(keys, years, "year", "value").dropna()
    long["value"] = long["value"].astype("float64")
    long["year"] = long["year"].astype("int64")
    assert len(long)
    assert not long.duplicated([*keys, "year"]).any()
    return long


@pytest.fixture(autouse=True)
def _engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def load_scenario(name: str, overrides: tuple[str, ...] = ()) -> FakeScenario:
        if name not in SHOCKS:
            raise MonaziteError(f"unknown scenario '{name}'")
        base = name == "baseline-2024"
        events = () if base else (FakeEvent(),)
        return FakeScenario(name, None if base else "baseline-2024", events, overrides=tuple(overrides))

    class Simulation:
        def __init__(self, world: object, scenario: FakeScenario, members: int, seed: int) -> None:
            self.scenario, self.members, self.seed = scenario, members, seed

        def run(self, progress: Callable[[int, int], None] | None = None) -> xr.Dataset:
            if progress:
                progress(STEPS, STEPS)
            shock = SHOCKS[self.scenario.name]
            dataset = make_dataset(
                self.scenario.name, shock=shock, members=self.members, seed=self.seed, steps=STEPS
            )
            return dataset.assign_attrs(compare_to=self.scenario.compare_to or "")

    for name, content in (
        ("sim.scenario", {"load_scenario": load_scenario}),
        ("sim.engine", {"Simulation": Simulation}),
        ("sim.world.load", {"load_world": lambda year, tables: None}),
    ):
        module = types.ModuleType(name)
        module.__dict__.update(content)
        monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sim.sweep.estimate.check_members", lambda *_: None)
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)  # a quarter of the work of drawing


def _call(*words: str) -> int:
    args = build_parser(words[0]).parse_args(words)
    return int(args.main(args))


def test_run_then_compare(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        _call("run", "baseline-2024", "ree-licence-2025", "--members", "4", "seed=3", "--campaign", "c") == 0
    )
    out = capsys.readouterr()
    assert "2 scenarios x 4 paired members" in out.out
    assert "-> outputs/c" in out.out
    assert "markets certified: 960 of 960" in out.out
    assert out.err == "".join(
        f"{name} ({i}/2): 30/30 steps\n" for i, name in ((1, "baseline-2024"), (2, "ree-licence-2025"))
    )
    runs = find_runs(tmp_path / "outputs" / "c")
    assert [r.scenario for r in runs] == ["baseline-2024", "ree-licence-2025"]
    assert {r.manifest["seed"] for r in runs} == {3}
    assert (
        _call("compare", "outputs/c", "--vs", "baseline-2024", "--good", "dysprosium", "--json", "x.json")
        == 0
    )
    text = capsys.readouterr().out
    assert "peak price outside China, USD/kg" in text
    assert "unmet demand, Japan" in text
    assert "months to recover, price outside China" in text
    assert "outputs/c/plots/price_dysprosium_oxide.png" in text
    table = json.loads((tmp_path / "x.json").read_text())
    assert table["scenarios"] == ["ree-licence-2025"]
    assert len(list((tmp_path / "outputs/c/plots").iterdir())) % 3 == 0


REFUSED = (
    (("--scenario", "licence"), "no 'licence' beside the baseline"),
    (("--shortage-above", "10"), "--shortage-above: '10' has no unit"),
    (("--shortage-above", "120 %"), "no share of requirement"),
    (("--to", "x.csv"), "no --table is asked for"),
    (("--table", "xlsx", "--to", "-"), "xlsx is no text"),
)


def test_compare_writes_tables_judges_conditions_and_shows_what_is_asked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["baseline-2024", "ree-licence-2025", "half-licence"]
    run.run_scenarios(names, settings=run.Settings(members=2, campaign="c"))
    quiet = ("compare", "c", "--no-plots", "--good", "dysprosium,magnets")
    asked = ("--scenario", "half-licence", "--importer", "Japan,DEU", "--sector", "wind", "--table", "xlsx")
    assert _call(*quiet, *asked, "--shortage-above", "5 %") == 0
    text = capsys.readouterr().out
    shown = (
        "NdFeB magnets, 2024-01 to 2026-06", "peak price paid in Germany", "unmet demand, Japan, wind",
        "probability of > 5 % unmet", "Money, all goods", "outputs/c/comparison.xlsx",
    )  # fmt: skip
    assert [words for words in shown if words not in text] == []
    assert "ree-licence-2025" not in text
    assert (tmp_path / "outputs/c/comparison.xlsx").stat().st_size > 3000
    # What is printed in place of the table can go into a pipe.
    for form, beginning in (("csv", "baseline,scenario,"), ("iamc", "model,scenario,")):
        assert _call(*quiet, "--table", form, "--to", "-") == 0
        assert capsys.readouterr().out.startswith(beginning)
    assert _call(*quiet, "--table", "iamc") == 0
    assert capsys.readouterr().out.endswith("table: outputs/c/comparison-iamc.csv\n")
    long = read_as_pyam(tmp_path / "outputs/c/comparison-iamc.csv")
    assert set(long["scenario"]) == set(names)
    assert set(long["year"]) == {2024, 2025}
    assert set(long["unit"][long["variable"].str.startswith("Price|")]) == {"USD/t"}
    (tmp_path / "outputs/c/comparison-iamc.csv").unlink()
    conditions = ("--fail-if", "multiple.dysprosium > 1.5", "--fail-if", "shortage.USA.magnets > 99 %")
    assert _call(*quiet, *conditions, "--json", "x.json") == 5
    said = capsys.readouterr().err.splitlines()
    assert said[0] == "does not hold: shortage.USA.magnets > 99 %"
    assert said[-1] == "failed: 1 of 2 conditions of --fail-if holds (exit code 5)"
    judged = json.loads((tmp_path / "x.json").read_text())["conditions"]
    assert [entry["holds"] for entry in judged] == [True, False]
    before = sorted(tmp_path.rglob("*"))
    for words, message in REFUSED:
        with pytest.raises(MonaziteError, match=message):
            _call("compare", "c", "--no-plots", *words)
    assert sorted(tmp_path.rglob("*")) == before


def test_folders_of_pictures_are_named_by_the_heads_of_baselines() -> None:
    def made(identity: str, head: str) -> Compared:
        return Compared(Comparison(identity, (), (), {}, 2, names={identity: head}), [], [], [])

    plain, dated = made("base_0", "ban from 2026-07, stock 10 kt"), made("base_1", "baseline-2024")
    assert picture_folder(plain, [plain, dated]) == "ban-from-2026-07-stock-10-kt"
    assert picture_folder(dated, [plain, dated]) == "baseline-2024"
    # Where heads are alike, also on disks that do not tell capitals, the ids tell them apart.
    twin = made("base_2", "Baseline-2024")
    assert [picture_folder(one, [dated, twin]) for one in (dated, twin)] == ["base_1", "base_2"]
    assert picture_folder(made("base_3", "\u2026/.."), [plain]) == "base_3"


def test_a_single_run_finds_its_baseline_beside_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    names = ["baseline-2024", "ree-licence-2025", "half-licence"]
    campaign = run.run_scenarios(names, settings=run.Settings(members=2))
    single = next(r.directory for r in find_runs(campaign) if r.scenario == "ree-licence-2025")
    assert _call("compare", str(single), "--no-plots") == 0
    text = capsys.readouterr().out
    assert "half-licence" not in text
    assert text.startswith(("Dysprosium oxide", "NdFeB magnets"))


def test_the_campaign_is_named_by_date_and_scenario_and_never_reused() -> None:
    first = run.run_scenarios(["baseline-2024", "ree-licence-2025"], settings=run.Settings(members=1))
    second = run.run_scenarios(["baseline-2024", "ree-licence-2025"], settings=run.Settings(members=1))
    assert first.name.endswith("_ree-licence-2025")
    assert second.name == first.name + "-2"


def test_event_overrides_go_to_the_scenarios_that_have_the_event() -> None:
    loaded = run._load(
        ["baseline-2024", "ree-licence-2025"],
        ["events.licence.approval_share=20%", "assumptions.x=1", "+events.strike.type=outage"],
    )
    base, licence = (scenario.overrides for scenario in loaded)  # type: ignore[attr-defined]
    assert base == ("assumptions.x=1",)
    assert licence == ("events.licence.approval_share=20%", "assumptions.x=1", "+events.strike.type=outage")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("run", "nothing"), "unknown scenario"),
        (("run", "seed=3"), "no scenario given"),
        (("run", "baseline-2024", "--members", "0"), "at least 1"),
        (("run", "baseline-2024", "seed=x"), "not a whole number"),
        (("run", "baseline-2024", "--campaign", "../x"), "no folder name"),
        (("run", "baseline-2024", "baseline-2024"), "given twice"),
        (("compare", "outputs/none"), "no such directory"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(
    tmp_path: Path, words: tuple[str, ...], message: str
) -> None:
    with pytest.raises(MonaziteError, match=message):
        _call(*words)
    assert list(tmp_path.iterdir()) == []


def test_a_missing_baseline_says_what_to_run(tmp_path: Path) -> None:
    campaign = run.run_scenarios(["ree-licence-2025"], settings=run.Settings(members=2, seed=5))
    with pytest.raises(
        MonaziteError, match="monazite run baseline-2024 ree-licence-2025 --members 2 --seed 5"
    ):
        _call("compare", str(campaign))
    run.run_scenarios(["baseline-2024", "ree-licence-2025"], settings=run.Settings(members=2, campaign="d"))
    with pytest.raises(MonaziteError, match="did you mean 'dysprosium'"):
        _call("compare", "d", "--good", "dysprosum")


def test_demo_ends_with_the_pictures_and_the_page(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def write_report(campaign: Path, baseline: str, goods: list[str], target: Path) -> Path:
        assert (baseline, goods) == ("baseline-2024", ["dysprosium"])
        assert target.parent == campaign
        target.write_text("<!doctype html>", encoding="utf-8")
        return target

    # All kinds are drawn in test_run_then_compare.
    some = [kind for kind in kinds() if kind.name in ("price", "supply", "shortage")]
    monkeypatch.setattr("sim.plots.draw.kinds", lambda: some)
    # The page needs a world, which the stand-in has not; tests/report has a real one.
    monkeypatch.setattr("sim.commands.report.write_report", write_report)
    assert _call("demo", "--members", "3", "--quiet") == 0
    *lines, _, page = capsys.readouterr().out.splitlines()
    assert (tmp_path / page.strip()).read_text(encoding="utf-8").startswith("<!doctype html>")
    pictures = [line.strip() for line in lines[-3:]]
    assert all((tmp_path / picture).is_file() and picture.endswith(".png") for picture in pictures)


def test_help_imports_nothing_heavy() -> None:
    import subprocess

    code = (
        "import sys, argparse; from sim.commands import run, compare, check, demo\n"
        "s = argparse.ArgumentParser().add_subparsers()\n"
        "for m in (run, compare, check, demo): m.register(s)\n"
        "heavy = {'numpy', 'xarray', 'mesa', 'hydra', 'matplotlib', 'pandas', 'rich'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    # The process must not inherit this test's stand-in modules, hence a new interpreter.
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(run.__file__).parents[2])
