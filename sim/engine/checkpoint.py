"""A simulation in the middle of its run, as arrays and plain words: to go on later, elsewhere, or otherwise.

A checkpoint holds what cannot be worked out again: the agents' state, what stocks consist of, books of
licences and quotas, how rules stand, stocks of states, what is under way over borders, where the market's
solver stands. Everything else follows from the world, the scenario and the draws.
"""

from __future__ import annotations

import datetime as dt
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.agents.parameters import BehaviourTable
from sim.arrays import Saved
from sim.engine.checkpoint_file import FORMAT, KINDS, read_file, write_file
from sim.engine.run import Run
from sim.errors import MonaziteError
from sim.paths import shown
from sim.world.world import Kept, World

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["Checkpoint", "behaviour_digest", "world_digest"]

Array = npt.NDArray[Any]
MOST_LAGS = 1000
LONGEST_NUMBER = 256
"""Bits of a member's number or of a seed."""
LONGEST_NAME = 2**14
SHOWN = 60
"""Letters of a word in a message."""
MOST_SAID = 8
"""Problems that a message lists; the others are counted."""
DISPLAYED = ("country_names", "facility_names", "groups")
"""Fields of a world that only labels use, and its groups, to which a scenario's blocs are added."""
SIZES = ("goods", "countries", "facilities", "offers", "needs")


def world_digest(world: World, blocs: Mapping[str, object]) -> str:
    """Hash of what a run reads of a world: names on all axes, groups but for blocs, and base-year numbers."""
    digest = hashlib.sha256()
    groups = {name: members for name, members in world.groups.items() if name not in blocs}
    read = {field.name: getattr(world, field.name) for field in fields(world) if field.name not in DISPLAYED}
    for name, value in (*read.items(), ("groups", sorted(groups.items()))):
        digest.update(name.encode())
        for part in _parts(value):
            digest.update(part.tobytes() if isinstance(part, np.ndarray) else repr(part).encode())
    return digest.hexdigest()


def _parts(value: Any) -> Iterator[Any]:
    """A value, or what it consists of where that may be arrays, whose words would leave numbers out."""
    if isinstance(value, Kept):
        value = tuple(getattr(value, field.name) for field in fields(value))
    yield from value if isinstance(value, tuple) else (value,)


def behaviour_digest(table: BehaviourTable) -> str:
    """Hash of what behaviour is drawn from."""
    rows = sorted((key, repr(span)) for key, span in table.items()), sorted(table.places.items())
    return hashlib.sha256(json.dumps(rows).encode()).hexdigest()


