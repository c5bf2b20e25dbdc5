"""Which tables a scenario's world is read from: those that ship, or a world built from the panel and kept."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from sim.errors import MonaziteError, did_you_mean
from sim.paths import base_years, cache_directory, share_root, world_directory
from sim.tables import read_table
from sim.world.labels import GoodLabel, load_labels
from sim.world.past_projects import PAST, RESERVES, RULES
from sim.world.patch import NewFacility, NoWorld, add_facilities
from sim.world.projects import CATALOGUE, MORE
from sim.world.scrap import LIFETIMES, RECYCLERS, SCRAP

__all__ = ["PANEL", "Coverage", "NoWorld", "WorldChoice", "panel_coverage", "panel_labels", "world_tables"]

PANEL = "panel"
"""What a scenario writes under ``world`` to have the panel where a curated world would do."""
Build = Callable[[Path], None]
KEPT_DAYS = 60
"""A built world that nobody has asked for in so many days is removed when another is built."""
LIST = "'monazite list minerals' shows minerals and years"


@dataclass(frozen=True)
class Coverage:
    """What the panel has of a mineral in one year: stages in all, and with output or trade in the data."""

    stages: int
    output: int
    trade: int

    @property
    def grade(self) -> str:
        """A: output and trade of every stage; B: of some stages; C: no trade at all."""
        if not self.trade:
            return "C"
        return "A" if self.output == self.trade == self.stages else "B"


@lru_cache(maxsize=1)
def panel_coverage() -> Mapping[str, Mapping[int, Coverage]]:
    """Mineral -> year -> what the panel that ships has of it; empty where there is no panel."""
    path = share_root() / "data" / "panel" / "coverage.csv"
    found: dict[str, dict[int, Coverage]] = {}
    if path.is_file():
        rows = read_table(path, ("mineral", "year", "stages", "output", "trade")).dictionaries()
        for row in rows:
            counts = Coverage(int(row["stages"]), int(row["output"]), int(row["trade"]))
            found.setdefault(row["mineral"], {})[int(row["year"])] = counts
    return found


@lru_cache(maxsize=1)
def panel_labels() -> tuple[GoodLabel, ...]:
    """Goods of the worlds that the panel makes; none where there is no panel."""
    path = share_root() / "data" / "panel" / "chains.csv"
    columns = ("good", "name", "mineral", "stage", "unit", "hs6")
    rows = read_table(path, columns).dictionaries() if path.is_file() else []
    return tuple(
        GoodLabel(
            row["good"], row["name"], row["mineral"], row["stage"], row["unit"], tuple(row["hs6"].split(";"))
        )
        for row in rows
    )


@dataclass(frozen=True)
class WorldChoice:
    """What a scenario says of its world under ``world``.

    Attributes:
        source: ``panel``, a folder of one's own tables, or None for the curated tables where they serve.
        facilities: that did not produce in the base year but could, added to it.
        projects: that may be built in the run: names of the catalogue, or ``all``.
        scrap: what is recovered of goods in use, which are followed: goods, minerals, or ``all``.
    """

    source: str | Path | None = None
    facilities: tuple[NewFacility, ...] = ()
    projects: tuple[str, ...] = ()
    scrap: tuple[str, ...] = ()


def world_tables(
    base_year: int, minerals: Sequence[str] = (), world: WorldChoice | str | None = None
) -> Path:
    """The folder of world tables that a scenario reads, laid out like ``data/world``.

    Without ``world`` the curated tables serve where they have the year and every mineral. Otherwise a world
    of the minerals is built from the panel, once: it is kept by the hash of all that decides it. So are
    worlds of one's own tables, and those to which facilities are added.

    Args:
        base_year: year of the world.
        minerals: minerals of the scenario; the panel needs them named.
        world: ``panel`` for a world of the panel in any case, or a choice.

    Raises:
        NoWorld: no tables have the year or the minerals; a facility names what the world does not have.
        MonaziteError: the tables do not make a world.
    """
    choice = WorldChoice(world) if isinstance(world, str) else world or WorldChoice()
    tables = _source(base_year, tuple(dict.fromkeys(minerals)), choice.source)
    if not choice.facilities and not choice.projects and not choice.scrap:
        return tables
    content = hashlib.sha256(f"{_content(tables, base_year)} {choice.facilities!r}".encode())
    projects = None
    if choice.projects:
        projects = choice.projects, world_directory()
        content.update(repr(choice.projects).encode())
        for name in (CATALOGUE, MORE, PAST, RULES, RESERVES):
            path = world_directory() / name
            content.update(path.read_bytes() if path.is_file() else b"")
        for name in ("projects.py", "past_projects.py"):
            content.update((Path(__file__).parent / name).read_bytes())
    scrap = None
    if choice.scrap:
        scrap = choice.scrap, world_directory()
        content.update(repr(("scrap", choice.scrap)).encode())
        for name in (SCRAP, LIFETIMES, RECYCLERS):
            path = world_directory() / name
            content.update(path.read_bytes() if path.is_file() else b"")
        content.update((Path(__file__).parent / "scrap.py").read_bytes())

    def build(folder: Path) -> None:
        add_facilities(tables, base_year, choice.facilities, folder, projects, scrap)

    return kept(f"added-{base_year}-{content.hexdigest()[:16]}", build)


def _source(base_year: int, minerals: tuple[str, ...], source: str | Path | None) -> Path:
    if isinstance(source, Path):
        return _own_world(base_year, source)
    if source is not None and source != PANEL:
        raise NoWorld(("world",), f"'{source[:60]}' is no world", f"write '{PANEL}', or name a folder")
    if source is None and base_year in base_years() and _curated(base_year, minerals):
        return world_directory()
    return _panel_world(base_year, minerals)


def _own_world(base_year: int, folder: Path) -> Path:
    """Tables of a world as they are, or the world of one's own that is built from a folder of five tables."""
    if not folder.is_dir():
        raise NoWorld(("world",), f"{folder}: no such folder", "'monazite world new FOLDER' writes one")
    if (folder / "goods.csv").is_file():
        if not (folder / str(base_year)).is_dir():
            years = sorted(path.name for path in folder.glob("[12]*") if path.is_dir())
            say = f"it has {', '.join(years) or 'no year'}"
            raise NoWorld(("base_year",), f"{folder} has no world of {base_year}", say)
        return folder
    name = re.sub(r"[^a-z0-9]+", "-", folder.name.casefold())[:40]
    decisive = hashlib.sha256(f"{_inputs(share_root())} {base_year}".encode())
    for path in sorted(folder.glob("*.csv")):
        decisive.update(os.fsencode(path.name) + path.read_bytes())

    def build(out: Path) -> None:
        from sim.world.build.own_world import build_own_world

        build_own_world(share_root(), world_directory(), folder, base_year, out)

    return kept(f"{name}-{base_year}-{decisive.hexdigest()[:16]}", build)


