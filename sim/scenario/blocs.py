"""Blocs: country groups that a scenario defines for itself."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from sim.distributions import FORMS
from sim.instruments.naming import WordError, country_word
from sim.scenario.node import Node
from sim.scenario.report import Report
from sim.world.labels import Labels

__all__ = ["BLOC_NAME", "read_blocs", "taken_names"]

BLOC_NAME = re.compile(rf"(?!(?:world|{'|'.join(FORMS)})$)[a-z][a-z0-9_-]{{3,39}}")
"""Small letters, four or more: neither a reader nor an editor takes a bloc for a country code."""
Trail = tuple[str, ...]


def taken_names(labels: Labels) -> set[str]:
    """Names that mean a country or a group already, in small letters."""
    return {word.casefold() for word in (*labels.groups, *labels.countries.values(), "world")}


class _Reader:
    """Members of each bloc as country codes; blocs may hold groups and each other."""

    def __init__(self, field: Node, report: Report, labels: Labels) -> None:
        assert isinstance(field.value, dict)
        self.written: Mapping[str, Node] = field.value
        self.report, self.labels = report, labels
        self.found: dict[str, tuple[str, ...]] = {}

    def name(self, name: str) -> bool:
        """Whether a bloc may be called so."""
        path = ("blocs", name)
        if name.casefold() in taken_names(self.labels):
            say = "choose another name"
            self.report.add(path, f"'{name[:60]}' is a country or a group already", say, key=True)
            return False
        if not BLOC_NAME.fullmatch(name):
            say = "use four or more small letters, digits, '-' and '_', for example 'allies'"
            if name in FORMS:
                say = "it is the name of a distribution"
            self.report.add(path, f"'{name[:60]}' cannot name a bloc", say, key=True)
            return False
        return True

    def members(self, name: str, above: Trail = ()) -> tuple[str, ...]:
        """Codes of the members, in the order in which they are first named."""
        if name in self.found:
            return self.found[name]
        node, path = self.written[name], ("blocs", name)
        items = node.value if isinstance(node.value, list) else [node]
        if isinstance(node.value, dict) or node.value is None or not items:
            self.report.add(path, "a bloc is a list of countries", "write for example [USA, JPN, EU27]")
        codes: dict[str, None] = {}
        for i, item in enumerate(items):
            where = (*path, str(i)) if isinstance(node.value, list) else path
            if not isinstance(item.value, str):
                if items is node.value:
                    self.report.add(where, "a member is one word", "write an ISO-3 code, a group or a bloc")
                elif node.value is not None and not isinstance(node.value, dict):
                    self.report.add(where, "a bloc is a list of countries", "write for example [USA, JPN]")
                continue
            word = item.value
            if word in (*above, name):
                circle = " -> ".join([*above, name, word])
                self.report.add(where, f"the bloc contains itself: {circle}", "remove one of them")
            elif word in self.written:
                codes.update(dict.fromkeys(self.members(word, (*above, name))))
            elif self.labels.group(word):
                codes.update(dict.fromkeys(self.labels.group(word)))
            else:
                codes.update(dict.fromkeys(self._called(word, where)))
        self.found[name] = tuple(codes)
        return self.found[name]


    def _called(self, word: str, where: Trail) -> tuple[str, ...]:
        """Countries of a name in whatever spelling; none where nothing is called so."""
        groups = {**self.labels.groups, **dict.fromkeys(self.written, ())}
        try:
            return self.labels.group(country_word(word, replace(self.labels, groups=groups)))
        except WordError as error:
            self.report.add(where, error.message, error.remedy)
            return ()


def read_blocs(root: Node, report: Report, labels: Labels | None) -> dict[str, tuple[str, ...]]:
    """Bloc -> ISO-3 codes of its members; empty where the scenario has none."""
    assert isinstance(root.value, dict)
    field = root.value.get("blocs")
    if field is None or field.value is None or labels is None:
        return {}
    if not isinstance(field.value, dict):
        report.add(("blocs",), "blocs are a mapping", "write for example 'allies: [USA, JPN]' below it")
        return {}
    reader = _Reader(field, report, labels)
    for name in field.value:
        reader.name(name)
    return {name: reader.members(name) for name in field.value}
