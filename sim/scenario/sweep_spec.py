"""The key ``sweep`` of a scenario: what varies, and by which design.

Whether a value may stand at a path is decided by the language itself: it is put there and the scenario is
checked, so a wrong value in ``sweep`` gets the message that it would get in its own place.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal, Protocol

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sim.distributions import FORMS, Distribution, UncertainQuantity, is_distribution
from sim.errors import Problem, did_you_mean
from sim.instruments import Instrument
from sim.instruments.dated import ALWAYS
from sim.instruments.words import Truth, WordError, whole_number
from sim.scenario.node import Node, plain, with_node
from sim.units import Quantity

if TYPE_CHECKING:
    from sim.scenario.report import Report

__all__ = ["METHODS", "MOST_RUNS", "Axis", "Design", "SweepSpec", "quantities", "read_sweep"]

METHODS = ("grid", "zip", "lhs", "sobol", "saltelli", "morris")
SAMPLED = ("lhs", "sobol", "saltelli", "morris")
POWERS_OF_TWO = ("sobol", "saltelli")
MOST_RUNS = 1_000_000
"""Runs of one sweep: its plan alone takes some 200 bytes of each."""


class Probed(Protocol):
    """What is read of a scenario that has been checked."""

    @property
    def assumptions(self) -> Mapping[str, float | Distribution]:
        """Parameter -> value."""

    @property
    def events(self) -> Sequence[Instrument]:
        """Its events."""


Probe = Callable[[Node], tuple[Probed | None, tuple[Problem, ...]]]
"""Checks the scenario of another root."""


def _count(value: object) -> object:
    number = whole_number(value)
    if not 1 <= number <= MOST_RUNS:
        raise WordError(f"'{number}' is not between 1 and {MOST_RUNS}")
    return number


Count = Annotated[int, BeforeValidator(_count)]


class Design(BaseModel):
    """How samples are chosen, and how many members (seeds) each gets."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)

    method: Literal["grid", "zip", "lhs", "sobol", "saltelli", "morris"] | None = None
    """Grid where nothing is said and all that varies is a list."""
    samples: Annotated[Count | None, Field(examples=["128"])] = None
    seeds: Annotated[Count, Field(examples=["5"])] = 1
    second_order: Truth = False
    levels: Annotated[Count, Field(examples=["4"])] = 4


