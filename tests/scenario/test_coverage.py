"""The valid cases say everything that the language can say."""

import pytest

from sim.distributions import FORMS
from sim.instruments import Instrument, instrument_class, instrument_types
from sim.scenario.scenario import Figure, Header, Observation, Source
from sim.units import UNITS
from tests.scenario.cases import TREES

EVENTS = [event for tree in TREES.values() for event in (tree.get("events") or {}).values() if event]


def fields(model: type) -> set[str]:
    return {info.alias or name for name, info in model.model_fields.items()} - {"id"}  # type: ignore[attr-defined]


@pytest.mark.parametrize("kind", instrument_types())
def test_every_field_of_every_instrument_stands_in_a_valid_case(kind: str) -> None:
    used = {field for event in EVENTS if event.get("type") == kind for field in event}
    assert fields(instrument_class(kind)) - fields(Instrument) - used == set()


def test_every_field_that_events_share_stands_in_a_valid_case() -> None:
    assert fields(Instrument) - {field for event in EVENTS for field in event} == set()


def test_every_field_of_a_file_stands_in_a_valid_case() -> None:
    trees = TREES.values()
    assert fields(Header) - {field for tree in trees for field in tree} == set()
    for name, model in (("sources", Source), ("observed", Observation)):
        used = {field for tree in trees for part in (tree.get(name) or {}).values() for field in part}
        assert fields(model) - used == set()
    figures = [
        figure
        for tree in trees
        for part in (tree.get("observed") or {}).values()
        for figure in part.get("values", {}).values()
    ]
    assert fields(Figure) - {field for f in figures if isinstance(f, dict) for field in f} == set()


def test_every_distribution_and_every_kind_of_quantity_stands_in_a_valid_case() -> None:
    text = str(list(TREES.values()))
    assert [name for name in FORMS if f"'{name}':" not in text] == []
    dimensions = {unit.dimension for unit in UNITS}
    used = {unit.dimension for unit in UNITS if f" {unit.name}'" in text}
    # Money stands only where something was observed, if anywhere.
    assert dimensions - used == set()
