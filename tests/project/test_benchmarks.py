"""The benchmark harness: verdicts, medians, the file it writes."""

import json
import subprocess
import sys

import pytest

from benchmarks import harness
from benchmarks.__main__ import main, names


@pytest.mark.parametrize(("value", "must", "met"), [(1.0, 2.0, True), (2.0, 2.0, True), (2.1, 2.0, False)])
def test_a_bound_is_met_up_to_and_including_itself(value, must, met):
    assert harness.Figure("x", value, "s", must=must).met is met


@pytest.mark.parametrize(("value", "met"), [(19.9, False), (20.0, True), (21.0, True)])
def test_a_ratio_must_reach_its_bound(value, met):
    assert harness.Figure("x", value, "times", must=20.0, larger_is_better=True).met is met


def test_a_figure_without_a_bound_has_no_verdict():
    assert harness.Figure("x", 1.0, "s").met is None


def test_publish_writes_the_agreed_fields(tmp_path, monkeypatch):
    monkeypatch.setattr(harness, "OUTPUT", tmp_path / "bench")
    path = harness.publish("speed", [harness.Figure("a", 1.5, "s", must=1.0, aim=0.5)])
    assert path == tmp_path / "bench" / "speed.json"
    assert json.loads(path.read_text()) == [
        {
            "name": "a", "value": 1.5, "unit": "s", "must": 1.0, "aim": 0.5,
            "larger_is_better": False, "met": False,
        }
    ]
    assert list(path.parent.iterdir()) == [path]


def test_timing_counts_the_runs_after_the_warm_up(tmp_path):
    log = tmp_path / "calls"
    program = f"open({str(log)!r}, 'a').write('x'); sum(range(3_000_000))"
    timing = harness.timed([sys.executable, "-c", program], repeats=3, warm_up=1)
    assert log.read_text() == "xxxx"
    assert timing.processor > 0
    assert timing.wall > 0


def test_a_failing_command_is_an_error_and_not_a_time():
    with pytest.raises(RuntimeError, match="ended with 3"):
        harness.timed([sys.executable, "-c", "raise SystemExit(3)"])


def test_a_failing_program_is_an_error_and_not_a_time():
    with pytest.raises(RuntimeError, match="wrong on purpose"):
        harness.run_python("raise SystemExit('wrong on purpose')")


def test_every_benchmark_is_found_by_name():
    assert {"run_world", "run_commands", "run_demo"} <= set(names())


def test_a_benchmark_may_be_named_without_the_word_run(monkeypatch):
    started = []
    monkeypatch.setattr(subprocess, "run", lambda command, **_: started.append(command[-1]) or Done)
    assert main(["world", "run_demo"]) == 0
    assert started == ["benchmarks.run_world", "benchmarks.run_demo"]


class Done:
    returncode = 0


def test_unknown_benchmark(capsys):
    assert main(["nothing"]) == 2
    assert "run_world" in capsys.readouterr().err
