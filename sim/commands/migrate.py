"""``monazite migrate``: rewrite scenario files of an older format, comments and all."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.commands.output import say
from sim.errors import InputProblems, MonaziteError
from sim.files import write_whole
from sim.paths import shown

__all__ = ["main", "migrated", "register"]


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``migrate`` to the command line."""
    parser = subparsers.add_parser(
        "migrate",
        help="rewrite scenario files of an older format",
        description="Rewrite files in the newest format, in place; comments and layout stay. Files of older "
        "formats are read all the same, so this is for those who go on writing them.",
        epilog="example: monazite migrate my-scenario.yaml --dry-run",
    )
    parser.add_argument("files", nargs="+", type=Path, metavar="FILE", help="scenario files")
    parser.add_argument("--dry-run", action="store_true", help="print the new text, change no file")
    parser.set_defaults(main=main)


def migrated(path: Path) -> tuple[int, str | None]:
    """The format that a file is in, and its text in the newest one, ``None`` if it is in that already.

    Raises:
        MonaziteError: the file cannot be read, or cannot be rewritten without changing what it says.
    """
    from sim.scenario.formats import FORMAT, edited, format_of, rewriting, upgraded
    from sim.scenario.node import plain
    from sim.scenario.reader import read_document, read_text

    document = read_document(path)
    if document.root is None or document.problems:
        raise InputProblems(document.problems)
    before = format_of(document.root)
    if before == FORMAT:
        return before, None
    text = path.read_bytes().decode("utf-8-sig")
    try:
        changed = edited(text, rewriting(document.root, text))
    except ValueError:
        changed = text
    after = read_text(changed, path, document.file)
    if after.root is None or plain(after.root) != plain(upgraded(document.root)):
        remedy = "put each of its values on a line of its own, without anchors, and try again"
        raise MonaziteError(f"{document.file}: cannot be rewritten in format {FORMAT}; {remedy}")
    return before, changed


def main(args: argparse.Namespace) -> int:
    """Rewrite the files; none if any of them cannot be."""
    from sim.scenario.formats import FORMAT

    found = [(path, *migrated(path)) for path in args.files]
    for path, before, text in found:
        if text is None:
            say(f"{path}: is format {before} already")
        elif args.dry_run:
            say(text, end="")
        else:
            _write(path, text)
            say(f"{path}: rewritten from format {before} to format {FORMAT}")
    return 0


def _write(path: Path, text: str) -> None:
    """The text in place of the file, with its permissions; a link is refused: it leads to another file."""
    try:
        write_whole(path, text.encode("utf-8"), path.lstat().st_mode & 0o777)
    except OSError as error:
        raise MonaziteError(f"{shown(path)}: cannot be written: {error.strerror}") from None
