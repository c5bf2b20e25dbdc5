"""``scenario.resolved.yaml``: every value that a run used, with the line that it came from."""

from __future__ import annotations

import dataclasses
import enum
import json
import os
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

from sim.paths import share_root
from sim.units import Quantity
from sim.visible import visible

QUANTITY_FIELDS = {"value", "dimension", "text"}
"""What a model dump makes of a quantity; its text says it all, and can be read again."""

__all__ = ["display_path", "plain", "resolved_yaml"]


def display_path(path: Path | str) -> str:
    """A path as a reader can use it elsewhere: relative to the project where it lies inside."""
    text = str(path)
    if not os.path.isabs(text):
        return text
    resolved = Path(text).resolve()
    for root in (share_root().resolve(), Path.cwd().resolve()):
        if resolved.is_relative_to(root):
            return resolved.relative_to(root).as_posix()
    return resolved.name


def plain(value: object) -> Any:
    """The value as mappings, lists and scalars; events become a mapping keyed by their id.

    Raises:
        TypeError: the value has no plain form.
    """
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Path):
        return display_path(value)
    if isinstance(value, Quantity):
        return value.text
    if hasattr(value, "model_dump"):
        return plain(value.model_dump(mode="python", by_alias=True, exclude_none=True))
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
        return plain({k: v for k, v in fields.items() if k != "origin" and v is not None})
    if isinstance(value, Mapping):
        if set(value) == QUANTITY_FIELDS:
            return str(value["text"])
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, set | frozenset):
        return sorted(plain(v) for v in value)
    if isinstance(value, list | tuple):
        items = [plain(v) for v in value]
        if items and all(isinstance(item, dict) and "id" in item for item in items):
            return {item["id"]: {k: v for k, v in item.items() if k != "id"} for item in items}
        return items
    raise TypeError(f"no plain form for {type(value).__name__}")


def _origin(origin: Mapping[str, Any], path: str) -> str:
    found = origin.get(path)
    if found is None:
        return ""
    if isinstance(found, str):
        return f"  # {visible(found)}"
    file, line = (found[0], found[1]) if isinstance(found, tuple | list) else (found.file, found.line)
    return f"  # {visible(display_path(file))}:{line}"


def _scalar(value: object) -> str:
    # Quoted text of YAML knows the same escapes.
    return visible(json.dumps(value, ensure_ascii=False))


def _lines(value: Any, path: str, indent: int, origin: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    margin = "  " * indent
    for key, item in value.items():
        name = f"{path}.{key}" if path else key
        comment = _origin(origin, name)
        label = key if key.replace("_", "").replace("-", "").isalnum() and key[0].isalpha() else _scalar(key)
        if isinstance(item, dict) and item:
            lines += [f"{margin}{label}:{comment}", *_lines(item, name, indent + 1, origin)]
        elif isinstance(item, list) and any(isinstance(part, dict | list) for part in item):
            lines.append(f"{margin}{label}:{comment}")
            lines += [f"{margin}  - {_scalar(part)}" for part in item]
        else:
            lines.append(f"{margin}{label}: {_scalar(item)}{comment}")
    return lines


def resolved_yaml(scenario: object) -> str:
    """The scenario as YAML text, defaults included, each value with ``# file:line`` where known.

    Args:
        scenario: a resolved scenario; its ``origin`` maps dotted paths to (file, line, column).
            A value without an origin is a default of the program.
    """
    origin: Mapping[str, Any] = getattr(scenario, "origin", None) or {}
    head = "# Resolved scenario. A value without a comment is a default of the program.\n"
    return head + "\n".join(_lines(plain(scenario), "", 0, origin)) + "\n"
