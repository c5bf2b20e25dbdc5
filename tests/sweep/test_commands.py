"""The commands sweep, resume and rerun as their users meet them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sim.cli import main
from sim.sweep import open_sweep, run_parameters
from sim.sweep.journal import read_journal
from tests.sweep.stores import BAN, QUICK, differences, snapshot

ROOT = Path(__file__).resolve().parents[2]
LICENCE = ("ree-licence-2025", "minerals=[dysprosium]", "time.end=2025-06")
SPEED, SHARE = "assumptions.thrift_speed", "events.licence.approval_share"
LOCAL = ("--executor", "local")


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def the_sweep() -> Path:
    (file,) = Path("outputs").glob("*/sweep.json")
    return file.parent


def test_dry_run_says_what_it_takes_and_writes_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    words = (
        "sweep", *LICENCE, "events.licence.approval_share=0%,20%,40%",
        "assumptions.thrift_speed=interval(0.1,0.6)",
        "events.licence.from=2025-04-04,2025-05-01",
        "--method", "lhs", "--samples", "40", "--seeds", "5", "--dry-run",
    )  # fmt: skip
    code, out, _ = run(capsys, *words)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].endswith(": 200 runs = 40 LHS samples x 5 seeds")
    assert lines[2].split() == ["events.licence.approval_share", "0%,", "20%,", "40%", "share"]
    assert lines[3].split() == ["assumptions.thrift_speed", "uniform", "0.1", "to", "0.6", "number"]
    assert "2025-04-04, 2025-05-01" in lines[4]
    assert lines[4].endswith("a scenario each")
    assert " ".join(lines[5:7]) == (
        "Note: with 40 points sensitivity indices are hardly known; for ±0.1 take --samples 512."
    )
    assert lines[7] == "new 200 | stored 0 | taken over from other sweeps 0"
    assert "there is no sweep of ree-licence-2025" in lines[8]
    for word in ("about", "GB of memory", "MB of disk", "worker"):
        assert word in lines[9]
    assert not Path("outputs").exists()


def test_sweep_resume_rerun_compare(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sweep", "baseline-2024", *LICENCE, "--members", "6", *LOCAL, "--json", "summary.json")
    code, out, err = run(capsys, *words)
    assert code == 0, err
    summary = json.loads(Path("summary.json").read_text())
    assert (summary["runs"], summary["stored"], summary["failed"]) == (12, 0, [])
    name = f"outputs/{the_sweep().name}"
    assert "12 runs: 12 new in " in out
    assert f"  {name}/ree-licence-2025: 6 members, arrays.zarr" in out
    assert f"compare: monazite compare {name}\n" in out
    before = snapshot(the_sweep())
    code, out, _ = run(capsys, "sweep", "baseline-2024", *LICENCE, "--members", "6", "--dry-run")
    assert "new 0 | stored 12 | taken over from other sweeps 0\n  all of it is there" in out
    code, out, _ = run(capsys, "resume", summary["id"][:5], *LOCAL)
    assert code == 0
    assert "12 runs: 0 new in " in out
    assert ", 12 were stored -> " in out
    assert differences(snapshot(the_sweep()), before) == []
    code, out, _ = run(capsys, "rerun", f"{summary['id']}/9", "--json", "run.json")
    assert code == 0
    assert "run 9: ree-licence-2025, sample 0, replicate 3, member number 3, seed 1" in out
    rerun = json.loads(Path("run.json").read_text())
    stored = open_sweep(summary["id"]).outcomes().sel(run=9)
    for measure in ("peak_price_outside", "unmet_tonnes"):
        for good, value in rerun[measure].items():
            assert float(stored[measure].sel(good=good)) == pytest.approx(value, rel=1e-4, abs=1e-6)
    code, out, _ = run(capsys, "compare", name, "--good", "dysprosium_oxide", "--plots", "plots")
    assert code == 0
    drawn, not_drawn = out.split(", each as png, svg and csv\n")
    assert len(list(Path("plots").rglob("*.png"))) == int(drawn.split()[-2]) > 0
    assert "Sensitivity: no assumption varies between the members" in not_drawn
    assert "ree-licence-2025" in out
    assert "peak price outside China" in out


def test_settings_as_overrides(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(
        capsys, "sweep", "baseline-2024", *QUICK, "members=3", "executor=local", "batch=2"
    )
    assert code == 0
    assert "3 runs = 3 replicates" in out
    code, out, _ = run(
        capsys, "sweep", "baseline-2024", *QUICK, "members=2", "seed=range(4,6)", "executor=local"
    )
    assert code == 0
    seeds = {tuple(open_sweep(p.parent).design["seed"]) for p in Path("outputs").glob("*/sweep.json")}
    assert seeds == {(1, 1, 1), (4, 4, 5, 5)}


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sweep",), "the following arguments are required: NAME|KEY=VALUE"),
        (("sweep", "baseline-2025"), "there is no scenario 'baseline-2025'"),
        (("sweep", "baseline-2024", "--members", "0"), "members must be at least 1, not 0"),
        (("sweep", "baseline-2024", f"{SPEED}=interval(0,1)"), "a distribution needs a design"),
        (("sweep", "ree-licence-2025", f"{SHARE}=0%,20"), "'20' has no unit; write for example '20 %'"),
        (("sweep", "baseline-2024", "seed=shuffle(1,2)"), "a sweep stands where one value is needed"),
        (("sweep", "baseline-2024", "--executor", "dask"), "executor 'dask' needs --address"),
        (("sweep", "baseline-2024", "--executor", "ray"), "unknown word 'ray'"),
        (("sweep", "baseline-2024", *QUICK, "--workers", "0"), "workers must be at least 1, not 0"),
        (("sweep", "baseline-2024", "--members", "2", "--batch", "0"), "batch must be at least 1, not 0"),
        (("resume", "00000000"), "there is no sweep '00000000' in outputs; there are: none"),
        (("rerun", "00000000"), "'00000000' is no run; write for example a41f9c2e/77"),
    ],
)  # fmt: skip
def test_bad_input(capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str) -> None:
    code, _, err = run(capsys, *words)
    assert code == 2
    assert message in err
    assert not list(Path(".").glob("outputs/*/journal.jsonl"))


def test_failed_run_is_named_and_repeated(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    from sim.engine.simulation import Simulation

    step = Simulation.step

    def breaks(self: Simulation) -> None:
        if 2 in self.case.members and self.time == 3:
            raise FloatingPointError("no price clears this market")
        step(self)

    monkeypatch.setattr(Simulation, "step", breaks)
    code, out, err = run(capsys, "sweep", "baseline-2024", *QUICK, "--members", "4", *LOCAL)
    assert code == 3
    assert err.splitlines()[-1] == "finished with failures: 1 of 4 runs failed (exit code 3)"
    (line,) = [line for line in out.splitlines() if "repeat one" in line]
    assert line.endswith("/2 --debug")
    assert f"failed 1: see outputs/{the_sweep().name}/errors/" in out
    text = (the_sweep() / "errors" / "2.txt").read_text()
    assert "no price clears this market" in text
    code = main(["rerun", line.split()[4]])
    printed = capsys.readouterr()
    assert code == 1
    assert "FloatingPointError: no price clears this market" in printed.err


@pytest.mark.slow
@pytest.mark.parametrize(
    ("number", "code", "executor"),
    [(signal.SIGINT, 130, "processes"), (signal.SIGTERM, 143, "local")],
)
def test_signals_finish_the_runs_in_flight(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], number: signal.Signals, code: int, executor: str
) -> None:
    words = [
        "sweep",
        "baseline-2024",
        *QUICK,
        "time.end=2024-12",
        "--members",
        "640",
        "--executor",
        executor,
    ]
    if executor != "local":
        words += ["--workers", "2"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        [sys.executable, "-W", "error::UserWarning", "-m", "sim.cli", *words],
        cwd=tmp_path, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
    ) as process:  # fmt: skip
        until = time.monotonic() + 120
        while not any(read_journal(p) for p in Path("outputs").glob("*/journal.jsonl")):
            assert time.monotonic() < until
            assert process.poll() is None
            time.sleep(0.02)
        # As a terminal does it: to the whole group.
        os.killpg(process.pid, number) if number == signal.SIGINT else process.send_signal(number)
        out, err = process.communicate(timeout=120)
    assert process.returncode == code, err
    assert "Traceback" not in err
    assert "stopping; the runs in flight are finished first" in err
    done = sum(32 for entry in read_journal(the_sweep() / "journal.jsonl").values() if entry)
    assert 0 < done < 640
    assert f"stopped after {done} of 640 runs. Continue with: monazite resume " in out
    assert not open_sweep(the_sweep()).complete


def test_one_function_interface() -> None:
    parameters = {"events__licence__approval_share": 0.0}
    harsh = run_parameters(*LICENCE, goods=["dysprosium_oxide"], **parameters)
    mild = run_parameters(*LICENCE, goods=["dysprosium_oxide"], events__licence__approval_share=0.9)
    assert harsh["unmet_tonnes__dysprosium_oxide"] > mild["unmet_tonnes__dysprosium_oxide"] > 0
    assert mild["peak_price_ratio__dysprosium_oxide"] > 0.9
    assert set(harsh) == {
        f"{outcome}__dysprosium_oxide"
        for outcome in (
            "peak_price_outside",
            "mean_price_outside",
            "peak_price_ratio",
            "unmet_tonnes",
            "unmet_share",
        )
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"events__licence__aproval_share": 0.1}, "did you mean 'events.licence.approval_share'"),
        ({"assumptions__thrift_sped": 0.1}, "assumptions.thrift_sped: no parameter is called so"),
    ],
)
def test_one_function_interface_refuses(parameters: dict[str, float], message: str) -> None:
    from sim.errors import MonaziteError

    with pytest.raises(MonaziteError, match=message):
        run_parameters(*LICENCE, **parameters)


def test_quick_commands_stay_quick_and_work_is_not_imported() -> None:
    heavy = "{'numpy', 'zarr', 'hydra', 'pandas', 'rich'}"
    program = (
        "import contextlib, sys\nfrom sim.cli import main\nwith contextlib.suppress(SystemExit):\n"
        f"    main(['sweep', '--help'])\nprint({heavy} & set(sys.modules), file=sys.stderr)"
    )
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == "set()\n"


def test_ban_that_happens_in_some_members_is_swept(capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sweep", "baseline-2024", *QUICK, BAN, "events.ban.probability='50 %'", "--members", "8", *LOCAL)
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "failed" not in out
    drawn = open_sweep(the_sweep()).dataset("baseline-2024")["drawn"]
    happens = drawn.sel(draw="events.ban").values
    assert set(happens) == {0.0, 1.0}


def test_what_the_estimate_promises_is_kept(capsys: pytest.CaptureFixture[str]) -> None:
    """Delays that differ by member, and a member that is left alone at the end of a block."""
    words = (
        "sweep", "arctic-route", "events.route.delay=-10 days,-20 days,30 days", "minerals=[tantalum]",
        "time.end=2031-03", *LOCAL,
    )  # fmt: skip
    code, out, _ = run(capsys, *words, "--dry-run")
    assert code == 0
    assert out.splitlines()[0].endswith(": 3 runs = 3 grid samples x 1 seed")
    code, out, _ = run(capsys, *words)
    assert code == 0
    assert "3 runs: 3 new" in out
    stock = open_sweep(the_sweep()).dataset("arctic-route")["buyer_stock"].values
    assert len({values.tobytes() for values in stock}) == 3
    code, out, _ = run(capsys, "rerun", f"{the_sweep()}/2")
    assert code == 0
    assert "tantalum" in out
