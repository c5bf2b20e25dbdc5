"""What no run can go on from is refused, and says why; files are written whole or not at all."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.engine import Checkpoint, Simulation
from sim.engine import checkpoint as checkpoint_module
from sim.engine import checkpoint_file as file_module
from sim.engine.checkpoint_file import HEADER, KINDS
from sim.paths import world_directory
from sim.world.load import load_world
from sim.world.world import World
from tests.checks_of_runs import price_briefly
from tests.engine.busy_run import HALFWAY, advance, again, busy, entries, outcome, refusal, rewritten
from tests.engine_events import PlainScenario
from tests.small_world import write_small_world
from tests.steps import bits, differing


@pytest.fixture(scope="module")
def checkpoint(halfway: Simulation) -> Checkpoint:
    return halfway.checkpoint()


@pytest.fixture(scope="module")
def file(checkpoint: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("checkpoint") / "busy.checkpoint"
    checkpoint.write(path)
    return path


# -- what does not fit ---------------------------------------------------------------------------


def test_it_is_read_as_it_was_written(checkpoint: Checkpoint, tmp_path: Path, small_world: World) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    checkpoint.write(one)
    found = Checkpoint.read(one)
    assert found.header == checkpoint.header
    assert differing(found.arrays, checkpoint.arrays) == []
    found.write(two)
    assert one.read_bytes() == two.read_bytes()
    assert Simulation.resume(str(one), busy(small_world).case.scenario, small_world).time == HALFWAY  # type: ignore[arg-type]


def test_numpy_reads_its_arrays(file: Path, checkpoint: Checkpoint) -> None:
    with np.load(file, allow_pickle=False) as arrays:
        names = list(checkpoint.header["arrays"])
        np.testing.assert_array_equal(arrays["3"], checkpoint.arrays[names[3]])


def test_another_version(checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    made = checkpoint.header["version"]
    monkeypatch.setattr(checkpoint_module, "version", lambda _: "99.0")
    said = refusal(lambda: Simulation.resume(checkpoint))
    assert f"made by Monazite {made}, this is 99.0" in said


def other_tables(folder: Path, table: str, old: str, new: str) -> World:
    """The small world with another entry in a table."""
    write_small_world(folder)
    path = folder / table
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")
    return load_world(2024, folder)


@pytest.mark.parametrize(
    ("table", "old", "new"),
    [
        ("2024/inputs.csv", ",0.5,12,", ",0.5,13,"), ("2024/inputs.csv", ",6,0.5,", ",6,0.6,"),
        ("2024/outputs.csv", "14000.0", "14500.0"), ("2024/facilities.csv", "1000000000.0", "1100000000.0"),
        ("2024/composition.csv", "0.06", "0.06000001"), ("countries.csv", "Japan,138.0", "Japan,139.0"),
        ("countries.csv", "138.0,36.0,,0,1,1,0", "138.0,36.0,,0,0,1,0"),
        ("2024/prices.csv", "250000.0", "250001.0"),
    ],
    ids=["worth", "dependence", "cash cost", "value added", "elements", "distance", "group", "price"],
)  # fmt: skip
def test_other_tables(checkpoint: Checkpoint, tmp_path: Path, table: str, old: str, new: str) -> None:
    """Whatever a run reads of them counts."""
    world = other_tables(tmp_path, table, old, new)
    said = refusal(lambda: Simulation.resume(checkpoint, world=world))
    assert "its world has other numbers or names; use the tables that it was made with" in said


def test_names_for_show_do_not_count(checkpoint: Checkpoint, tmp_path: Path) -> None:
    world = other_tables(tmp_path, "countries.csv", "JPN,Japan", "JPN,Nippon")
    assert Simulation.resume(checkpoint, world=world).time == HALFWAY


def test_another_table_of_behaviour(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = world_directory()
    table = (folder / "behaviour.csv").read_text(encoding="utf-8")
    if (folder / "posterior.csv").exists():
        (tmp_path / "posterior.csv").write_bytes((folder / "posterior.csv").read_bytes())
    monkeypatch.setenv("MONAZITE_WORLD", str(tmp_path))
    (tmp_path / "behaviour.csv").write_text(table, encoding="utf-8")
    assert Simulation.resume(checkpoint).time == HALFWAY
    row = next(line for line in table.splitlines() if line.startswith("supply_elasticity,all,"))
    _, _, value, low, high, rest = row.split(",", 5)
    changed = f"supply_elasticity,all,{value},{low},{float(high) + 0.001},{rest}"
    (tmp_path / "behaviour.csv").write_text(table.replace(row, changed), encoding="utf-8")
    assert "draw from another table of behaviour" in refusal(lambda: Simulation.resume(checkpoint))


CALENDARS: dict[str, tuple[dict[str, Any], str]] = {
    "weeks": ({"step": "week"}, "its run has time.step month, other has week"),
    "start": ({"start": dt.date(2024, 2, 1)}, "its run has time.start 2024-01-01, other has 2024-02-01"),
    "end": ({"end": dt.date(2024, 9, 30)}, "it stands at 2024-10-01, and other ends on 2024-09-30; give"),
}  # fmt: skip


@pytest.mark.parametrize("name", CALENDARS)
def test_another_scenario_that_does_not_fit(small_world: World, name: str) -> None:
    plain = advance(Simulation(small_world, PlainScenario()), HALFWAY).checkpoint()  # type: ignore[arg-type]
    fields, expected = CALENDARS[name]
    other: Any = PlainScenario("other", **fields)
    said = refusal(lambda: Simulation.resume(plain, other))
    assert said.startswith("the checkpoint of plain at 2024-10-01 does not fit:\n  ")
    assert expected in said


def test_another_base_year(small_world: World, checkpoint: Checkpoint) -> None:
    world = replace(small_world, base_year=2022)
    said = refusal(lambda: Simulation.resume(checkpoint, world=world))
    assert "its base year is 2024, that of busy is 2022" in said


def test_all_differences_are_said_at_once(
    small_world: World, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkpoint_module, "version", lambda _: "99.0")
    other: Any = PlainScenario("other", step="week", start=dt.date(2025, 1, 1), end=dt.date(2025, 6, 30))
    world = replace(small_world, need_cover=small_world.need_cover * 2)
    said = refusal(lambda: Simulation.resume(checkpoint, other, world))
    for part in ("this is 99.0", "other numbers or names", "time.step month", "time.start 2024-01-01"):
        assert part in said
    assert len(said.splitlines()) == 5


def test_a_date_and_a_number_of_steps_that_contradict_each_other(checkpoint: Checkpoint) -> None:
    changed = replace(checkpoint, header={**checkpoint.header, "time": HALFWAY + 1})
    assert "it stands at 2024-10-01 after 10 steps" in refusal(lambda: Simulation.resume(changed))


# -- arrays --------------------------------------------------------------------------------------


def with_number(array: np.ndarray, number: float) -> np.ndarray:
    changed = array.copy()
    changed.reshape(-1)[-1] = number
    return changed


ARRAY_CHANGES: dict[str, Callable[[np.ndarray], Any]] = {
    "left out": lambda array: None,
    "flat": lambda array: array[..., None],
    "a member less": lambda array: array[:-1],
    "as whole numbers": lambda array: array.astype(np.int64) if array.dtype.kind == "f" else array > 0,
    "NaN": lambda array: with_number(array, np.nan),
    "infinite": lambda array: with_number(array, np.inf),
    "minus infinite": lambda array: with_number(array, -np.inf),
    "below 0": lambda array: with_number(array, -1e12),
}  # fmt: skip
OF_NUMBERS = ("NaN", "infinite", "minus infinite", "below 0")


@pytest.mark.parametrize("how", ARRAY_CHANGES)
def test_each_array_is_looked_at(checkpoint: Checkpoint, how: str) -> None:
    """Left as the header says it is, and with a header that says what was made of it."""
    looked_at = 0
    for name, array in checkpoint.arrays.items():
        if how in OF_NUMBERS and (not array.size or (array.dtype.kind != "f" and how != "below 0")):
            continue
        if name.startswith("values/") and how == "below 0":
            continue
        if how == "a member less" and name.endswith("/transit"):
            changed: Any = array[:, :-1]
        else:
            changed = ARRAY_CHANGES[how](array)
        other = again(checkpoint, **{name: changed})
        if how != "below 0":
            assert f"array '{name}'" in refusal(other.verify), name
        if changed is not None:
            told = {**checkpoint.header["arrays"], name: [KINDS[changed.dtype.kind], list(changed.shape)]}
            other = replace(other, header={**checkpoint.header, "arrays": told})
            assert f"'{name}'" in refusal(lambda: Simulation.resume(other)), name  # noqa: B023
        looked_at += 1
    assert looked_at > 50


@pytest.mark.parametrize("name", ["gates/0/life", "state/owner", "rules/rule/schedule"])
def test_whole_numbers_that_point_somewhere_have_an_end(checkpoint: Checkpoint, name: str) -> None:
    other = again(checkpoint, **{name: with_number(checkpoint.arrays[name], 10**12)})
    assert f"'{name}' holds numbers from" in refusal(lambda: Simulation.resume(other))


def test_a_price_of_nothing(checkpoint: Checkpoint) -> None:
    name = "state/gate_price"
    other = again(checkpoint, **{name: with_number(checkpoint.arrays[name], 0.0)})
    assert f"'{name}' holds a number that is not above 0" in refusal(lambda: Simulation.resume(other))


def test_many_problems_are_counted(checkpoint: Checkpoint) -> None:
    said = refusal(replace(checkpoint, arrays={}).verify)
    assert said.splitlines()[-1].strip() == f"and {len(checkpoint.arrays) - 8} more"


def test_a_damaged_checkpoint_is_not_written(checkpoint: Checkpoint, tmp_path: Path) -> None:
    refusal(lambda: again(checkpoint, **{"state/intensity": None}).write(tmp_path / "x"))
    assert list(tmp_path.iterdir()) == []


# -- headers -------------------------------------------------------------------------------------

STRANGE = [
    None, True, False, -1, 10**9, 2**300, 1.5, float("nan"), "", "x" * 10**5, "\x1b[2J", "\ud800", [], [True],
    [-1], [2**300], [[]], {}, {"x": []},
]  # fmt: skip


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize("field", [*checkpoint_module.FIELDS, "another"])
def test_each_field_of_a_header_is_looked_at(
    file: Path, tmp_path: Path, checkpoint: Checkpoint, field: str
) -> None:
    """Whatever stands there, it is refused, or it fits a run; nothing else is raised."""
    own = json.loads(entries(file)[HEADER]).get(field)
    refused = 0
    for value in [*STRANGE, nested(300), own]:
        changed = replace(checkpoint, header={**checkpoint.header, field: value})
        said = outcome(lambda: Simulation.resume(changed))  # noqa: B023
        assert said.replace("\n", "").isprintable()
        refused += bool(said)
    assert refused >= len(STRANGE) - 2
    if own is not None:
        said = refusal(lambda: Checkpoint.read(
            rewritten(file, tmp_path / "x", lambda parts: parts[HEADER].pop(field))
        ))  # fmt: skip
        assert f"lacks '{field}'" in said or field == "arrays"


@pytest.fixture(scope="module")
def quiet(checkpoint: Checkpoint) -> Checkpoint:
    """A month later, in a quarter for which all has been priced: its next step costs little."""
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        return advance(Simulation.resume(checkpoint), 1).checkpoint()


@pytest.mark.parametrize("field", ["good", "origin", "to", "which", "event", "kind", "offers", "period"])
def test_each_word_about_a_gate_is_looked_at(quiet: Checkpoint, field: str) -> None:
    for row in range(len(quiet.header["keys"]["gates"])):
        for value in [None, True, -1, 10**30, 1.5, "x", "\ud800", [], {}, nested(300)]:
            keys = json.loads(json.dumps(quiet.header["keys"]))
            keys["gates"][row][field] = value
            other = replace(quiet, header={**quiet.header, "keys": keys})
            said = outcome(lambda: Simulation.resume(other).step())  # noqa: B023
            assert not said or "the checkpoint's" in said


@pytest.mark.parametrize("row", [None, [], [1, 2], [0, "zz", "00"], [0, 1, 2], "ab", {"a": 1}, nested(300)])
def test_each_cap_is_looked_at(checkpoint: Checkpoint, row: Any) -> None:
    keys = checkpoint.header["keys"]
    keys = {**keys, "caps": [row, *keys["caps"][1:]]}
    other = replace(checkpoint, header={**checkpoint.header, "keys": keys})
    assert "list of caps is damaged" in refusal(lambda: Simulation.resume(other))


# -- writing -------------------------------------------------------------------------------------


def test_a_file_that_is_there_is_replaced(checkpoint: Checkpoint, tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_text("before", encoding="utf-8")
    checkpoint.write(path)
    assert Checkpoint.read(path).header["time"] == HALFWAY
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_is_not_written_through(checkpoint: Checkpoint, tmp_path: Path) -> None:
    precious, link = tmp_path / "precious", tmp_path / "link"
    precious.write_text("precious", encoding="utf-8")
    link.symlink_to(precious)
    assert "is a link, and what it points to would be changed" in refusal(lambda: checkpoint.write(link))
    dangling = tmp_path / "dangling"
    dangling.symlink_to(tmp_path / "nowhere")
    assert "is a link, and what it points to would be changed" in refusal(lambda: checkpoint.write(dangling))
    assert precious.read_text(encoding="utf-8") == "precious"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["dangling", "link", "precious"]


def test_a_link_may_be_read(file: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(file)
    assert Checkpoint.read(link).header["time"] == HALFWAY


def test_a_folder_or_nowhere_cannot_be_written(checkpoint: Checkpoint, tmp_path: Path) -> None:
    assert "is no file; name one" in refusal(lambda: checkpoint.write(tmp_path))
    missing = tmp_path / "missing" / "x"
    assert "cannot be written: No such file or directory" in refusal(lambda: checkpoint.write(missing))
    (tmp_path / "plain").write_text("", encoding="utf-8")
    assert "cannot be written: Not a directory" in refusal(lambda: checkpoint.write(tmp_path / "plain" / "x"))


def test_a_full_disk_leaves_what_was_there(
    checkpoint: Checkpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x"
    path.write_text("before", encoding="utf-8")

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np.lib.format, "write_array", full)
    assert "cannot be written: No space left on device" in refusal(lambda: checkpoint.write(path))
    assert path.read_text(encoding="utf-8") == "before"
    assert list(tmp_path.iterdir()) == [path]


def test_what_could_not_be_read_is_not_written(
    checkpoint: Checkpoint, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(file_module, "LARGEST_FILE", 10_000)
    assert "is too large; run fewer members" in refusal(lambda: checkpoint.write(tmp_path / "x"))
    assert "it is longer than" in refusal(lambda: Checkpoint.read(file))


def test_its_arrays_are_locked(checkpoint: Checkpoint, halfway: Simulation) -> None:
    with pytest.raises(ValueError, match="read-only"):
        checkpoint.arrays["state/intensity"][:] = 0
    assert bits(halfway.last)
