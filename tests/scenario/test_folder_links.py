"""Scenario folders with links that lead nowhere, and files that may not be read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sim.cli import main

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes links")


def test_link_to_itself_is_skipped_with_a_note(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "scenarios"
    (folder / "inner").mkdir(parents=True)
    (folder / "round.yaml").symlink_to("round.yaml")
    (folder / "nowhere.yaml").symlink_to("missing.yaml")
    (folder / "folder.yaml").mkdir()
    (folder / "red\x1b[31m.yaml").symlink_to("missing.yaml")
    (folder / "inner" / "up").symlink_to("..")
    monkeypatch.chdir(tmp_path)
    assert main(["list", "scenarios"]) == 0
    printed = capsys.readouterr()
    assert "baseline-2024" in printed.out
    assert "skipped scenarios/round.yaml: it is a link that leads nowhere" in printed.err
    assert "skipped scenarios/nowhere.yaml: it is a link that leads nowhere" in printed.err
    assert "skipped scenarios/folder.yaml: it is no file" in printed.err
    assert "skipped scenarios/red\\x1b[31m.yaml: it is a link" in printed.err
    assert main(["describe", "round"]) == 2
