"""``python -m sim -m``: Hydra's multirun as one sweep, and with the launchers of others."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

from sim.sweep import open_sweep
from sim.sweep.request import Keeping, Sampling
from tests.sweep.stores import LOCAL, SERVER, differences, quick_plan, snapshot

ROOT = Path(__file__).resolve().parents[2]
SHORT = ("+minerals=[gallium]", "+time.end='2024-03'", "quiet=true")


def multirun(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    return subprocess.run(
        [sys.executable, "-m", "sim", "-m", *words], cwd=folder, env=environment, capture_output=True,
        text=True, check=False,
    )  # fmt: skip


def _as_program(folder: str, words: tuple[str, ...]) -> None:
    os.chdir(folder)
    with open("said", "w", encoding="utf-8") as said:
        os.dup2(said.fileno(), 1)
        os.dup2(said.fileno(), 2)
    sys.argv = ["sim", "-m", *words]
    runpy.run_module("sim", run_name="__main__", alter_sys=True)


def forked_multirun(folder: Path, *words: str) -> tuple[int | None, str]:
    """The same in a process that has the libraries loaded already: exit status, and what it printed."""
    process = SERVER.Process(target=_as_program, args=(str(folder), words))
    process.start()
    process.join()
    return process.exitcode, (folder / "said").read_text(encoding="utf-8")


@pytest.mark.slow
def test_many_jobs_are_one_sweep(tmp_path: Path) -> None:
    done = multirun(
        tmp_path, "scenario=baseline-2024,ree-licence-2025", "seed=range(0,6)", "members=1", *SHORT,
        "hydra.launcher.executor=local",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    (file,) = tmp_path.glob("outputs/*/sweep.json")
    assert done.stdout == f"12 of 12 runs in outputs/{file.parent.name}\n"
    sweep = open_sweep(file.parent)
    assert sweep.complete
    assert list(sweep.design["seed"]) == [*range(6)] * 2
    # Two simulations in place of 12: one block to each scenario.
    timings = [json.loads(line) for line in (file.parent / "timings.jsonl").read_text().splitlines()]
    assert len(timings) == 2


@pytest.mark.slow
def test_values_are_stacked_and_the_store_is_that_of_the_command(tmp_path: Path) -> None:
    words = ("scenario=baseline-2024", "members=2", "+assumptions.thrift_speed=0.2,0.4", *SHORT)
    code, said = forked_multirun(tmp_path, *words, "hydra.launcher.executor=local")
    assert code == 0, said
    (file,) = tmp_path.glob("outputs/*/sweep.json")
    from sim.sweep.execute import execute

    plan = quick_plan(
        members=None,
        keeping=Keeping(),
        overrides=["time.end=2024-03"],
        vary={"assumptions.thrift_speed": [0.2, 0.4]},
        sampling=Sampling(seeds=2),
    )
    other = execute(plan, tmp_path / "other", LOCAL)
    mine, theirs = snapshot(file.parent), snapshot(other.directory)
    same = [name for name in mine if "/c/" in name or "/tables/" in name]
    assert len(same) > 30
    assert differences({k: mine[k] for k in same}, {k: theirs.get(k, b"") for k in same}) == []


def test_the_engine_by_one_override(tmp_path: Path) -> None:
    pytest.importorskip("numba", reason="THE COMPILED ENGINE IS NOT TESTED: pip install '.[fast]'")
    words = "scenario=baseline-2024", "seed=1,2", "members=1", "engine=compiled", *SHORT
    code, said = forked_multirun(tmp_path, *words, "hydra.launcher.executor=local")
    assert code == 0, said
    (file,) = tmp_path.glob("outputs/*/sweep.json")
    (variant,) = json.loads(file.read_text(encoding="utf-8"))["variants"]
    assert "engine='compiled'" in variant["overrides"]


@pytest.mark.slow
@pytest.mark.parametrize(("launcher", "seeds"), [("joblib", [1, 2]), ("submitit_local", [3])])
def test_other_launchers_by_one_override(tmp_path: Path, launcher: str, seeds: list[int]) -> None:
    """With submitit each job is a process that starts anew, so one is enough."""
    given = ",".join(map(str, seeds))
    done = multirun(tmp_path, f"seed={given}", "members=1", *SHORT, f"hydra/launcher={launcher}")
    assert done.returncode == 0, done.stderr
    manifests = [json.loads(p.read_text()) for p in tmp_path.glob("outputs/*/baseline-2024-*/manifest.json")]
    assert sorted(m["seed"] for m in manifests) == seeds


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("seed=1,2", "members=1,2"), "members: cannot differ between the jobs of one sweep"),
        (("scenario=baseline-2024,baselin-2024",), "there is no scenario 'baselin-2024'"),
        (("+assumptions.thrift_sped=1,2",), "did you mean 'thrift_speed'"),
    ],
)
def test_bad_input(tmp_path: Path, words: tuple[str, ...], message: str) -> None:
    code, said = forked_multirun(tmp_path, *words, *SHORT)
    assert code == 2
    assert message in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("outputs/*/sweep.json"))
