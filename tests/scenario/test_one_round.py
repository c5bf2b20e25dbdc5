# ruff: noqa: E501 (messages and events are written whole)
"""All that is wrong with a file is said in one round, and where its author can mend it."""

from __future__ import annotations

import itertools
import random
from pathlib import Path
from typing import Any

import pytest
import yaml

from sim.scenario import check_scenario

Tree = dict[str, Any]


def sound() -> Tree:
    day = "2025-01-01"
    ban = {"by": "CHN", "goods": ["gallium"], "from": day, "assumption": "x"}
    return {
        "format": 2, "name": "case", "title": "A case", "base_year": 2024, "compare_to": "baseline-2024",
        "minerals": ["gallium", "copper"], "time": {"start": "2024-01", "end": "2026-12"},
        "sources": {"paper": {"title": "A paper"}},
        "assumptions": {"thrift_speed": 0.3},
        "blocs": {"friends": ["USA", "JPN"]},
        "events": {
            "ban": {"type": "export_ban", "to": ["friends"], **ban},
            "quota": {"type": "export_quota", "amount": "100 t/year", **ban},
            "route": {"type": "freight_shock", "change": "50 %", "from": day, "source": "paper"},
            "answer": {"type": "reaction_rule", "by": "CHN", "trigger": {"event": "ban", "is": "in force"},
                       "events": ["quota"], "action": "suspend", "from": day, "assumption": "x"},
        },
        "sweep": {"vary": {"assumptions.thrift_speed": {"uniform": [0.2, 0.4]}},
                  "design": {"method": "lhs", "samples": 8}},
    }  # fmt: skip


FAULTS: dict[str, tuple[tuple[str, ...], Any, str]] = {
    "title": (("title",), None, "the field 'title' is missing"),
    "format": (("format",), 7, "format '7' is not known"),
    "compare_to": (("compare_to",), "baseline-2023", "there is no scenario 'baseline-2023'"),
    "mineral": (("minerals",), ["gallium", "galium"], "unknown mineral 'galium'"),
    "source": (("events", "route", "source"), "papper", "there is no source 'papper'"),
    "assumption": (("assumptions", "thrift_speed"), -1, "-1 is negative"),
    "bloc": (("blocs", "friends"), ["USA", "JPNN"], "unknown country 'JPNN'"),
    "unit": (("events", "quota", "amount"), "100", "'100' has no unit"),
    "late": (("events", "route", "from"), "2031-01-01", "after the run ends"),
    "good": (("events", "ban", "goods"), ["galium"], "unknown good 'galium'"),
    "rule": (("events", "answer", "events"), ["quotas"], "there is no event 'quotas'"),
    "unknown": (("tittle",), "x", "unknown field"),
    "design": (("sweep", "design", "method"), "lsh", "'lsh' is not allowed"),
    "axis": (("sweep", "vary", "events.nothing.from"), ["2025-01"], "there is no event field 'events.nothing"),
    "status": (("status",), "v2", "'v2' is not allowed"),
}
"""What is changed, to what, and the message; each at a place of its own."""


def with_faults(names: tuple[str, ...]) -> Tree:
    tree = sound()
    for name in names:
        path, value, _ = FAULTS[name]
        place = tree
        for key in path[:-1]:
            place = place[key]
        if value is None:
            del place[path[-1]]
        else:
            place[path[-1]] = value
    return tree


def messages(tree: Tree, folder: Path) -> list[str]:
    path = folder / "case.yaml"
    path.write_text(yaml.safe_dump(tree, sort_keys=False), encoding="utf-8")
    return [problem.text() for problem in check_scenario(path)[1] if not problem.warning]


@pytest.mark.parametrize("names", [(), *((name,) for name in FAULTS)], ids=" ".join)
def test_one_fault_is_one_problem(names: tuple[str, ...], tmp_path: Path) -> None:
    found = messages(with_faults(names), tmp_path)
    assert len(found) == len(names), found
    assert all(FAULTS[name][2] in found[0] for name in names)


def test_all_faults_are_said_in_one_round(tmp_path: Path) -> None:
    found = messages(with_faults(tuple(FAULTS)), tmp_path)
    missing = [name for name, (_, _, said) in FAULTS.items() if not any(said in text for text in found)]
    assert missing == []
    assert len(found) == len(FAULTS), found


def test_so_are_any_few_of_them(tmp_path: Path) -> None:
    """And nothing that follows from them alone: who mends those is done."""
    pairs = list(itertools.combinations(FAULTS, 2))
    for names in random.Random(5).sample(pairs, 25):
        found = messages(with_faults(names), tmp_path)
        assert len(found) == 2, (names, found)
        assert all(any(FAULTS[name][2] in text for text in found) for name in names), (names, found)


# -- what others wrote ---------------------------------------------------------------------------


PARENT = """format: 2
name: parent
title: P
base_year: 2024
compare_to: baseline-2024
time: {start: 2024-01, end: 2026-12}
events:
  ban: {type: export_ban, by: CHN, to: world, goods: gallium, from: 2025-01-01, assumption: x}
  quota: {type: export_quota, by: CHN, to: world, goods: [gallium, copper], amount: 9 t/year, from: 2025-01, assumption: x}
"""


def own(folder: Path, text: str, parent: str = PARENT) -> list[tuple[str, int, str]]:
    (folder / "parent.yaml").write_text(parent, encoding="utf-8")
    path = folder / "mine.yaml"
    path.write_text(f"format: 2\nname: mine\ntitle: Mine\nextends: [parent]\n{text}", encoding="utf-8")
    found = [problem for problem in check_scenario(path)[1] if not problem.warning]
    lines = {"mine.yaml": path.read_text().splitlines(), "parent.yaml": parent.splitlines()}
    for problem in found:
        assert problem.excerpt == lines[Path(problem.file).name][problem.line - 1]
    return [(Path(problem.file).name, problem.line, problem.message) for problem in found]


@pytest.mark.parametrize(
    ("text", "line", "message"),
    [
        ("time: {end: 2024-12}\n", 5, "starts on 2025-01-01, after the run ends on 2024-12-31 (written in "),
        ("minerals: [gallium]\n", 5, "the amount covers copper, which 'minerals' leaves out (written in "),
        ("base_year: 2013\n", 5, "there is no world of 2013"),
        ("events: {quota: {amount: 9}}\n", 5, "'9' has no unit"),
        ("title: Twice\n", 5, "the key 'title' stands twice"),
    ],
)
def test_the_line_of_ones_own_is_named(tmp_path: Path, text: str, line: int, message: str) -> None:
    """Not one of a file that ships, which is right and which nobody should change."""
    found = own(tmp_path, text)
    assert {place[:2] for place in found} == {("mine.yaml", line)}, found
    assert any(message in said for _, _, said in found), found


def test_where_no_line_of_ones_own_is_the_reason_it_is_the_one_that_extends(tmp_path: Path) -> None:
    damaged = PARENT.replace("goods: gallium", "goods: galium")
    ((file, line, message),) = own(tmp_path, "", damaged)
    assert (file, line) == ("mine.yaml", 4)
    assert "unknown good 'galium'" in message
    assert message.endswith("parent.yaml:8)")
    (alone,) = (p for p in check_scenario(tmp_path / "parent.yaml")[1] if not p.warning)
    assert (Path(alone.file).name, alone.line) == ("parent.yaml", 8)
