"""Every file in tests/scenarios/invalid says after ``#=`` exactly what must be said about it."""

from pathlib import Path

import pytest

from sim.errors import InputProblems
from sim.scenario import check_scenario, load_scenario
from sim.scenario.reader import MAXIMUM_BYTES

FOLDER = Path(__file__).parents[1] / "scenarios" / "invalid"
FILES = sorted(path.name for path in FOLDER.glob("*.yaml"))


def test_there_are_cases() -> None:
    assert len(FILES) >= 120


@pytest.mark.parametrize("file", FILES)
def test_message(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    lines = Path(file).read_text(encoding="utf-8").splitlines()
    expected = sorted(line.removeprefix("#= ") for line in lines if line.startswith("#= "))
    scenario, problems = check_scenario(file)
    assert scenario is None
    assert expected
    assert sorted(problem.text() for problem in problems) == expected


@pytest.mark.parametrize("file", FILES)
def test_place_and_caret(file: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    _, problems = check_scenario(file)
    for problem in problems:
        if problem.line:
            line = Path(problem.file).read_text(encoding="utf-8").splitlines()[problem.line - 1]
            assert problem.excerpt == line
            assert 1 <= problem.column <= len(line) + 1
            text, source, caret = problem.render().splitlines()
            assert text == problem.text()
            assert caret.index("^") == source.index(" | ") + 3 + problem.column - 1


def test_all_problems_are_raised_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(FOLDER)
    with pytest.raises(InputProblems) as caught:
        load_scenario("many-at-once.yaml")
    assert len(caught.value.problems) == 5
    assert str(caught.value).endswith("\n5 problems")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "case.yaml: the file is empty; start with 'format: 2'"),
        (b"title: a\nname: \xff\xfe", "case.yaml:2:7: is not UTF-8 text; save the file as UTF-8"),
        (b"a: 1\nb: \x00", "case.yaml:2:4: broken YAML: control characters are not allowed"),
        (b"a: 1\n" * 1_000_001, "case.yaml: is 5.0 MB; a scenario has at most 5 MB"),
    ],
)
def test_unreadable_file(content: bytes, message: str, tmp_path: Path) -> None:
    assert len(b"a: 1\n" * 1_000_001) > MAXIMUM_BYTES
    Path("case.yaml").write_bytes(content)
    scenario, problems = check_scenario("case.yaml")
    assert scenario is None
    assert [problem.text() for problem in problems] == [message]


def test_missing_file_and_folder(tmp_path: Path) -> None:
    assert [p.text() for p in check_scenario("none.yaml")[1]] == ["none.yaml: no such file"]
    (said,) = check_scenario("baseline-2022.yaml")[1]
    assert said.text().startswith("baseline-2022.yaml: no such file; write baseline-2022 for ")
    Path("folder.yaml").mkdir()
    assert [p.text() for p in check_scenario("folder.yaml")[1]] == [
        "folder.yaml: is a folder; name a file, for example scenario.yaml"
    ]


def test_unknown_name_suggests_a_near_one() -> None:
    (problem,) = check_scenario("ree-licence-2024")[1]
    assert problem.text() == (
        "scenario: there is no scenario 'ree-licence-2024'; did you mean 'ree-licence-2025'?"
    )


def test_extends_does_not_follow_links_out_of_the_folder(tmp_path: Path) -> None:
    secret = tmp_path / "secret.yaml"
    secret.write_text("format: 1\ntitle: secret\n")
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "linked.yaml").symlink_to(secret)
    (inside / "case.yaml").write_text("extends: [linked]\n")
    _, problems = check_scenario(str(inside / "case.yaml"))
    assert any("there is no scenario 'linked' to extend" in problem.text() for problem in problems)
