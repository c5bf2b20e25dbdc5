"""Every numbered equation of the pages is computed by a function that says so, in symbols of the notation."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = {"M": "docs/model.md", "C": "docs/clearing.md"}
NUMBERED = re.compile(r"^    \(([A-Z])(\d+)\)  (.+)$", re.MULTILINE)
CITED = re.compile(r"Equations? ((?:\([A-Z]\d+\)(?:, | and )?)+), (docs/[\w/]+\.md)")
SYMBOL = re.compile(r"[A-Za-z]+\d*\*?(?:_[a-z0-9]+)?")
WORDS = {
    "ln", "exp", "min", "max", "abs", "if", "sum_s", "sum_b", "sum_sb", "sum_k", "sum_l", "sum_g", "sum_n",
    "max_s", "max_b", "max_g", "min_g", "min_h", "v", "k", "l",
}  # fmt: skip
"""Functions, sums over an index, and indices that stand for themselves."""


@cache
def equations() -> dict[str, str]:
    """Number -> equation."""
    found: dict[str, str] = {}
    for letter, page in PAGES.items():
        text = (ROOT / page).read_text(encoding="utf-8")
        for mark, number, body in NUMBERED.findall(text):
            assert mark == letter, f"{page}: ({mark}{number}) bears the letter of another page"
            assert f"{mark}{number}" not in found, f"{page}: ({mark}{number}) stands twice"
            found[f"{mark}{number}"] = body
    return found


def left_side(equation: str) -> str:
    """The symbol that an equation defines."""
    found = SYMBOL.search(re.split(r" (?:<-|=) ", equation)[0].removeprefix("ln "))
    assert found
    return found.group()


def symbols(equation: str) -> set[str]:
    return {word for word in SYMBOL.findall(equation) if word not in WORDS}


@cache
def notation() -> set[str]:
    """Symbols in the first column of the tables, without indices."""
    text = (ROOT / "docs/notation.md").read_text(encoding="utf-8")
    cells = re.findall(r"^\| (`[^|]+`) \|.*$", text, re.MULTILINE)
    rows = re.findall(r"^\| `[^|]+` \| ([^|]+) \|", text, re.MULTILINE)
    named = re.findall(r"`([^`]+)`", " ".join([*cells, *rows]))
    return {base(word) for word in named}


def base(symbol: str) -> str:
    return symbol.partition("_")[0]


@cache
def docstrings() -> dict[str, str]:
    """Place of a function -> its docstring."""
    found = {}
    for path in sorted((ROOT / "sim").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef):
                place = f"{path.relative_to(ROOT).as_posix()}:{node.lineno} {node.name}"
                found[place] = ast.get_docstring(node) or ""
    return found


@cache
def citations() -> dict[str, list[str]]:
    """Number -> functions that name it."""
    found: dict[str, list[str]] = {}
    for place, text in docstrings().items():
        for numbers, page in CITED.findall(" ".join(text.split())):
            for number in re.findall(r"[A-Z]\d+", numbers):
                assert PAGES.get(number[0]) == page, f"{place}: ({number}) is no equation of {page}"
                found.setdefault(number, []).append(place)
    return found


def test_numbers_are_consecutive() -> None:
    for letter, page in PAGES.items():
        numbers = [int(number[1:]) for number in equations() if number[0] == letter]
        assert numbers == list(range(1, len(numbers) + 1)), page
        assert numbers


def test_every_equation_is_computed_somewhere() -> None:
    assert sorted(set(equations()) - set(citations())) == []


def test_every_citation_exists() -> None:
    missing = {number: places for number, places in citations().items() if number not in equations()}
    assert missing == {}


def test_a_citation_is_written_in_one_way() -> None:
    """What looks like a citation is read as one."""
    loose = [
        place for place, text in docstrings().items()
        if re.search(r"\([MC]\d+\)", text) and not CITED.search(" ".join(text.split()))
    ]  # fmt: skip
    assert loose == []


def test_docstrings_use_the_symbol_of_the_page() -> None:
    wrong = [
        f"{place} does not name ``{left_side(equations()[number])}`` of ({number})"
        for number, places in citations().items() if number in equations()
        for place in places
        if f"``{left_side(equations()[number])}``" not in docstrings()[place]
    ]  # fmt: skip
    assert wrong == []


def test_every_symbol_is_explained() -> None:
    unknown = {
        f"{symbol} in ({number})"
        for number, equation in equations().items()
        for symbol in symbols(equation) if base(symbol) not in notation()
    }  # fmt: skip
    assert sorted(unknown) == []


def test_what_notation_names_exists() -> None:
    """Parameters in italics are the rows of behaviour.csv, each there once."""
    rows = (ROOT / "data/world/behaviour.csv").read_text(encoding="utf-8").splitlines()[1:]
    known = {row.split(",")[0] for row in rows}
    text = (ROOT / "docs/notation.md").read_text(encoding="utf-8")
    named = re.findall(r"\*`(\w+)`\*", text)
    assert sorted(named) == sorted(known)


@pytest.mark.parametrize(
    ("equation", "left", "used"),
    [
        ("ln pe_s <- ln pe_s + G(v_e) (ln p_s - ln pe_s)", "pe_s", {"pe_s", "G", "v_e", "p_s"}),
        ("Primal = sum_b Om*_b - 1 / sigma", "Primal", {"Primal", "Om*_b", "sigma"}),
        ("d_bk = rc rest_b    if k = 4", "d_bk", {"d_bk", "rc", "rest_b"}),
    ],
)
def test_equations_are_read(equation: str, left: str, used: set[str]) -> None:
    assert left_side(equation) == left
    assert symbols(equation) == used
