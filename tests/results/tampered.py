"""Damaged and forged folders of runs and sweeps, as somebody may send them or a disk lose them."""

from __future__ import annotations

import json
import os
import random
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["tamper"]

ODD: tuple[Any, ...] = (
    None, True, -1, 0, 10**9, 10**30, 1e308, float("inf"), float("nan"), "", "\x1b[31m", "../../../outside",
    [], {}, [[]], "9" * 5000, {"a": {"b": []}},
)  # fmt: skip


def tamper(folder: Path, outside: Path, choose: random.Random) -> str:
    """Change one thing in a folder, and say what.

    Args:
        folder: of a run or a sweep.
        outside: a file elsewhere, which links lead to.
        choose: decides what.
    """
    files = sorted(path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    plain = [path for path in files if path.suffix in (".json", ".jsonl")]
    path = choose.choice(plain if choose.random() < 0.6 else files)
    how = choose.choice(HOW)
    how(path, outside, choose)
    forged = choose.random() < 0.5 and _sign(path)
    return f"{path.relative_to(folder)}: {how.__name__[1:]}{', signed anew' if forged else ''}"


def _flipped(path: Path, outside: Path, choose: random.Random) -> None:
    data = bytearray(path.read_bytes())
    if data:
        data[choose.randrange(len(data))] ^= 1 << choose.randrange(8)
    path.write_bytes(data)


def _cut(path: Path, outside: Path, choose: random.Random) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: choose.randrange(len(data) + 1)])


def _missing(path: Path, outside: Path, choose: random.Random) -> None:
    path.unlink()


def _garbage(path: Path, outside: Path, choose: random.Random) -> None:
    path.write_bytes(choose.randbytes(choose.choice((1, 100, 5000))))


def _folder(path: Path, outside: Path, choose: random.Random) -> None:
    path.unlink()
    path.mkdir()


def _link(path: Path, outside: Path, choose: random.Random) -> None:
    path.unlink()
    path.symlink_to(outside if choose.random() < 0.7 else path)


def _linked_folder(path: Path, outside: Path, choose: random.Random) -> None:
    elsewhere = outside.parent / "folder"
    moved = path.parent.with_name(f".{path.parent.name}-moved")
    path.parent.rename(moved)
    moved.with_name(path.parent.name).symlink_to(elsewhere)


def _pipe(path: Path, outside: Path, choose: random.Random) -> None:
    path.unlink()
    os.mkfifo(path)


def _deep(path: Path, outside: Path, choose: random.Random) -> None:
    depth = choose.choice((50, 500, 100_000))
    path.write_text("[" * depth + "]" * depth)


def _edited(path: Path, outside: Path, choose: random.Random) -> None:
    """One value of a JSON text is another one, or gone; checksums of journal lines are made right."""
    try:
        text = path.read_text(encoding="utf-8")
        lines = text.splitlines() if path.suffix == ".jsonl" else [text]
        number = choose.randrange(len(lines))
        content = json.loads(lines[number])
    except (ValueError, UnicodeDecodeError):
        return _flipped(path, outside, choose)
    place: Any = content
    while isinstance(place, dict | list) and place:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = choose.choice(keys)
        inner = place[key]
        if not isinstance(inner, dict | list) or not inner or choose.random() < 0.4:
            if choose.random() < 0.2:
                del place[key]
            else:
                place[key] = choose.choice(ODD)
            break
        place = inner
    if path.suffix == ".jsonl" and isinstance(content, dict):
        content.pop("check", None)
        content = {"check": zlib.crc32(json.dumps(content, sort_keys=True).encode()), **content}
    lines[number] = json.dumps(content, sort_keys=True)
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return None


def _sign(path: Path) -> bool:
    """Make the checksums of the folder right again, as whoever forges would."""
    if not path.is_file() or path.is_symlink():
        return False
    for folder in path.parents[:6]:
        sums = folder / "checksums.json"
        if sums.is_file() and not sums.is_symlink() and sums != path:
            content = json.loads(sums.read_bytes())
            data = path.read_bytes()
            content["files"][path.relative_to(folder).as_posix()] = [len(data), zlib.crc32(data)]
            sums.write_text(json.dumps(content))
            return True
    return False


HOW: tuple[Callable[[Path, Path, random.Random], None], ...] = (
    _flipped, _cut, _missing, _garbage, _folder, _link, _linked_folder, _deep,
    _edited, _edited, _edited, _edited,
    *((_pipe,) if hasattr(os, "mkfifo") else ()),
)  # fmt: skip
