"""The Makefile on machines that are not ready: a clear message, no traceback, nothing left behind."""

import os
import re
import shutil
import stat
import subprocess
from pathlib import Path

import pytest
import yaml

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
    folder.mkdir(parents=True)
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


def test_hooks_run_what_lint_and_types_run() -> None:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    recipes = re.findall(r"^(?:lint|types): \$\(STAMP\)\n((?:\t.*\n)+)", text, re.MULTILINE)
    lines = [line for recipe in recipes for line in recipe.splitlines()]
    orders = [line.strip().replace("$(BIN)", ".venv/bin") for line in lines]
    assert len(orders) == 3
    settings = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8"))
    (local,) = settings["repos"]
    assert local["repo"] == "local"
    assert [hook["entry"] for hook in local["hooks"]] == orders
    assert all(hook["language"] == "system" and not hook["pass_filenames"] for hook in local["hooks"])


def rooms() -> list[str]:
    return sorted({path.parent.name for path in (ROOT / "tests").glob("*/test_*.py")})


def with_rooms(checkout: Path) -> None:
    """Test folders as here, without their content, and an environment that only says what it is asked."""
    for room in rooms():
        (checkout / "tests" / room).mkdir(parents=True)
        (checkout / "tests" / room / "test_it.py").touch()
    (checkout / "tests" / "scenarios").mkdir()
    interpreter(checkout / ".venv" / "bin", "exit 0\n")
    python = checkout / ".venv" / "bin" / "python"
    shutil.copy(checkout / ".venv" / "bin" / "python3", python)
    (checkout / "bin").symlink_to(checkout / ".venv" / "bin")
    for tool in ("mkdir", "touch"):
        found = shutil.which(tool)
        assert found
        (checkout / "bin" / tool).symlink_to(found)


@pytest.mark.parametrize("room", ["engine", "market"])
def test_the_tests_of_one_room(checkout: Path, room: str) -> None:
    with_rooms(checkout)
    done = make(checkout, f"test-{room}")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f".venv/bin/python -m pytest -n auto tests/{room}"


@pytest.mark.parametrize("room", ["scenarios", "engines", "kitchen"])
def test_an_unknown_room_is_said(checkout: Path, room: str) -> None:
    with_rooms(checkout)
    done = make(checkout, f"test-{room}")
    assert done.returncode == 2
    assert f"there is no room '{room}' in tests/; there are: {' '.join(rooms())}\n" in done.stderr
    assert done.stdout == ""


def test_continuous_integration_runs_make_test_and_nothing_else():
    lines = (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()
    orders = [line for line in lines if line and not line.startswith(("#", "set ", "cd "))]
    assert orders == ["exec make test"]
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