def _content(tables: Path, base_year: int) -> str:
    """Hash of the tables of one year."""
    content = hashlib.sha256()
    for path in (*sorted(tables.glob("*.csv")), *sorted((tables / str(base_year)).glob("*.csv"))):
        content.update(os.fsencode(path.name) + path.read_bytes())
    return content.hexdigest()


@lru_cache(maxsize=64)
def _curated(base_year: int, minerals: tuple[str, ...]) -> bool:
    """Whether the curated world is to be asked: it has every mineral, or the panel knows no better."""
    if not minerals:
        return True
    there = {good.mineral for good in load_labels(base_year).goods}
    missing = [mineral for mineral in minerals if mineral not in there]
    return not missing or not all(mineral in panel_coverage() for mineral in missing)


def _panel_world(base_year: int, minerals: tuple[str, ...]) -> Path:
    panel = panel_coverage()
    curated = f"there are: {', '.join(map(str, base_years()))}"
    if not minerals:
        years = sorted({year for of in panel.values() for year in of})
        if base_year in years:
            say = f"name 'minerals' to build one from the panel; {LIST}. Of all minerals {curated}"
        else:
            span = f"; with 'minerals' named, also {years[0]} to {years[-1]}" if years else ""
            say = curated + span
        raise NoWorld(("base_year",), f"there is no world of {base_year}", say)
    for place, mineral in enumerate(minerals):
        if mineral not in panel:
            say = did_you_mean(mineral, sorted(panel), list_up_to=0) or LIST
            raise NoWorld(("minerals", str(place)), f"the panel has no '{mineral[:60]}'", say)
    for mineral in minerals:
        if base_year not in panel[mineral]:
            nearest = sorted(panel[mineral], key=lambda year: (abs(year - base_year), -year))
            say = f"the nearest year that it has is {nearest[0]}; {LIST}"
            raise NoWorld(("base_year",), f"the panel has no {mineral} of {base_year}", say)
    return _built(base_year, tuple(sorted(minerals)))


def _built(base_year: int, minerals: tuple[str, ...]) -> Path:
    """The kept world, built now where there is none."""
    root = share_root()
    decisive = hashlib.sha256(f"{_inputs(root)} {base_year} {' '.join(minerals)}".encode()).hexdigest()[:16]
    name = f"{'-'.join(minerals)[:60]}-{base_year}-{decisive}"

    def build(folder: Path) -> None:
        from sim.world.build.panel_world import build_panel_world

        build_panel_world(root, world_directory(), minerals, base_year, folder)

    return kept(name, build)


def kept(name: str, build: Build) -> Path:
    """The folder ``name`` among the kept worlds; ``build`` fills it where it is not there yet.

    Two processes may build the same world at once: each fills a folder of its own, and one is kept.

    Raises:
        MonaziteError: the folder cannot be written.
    """
    top = cache_directory() / "worlds"
    place = top / name
    if place.is_dir():
        return place
    try:
        top.mkdir(parents=True, exist_ok=True)
        scratch = Path(tempfile.mkdtemp(prefix=".", dir=top))
    except OSError as error:
        remedy = "set MONAZITE_CACHE to a folder that can be written"
        raise MonaziteError(f"{top}: worlds cannot be kept here ({error.strerror}); {remedy}") from error
    try:
        build(scratch)
        scratch.chmod(0o755)
        try:
            scratch.rename(place)
        except OSError:
            if not place.is_dir():
                raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    _forget_old(top)
    return place


def _forget_old(top: Path) -> None:
    before = time.time() - KEPT_DAYS * 86400
    for folder in top.iterdir():
        try:
            if folder.is_dir() and max(folder.stat().st_mtime, folder.stat().st_atime) < before:
                shutil.rmtree(folder, ignore_errors=True)
        except OSError:
            continue


@lru_cache(maxsize=4)
def _inputs(root: Path) -> str:
    """Hash of the panel, the tables of assumptions, the copied world tables and the builder's code."""
    raw, code = root / "data" / "raw", Path(__file__).parent / "build"
    folders = (root / "data" / "panel", raw / "assumptions", code, raw, world_directory())
    files = [path for folder in folders for path in sorted(folder.iterdir()) if path.is_file()]
    content = hashlib.sha256()
    for path in files:
        if path.suffix in (".csv", ".parquet", ".py"):
            content.update(os.fsencode(path.name) + path.read_bytes())
    return content.hexdigest()
