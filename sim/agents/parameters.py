"""Behavioural parameters: one table, one draw per member.

``data/world/behaviour.csv`` gives for each parameter a value and a range. Member 0 uses the
values. Every other member takes the parameters that past episodes were asked about
(``data/world/posterior.csv``, where there is one) from one row of that sample, so that values stand together
that were found together, and draws every other parameter from a triangular distribution over its range with
the value as mode, except those that are held: of these every member uses the value, until a scenario or a
design varies them. A draw depends on (seed, member) alone, so a member is the same alone or
among a thousand, and the same in every scenario; column ``draw`` says which of a member's random numbers is
a parameter's own, so that a new parameter moves no other.
"""

from __future__ import annotations

import bisect
import difflib
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import numpy as np

from sim.distributions import Distribution
from sim.errors import MonaziteError
from sim.paths import world_directory
from sim.tables import Row, Table, read_table
from sim.units import Amount
from sim.world.labels import POSITIVE
from sim.world.sourcing import BaseYearRules
from sim.world.world import BoolArray, FloatArray, World

__all__ = [
    "Behaviour", "BehaviourTable", "Draws", "Joint", "Range", "base_year_rules", "draw_behaviour",
    "member_generator", "member_seeds", "member_uniforms", "read_behaviour", "read_priors",
]  # fmt: skip

PARAMETER_STREAM, NOISE_STREAM, FIRST_PATH_STREAM = 0, 1, 16
FIRST_MARKET_STREAM = 1 << 33
"""Beyond those of paths, which are 32 bits wide."""
SHARED = ("prior_weight", "prior_distance", "input_cost_ceiling", "storage_elasticity", "least_order_share")
"""No range: of the first three, base-year flows, and with them activities, lags and every mix, would differ
by member; the others are of the market itself, which all members share."""
PER_GOOD = ("sourcing_elasticity", "sourcing_elasticity_long", "supply_elasticity", "thrift_elasticity",
            "market_noise", "fringe_firms")  # fmt: skip


@dataclass(frozen=True)
class Range:
    """Central value and range of one parameter for one scope (``all`` or a mineral)."""

    value: float
    low: float
    high: float
    held: bool = False
    """The range says what is plausible, and every member uses the value all the same."""

    @property
    def central(self) -> float:
        """What the central run uses."""
        return self.value

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that a member may draw."""
        return (self.value, self.value) if self.held else (self.low, self.high)

    def quantile(self, uniform: float) -> float:
        """The value below which a share ``uniform`` of a triangular distribution lies."""
        if self.held or self.high <= self.low:
            return self.value
        return Distribution("triangular", (self.low, self.value, self.high)).quantile(uniform)


POSTERIOR_STREAM = 2
"""Of the row that a member takes, beside the streams above."""


@dataclass(frozen=True)
class Joint:
    """A parameter that is drawn together with others, a row of a weighted sample for each member."""

    value: float
    column: tuple[float, ...]
    """Its value in each row."""
    reached: tuple[float, ...]
    """Sum of the weights up to and with each row, over their total; the same for all columns."""

    @property
    def central(self) -> float:
        """What the central run uses."""
        return self.value

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that a member may draw."""
        return min(self.column), max(self.column)

    def quantile(self, uniform: float) -> float:
        """The value of the row in which a number between 0 and 1 falls, rows as wide as their weights."""
        return self.column[bisect.bisect_right(self.reached, uniform)]


Span = Range | Joint | Distribution
Key = tuple[str, str]
"""Parameter and scope."""


@dataclass(frozen=True, eq=False)
class BehaviourTable(Mapping[Key, Span]):
    """What each parameter may be, by parameter and scope."""

    spans: Mapping[Key, Span]
    places: Mapping[str, int]
    """Parameter -> which of a member's random numbers is its own."""

    def __getitem__(self, key: Key) -> Span:
        return self.spans[key]

    def __iter__(self) -> Iterator[Key]:
        return iter(self.spans)

    def __len__(self) -> int:
        return len(self.spans)


