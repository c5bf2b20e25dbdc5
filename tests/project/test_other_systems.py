"""The package runs where only Windows' part of Python's library is to be had.

A fresh interpreter hides from the project's own modules, and from these alone, what Python has on POSIX
systems only: libraries have their own ways on Windows, which cannot be tried here.
"""

import importlib.util
import json
import os
import pkgutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import sim

ROOT = Path(__file__).resolve().parents[2]
PROGRAM = ROOT / "tests" / "project" / "without_posix.py"


def without_posix(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(
        [sys.executable, str(PROGRAM), *words],
        cwd=folder, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip


def modules() -> list[str]:
    found = [module.name for module in pkgutil.walk_packages(sim.__path__, "sim.")]
    if importlib.util.find_spec("numba") is None:
        # Without it the compiled engine's code is never imported, but what asks for it is.
        room, plain = "sim.market.compiled.", ("engine", "places", "tables")
        found = [name for name in found if not name.startswith(room) or name.removeprefix(room) in plain]
    return ["sim", *found, "hydra_plugins.monazite_launcher"]


SMALL = ["minerals=[gallium]", "time.end=2024-02"]
COMMANDS = (
    (["list", "scenarios"], "baseline-2024"),
    (["run", "baseline-2024", *SMALL, "--members", "2"], "certified"),
    (["sweep", "baseline-2024", *SMALL, "--members", "3", "--executor", "local"], "3 runs"),
)


@pytest.fixture(scope="module")
def tried(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What came of importing all modules and running the commands, in one process."""
    folder = tmp_path_factory.mktemp("windows")
    names = [name for name in modules() if name != "sim.__main__"]
    asked = {"modules": names, "commands": [words for words, _ in COMMANDS]}
    (folder / "asked.json").write_text(json.dumps(asked), encoding="utf-8")
    done = without_posix(folder, "try", "asked.json")
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_every_module_is_imported(tried: dict[str, Any]) -> None:
    assert len(tried["modules"]) > 150
    assert set(tried["modules"]) == set(modules()) - {"sim.__main__"}


@pytest.mark.parametrize(
    "line",
    [
        "import fcntl",
        "from resource import getrusage",
        "import os; os.getuid()",
        "from os import O_NOFOLLOW",
        "import signal; signal.SIGHUP",
        "import os.path; import pwd",
    ],
)
def test_what_is_hidden_is_missed(tmp_path: Path, line: str) -> None:
    (tmp_path / "sim_probe.py").write_text(line + "\n", encoding="utf-8")
    done = without_posix(tmp_path, "import", "sim_probe")
    assert done.returncode == 1
    assert "Error" in done.stderr.splitlines()[-1]


@pytest.mark.parametrize("place", range(len(COMMANDS)), ids=lambda place: COMMANDS[place][0][0])
def test_commands_run(tried: dict[str, Any], place: int) -> None:
    code, out = tried["commands"][place]
    assert code == 0, out
    assert COMMANDS[place][1] in out
