# ruff: noqa: E501 (words and messages are quoted whole)
"""A scenario from a stranger cannot run code, read other files, or keep the machine busy."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sim.errors import InputProblems
from sim.scenario import check_scenario, load_scenario
from sim.scenario.reader import MAXIMUM_BYTES, MAXIMUM_DEPTH, MAXIMUM_NODES, read_text

HEAD = """\
format: 2
name: case
title: A case
base_year: 2024
time: {start: 2024-01, end: 2026-12}
"""
EVENT = "events: {ban: {type: export_ban, by: CHN, to: JPN, goods: [gallium], from: 2025-01, assumption: true}}\n"


def texts(word: str, overrides: tuple[str, ...] = ()) -> list[str]:
    return [problem.text() for problem in check_scenario(word, overrides)[1]]


@pytest.mark.parametrize(
    "tag",
    ["!!python/object/apply:os.system ['touch ran']", "!!python/name:os.system ''", "!include /etc/passwd",
     "!!binary aGVsbG8=", "!ENV ${HOME}", "!<tag:yaml.org,2002:python/object/new:os.system> ['touch ran']"],
)  # fmt: skip
def test_tags_are_refused_and_nothing_runs(tag: str) -> None:
    Path("case.yaml").write_text(HEAD + f"question: {tag}\n" + EVENT)
    found = texts("case.yaml")
    assert any("tags such as '!!str' or '!!python/...' are refused" in text for text in found), found
    assert not Path("ran").exists()


@pytest.mark.parametrize(
    ("field", "place"),
    [
        ("_target_: os.system\n", "case.yaml:6:1: _target_: unknown field"),
        ("hydra: {run: {dir: /tmp}}\n", "case.yaml:6:1: hydra: unknown field"),
        ("defaults: [/etc/passwd]\n", "case.yaml:6:1: defaults: unknown field"),
    ],
)
def test_hydras_own_keys_are_unknown_fields(field: str, place: str) -> None:
    Path("case.yaml").write_text(HEAD + field + EVENT)
    assert [text.partition(";")[0] for text in texts("case.yaml")] == [place]


def test_target_in_an_event_is_an_unknown_field() -> None:
    Path("case.yaml").write_text(HEAD + EVENT.replace("by: CHN", "by: CHN, _target_: os.system"))
    assert [text.partition(";")[0] for text in texts("case.yaml")] == [
        "case.yaml:6:43: events.ban._target_: unknown field"
    ]


def test_resolvers_in_a_file_are_plain_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "hidden")
    Path("case.yaml").write_text(HEAD + "question: ${oc.env:SECRET} ${oc.decode:x} ${now:%Y}\n" + EVENT)
    assert load_scenario("case.yaml").question == "${oc.env:SECRET} ${oc.decode:x} ${now:%Y}"


@pytest.mark.parametrize(
    "override",
    ["title=${oc.env:HOME}", "title='${oc.env:HOME}'", "+events.x={type: '${oc.env:HOME}'}", "tags=[a,'${x}']",
     "title='a ${oc.create:x} b'"],
)  # fmt: skip
def test_resolvers_in_an_override_are_refused(override: str) -> None:
    Path("case.yaml").write_text(HEAD + EVENT)
    with pytest.raises(InputProblems) as caught:
        load_scenario("case.yaml", [override])
    (problem,) = caught.value.problems
    assert problem.message == "interpolations are refused"


@pytest.mark.parametrize(
    "override", ["events.ban._target_=os.system", "+_target_=os.system", "hydra.run.dir=/tmp", "+a/b=c", "title=glob(*)",
                 "seed=range(1,3)", "title@x=y"],
)  # fmt: skip
def test_hydras_own_words_in_an_override_are_refused(override: str) -> None:
    Path("case.yaml").write_text(HEAD + EVENT)
    assert check_scenario("case.yaml", [override])[0] is None


@pytest.mark.parametrize(
    "word",
    ["../secret", "/etc/passwd", "sub/other", "..", ".", "secret.yaml", "..\\secret", "~/secret", "secret\n", "%2e%2e",
     "file:secret", "${oc.env:HOME}", "a" * 5000],
)  # fmt: skip
def test_extends_reaches_no_path(word: str, tmp_path: Path) -> None:
    import json

    (tmp_path / "secret.yaml").write_text("question: secret\n")
    inside = tmp_path / "inside"
    (inside / "sub").mkdir(parents=True)
    (inside / "sub" / "other.yaml").write_text("question: secret\n")
    (inside / "case.yaml").write_text(HEAD + f"extends: [{json.dumps(word)}]\n" + EVENT)
    found = texts(str(inside / "case.yaml"))
    assert len(found) == 1
    assert "to extend" in found[0]


def test_a_link_out_of_a_scenario_folder_is_no_scenario(tmp_path: Path) -> None:
    (tmp_path / "secret.yaml").write_text("question: secret\n")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "hidden.yaml").write_text("question: secret\n")
    folder = tmp_path / "scenarios"
    folder.mkdir()
    (folder / "linked.yaml").symlink_to(tmp_path / "secret.yaml")
    (folder / "sub").symlink_to(outside)
    for name in ("linked", "hidden"):
        (folder / "case.yaml").write_text(HEAD + f"extends: [{name}]\n" + EVENT)
        assert any(f"there is no scenario '{name}' to extend" in text for text in texts("case"))


def test_what_is_no_regular_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    assert texts("pipe.yaml") == ["pipe.yaml: no such file"]


def test_a_file_of_fifty_megabytes_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with (tmp_path / "case.yaml").open("wb") as file:
        file.truncate(50_000_000)
    monkeypatch.setattr(Path, "read_bytes", lambda _: pytest.fail("the file was read"))
    assert texts("case.yaml") == ["case.yaml: is 50.0 MB; a scenario has at most 5 MB"]


def counted(text: str) -> tuple[int, list[str]]:
    """Events that the parser was asked for, and the problems."""
    import yaml

    from sim.scenario import reader

    events = 0

    def count(*args: object, **kwargs: object) -> object:
        nonlocal events
        for event in yaml_parse(*args, **kwargs):
            events += 1
            yield event

    yaml_parse, yaml.parse = yaml.parse, count
    try:
        document = reader.read_text(text, Path("case.yaml"), "case.yaml")
    finally:
        yaml.parse = yaml_parse
    assert document.root is None
    return events, [problem.message for problem in document.problems]


def test_reading_stops_at_the_first_limit() -> None:
    many = "a: [" + "1, " * (MAXIMUM_NODES * 4) + "1]\n"
    events, messages = counted(many)
    assert messages == [f"more than {MAXIMUM_NODES} values, aliases written out"]
    assert events < MAXIMUM_NODES + 10
    events, messages = counted("a: " + "[" * 100_000)
    assert messages == [f"more than {MAXIMUM_DEPTH} levels deep"]
    assert events < MAXIMUM_DEPTH + 10


def test_aliases_of_aliases_stop_when_they_grow() -> None:
    lines = ["a0: &a0 [1, 1]"]
    lines += [f"a{i}: &a{i} [*a{i - 1}, *a{i - 1}, *a{i - 1}, *a{i - 1}]" for i in range(1, 200)]
    events, messages = counted("\n".join(lines))
    assert messages == [f"more than {MAXIMUM_NODES} values, aliases written out"]
    assert events < 200


def test_the_largest_file_that_is_read_is_refused_by_its_values() -> None:
    text = "a: 1\n" * (MAXIMUM_BYTES // 5)
    document = read_text(text, Path("case.yaml"), "case.yaml")
    assert document.root is None
    assert document.problems[-1].message == f"more than {MAXIMUM_NODES} values, aliases written out"


def test_python_m_sim_takes_no_resolver_and_no_target_into_a_scenario(tmp_path: Path) -> None:
    environment = {**os.environ, "SECRET": "hidden"}
    environment.pop("MONAZITE_WORLD", None)
    for argument in (
        "+events.licence.note=${oc.env:SECRET}",
        "+events.x={type:export_ban,_target_:os.system}",
        "scenario=${oc.env:SECRET}",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "sim", "scenario=ree-licence-2025", argument, f"out={tmp_path}/o", "quiet=true"]
            if not argument.startswith("scenario")
            else [sys.executable, "-m", "sim", argument, f"out={tmp_path}/o"],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 2, done.stderr
        assert "Traceback" not in done.stderr
        assert "hidden" not in done.stdout + done.stderr
        assert not (tmp_path / "o").exists()
