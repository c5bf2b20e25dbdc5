"""The one reader of CSV tables: what it returns, and what it says of tables that are wrong."""

from __future__ import annotations

import ast
import math
from pathlib import Path

import pytest

import sim
from sim.errors import MonaziteError
from sim.tables import MOST_SAID, Parts, Problems, read_table

SOURCE = Path(sim.__file__).parent


def write(folder: Path, text: str) -> Path:
    path = folder / "table.csv"
    path.write_text(text, encoding="utf-8")
    return path


def said(path: Path, *columns: str) -> list[str]:
    with pytest.raises(MonaziteError) as caught:
        read_table(path, columns)
    return str(caught.value).replace(str(path), "T").splitlines()


def test_cells_are_read_as_they_stand(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'name,tonnes\n"a, b",1.50\n\nc,\n'), ("name", "tonnes"))
    rows = list(table)
    assert [row.text("name") for row in rows] == ["a, b", "c"]
    assert [row.line for row in rows] == [2, 4]
    assert rows[0].number("tonnes") == 1.5
    assert rows[1].number("tonnes", empty=7.0) == 7.0
    assert table.columns("tonnes", "name") == [("1.50", "a, b"), ("", "c")]
    assert table.pairs("name", "tonnes") == {"a, b": "1.50", "c": ""}
    assert table.dictionaries()[1] == {"name": "c", "tonnes": ""}
    table.problems.check()


def test_a_cell_over_two_lines_does_not_move_the_lines_after_it(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, 'name,tonnes\n"a\nb",1\nc,x\n'))
    for row in table:
        row.number("tonnes")
    with pytest.raises(MonaziteError, match=r":4: tonnes: 'x' is not a number"):
        table.problems.check()


@pytest.mark.parametrize(
    ("text", "columns", "expected"),
    [
        ("", ("a",), ["T:1: column 'a' is missing; rebuild with 'make data'"]),
        ("b,b\n1,2\n", ("a", "b"), ["T:1: column 'a' is missing; rebuild with 'make data'",
                                    "T:1: column 'b' stands twice; remove one of them"]),
        ("a,b\n1\n1,2\n1,2,3\n", ("a",),
         ["T:2: has cells: 1, columns: 2; write one cell for each column",
          "T:4: has cells: 3, columns: 2; write one cell for each column"]),
    ],
)  # fmt: skip
def test_a_damaged_table_is_refused(
    tmp_path: Path, text: str, columns: tuple[str, ...], expected: list[str]
) -> None:
    assert said(write(tmp_path, text), *columns) == expected


def test_what_cannot_be_read_is_refused(tmp_path: Path) -> None:
    assert said(tmp_path / "none.csv") == [
        f"{tmp_path / 'none.csv'}: no such file; rebuild with 'make data'".replace(
            str(tmp_path / "none.csv"), "T"
        )
    ]
    (tmp_path / "bytes.csv").write_bytes(b"a,b\n\xff\xfe,1\n")
    assert said(tmp_path / "bytes.csv")[0].startswith("T: is no UTF-8 text")
    assert said(tmp_path)[0].startswith("T: cannot be read")


@pytest.mark.parametrize(
    ("cell", "limits", "expected"),
    [
        ("x", {}, "'x' is not a number; write a number such as 0.25"),
        ("", {}, "'' is not a number; write a number such as 0.25"),
        ("nan", {}, "'nan' is not a number; write a number such as 0.25"),
        ("1e999", {}, "'1e999' is not a number; write a number such as 0.25"),
        ("-1", {"low": 0.0}, "-1 is out of range; write 0 or more"),
        ("2", {"low": 0.0, "high": 1.0}, "2 is out of range; write a number from 0 to 1"),
        ("2", {"high": 1.0}, "2 is out of range; write 1 or less"),
        ("0", {"positive": True}, "0 is out of range; write a number above 0"),
    ],
)
def test_a_bad_number_is_noted_with_its_rule(
    tmp_path: Path, cell: str, limits: dict[str, float], expected: str
) -> None:
    table = read_table(write(tmp_path, f"a,b\n{cell},1\n"))
    (row,) = table
    assert math.isnan(row.number("a", **limits))  # type: ignore[arg-type]
    with pytest.raises(MonaziteError) as caught:
        table.problems.check()
    assert str(caught.value) == f"{table.path}:2: a: {expected}"


def test_words_and_whole_numbers(tmp_path: Path) -> None:
    table = read_table(write(tmp_path, "a,b\nCHM,2\nUSA,1.5\n"))
    for row in table:
        row.word("a", ("CHN", "USA"), "country")
        row.integer("b")
    with pytest.raises(MonaziteError) as caught:
        table.problems.check()
    assert str(caught.value).replace(str(table.path), "T").splitlines() == [
        "T:2: a: unknown country 'CHM'; did you mean 'CHN'?",
        "T:3: b: '1.5' is not a whole number of at least 0; write a number such as 1",
    ]


def test_a_flood_of_problems_is_counted() -> None:
    problems = Problems()
    problems.check()
    for line in range(MOST_SAID + 5):
        problems.note(f"t:{line}", "is wrong", "mend it")
    with pytest.raises(MonaziteError) as caught:
        problems.check()
    assert len(str(caught.value).splitlines()) == MOST_SAID + 1
    assert str(caught.value).endswith("and 5 more problems")


def test_parts_read_like_the_whole(tmp_path: Path) -> None:
    path = write(tmp_path, 'good,seller,tonnes\na,"x, y",1\nb,z,2\na,w,3\nb,v\n')
    parts = Parts(path, ("good", "seller", "tonnes"))
    assert [(row.text("seller"), row.number("tonnes"), row.line) for row in parts.part("a")] == [
        ("x, y", 1.0, 2), ("w", 3.0, 4),
    ]  # fmt: skip
    assert len(parts.part("none")) == 0
    with pytest.raises(MonaziteError, match=r":5: has cells: 2, columns: 3"):
        parts.part("b")
    with pytest.raises(MonaziteError, match="column 'buyer' is missing"):
        Parts(path, ("buyer",))


def test_no_other_file_reads_csv_by_hand() -> None:
    """Source tables of a hundred thousand rows are data frames, those of others have their own layouts; all
    else goes through one reader."""
    readers = {"reader", "DictReader", "read_csv"}
    found = {
        path.relative_to(SOURCE).as_posix()
        for path in SOURCE.rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and node.attr in readers
    }
    others = {"world/importers/cepii.py", "world/importers/sheets.py"}
    assert found == {"tables.py", "world/build/raw.py", *others}
