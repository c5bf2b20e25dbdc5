"""Files that may come from anybody: read without surprises, written inside their folder and nowhere else.

Whoever is sent a folder of results finds in it what the sender put there: links to other places, folders
and pipes where files should be, texts that are cut off, or endless. Nothing here follows a link when it
writes, waits for a pipe, or shows a traceback.
"""

from __future__ import annotations

import errno
import json
import os
import reprlib
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, TypeVar

from sim.errors import MonaziteError
from sim.paths import shown

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

__all__ = [
    "LARGEST_TEXT", "LinkError", "append_only", "check_inside", "make_folder", "open_new", "open_plain",
    "read_bytes", "read_json", "read_model", "validated", "write_inside", "write_whole",
]  # fmt: skip

M = TypeVar("M", bound="BaseModel")
LARGEST_TEXT = 2**28
"""Bytes of a JSON file beyond which it is not read: 50 times that of the largest sweep's description."""
DEEPEST = 40
"""Levels of a JSON file; no program of ours nests more than ten."""
PARTIAL = ".part"
SHOWN_PROBLEMS = 5
SHOWN_CHARACTERS = 80
NO_FOLLOW = getattr(os, "O_NOFOLLOW", 0)
NO_WAIT = getattr(os, "O_NONBLOCK", 0)
BINARY = getattr(os, "O_BINARY", 0)


class LinkError(MonaziteError):
    """A link stands where this program would write."""


def _refused(path: Path) -> LinkError:
    return LinkError(
        f"{shown(path.parent)}/{path.name}: is a link, and what it points to would be changed; "
        "remove the link, or name another place"
    )


def check_inside(folder: Path, path: Path) -> None:
    """Refuse a place to write that lies outside a folder, or that a link below the folder leads away from.

    The folder itself may be a link: whoever names it knows where it leads.

    Raises:
        LinkError: a link. MonaziteError: outside the folder.
    """
    try:
        parts = path.relative_to(folder).parts
    except ValueError:
        parts = ("..",)
    if ".." in parts:
        raise MonaziteError(f"{shown(path)}: lies outside {shown(folder)}; nothing is written there")
    place = folder
    for part in parts:
        place = place / part
        if _is_link(place):
            raise _refused(place)


def _is_link(path: Path) -> bool:
    """Whether there is a link, or on Windows another sign-post to elsewhere."""
    try:
        found = os.lstat(path)
    except OSError:
        return False
    junction = getattr(stat, "IO_REPARSE_TAG_MOUNT_POINT", None)
    return stat.S_ISLNK(found.st_mode) or (
        junction is not None and getattr(found, "st_reparse_tag", None) == junction
    )


def open_plain(path: Path, flags: int) -> int:
    """A descriptor of a file itself, never of what a link points to.

    Args:
        path: a regular file, or none yet.
        flags: of :func:`os.open`.

    Raises:
        LinkError: it is a link. OSError: it cannot be opened, or is a folder, pipe or device.
    """
    if _is_link(path):
        raise _refused(path)
    try:
        number = os.open(path, flags | NO_FOLLOW | NO_WAIT | BINARY, 0o666)
    except OSError as error:
        # Between the test and the opening somebody may have put a link there.
        if error.errno == errno.ELOOP or _is_link(path):
            raise _refused(path) from None
        raise
    if not stat.S_ISREG(os.fstat(number).st_mode):
        os.close(number)
        raise OSError(errno.EINVAL, "is no regular file", str(path))
    return number


@contextmanager
def append_only(path: Path) -> Iterator[IO[bytes]]:
    """The file itself, made where missing, open for reading and for writing at its end.

    Raises:
        LinkError: it is a link. OSError: it cannot be opened.
    """
    with os.fdopen(open_plain(path, os.O_RDWR | os.O_CREAT | os.O_APPEND), "r+b", buffering=0) as handle:
        yield handle


