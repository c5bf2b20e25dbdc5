"""What a machine is found to give, and what a process is found to have taken."""

from __future__ import annotations

import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import psutil
import pytest

from sim.sweep import machine


@pytest.mark.skipif(sys.platform not in ("linux", "win32"), reason="no peak is to be had")
def test_a_peak_outlives_what_made_it() -> None:
    held = np.ones(30_000_000)
    assert held.nbytes == 240_000_000
    del held
    assert machine.peak_bytes() > psutil.Process().memory_info().rss + 200_000_000


def test_the_kernels_mark_is_read_on_linux(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    status = tmp_path / "status"
    status.write_text("Name:\tpython\nVmPeak:\t 9000 kB\nVmHWM:\t 1234 kB\nVmRSS:\t 1000 kB\n")
    monkeypatch.setattr(sys, "platform", "linux")
    monkeypatch.setattr(machine, "STATUS", status)
    assert machine.peak_bytes() == 1234 * 1024


@pytest.mark.parametrize(
    ("platform", "memory", "expected"),
    [
        ("win32", SimpleNamespace(rss=5, peak_wset=8), 8),
        ("darwin", SimpleNamespace(rss=5), 5),
        ("linux", SimpleNamespace(rss=5), 5),
    ],
)
def test_elsewhere_psutil_is_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, platform: str, memory: SimpleNamespace, expected: int
) -> None:
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(machine, "STATUS", tmp_path / "none")
    monkeypatch.setattr(psutil, "Process", lambda: SimpleNamespace(memory_info=lambda: memory))
    assert machine.peak_bytes() == expected


def test_a_container_has_less_than_the_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limit, used = tmp_path / "limit", tmp_path / "used"
    limit.write_text("1000000\n")
    used.write_text("400000\n")
    missing = tmp_path / "none"
    monkeypatch.setattr(machine, "CGROUP", ((missing, missing), (limit, used)))
    assert machine.available_bytes() == 600_000
    limit.write_text("max\n")
    assert machine.available_bytes() > 600_000
