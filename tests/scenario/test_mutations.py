"""Valid files with random changes: a scenario or problems, never a traceback, never a hang."""

import os
import random
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sim.results.resolved import resolved_yaml
from sim.scenario import check_scenario
from tests.scenario.cases import FOLDER, VALID_TREES, mutated

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
CASES = 20_000 if THOROUGH else 400
PATIENCE = 30
"""Seconds after which one file counts as a hang; reading takes milliseconds."""
SIGNS = "\t\n:{}[]&*!|>'\"%@`#-,?~^=<\x07\u2028é0"


@contextmanager
def no_hang() -> Iterator[None]:
    def stop(*_: Any) -> None:
        raise AssertionError("reading hangs")

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(PATIENCE)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def damaged(name: str, chance: random.Random) -> str:
    """The text of a valid file with a few signs lost, added or doubled."""
    text = list((FOLDER / "valid" / name).read_text(encoding="utf-8"))
    for _ in range(chance.randint(1, 4)):
        at = chance.randrange(len(text))
        action = chance.randrange(3)
        if action == 0:
            del text[at : at + chance.randint(1, 20)]
        elif action == 1:
            text.insert(at, chance.choice(SIGNS))
        else:
            text[at:at] = text[at : at + chance.randint(1, 60)]
    return "".join(text)


@settings(max_examples=CASES)
@given(st.integers(0, 2**62))
def test_mutated_file(number: int) -> None:
    chance = random.Random(number)
    name = chance.choice(VALID_TREES)
    if chance.random() < 0.25:
        text = damaged(name, chance)
    else:
        text = yaml.safe_dump(mutated(name, chance), allow_unicode=True, sort_keys=False)
    Path("case.yaml").write_text(text, encoding="utf-8")
    with no_hang():
        scenario, problems = check_scenario("case.yaml")
    assert (scenario is None) == any(not problem.warning for problem in problems)
    for problem in problems:
        assert problem.message
        assert problem.render()
    if scenario is not None:
        Path("scenario.resolved.yaml").write_text(resolved_yaml(scenario), encoding="utf-8")
        again, wrong = check_scenario("scenario.resolved.yaml")
        assert again is not None, [problem.text() for problem in wrong]
        assert again.model_dump() == scenario.model_dump()
        assert all(event.sentence().endswith(".") for event in scenario.events)
