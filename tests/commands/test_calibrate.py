"""``monazite calibrate``: searching, stopping, reporting, adopting."""

from __future__ import annotations

import json
import os
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.agents.parameters import read_priors
from sim.cli import main
from sim.errors import MonaziteError
from sim.past import search as searching
from sim.past.adopt import adopt
from sim.past.episodes import episodes
from sim.past.posterior import aims
from sim.past.search import open_search
from tests.sweep.test_search import content
from tests.sweep.toy_search import Values

ROOT = Path(__file__).resolve().parents[2]
TARGETS = len(aims(episodes()))
FIRST, SECOND = list(read_priors())[:2]
COUNT = len(read_priors())


def answer(_: object, parameters: Any, values: Values) -> Values:
    """Statistics that depend on the first two parameters alone."""
    low, high = np.array(list(read_priors().values())).T
    unit = (values - low) / (high - low)
    statistics = np.ones((len(values), TARGETS))
    statistics[:, 0] = 3 * np.exp(unit[:, 0] - 0.5)
    statistics[:, 1] = 0.6 * np.exp(2 * (unit[:, 1] - 0.5))
    return statistics


@pytest.fixture(autouse=True)
def _known_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(searching, "run_draws", answer)


def calibrate(out: Path, *more: str) -> int:
    return main(["calibrate", "--draws", "200", "--workers", "1", "--out", str(out), *more])


