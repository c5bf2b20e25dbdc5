"""From scenarios and a design to the runs of a sweep: which member of which scenario has which values.

Everything that decides results is in the plan, and its hash is the sweep's id. Runs are cut into blocks of
members, the unit of the store; a block's key says what it holds, in whichever sweep it lies.
"""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, lru_cache
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.agents.parameters import SHARED
from sim.distributions import UncertainQuantity
from sim.errors import MonaziteError, plural
from sim.results.manifest import sha256, world_files
from sim.results.resolved import plain
from sim.scenario.node import Override
from sim.scenario.resolve import load_scenario
from sim.scenario.sweep_spec import Axis, Design, quantities
from sim.sweep.design import axis_values, count_points, unit_points
from sim.sweep.naming import folder_part, in_words
from sim.sweep.request import BLOCK, Request, check_runs

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["Block", "Plan", "Source", "Variant", "code_digest", "make_plan", "plan_of", "scenario_digest"]

Array = npt.NDArray[Any]

FORMAT = 1
DEFAULT_SEED = 1
DECISIVE = (
    "agents", "engine", "instruments", "market", "world/*.py", "controls.py", "distributions.py", "units.py",
    "accounts.py", "arrays.py", "tables.py", "variables.py", "results/variables.csv",
    "results/grouping.py", "analysis/metrics.py", "sweep/kept.py", "sweep/encode.py", "sweep/work.py",
)  # fmt: skip
"""Parts of the program whose change may change results; also those of another version's number."""


@dataclass(frozen=True)
class Source:
    """How to load a variant's scenario again."""

    name: str
    overrides: tuple[str, ...] = ()
    """As the user wrote them."""
    levels: tuple[tuple[str, Any], ...] = ()
    """Path and value of each structural axis."""

    def load(self) -> Scenario:
        """The scenario without its sweep."""
        own = [
            Override(tuple(path.split(".")), value, f"{path}={value}", number)
            for number, (path, value) in enumerate(self.levels, start=1)
        ]
        return replace(load_scenario(self.name, overrides=(*self.overrides, *own)), sweep=None)


@dataclass(frozen=True)
class Variant:
    """One resolved scenario and its members."""

    name: str
    source: Source
    scenario: Scenario
    digest: str
    runs: Array
    """(R,) numbers of its runs in the sweep."""
    sample: Array
    replicate: Array
    number: Array
    seed: Array
    values: Mapping[str, Array]
    """Path -> (R,) values, in the unit used inside the model."""
    levels: Mapping[str, str] = field(default_factory=dict)
    label: str = ""
    """What sets it apart from the scenario's other variants, in words; '' where there is no other."""
    stands_for: Array = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    """(samples,) for each point of the design the sample whose run is the same, because the scenario does
    not have what else varies; -1 where another variant has it. Empty where each point has its own run."""

    @property
    def samples(self) -> Array:
        """(n,) points of the design that its runs are results of."""
        return np.flatnonzero(self.stands_for >= 0) if len(self.stands_for) else np.unique(self.sample)

    def rows(self, block: int, size: int) -> slice:
        """Its members in a block."""
        return slice(block * size, min((block + 1) * size, len(self.runs)))


@dataclass(frozen=True)
class Block:
    """Some members of a variant that are stored together."""

    variant: str
    index: int
    key: str
    """Hash of all that decides its bytes."""
    members: int

    @property
    def name(self) -> str:
        """``variant/index``."""
        return f"{self.variant}/{self.index}"


