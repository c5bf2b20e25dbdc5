"""Damaged and forged folders: a sentence with a remedy, nothing written outside, and no wrong number.

``MONAZITE_TAMPERED`` sets how many (``make chaos``: 5,000).
"""

from __future__ import annotations

import contextlib
import io
import os
import random
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sim.errors import MonaziteError
from sim.results import load_run
from tests.results.tampered import tamper

TAMPERED = int(os.environ.get("MONAZITE_TAMPERED", "60"))
FIRST = int(os.environ.get("MONAZITE_TAMPERED_FIRST", "0"))
SECONDS = 20.0
QUICK = ("minerals=[gallium]", "time.end=2024-02")
pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes links and pipes")


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a run and a sweep that are as they should be."""
    folder = tmp_path_factory.mktemp("sound")
    with pytest.MonkeyPatch.context() as patch, contextlib.redirect_stdout(io.StringIO()):
        patch.chdir(folder)
        run = ["run", "baseline-2024", *QUICK, "--members", "2", "--campaign", "sent", "--quiet", "--full"]
        assert main(run) == 0
        sweep = ["sweep", "baseline-2024", *QUICK, "--members", "2", "--executor", "local", "--quiet"]
        assert main(sweep) == 0
    return folder


def _whole(run: Path) -> dict[str, np.ndarray]:
    return {str(name): values.values for name, values in load_run(run).dataset.items()}


def _tried(*words: str) -> tuple[int, str]:
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        code = main(list(words))
    return code, said.getvalue()


def test_tampered_folders(
    sound: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    from sim.sweep.read import open_sweep

    (run,) = (sound / "outputs" / "sent").iterdir()
    (sweep,) = (sound / "outputs").glob("baseline-*")
    expected = _whole(run)
    outside = tmp_path / "elsewhere" / "precious"
    (tmp_path / "elsewhere" / "folder").mkdir(parents=True)
    outside.write_text("precious\n")
    monkeypatch.chdir(tmp_path)
    # That blocks are computed again is tested elsewhere; here it would take most of the time.
    monkeypatch.setattr("sim.sweep.execute._compute", lambda *_: [])
    told: dict[str, int] = {}
    for number in range(FIRST, FIRST + TAMPERED):
        choose = random.Random(number)
        kind, source = choose.choice((("run", run), ("sweep", sweep)))
        copy = tmp_path / "outputs" / source.name
        shutil.copytree(source, copy)
        what = f"{number}, {kind}: {tamper(copy, outside, choose)}"
        began = time.perf_counter()
        try:
            if kind == "run":
                try:
                    found = _whole(copy)
                    result = "same"
                    if "signed" not in what:
                        assert found.keys() == expected.keys(), what
                        assert all(np.array_equal(found[k], expected[k], equal_nan=True) for k in found), what
                except MonaziteError as error:
                    result = "refused"
                    told["empty"] = told.get("empty", 0) + (not str(error))
            else:
                code, said = _tried("resume", str(copy), "--quiet")
                assert "Traceback" not in said, what
                assert code in (0, 1, 2), f"{what}: {code} {said}"
                result = ("done", "to be computed", "refused")[code]
                with contextlib.suppress(MonaziteError):
                    opened = open_sweep(copy)
                    _ = [values.values for values in opened.dataset("baseline-2024").values()]
        except Exception as error:
            raise AssertionError(f"{what}: {type(error).__name__}: {error}") from error
        assert time.perf_counter() - began < SECONDS, what
        assert outside.read_text() == "precious\n", what
        assert sorted(p.name for p in outside.parent.rglob("*")) == ["folder", "precious"], what
        told[result] = told.get(result, 0) + 1
        shutil.rmtree(tmp_path / "outputs")
    print(f"tampered folders: {told}")
    assert not told.get("empty")
    assert told["refused"] >= TAMPERED // 10