def test_it_prints_and_writes_what_it_found(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert calibrate(tmp_path / "c", "--json", str(tmp_path / "c.json")) == 0
    printed, told = capsys.readouterr()
    assert printed.startswith(f"200 draws of {COUNT} parameters on {TARGETS} targets, seed 1 -> ")
    assert "10 draws kept, which count as " in printed
    assert "200/200" in told
    assert "failed" not in told
    found = open_search(tmp_path / "c")
    said = json.loads((tmp_path / "c.json").read_text())
    assert [row["parameter"] for row in said["parameters"]] == list(read_priors())
    assert said["parameters"] == found.parameters()
    assert said["targets"][0]["median"] == found.quantile("C8", 0.5)
    central = found.ends[0]
    assert f"distance {central['distance']:.2f}, score {central['score']:.2f}" in printed
    rows = (tmp_path / "c" / "parameters.csv").read_text().splitlines()
    assert rows[0] == "parameter,prior_low,prior_high,median,p10,p90"
    assert len(rows) == COUNT + 1


def test_ctrl_c_leaves_a_folder_that_the_same_command_finishes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(tmp_path / "whole") == 0
    calls: list[int] = []

    def interrupted(*args: Any) -> Values:
        calls.append(1)
        if len(calls) == 2:
            os.kill(os.getpid(), signal.SIGINT)
        return answer(*args)

    monkeypatch.setattr(searching, "run_draws", interrupted)
    capsys.readouterr()
    assert calibrate(tmp_path / "c") == 130
    printed, told = capsys.readouterr()
    assert "stopping; the draws in flight are finished first (Ctrl-C again: at once)" in told
    assert printed.splitlines()[-1] == (
        "stopped; what is finished is kept. Continue with: monazite calibrate --draws 200 --seed 1 --out "
        f"{tmp_path / 'c'}"
    )
    assert len(calls) == 2
    assert calibrate(tmp_path / "c") == 0
    assert content(tmp_path / "c") == content(tmp_path / "whole")


def test_a_finished_search_is_reported_and_drawn_without_new_draws(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert calibrate(tmp_path / "c") == 0
    first = capsys.readouterr().out.split("\n", 1)[1]
    monkeypatch.setattr(searching, "run_draws", None)
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)
    plots = tmp_path / "p"
    assert main(["calibrate", "--from", str(tmp_path / "c"), "--plots", str(plots)]) == 0
    printed, told = capsys.readouterr()
    assert printed == first
    names = ["identifiability", "influence", "residuals"]
    assert told.count(".png: ") == 3
    assert sorted(p.name for p in plots.iterdir()) == sorted(
        f"calibration_{name}.{kind}" for name in names for kind in ("png", "svg", "csv")
    )


def test_mistakes_are_explained(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def message(*words: str) -> str:
        assert main(["calibrate", *words]) == 2
        return capsys.readouterr().err.strip()

    assert message("--from", str(tmp_path), "--draws", "100", "--out", "x") == (
        "--from searches nothing, so --draws and --out cannot stand beside it"
    )
    assert message("--draws", "70") == "draws must be a multiple of 50, at least 100, not 70"
    out = str(tmp_path / "c")
    assert message("--draws", "100", "--workers", "0", "--out", out) == "workers must be at least 1, not 0"
    assert calibrate(tmp_path / "c") == 0
    capsys.readouterr()
    assert message("--draws", "100", "--seed", "2", "--out", out) == (
        f"{out} holds another search: the number of draws, the seed differ; name another folder with --out"
    )


def test_adopting_changes_three_cells_of_each_searched_row_and_copies_the_sample(tmp_path: Path) -> None:
    assert calibrate(tmp_path / "c") == 0
    for part in ("assumptions/behaviour.csv", "targets/SOURCES.md"):
        target = tmp_path / "checkout" / "data" / "raw" / part
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / "data" / "raw" / part, target)
    found = open_search(tmp_path / "c")
    table, sample = adopt(found, tmp_path / "checkout")
    assert sample.read_bytes() == (tmp_path / "c" / "posterior.csv").read_bytes()
    before = (ROOT / "data" / "raw" / "assumptions" / "behaviour.csv").read_text().splitlines()
    after = table.read_text().splitlines()
    assert len(after) == len(before)
    expected = {row["parameter"]: row for row in found.parameters()}
    changed = set()
    for old, new in zip(before, after, strict=True):
        name, scope, value, low, high, rest = new.split(",", 5)
        if name in expected and scope == "all":
            changed.add(name)
            assert rest == old.split(",", 5)[5]
            for text, part in ((value, "median"), (low, "p10"), (high, "p90")):
                assert float(text) == pytest.approx(expected[name][part], rel=1e-3)
        else:
            assert new == old
    assert changed == set(read_priors())


def test_a_searched_parameter_that_the_table_lost_is_named(tmp_path: Path) -> None:
    assert calibrate(tmp_path / "c") == 0
    raw = tmp_path / "checkout" / "data" / "raw"
    (raw / "assumptions").mkdir(parents=True)
    (raw / "targets").mkdir()
    head = "parameter,scope,value,low,high,prior_low,prior_high,held,draw,unit,source,confidence\n"
    (raw / "assumptions" / "behaviour.csv").write_text(head)
    with pytest.raises(MonaziteError, match=f"has no parameter '{FIRST}'"):
        adopt(open_search(tmp_path / "c"), tmp_path / "checkout")
    assert not (raw / "targets" / "posterior.csv").exists()


def test_a_world_is_built_with_the_adopted_sample(tmp_path: Path) -> None:
    from sim.world.build.build import _write_posterior
    from sim.world.build.raw import Raw

    raw, world = tmp_path / "data" / "raw", tmp_path / "data" / "world"
    shutil.copytree(ROOT / "data" / "raw" / "assumptions", raw / "assumptions")
    (raw / "targets").mkdir()
    assert calibrate(tmp_path / "c") == 0
    shutil.copy(tmp_path / "c" / "posterior.csv", raw / "targets")
    _write_posterior(tmp_path, world, Raw(tmp_path))
    header, *rows = (world / "posterior.csv").read_text().splitlines()
    assert header == ",".join([*read_priors(), "weight"])
    given = [line.split(",") for line in (tmp_path / "c" / "posterior.csv").read_text().splitlines()[1:]]
    assert [row.split(",") for row in rows] == [[*row[:COUNT], row[-1]] for row in given]
    (raw / "targets" / "posterior.csv").write_text(f"{FIRST},weight\n1,1\n")
    with pytest.raises(MonaziteError, match=f"has no column '{SECOND}', which behaviour"):
        _write_posterior(tmp_path, world, Raw(tmp_path))
    (raw / "targets" / "posterior.csv").unlink()
    _write_posterior(tmp_path, world, Raw(tmp_path))
    assert not (world / "posterior.csv").exists()