@dataclass(frozen=True)
class Behaviour:
    """Drawn parameters. Scalars are (M, 1); ``supply_elasticity`` and the like are (M, G)."""

    values: Mapping[str, FloatArray]
    drawn: frozenset[str] = frozenset()
    """Parameters that are drawn or set by a design, whether or not these members happen to agree."""

    def __getitem__(self, name: str) -> FloatArray:
        return self.values[name]

    def shared(self, name: str) -> float:
        """A parameter that is one number for all members."""
        return float(self.values[name][0, 0])

    def shared_or_each(self, name: str) -> Amount:
        """A parameter as all share it, one number or (G,); where it is drawn, (M, 1) or (M, G)."""
        if name in self.drawn:
            return self.values[name]
        return self.values[name][0] if name in PER_GOOD else self.shared(name)


def member_seeds(seed: int | Sequence[int], members: Sequence[int]) -> list[int]:
    """(M,) seeds: one for all members, or one for each.

    Raises:
        ValueError: the numbers of seeds and members differ.
    """
    seeds = [seed] * len(members) if isinstance(seed, int) else [int(one) for one in seed]
    if len(seeds) != len(members):
        raise ValueError(f"{len(seeds)} seeds for {len(members)} members")
    return seeds


def member_generator(seed: int, member: int, stream: int) -> np.random.Generator:
    """The random stream of one member, independent of how members are batched."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(member, stream)))


def member_uniforms(members: Sequence[int], seeds: Sequence[int], path: str, count: int) -> FloatArray:
    """(M, count) numbers between 0 and 1 that belong to a path."""
    stream = FIRST_PATH_STREAM + zlib.crc32(path.encode())
    pairs = zip(seeds, members, strict=True)
    return np.stack([member_generator(seed, member, stream).random(count) for seed, member in pairs])


class Draws:
    """Values of some members, drawn or set by a design, recorded under the path of each.

    Attributes:
        members: (M,) numbers of the members; number 0 is the central run.
        seeds: (M,) seed of each.
        given: path -> (M,) values that a design sets, in the unit used inside the model.
        values: path -> (M,) what was drawn or set.
    """

    def __init__(
        self,
        members: Sequence[int],
        seed: int | Sequence[int],
        given: Mapping[str, FloatArray] | None = None,
    ) -> None:
        self.members, self.seeds = members, member_seeds(seed, members)
        self.given: dict[str, FloatArray] = dict(given or {})
        self.values: dict[str, FloatArray] = {}

    def uniform(self, path: str) -> FloatArray:
        """(M,) numbers between 0 and 1 that belong to a path."""
        stream = FIRST_PATH_STREAM + zlib.crc32(path.encode())
        pairs = zip(self.seeds, self.members, strict=True)
        return np.array([member_generator(seed, member, stream).random() for seed, member in pairs])

    def of(self, path: str, distribution: Distribution | None) -> FloatArray | None:
        """(M,) values at a path; None where it is neither uncertain nor set."""
        if path in self.given:
            self.values[path] = np.asarray(self.given[path], dtype=np.float64)
        elif distribution is not None:
            pairs = zip(self.members, self.uniform(path), strict=True)
            self.values[path] = np.array(
                [distribution.quantile(float(u)) if member else distribution.central for member, u in pairs]
            )
        return self.values.get(path)

    def happens(self, path: str, probability: Amount) -> BoolArray:
        """(M,) whether something of a given probability happens; in the central run, if it is likely."""
        uniform = self.uniform(path)
        uniform[np.array(self.members) == 0] = 0.5
        happens: BoolArray = uniform < probability
        self.values[path] = happens.astype(np.float64)
        return happens


def read_behaviour(path: Path | None = None) -> BehaviourTable:
    """The table, with the sample ``posterior.csv`` beside it where there is one.

    Raises:
        MonaziteError: cells of the table are wrong, or two parameters have the same place among a member's
            random numbers; the sample names no parameter of the table, or holds no number or no weight.
    """
    source = path if path is not None else world_directory() / "behaviour.csv"
    columns = ("parameter", "scope", "value", "low", "high", "held", "draw", "unit", "source", "confidence")
    table = read_table(source, columns)
    spans: dict[Key, Span] = {(row.text("parameter"), row.text("scope")): _range(row) for row in table}
    places = _places(table)
    table.problems.check()
    sample = source.with_name("posterior.csv")
    if sample.is_file():
        names, reached = _read_sample(sample)
        for name, column in names.items():
            if (name, "all") not in spans:
                raise MonaziteError(
                    f"{sample}: column '{name}' is no parameter of {source.name}; rebuild with 'make data'"
                )
            spans[name, "all"] = Joint(spans[name, "all"].central, column, reached)
    return BehaviourTable(spans, places)


def _range(row: Row) -> Range:
    value, low, high = (row.number(column) for column in ("value", "low", "high"))
    if low > value or value > high:
        row.refuse("value", f"{value:g} is not between low {low:g} and high {high:g}", "widen the range")
    for column in ("unit", "source", "confidence"):
        if not row.text(column):
            row.refuse(column, "is empty; no number without one", f"write the {column}")
    return Range(value, low, high, row.word("held", ("yes", "no"), "answer") == "yes")


def _places(table: Table) -> dict[str, int]:
    """Which of a member's random numbers each parameter takes: stated once for all, used by no other."""
    places: dict[str, int] = {}
    taken: dict[int, str] = {}
    scopes: set[Key] = set()
    for row in table:
        name, scope, place = row.text("parameter"), row.text("scope"), row.integer("draw")
        if (name, scope) in scopes:
            row.refuse("parameter", f"'{name}' stands twice for scope '{scope}'", "remove one row")
        scopes.add((name, scope))
        if places.setdefault(name, place) != place:
            message = f"'{name}' has place {places[name]} in another row, here {place}"
            row.refuse("draw", message, "a parameter has one place, whatever the scope")
        elif taken.setdefault(place, name) != name:
            message = f"place {place} belongs to '{taken[place]}'"
            free = max(row.integer("draw") for row in table) + 1
            row.refuse("draw", message, f"take a place that nobody has had, such as {free}")
    return places


