"""The JSON Schema that ships: up to date with the fields and the world tables, and true to the library."""


import jsonschema
import pytest

from sim.paths import base_years, schema_file
from sim.scenario.find import names
from sim.scenario.formats import upgraded
from sim.scenario.json_schema import scenario_schema, schema_text
from sim.scenario.node import plain
from sim.scenario.reader import read_document
from sim.world.labels import load_labels


def test_the_file_is_up_to_date() -> None:
    made = schema_text([load_labels(year) for year in base_years()])
    assert schema_file().read_text(encoding="utf-8") == made, "run 'make schema'"


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(scenario_schema([load_labels(year) for year in base_years()]))


@pytest.mark.parametrize("name", sorted(names()))
def test_every_shipped_scenario_is_valid_by_it(name: str, validator: jsonschema.Draft7Validator) -> None:
    root = read_document(names()[name]).root
    assert root is not None
    assert [error.message for error in validator.iter_errors(plain(upgraded(root)))] == []
