"""Values that know where they were written, and how later files and overrides change them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

__all__ = [
    "COMMAND_LINE",
    "Node",
    "Override",
    "Place",
    "apply_override",
    "has",
    "merged",
    "place_of",
    "placed",
    "plain",
    "walk",
    "with_node",
]

COMMAND_LINE = "command line"
NAMED = ("events", "blocs", "sources", "observed", "assumptions")
"""Mappings from names to parts of a scenario."""


class Place(NamedTuple):
    """File as shown, line and column, both counted from 1."""

    file: str
    line: int
    column: int


@dataclass(frozen=True)
class Node:
    """A mapping, a list or a scalar, with the place of its value and of its key."""

    value: dict[str, Node] | list[Node] | str | int | float | bool | None
    place: Place
    key: Place | None = None
    size: int = 1
    """Number of nodes in it, aliases written out."""
    end: tuple[int, int] | None = None
    """Line and column behind a scalar."""


@dataclass(frozen=True)
class Override:
    """One ``key=value`` of the command line."""

    path: tuple[str, ...]
    value: object
    text: str
    number: int
    """Position among the overrides, from 1; stands for the line in messages."""
    add: bool = False
    delete: bool = False

    @property
    def place(self) -> Place:
        """Where messages point: behind the equals sign."""
        return Place(COMMAND_LINE, self.number, self.text.find("=") + 2)


def plain(node: Node) -> object:
    """The value without places."""
    if isinstance(node.value, dict):
        return {key: plain(child) for key, child in node.value.items()}
    if isinstance(node.value, list):
        return [plain(child) for child in node.value]
    return node.value


def walk(node: Node, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Node]]:
    """The node and everything in it, with paths; list items are numbered from 0."""
    yield path, node
    if isinstance(node.value, dict):
        for key, child in node.value.items():
            yield from walk(child, (*path, key))
    elif isinstance(node.value, list):
        for i, child in enumerate(node.value):
            yield from walk(child, (*path, str(i)))


def has(root: Node, path: Sequence[str]) -> bool:
    """Whether there is a value at the path."""
    return _deepest(root, path)[1]


def _deepest(root: Node, path: Sequence[str]) -> tuple[Node, bool]:
    """The deepest existing node on a path, and whether it is the end of the path."""
    node = root
    for part in path:
        child = None
        if isinstance(node.value, dict):
            child = node.value.get(part)
        elif isinstance(node.value, list) and part.isdigit() and int(part) < len(node.value):
            child = node.value[int(part)]
        if child is None:
            return node, False
        node = child
    return node, True


def place_of(root: Node, path: Sequence[str], *, key: bool = False) -> Place:
    """The place of the deepest existing part of a path: its value, or its key."""
    node, complete = _deepest(root, path)
    # Something missing belongs to the key that it is missing under.
    wants_key = key or (not complete and isinstance(node.value, dict))
    return node.key if wants_key and node.key is not None else node.place


def merged(earlier: Node, later: Node, path: tuple[str, ...] = ()) -> Node:
    """Mappings merge key by key, everything else is replaced; ``null`` removes an entry with a name.

    An event of another type replaces the earlier one as a whole, since their fields differ.
    """
    if not isinstance(earlier.value, dict) or not isinstance(later.value, dict):
        return later
    if len(path) == 2 and path[0] == "events":
        old, new = earlier.value.get("type"), later.value.get("type")
        if new is not None and old is not None and new.value != old.value:
            return later
    result = dict(earlier.value)
    for key, child in later.value.items():
        if child.value is None and key in result and len(path) == 1 and path[0] in NAMED:
            del result[key]
        elif child.value is None and key in result and not path and key in NAMED:
            # A heading with nothing below it says nothing.
            continue
        elif key in result:
            result[key] = merged(result[key], child, (*path, key))
        else:
            result[key] = child
    return replace(later, value=result, key=later.key or earlier.key)


def apply_override(root: Node, override: Override) -> Node:
    """The tree with one value set or deleted; missing mappings on the way are made."""

    def change(node: Node | None, path: tuple[str, ...]) -> Node:
        children = dict(node.value) if node is not None and isinstance(node.value, dict) else {}
        head, rest = path[0], path[1:]
        if rest:
            children[head] = change(children.get(head), rest)
        elif override.delete or (
            override.value is None and len(override.path) == 2 and override.path[0] in NAMED
        ):
            children.pop(head, None)
        else:
            children[head] = placed(override.value, override.place)
        if node is not None and isinstance(node.value, dict):
            return replace(node, value=children)
        return Node(children, override.place, override.place)

    return change(root, override.path)


def with_node(root: Node, path: Sequence[str], node: Node) -> Node:
    """The tree with a node at a path; missing mappings on the way are made."""
    children = dict(root.value) if isinstance(root.value, dict) else {}
    head, rest = path[0], path[1:]
    below = children.get(head, Node({}, node.place, node.place))
    children[head] = replace(node, key=below.key) if not rest else with_node(below, rest, node)
    return replace(root, value=children)


def placed(value: object, place: Place) -> Node:
    """Plain values as nodes, all of them at one place."""
    if isinstance(value, Mapping):
        return Node({str(k): placed(v, place) for k, v in value.items()}, place, place)
    if isinstance(value, list | tuple):
        return Node([placed(v, place) for v in value], place, place)
    if value is None or isinstance(value, str | int | float | bool):
        return Node(value, place, place)
    return Node(str(value), place, place)
