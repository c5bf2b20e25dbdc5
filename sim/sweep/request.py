"""What is asked of a sweep: scenarios, what varies, how it is sampled, what the store keeps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from sim.errors import MonaziteError
from sim.scenario.find import is_path
from sim.scenario.sweep_spec import MOST_RUNS

__all__ = ["BLOCK", "LARGEST_BLOCK", "Keeping", "Request", "Sampling", "check_runs"]

BLOCK = 32
"""Members to a block: small enough to lose little, large enough to be quick."""
LARGEST_BLOCK = 4096
"""A worker holds a whole block in memory."""


def check_runs(count: int, what: str) -> None:
    """Refuse more runs than one sweep holds, before memory is taken for them.

    Args:
        count: how many are asked for. what: by what, as messages name it.

    Raises:
        MonaziteError: more than :data:`MOST_RUNS`.
    """
    if count > MOST_RUNS:
        raise MonaziteError(
            f"{what}: {count:,} runs are more than the {MOST_RUNS:,} of one sweep; "
            "make several sweeps, each with another --seed"
        )


@dataclass(frozen=True)
class Sampling:
    """A design, in place of the scenarios' own; what is None is left as they have it."""

    method: str | None = None
    """``grid``, ``zip``, ``lhs``, ``sobol``, ``saltelli`` or ``morris``."""
    samples: int | None = None
    """Points of the design."""
    seeds: int | None = None
    """Members of each point."""
    second_order: bool | None = None
    """Of Saltelli's design: pairs, too."""
    levels: int | None = None
    """Of Morris's design."""

    @property
    def given(self) -> dict[str, Any]:
        """What is not None, by name."""
        return {name: value for name, value in asdict(self).items() if value is not None}


@dataclass(frozen=True)
class Keeping:
    """What the store holds of each member, and in which portions."""

    block: int = BLOCK
    """Members to a block of the store."""
    full: bool = False
    """Every bit."""
    every_flow: bool = False
    """The flows of every step."""


@dataclass(frozen=True)
class Request:
    """What is asked of a sweep.

    Raises:
        MonaziteError: no scenario, or less than one member.
    """

    names: Sequence[str]
    """Scenarios, by name or file."""
    overrides: Sequence[str] | Mapping[str, Sequence[str]] = ()
    """``key=value`` for all of them, or by scenario name."""
    vary: Mapping[str, Any] = field(default_factory=dict)
    """Path -> list or distribution, in addition to the scenarios' own; an event's field goes to the
    scenarios that have the event."""
    sampling: Sampling = Sampling()
    members: int | None = None
    """Runs of each scenario in all: replicates, or samples times seeds."""
    seed: int | None = None
    """Root of the design's and the members' draws."""
    cases: Sequence[tuple[int, int]] | None = None
    """(number, seed) of replicates, in place of ``sampling.seeds``."""
    keeping: Keeping = Keeping()

    def __post_init__(self) -> None:
        if not self.names:
            raise MonaziteError("no scenario given; 'monazite list scenarios' shows what there is")
        if self.members is not None and self.members < 1:
            raise MonaziteError(f"members must be at least 1, not {self.members}")
        check_runs(self.members or 0, f"members={self.members}")
        check_runs(len(self.cases or ()), "seed")
        if not 1 <= self.keeping.block <= LARGEST_BLOCK:
            raise MonaziteError(f"block must be 1 to {LARGEST_BLOCK}, not {self.keeping.block}")

    def overrides_of(self, name: str) -> tuple[str, ...]:
        """Those of one scenario."""
        own = self.overrides
        return tuple(own.get(name, ()) if isinstance(own, Mapping) else own)

    def stored(self) -> dict[str, Any]:
        """As ``sweep.json`` has it: enough to ask for the same again, from any folder."""
        own, cases = self.overrides, self.cases
        return {
            # A file is found again from any folder.
            "names": [str(Path(name).resolve()) if is_path(name) else name for name in self.names],
            "vary": dict(self.vary), "members": self.members, "seed": self.seed,
            "cases": None if cases is None else [list(case) for case in cases],
            "overrides": dict(own) if isinstance(own, Mapping) else list(own),
            **asdict(self.keeping), **self.sampling.given,
        }  # fmt: skip

    @classmethod
    def from_stored(cls, content: Mapping[str, Any]) -> Request:
        """The request that :meth:`stored` wrote down."""
        cases = content.get("cases")

        def part(kind: type[Sampling] | type[Keeping]) -> dict[str, Any]:
            given = {item.name: content.get(item.name) for item in fields(kind)}
            return {name: value for name, value in given.items() if value is not None}

        return cls(
            names=content["names"],
            overrides=content["overrides"],
            vary=content["vary"],
            sampling=Sampling(**part(Sampling)),
            members=content["members"],
            seed=content["seed"],
            cases=None if cases is None else [(int(number), int(seed)) for number, seed in cases],
            keeping=Keeping(**part(Keeping)),
        )
