"""A JSON Schema of scenario files, made from the definitions that the loader reads with.

Editors complete and explain with it. It holds what a schema can say: fields, words, units, what is
needed. What needs the calendar, other files or sums (the order of dates, whether a source is listed)
stays with ``monazite validate``.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import BaseModel

from sim.distributions import FORMS, PLAIN
from sim.instruments import Instrument, instrument_class, instrument_types
from sim.instruments.naming import GROUP_SPELLINGS
from sim.names import countries, country_called, good_names, meaning_of
from sim.scenario.blocs import BLOC_NAME, taken_names
from sim.scenario.formats import FORMATS
from sim.scenario.lesson_part import LessonPart
from sim.scenario.observed_files import COLUMNS, LAYOUTS
from sim.scenario.resolve import EVENT_ID
from sim.scenario.scenario import Header
from sim.scenario.sweep_spec import Design
from sim.units import SINGULARS, UNITS
from sim.world.labels import Labels
from sim.world.projects import more_countries, project_owners
from sim.world.source import panel_coverage, panel_labels

__all__ = ["scenario_schema", "schema_text"]

Schema = dict[str, Any]
NUMBER = r"[-+]?(\d+(,\d{3})*(\.\d*)?|\.\d+)([eE][-+]?\d{1,3})?"
DAY = r"^(19\d\d|20\d\d|21\d\d|2200)-(0[1-9]|1[0-2])(-(0[1-9]|[12]\d|3[01]))?$"
PERIOD = r"^(19\d\d|20\d\d|21\d\d|2200)(-H[12])?$"
OBSERVED_PERIOD = rf"{DAY}|^(19\d\d|20\d\d|21\d\d|2200)(-?(Q[1-4]|H[12]|M(0?[1-9]|1[0-2])))?$"
OBSERVED_FILE = "observed file"
FILE_NAME = r"^(?![/\\])(?!.*\.\.).*\.([cC][sS][vV]|[tT][sS][vV]|[tT][xX][tT]|[xX][lL][sS][xXmM])$"
SCENARIO_NAME = r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,99}$"
WITHOUT_START = ("merger",)
"""Instruments that may be in force throughout the run."""
SOURCED: Schema = {
    "anyOf": [
        {"required": ["source"], "properties": {"source": {"type": "string"}}},
        {"required": ["assumption"], "properties": {"assumption": {"not": {"enum": [False, ""]}}}},
    ]
}
NAMED_PARTS = ("sources", "observed")


def schema_text(labels: Sequence[Labels]) -> str:
    """The schema as the text of its file."""
    return json.dumps(scenario_schema(labels), indent=1, ensure_ascii=False) + "\n"


def scenario_schema(labels: Sequence[Labels]) -> Schema:
    """The schema of scenario files (draft 7), for the words of some base years.

    A file that extends others may leave out what they give it, so it is judged less strictly.
    """
    words = _words(labels)
    definitions = {**words, **_quantities()}
    whole = _file(labels, definitions, partial=False)
    definitions["scenario"] = whole
    definitions["scenario that extends others"] = _file(labels, definitions, partial=True)
    extends = {"required": ["extends"], "properties": {"extends": {"not": {"enum": [[], None]}}}}
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Monazite scenario",
        "description": "Supply shocks in critical minerals. 'monazite validate' checks the rest.",
        "type": "object",
        "if": extends,
        "then": _ref("scenario that extends others"),
        "else": _ref("scenario"),
        "definitions": definitions,
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/definitions/{name.replace(' ', '%20')}"}


# -- words -------------------------------------------------------------------------------------


FREE = {"project": "project of 'world.projects'", "event": "id of an event of this scenario"}
"""Words that no world holds."""


def _firms(labels: Sequence[Labels]) -> list[str]:
    """Owners of what stands and of what may be built."""
    return sorted({firm for label in labels for firm in label.firms} | set(project_owners().values()))


def _words(labels: Sequence[Labels]) -> dict[str, Schema]:
    """Countries, goods, stages and so on, one or several."""

    def known(names: Iterable[Iterable[str]]) -> list[str]:
        return sorted({name for some in names for name in some})

    goods = [good for some in labels for good in some.goods]
    goods += panel_labels()
    codes = {code[:n] for good in goods for code in good.hs6 for n in range(4, len(code) + 1)}
    names = known([{g.id, g.mineral} for g in goods])
    codes3 = known([*(label.countries for label in labels), more_countries()])
    groups = known(label.groups for label in labels)
    one: dict[str, Schema] = {
        "country": {
            "description": "ISO-3 code, world, a group, or a bloc of this scenario",
            "anyOf": [
                {"enum": [*codes3, *groups, "world"]},
                {"enum": _spellings(codes3), "description": "a country by another code or by name"},
                {"type": "string", "pattern": f"^{BLOC_NAME.pattern}$"},
            ],
        },
        "good": {
            "description": "good, mineral, HS code or its beginning, or all",
            "anyOf": [
                {"enum": [*names, "all"]},
                {"enum": _trade_names(labels), "description": "a good by symbol or trade name"},
                {"enum": [*sorted(codes), *sorted(int(code) for code in codes if code[0] != "0")]},
            ],
        },
        "stage": {"description": "stage of processing", "enum": known([{g.stage for g in goods}])},
        "sector": {"description": "end-use sector", "enum": known(label.sectors for label in labels)},
        "firm": {"description": "firm that owns facilities", "enum": _firms(labels)},
        "facility": _facility(known([*(x.facilities for x in labels), project_owners()])),
        "strait": {"description": "strait or canal", "enum": known(x.straits.names for x in labels)},
        "mineral": {
            "description": "mineral",
            "anyOf": [
                {"enum": known([{g.mineral for g in goods}])},
                {"enum": _trade_names(labels), "description": "a mineral by symbol or trade name"},
            ],
        },
        **{name: {"description": what, "type": "string"} for name, what in FREE.items()},
        "scenario name": {"type": "string", "pattern": SCENARIO_NAME, "not": {"pattern": r"\.ya?ml$"}},
    }
    plurals = {"country": "countries", "facility": "facilities"}
    several = {
        plurals.get(name, f"{name}s"): {
            "description": f"{schema.get('description', name)}; one or a list",
            "anyOf": [_ref(name), {"type": "array", "items": _ref(name), "minItems": 1}],
        }
        for name, schema in one.items()
    }
    day = {"type": "string", "pattern": DAY, "description": "day (2025-04-04) or month (2025-04)"}
    since = {"anyOf": [_ref("day"), {"type": "string", "pattern": r"^\d{4}$"}], "description": "from when"}
    half = {"type": "string", "pattern": PERIOD, "description": "year (2010) or half-year (2010-H1)"}
    spelt = "day, month (2025-04), quarter (2025-Q2), half-year (2025-H1) or year (2025)"
    seen = {"type": "string", "pattern": OBSERVED_PERIOD, "description": spelt}
    beside = "a table beside this file, or below its folder"
    one[OBSERVED_FILE] = {"type": "string", "pattern": FILE_NAME, "description": beside}
    return {**one, **several, "day": day, "since": since, "period": half, "observed period": seen}


def _facility(known: list[str]) -> Schema:
    """A facility of the curated worlds, or of a world from the panel, which names them by rule."""
    goods = "|".join(sorted(good.id for good in panel_labels()))
    made: Schema = {
        "description": "of a world from the panel: good and country",
        "type": "string",
        "pattern": f"^(trader_)?({goods})_[a-z]{{3}}$",
    }
    return {"description": "mine, plant or trader", "anyOf": [{"enum": known}, made]}


def _spellings(codes: Iterable[str]) -> list[str]:
    """Other codes and names of countries, as the table of names spells them."""
    known = countries()
    spelt = {word for code in codes if code in known for word in known[code].spellings[1:]}
    return sorted(word for word in {*spelt, *GROUP_SPELLINGS} if len(country_called(word)) < 2)


def _trade_names(labels: Sequence[Labels]) -> list[str]:
    """Symbols, formulas and trade names that stand for a good of some base year, as the table spells them."""
    every = {good.id: good for some in labels for good in some.goods}
    own = {name for good in every.values() for name in (good.id, good.mineral)}
    meant = {name for name in good_names() if getattr(meaning_of(name, list(every.values())), "words", ())}
    return sorted((meant | {good.name for good in every.values()}) - own)


def _any_case(text: str) -> str:
    letters = (f"[{c.upper()}{c.lower()}]" if c.isalpha() else r"\s+" if c == " " else c for c in text)
    return "".join(letters)


def _quantities() -> dict[str, Schema]:
    """ "number unit" of each dimension, certain or as a distribution."""
    found: dict[str, Schema] = {}
    for dimension in ("", *dict.fromkeys(unit.dimension for unit in UNITS)):
        names = [unit.name for unit in UNITS if dimension in ("", unit.dimension)]
        units = [*names, *(one for one, many in SINGULARS.items() if many in names)]
        pattern = rf"^\s*{NUMBER}\s*({'|'.join(map(_any_case, units))})\s*$"
        name = dimension or "quantity"
        found[name] = {"type": "string", "pattern": pattern, "description": _units(name)}
        found[f"distribution of {name}"] = _distribution(_ref(name))
        either = [_ref(name), _ref(f"distribution of {name}")]
        found[f"uncertain {name}"] = {"description": _units(f"uncertain {name}"), "anyOf": either}
    foreign = {"type": "string", "pattern": rf"^\s*{NUMBER}\s*[A-Z]{{3}}/(t|kg|lb)\s*$"}
    found["observed quantity"] = {
        "description": f"{_units('quantity')}; or a price in another currency, such as 280 CNY/kg",
        "anyOf": [_ref("quantity"), foreign],
    }
    found["distribution of numbers"] = _distribution({"type": "number"})
    found["parameter"] = {
        "description": "a number in the unit of the parameter table, or a distribution of such",
        "anyOf": [{"type": "number"}, _ref("distribution of numbers")],
    }
    return found


def _units(name: str) -> str:
    """What stands for a quantity, with its units; empty for words."""
    dimension = name.removeprefix("uncertain ")
    units = [u.name for u in UNITS if dimension in ("quantity", u.dimension)]
    if not units:
        return ""
    said = f"a number with a unit: {', '.join(units)}"
    return f"{said}; or a distribution of such: {', '.join(FORMS)}" if dimension != name else said


def _distribution(number: Schema) -> Schema:
    properties: Schema = {}
    for kind, meaning in FORMS.items():
        plain = PLAIN.get(kind, ())
        items = [{"type": "number"} if i in plain else number for i in range(len(meaning))]
        properties[kind] = {
            "description": ", ".join(meaning) or "values, equally likely unless 'weights' are given",
            "type": "array",
            "items": items if plain else number,
            "minItems": len(meaning) or 1,
            **({"maxItems": len(meaning)} if meaning else {}),
        }
    properties["weights"] = {
        "description": "of the choices",
        "type": ["array", "null"],
        "items": {"type": "number", "minimum": 0},
    }
    return {
        "type": "object",
        "properties": properties,
        "additionalProperties": False,
        "oneOf": [{"required": [kind]} for kind in FORMS],
        "dependencies": {"weights": ["choice"]},
    }


# -- the file ----------------------------------------------------------------------------------


def _file(labels: Sequence[Labels], definitions: dict[str, Schema], *, partial: bool) -> Schema:
    suffix = " in part" if partial else ""
    schema = _model(Header, definitions, partial=partial)
    properties = schema["properties"]
    properties["format"]["enum"] = list(FORMATS)
    years = {label.base_year for label in labels} | {year for of in panel_coverage().values() for year in of}
    properties["base_year"] |= {"minimum": min(years), "maximum": max(years)}
    for name in NAMED_PARTS:
        part = properties[name]["additionalProperties"]
        entry = part if partial or name == "sources" else {"allOf": [part], **_observed_basis()}
        if name == "observed":
            entry = {"if": {"required": ["file"]}, "then": _observed_file(definitions, suffix), "else": entry}
            said = {"description": "a tidy table of figures beside this file"}
            properties[name]["properties"] = {"file": {**_ref(OBSERVED_FILE), **said}}
        properties[name]["additionalProperties"] = {"anyOf": [{"type": "null"}, entry]} if partial else entry
    taken = sorted({name for label in labels for name in taken_names(label)})
    members: Schema = {**_ref("countries"), "description": "its members: codes, groups, other blocs"}
    properties["blocs"] = {
        "description": "country groups of this scenario's own: name -> members",
        "type": ["object", "null"],
        "propertyNames": {
            "pattern": f"^{BLOC_NAME.pattern}$",
            "not": {"enum": [name for name in taken if BLOC_NAME.fullmatch(name)]},
        },
        "additionalProperties": {"anyOf": [{"type": "null"}, members]} if partial else members,
    }
    kinds = instrument_types()
    for kind in kinds:
        definitions[f"{kind}{suffix}"] = _event(instrument_class(kind), definitions, partial=partial)
    properties["events"] = {
        "description": "what happens, each under an id of its own",
        "type": ["object", "null"],
        "propertyNames": {"pattern": f"^{EVENT_ID.pattern}$"},
        "additionalProperties": _any_event(kinds, suffix, partial=partial),
    }
    properties["assumptions"] = _assumptions(labels, partial=partial)
    properties["sweep"] = _sweep(definitions, partial=partial)
    lesson = _model(LessonPart, definitions, partial=partial)
    properties["lesson"] = {"description": "what a class does with it", "anyOf": [{"type": "null"}, lesson]}
    return schema


def _sweep(definitions: dict[str, Schema], *, partial: bool) -> Schema:
    """What varies is checked in its own place; here only that it is a list or a distribution."""
    drawn: Schema = {"type": "object", "oneOf": [{"required": [kind]} for kind in FORMS]}
    values: Schema = {"anyOf": [{"type": "array", "minItems": 1}, drawn]}
    fields = "|".join(name for name in ("time", "base_year", "minerals", "blocs"))
    vary: Schema = {
        "description": "path -> values, or a distribution",
        "type": ["object", "null"],
        "propertyNames": {"pattern": rf"^(events\.[^.]+\..+|assumptions\..+|({fields})(\..+)?)$"},
        "additionalProperties": values,
    }
    return {
        "description": "what 'monazite sweep' varies, and by which design",
        "type": ["object", "null"],
        "properties": {"vary": vary, "design": _model(Design, definitions, partial=partial)},
        "additionalProperties": False,
    }


def _observed_file(definitions: Mapping[str, Schema], suffix: str) -> Schema:
    """An entry whose figures stand in a table: how to read it, and the other fields of an observation."""
    seen = definitions[f"Observation{suffix}"]["properties"]
    words: Schema = {"type": "object", "additionalProperties": {"type": "string"}}
    return {
        "type": "object",
        "required": ["file"],
        "properties": {
            **{name: schema for name, schema in seen.items() if name != "values"},
            "file": _ref(OBSERVED_FILE),
            "layout": {"enum": list(LAYOUTS), "description": "tidy if left out"},
            "columns": {
                **words, "propertyNames": {"enum": list(COLUMNS)}, "description": "what -> its heading",
            },
            "pivot": {**words, "description": "heading -> series, where each has a column"},
            "unit": {"type": "string", "description": "of all figures, where no column says it"},
            "sheet": {"type": "string", "description": "of a workbook"},
            "thousands": {"enum": [",", "."], "description": "what parts them; a comma if left out"},
        },
        "additionalProperties": False,
    }


def _observed_basis() -> Schema:
    """The series has a source, or each of its figures has."""
    figures = {"type": "object", "minProperties": 1, "additionalProperties": {"type": "object", **SOURCED}}
    return {"anyOf": [*SOURCED["anyOf"], {"properties": {"values": figures}}]}


def _any_event(kinds: Sequence[str], suffix: str, *, partial: bool) -> Schema:
    typed: Schema = {
        "type": "object",
        "required": ["type"],
        "properties": {"type": {"description": "the instrument", "enum": list(kinds)}},
        "allOf": [
            {
                "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
                "then": _ref(f"{kind}{suffix}"),
            }
            for kind in kinds
        ],
    }
    if not partial:
        return typed
    # Without its type, an event changes one of a scenario that this one extends.
    change: Schema = {"not": {"required": ["type"]}, "anyOf": [_ref(f"{k}{suffix}") for k in kinds]}
    return {"anyOf": [{"type": "null"}, typed, change]}


def _event(model: type[Instrument], definitions: dict[str, Schema], *, partial: bool) -> Schema:
    schema = _model(model, definitions, partial=partial)
    del schema["properties"]["id"]
    if partial:
        return schema
    schema["required"] = ["type", *(name for name in schema.get("required", ()) if name != "id")]
    schema["allOf"] = [SOURCED]
    if model.model_fields["type"].default not in WITHOUT_START:
        known = [name for name in ("in_base_year", "dormant") if name in schema["properties"]]
        excused = [{"required": [name], "properties": {name: {"const": True}}} for name in known]
        start = {"required": ["from"], "properties": {"from": {"type": "string"}}}
        schema["allOf"].append({"anyOf": [start, *excused]})
    return schema


def _assumptions(labels: Sequence[Labels], *, partial: bool) -> Schema:
    scopes: dict[str, set[str]] = {}
    for label in labels:
        minerals = {good.mineral for good in (*label.goods, *panel_labels())}
        for name, some in label.parameters.items():
            scopes[name] = scopes.get(name, set()) | some | minerals
    value: Schema = _ref("parameter")
    if partial:
        value = {"anyOf": [{"type": "null"}, value]}
    alike: dict[tuple[str, ...], list[str]] = {}
    for name in sorted(scopes):
        alike.setdefault(tuple(sorted(scopes[name])), []).append(name)
    properties: Schema = {}
    patterns: Schema = {}
    for words, names in alike.items():
        inside = {"type": "object", "propertyNames": {"enum": list(words)}, "additionalProperties": value}
        properties |= {name: {"anyOf": [value, inside]} for name in names}
        patterns[rf"^({'|'.join(names)})\.({'|'.join(words)})$"] = value
    return {
        "description": "parameters of the model, by name or name.scope; see 'monazite list parameters'",
        "type": ["object", "null"],
        "properties": properties,
        "patternProperties": patterns,
        "additionalProperties": False,
    }


# -- pydantic's schemas ------------------------------------------------------------------------


def _model(model: type[BaseModel], definitions: dict[str, Schema], *, partial: bool) -> Schema:
    """The schema of a model; the models inside it go to the definitions."""
    made = model.model_json_schema(by_alias=True, ref_template="{model}")
    suffix = " in part" if partial else ""
    for name, schema in made.pop("$defs", {}).items():
        definitions[f"{name}{suffix}"] = _tidy(schema, suffix, partial=partial)
    tidy: Schema = _tidy(made, suffix, partial=partial)
    return tidy


def _tidy(schema: Any, suffix: str, *, partial: bool) -> Any:
    """References to our definitions, hover texts with units, no titles, defaults as written."""
    if isinstance(schema, list):
        return [_tidy(item, suffix, partial=partial) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    result: Schema = {}
    for key, value in schema.items():
        if key == "$monazite":
            result |= _ref(value)
        elif key == "type" and "$monazite" in schema:
            # It stands there so that pydantic applies words to the keys of a mapping.
            continue
        elif key == "$ref":
            result |= _ref(f"{value}{suffix}")
        elif key == "properties":
            result[key] = {name: _tidy(part, suffix, partial=partial) for name, part in value.items()}
        elif key == "default":
            written = _default(value)
            if written not in (None, "", False):
                result[key] = written
        elif key in ("title", "additionalProperties") and isinstance(value, str):
            continue
        elif key != "required" or not partial:
            result[key] = _tidy(value, suffix, partial=partial)
    if isinstance(result.get("description"), str):
        units = _units(schema.get("$monazite", ""))
        said = " ".join(result["description"].replace("``", "'").split())
        result["description"] = f"{said}; {units}" if units else said
    return _or_one_value(result, schema)


def _or_one_value(result: Schema, schema: Mapping[str, Any]) -> Schema:
    """A mapping from dates or from destinations may be written as one value for all."""
    keys = schema.get("propertyNames")
    kind = keys.get("$monazite") if isinstance(keys, Mapping) else None
    if kind in ("since", "period"):
        result["minProperties"] = 1
    if kind not in ("since", "country"):
        return result
    said = {"description": result.pop("description")} if "description" in result else {}
    return {**said, "anyOf": [result["additionalProperties"], result]}


def _default(value: Any) -> Any:
    """A default as a file would say it."""
    if isinstance(value, Mapping) and "text" in value:
        return value["text"]
    return value
