"""What is given has an effect or is refused; what is listed by name; what Python may be given."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import pytest

import sim
from sim.cli import main
from sim.errors import MonaziteError
from sim.scenario import load_scenario
from sim.scenario.find import find, names

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    code = main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    return code, out, err


SWEEP = ("sweep", "teaching-merger")
VARY = "assumptions.thrift_speed=0.3,0.4"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*SWEEP, "--method", "saltelli", "--samples", "128"), "--method and --samples would have no effect"),
        ((*SWEEP, "--levels", "4"), "nothing varies, so --levels would have no effect"),
        ((*SWEEP, "--second-order"), "nothing varies, so --second-order would have no effect"),
        ((*SWEEP, "--members", "3", "--seeds", "2"), "--seeds has no effect beside --members"),
        ((*SWEEP, VARY, "--levels", "4"), "--levels has no effect on grid, only on morris"),
        ((*SWEEP, VARY, "--second-order"), "--second-order has no effect on grid, only on saltelli"),
        ((*SWEEP, VARY, "--samples", "4"), "grid has no number of samples"),
        ((*SWEEP, "--address", "tcp://127.0.0.1:1"), "--address has no effect without --executor dask"),
        ((*SWEEP, "--slurm", "a=1"), "--slurm has no effect without --executor slurm"),
        ((*SWEEP, "--executor", "local", "--workers", "2"), "--workers has no effect with --executor local"),
        ((*SWEEP, "--dry-run", "--json", "x.json"), "--json has no effect with --dry-run"),
        ((*SWEEP, "--dry-run", "--fail-fast"), "--fail-fast has no effect with --dry-run"),
        (("resume", "0123", "--address", "tcp://a:1"), "--address has no effect without --executor dask"),
        (("resume", "0123", "--slurm", "a=1"), "--slurm has no effect without --executor slurm"),
        (("check", "behaviour", "--members", "3"), "--members has no effect on behaviour"),
        (("check", "behaviour", "--seed", "3"), "--seed has no effect on behaviour"),
        (("check", "--seed", "-1"), "seed must not be negative, not -1"),
        (("hindcast", "gallium-2023", "gallium-2023"), "given twice, which has no effect: gallium-2023"),
        (("hindcast", "--seed", "-1"), "seed must not be negative, not -1"),
        (("run", "teaching-merger", "sweep.design.samples=4"), "'sweep' has no effect on a run"),
        (("run", "teaching-merger", "events.nothing.rate=4 %"), "there is no event 'nothing'"),
        (("list", "goods", "--tag", "copper"), "--tag has no effect on goods"),
        (("list", "instruments", "--base-year", "2022"), "--base-year has no effect on instruments"),
        (("list", "countries", "CHN"), "names can be given of goods, instruments, parameters, straits alone"),
        (("list", "goods", "galium"), "there is no good or mineral 'galium'; did you mean 'gallium'?"),
        (("list", "parameters", "thrift_sped"), "did you mean 'thrift_speed'?"),
        (("list", "instruments", "export_bann"), "did you mean 'export_ban'?"),
    ],
)
def test_what_has_no_effect_is_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], message: str
) -> None:
    code, _, err = run(capsys, *words)
    assert code == 2
    assert message in err
    assert not Path("outputs").exists()


def test_the_first_command_of_the_guide_to_sensitivity_works(capsys: pytest.CaptureFixture[str]) -> None:
    text = (ROOT / "docs" / "how-to" / "sensitivity.md").read_text(encoding="utf-8")
    command = shlex.split(re.search(r"```bash\nmonazite (.*)", text).group(1))  # type: ignore[union-attr]
    code, out, err = run(capsys, *command, "minerals=[gallium]", "time.end=2024-03", "--dry-run")
    assert code == 0, err
    assert "512 runs = 512 Saltelli samples x 1 seed" in out


# -- lists by name -------------------------------------------------------------------------------


def test_goods_by_name_show_the_base_year(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "list", "goods", "gallium_low_purity", "--json", "-")
    rows = json.loads(out)
    for figure in ("output", "exports", "imports", "use"):
        mine = [row for row in rows if row["figure"] == figure]
        whole, *parts = [float(row["tonnes"].replace(",", "")) for row in mine]
        assert mine[0]["country"] == "all"
        assert whole == pytest.approx(sum(parts), rel=0.02)
    first = next(row for row in rows if row["figure"] == "output" and row["country"] != "all")
    assert first["country"] == "CHN"
    assert float(first["share"].split()[0]) > 90


def test_parameters_and_instruments_by_name(capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "list", "parameters", "thrift_speed", "--json", "-")
    (row,) = json.loads(out)
    assert (row["default"], row["range"], row["unit"]) == ("0.3121", "0.2204 to 0.4886", "1/year")
    assert "substitution" in row["meaning"]
    _, out, _ = run(capsys, "list", "instruments", "export_licence", "--json", "-")
    fields = {row["field"]: row for row in json.loads(out)}
    assert fields["by"]["default"] == "needed"
    assert "business days" in fields["validity"]["unit"]
    assert all(row["meaning"] for row in fields.values())


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("assumptions.thrift_speed=400", "400 is more than 10 times what is plausible"),
        ("assumptions.demand_noise=-5", "-5 is negative"),
        ("assumptions.storage_elasticity=0", "0 is not possible: the model divides by it"),
        ("assumptions.prior_weight=1.5", "1.5 is more than the whole"),
        ("assumptions.supply_elasticity.nickel=50", "50 is more than 10 times what is plausible"),
        ("assumptions.thrift_speed={uniform:[-1,0.4]}", "-1 is negative"),
    ],
)
def test_sizes_of_parameters_are_checked(override: str, message: str) -> None:
    with pytest.raises(MonaziteError, match=re.escape(message)):
        load_scenario("baseline-2024", overrides=[override])


def test_a_parameter_outside_its_range_is_warned_about() -> None:
    (warning,) = load_scenario("baseline-2024", overrides=["assumptions.thrift_speed=0.9"]).warnings
    said = "0.9 lies outside the range of the parameter table; plausible is 0.2 to 0.6 1/year"
    assert said in warning.text()
    assert load_scenario("baseline-2024", overrides=["assumptions.thrift_speed=0.5"]).warnings == ()


# -- files of one's own --------------------------------------------------------------------------


def test_a_scenario_in_the_current_folder_is_found_by_its_name(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "new", "mine")[0] == 0
    Path("compose.yaml").write_text("services: {}\n")
    Path("loop.yaml").symlink_to("loop.yaml")
    assert find("mine") == Path.cwd() / "mine.yaml"
    assert not {"compose", "loop"} & set(names())
    assert run(capsys, "describe", "mine")[0] == 0
    assert "mine.yaml" in run(capsys, "list", "scenarios")[1]


def test_compare_to_names_a_scenario_beside_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    Path("own").mkdir()
    assert run(capsys, "new", "first", "--folder", "own")[0] == 0
    assert run(capsys, "new", "second", "--folder", "own", "--from", "first")[0] == 0
    assert load_scenario("own/second.yaml").compare_to == "first"


def test_the_sweep_in_a_new_file_can_be_uncommented(capsys: pytest.CaptureFixture[str]) -> None:
    for parent in ("baseline-2024", "ree-licence-2025"):
        name = f"of-{parent}"
        run(capsys, "new", name, "--from", parent)
        text = Path(f"{name}.yaml").read_text(encoding="utf-8")
        start = text.index("# sweep:")
        block = text[start : text.index("\n\n", start)]
        Path(f"{name}.yaml").write_text(text.replace(block, re.sub(r"(?m)^# ?", "", block)), encoding="utf-8")
        sweep = load_scenario(name).sweep
        assert sweep is not None
        assert sweep.design.method == "lhs"


# -- Python --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"members": "3"}, "members: '3' is not a whole number; write for example members=3"),
        ({"members": True}, "members: True is not a whole number"),
        ({"members": 2.0}, "members: 2.0 is not a whole number"),
        ({"members": 0}, "members must be at least 1, not 0"),
        ({"seed": -1}, "seed must be at least 0, not -1"),
        ({"seed": None}, "seed: None is not a whole number"),
    ],
)
def test_run_refuses(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(MonaziteError, match=re.escape(message)):
        sim.run("teaching-merger", **arguments)  # type: ignore[arg-type]


def test_overrides_are_text_and_have_an_effect() -> None:
    with pytest.raises(MonaziteError, match=r"\(dict\) is no override; write each as text"):
        sim.run("teaching-merger", {"time.end": "2024-03"})  # type: ignore[arg-type]
    with pytest.raises(MonaziteError, match=r"\(dict\) is no override"):
        sim.load("teaching-merger", {"seed": 3})  # type: ignore[arg-type]
    loaded = sim.load("teaching-merger")
    with pytest.raises(MonaziteError, match="overrides have no effect on a loaded scenario"):
        sim.run(loaded, "time.end=2024-03")
    with pytest.raises(MonaziteError, match="there is no event 'nothing'"):
        sim.load("teaching-merger", "events.nothing.rate=3 %")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"assumptions__thrift_speed": "fast"}, "'fast' is not a number; give it in the unit"),
        ({"events__x__rate": 0.2}, "no number of 'teaching-merger' is called so"),
        ({"member": "1"}, "member: '1' is not a whole number from 0 on"),
        ({"seed": -1}, "seed: -1 is not a whole number from 0 on"),
    ],
)
def test_run_parameters_refuses(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(MonaziteError, match=re.escape(message)):
        sim.run_parameters("teaching-merger", "time.end=2024-03", **arguments)
