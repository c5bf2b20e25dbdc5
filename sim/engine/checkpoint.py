"""A simulation in the middle of its run, as arrays and plain words: to go on later, elsewhere, or otherwise.

A checkpoint holds what cannot be worked out again: the agents' state, what stocks consist of, books of
licences and quotas, how rules stand, stocks of states, where the market's solver stands. Everything else
follows from the world, the scenario and the draws. On disk it is a zip of numpy arrays and a JSON text:
reading one runs no code.
"""

from __future__ import annotations

import hashlib
import json
import os
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.engine.run import Run
from sim.errors import MonaziteError
from sim.files import check_inside, open_new
from sim.paths import shown
from sim.world.world import World

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["Checkpoint", "world_digest"]

Array = npt.NDArray[Any]
FORMAT = 1
HEADER = "checkpoint.json"
MOST_LAGS = 1000
LARGEST_FILE = 2**32
"""Bytes of arrays beyond which a file is not opened: 50 members of the shipped world take some 25 million."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""Date of every entry of the zip: the same checkpoint gives the same bytes."""


def world_digest(world: World) -> str:
    """Hash of what a run reads of a world: names on all axes, and base-year numbers."""
    digest = hashlib.sha256()
    names = [good.id for good in world.goods], world.countries, world.facilities, world.facility_firm
    digest.update(json.dumps([list(part) for part in names]).encode())
    for array in (
        world.offer_good, world.offer_facility, world.offer_output, world.offer_capacity, world.offer_stock,
        world.need_good, world.need_facility, world.need_use, world.need_full_use,
        world.need_cover, world.base_price,
        *world.base_flow, *world.transit_years, *world.freight_share,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """One simulation after some steps. Made by :meth:`sim.engine.Simulation.checkpoint`.

    Attributes:
        header: plain words and numbers: version, world, scenario, members, date reached.
        arrays: by name ``part/...``.
        scenario: that of the run; None for a checkpoint that was read from a file.
    """

    header: Mapping[str, Any]
    arrays: Mapping[str, Array]
    scenario: Scenario | None = None

    @staticmethod
    def of(
        case: Run, time: int, parts: Mapping[str, Mapping[str, Array]], keys: Mapping[str, list[Any]]
    ) -> Checkpoint:
        """Put together what the parts of a simulation gave; arrays are copied.

        Args:
            time: steps done.
            parts: part -> name -> array.
            keys: what names the rows of some parts, as lists of words and numbers.
        """
        seed = case.seed if isinstance(case.seed, int) else [int(one) for one in case.seed]
        header = {
            "format": FORMAT, "version": version("monazite"), "scenario": case.scenario.name,
            "step": case.scenario.step, "start": str(case.scenario.start), "date": str(case.dates[time]),
            "time": time, "members": [int(member) for member in case.members], "seed": seed,
            "lags": len(case.prepared.benchmark.lag_weight), "world": _shape(case.world), "keys": dict(keys),
            "values": list(case.draws.given),
        }  # fmt: skip
        arrays = {f"{part}/{name}": np.array(a) for part, named in parts.items() for name, a in named.items()}
        arrays |= {f"values/{path}": np.array(values) for path, values in case.draws.given.items()}
        return Checkpoint(header, arrays, case.scenario)

    def part(self, name: str) -> dict[str, Array]:
        """The arrays of one part, by their names in it; empty for a part that is not there."""
        prefix = f"{name}/"
        return {key[len(prefix) :]: array for key, array in self.arrays.items() if key.startswith(prefix)}

    @property
    def values(self) -> dict[str, Array]:
        """Path -> (M,) values that a design had set."""
        return {path: self.arrays[f"values/{path}"] for path in self.header["values"]}

    @property
    def seed(self) -> int | list[int]:
        """Root of the random streams, of all members or of each."""
        seed: int | list[int] = self.header["seed"]
        return seed

    @property
    def members(self) -> list[int]:
        """(M,) numbers of the members."""
        return list(self.header["members"])

    def check(self, case: Run) -> None:
        """Refuse a run that cannot go on from here.

        Raises:
            MonaziteError: it has another version, world, calendar or end; all differences at once.
        """
        own, problems = self.header, []
        if own["version"] != version("monazite"):
            problems.append(
                f"it was made by Monazite {own['version']}, this is {version('monazite')}, whose results may "
                "differ; run the scenario again from its start"
            )
        there, here = own["world"], _shape(case.world)
        for name in ("base_year", "goods", "countries", "facilities", "offers", "needs"):
            if there[name] != here[name]:
                said = f"its world has {_said(name, there[name])}, this one {_said(name, here[name])}"
                problems.append(said)
        if not problems and there["digest"] != here["digest"]:
            problems.append("its world has other numbers or names; use the tables that it was made with")
        for name in ("step", "start"):
            mine = str(getattr(case.scenario, name))
            if own[name] != mine:
                problems.append(f"its run has time.{name} {own[name]}, {case.scenario.name} has {mine}")
        if not problems and own["time"] >= case.steps:
            end = case.scenario.end
            late = f"it stands at {own['date']}, and {case.scenario.name} ends on {end}"
            problems.append(f"{late}; give the scenario a later time.end")
        if problems:
            lines = [f"the checkpoint of {own['scenario']} at {own['date']} does not fit:", *problems]
            raise MonaziteError("\n  ".join(lines))

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all.

        Raises:
            MonaziteError: the file cannot be written.
        """
        path = Path(path)
        names = list(self.arrays)
        header = json.dumps({**self.header, "arrays": names}, indent=1).encode()
        fresh = path.with_name(f".{path.name}.{os.getpid()}")
        check_inside(path.parent, path)
        try:
            with open_new(fresh) as handle, zipfile.ZipFile(handle, "w", zipfile.ZIP_STORED) as file:
                file.writestr(zipfile.ZipInfo(HEADER, EPOCH), header)
                for number, name in enumerate(names):
                    with file.open(zipfile.ZipInfo(f"{number}.npy", EPOCH), "w", force_zip64=True) as entry:
                        np.lib.format.write_array(entry, np.asarray(self.arrays[name]), allow_pickle=False)
            os.replace(fresh, path)
        except OSError as error:
            fresh.unlink(missing_ok=True)
            raise MonaziteError(f"{shown(path)}: cannot be written: {error.strerror}") from None

    @staticmethod
    def read(path: Path) -> Checkpoint:
        """Read a file. It may come from anybody: nothing in it is run.

        Raises:
            MonaziteError: there is no such file, or it is no checkpoint.
        """
        path = Path(path)
        try:
            with zipfile.ZipFile(path) as file:
                if sum(entry.file_size for entry in file.infolist()) > LARGEST_FILE:
                    most = f"{LARGEST_FILE / 1e9:.0f} GB"
                    raise MonaziteError(f"{shown(path)}: holds more than {most} of arrays; refused")
                header = json.loads(file.read(HEADER))
                arrays = {}
                for number, name in enumerate(header["arrays"]):
                    with file.open(f"{number}.npy") as entry:
                        arrays[str(name)] = np.lib.format.read_array(entry, allow_pickle=False)
            _check_header(header, arrays)
        except FileNotFoundError:
            raise MonaziteError(f"{shown(path)}: no such file") from None
        except (OSError, ValueError, KeyError, TypeError, RecursionError, zipfile.BadZipFile) as error:
            raise MonaziteError(f"{shown(path)}: is no checkpoint, or is damaged ({error})") from None
        return Checkpoint({k: v for k, v in header.items() if k != "arrays"}, arrays)


def _shape(world: World) -> dict[str, Any]:
    return {
        "base_year": world.base_year, "goods": len(world.goods), "countries": len(world.countries),
        "facilities": len(world.facilities), "offers": len(world.offer_good), "needs": len(world.need_good),
        "digest": world_digest(world),
    }  # fmt: skip


def _said(name: str, value: int) -> str:
    return f"base year {value}" if name == "base_year" else f"{value} {name}"


def _check_header(header: Any, arrays: Mapping[str, Array]) -> None:
    """Raise ValueError unless a file's header has every field, each of its kind."""
    if header["format"] != FORMAT:
        raise ValueError(f"format {str(header['format'])[:20]}, this version reads {FORMAT}")
    kinds: dict[str, Any] = {
        "version": str, "scenario": str, "step": str, "start": str, "date": str, "time": int, "members": list,
        "seed": (int, list), "lags": int, "world": dict, "keys": dict, "values": list,
    }  # fmt: skip
    for name, kind in kinds.items():
        if not isinstance(header[name], kind):
            raise ValueError(f"'{name}' is not what it should be")
    seeds = header["seed"] if isinstance(header["seed"], list) else [header["seed"]]
    whole = [header["time"], header["lags"], *header["members"], *seeds]
    if not all(isinstance(number, int) and 0 <= number < 2**63 for number in whole):
        raise ValueError("a count, a member or a seed is no whole number of at least 0")
    missing = [path for path in header["values"] if f"values/{path}" not in arrays]
    if missing or not header["members"] or header["lags"] > MOST_LAGS:
        raise ValueError("members, lags or values do not fit")
    if any(array.dtype.kind not in "fib" for array in arrays.values()):
        raise ValueError("an array holds something other than numbers")
