"""The tables of files in docs/architecture.md, made from the first line of each file.

python -m scripts.room_tables    rewrites them
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

__all__ = ["PAGE", "files", "page", "rooms"]

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "architecture.md"
MARKED = re.compile(r"(<!-- files of ([\w/]+) -->\n)(?:.*?\n)??(<!-- end of files -->)", re.DOTALL)
ROLE = re.compile(r":\w+:`~?([\w.]+)`")


def rooms() -> list[str]:
    """Folders of modules below ``sim``, outer ones first."""
    found = {path.parent.relative_to(ROOT).as_posix() for path in (ROOT / "sim").rglob("*.py")}
    return sorted(found)


def _line(path: Path) -> str:
    """What a file says of itself; empty for one without content.

    Raises:
        ValueError: it has content and says nothing.
    """
    text = path.read_text(encoding="utf-8")
    if not text.strip():
        return ""
    said = (ast.get_docstring(ast.parse(text)) or "").partition("\n")[0]
    if not said:
        raise ValueError(f"{path.relative_to(ROOT)}: begins with no line that says what it is for")
    return ROLE.sub(r"`\1`", said).replace("``", "`").replace("|", "\\|")


def files(room: str) -> dict[str, str]:
    """Name of each file with content -> what it is for."""
    lines = {path.name: _line(path) for path in sorted((ROOT / room).glob("*.py"))}
    return {name: line for name, line in lines.items() if line}


def page(text: str) -> str:
    """The page with its tables as they should be.

    Raises:
        ValueError: a room has no table, or a table no room.
    """
    marked = [room for _, room, _ in MARKED.findall(text)]
    if sorted(marked) != rooms():
        raise ValueError(f"docs/architecture.md has tables of {sorted(marked)}; there are {rooms()}")

    def table(match: re.Match[str]) -> str:
        rows = "".join(f"| `{name}` | {line} |\n" for name, line in files(match[2]).items())
        return f"{match[1]}| file | what it is for |\n|---|---|\n{rows}{match[3]}"

    return MARKED.sub(table, text)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
