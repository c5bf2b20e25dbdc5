"""Text from elsewhere, made safe to show: what a terminal would obey or hide is written out."""

from __future__ import annotations

__all__ = ["visible"]

BREAKS = "\u2028\u2029"
"""Blanks that start a new line."""
LAST_CONTROL = "\x9f"
"""Blanks up to here move the cursor, but for the blank itself."""


def visible(text: str, *, lines: bool = False) -> str:
    r"""The text with each character that steers a terminal, or cannot be seen, as an escape.

    Written out are control characters (ESC, BEL, those from U+0080 on), marks that turn the direction of
    writing, characters without width, and halves of surrogate pairs, as a file name may hold. The escapes
    are those of quoted text in YAML and Python.

    Args:
        text: anything, from a file, a name, or the command line.
        lines: leave line feeds and tabs as they are, in text of several lines.

    >>> print(visible("red: \x1b[31m, turned: \u202e"))
    red: \x1b[31m, turned: \u202e
    """
    if text.isprintable():
        return text
    kept = "\n\t" if lines else ""
    return "".join(c if c in kept or _harmless(c) else _escape(c) for c in text)


def _harmless(character: str) -> bool:
    blank = character.isspace() and character > LAST_CONTROL and character not in BREAKS
    return blank or character.isprintable()


def _escape(character: str) -> str:
    code = ord(character)
    known = {"\n": r"\n", "\r": r"\r", "\t": r"\t"}.get(character)
    if known:
        return known
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
