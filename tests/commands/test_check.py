"""The no-shock run on the real world keeps the base year that it was built from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sim.cli import main


def test_mine_shares_and_prices_are_in_band(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    target = tmp_path / "rows.json"
    assert main(["check", "baseline-2024", "--members", "2", "--out-of-band", "--json", str(target)]) == 0
    found = json.loads(target.read_text())
    rows = found["rows"]
    out = [(row["target"], row["row"]) for row in rows if not row["in_band"]]
    assert [row for row in out if row[0] in ("C1", "C2", "C3", "C4")] == []
    assert {row["target"] for row in rows} == {"C1", "C2", "C3", "C4", "C5", "C6", "C7"}
    assert len([row for row in rows if row["target"] == "C1"]) > 50
    assert len([row for row in rows if row["target"] == "C2"]) > 20
    # Nothing out of band goes without a reason, and every such row is printed.
    printed = capsys.readouterr().out
    for row in rows:
        assert bool(row["reason"]) != row["in_band"]
        assert row["in_band"] or row["row"] in printed
    shares = found["data"]
    assert sum(v for k, v in shares.items() if k.startswith("trade by tonnes")) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "ree-licence-2025"], "check that: monazite check baseline-2024"),
        (["check", "nothing"], "no scenario 'nothing'"),
        (["check", "--members", "0"], "at least 1"),
    ],
)
def test_what_cannot_be_checked(capsys: pytest.CaptureFixture[str], words: list[str], message: str) -> None:
    assert main(words) == 2
    assert message in capsys.readouterr().err
