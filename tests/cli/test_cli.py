"""The command line as a user meets it: exit codes, output, no traceback, nothing heavy imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from sim.cli import main

CASES = Path(__file__).parents[1] / "scenarios" / "invalid"


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


def test_no_command_shows_help(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys)
    assert code == 2
    for command in ("list", "validate", "describe", "run", "compare", "check"):
        assert f"\n    {command}" in out


def test_list_scenarios(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "list")
    assert code == 0
    names = [line.split()[0] for line in out.splitlines()[1:]]
    assert {"baseline-2024", "baseline-2022", "baseline-2009", "ree-licence-2025"} <= set(names)
    code, out, _ = run(capsys, "list", "scenarios", "--tag", "copper")
    names = [line.split()[0] for line in out.splitlines()[1:]]
    assert {"merger-bhp-anglo", "merger-rio-glencore"} <= set(names)
    assert "baseline-2024" not in names
    code, out, _ = run(capsys, "list", "scenarios", "--json", "-")
    status = {row["scenario"]: row["status"] for row in json.loads(out)}
    assert set(status.values()) == {"v1", "draft"}
    assert status["ree-licence-2025"] == "v1"


def test_unknown_tag(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "list", "--tag", "coper")
    assert (code, out) == (2, "")
    assert err == "no scenario has the tag 'coper'; did you mean 'copper'?\n"


@pytest.mark.parametrize(
    ("what", "word"),
    [
        ("goods", "dysprosium_oxide"), ("countries", "CHN"), ("sectors", "ev"), ("firms", "BHP"),
        ("instruments", "export_licence"), ("parameters", "thrift_speed"), ("scrap", "copper_refined"),
    ],
)  # fmt: skip
def test_listings_and_json(capsys: pytest.CaptureFixture[str], tmp_path: Path, what: str, word: str) -> None:
    target = tmp_path / "table.json"
    code, out, _ = run(capsys, "list", what, "--json", str(target))
    assert code == 0
    rows = json.loads(target.read_text())
    header = out.splitlines()[0].split()
    assert header[0] == next(iter(rows[0]))
    assert len(out.splitlines()) == len(rows) + 1
    assert word in [next(iter(row.values())) for row in rows]


def test_validate_valid(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "validate", "baseline-2024", "ree-licence-2025")
    assert (code, err) == (0, "")
    assert out == "baseline-2024: valid, 2 events\nree-licence-2025: valid, 3 events\n"


def test_validate_prints_place_caret_and_count(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES)
    code, out, _ = run(capsys, "validate", "unknown-event-type.yaml")
    assert code == 2
    assert out == (
        "unknown-event-type.yaml:8:11: events.licence.type: unknown event type 'export_licnce'; "
        "did you mean 'export_licence'?\n"
        "    8 |     type: export_licnce\n"
        "      |           ^\n"
        "1 problem\n"
    )


def test_validate_json_and_mixed_files(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(CASES)
    code, out, _ = run(capsys, "validate", "missing-from.yaml", "baseline-2024", "--json", "-")
    assert code == 2
    first, second = json.loads(out)
    assert (first["valid"], second["valid"]) == (False, True)
    assert first["problems"][0]["line"] == 7
    assert first["problems"][0]["remedy"] == "write for example 'from: 2025-04-04'"


def test_validate_a_folder(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "validate", str(tmp_path))
    assert (code, "no scenario file" in err) == (2, True)
    code, out, _ = run(capsys, "validate", str(CASES))
    assert code == 2
    assert len(out.splitlines()) > 200


def test_describe(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    target = tmp_path / "d.json"
    code, out, _ = run(
        capsys, "describe", "ree-licence-2025", "events.licence.approval_share=20%", "--json", str(target)
    )
    assert code == 0
    text = " ".join(out.split())
    assert "From 2025-04-04 China licenses exports of dysprosium, terbium" in text
    assert "each shipment waits 45 business days, 20% are approved." in text
    assert "[source: SMM" in text
    days = [line.split()[0] for line in out.splitlines() if line[:2] == "20" and "[" in line[:14]]
    assert days[:3] == sorted(days[:3])
    content = json.loads(target.read_text())
    assert content["events"][-1]["id"] == "licence"
    assert content["events"][-1]["from"] == "2025-04-04"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("vaildate", "x"), "unknown word 'vaildate'; did you mean 'validate'?\n"),
        (("list", "godos"), "unknown word 'godos'; did you mean 'goods'?\n"),
        (("validate",), "the following arguments are required: FILE; see 'monazite validate --help'\n"),
        (("describe", "ree-licenc"),
         "scenario: there is no scenario 'ree-licenc'; did you mean 'ree-licence-2025'?\n1 problem\n"),
        (("list", "goods", "--base-year", "1999"), None),
        (("list", "--jsn"), "list has no option '--jsn'; did you mean '--json'?\n"),
    ],
)  # fmt: skip
def test_misuse_is_exit_code_2(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str | None
) -> None:
    code, out, err = run(capsys, *words)
    assert (code, out) == (2, "")
    if message is not None:
        assert err == message


def test_json_that_cannot_be_written(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    code, _, err = run(capsys, "list", "--json", str(tmp_path / "no" / "folder.json"))
    assert code == 2
    assert err.endswith("cannot be written: No such file or directory\n")


def test_quick_commands_import_nothing_heavy() -> None:
    heavy = {"numpy", "hydra", "omegaconf", "mesa", "matplotlib", "pandas", "xarray", "rich", "scipy"}
    for words in (
        ["list"],
        ["list", "goods"],
        ["validate", "tariff-spiral-2025"],
        ["describe", "baseline-2024"],
    ):
        code = f"import sys; from sim.cli import main; assert main({words!r}) == 0; print(*sys.modules)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        loaded = {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}
        assert "sim" in loaded
        assert not heavy & loaded
        if words[0] == "list":
            assert "pydantic" not in loaded


def test_bad_input_to_a_run_writes_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = run(capsys, "run", "baseline-2024", "ree-licence-2025", "events.licence.delay=40")
    assert (code, out) == (2, "")
    assert "'40' has no unit" in err
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["scenario=nope"], ["scenario=baseline-2024", "+time.end=soon"]])
def test_hydra_application_reports_bad_input(words: list[str], tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "sim", *words],
        capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": ""}, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "Traceback" not in done.stdout + done.stderr
    assert "problem" in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_hydra_application_runs_from_any_folder(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "sim", "scenario=baseline-2024", "members=1", "+time.end=2024-01"],
        capture_output=True, text=True, cwd=tmp_path, env={"PYTHONPATH": str(root), "PATH": ""}, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert (tmp_path / done.stdout.strip()).is_dir()


@pytest.mark.parametrize("module", ["sim.cli", "sim"])
def test_a_python_without_the_packages_says_what_to_do(module: str) -> None:
    # Without site-packages there is the standard library alone.
    done = subprocess.run(
        [sys.executable, "-S", "-m", module, "list"], capture_output=True, text=True, check=False,
        cwd=Path(__file__).parents[2],
    )  # fmt: skip
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "make demo" in done.stderr
