"""The JSON Schema and the loader agree on every case; what a schema cannot say is listed by name."""

import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sim.instruments import instrument_types
from sim.scenario import check_scenario
from sim.scenario.formats import upgraded
from sim.scenario.json_schema import scenario_schema
from sim.scenario.node import plain
from sim.scenario.reader import read_document
from sim.world.labels import load_labels
from tests.scenario.cases import FOLDER, VALID_TREES, mutated

INVALID = sorted(path.name for path in (FOLDER / "invalid").glob("*.yaml"))
VALID = sorted(path.name for path in (FOLDER / "valid").glob("*.yaml"))

LOADER_ONLY = {
    "order of dates": """announced-after-start end-announced-after-the-end end-announced-without-an-end
        ends-before-it-starts ends-before-run guess-of-a-known-end guess-of-the-base-year
        in-base-year-starts-later merger-withdrawn-late
        starts-after-run starts-before-run time-before-base-year time-end-before-start time-start-mid-month
        time-too-long""",
    "design and what it varies": """sweep-grid-of-a-range sweep-not-a-power-of-two sweep-of-nothing
        sweep-without-method sweep-without-samples sweep-zip-of-unequal-lists""",
    "one of several fields": "strike-without-length",
    "calendar": "date-thirtieth-of-february rate-at-a-day-that-is-none",
    "other files": """compare-to-nothing extends-broken extends-in-a-circle extends-in-a-circle-2
        extends-itself extends-nothing observed-file-missing""",
    "names given elsewhere in the file": """good-in-the-place-of-a-country bloc-in-a-circle
        bloc-misspelt-in-an-event bloc-that-is-not-defined rule-on-what-is-awake rule-on-nothing
        rule-on-itself
        negotiation-approves-a-tariff project-in-a-world-without recycling-without-goods-in-use
        scrap-of-what-nobody-knows
        observed-figure-with-unknown-source unknown-source""",
    "size of a number": """bloc-negative-preference capacity-below-nothing currency-worthless delay-negative
        distribution-exponential-mean-zero
        distribution-lognormal-median-zero distribution-negative-deviation distribution-out-of-range
        flooding-for-free guess-of-no-time outage-loses-too-much probability-above-one
        quota-carries-too-much quota-negative
        share-above-one tax-out-of-range hosts-take-all""",
    "numbers together": """distribution-descending distribution-weights-too-few
        observed-band-upside-down observed-less-than-nothing observed-gap-of-nothing""",
    "fields together": """bloc-without-effect cut-and-amount demand-ramp-to-nowhere demand-without-change
        freight-unchanged licence-delay-leaves-out licence-longest-too-short merger-with-itself
        minerals-cut-an-amount outage-nowhere production-twice quota-firms-too-much quota-period-too-late
        quota-periods-overlap quota-periods-with-a-gap quota-twice quota-without-amount rate-for-no-day
        ban-extraterritorial-on-all ban-content-at-home ban-compliance-at-home
        ban-leak-beside-compliance rule-scales-by-nothing
        rule-activates-by-a-step rule-watches-two rule-watches-nothing rule-without-bound
        rule-bound-on-an-event negotiation-of-two-kinds negotiation-without-relief stockpile-in-percent
        observed-beside-two observed-in-another-currency observed-in-yuan-without-rate
        observed-ratio-in-dollars observed-same-time-twice observed-reference-without-figures
        sanction-on-nobody stage-without-goods strike-that-waits hosts-ask-for-nothing hosts-ban-and-share
        promotion-twice pact-on-nothing pact-stock-without-rate pact-fund-without-floor
        pact-floor-in-tonnes losses-without-losers recycling-asks-for-nothing recycling-fund-for-nothing""",
    "what another world has": "carbon-in-what unknown-base-year",
    "duplicate keys": "duplicate-event duplicate-key",
    "words that YAML 1.1 takes for truth values": "truth-word-value country-norway",
}
"""Rule -> invalid files that a schema cannot catch."""
UNREADABLE = """alias-bomb alias-of-itself alias-without-anchor broken-bracket broken-colon broken-indentation
    broken-quote broken-tab list-as-key only-a-comment too-deep top-is-a-list two-documents"""
"""Invalid files that hold no tree at all."""
OLDER = "observed-in-format-1"
"""Valid files in a spelling of an older format, which the schema of the newest one refuses."""


def listed(text: str) -> set[str]:
    return {f"{name}.yaml" for name in text.split()}


@pytest.fixture(scope="session")
def validator(tiny_world: Path) -> jsonschema.Draft7Validator:
    schema = scenario_schema([load_labels(2024, tiny_world)])
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


@pytest.mark.parametrize("file", VALID)
def test_a_valid_file_is_valid_by_the_schema(file: str, validator: jsonschema.Draft7Validator) -> None:
    root = read_document(FOLDER / "valid" / file).root
    assert root is not None
    errors = [error.message for error in validator.iter_errors(plain(root))]
    assert bool(errors) == (file in listed(OLDER)), errors
    assert [error.message for error in validator.iter_errors(plain(upgraded(root)))] == []


@pytest.mark.parametrize("file", INVALID)
def test_an_invalid_file_is_caught_by_the_schema_or_listed(
    file: str, validator: jsonschema.Draft7Validator
) -> None:
    root = read_document(FOLDER / "invalid" / file).root
    assert (root is None) == (file in listed(UNREADABLE))
    if root is not None:
        loader_only = any(file in listed(files) for files in LOADER_ONLY.values())
        assert validator.is_valid(plain(root)) == loader_only


def test_every_listed_file_exists() -> None:
    for text in (*LOADER_ONLY.values(), UNREADABLE):
        assert listed(text) <= set(INVALID)
    assert listed(OLDER) <= set(VALID)


@given(st.integers(0, 2**62))
def test_what_the_loader_takes_the_schema_takes(
    validator: jsonschema.Draft7Validator, number: int
) -> None:
    chance = random.Random(number)
    tree = mutated(chance.choice(VALID_TREES), chance)
    Path("case.yaml").write_text(yaml.safe_dump(tree, allow_unicode=True, sort_keys=False), encoding="utf-8")
    scenario, _ = check_scenario("case.yaml")
    root = read_document(Path("case.yaml")).root
    if scenario is not None and root is not None:
        assert [error.message for error in validator.iter_errors(plain(upgraded(root)))] == []


def properties(schema: Any, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    for name, part in schema.get("properties", {}).items():
        yield f"{path}.{name}", part
        yield from properties(part, f"{path}.{name}")


@pytest.mark.parametrize("kind", instrument_types())
def test_every_field_of_an_event_explains_itself(kind: str, validator: jsonschema.Draft7Validator) -> None:
    definitions = validator.schema["definitions"]
    for path, part in properties(definitions[kind]):
        if "const" in part:
            continue
        reference = part.get("$ref", "").rpartition("/")[2].replace("%20", " ")
        assert part.get("description"), path
        if reference.startswith("uncertain "):
            assert "a number with a unit: " in part["description"], path
            assert "or a distribution" in part["description"], path
