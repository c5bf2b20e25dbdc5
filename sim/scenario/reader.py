"""The only reader of YAML: a small, safe part of the language, every value with its place.

A scenario may come from a stranger, so nothing here builds objects, follows references out of
the file, or grows beyond fixed limits. Tags, merge keys and cyclic aliases are refused; words
that YAML 1.1 takes for truth values (``NO``, ``on``) are refused with an explanation instead of
being read as false.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from pathlib import Path

import yaml

from sim.errors import Problem
from sim.paths import shown
from sim.scenario.node import Node, Place

__all__ = ["MAXIMUM_BYTES", "Document", "read_document", "read_text"]

MAXIMUM_BYTES = 5_000_000
MAXIMUM_NODES = 50_000
MAXIMUM_DEPTH = 24
LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]{0,17})(\.[0-9]{0,25})?([eE][-+]?[0-9]{1,2})?")
"""As many digits as programs write of a number in double precision."""
TRUTH_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


@dataclass(frozen=True)
class Document:
    """One file: its tree (``None`` where it could not be read), its lines and its problems."""

    path: Path
    file: str
    root: Node | None
    lines: tuple[str, ...]
    problems: tuple[Problem, ...]


class _Stop(Exception):
    """Reading cannot go on."""


class _Builder:
    """Turns the parser's events into nodes, without recursion, within the limits."""

    def __init__(self, file: str, lines: tuple[str, ...]) -> None:
        self.file, self.lines = file, lines
        self.problems: list[Problem] = []
        self.root: Node | None = None
        self.nodes = 0
        self.anchors: dict[str, Node | None] = {}
        # Open collections: (children, pending key, place, anchor, nodes before it).
        self.open: list[_Open] = []

    def place(self, event: yaml.Event) -> Place:
        """Where an event starts."""
        mark = event.start_mark
        return Place(self.file, mark.line + 1, mark.column + 1) if mark else Place(self.file, 0, 0)

    def problem(self, place: Place, message: str, remedy: str = "", field: str = "") -> None:
        """Book a problem with its source line."""
        excerpt = self.lines[place.line - 1] if 0 < place.line <= len(self.lines) else ""
        name = field or ".".join(part.key for part in self.open if part.key is not None)
        self.problems.append(Problem(*place, name, message, remedy, excerpt))

    def stop(self, place: Place, message: str, remedy: str = "") -> None:
        """A problem that ends the reading."""
        self.problem(place, message, remedy)
        raise _Stop

    def feed(self, event: yaml.Event) -> None:
        """Take one event of the parser."""
        place = self.place(event)
        if isinstance(event, yaml.DocumentStartEvent):
            if self.root is not None:
                self.stop(place, "a second document starts here", "write one scenario per file")
        elif isinstance(event, yaml.ScalarEvent):
            self.check_tag(event, place)
            mark = event.end_mark
            end = (mark.line + 1, mark.column + 1) if mark else None
            self.add(Node(self.scalar(event, place), place, end=end), event.anchor, event.value)
        elif isinstance(event, yaml.AliasEvent):
            self.alias(event.anchor or "", place)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.check_tag(event, place)
            if len(self.open) >= MAXIMUM_DEPTH:
                self.stop(
                    place, f"more than {MAXIMUM_DEPTH} levels deep", "a scenario needs no more than six"
                )
            if event.anchor is not None:
                self.anchors[event.anchor] = None
            self.count(1, place)
            children: dict[str, Node] | list[Node] = {} if isinstance(event, yaml.MappingStartEvent) else []
            self.open.append(_Open(children, place, event.anchor, self.nodes))
        elif isinstance(event, yaml.CollectionEndEvent):
            done = self.open.pop()
            size = self.nodes - done.nodes_before + 1
            self.add(Node(done.children, done.place, size=size), done.anchor, None, counted=True)

    def count(self, nodes: int, place: Place) -> None:
        """Refuse what would grow beyond any scenario, such as aliases of aliases."""
        self.nodes += nodes
        if self.nodes > MAXIMUM_NODES:
            self.stop(place, f"more than {MAXIMUM_NODES} values, aliases written out", "split the scenario")

    def check_tag(self, event: yaml.NodeEvent, place: Place) -> None:
        """Tags could name program objects; a scenario has no use for them."""
        if getattr(event, "tag", None) not in (None, "!"):
            self.problem(place, "tags such as '!!str' or '!!python/...' are refused", "write the plain value")

    def alias(self, name: str, place: Place) -> None:
        """Insert what an anchor stands for."""
        if name not in self.anchors:
            self.stop(place, f"the alias '*{name}' has no anchor before it", f"write '&{name}' first")
        node = self.anchors[name]
        if node is None:
            self.stop(place, f"the alias '*{name}' contains itself", "write the value out")
            return
        self.count(node.size, place)
        self.add(node, None, None, counted=True, at=place)

    def scalar(self, event: yaml.ScalarEvent, place: Place) -> str | int | float | bool | None:
        """The value of a scalar; dates and quantities stay text."""
        text: str = event.value
        if event.style:
            return text
        if self.open and isinstance(self.open[-1].children, dict) and self.open[-1].key is None:
            return text
        if text.lower() in TRUTH_WORDS:
            meaning = TRUTH_WORDS[text.lower()]
            say = "; for Norway write NOR" if text.lower() == "no" else ""
            self.problem(
                place, f"'{text}' is the truth value {meaning} in YAML 1.1",
                f"write {meaning}, or '{text}' in quotes if the word is meant{say}",
            )  # fmt: skip
            return text
        if text in ("", "~", "null", "Null", "NULL"):
            return None
        if text in ("true", "True", "TRUE", "false", "False", "FALSE"):
            return text.lower() == "true"
        if NUMBER.fullmatch(text):
            return int(text) if text.lstrip("+-").isdigit() else float(text)
        return text

    def add(
        self,
        node: Node,
        anchor: str | None,
        text: str | None,
        *,
        counted: bool = False,
        at: Place | None = None,
    ) -> None:
        """Put a node where it belongs: root, list item, key or value."""
        if not counted:
            self.count(1, node.place)
        if anchor is not None:
            self.anchors[anchor] = node
        if not self.open:
            self.root = node
            return
        top = self.open[-1]
        if isinstance(top.children, list):
            top.children.append(node)
        elif top.key is None:
            place = at or node.place
            if text is None:
                self.stop(place, "a key must be a word", "write 'key: value'")
                return
            if text == "<<":
                self.problem(place, "merge keys are refused", "use 'extends' to build on another scenario")
            if text in top.children:
                first = top.children[text].key
                where = f" (first in line {first.line})" if first else ""
                self.problem(place, f"the key '{text}' stands twice{where}", "remove one")
            top.key, top.key_place = text, place
        else:
            if top.key not in top.children and top.key != "<<":
                top.children[top.key] = replace(node, key=top.key_place)
            top.key = None