@dataclass(frozen=True)
class Checkpoint:
    """One simulation after some steps. Made by :meth:`sim.engine.Simulation.checkpoint`.

    Attributes:
        header: plain words and numbers: version, world, scenario, members, date reached, arrays.
        arrays: by name ``part/...``; nobody writes into them.
        scenario, world: those of the run; None for a checkpoint that was read from a file.
    """

    header: Mapping[str, Any]
    arrays: Mapping[str, Array]
    scenario: Scenario | None = None
    world: World | None = None

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
        parts = {**parts, "values": case.draws.given}
        arrays = {f"{part}/{name}": _kept(a) for part, named in parts.items() for name, a in named.items()}
        seed = case.seed if isinstance(case.seed, int) else [int(one) for one in case.seed]
        scenario = case.scenario
        header = {
            "format": FORMAT, "version": version("monazite"), "scenario": scenario.name,
            "step": scenario.step, "start": str(scenario.start), "date": str(case.dates[time]),
            "time": time, "members": [int(member) for member in case.members], "seed": seed,
            "lags": len(case.prepared.benchmark.lag_weight), "minerals": list(scenario.minerals),
            "world": _identity(case), "keys": dict(keys), "values": list(case.draws.given),
            "arrays": {name: [KINDS[array.dtype.kind], list(array.shape)] for name, array in arrays.items()},
        }  # fmt: skip
        return Checkpoint(header, arrays, scenario, case.whole)

    def part(self, name: str) -> Saved:
        """The arrays of one part, by their names in it; empty for a part that is not there."""
        prefix = f"{name}/"
        found = {key.removeprefix(prefix): a for key, a in self.arrays.items() if key.startswith(prefix)}
        return Saved(name, found)

    @property
    def values(self) -> dict[str, Array]:
        """Path -> (M,) values that a design had set."""
        return {path: self.arrays[f"values/{path}"].copy() for path in self.header["values"]}

    @property
    def seed(self) -> int | list[int]:
        """Root of the random streams, of all members or of each."""
        seed: int | list[int] = self.header["seed"]
        return seed if isinstance(seed, int) else list(seed)

    @property
    def members(self) -> list[int]:
        """(M,) numbers of the members."""
        return list(self.header["members"])

    def verify(self) -> None:
        """Refuse a header or arrays that are not as any run would have left them.

        Raises:
            MonaziteError: lists what is wrong.
        """
        problems = list(_header_problems(self.header))
        if not problems:
            problems = list(_array_problems(self.header, self.arrays))
        if problems:
            made = self.header.get("version")
            if _is_name(made) and made != version("monazite"):
                problems.insert(0, f"it was made by Monazite {made}, this is {version('monazite')}")
            said = problems[:MOST_SAID]
            said += [f"and {len(problems) - MOST_SAID} more"] if len(problems) > MOST_SAID else []
            raise MonaziteError("\n  ".join(["the checkpoint is damaged, or none of this version:", *said]))

    def check(self, case: Run) -> None:
        """Refuse a run that cannot go on from here.

        Raises:
            MonaziteError: it has another version, world, calendar or end; all differences at once.
        """
        own = self.header
        problems = [*self._other_versions(), *self._other_worlds(case), *self._other_calendar(case)]
        if problems:
            lines = [f"the checkpoint of {own['scenario']} at {own['date']} does not fit:", *problems]
            raise MonaziteError("\n  ".join(lines))

    def _other_versions(self) -> Iterator[str]:
        made, here = self.header["version"], version("monazite")
        if made != here:
            yield (
                f"it was made by Monazite {made}, this is {here}, whose results may differ; run the "
                "scenario again from its start"
            )

    def _other_worlds(self, case: Run) -> Iterator[str]:
        there, here = self.header["world"], _identity(case)
        remedy = "use the tables that it was made with (MONAZITE_WORLD)"
        if there["base_year"] != here["base_year"]:
            own, given = there["base_year"], here["base_year"]
            yield f"its base year is {own}, that of {case.scenario.name} is {given}"
        elif there["digest"] != here["digest"]:
            minerals, other = self.header["minerals"], list(case.scenario.minerals)
            sizes = [f"{there[name]} {name}, not {here[name]}" for name in SIZES if there[name] != here[name]]
            if minerals != other:
                own, given = (", ".join(named) if named else "all" for named in (minerals, other))
                yield f"its world has the minerals {own}, that of {case.scenario.name} has {given}"
            elif sizes:
                yield f"its world has {', '.join(sizes)}; {remedy}"
            else:
                yield f"its world has other numbers or names; {remedy}"
        if there["behaviour"] != here["behaviour"]:
            yield f"its members draw from another table of behaviour; {remedy}"

    def _other_calendar(self, case: Run) -> Iterator[str]:
        own, name = self.header, case.scenario.name
        differ = False
        for field in ("step", "start"):
            mine = str(getattr(case.scenario, field))
            if own[field] != mine:
                differ = True
                yield f"its run has time.{field} {own[field]}, {name} has {mine}"
        if differ:
            return
        if own["time"] >= case.steps:
            late = f"it stands at {own['date']}, and {name} ends on {case.scenario.end}"
            yield f"{late}; give the scenario a later time.end"
        elif str(case.dates[own["time"]]) != own["date"]:
            yield f"it stands at {own['date']} after {own['time']} steps, which are not as long as those here"

    def write(self, path: Path) -> None:
        """Write it to a file, whole or not at all; a file that is there is replaced.

        Raises:
            MonaziteError: the file cannot be written, or is a link or no file.
        """
        self.verify()
        write_file(Path(path), self.header, self.arrays)

    @staticmethod
    def read(path: Path) -> Checkpoint:
        """Read a file. It may come from anybody: nothing in it is run, and nothing is written.

        Raises:
            MonaziteError: there is no such file, or it is no checkpoint of this version.
        """
        found = Checkpoint(*read_file(Path(path)))
        try:
            found.verify()
        except MonaziteError as error:
            raise MonaziteError(f"{shown(Path(path))}: {error}") from None
        return found


def _kept(array: Array) -> Array:
    """A copy that nobody writes into, of one of the kinds that a file may hold."""
    kind = "f8" if array.dtype.kind == "f" else "i8" if array.dtype.kind in "iu" else "?"
    copy: Array = np.array(array, dtype=kind, order="C")
    copy.flags.writeable = False
    return copy


def _identity(case: Run) -> dict[str, Any]:
    world = case.world
    return {
        "base_year": world.base_year, "goods": len(world.goods), "countries": len(world.countries),
        "facilities": len(world.facilities), "offers": len(world.offer_good), "needs": len(world.need_good),
        "digest": world_digest(world, case.scenario.blocs), "behaviour": behaviour_digest(case.table),
    }  # fmt: skip


