"""Numbers that nobody can pay for are refused before memory is taken for them."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import pytest

from sim.cli import main
from sim.scenario.sweep_spec import METHODS, Axis, Design
from sim.sweep.design import count_points, unit_points

WORDS = ("minerals=[gallium]", "time.end=2024-02")
LOT = "make several sweeps, each with another --seed"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("sweep", "baseline-2024", "--members", "100000000", "--dry-run"), LOT),
        (("sweep", "baseline-2024", "--members", "1000000000"), LOT),
        (("sweep", "baseline-2024", "seed=range(0,100000000)"), "more than 100,000 values to vary"),
        (("sweep", "baseline-2024", "seed=range(0,90000)", "--members", "1000"), LOT),
        (("sweep", "baseline-2024", "assumptions.thrift_speed=interval(0.1,0.6)", "--method", "saltelli",
          "--samples", "524288"), LOT),
        (("sweep", "baseline-2024", "assumptions.thrift_speed=interval(0.1,0.6)", "--method", "lhs",
          "--samples", "1000", "--seeds", "1001"), LOT),
        (("run", "baseline-2024", "members=10000000"), "or use 'monazite sweep', which stores members"),
        (("hindcast", "gallium-2023", "--members", "100000000"), "members needs about"),
        (("calibrate", "--draws", "100000000"), "draws must be at most 500,000"),
    ],
)  # fmt: skip
def test_too_many_are_refused_at_once(
    words: tuple[str, ...], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    tracemalloc.start()
    try:
        code = main([*words, *(WORDS if words[0] == "sweep" else ())])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code == 2
    assert message in capsys.readouterr().err
    assert peak < 200e6
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("second_order", [False, True])
def test_points_are_counted_without_making_them(method: str, second_order: bool) -> None:
    axes = [Axis(f"assumptions.{name}", texts=("1", "2"), numbers=(1.0, 2.0)) for name in "abc"]
    samples = None if method in ("grid", "zip") else 8
    design = Design(method=method, samples=samples, second_order=second_order)
    assert count_points(axes, design) == len(unit_points(axes, design, 1))
