"""Exit codes: one table, and what finished is told from what finished well."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.cli import main
from sim.commands.exit_codes import EXIT_CODES, verdict

ROOT = Path(__file__).resolve().parents[2]
QUICK = ("minerals=[gallium]", "time.end=2024-02")


def test_the_documentation_has_the_same_table() -> None:
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    rows = [line.strip("|").split("|") for line in text.splitlines() if line.startswith("| ")]
    found = {row[0].strip(): row[1].strip() for row in rows if len(row) == 2}
    assert found.items() >= EXIT_CODES.items()


@pytest.mark.parametrize("command", ["run", "sweep", "resume", "hindcast"])
def test_help_names_them(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main([command, "--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "3 finished with failures; 4 uncertified" in text


def test_failures_go_before_missing_certificates() -> None:
    assert verdict(1, 3, 10, 9)[0] == 3
    assert verdict(0, 3, 10, 10) == (0, "")
    assert verdict(3, 3, 0, 0) == (3, "finished with failures: 3 of 3 runs failed (exit code 3)")


def test_the_whole_help_and_the_first_page_name_them(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    text = " ".join(capsys.readouterr().out.split())
    assert "3 finished, but runs failed; 4 finished, but markets are uncertified" in text
    page = (ROOT / "README.md").read_text(encoding="utf-8")
    assert "docs/results.md#exit-codes) (3: runs failed, 4: markets uncertified)" in page


@pytest.mark.parametrize("command", ["run", "sweep", "hindcast"])
def test_uncertified_runs_say_so_last(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    # No gap is small enough.
    monkeypatch.setattr("sim.market.clearing.GAP_PER_TOLERANCE", -1.0)
    words = [command, "baseline-2024", *QUICK, "--members", "2", "--quiet"]
    if command == "hindcast":
        words = [command, "gallium-2023", "--members", "1"]
    code = main([*words, *(["--executor", "local"] if command == "sweep" else [])])
    said = capsys.readouterr().err.splitlines()
    assert code == 4
    assert said[-1].startswith("uncertified: ")
    assert said[-1].endswith(" markets carry no certificate (exit code 4)")


def test_a_sweep_without_any_good_run_is_not_complete(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import json

    from sim.engine.simulation import Simulation
    from sim.errors import MonaziteError
    from sim.sweep import open_sweep

    monkeypatch.chdir(tmp_path)

    def breaks(self: Simulation) -> None:
        raise FloatingPointError("no price clears this market")

    monkeypatch.setattr(Simulation, "step", breaks)
    monkeypatch.setattr("sim.sweep.execute.fitting_batch", lambda *_: 2)
    monkeypatch.setattr("sim.sweep.execute.measure", lambda *_, **__: None)
    words = ["sweep", "baseline-2024", *QUICK, "--members", "2", "--executor", "local", "--json", "told.json"]
    assert main(words) == 3
    assert capsys.readouterr().err.splitlines()[-1].startswith("finished with failures: 2 of 2 runs failed")
    told = json.loads(Path("told.json").read_text())
    assert (told["complete"], told["failed"]) == (False, [0, 1])
    sweep = open_sweep(told["id"])
    with pytest.raises(MonaziteError, match=r"every run of baseline-2024 failed; see .*errors"):
        sweep.dataset("baseline-2024")
