"""Names in words: of facilities and owners that nobody names, and verbs that go with goods."""

from __future__ import annotations

import pytest

from sim.analysis.compared_rows import owner_name
from sim.analysis.names import facility_words, verb


@pytest.mark.parametrize(
    ("facility", "words"),
    [
        ("gallium_low_purity_chn", ("gallium low purity", "China")),
        ("secondary_ree_chn", ("secondary rare earth", "China")),
        ("tungsten_apt_aut", ("tungsten APT", "Austria")),
        ("magnets_row_hot", ("magnets hot", "rest of world")),
        ("separation_chn_imported_ionic", ("separation imported ionic", "China")),
        ("longonjo", ("longonjo", "")),
    ],
)
def test_short_words_of_ids_are_kept_and_codes_of_countries_are_not(
    facility: str, words: tuple[str, str]
) -> None:
    """Not every part of three letters is a country: 'low' and 'ree' were lost as if they were."""
    assert facility_words(facility) == words


@pytest.mark.parametrize(
    ("owner", "words"),
    [
        ("traders DEU", "traders, Germany"),
        ("other producers (magnets_row)", "magnets, rest of world, owner not named"),
        ("other Korea (magnets_kor)", "magnets, South Korea, owner not named"),
        ("separation_light_chn", "separation light, China, owner not named"),
        ("China Rare Earth Group", "China Rare Earth Group"),
    ],
)
def test_no_owner_goes_by_a_code(owner: str, words: str) -> None:
    assert owner_name(owner) == words


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("NdFeB magnets for high temperature", "are"), ("Ammonium paratungstate and oxides", "are"),
        ("Gallium, primary, low purity", "is"), ("Silver in ores and residues", "is"),
        ("Rare-earth concentrate: monazite and other ores", "is"), ("Dysprosium oxide", "is"),
    ],
)  # fmt: skip
def test_a_verb_goes_with_what_the_good_is(name: str, form: str) -> None:
    assert verb(name, "is", "are") == form