class _Open:
    """A collection that has not ended yet."""

    def __init__(
        self, children: dict[str, Node] | list[Node], place: Place, anchor: str | None, nodes_before: int
    ) -> None:
        self.children, self.place, self.anchor, self.nodes_before = children, place, anchor, nodes_before
        self.key: str | None = None
        self.key_place: Place | None = None


def read_document(path: Path) -> Document:
    """Read one scenario file. Never raises on its content: problems are in the document."""
    file = shown(path)

    def refused(message: str, remedy: str = "", line: int = 0, column: int = 0) -> Document:
        return Document(path, file, None, (), (Problem(file, line, column, "", message, remedy),))

    try:
        if path.is_dir():
            return refused("is a folder", "name a file, for example scenario.yaml")
        if not path.is_file():
            return refused("no such file", _known(path))
        size = path.stat().st_size
        if size > MAXIMUM_BYTES:
            return refused(f"is {size / 1e6:.1f} MB", f"a scenario has at most {MAXIMUM_BYTES / 1e6:.0f} MB")
        raw = path.read_bytes()
    except OSError as error:
        return refused(f"cannot be read: {error.strerror}")
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        column = error.start - (raw.rfind(b"\n", 0, error.start) + 1) + 1
        return refused("is not UTF-8 text", "save the file as UTF-8", line, column)
    return read_text(text, path, file)


def _known(path: Path) -> str:
    """What to write where a scenario has the name of a file that is not there."""
    from sim.scenario.find import names

    known = names().get(path.stem)
    return f"write {path.stem} for {shown(known)}" if known is not None and known != path else ""


def read_text(text: str, path: Path, file: str) -> Document:
    """Read a scenario from text, as if it stood in ``path``."""
    lines = tuple(text.splitlines())
    builder = _Builder(file, lines)
    try:
        for event in yaml.parse(text, Loader=LOADER):
            builder.feed(event)
    except _Stop:
        builder.root = None
    except yaml.YAMLError as error:
        builder.root = None
        _explain(builder, error, text)
    else:
        if builder.root is None or builder.root.value is None:
            builder.problem(Place(file, 0, 0), "the file is empty", "start with 'format: 2'")
            builder.root = None
        elif not isinstance(builder.root.value, dict):
            place = builder.root.place
            builder.problem(place, "a scenario is a mapping of fields", "start with 'format: 2'")
            builder.root = None
    return Document(path, file, builder.root, lines, tuple(builder.problems))


def _explain(builder: _Builder, error: yaml.YAMLError, text: str) -> None:
    """Say what broke the syntax, and the usual cause of it."""
    mark = getattr(error, "problem_mark", None) or getattr(error, "context_mark", None)
    if mark is not None:
        place = Place(builder.file, mark.line + 1, mark.column + 1)
    else:
        position = min(int(getattr(error, "position", 0) or 0), len(text))
        line = text.count("\n", 0, position) + 1
        place = Place(builder.file, line, position - (text.rfind("\n", 0, position) + 1) + 1)
    if "end of stream" in str(getattr(error, "problem", "")) and getattr(error, "context_mark", None):
        mark = error.context_mark  # type: ignore[attr-defined]
        place = Place(builder.file, mark.line + 1, mark.column + 1)
        builder.open.clear()
        builder.problem(place, "broken YAML: this text never ends", "close the quotation mark")
        return
    reason = str(getattr(error, "problem", None) or getattr(error, "reason", None) or "unreadable")
    row = builder.lines[place.line - 1] if 0 < place.line <= len(builder.lines) else ""
    remedy = ""
    if "\t" in row[: place.column]:
        reason, remedy = "a tab stands in the indentation", "indent with spaces"
    elif "mapping values are not allowed" in reason:
        reason, remedy = "a second colon stands in the line", "put text with a colon in quotes"
    elif "expected ',' or" in reason:
        remedy = "a bracket is not closed, or a comma is missing"
    elif "could not find expected ':'" in reason:
        remedy = "a colon is missing after a key, or text needs quotes"
    elif "did not find expected key" in reason or "expected <block end>" in reason:
        remedy = "check the indentation of this line and the one before"
    builder.open.clear()
    builder.problem(place, f"broken YAML: {reason}", remedy)
