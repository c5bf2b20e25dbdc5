"""The versions of the language, and what turns a file of an older one into the next.

==  =====================================================================================
 1  the first
 2  ``observed`` holds series: ``values: {2025-05: 1238 t}`` instead of ``at`` and ``value``
==  =====================================================================================

Files of an older format are read as they are: each is upgraded on its own, before it is merged with
others, and its values keep their places. ``monazite migrate`` rewrites the file.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace

from sim.scenario.node import Node

__all__ = ["FORMAT", "FORMATS", "Edit", "edited", "format_of", "rewriting", "upgraded"]

FORMAT = 2
"""The format that this version writes."""
FLOW_SIGNS = re.compile(r"[,\[\]{}]")


@dataclass(frozen=True)
class Edit:
    """Replace the text from one offset up to another."""

    start: int
    end: int
    text: str


def format_of(root: Node) -> int:
    """The format that a file states; the newest if it states none that is known."""
    stated = root.value.get("format") if isinstance(root.value, dict) else None
    if stated is None or isinstance(stated.value, bool) or stated.value not in FORMATS:
        return FORMAT
    assert isinstance(stated.value, int)
    return stated.value


def upgraded(root: Node) -> Node:
    """The tree as the newest format says it."""
    for version in range(format_of(root), FORMAT):
        root = UPGRADES[version][0](root)
    if isinstance(root.value, dict) and "format" in root.value and format_of(root) in FORMATS:
        stated = root.value["format"]
        if not isinstance(stated.value, bool) and stated.value in FORMATS:
            return replace(root, value={**root.value, "format": replace(stated, value=FORMAT)})
    return root


def rewriting(root: Node, text: str) -> list[Edit]:
    """The edits that turn a file's text into the newest format; comments stay where they are."""
    start = format_of(root)
    edits = [edit for version in range(start, FORMAT) for edit in UPGRADES[version][1](root, text)]
    assert isinstance(root.value, dict)
    if start < FORMAT and "format" in root.value:
        edits.append(Edit(*_span(root.value["format"], text), str(FORMAT)))
    return edits


def edited(text: str, edits: list[Edit]) -> str:
    """The text with all edits made."""
    for edit in sorted(edits, key=lambda e: -e.start):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


# -- from 1 to 2 -------------------------------------------------------------------------------


def _single_observations(root: Node) -> Iterator[tuple[str, dict[str, Node]]]:
    observed = root.value.get("observed") if isinstance(root.value, dict) else None
    if observed is not None and isinstance(observed.value, dict):
        for name, entry in observed.value.items():
            if isinstance(entry.value, dict) and {"at", "value"} <= entry.value.keys():
                day = entry.value["at"].value
                if "values" not in entry.value and isinstance(day, str | int):
                    yield name, entry.value


def _observed_as_series(root: Node) -> Node:
    entries = dict(_single_observations(root))
    if not entries:
        return root
    assert isinstance(root.value, dict)
    observed = root.value["observed"]
    assert isinstance(observed.value, dict)
    changed = dict(observed.value)
    for name, fields in entries.items():
        day, figure = fields["at"], fields["value"]
        series = Node({str(day.value): replace(figure, key=day.place)}, figure.place, figure.key)
        kept = {k: series if k == "value" else v for k, v in fields.items() if k != "at"}
        renamed = {"values" if k == "value" else k: v for k, v in kept.items()}
        changed[name] = replace(changed[name], value=renamed)
    return replace(root, value={**root.value, "observed": replace(observed, value=changed)})


def _rewrite_observed(root: Node, text: str) -> list[Edit]:
    edits = []
    for _, fields in _single_observations(root):
        day, figure = fields["at"], fields["value"]
        if day.key is None or figure.key is None:
            continue
        written = text[slice(*_span(figure, text))]
        if FLOW_SIGNS.search(written) and written[0] not in "\"'":
            written = json.dumps(written, ensure_ascii=False)
        series = f"values: {{{text[slice(*_span(day, text))]}: {written}}}"
        edits.append(Edit(_offset(figure.key.line, figure.key.column, text), _span(figure, text)[1], series))
        edits.append(_removal(_offset(day.key.line, day.key.column, text), _span(day, text)[1], text))
    return edits


def _removal(start: int, end: int, text: str) -> Edit:
    """Take out a pair: its whole line where it stands alone, else with the comma that parts it."""
    line_start = text.rfind("\n", 0, start) + 1
    line_end = text.find("\n", end)
    line_end = len(text) if line_end < 0 else line_end
    if not text[line_start:start].strip() and not text[end:line_end].strip():
        return Edit(line_start, min(line_end + 1, len(text)), "")
    after = re.compile(r"\s*,[ \t]*").match(text, end)
    if after:
        return Edit(start, after.end(), "")
    before = re.search(r",\s*$", text[:start])
    return Edit(before.start() if before else start, end, "")


def _offset(line: int, column: int, text: str) -> int:
    start = 0
    for _ in range(line - 1):
        start = text.index("\n", start) + 1
    return start + column - 1


def _span(node: Node, text: str) -> tuple[int, int]:
    """Where a scalar starts and ends in the text."""
    line, column = node.end or (node.place.line, node.place.column)
    return _offset(node.place.line, node.place.column, text), _offset(line, column, text)


Upgrade = tuple[Callable[[Node], Node], Callable[[Node, str], list[Edit]]]
UPGRADES: Mapping[int, Upgrade] = {1: (_observed_as_series, _rewrite_observed)}
"""Format -> what turns a tree of it, and a text, into the next format."""
FORMATS = (*UPGRADES, FORMAT)
"""All formats that can be read."""