@lru_cache(maxsize=8)
def _parsed(path: Path, stamp: tuple[int, int]) -> tuple[dict[str, tuple[float, ...]], tuple[float, ...]]:
    table = read_table(path, ("weight",))
    columns = {
        name: [row.number(name, 0.0 if name == "weight" else -np.inf) for row in table]
        for name in table.position
    }
    table.problems.check()
    weights = np.array(columns.pop("weight"))
    if not weights.sum() > 0:
        raise MonaziteError(f"{path}: needs a row with a weight above 0; rebuild with 'make data'")
    reached = np.cumsum(weights) / weights.sum()
    # Rounding must leave no number below 1 behind the last row that has a weight.
    reached[reached >= reached[-1]] = 1.0
    return {name: tuple(column) for name, column in columns.items()}, tuple(reached.tolist())


def _read_sample(path: Path) -> tuple[dict[str, tuple[float, ...]], tuple[float, ...]]:
    """Columns of a weighted sample by parameter, and the sums of weights up to each row (:class:`Joint`)."""
    state = path.stat()
    return _parsed(path, (state.st_size, state.st_mtime_ns))


def read_priors(path: Path | None = None) -> dict[str, tuple[float, float]]:
    """Parameters that past episodes are asked about, with the ranges in which they are searched.

    These are the ranges before anything is compared with the past; ``low`` and ``high`` of the table are
    those after it.

    Raises:
        MonaziteError: a range has one end, none between its ends, or belongs to one mineral alone.
    """
    source = path if path is not None else world_directory() / "behaviour.csv"
    table = read_table(source, ("parameter", "scope", "prior_low", "prior_high"))
    found = {}
    for row in table:
        low, high = row.text("prior_low"), row.text("prior_high")
        if not low and not high:
            continue
        name, scope = row.text("parameter"), row.text("scope")
        bounds = row.number("prior_low"), row.number("prior_high")
        if bounds[0] >= bounds[1]:
            row.refuse("prior_low", f"{low} is not below prior_high, {high}", "write the lower one first")
        if scope != "all":
            remedy = f"leave prior_low and prior_high of scope '{scope}' empty"
            row.refuse("scope", "a parameter is searched for all minerals together", remedy)
        found[name] = bounds
    table.problems.check()
    return found


