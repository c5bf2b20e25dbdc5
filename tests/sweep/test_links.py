"""Links in folders that somebody sent: nothing is written through them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sim.cli import main
from sim.commands.output import write_json
from sim.errors import MonaziteError
from sim.files import LinkError, append_only, check_inside, open_new, write_whole
from sim.sweep.execute import execute
from sim.sweep.plan import Plan
from tests.sweep.stores import LOCAL
from tests.sweep.test_search import found_in

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes links")
ROOT = Path(__file__).parents[2]
PRECIOUS = "precious, and without an end of line"


@pytest.mark.parametrize(
    "name",
    ["lock", "holder", "journal.jsonl", "timings.jsonl", "sweep.json", "design.parquet", "baseline-2024",
     "baseline-2024/arrays.zarr", "baseline-2024/arrays.zarr/rent/c/0/0/0", "summary.json"],
)  # fmt: skip
def test_resume_writes_through_no_link(
    plan: Plan, finished_store: Path, out: Path, tmp_path: Path, name: str
) -> None:
    directory = out / plan.folder
    shutil.copytree(finished_store, directory)
    place, target = directory / name, tmp_path / "elsewhere"
    if place.is_dir():
        shutil.rmtree(place)
        target.mkdir()
    else:
        place.unlink(missing_ok=True)
        target.write_text(PRECIOUS)
    place.symlink_to(target)
    with pytest.raises(MonaziteError, match=r"is a link, and what it points to would be changed; remove the"):
        execute(plan, out, LOCAL)
    assert not list(target.iterdir()) if target.is_dir() else target.read_text() == PRECIOUS


def test_targets_that_are_links_are_refused(tmp_path: Path) -> None:
    target = tmp_path / "precious"
    target.write_text(PRECIOUS)
    link = tmp_path / "told.json"
    link.symlink_to(target)
    with pytest.raises(LinkError, match=r"told.json: is a link"):
        write_json(link, {})
    with pytest.raises(LinkError):
        write_whole(link, b"")
    with pytest.raises(LinkError), append_only(link):
        pass
    with open_new(link) as handle:
        handle.write(b"new")
    assert link.read_text() == "new"
    assert not link.is_symlink()
    assert target.read_text() == PRECIOUS


def test_nothing_is_written_outside(tmp_path: Path) -> None:
    with pytest.raises(MonaziteError, match="lies outside"):
        check_inside(tmp_path / "a", tmp_path / "a" / ".." / "b")
    with pytest.raises(MonaziteError, match="lies outside"):
        check_inside(tmp_path / "a", tmp_path / "b")


@pytest.mark.parametrize("name", ["plots", "plots/curve.png", "plots/curve.svg", "plots/curve.csv"])
def test_pictures_are_drawn_through_no_link(tmp_path: Path, name: str) -> None:
    """Into the folder of a run, by default; it is drawn all the same where no link is in the way."""
    import pandas as pd

    from sim.plots.style import figure, save_picture

    run, target = tmp_path / "run", tmp_path / "elsewhere"
    (run / "plots").mkdir(parents=True)
    if name == "plots":
        (run / name).rmdir()
        target.mkdir()
    else:
        target.write_text(PRECIOUS)
    (run / name).symlink_to(target)
    table = pd.DataFrame({"x": [1.0]})
    with pytest.raises(LinkError, match=rf"{Path(name).name}: is a link"):
        save_picture(figure(2, 2), run / "plots", "curve", "A curve", table)
    assert not list(target.iterdir()) if target.is_dir() else target.read_text() == PRECIOUS


def test_a_checkpoint_is_written_through_no_link(tmp_path: Path) -> None:
    from sim.engine.checkpoint_file import write_file

    target, link = tmp_path / "precious", tmp_path / "half.checkpoint"
    target.write_text(PRECIOUS)
    link.symlink_to(target)
    with pytest.raises(LinkError, match=r"half.checkpoint: is a link"):
        write_file(link, {"arrays": []}, {})
    assert target.read_text() == PRECIOUS


def test_migrate_rewrites_no_file_behind_a_link(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    text = (ROOT / "tests" / "scenarios" / "valid" / "observed-in-format-1.yaml").read_text(encoding="utf-8")
    Path("observed-in-format-1.yaml").write_text(text, encoding="utf-8")
    Path("observed-in-format-1.yaml").chmod(0o640)
    Path("sent.yaml").symlink_to("observed-in-format-1.yaml")
    assert main(["migrate", "sent.yaml"]) == 2
    assert "sent.yaml: is a link, and what it points to would be changed" in capsys.readouterr().err
    assert Path("observed-in-format-1.yaml").read_text(encoding="utf-8") == text
    assert main(["migrate", "observed-in-format-1.yaml"]) == 0
    assert Path("observed-in-format-1.yaml").stat().st_mode & 0o777 == 0o640
    assert Path("observed-in-format-1.yaml").read_text(encoding="utf-8") != text
    assert sorted(path.name for path in tmp_path.iterdir()) == ["observed-in-format-1.yaml", "sent.yaml"]


@pytest.mark.parametrize("name", ["batches", "search.json", "parameters.csv"])
def test_a_search_writes_through_no_link(tmp_path: Path, name: str) -> None:
    out, target = tmp_path / "search", tmp_path / "elsewhere"
    out.mkdir()
    if name == "batches":
        target.mkdir()
    elif name != "search.json":
        target.write_text(PRECIOUS)
    (out / name).symlink_to(target)
    with pytest.raises(MonaziteError, match=r"is a link|search.json: cannot be read"):
        found_in(out, batches=2)
    assert not target.exists() or target.is_dir() or target.read_text() == PRECIOUS
    assert name != "batches" or not list(target.iterdir())