@dataclass(frozen=True)
class Axis:
    """One thing that varies."""

    path: str
    texts: tuple[str, ...] = ()
    """Values of a list, as written."""
    written: tuple[Any, ...] = ()
    """The same as YAML holds them."""
    numbers: tuple[float, ...] = ()
    """The same in the unit used inside the model; empty where they are no numbers of a member."""
    distribution: Distribution | None = None
    dimension: str = ""

    @property
    def structural(self) -> bool:
        """Whether each value makes a scenario of its own: a date, a list, the world's year."""
        return self.distribution is None and not self.numbers

    @property
    def kind(self) -> str:
        """``list`` or the name of the distribution."""
        return self.distribution.kind if self.distribution else "list"

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value; positions in the list where there are no numbers."""
        if self.distribution is not None:
            return self.distribution.bounds
        numbers = self.numbers or tuple(range(len(self.texts)))
        return float(min(numbers)), float(max(numbers))

    def position(self, uniform: float) -> int:
        """Position in the list of the value at a share of it."""
        return min(int(uniform * len(self.texts)), len(self.texts) - 1)


@dataclass(frozen=True)
class SweepSpec:
    """What a scenario says under ``sweep``."""

    axes: tuple[Axis, ...]
    design: Design


def quantities(event: Instrument) -> dict[str, Quantity]:
    """Every quantity of an event by the path under which members draw it."""
    return dict(_quantities(event, f"events.{event.id}"))


def _quantities(value: Any, path: str) -> Iterator[tuple[str, Quantity]]:
    if isinstance(value, Quantity):
        yield path, value
    elif isinstance(value, BaseModel):
        for name, field in type(value).model_fields.items():
            yield from _quantities(getattr(value, name), f"{path}.{field.alias or name}")
    elif isinstance(value, Mapping):
        # One value for every destination, or for all time, is written without the word or the date.
        alone = list(value) in (["world"], [ALWAYS])
        for key, item in value.items():
            yield from _quantities(item, path if alone else f"{path}.{key}")
    elif isinstance(value, tuple):
        for i, item in enumerate(value):
            yield from _quantities(item, f"{path}.{i}")


def read_sweep(root: Node, report: Report, probe: Probe) -> SweepSpec | None:
    """Read and check ``sweep``; problems go to ``report``.

    Args:
        root: the scenario, everything it extends and overrides worked in.
        report: takes the problems.
        probe: checks the scenario of another root.
    """
    assert isinstance(root.value, dict)
    node = root.value.get("sweep")
    if node is None or node.value is None:
        return None
    if not isinstance(node.value, dict):
        report.add(("sweep",), "a sweep is a mapping", "write 'vary' and 'design' below it")
        return None
    for key in node.value:
        if key not in ("vary", "design"):
            remedy = did_you_mean(key, ("vary", "design"))
            report.add(("sweep", key), "unknown field", remedy, key=True)
    bare = replace(root, value={k: v for k, v in root.value.items() if k != "sweep"})
    before = len(report.problems)
    design = _design(node.value.get("design"), report)
    axes = _axes(node.value.get("vary"), bare, report, probe)
    if design is None or len(report.problems) > before:
        return None
    design = _fitting(axes, design, report)
    return None if design is None else SweepSpec(axes, design)


def _design(node: Node | None, report: Report) -> Design | None:
    written = plain(node) if node is not None else None
    try:
        return Design.model_validate({} if written is None else written)
    except ValidationError as error:
        report.invalid(("sweep", "design"), error, Design)
        return None


def _axes(node: Node | None, root: Node, report: Report, probe: Probe) -> tuple[Axis, ...]:
    if node is None or node.value is None:
        return ()
    if not isinstance(node.value, dict):
        remedy = "write for example 'events.licence.approval_share: [0 %, 40 %]' below it"
        report.add(("sweep", "vary"), "what varies is a mapping from paths to values", remedy)
        return ()
    found = (_axis(path, values, root, report, probe) for path, values in node.value.items())
    return tuple(axis for axis in found if axis is not None)


def _axis(path: str, node: Node, root: Node, report: Report, probe: Probe) -> Axis | None:
    where = ("sweep", "vary", path)
    parts = path.split(".")
    events = root.value.get("events") if isinstance(root.value, dict) else None
    known = list(events.value) if events is not None and isinstance(events.value, dict) else []
    if parts[0] == "events" and len(parts) < 3:
        remedy = f"name one of its fields, for example 'events.{(*parts, 'id')[1]}.from'"
        report.add(where, f"'{path[:60]}' is no field of an event", remedy, key=True)
        return None
    if parts[0] == "events" and parts[1] not in known:
        guess = did_you_mean(parts[1], known)
        report.add(where, f"there is no event field '{path[:60]}'", guess or "it has no events", key=True)
        return None
    if parts[0] == "events" and parts[1] in report.unread:
        # What its values would mean cannot be said before the event itself can be read.
        return None
    if not all(parts) or parts[0] == "sweep":
        report.add(where, f"'{path[:60]}' is no path", "write for example 'events.licence.delay'", key=True)
        return None
    written = plain(node)
    if isinstance(node.value, list):
        if not node.value:
            report.add(where, "there is no value to vary", "write at least one", key=True)
            return None
        # Written as a choice, a list of quantities is read at once, and each member can have its own.
        choice = replace(node, value={"choice": node})
        numbers, problems = _distribution(path, with_node(root, parts, choice), probe)
        if numbers is None:
            problems = [p for item in node.value for p in probe(with_node(root, parts, item))[1]]
    elif is_distribution(written):
        numbers, problems = _distribution(path, with_node(root, parts, node), probe)
        if numbers is None and not problems:
            report.add(where, "no distribution can stand there", "write a list of values", key=True)
            return None
    else:
        remedy = f"write a list, or one of: {', '.join(FORMS)}"
        report.add(where, "what varies needs a list of values or a distribution", remedy)
        return None
    wrong = [problem for problem in problems if not problem.warning] if numbers is None else []
    if wrong:
        report.problems.extend(problem for problem in dict.fromkeys(wrong) if problem not in report.problems)
        return None
    dimension, distribution = numbers if numbers is not None else ("", None)
    if not isinstance(node.value, list):
        return Axis(path, distribution=distribution, dimension=dimension)
    values = [plain(item) for item in node.value]
    return Axis(
        path,
        texts=tuple(_text(value) for value in values),
        written=tuple(values),
        numbers=distribution.parameters if distribution is not None else (),
        dimension=dimension,
    )


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    return "[" + ", ".join(map(_text, value)) + "]" if isinstance(value, list) else str(value)


def _distribution(
    path: str, root: Node, probe: Probe
) -> tuple[tuple[str, Distribution] | None, list[Problem]]:
    """Dimension and distribution at a path of a scenario, or None and what is wrong with it."""
    scenario, problems = probe(root)
    if scenario is None:
        return None, list(problems)
    head, _, rest = path.partition(".")
    if head == "assumptions":
        value = scenario.assumptions.get(rest)
        return (("", value), []) if isinstance(value, Distribution) else (None, [])
    for event in scenario.events:
        quantity = quantities(event).get(path)
        if isinstance(quantity, UncertainQuantity):
            return (quantity.dimension, quantity.distribution), []
    return None, []


def _fitting(axes: tuple[Axis, ...], design: Design, report: Report) -> Design | None:
    """The design with its method, where it suits what varies."""
    lists = all(axis.texts for axis in axes)
    method = design.method or ("grid" if lists else None)
    where = ("sweep", "design", "method")
    wrong = len(report.problems)
    if method is None:
        remedy = f"write for example 'design: {{method: lhs, samples: 100}}'; there are {', '.join(METHODS)}"
        report.add(("sweep",), "a distribution needs a design that draws samples", remedy, key=True)
    elif method in SAMPLED and not axes:
        report.add(where, f"{method} has nothing to vary", "write what varies under 'vary'")
    elif method in SAMPLED and design.samples is None:
        remedy = "write for example 'samples: 128'"
        report.add(("sweep", "design", "samples"), f"{method} needs a number of samples", remedy)
    elif method in POWERS_OF_TWO and design.samples and design.samples & (design.samples - 1):
        low = 1 << (design.samples.bit_length() - 1)
        report.add(
            ("sweep", "design", "samples"),
            f"{method} is balanced for powers of two only, not {design.samples}",
            f"write {low} or {2 * low}",
        )
    elif method in ("grid", "zip"):
        for axis in axes:
            if not axis.texts:
                remedy = "write a list, or choose the method lhs or sobol"
                report.add(("sweep", "vary", axis.path), f"{method} needs a list of values", remedy)
        if design.samples is not None:
            remedy = "leave it out: the lists say it"
            report.add(("sweep", "design", "samples"), f"{method} has no number of samples", remedy)
        lengths = {len(axis.texts) for axis in axes}
        if method == "zip" and len(lengths) > 1:
            said = ", ".join(f"{axis.path} {len(axis.texts)}" for axis in axes)
            report.add(where, f"zip needs lists of equal length; there are {said}", "or write 'grid'")
    return design.model_copy(update={"method": method}) if len(report.problems) == wrong else None
