"""The Makefile on machines that are not ready: a clear message, no traceback, nothing left behind."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MAKE = shutil.which("make")
pytestmark = pytest.mark.skipif(MAKE is None, reason="make is not installed")


@pytest.fixture
def checkout(tmp_path):
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path)
    return tmp_path


def interpreter(folder: Path, body: str) -> None:
    """A stand-in for python3, alone on PATH."""
    folder.mkdir()
    script = folder / "python3"
    script.write_text("#!/bin/sh\n" + body)
    script.chmod(script.stat().st_mode | stat.S_IXUSR)


def make(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    assert MAKE
    environment = {"PATH": str(checkout / "bin"), "HOME": os.environ.get("HOME", "")}
    return subprocess.run(
        [MAKE, *arguments], cwd=checkout, env=environment, capture_output=True, text=True, check=False
    )


def test_python_too_old(checkout):
    old = 'case "$*" in *version_info*) exit 1;; --version) echo Python 3.9.2;; esac\n'
    interpreter(checkout / "bin", old)
    done = make(checkout, "demo")
    assert done.returncode == 2
    assert "needs Python 3.11 or later; found: Python 3.9.2" in done.stderr
    assert not (checkout / ".venv").exists()


def test_python_without_ensurepip(checkout):
    interpreter(checkout / "bin", 'case "$*" in *ensurepip*) exit 1;; *) exit 0;; esac\n')
    done = make(checkout, "test")
    assert done.returncode == 2
    assert "python3-venv" in done.stderr
    assert not (checkout / ".venv").exists()


def test_no_python_at_all(checkout):
    (checkout / "bin").mkdir()
    done = make(checkout, "demo")
    assert done.returncode == 2
    assert "needs Python 3.11 or later" in done.stderr


def test_bare_make_names_the_two_commands(checkout):
    done = subprocess.run([MAKE], cwd=checkout, capture_output=True, text=True, check=True)
    assert re.findall(r"make (\w+)", done.stdout) == ["demo", "test"]


def test_continuous_integration_runs_make_test_and_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    orders = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert orders == ["exec make test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