@dataclass(frozen=True)
class Plan:
    """A sweep before it runs."""

    title: str
    """What the folder is called before the id."""
    variants: tuple[Variant, ...]
    axes: tuple[Axis, ...]
    design: Design
    unit: Array
    """(samples, axes) the design's points."""
    seed: int
    block: int = BLOCK
    full: bool = False
    every_flow: bool = False
    request: Mapping[str, Any] = field(default_factory=dict)
    """What was asked for, to make the same plan again."""

    @property
    def total(self) -> int:
        """How many runs."""
        return sum(len(variant.runs) for variant in self.variants)

    @property
    def method(self) -> str:
        """The design's name."""
        return str(self.design.method) if self.axes else "replicates"

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """All blocks, in order."""
        return tuple(
            Block(v.name, i, self._key(v, v.rows(i, self.block)), len(v.runs[v.rows(i, self.block)]))
            for v in self.variants
            for i in range(-(-len(v.runs) // self.block))
        )

    def _key(self, variant: Variant, rows: slice) -> str:
        settings = f"{FORMAT} {variant.digest} {self.block} {self.full} {self.every_flow}"
        content = hashlib.sha256(settings.encode())
        for part in (variant.number[rows], variant.seed[rows]):
            content.update(np.asarray(part, dtype="<i8").tobytes())
        for path, values in sorted(variant.values.items()):
            content.update(path.encode() + np.asarray(values[rows], dtype="<f8").tobytes())
        return content.hexdigest()[:32]

    @cached_property
    def id(self) -> str:
        """Eight hexadecimal digits of all that decides the sweep's bytes."""
        content = json.dumps([[b.name, b.key] for b in self.blocks] + [self.method, self.title])
        return hashlib.sha256((content + repr(self.unit.tobytes())).encode()).hexdigest()[:8]

    @property
    def folder(self) -> str:
        """Name of the sweep's folder."""
        return f"{self.title}-{self.id}"

    def variant(self, name: str) -> Variant:
        """The variant of this name.

        Raises:
            KeyError: there is none.
        """
        return {variant.name: variant for variant in self.variants}[name]

    def find(self, run: int) -> tuple[Variant, int]:
        """The variant of a run, and its row there.

        Raises:
            MonaziteError: there is no such run.
        """
        for variant in self.variants:
            row = np.flatnonzero(variant.runs == run)
            if len(row):
                return variant, int(row[0])
        raise MonaziteError(f"there is no run {run}; the sweep has runs 0 to {self.total - 1}")


@lru_cache(maxsize=1)
def code_digest() -> str:
    """Hash of the program's parts that decide results."""
    top = Path(__file__).resolve().parents[1]
    files: set[Path] = set()
    for part in DECISIVE:
        where = top / part
        if where.is_dir():
            files |= set(where.rglob("*.py"))
        else:
            files |= set(top.glob(part))
    content = hashlib.sha256()
    for path in sorted(files):
        content.update(path.relative_to(top).as_posix().encode() + path.read_bytes())
    return content.hexdigest()


def scenario_digest(scenario: Scenario, besides: Collection[str] = ()) -> str:
    """Hash of all that decides a member but its number, seed and values.

    Texts that only readers see (sources, notes of what was observed) do not count.

    Args:
        scenario: resolved.
        besides: names of files of the world that do not count.
    """
    scenario = replace(scenario, sources={}, observed={}, origin={}, warnings=(), sweep=None)
    files = [path for path in world_files(scenario.base_year, scenario.tables) if path.name not in besides]
    return _digest(scenario, _world_digest(_stamp(files)), code_digest())


def _stamp(files: Sequence[Path]) -> tuple[tuple[str, int, int], ...]:
    """Names, sizes and times of files: changes with them, and costs no reading."""
    return tuple((str(p), p.stat().st_size, p.stat().st_mtime_ns) for p in files)


def _digest(scenario: Scenario, world: str, code: str) -> str:
    uncertain = {
        path: repr(quantity.distribution)
        for event in scenario.events
        for path, quantity in quantities(event).items()
        if isinstance(quantity, UncertainQuantity)
    }
    assumed = {key: repr(value) for key, value in scenario.assumptions.items()}
    content = {
        "scenario": plain(replace(scenario, assumptions={})), "uncertain": uncertain, "assumed": assumed,
        "world": world, "code": code, "version": metadata.version("monazite"),
    }  # fmt: skip
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()


@lru_cache(maxsize=8)
def _world_digest(stamp: tuple[tuple[str, int, int], ...]) -> str:
    return hashlib.sha256("".join(sha256(Path(name)) for name, _, _ in stamp).encode()).hexdigest()


def make_plan(request: Request) -> Plan:
    """Lay out a sweep.

    Raises:
        MonaziteError: bad input, all problems of a scenario at once.
    """
    loaded = _load(request)
    axes, design = _axes(loaded), _design(loaded, request)
    seed = request.seed
    if seed is None:
        seed = next((s.seed for s in loaded if s.seed is not None), DEFAULT_SEED)
    _check_effect(axes, design, request)
    design = _sized(design, axes, request.members)
    cases = request.cases
    each = len(cases) if cases is not None else design.seeds
    points = count_points(axes, design)
    said = [plural(len(loaded), "scenario"), plural(points, "sample"), plural(each, "seed")]
    check_runs(len(loaded) * points * each, " x ".join(said))
    unit = unit_points(axes, design, seed)
    replicates = list(cases) if cases is not None else [(number, seed) for number in range(design.seeds)]
    keeping = request.keeping
    return Plan(
        title=loaded[0].name if len(loaded) == 1 else f"{loaded[0].name}-and-{len(loaded) - 1}-more",
        variants=_variants(loaded, request, _Layout(axes, unit, replicates)),
        axes=axes,
        design=design,
        unit=unit,
        seed=seed,
        block=keeping.block,
        full=keeping.full,
        every_flow=keeping.every_flow,
        request=request.stored(),
    )


def _check_effect(axes: Sequence[Axis], design: Design, request: Request) -> None:
    """Refuse settings of a design that would change nothing."""
    given = {name: f"--{name.replace('_', '-')}" for name in request.sampling.given if name != "seeds"}
    if given and not axes:
        remedy = "write what varies under 'sweep' in the scenario, or for example "
        remedy += "'assumptions.thrift_speed=interval(0.25,0.45)' on the command line"
        options = " and ".join(given.values())
        raise MonaziteError(f"nothing varies, so {options} would have no effect; {remedy}")
    for name, method in (("second_order", "saltelli"), ("levels", "morris")):
        if name in given and design.method != method:
            raise MonaziteError(f"{given[name]} has no effect on {design.method}, only on {method}")
    alone = not axes and request.members is not None and request.cases is None
    if alone and request.sampling.seeds not in (None, request.members):
        raise MonaziteError("--seeds has no effect beside --members where nothing varies; give one")


def plan_of(content: Mapping[str, Any]) -> Plan:
    """The plan of a request that a plan has kept."""
    return make_plan(Request.from_stored(content))


def _axes(loaded: Sequence[Scenario]) -> tuple[Axis, ...]:
    """What varies, each path once."""
    every = [axis for s in loaded if s.sweep is not None for axis in s.sweep.axes]
    axes = {axis.path: axis for axis in every}
    for axis in every:
        if axis != axes[axis.path]:
            text = f"{axis.path} varies in one scenario otherwise than in another; sweep them apart"
            raise MonaziteError(text)
    return tuple(_shared_apart(axis) for axis in axes.values())


def _design(loaded: Sequence[Scenario], request: Request) -> Design:
    """The design that the scenarios agree on; of those in which something varies, where there are such."""
    specs = [s.sweep for s in loaded if s.sweep is not None]
    designs = {spec.design for spec in specs if spec.axes} or {spec.design for spec in specs}
    if len(designs) > 1:
        raise MonaziteError("the scenarios' designs differ; give one by --method, --samples and --seeds")
    return next(iter(designs), Design(seeds=request.sampling.seeds or 1))


def _load(request: Request) -> list[Scenario]:
    """The scenarios with what varies and the design worked in."""
    names = request.names
    plainly = [load_scenario(name, overrides=request.overrides_of(name)) for name in names]
    twice = sorted({s.name for s in plainly if [p.name for p in plainly].count(s.name) > 1})
    if twice:
        raise MonaziteError(f"scenario given twice: {', '.join(twice)}")
    known = {event.id for scenario in plainly for event in scenario.events}
    loaded = []
    for name, scenario in zip(names, plainly, strict=True):
        own = {event.id for event in scenario.events}
        mine = {
            path: values for path, values in request.vary.items()
            if not path.startswith("events.") or path.split(".")[1] in own or path.split(".")[1] not in known
        }  # fmt: skip
        changes: list[Override] = [
            Override(("sweep", "vary", path), value, f"{path}={value}", number)
            for number, (path, value) in enumerate(mine.items(), start=1)
        ]
        if mine or (scenario.sweep is not None and scenario.sweep.axes):
            given = _given_design(scenario, request)
            changes += [
                Override(("sweep", "design", key), value, f"sweep.design.{key}={value}", len(changes) + i)
                for i, (key, value) in enumerate(given.items(), start=1)
            ]
        if changes:
            scenario = load_scenario(name, overrides=(*request.overrides_of(name), *changes))
        loaded.append(scenario)
    return loaded


def _given_design(scenario: Scenario, request: Request) -> dict[str, Any]:
    """Settings of the design that the request gives; samples follow from members where they can."""
    given, members = request.sampling.given, request.members
    if members is None or "samples" in given:
        return given
    first = scenario.sweep.design if scenario.sweep is not None else None
    chosen = given.get("method") or (first.method if first is not None else None)
    if chosen in ("lhs", "sobol"):
        per_sample = given.get("seeds") or (first.seeds if first is not None else 1)
        if members % per_sample:
            many, each = plural(members, "member"), plural(per_sample, "seed")
            raise MonaziteError(f"{many} are not a multiple of {each}")
        given["samples"] = members // per_sample
    return given


def _shared_apart(axis: Axis) -> Axis:
    """A parameter that all members share makes a scenario of each of its values."""
    head, _, rest = axis.path.partition(".")
    if head != "assumptions" or rest.partition(".")[0] not in SHARED:
        return axis
    if axis.distribution is not None:
        raise MonaziteError(
            f"sweep.vary.{axis.path}: all members share this parameter, so it cannot have a distribution; "
            f"write a list of values"
        )
    return replace(axis, numbers=())


def _sized(design: Design, axes: Sequence[Axis], members: int | None) -> Design:
    """The design with as many replicates as the members asked for need."""
    if members is None:
        return design
    if not axes:
        return design.model_copy(update={"seeds": members})
    if design.method in ("lhs", "sobol"):
        return design
    points = count_points(axes, design)
    if members % points:
        raise MonaziteError(
            f"{plural(members, 'member')} cannot be shared out evenly over {plural(points, 'sample')}; "
            f"write a multiple of {points}"
        )
    return design.model_copy(update={"seeds": members // points})


@dataclass(frozen=True)
class _Layout:
    """What all scenarios of a sweep share."""

    axes: Sequence[Axis]
    unit: Array
    replicates: Sequence[tuple[int, int]]

    def columns(self, scenario: Scenario) -> list[int]:
        """Positions of the axes that reach a scenario.

        What is assumed holds for all scenarios of a sweep alike: else none would be paired with another.
        """
        own = {axis.path for axis in scenario.sweep.axes} if scenario.sweep is not None else set()
        return [i for i, a in enumerate(self.axes) if a.path in own or not a.path.startswith("events.")]

    def first_alike(self, columns: Sequence[int]) -> Array:
        """(samples,) the first point that is the same in some columns; each itself where all count."""
        if len(columns) == len(self.axes):
            return np.arange(len(self.unit))
        positions = [
            [axis.position(float(u)) if (axis := self.axes[i]).texts else float(u) for u in self.unit[:, i]]
            for i in columns
        ]
        known: dict[tuple[float, ...], int] = {}
        points = zip(*positions, strict=True) if positions else [()] * len(self.unit)
        return np.array([known.setdefault(point, i) for i, point in enumerate(points)], dtype=np.int64)


def _variants(loaded: Sequence[Scenario], request: Request, layout: _Layout) -> tuple[Variant, ...]:
    found: list[Variant] = []
    offset, axes, unit = 0, layout.axes, layout.unit
    for scenario, name in zip(loaded, request.names, strict=True):
        columns = layout.columns(scenario)
        split = [i for i in columns if axes[i].structural]
        first = layout.first_alike(columns)
        positions = [[axes[i].position(float(point[i])) for i in split] for point in unit]
        choice = np.array(positions).reshape(len(unit), -1)
        for levels in itertools.product(*(range(len(axes[i].texts)) for i in split)):
            mine = (choice == levels).all(axis=1)
            if not mine.any():
                continue
            chosen = list(zip([axes[i] for i in split], levels, strict=True))
            said = tuple((axis.path, axis.written[k]) for axis, k in chosen)
            source = Source(name, request.overrides_of(name), said)
            varied = [i for i in columns if not axes[i].structural]
            made = source.load() if said else replace(scenario, sweep=None)
            label = in_words(chosen)
            found.append(replace(
                _variant(made, source, layout, (first, mine, varied), offset),
                name=f"{made.name}_{folder_part(label)}" if label else made.name,
                levels={axis.path: axis.texts[k] for axis, k in chosen},
                label=label,
            ))  # fmt: skip
        offset += len(np.unique(first)) * len(layout.replicates)
    return tuple(found)


def _variant(
    scenario: Scenario, source: Source, layout: _Layout, points: tuple[Array, Array, list[int]], offset: int
) -> Variant:
    """Members of one resolved scenario: of its points of the design those that differ, by replicate.

    Args:
        points: the first point alike of each, which points are this variant's, which axes its members have.
        offset: number of the scenario's first run.
    """
    first, mine, varied = points
    kept, count = np.unique(first), len(layout.replicates)
    chosen = kept[mine[kept]]
    rows, replicate = np.repeat(chosen, count), np.tile(np.arange(count), len(chosen))
    return Variant(
        name=scenario.name,
        source=source,
        scenario=scenario,
        digest=scenario_digest(scenario),
        runs=offset + np.searchsorted(kept, rows) * count + replicate,
        sample=rows,
        replicate=replicate,
        number=np.tile([number for number, _ in layout.replicates], len(chosen)),
        seed=np.tile([seed for _, seed in layout.replicates], len(chosen)),
        values={
            layout.axes[i].path: axis_values(layout.axes[i], layout.unit[:, i])[rows] for i in varied
        },
        stands_for=np.where(mine, first, -1) if len(kept) < len(first) else np.zeros(0, dtype=np.int64),
    )
