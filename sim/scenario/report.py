"""Collects problems and turns pydantic's errors into sentences with a place and a remedy."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from pydantic import BaseModel, ValidationError

from sim.errors import Problem, did_you_mean
from sim.instruments.words import WordError
from sim.scenario.node import Node, Place, has, place_of
from sim.units import QuantityError

__all__ = ["Report"]

NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)


class Report:
    """Problems of one scenario, each with the line that it stands in."""

    def __init__(self, root: Node, lines: Mapping[str, Sequence[str]]) -> None:
        self.root, self.lines = root, lines
        self.problems: list[Problem] = []
        self.extra_fields: tuple[str, ...] = ()
        """Fields of the file that its model does not hold."""
        self.leads: Mapping[str, Place] = {}
        """File that the scenario builds on -> where the scenario's own file names it, or what leads there."""
        self.unread: set[str] = set()
        """Events that stand in the file and could not be read: nobody else is blamed for what they lack."""
        self.because: tuple[Sequence[str], ...] = ()
        """Paths of the scenario's own file that may be the reason of what is found in others."""

    def add(
        self,
        path: Sequence[str],
        message: str,
        remedy: str = "",
        *,
        key: bool = False,
        warning: bool = False,
    ) -> None:
        """Book a problem with the value (or the key) at ``path``, or the nearest thing above it.

        What stands in a file that the scenario builds on was right there: the problem belongs to the line of
        the scenario's own file that makes it wrong, or else that names the other file.
        """
        place = place_of(self.root, path, key=key)
        if place.file in self.leads:
            message += f" (written in {place.file}:{place.line})"
            reasons = [place_of(self.root, reason) for reason in self.because if has(self.root, reason)]
            own = [reason for reason in reasons if reason.file not in self.leads]
            place = own[0] if own else self.leads[place.file]
        self.at(place, ".".join(path), message, remedy, warning=warning)

    @contextmanager
    def blaming(self, *paths: Sequence[str]) -> Iterator[None]:
        """While inside, these fields, where the file has one, are blamed for what others wrote."""
        before, self.because = self.because, paths
        try:
            yield
        finally:
            self.because = before

    def of(self, root: Node) -> Report:
        """An empty one for another tree of the same files."""
        other = Report(root, self.lines)
        other.leads = self.leads
        return other

    def at(self, place: Place, field: str, message: str, remedy: str = "", *, warning: bool = False) -> None:
        """Book a problem at a place."""
        rows = self.lines.get(place.file, ())
        excerpt = rows[place.line - 1] if 0 < place.line <= len(rows) else ""
        self.problems.append(Problem(*place, field, message, remedy, excerpt, warning))

    def invalid(self, prefix: Sequence[str], error: ValidationError, model: type[BaseModel]) -> None:
        """Book every error that a model found below ``prefix``."""
        for item in error.errors(include_url=False):
            location = [str(part) for part in item["loc"]]
            in_key = bool(location) and location[-1] == "[key]"
            if in_key:
                location.pop()
            if location[-1:] == ["bool"]:
                # Of a field that takes a truth value or text, the text speaks for both.
                continue
            if location[-1:] == ["str"]:
                message = f"{_kind(item.get('input'))} is neither true, false nor text"
                self.add([*prefix, *location[:-1]], message, "write true, or text in quotes")
                continue
            self._invalid([*prefix, *location], location, item, model, in_key)

    def _invalid(
        self, path: list[str], location: list[str], item: Any, model: type[BaseModel], in_key: bool
    ) -> None:
        kind, given = item["type"], item.get("input")
        cause = (item.get("ctx") or {}).get("error")
        fields = _fields(model, location[:-1])
        if kind == "missing":
            example = _example(fields, location[-1])
            self.add(path[:-1], f"the field '{location[-1]}' is missing", example, key=True)
        elif kind == "extra_forbidden":
            names = [name for name in fields if name != "id"]
            names += self.extra_fields if len(path) == 1 else ()
            guess = did_you_mean(location[-1], names, list_up_to=0)
            allowed = f"allowed: {', '.join(names)}"
            self.add(
                path,
                "unknown field",
                f"{guess} {allowed[0].upper()}{allowed[1:]}" if guess else allowed,
                key=True,
            )
        elif isinstance(cause, WordError | QuantityError):
            message, remedy = cause.message, cause.remedy
            if location and not remedy:
                remedy = _example(fields, location[-1])
            # One word stands for a list of one: there is no item 0 to name then.
            while len(path) > 1 and not has(self.root, path):
                path.pop()
            if isinstance(cause, QuantityError) and cause.path:
                path, in_key = [*path, *cause.path], cause.key
            self.add(path, message, remedy, key=in_key or not location)
        elif kind == "literal_error":
            words = [w.strip(" '") for w in item["ctx"]["expected"].replace(" or ", ",").split(",")]
            self.add(path, f"'{str(given)[:60]}' is not allowed", did_you_mean(str(given), words))
        elif kind == "string_type":
            self.add(path, f"{_kind(given)} stands where text is needed", "put the text in quotes")
        elif kind == "string_pattern_mismatch":
            say = "use small letters, digits, '-' and '_'"
            self.add(path, f"'{str(given)[:60]}' cannot be a name", say)
        elif kind in ("dict_type", "model_type", "model_attributes_type"):
            names = [name for name in _fields(model, location) if name != "id"]
            say = f"its fields are: {', '.join(names)}" if names else "write 'key: value' lines below it"
            self.add(path, f"{_kind(given)} stands where a mapping is needed", say)
        elif kind in ("tuple_type", "list_type"):
            self.add(path, f"{_kind(given)} stands where a list is needed", "write for example [a, b]")
        elif kind == "float_type":
            text = str(given).strip()[:60]
            if isinstance(given, str) and NUMBER.fullmatch(text):
                self.add(path, f"'{text}' is text, not a number", f"write {text} without quotes")
            else:
                self.add(path, f"{_kind(given)} is no number", "write for example 2.7")
        elif kind == "greater_than":
            bound = f"{item['ctx']['gt']:g}"
            self.add(path, f"{_kind(given)} is not above {bound}", f"write a number above {bound}")
        elif kind.startswith("bool"):
            self.add(path, f"{_kind(given)} is neither true nor false", "write true or false")
        else:
            self.add(path, f"{item['msg'][:1].lower()}{item['msg'][1:]}")


def _kind(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a mapping"
    if isinstance(value, list | tuple):
        return "a list"
    return f"'{str(value).lower() if isinstance(value, bool) else str(value)[:60]}'"


def _fields(model: type[BaseModel], location: Sequence[str]) -> dict[str, Any]:
    """Fields by the name used in files, of the model or of the part of it at ``location``."""
    fields = {info.alias or name: info for name, info in model.model_fields.items()}
    if not location or location[0] not in fields:
        return fields if not location else {}
    for part in _models(fields[location[0]].annotation):
        # Below a mapping or a list stands the key or the number of the item.
        names = {info.alias or name for name, info in part.model_fields.items()}
        skip = 2 if len(location) > 1 and location[1] not in names else 1
        return _fields(part, location[skip:])
    return {}


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in an annotation, inside mappings, lists and alternatives too."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in (getattr(annotation, "__origin__", None), *getattr(annotation, "__args__", ())):
        if part is not None and part is not annotation:
            yield from _models(part)


def _example(fields: Mapping[str, Any], name: str) -> str:
    examples = getattr(fields.get(name), "examples", None)
    return f"write for example '{name}: {examples[0]}'" if examples else ""