def _is_count(value: Any) -> bool:
    """A whole number of at least 0, and no truth value."""
    return type(value) is int and value >= 0 and value.bit_length() <= LONGEST_NUMBER


def _are_counts(values: Any) -> bool:
    return isinstance(values, list) and all(_is_count(value) for value in values)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and len(value) <= LONGEST_NAME and value.isprintable()


def _is_date(value: Any) -> bool:
    try:
        return isinstance(value, str) and str(dt.date.fromisoformat(value)) == value
    except ValueError:
        return False


def _is_world(value: Any) -> bool:
    if not isinstance(value, dict) or set(value) != {"base_year", *SIZES, "digest", "behaviour"}:
        return False
    counts = all(_is_count(value[name]) for name in ("base_year", *SIZES))
    return counts and _is_name(value["digest"]) and _is_name(value["behaviour"])


def _are_keys(value: Any) -> bool:
    """Rows of licences and quotas, and identities of caps; those who need them look at what they say."""
    if not isinstance(value, dict) or set(value) != {"gates", "caps"}:
        return False
    return all(isinstance(rows, list) for rows in value.values()) and all(
        isinstance(row, dict) for row in value["gates"]
    )


def _are_arrays(value: Any) -> bool:
    return isinstance(value, dict) and all(
        _is_name(name) and isinstance(row, list) and len(row) == 2 and row[0] in KINDS.values()
        and _are_counts(row[1])
        for name, row in value.items()
    )  # fmt: skip


FIELDS = {
    "format": lambda value: type(value) is int and value == FORMAT, "version": _is_name,
    "scenario": _is_name, "step": lambda value: value in ("month", "week"), "start": _is_date,
    "date": _is_date, "time": _is_count, "members": lambda value: _are_counts(value) and bool(value),
    "seed": lambda value: _is_count(value) or _are_counts(value),
    "lags": lambda value: _is_count(value) and 0 < value <= MOST_LAGS,
    "minerals": lambda value: isinstance(value, list) and all(_is_name(name) for name in value),
    "world": _is_world, "keys": _are_keys,
    "values": lambda value: isinstance(value, list) and all(_is_name(path) for path in value),
    "arrays": _are_arrays,
}  # fmt: skip
"""Field of a header -> whether it may be so."""


def _header_problems(header: Mapping[str, Any]) -> Iterator[str]:
    for name in sorted(FIELDS.keys() - header.keys()):
        yield f"its header lacks '{name}'"
    for name in sorted(map(str, header.keys() - FIELDS.keys())):
        yield f"its header has {name[:SHOWN]!r}, which no checkpoint has"
    for name, fits in FIELDS.items():
        if name in header and not fits(header[name]):
            yield f"'{name}' in its header is not what it should be: {_said(header[name])}"


def _said(value: Any) -> str:
    """A word or a number as it stands; of anything larger only what it is."""
    if isinstance(value, str):
        return repr(value[:SHOWN])
    if isinstance(value, int) and value.bit_length() <= LONGEST_NUMBER:
        return repr(value)
    return f"a {type(value).__name__}"


def _array_problems(header: Mapping[str, Any], arrays: Mapping[str, Array]) -> Iterator[str]:
    for name, (kind, shape) in header["arrays"].items():
        array = arrays.get(name)
        if array is None:
            yield f"array '{name}' is missing"
        elif KINDS.get(array.dtype.kind) != kind or list(array.shape) != shape:
            found, wanted = f"{array.dtype} {array.shape}", f"{kind} {tuple(shape)}"
            yield f"array '{name}' is {found}; its header says {wanted}"
        elif kind == KINDS["f"] and not np.isfinite(array).all():
            yield f"array '{name}' holds a number that is not finite"
    for name in sorted(map(str, arrays.keys() - header["arrays"].keys())):
        yield f"array {name[:SHOWN]!r} is not in its header"
    members, told = len(header["members"]), header["arrays"]
    seeds = header["seed"]
    if isinstance(seeds, list) and len(seeds) != members:
        yield f"it has {len(seeds)} seeds for {members} members"
    for path in header["values"]:
        if told.get(f"values/{path}") != [KINDS["f"], [members]]:
            yield f"array 'values/{path}' has not one number for each of {members} members"
    if told.get("state/transit", [0, []])[1][:2] != [header["lags"] - 1, members]:
        yield f"array 'state/transit' is not for {members} members and {header['lags']} lags"
