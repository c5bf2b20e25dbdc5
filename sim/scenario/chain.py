"""The files that a scenario extends: found in their order, and merged into one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sim.errors import Problem, did_you_mean
from sim.scenario.find import find, names
from sim.scenario.formats import upgraded
from sim.scenario.node import Node, Place, merged
from sim.scenario.reader import Document, read_document

__all__ = ["OWN_FIELDS", "as_one", "chained"]

OWN_FIELDS = ("name", "title", "question", "tags", "status", "compare_to", "extends", "sweep", "lesson")
"""Fields that a scenario does not inherit from those it extends."""
LONGEST_CHAIN = 20


def chained(document: Document) -> tuple[list[Document], list[Problem], dict[str, Place]]:
    """The documents that a scenario extends, in order of merging, itself last.

    Also what is wrong with them, and by file the line of the scenario's own file that leads there.
    """
    ordered: list[Document] = []
    problems: list[Problem] = []
    leads: dict[str, Place] = {}
    done: set[Path] = set()

    def visit(part: Document, above: tuple[Path, ...], via: Place | None) -> None:
        here = part.path.resolve()
        if via is not None:
            leads.setdefault(part.file, via)
        for node in _extended(part):
            name = str(node.value)
            target = find(name, beside=part.path)
            if target is None:
                legal = "/" not in name and "\\" not in name and not name.endswith((".yaml", ".yml"))
                guess = did_you_mean(name, sorted(names()), list_up_to=0) if legal else ""
                remedy = guess or "name a scenario of the scenario folders, without folder or '.yaml'"
                problems.append(_at(part, node, f"there is no scenario '{name[:60]}' to extend", remedy))
            elif target.resolve() in (*above, here):
                trail = [p.stem for p in (*above, here)]
                circle = " -> ".join([*trail[trail.index(target.stem) :], target.stem])
                problems.append(_at(part, node, f"extends itself: {circle}", "remove one of them"))
            elif len(above) >= LONGEST_CHAIN:
                problems.append(_at(part, node, f"more than {LONGEST_CHAIN} scenarios in a chain"))
            elif target.resolve() not in done:
                parent = read_document(target)
                if parent.root is None:
                    problems.extend(parent.problems)
                    done.add(target.resolve())
                else:
                    visit(parent, (*above, here), via or node.place)
        done.add(here)
        ordered.append(part)

    visit(document, (), None)
    return ordered, problems, leads


def _extended(part: Document) -> list[Node]:
    field = part.root.value.get("extends") if part.root and isinstance(part.root.value, dict) else None
    if field is None:
        return []
    items = field.value if isinstance(field.value, list) else [field]
    # Anything but text is reported when the fields are checked.
    return [item for item in items if isinstance(item.value, str)]


def _at(part: Document, node: Node, message: str, remedy: str = "") -> Problem:
    line = node.place.line
    excerpt = part.lines[line - 1] if 0 < line <= len(part.lines) else ""
    return Problem(*node.place, "extends", message, remedy, excerpt)


def as_one(chain: Sequence[Document]) -> Node:
    """The files as one tree: later ones win, and what a scenario does not inherit is left out."""
    nodes = [upgraded(part.root) for part in chain if part.root is not None]
    root = Node({}, nodes[-1].place)
    for node in nodes[:-1]:
        assert isinstance(node.value, dict)
        root = merged(root, replace(node, value={k: v for k, v in node.value.items() if k not in OWN_FIELDS}))
    return merged(root, nodes[-1])