def with_assumptions(
    table: BehaviourTable, assumptions: Mapping[str, float | Distribution]
) -> BehaviourTable:
    """Replace values by a scenario's assumptions, ``parameter`` or ``parameter.mineral``.

    An assumption fixes the parameter: its range shrinks to the value; or it gives a distribution. Either
    takes the place of the parameter's column in the sample; the other columns stay joined.

    Raises:
        MonaziteError: the parameter does not exist, or is not given by mineral.
    """
    result = dict(table)
    known = {name for name, _ in table}
    for key, value in assumptions.items():
        name, _, scope = key.partition(".")
        if name not in known:
            near = difflib.get_close_matches(name, sorted(known), n=1)
            hint = f"; did you mean '{near[0]}'?" if near else f"; known are {', '.join(sorted(known))}"
            raise MonaziteError(f"assumptions.{key}: unknown parameter '{name}'{hint}")
        if scope and name not in PER_GOOD:
            per_good = ", ".join(PER_GOOD)
            raise MonaziteError(
                f"assumptions.{key}: '{name}' is one number for all minerals; write 'assumptions.{name}'. "
                f"By mineral there are: {per_good}"
            )
        fixed = value if isinstance(value, Distribution) else Range(float(value), float(value), float(value))
        result[name, scope or "all"] = fixed
    return BehaviourTable(result, table.places)


def draw_behaviour(world: World, table: BehaviourTable, draws: Draws) -> Behaviour:
    """Draw every parameter for the members of ``draws``, or take what a design sets.

    Raises:
        MonaziteError: a parameter that all members share has a range, one that must be above 0 is not, or one
            is below 0.
    """
    for (name, scope), span in table.items():
        low, high = span.bounds
        if name in SHARED and (low < high or _path(name, scope) in draws.given):
            raise MonaziteError(
                f"{_path(name, scope)}: all members share this parameter, since the base-year flows or the "
                f"market follow from it, so it cannot have a range; give one value, or one for each scenario"
            )
    table = _with_given(table, draws.given)
    names = sorted({name for name, _ in table})
    ranked: list[Key] = sorted(table)
    count = max(table.places.values()) + 1
    drawn = {key: np.empty(len(draws.members)) for key in ranked}
    for row, (seed, member) in enumerate(zip(draws.seeds, draws.members, strict=True)):
        uniform = member_generator(seed, member, PARAMETER_STREAM).random(count)
        together = member_generator(seed, member, POSTERIOR_STREAM).random()
        for key in ranked:
            span = table[key]
            rank = together if isinstance(span, Joint) else float(uniform[table.places[key[0]]])
            drawn[key][row] = span.central if member == 0 else span.quantile(rank)
    for key in ranked:
        path = _path(*key)
        given = draws.given.get(path)
        drawn[key] = drawn[key] if given is None else np.asarray(given, dtype=np.float64)
        low, high = table[key].bounds
        if low < high or given is not None:
            draws.values[path] = drawn[key]
    _check_signs({key: float(drawn[key].min()) for key in ranked})
    values: dict[str, FloatArray] = {}
    for name in names:
        central = drawn[name, "all"][:, None]
        if name in PER_GOOD:
            columns = [drawn.get((name, good.mineral), central[:, 0]) for good in world.goods]
            values[name] = np.stack(columns, axis=1)
        else:
            values[name] = central
    return Behaviour(values, frozenset(name for name, scope in ranked if _path(name, scope) in draws.values))


def _check_signs(lowest: Mapping[Key, float]) -> None:
    """No parameter means anything below 0, and those of POSITIVE nothing at 0."""
    said = []
    for (name, scope), value in lowest.items():
        if name in POSITIVE and not value > 0:
            said.append(f"{_path(name, scope)}: {value:g} is not above 0; give values above 0")
        elif not value >= 0:
            said.append(f"{_path(name, scope)}: {value:g} is below 0; give values of 0 or more")
    if said:
        raise MonaziteError("\n".join(said))


def base_year_rules(behaviour: Behaviour) -> BaseYearRules:
    """What all members share when the base year is inverted."""
    return BaseYearRules(
        prior_weight=behaviour.shared("prior_weight"),
        prior_distance_km=behaviour.shared("prior_distance"),
        input_cost_ceiling=behaviour.shared("input_cost_ceiling"),
    )


def _with_given(table: BehaviourTable, given: Mapping[str, FloatArray]) -> BehaviourTable:
    """The table with a row for each mineral that a design alone names."""
    every = {_path(name, "all"): name for name, scope in table if scope == "all" and name in PER_GOOD}
    result = dict(table)
    for path in given:
        parameter, _, scope = path.rpartition(".")
        if parameter in every:
            result.setdefault((every[parameter], scope), table[every[parameter], "all"])
    return BehaviourTable(result, table.places)


def _path(name: str, scope: str) -> str:
    return f"assumptions.{name}" + ("" if scope == "all" else f".{scope}")
