"""Names of a scenario's header, blocs, parameters and observed series, put into the words of its world.

Events read their own words; what stands here is looked up by other parts of the program as it is written.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from sim.instruments.naming import WordError, country_word, good_words
from sim.names import meaning_of
from sim.paths import base_years
from sim.scenario.node import Node
from sim.scenario.report import Report
from sim.world.labels import GoodLabel, Labels, load_labels
from sim.world.source import NoWorld, WorldChoice, panel_labels, world_tables

__all__ = [
    "SERIES_FORMS", "check_series", "in_words_of", "minerals_called", "scope_called", "series_called",
    "tables_asked",
]  # fmt: skip

SERIES_FORMS = {
    "price_outside": ("GOODS",), "price_inside": ("GOODS",), "price_gate": ("GOODS",),
    "exports": ("GOODS", "COUNTRY"), "imports": ("GOODS", "COUNTRY"), "import_value": ("GOODS", "COUNTRY"),
    "import_unit_value": ("GOODS", "COUNTRY"), "production": ("GOODS", "COUNTRY"),
    "shortfall": ("GOODS", "COUNTRY"), "value_added_at_risk": ("COUNTRY",),
    "flow": ("GOODS", "COUNTRY", "COUNTRY"),
}  # fmt: skip
"""Kind of an observed series -> what its name goes on with."""
YEARLY = "yearly_"
"""Before a kind: its figures are those of a calendar year."""


def in_words_of(root: Node, labels: Labels | None) -> Node:
    """The scenario with names in the words of the world wherever they are known; others stay as they are."""
    if labels is None or not isinstance(root.value, dict):
        return root
    fields = dict(root.value)
    if "minerals" in fields:
        fields["minerals"] = _minerals(fields["minerals"], labels)
    observed = fields.get("observed")
    if observed is not None and isinstance(observed.value, dict):
        entries = {name: _entry(entry, labels) for name, entry in observed.value.items()}
        fields["observed"] = replace(observed, value=entries)
    return replace(root, value=fields)


def _entry(entry: Node, labels: Labels) -> Node:
    """An observed entry with its series in the words of the world."""
    if not isinstance(entry.value, dict):
        return entry
    fields = dict(entry.value)
    for name in ("series", "minus", "over"):
        node = fields.get(name)
        if node is not None and isinstance(node.value, str):
            fields[name] = replace(node, value=series_called(node.value, labels))
    return replace(entry, value=fields)


def _minerals(node: Node, labels: Labels) -> Node:
    """The list of minerals; a name of several stands for all of them."""
    if isinstance(node.value, str):
        found = minerals_called(node.value, labels)
        if len(found) > 1:
            return replace(node, value=[replace(node, value=name) for name in found])
        return replace(node, value=found[0]) if found else node
    if not isinstance(node.value, list):
        return node
    items, further = [], []
    for item in node.value:
        found = minerals_called(item.value, labels) if isinstance(item.value, str) else ()
        items.append(replace(item, value=found[0]) if found else item)
        further += [replace(item, value=name) for name in found[1:]]
    return replace(node, value=[*items, *further])


def tables_asked(base_year: int, minerals: object, world: WorldChoice | None) -> Path:
    """The world tables that a header asks for, with its minerals as they are written.

    Raises:
        NoWorld: there is no such world; ``where`` is the place in the header.
        MonaziteError: it cannot be built.
    """
    written = [minerals] if isinstance(minerals, str) else minerals if isinstance(minerals, list) else []
    curated = load_labels(base_year).goods if base_year in base_years() else ()
    goods = (*curated, *panel_labels())
    named: list[tuple[int, str]] = []
    for place, word in enumerate(written):
        if isinstance(word, str):
            named += [(place, name) for name in _minerals_among(word, goods) or (word,)]
    try:
        return world_tables(base_year, [name for _, name in named], world)
    except NoWorld as error:
        if error.where[0] == "minerals":
            place = named[int(error.where[1])][0]
            where = ("minerals",) if isinstance(minerals, str) else ("minerals", str(place))
            raise NoWorld(where, error.message, error.remedy) from error
        raise


def minerals_called(word: str, labels: Labels) -> tuple[str, ...]:
    """Minerals of the goods that a word stands for; none where the world has no such good."""
    return _minerals_among(word, labels.goods)


def _minerals_among(word: str, goods: Sequence[GoodLabel]) -> tuple[str, ...]:
    found = meaning_of(word, goods)
    if found is None or found.words == ("all",):
        return ()
    by_id = {good.id: good.mineral for good in goods}
    minerals = {good.mineral for good in goods}
    named: list[str] = []
    for name in found.words:
        if name in minerals:
            named.append(name)
        elif name in by_id:
            named.append(by_id[name])
        else:
            named += [good.mineral for good in goods if any(c.startswith(name) for c in good.hs6)]
    return tuple(dict.fromkeys(named))


def scope_called(name: str, labels: Labels) -> str:
    """``parameter.scope`` with the mineral of the scope as the world calls it."""
    parameter, _, scope = name.partition(".")
    if not scope or scope in labels.parameters.get(parameter, ()):
        return name
    found = minerals_called(scope, labels)
    return f"{parameter}.{found[0]}" if len(found) == 1 else name


def series_called(name: str, labels: Labels) -> str:
    """The name of an observed series with goods and countries as the world calls them."""
    kind, *parts = name.split(".")
    form = SERIES_FORMS.get(kind.removeprefix(YEARLY), ())
    if len(form) != len(parts):
        return name
    try:
        return ".".join([kind, *(_part(what, part, labels) for what, part in zip(form, parts, strict=True))])
    except WordError:
        return name


def check_series(root: Node, report: Report, labels: Labels | None) -> None:
    """Say so where an observed series names a good or a country that the world does not have."""
    observed = root.value.get("observed") if isinstance(root.value, dict) else None
    if labels is None or observed is None or not isinstance(observed.value, dict):
        return
    for name, entry in observed.value.items():
        fields = entry.value if isinstance(entry.value, dict) else {}
        for field in ("series", "minus", "over"):
            node = fields.get(field)
            if node is None or not isinstance(node.value, str):
                continue
            wrong = _unknown_part(node.value, labels)
            if wrong is not None:
                report.add(("observed", name, field), wrong.message, wrong.remedy, warning=True)


def _unknown_part(series: str, labels: Labels) -> WordError | None:
    """What is wrong with the first part of a series that the world does not know; None for other series."""
    kind, *parts = series.split(".")
    form = SERIES_FORMS.get(kind.removeprefix(YEARLY), ())
    try:
        for what, part in zip(form, parts, strict=False):
            if what == "COUNTRY":
                country_word(part, labels)
            for word in part.split("+") if what == "GOODS" else ():
                good_words(word, labels)
    except WordError as error:
        return error
    return None


def _part(what: str, part: str, labels: Labels) -> str:
    if what == "COUNTRY":
        return country_word(part, labels)
    return "+".join(_goods(word, labels) for word in part.split("+"))


def _goods(word: str, labels: Labels) -> str:
    found: Sequence[str] = getattr(meaning_of(word, labels.goods), "words", ())
    return "+".join(found) if found else word
