"""Random valid scenarios: 100 in `make test`, 10,000 in `make fuzz`; what must hold is in scenario_checks.

Each test takes some numbers, so that several processes share the work. MONAZITE_RANDOM=2000-2500 tries
these instead; `python -c "from tests.scenario.random_scenarios import random_case as r; print(r(2017).text)"`
prints one.
"""

from __future__ import annotations

import os

import pytest

from sim.scenario import check_scenario
from tests.checks_of_runs import price_briefly
from tests.sanity.scenario_checks import faults_of
from tests.scenario.random_scenarios import USUAL, random_case

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
FIRST, PAST = map(int, os.environ.get("MONAZITE_RANDOM", "0-10000" if THOROUGH else "0-100").split("-"))
AT_ONCE = 50 if THOROUGH else 10
EVERY = 1 if THOROUGH else 6
"""In so many scenarios one has a member run alone, and one its events turned round."""
TO_THE_END = 1 if THOROUGH or "MONAZITE_RANDOM" in os.environ else 3
"""In so many one has prices of the time ahead that are found in full, those with a member alone among them.

In the others rounds end early: what must hold has to hold at any prices, and nearly all the time goes there.
"""


@pytest.mark.parametrize("first", range(FIRST, PAST, AT_ONCE))
def test_valid_scenarios_run(first: int) -> None:
    found = []
    for number in range(first, min(first + AT_ONCE, PAST)):
        alone, order = number % EVERY == 0, number % EVERY == EVERY - 1
        with pytest.MonkeyPatch.context() as patch:
            if number % TO_THE_END:
                price_briefly(patch)
            found += faults_of(random_case(number), alone=alone, order=order)
    assert found == []


def test_a_number_has_one_scenario() -> None:
    for number in range(20):
        assert random_case(number) == random_case(number)
    assert len({random_case(number).text for number in range(200)}) == 200


def test_scenarios_are_of_all_kinds() -> None:
    """Every instrument, base year and step, distributions, chance, rules, numbers of members."""
    cases = [random_case(number) for number in range(300)]
    text = "\n".join(case.text for case in cases)
    tried = "\n".join(case.text for case in cases[:100])
    assert min(tried.count(f"type: {kind}\n") for kind in USUAL) >= 3, "in make test, too"
    assert {kind for kind in USUAL if f"type: {kind}\n" not in text} == set()
    assert {case.base_year for case in cases} == {2009, 2022, 2024}
    assert {case.members for case in cases} == {1, 2, 3, 4, 5}
    assert {len(case.minerals) for case in cases} == {1, 2, 3}
    words = (
        "step: week|step: month|uniform:|triangular:|normal:|lognormal:|choice:|weights:|probability:|"
        "dormant: true|in_base_year: true| announced:|until:|end_announced:|assumptions:|blocs:|some_allies|"
        "facilities:|sectors:|firms:|stages:|"
        "action: scale|action: suspend|action: activate|reverses:|approval_share:|relief:|amounts:|"
        "extraterritorial: true"
    )
    for word in words.split("|"):
        assert word in text, word
    assert any(case.overrides for case in cases)


def test_a_scenario_that_is_not_valid_is_found() -> None:
    case = random_case(0)
    wrong = type(case)(**{**vars(case), "text": case.text.replace("base_year", "base_years")})
    assert [fault.kind for fault in faults_of(wrong)] == ["invalid"]
    assert check_scenario("no-such-scenario")[0] is None
