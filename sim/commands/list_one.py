"""What ``monazite list`` says of one good, instrument, parameter or strait by name."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from statistics import median
from typing import Any

from sim.errors import MonaziteError, did_you_mean
from sim.instruments import instrument_class, instrument_types
from sim.units import EXAMPLES, units_of
from sim.world.labels import UNNAMED, GoodLabel, Labels, ParameterLabel
from sim.world.straits import Straits

__all__ = ["good", "instrument", "parameter", "parameter_row", "sellers", "strait", "strait_row"]

Row = dict[str, str]
MILES_A_DAY = 14 * 24
"""At 14 knots, the speed that the rules of transport take."""


def _known(name: str, allowed: list[str], what: str) -> None:
    if name not in allowed:
        raise MonaziteError(f"there is no {what} '{name[:60]}'; {did_you_mean(name, allowed, list_up_to=30)}")


def _tonnes(value: float) -> str:
    return f"{value:,.0f}" if value >= 10 or value == 0 else f"{value:.3g}"


def _ranked(totals: Mapping[str, float], whole: float) -> list[Row]:
    return [
        {"country": code, "tonnes": _tonnes(tonnes), "share": f"{100 * tonnes / whole:.1f} %"}
        for code, tonnes in sorted(totals.items(), key=lambda item: -item[1])
        if tonnes > 0
    ]


def good(labels: Labels, name: str) -> list[Row]:
    """Output, exports, imports and use of one good in the base year by country, t a year; or of a mineral's.

    Raises:
        MonaziteError: there is no such good or mineral.
    """
    _known(name, [word for g in labels.goods for word in (g.id, g.mineral)], "good or mineral")
    rows = []
    for one in labels.goods:
        if name in (one.id, one.mineral):
            rows += _of_good(labels, one)
    return rows


def sellers(labels: Labels, name: str) -> list[Row]:
    """The sellers of a good, or of all goods of a mineral, by what they sell in the base year.

    Raises:
        MonaziteError: there is no such good or mineral.
    """
    _known(name, [word for g in labels.goods for word in (g.id, g.mineral)], "good or mineral")
    rows = []
    for one in labels.goods:
        if name not in (one.id, one.mineral):
            continue
        sold: dict[str, float] = {}
        where: dict[str, dict[str, None]] = {}
        homes: dict[str, str] = {}
        for (good_id, facility), tonnes in labels.output.items():
            if good_id == one.id and tonnes > 0:
                label = labels.facilities[facility]
                sold[label.firm] = sold.get(label.firm, 0.0) + tonnes
                where.setdefault(label.firm, {})[label.country] = None
                homes[label.firm] = labels.home(facility)
        whole = sum(sold.values())
        for firm in sorted(sold, key=lambda firm: -sold[firm]):
            # Whom no table names stands for several small firms.
            named = not firm.startswith(UNNAMED) and not firm.startswith("traders ")
            rows.append({
                "good": one.id, "firm": firm if named else f"{firm.partition(' (')[0]}, several",
                "control": homes[firm], "in": " ".join(where[firm]), "tonnes": _tonnes(sold[firm]),
                "share": f"{100 * sold[firm] / whole:.1f} %",
            })  # fmt: skip
    return rows


def _of_good(labels: Labels, one: GoodLabel) -> list[Row]:
    made: dict[str, float] = {}
    for (name, facility), tonnes in labels.output.items():
        label = labels.facilities[facility]
        if name == one.id and label.kind != "trader":
            made[label.country] = made.get(label.country, 0.0) + tonnes
    sent: dict[str, float] = {}
    got: dict[str, float] = {}
    for (exporter, importer), tonnes in labels.trade(one.id).items():
        if exporter != importer:
            sent[exporter] = sent.get(exporter, 0.0) + tonnes
            got[importer] = got.get(importer, 0.0) + tonnes
    used: dict[str, float] = {}
    for (name, facility), tonnes in labels.use.items():
        if name == one.id:
            country = labels.facilities[facility].country
            used[country] = used.get(country, 0.0) + tonnes
    rows = []
    for what, totals in (("output", made), ("exports", sent), ("imports", got), ("use", used)):
        head = {"good": one.id, "figure": what, "unit": f"{one.unit}/year {labels.base_year}"}
        whole = sum(totals.values())
        if whole > 0:
            rows.append({**head, "country": "all", "tonnes": _tonnes(whole), "share": "100 %"})
            rows += [{**head, **row} for row in _ranked(totals, whole)]
    return rows


def parameter_row(row: ParameterLabel) -> Row:
    """One parameter: meaning, unit, default, and the range in which members draw."""
    return {
        "parameter": row.name, "scope": row.scope, "default": f"{row.value:g}",
        "range": f"{row.low:g} to {row.high:g}", "unit": row.unit,
        "drawn": "no, held until a scenario varies it" if row.held else "yes", "meaning": row.meaning,
        "confidence": row.confidence,
    }  # fmt: skip


def parameter(labels: Labels, name: str) -> list[Row]:
    """All scopes of one parameter.

    Raises:
        MonaziteError: there is no such parameter.
    """
    _known(name, list(labels.parameters), "parameter")
    return [parameter_row(row) for (one, _), row in labels.parameter_rows.items() if one == name]


def _longer(miles: float) -> str:
    return f"{miles:,.0f} nm, {miles / MILES_A_DAY:.1f} days"


def strait_row(straits: Straits, name: str) -> Row:
    """One strait: whose trade passes it, and how much longer the next way is."""
    around = straits.without(name)
    cut, longer = [], []
    for pair, way in straits.ways.items():
        if name in way.straits:
            cut += [] if pair in around else [pair]
            longer += [around[pair].miles - way.miles] if pair in around else []
    longer.sort()
    return {
        "strait": name, "name": straits.names[name], "pairs": str(len(cut) + len(longer)),
        "no other way": str(len(cut)), "next way is longer by, median": _longer(median(longer or [0.0])),
    }  # fmt: skip


def strait(straits: Straits, name: str) -> list[Row]:
    """The pairs of countries whose shortest way by sea passes one strait.

    Raises:
        MonaziteError: there is no such strait.
    """
    _known(name, list(straits.names), "strait")
    around = straits.without(name)
    return [
        {
            "between": one, "and": other, "way": f"{way.miles:,.0f} nm", "straits": ", ".join(way.straits),
            "next way is longer by": (
                _longer(around[one, other].miles - way.miles) if (one, other) in around else "no other way"
            ),
        }
        for (one, other), way in straits.ways.items()
        if name in way.straits
    ]  # fmt: skip


def instrument(name: str) -> list[Row]:
    """Fields of one instrument: meaning, unit, default and range.

    Raises:
        MonaziteError: there is no such instrument.
    """
    _known(name, list(instrument_types()), "instrument")
    rows = []
    for key, info in instrument_class(name).model_fields.items():
        if key in ("id", "type"):
            continue
        word = _quantity_word(info.annotation, info.metadata)
        unit = ", ".join(units_of(word.dimension)) if word is not None and word.dimension in EXAMPLES else ""
        rows.append(
            {
                "field": info.alias or key,
                "meaning": info.description or "",
                "default": "needed" if info.is_required() else _default(info.get_default()),
                "range": word.bounds if word is not None else "",
                "unit": unit,
                "example": str((info.examples or [""])[0]),
            }
        )
    return rows


def _default(value: Any) -> str:
    if value is None or value == "":
        return "none"
    if isinstance(value, tuple):
        return ", ".join(map(str, value))
    return str(value).lower() if isinstance(value, bool) else str(value)


def _quantity_word(annotation: Any, metadata: Any = ()) -> Any:
    """How a field reads its number, however deep in mappings and alternatives; None for words."""
    from sim.instruments.words import QuantityWord

    for part in (*metadata, *getattr(annotation, "__metadata__", ())):
        if isinstance(part, QuantityWord):
            return part
    for part in typing.get_args(annotation):
        found = _quantity_word(part)
        if found is not None:
            return found
    return None
