"""Links in folders that somebody sent: nothing is written through them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from sim.commands.output import write_json
from sim.errors import MonaziteError
from sim.files import LinkError, append_only, check_inside, open_new, write_whole
from sim.sweep.execute import execute
from sim.sweep.plan import Plan
from tests.sweep.stores import LOCAL

pytestmark = pytest.mark.skipif(os.name != "posix", reason="makes links")
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