@contextmanager
def open_new(path: Path) -> Iterator[IO[bytes]]:
    """A file that was not there before; what stood in its place, link or file, is removed and not followed.

    Raises:
        OSError: it cannot be made.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    flags = os.O_RDWR | os.O_CREAT | os.O_EXCL | NO_FOLLOW | BINARY
    with os.fdopen(os.open(path, flags, 0o666), "w+b") as handle:
        yield handle


def make_folder(folder: Path, path: Path) -> None:
    """Make a folder inside another one, without following links below that.

    Raises:
        LinkError: a link is on the way. OSError: it cannot be made.
    """
    check_inside(folder, path)
    path.mkdir(parents=True, exist_ok=True)


def write_whole(path: Path, data: bytes, mode: int | None = None) -> None:
    """Write a file as a whole or not at all: beside its place, to the disk, then renamed.

    Args:
        path: its place. data: all of it.
        mode: permissions; those of any new file where ``None``.

    Raises:
        LinkError: a link stands in its place. OSError: it cannot be written.
    """
    if _is_link(path):
        raise _refused(path)
    partial = path.with_name(f".{path.name}.{os.getpid()}{PARTIAL}")
    try:
        with open_new(partial) as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        if mode is not None:
            os.chmod(partial, mode)
        partial.replace(path)
    except BaseException:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise


def write_inside(folder: Path, path: Path, data: bytes) -> None:
    """Write a file as a whole into a folder, which is made where it is missing.

    Raises:
        LinkError: a link. MonaziteError: outside the folder, or it cannot be written.
    """
    check_inside(folder, path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_whole(path, data)
    except OSError as error:
        raise MonaziteError(f"{shown(path)}: cannot be written: {error.strerror}") from None


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """A file's bytes. Links are followed: reading changes nothing.

    Args:
        path: a regular file.
        most: bytes beyond which it is refused.

    Raises:
        OSError: it cannot be read, is a folder, pipe or device, or is larger.
    """
    with os.fdopen(os.open(path, os.O_RDONLY | NO_WAIT | BINARY), "rb") as handle:
        found = os.fstat(handle.fileno())
        if not stat.S_ISREG(found.st_mode):
            raise OSError(errno.EINVAL, "is no regular file", str(path))
        if most is not None and found.st_size > most:
            raise OSError(errno.EFBIG, f"has {found.st_size:,} bytes, more than {most:,}", str(path))
        return handle.read()


def read_json(path: Path, remedy: str) -> Any:
    """The content of a JSON file.

    Args:
        path: the file.
        remedy: what to do where it cannot be read, as the end of a sentence.

    Raises:
        MonaziteError: it cannot be read, or is no JSON; names line and column.
    """
    try:
        content = json.loads(read_bytes(path, LARGEST_TEXT).decode("utf-8"))
        if _shallow(content):
            return content
        text = f"{shown(path)}: is nested too deep"
    except OSError as error:
        text = f"{shown(path)}: cannot be read ({error.strerror or error})"
    except json.JSONDecodeError as error:
        text = f"{shown(path)}:{error.lineno}:{error.colno}: is no JSON ({error.msg})"
    except UnicodeDecodeError as error:
        text = f"{shown(path)}: is no text in UTF-8 (byte {error.start})"
    except RecursionError:
        text = f"{shown(path)}: is nested too deep"
    except ValueError as error:
        text = f"{shown(path)}: holds what no program wrote ({_short(str(error))})"
    raise MonaziteError(f"{text}; {remedy}")


def _shallow(content: object) -> bool:
    """Whether nothing is nested deeper than :data:`DEEPEST`; what works down a tree would overflow there."""
    level = [content]
    for _ in range(DEEPEST):
        level = [
            child
            for node in level
            if isinstance(node, dict | list)
            for child in (node.values() if isinstance(node, dict) else node)
            if isinstance(child, dict | list)
        ]
        if not level:
            return True
    return False


def read_model(path: Path, model: type[M], remedy: str) -> M:
    """A JSON file, checked against a model.

    Raises:
        MonaziteError: it cannot be read, or breaks a rule; names the place, the value and the rule.
    """
    return validated(read_json(path, remedy), model, shown(path), remedy)


def validated(content: object, model: type[M], place: str, remedy: str) -> M:
    """The content, checked against a model.

    Args:
        content: of a file.
        model: what it should be.
        place: the file, as messages name it.
        remedy: what to do where it breaks a rule, as the end of a sentence.

    Raises:
        MonaziteError: it breaks a rule; names the place, the value and the rule of the first few.
    """
    from pydantic import ValidationError

    try:
        return model.model_validate(content)
    except ValidationError as error:
        problems = _problems(error)
    except RecursionError:
        problems = ["is nested too deep"]
    lines = [f"{place}: {problem}" for problem in problems[:SHOWN_PROBLEMS]]
    if len(problems) > SHOWN_PROBLEMS:
        lines.append(f"and {len(problems) - SHOWN_PROBLEMS} more")
    raise MonaziteError("\n".join(lines) + f"; {remedy}")


def _problems(error: ValidationError) -> list[str]:
    found = []
    for one in error.errors(include_url=False, include_context=False):
        where = ".".join(_short(str(part)) for part in one["loc"]) or "the whole"
        if one["type"] == "missing":
            found.append(f"{where}: is missing")
        else:
            found.append(f"{where}: {_short(reprlib.repr(one['input']))} will not do: {one['msg']}")
    return found


def _short(text: str) -> str:
    """The beginning of a text on one line, its control characters written out."""
    whole = text.encode("unicode_escape", "backslashreplace").decode() if not text.isprintable() else text
    return whole if len(whole) <= SHOWN_CHARACTERS else f"{whole[:SHOWN_CHARACTERS]}..."
