# ruff: noqa: E501 (words and messages are quoted whole)
"""The commands show, new, migrate, schema, and validate over many files."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from sim.cli import main
from sim.commands.migrate import migrated
from sim.scenario import load_scenario
from sim.scenario.find import names

FORMAT_1 = """\
format: 1
name: old
title: Old
base_year: 2024
time: {start: 2024-01, end: 2026-12}
sources: {customs: {title: Customs}}
observed:
  # kept
  flow: {series: exports.gallium.CHN, at: 2025-05, value: "1,238 t", source: customs}  # kept too
  last: {series: exports.gallium.CHN, value: 12 t, source: customs, at: 2025-06}
  block:
    series: exports.gallium.CHN
    at: 2025-05-17   # the day
    value: 1,238 t
    source: customs
  first:
    at: 2025-05
    series: exports.gallium.CHN
    value: '3 t'  # a figure
    source: customs
"""


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def printed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(words) == code
    captured = capsys.readouterr()
    return captured.out if code == 0 else captured.err


# -- show ----------------------------------------------------------------------------------------


def test_show_prints_each_value_with_its_origin(capsys: pytest.CaptureFixture[str]) -> None:
    rows = printed(capsys, "show", "ree-licence-2025", "events.licence.delay='30 days'").splitlines()
    (row,) = (row for row in rows if row.startswith("    delay:") and "command line" in row)
    assert row == '    delay: "30 days"  # command line:1'
    assert any(row.startswith("base_year: 2024  # ") and "baseline-2024.yaml:" in row for row in rows)


def test_show_diff_names_both_sides_with_file_and_line(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(
        capsys, "show", "--diff", "ree-licence-2025", "ree-licence-2025",
        "events.licence.approval_share=20%", "~events.graphite-licence-2023", "time.end=2026-12",
    )  # fmt: skip
    assert "\x1b" not in text
    rows = text.splitlines()
    at = rows.index("events.licence.approval_share")
    assert rows[at + 1].split() == ["-", "95", "%", rows[at + 1].split()[-1]]
    assert "ree-licence-2025.yaml:" in rows[at + 1]
    assert rows[at + 2].split() == ["+", "20%", "command", "line:1"]
    gone = [row for row in rows if row.startswith("events.graphite-licence-2023.")]
    assert "events.graphite-licence-2023.delay" in gone
    # A default of what only one of them has is no difference that somebody wrote.
    assert "events.graphite-licence-2023.validity" not in gone
    assert rows[rows.index("events.graphite-licence-2023.delay") + 1].startswith("  - 2 months")
    assert "base_year" not in rows


def test_show_diff_of_the_same_scenario_says_so(capsys: pytest.CaptureFixture[str]) -> None:
    assert printed(capsys, "show", "--diff", "baseline-2024", "baseline-2024") == (
        "baseline-2024 and baseline-2024 say the same\n"
    )


def test_show_diff_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    text = printed(capsys, "show", "--diff", "baseline-2024", "baseline-2024", "seed=3", "--json", "-")
    assert json.loads(text) == [
        {"path": "seed", "first": None, "second": {"text": "3", "place": "command line:1"}}
    ]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--diff", "baseline-2024"], "show needs two scenarios, not 1"),
        (["baseline-2024", "baseline-2022"], "show needs one scenario; to compare two, add --diff, not 2"),
        (["--diff", "seed=3", "baseline-2024", "baseline-2022"], "'seed=3' follows no scenario"),
        (["baseline-2025"], "there is no scenario 'baseline-2025'"),
    ],
)
def test_show_refuses(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in printed(capsys, "show", *words, code=2)


# -- new -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("parent", sorted(names()))
def test_a_new_scenario_is_valid_and_says_what_its_parent_says(
    parent: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out = printed(capsys, "new", "mine", "--from", parent)
    assert out.startswith("mine.yaml\n")
    mine, above = load_scenario("mine.yaml"), load_scenario(parent)
    assert mine.warnings == ()
    assert mine.events == above.events
    acting = any(not event.in_base_year for event in above.events)
    baseline = above.compare_to if acting and above.compare_to else parent
    assert (mine.compare_to, mine.extends, mine.start) == (baseline, (parent,), above.start)
    assert f"  monazite run {baseline} mine.yaml " in out
    assert ("--vs" in out) == (baseline != parent)
    first = Path("mine.yaml").read_text(encoding="utf-8").splitlines()[0]
    assert first.startswith("# yaml-language-server: $schema=")
    assert Path(first.partition("$schema=")[2]).is_file()


def test_what_a_new_scenario_has_in_comments_can_be_uncommented(capsys: pytest.CaptureFixture[str]) -> None:
    printed(capsys, "new", "mine", "--from", "ree-licence-2025")
    path = Path("mine.yaml")
    kept = [row for row in path.read_text(encoding="utf-8").splitlines() if ". " not in row or ": " in row]
    text = "\n".join(
        row.replace("# ", "", 1) if row.startswith(("  # ", "# time", "# assump", "#   thrift", "# blocs", "#   allies"))
        and (":" in row and "'" not in row) else row
        for row in kept
    )  # fmt: skip
    path.write_text(text.replace("#   allies", "  allies"), encoding="utf-8")
    mine = load_scenario("mine.yaml")
    assert mine.origin["events.licence.delay"].file == "mine.yaml"
    assert mine.event("my-ban").probability is not None
    assert mine.blocs["allies"][:2] == ("USA", "JPN")


def test_new_goes_to_the_scenario_folder_and_overwrites_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    Path("scenarios").mkdir()
    assert printed(capsys, "new", "mine").startswith("scenarios/mine.yaml\n")
    before = Path("scenarios/mine.yaml").read_text()
    assert "there is a scenario 'mine' already" in printed(capsys, "new", "mine", code=2)
    assert Path("scenarios/mine.yaml").read_text() == before
    assert "there is a scenario 'baseline-2024' already" in printed(capsys, "new", "baseline-2024", code=2)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["My Scenario"], "'My Scenario' cannot be a name"),
        (["../mine"], "'../mine' cannot be a name"),
        (["mine", "--from", "baseline-204"], "there is no scenario 'baseline-204' to extend; did you mean"),
        (["mine", "--from", "scenarios/a.yaml"], "is a path; a scenario extends others by name"),
        (["mine", "--folder", "none"], "none/mine.yaml: cannot be written: No such file or directory"),
    ],
)
def test_new_refuses(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert message in printed(capsys, "new", *words, code=2)
    assert list(Path().iterdir()) == []


# -- migrate -------------------------------------------------------------------------------------


def test_migrate_rewrites_the_text_and_changes_nothing_of_what_it_says(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = Path("old.yaml")
    path.write_text(FORMAT_1)
    os.chmod(path, 0o640)
    before = load_scenario(path)
    assert printed(capsys, "migrate", "old.yaml") == "old.yaml: rewritten from format 1 to format 2\n"
    after = load_scenario(path)
    assert after.model_dump() == before.model_dump()
    text = path.read_text()
    assert text.startswith("format: 2\n")
    assert 'flow: {series: exports.gallium.CHN, values: {2025-05: "1,238 t"}, source: customs}  # kept too' in text
    assert "last: {series: exports.gallium.CHN, values: {2025-06: 12 t}, source: customs}\n" in text
    assert '    values: {2025-05-17: "1,238 t"}\n' in text
    assert "# the day" in text
    assert "    values: {2025-05: '3 t'}  # a figure\n" in text
    assert " at:" not in text
    assert path.stat().st_mode & 0o777 == 0o640
    assert [p.name for p in Path().iterdir()] == ["old.yaml"]
    assert printed(capsys, "migrate", "old.yaml") == "old.yaml: is format 2 already\n"


def test_migrate_dry_run_prints_and_changes_no_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("old.yaml").write_text(FORMAT_1)
    assert printed(capsys, "migrate", "old.yaml", "--dry-run").startswith("format: 2\n")
    assert Path("old.yaml").read_text() == FORMAT_1


def test_a_file_that_cannot_be_rewritten_is_left_alone(capsys: pytest.CaptureFixture[str]) -> None:
    text = FORMAT_1.replace("at: 2025-05-17", "at: &day 2025-05-17").replace("    at: 2025-05\n", "    at: *day\n")
    Path("old.yaml").write_text(text)
    Path("other.yaml").write_text(FORMAT_1)
    load_scenario("old.yaml")
    assert "old.yaml: cannot be rewritten in format 2" in printed(capsys, "migrate", "other.yaml", "old.yaml", code=2)
    assert Path("old.yaml").read_text() == text
    assert Path("other.yaml").read_text() == FORMAT_1


def test_files_of_both_formats_extend_each_other() -> None:
    Path("old.yaml").write_text(FORMAT_1)
    Path("young.yaml").write_text(
        "format: 2\nname: young\ntitle: Young\nextends: [old]\n"
        "observed: {flow: {values: {2025-07: 5 t}}, last: null}\n"
    )
    young = load_scenario("young.yaml")
    assert list(young.observed) == ["flow", "block", "first"]
    assert [figure.value.text for figure in young.observed["flow"].values.values()] == ["1,238 t", "5 t"]
    assert young.origin["observed.flow.values.2025-05"] == ("old.yaml", 9, 59)
    Path("older.yaml").write_text(
        "format: 1\nname: older\ntitle: Older\nextends: [young]\n"
        "observed: {more: {series: x, at: 2025-08, value: 6 t, assumption: true}}\n"
    )
    assert list(load_scenario("older.yaml").observed) == ["flow", "block", "first", "more"]


def test_shipped_scenarios_can_be_migrated(tmp_path: Path) -> None:
    for path in names().values():
        _, text = migrated(path)
        copy = tmp_path / path.name
        if text is not None:
            copy.write_text(text, encoding="utf-8")
            assert load_scenario(copy).model_dump() == load_scenario(path).model_dump()


# -- schema, validate ----------------------------------------------------------------------------


def test_schema_is_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert json.loads(printed(capsys, "schema"))["$schema"] == "http://json-schema.org/draft-07/schema#"


def test_validate_takes_patterns_and_folders_and_checks_each_file_once(
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = Path("scenarios/deep")
    folder.mkdir(parents=True)
    for name in ("one", "two"):
        printed(capsys, "new", name, "--folder", str(folder))
    Path("scenarios/README.md").write_text("no scenario")
    for words in (["scenarios/**"], ["scenarios"], ["scenarios/*", "scenarios/deep/one.yaml", "scenarios/deep"]):
        rows = printed(capsys, "validate", *words).splitlines()
        assert rows == [f"scenarios/deep/{name}.yaml: valid, 2 events" for name in ("one", "two")]
    assert "nothing*: no scenario file (*.yaml) matches" in printed(capsys, "validate", "nothing*", code=2)
