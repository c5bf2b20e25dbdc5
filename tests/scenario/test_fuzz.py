"""Whatever stands in a file, the answer is a scenario or a list of problems, never a traceback."""

import random
from pathlib import Path

import yaml
from hypothesis import given
from hypothesis import strategies as st

from sim.scenario import check_scenario
from tests.scenario.test_language import BASE

SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
    st.sampled_from(
        ["world", "CHN", "JPN", "export_ban", "40 %", "2025-01", "dysprosium", "NO", "45 days", "="]
    ),
)
FIELDS = st.sampled_from(
    [
        "format",
        "name",
        "title",
        "base_year",
        "extends",
        "time",
        "start",
        "end",
        "step",
        "sources",
        "events",
        "ban",
        "type",
        "by",
        "to",
        "goods",
        "from",
        "until",
        "approval_share",
        "delay",
        "assumptions",
        "observed",
        "value",
    ]
)
TREES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(FIELDS | st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=20,
)


def judged(text: str) -> None:
    Path("case.yaml").write_text(text, encoding="utf-8", errors="replace")
    scenario, problems = check_scenario("case.yaml")
    assert (scenario is None) == any(not problem.warning for problem in problems)
    for problem in problems:
        assert problem.message
        assert problem.render()


@given(st.text(max_size=200))
def test_any_text(text: str) -> None:
    judged(text)


@given(st.dictionaries(FIELDS, TREES, max_size=8))
def test_any_tree(tree: dict[str, object]) -> None:
    judged(yaml.safe_dump(tree, allow_unicode=True))


@given(st.randoms(use_true_random=False), TREES)
def test_any_value_in_any_place(chance: random.Random, value: object) -> None:
    tree = yaml.safe_load(BASE)
    node = tree
    while True:
        keys = list(node) if isinstance(node, dict) else list(range(len(node)))
        key = chance.choice(keys)
        if isinstance(node[key], dict | list) and node[key] and chance.random() < 0.8:
            node = node[key]
            continue
        node[key] = value
        break
    judged(yaml.safe_dump(tree, allow_unicode=True))


@given(st.randoms(use_true_random=False))
def test_damaged_text(chance: random.Random) -> None:
    text = list(BASE)
    for _ in range(chance.randint(1, 6)):
        at = chance.randrange(len(text))
        action = chance.randrange(3)
        if action == 0:
            del text[at : at + chance.randint(1, 30)]
        elif action == 1:
            text.insert(at, chance.choice("\t\n:{}[]&*!|>'\"%@`#-,?\x07\u2028é"))
        else:
            text[at:at] = text[at : at + chance.randint(1, 60)]
    judged("".join(text))


@given(
    st.lists(
        st.text(max_size=30)
        | st.tuples(
            st.sampled_from(["", "+", "~", "++"]),
            st.sampled_from(
                ["events.licence.delay", "events.ban", "time.end", "seed", "assumptions", "events.x.y"]
            ),
            st.sampled_from(["=", "", "=="]),
            st.text(max_size=20)
            | st.sampled_from(["null", "20%", "[CHN,JPN]", "{a: 1}", "1e999", "'a b'", "${x}"]),
        ).map("".join),
        max_size=3,
    )
)
def test_any_override(overrides: list[str]) -> None:
    Path("base.yaml").write_text(BASE)
    scenario, problems = check_scenario("base.yaml", overrides)
    assert (scenario is None) == any(not problem.warning for problem in problems)
    for problem in problems:
        assert problem.render()
