# ruff: noqa: E501 (words and messages are quoted whole)
"""What people type, in whatever order; and what received files must not do to a terminal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest

from sim.cli import COMMANDS, build_parser, main
from sim.commands.completion import SCRIPTS, candidates
from sim.commands.output import plural, print_table
from sim.visible import visible

NASTY = "\x1b]0;owned\x07 \x9b31m \u202etxt.exe \u200b\u2066 \u2028end \x00"
AS_YAML = json.dumps(NASTY)
HOSTILE = f"""\
format: 2
name: hostile
title: {AS_YAML}
question: {AS_YAML}
base_year: 2024
time: {{start: 2024-01, end: 2024-12}}
sources: {{{AS_YAML}: {{title: {AS_YAML}}}}}
blocs: {{allies: [USA, JPN]}}
events:
  ban:
    type: export_ban
    by: CHN
    to: allies
    goods: [gallium]
    from: 2024-02
    note: {AS_YAML}
    source: {AS_YAML}
observed:
  {AS_YAML}: {{series: {AS_YAML}, values: {{2024-05: 3 t}}, assumption: {AS_YAML}}}
"""


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def steering(text: str) -> set[str]:
    """Characters that a terminal obeys or hides, line feeds apart."""
    return {c for c in text if unicodedata.category(c) in ("Cc", "Cf", "Cs", "Zl", "Zp") and c != "\n"}


# -- what received files must not do -------------------------------------------------------------


@pytest.mark.parametrize(
    "words",
    [
        ("describe", "hostile.yaml"), ("show", "hostile.yaml"), ("show", "--diff", "baseline-2024", "hostile.yaml"),
        ("list", "scenarios"), ("validate", "hostile.yaml"), ("describe", "hostile.yaml", "--json", "-"),
        ("list", "scenarios", "--json", "-"), ("show", "hostile.yaml", "--json", "-"),
    ],
)  # fmt: skip
def test_a_file_cannot_steer_the_terminal(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("scenarios").mkdir()
    Path("hostile.yaml").write_text(HOSTILE, encoding="utf-8")
    shutil.copy("hostile.yaml", "scenarios/hostile.yaml")
    code, out, err = run(capsys, *words)
    assert code == 0, err
    assert steering(out + err) == set()
    if "-" in words:
        assert NASTY.split()[0] in json.dumps(json.loads(out), ensure_ascii=False) or "\\u001b" in out


def test_what_show_prints_can_be_read_again(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("hostile.yaml").write_text(HOSTILE, encoding="utf-8")
    _, out, _ = run(capsys, "show", "hostile.yaml")
    Path("again.yaml").write_text(out.replace("name: hostile", "name: again"), encoding="utf-8")
    from sim.scenario import load_scenario

    assert load_scenario("again.yaml").title == NASTY


@pytest.mark.parametrize(
    "text",
    [
        f"{AS_YAML}: 3\n", HOSTILE.replace("gallium", '"\\e[2J"'), HOSTILE.replace("export_ban", '"\\a\\x9b"'),
        HOSTILE.replace("allies:", '"\\u202e":'), HOSTILE.replace("3 t", '"3 \\e[0m"'),
        HOSTILE.replace("  ban:", '  "\\e":'), HOSTILE.replace("# x", "\u202e") + "\u202e: [\n",
        HOSTILE + 'assumptions: {"\\e[1m": 3}\n', HOSTILE.replace(f"source: {AS_YAML}", 'source: "\\e"'),
        HOSTILE + 'extends: "\\e[1m"\n', HOSTILE + 'compare_to: "\\e[1m"\n',
    ],
)  # fmt: skip
def test_error_messages_quote_without_steering(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("bad\x1b[31m.yaml").write_text(text, encoding="utf-8")
    for words in (["validate", "."], ["describe", "bad\x1b[31m.yaml"]):
        code, out, err = run(capsys, *words)
        assert code == 2
        assert steering(out + err) == set()


def test_words_of_the_command_line_are_quoted_the_same_way(capsys: pytest.CaptureFixture[str]) -> None:
    for words in (["\x1b[2J"], ["list", "\x1b"], ["describe", "a\x1b"], ["list", "--tag", "\u202e"],
                  ["run", "teaching-merger", "events.\x1b=3"], ["list", "--\x1b"]):  # fmt: skip
        code, out, err = run(capsys, *words)
        assert (code, out) == (2, "")
        assert steering(err) == set()


def test_visible_leaves_what_can_be_seen() -> None:
    for text in ("Zürich 東京 №5\u00a0km", "a\tb"):
        assert visible(text, lines=True) == text
    assert visible("a\nb\tc\x1b\u202e\U000e0001\udcff") == r"a\nb\tc\x1b\u202e\U000e0001\udcff"


# -- any order -----------------------------------------------------------------------------------


def test_options_stand_anywhere(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    here = [
        ["run", "--members", "2", "teaching-merger", "time.end=2024-03", "--out", str(tmp_path / "a"), "--quiet"],
        ["run", "--quiet", "time.end=2024-03", "--members=2", "--out", str(tmp_path / "b"), "teaching-merger"],
        ["--quiet", "run", "time.end=2024-03", "teaching-merger", "--out", str(tmp_path / "c"), "--memb", "2"],
    ]  # fmt: skip
    for words in here:
        code, out, err = run(capsys, *words)
        assert code == 0, err
        assert out.count("\n") == 1
        manifest = json.loads(next(Path(out.strip()).rglob("manifest.json")).read_text())
        assert manifest["members"] == 2
    assert run(capsys, "describe", "time.end=2024-06", "teaching-merger")[0] == 0
    assert run(capsys, "show", "time.end=2024-06", "--json", "-", "teaching-merger")[0] == 0


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["run", "--membrs", "2", "teaching-merger"], "run has no option '--membrs'; did you mean '--members'?"),
        (["validate", "x", "--quiet"], "validate has no option '--quiet'; allowed: --help, --json"),
        (["run", "teaching-merger", "--se", "2"], "run: '--se' may be --seed or --seeds"),
        (["run", "teaching-merger", "--members"], "--members needs a value; see 'monazite run --help'"),
        (["new", "a", "x"], "'x' is one word too many; see 'monazite new --help'"),
        (["describe", "a", "b"], "describe needs one scenario; the second is 'b'"),
        (["help", "rn"], "unknown word 'rn'; did you mean 'run'?"),
    ],
)  # fmt: skip
def test_the_command_says_what_is_wrong(
    capsys: pytest.CaptureFixture[str], words: list[str], message: str
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize("verb", COMMANDS)
def test_help_of_each_command(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, verb: str
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    said = []
    for words in (["help", verb], [verb, "--help"]):
        with pytest.raises(SystemExit) as end:
            main(words)
        assert end.value.code == 0
        said.append(capsys.readouterr().out)
    assert said[0] == said[1]
    assert "%%" not in said[0]
    assert [line for line in said[0].splitlines() if len(line) > 80] == []


# -- tables and words ----------------------------------------------------------------------------


@pytest.mark.parametrize("width", [40, 80, 100, 140, 300])
def test_tables_on_a_terminal_break_no_word(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, width: int
) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    rows = [
        ["baseline-2024", "Nothing new happens in this one, to compare all others with", "scenarios/baseline-2024.yaml"],
        ["ree", "Licences", "scenarios/historical/a-very-long-name-of-a-scenario-in-a-folder.yaml"],
    ]  # fmt: skip
    print_table(("scenario", "title", "file"), rows, spare=("file",))
    out, err = capsys.readouterr()
    words = {word for row in rows for cell in row[:2] for word in cell.split()}
    assert words <= set(out.split())
    assert ("a-very-long" in out) == (width >= 140)
    assert ("file" in err) == (width < 140)
    assert max(map(len, out.splitlines())) <= width


def test_plural() -> None:
    assert [plural(n, "run") for n in (0, 1, 2, 1000)] == ["0 runs", "1 run", "2 runs", "1,000 runs"]


# -- completion ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ([""], set(COMMANDS)), (["val"], {"validate"}), (["run", "ree-lic"], {"ree-licence-2025"}),
        (["run", "--mem"], {"--members"}), (["list", "good"], {"goods"}), (["sweep", "--method", "l"], {"lhs"}),
        (["new", "x", "--from", "baseline-20"], {"baseline-2009", "baseline-2022", "baseline-2024"}),
        (["help", "valid"], {"validate"}), (["nonsense", "x"], set()),
    ],
)  # fmt: skip
def test_candidates(words: list[str], found: set[str]) -> None:
    given = candidates(words, COMMANDS, build_parser)
    assert found <= set(given)
    assert all(word.startswith(words[-1]) for word in given)
    assert found or given == []


@pytest.mark.parametrize("shell", SCRIPTS)
def test_completion_scripts(capsys: pytest.CaptureFixture[str], shell: str) -> None:
    code, out, _ = run(capsys, "completion", shell)
    assert code == 0
    assert "monazite completion words" in out
    if shell == "bash" and os.name == "posix":
        assert subprocess.run(["bash", "-n"], input=out, text=True, check=False).returncode == 0
