# ruff: noqa: E501 (words and messages are quoted whole)
"""The valid cases as trees, and random changes to them."""

from __future__ import annotations

import copy
import random
from pathlib import Path
from typing import Any

from sim.scenario.node import plain
from sim.scenario.reader import read_document

FOLDER = Path(__file__).parents[1] / "scenarios"


def _tree(path: Path) -> Any:
    root = read_document(path).root
    assert root is not None
    return plain(root)


TREES = {path.name: _tree(path) for path in sorted((FOLDER / "valid").glob("*.yaml"))}
VALID_TREES = [name for name, tree in TREES.items() if "extends" not in tree]
WORDS = (
    "world", "CHN", "JPN", "EU27", "allies", "export_ban", "export_quota", "merger", "40 %", "-5 %", "500 t/year",
    "45 days", "2 t", "3 USD/kg", "2025-01", "2025-02-30", "2026-06-15", "2024", "gallium", "oxide", "8112", "NO",
    "on", "=", "", "x", "<<", "${oc.env:HOME}", "../secret", "_target_", "press", "a: b", "[", "{", "é", "1e999 t",
    "9" * 400, "month", "week", "true", "ev", "BHP", "\\u2028", "*a", "&a b", "!!python/object:os.system x",
)  # fmt: skip
KEYS = (
    "format", "name", "title", "base_year", "extends", "time", "start", "end", "step", "sources", "events",
    "blocs", "type", "by", "to", "on", "goods", "stages", "from", "until", "announced", "probability", "uniform",
    "choice", "weights", "lognormal", "approval_share", "delay", "assumptions", "observed", "values", "value",
    "series", "source", "assumption", "world", "JPN", "sweep", "_target_", "id", "seed", "rate", "amount",
    "thrift_speed", "2025-01", "in_base_year",
)  # fmt: skip


def scalar(chance: random.Random) -> Any:
    """Something that might stand for a value."""
    return chance.choice([
        None, True, False, 0, 1, -1, 2024, 2**70, 0.5, -0.25, float("inf"), float("nan"), 1e300,
        *(chance.choice(WORDS) for _ in range(12)),
    ])  # fmt: skip


def value(chance: random.Random, depth: int = 0) -> Any:
    """A scalar, or a small tree."""
    kind = chance.random()
    if depth > 2 or kind < 0.6:
        return scalar(chance)
    if kind < 0.75:
        return [value(chance, depth + 1) for _ in range(chance.randint(0, 3))]
    if kind < 0.9:
        form = chance.choice(["uniform", "triangular", "normal", "lognormal", "choice", "unifrom"])
        return {form: [value(chance, depth + 1) for _ in range(chance.randint(0, 4))]}
    return {chance.choice(KEYS): value(chance, depth + 1) for _ in range(chance.randint(0, 3))}


def places(node: Any) -> list[tuple[Any, Any]]:
    """Every (collection, key or index) of a tree."""
    keys = list(node) if isinstance(node, dict) else list(range(len(node))) if isinstance(node, list) else []
    return [(node, key) for key in keys] + [place for key in keys for place in places(node[key])]


def mutated(name: str, chance: random.Random) -> Any:
    """A valid case with one to three changes: a value replaced, removed, copied elsewhere, or added."""
    tree = copy.deepcopy(TREES[name])
    for _ in range(chance.choice([1, 1, 1, 2, 3])):
        found = places(tree)
        if not found:
            break
        node, key = chance.choice(found)
        action = chance.randrange(5)
        if action == 0:
            del node[key]
        elif action == 1:
            donor, at = chance.choice(found)
            node[key] = copy.deepcopy(donor[at]) if at in donor or isinstance(donor, list) else None
        elif action == 2 and isinstance(node, dict):
            node[chance.choice(KEYS)] = value(chance)
        elif action == 3 and isinstance(node, dict):
            node[chance.choice(KEYS)] = node.pop(key)
        else:
            node[key] = value(chance)
    return tree
