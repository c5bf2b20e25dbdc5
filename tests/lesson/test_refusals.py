"""What is refused: a text in both languages for each, with the same places, and each is used."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

import sim
from sim.errors import MonaziteError
from sim.lesson.refusals import RefusedError, StaleError, in_words, refusals
from sim.scenario.lesson_part import LANGUAGES

CLASSES = {"RefusedError", "StaleError", "NotAllowedError", "BusyError"}


def raised() -> Iterator[tuple[str, set[str]]]:
    """Names of texts in the code, with the values that each is given."""
    for room in ("lesson", "teach"):
        for path in (Path(sim.__file__).parent / room).glob("*.py"):
            for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in CLASSES:
                    first = node.args[0]
                    either = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
                    for one in either:
                        assert isinstance(one, ast.Constant), ast.unparse(node)
                        yield str(one.value), {str(word.arg) for word in node.keywords}


def places(text: str) -> set[str]:
    return set(re.findall(r"\{(\w+)\}", text))


def test_every_language_has_every_text_with_the_same_places():
    for language in LANGUAGES:
        assert refusals(language).keys() == refusals("en").keys()
        for name, text in refusals(language).items():
            assert places(text) == places(refusals("en")[name]), name
    assert not {name for name, text in refusals("zh").items() if text == refusals("en")[name]}


def test_every_text_is_used_and_given_what_its_places_take():
    found = dict(raised())
    assert found.keys() == refusals("en").keys()
    for name, values in found.items():
        assert values == places(refusals("en")[name]), name


def test_a_refusal_says_its_sentence_and_names_its_text():
    error = RefusedError("roundsRange", least=2, most=8)
    assert str(error) == "a game has 2 to 8 quarters"
    assert in_words(error) == {"error": str(error), "said": ["roundsRange", {"least": 2, "most": 8}]}
    assert in_words(MonaziteError("no JSON")) == {"error": "no JSON"}
    assert isinstance(StaleError("quarterOver"), RefusedError)


def test_there_is_no_refusal_without_a_text():
    with pytest.raises(KeyError):
        RefusedError("nothing of the kind")
