"""What must hold of any such market: measured, printed as found, and the page says the same."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from sim.cli import main
from sim.past import properties
from sim.past.properties import PROPERTIES, Finding, Property

PAGE = (Path(__file__).parents[2] / "docs" / "validation.md").read_text(encoding="utf-8")
HOLDING = PAGE[PAGE.index("## What must hold") : PAGE.index("## Repeat it")]
ROWS = {
    int(number): (title, bound, now)
    for number, title, bound, now in re.findall(
        r"^\| (\d+) \| ([^|]+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$", HOLDING, re.MULTILINE
    )
}


def _words(said: str) -> str:
    """Without its figures, which may differ in their last digit on another processor."""
    return re.sub(r"-?[\d.,]+(e[+-]\d+)?", "0", said)


@pytest.mark.parametrize("one", PROPERTIES, ids=lambda one: str(one.number))
def test_the_page_says_what_is_found(one: Property) -> None:
    title, bound, found = ROWS[one.number]
    assert (title, bound) == (one.title, one.bound)
    now = one.measure()
    assert "\nAll hold." in HOLDING
    assert now.held, f"docs/validation.md says that all hold; {one.number}: now {now.said}"
    assert _words(now.said) == _words(found)


def test_there_are_fourteen_in_order() -> None:
    assert [one.number for one in PROPERTIES] == list(range(1, 15)) == sorted(ROWS)


def test_a_property_that_does_not_hold_is_printed_as_such(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    long = "a title that goes on and on, so that it has to be broken over more than one line of the screen"
    made = (
        Property(1, "water flows down", "always", lambda: Finding("it does", True)),
        Property(2, long, "never", lambda: Finding("it does not", False)),
    )
    monkeypatch.setattr(properties, "PROPERTIES", made)
    target = tmp_path / "found.json"
    assert main(["check", "behaviour", "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert " 1  held: water flows down\n    bound: always\n    found: it does\n" in out
    assert " 2  NOT HELD: a title" in out
    assert "found: it does not" in out
    assert out.endswith("1 of 2 hold\n")
    assert max(map(len, out.splitlines())) <= 80
    assert [row["held"] for row in json.loads(target.read_text())["properties"]] == [True, False]
    assert main(["check", "behaviour", "--only", "2", "--out-of-band"]) == 0
    assert "water" not in capsys.readouterr().out


def test_an_unknown_property_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "behaviour", "--only", "C2"]) == 2
    assert "--only: no property 'C2'; allowed: 1 to 14" in capsys.readouterr().err
