"""Probability distributions that may stand wherever a scenario takes a number.

A distribution is a function from a uniform number to a value, so that a design (Latin hypercube,
Sobol sequence) and plain random draws use it alike.
"""

from __future__ import annotations

import bisect
import itertools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import NormalDist

from sim.errors import did_you_mean
from sim.units import Quantity, QuantityError, parse_quantity

__all__ = [
    "FORMS", "Distribution", "UncertainQuantity", "is_distribution", "parse_distribution", "parse_uncertain",
]  # fmt: skip

FORMS: Mapping[str, tuple[str, ...]] = {
    "uniform": ("low", "high"),
    "triangular": ("low", "mode", "high"),
    "normal": ("mean", "standard deviation"),
    "lognormal": ("median", "standard deviation of the logarithm"),
    "exponential": ("mean",),
    "choice": (),
}
"""Kinds and what their list of numbers means; ``choice`` takes any number of values."""
STANDARD = NormalDist()
ENDLESS = ("normal", "lognormal", "exponential")
"""Kinds whose tails the bounds of a field cut off."""
PLAIN = {"lognormal": (1,)}
"""Positions of numbers without a unit."""


@dataclass(frozen=True)
class Distribution:
    """One distribution in the unit used inside the model.

    ``normal``, ``lognormal`` and ``exponential`` are cut at ``lowest`` and ``highest``, the bounds of the
    field that they stand in: what lies beyond counts as the bound.
    """

    kind: str
    parameters: tuple[float, ...]
    weights: tuple[float, ...] = ()
    lowest: float = -math.inf
    highest: float = math.inf

    @property
    def central(self) -> float:
        """For the central run: the mode of ``triangular``, the likeliest ``choice``, else the median."""
        if self.kind == "triangular":
            return self.parameters[1]
        if self.kind == "choice":
            weights = self.weights or (1.0,) * len(self.parameters)
            return self.parameters[weights.index(max(weights))]
        return self.quantile(0.5)

    @property
    def written(self) -> dict[str, object]:
        """As it stands in a file whose numbers have no unit."""
        weights = {"weights": list(self.weights)} if self.weights else {}
        return {self.kind: list(self.parameters), **weights}

    def __str__(self) -> str:
        return spoken(self.kind, [f"{number:g}" for number in self.parameters], self.weights)

    @property
    def bounds(self) -> tuple[float, float]:
        """Lowest and highest value that a member may draw."""
        if self.kind in ENDLESS:
            return self.quantile(0.0), self.quantile(1.0)
        return min(self.parameters), max(self.parameters)

    def quantile(self, uniform: float) -> float:
        """The value below which a share ``uniform``, 0 to 1, of the probability lies."""
        p = self.parameters
        if self.kind == "uniform":
            value = p[0] + uniform * (p[1] - p[0])
        elif self.kind == "triangular":
            low, mode, high = p
            split = (mode - low) / (high - low) if high > low else 1.0
            if uniform < split:
                value = low + math.sqrt(uniform * (high - low) * (mode - low))
            else:
                value = high - math.sqrt((1 - uniform) * (high - low) * (high - mode))
        elif self.kind == "choice":
            weights = self.weights or (1.0,) * len(p)
            bounds = list(itertools.accumulate(weights))
            value = p[min(bisect.bisect_right(bounds, uniform * bounds[-1]), len(p) - 1)]
        elif self.kind == "exponential":
            value = -p[0] * math.log1p(-min(max(uniform, 0.0), 1 - 1e-12))
        else:
            score = STANDARD.inv_cdf(min(max(uniform, 1e-12), 1 - 1e-12))
            value = p[0] + score * p[1] if self.kind == "normal" else p[0] * math.exp(score * p[1])
        return min(max(value, self.lowest), self.highest)


@dataclass(frozen=True)
class UncertainQuantity(Quantity):
    """A quantity that each member draws; ``value`` is that of the central run."""

    distribution: Distribution = Distribution("uniform", (0.0, 0.0))
    mapping: Mapping[str, object] = field(default_factory=dict, compare=False, repr=False)
    """As it was written, each number with its unit."""

    @property
    def written(self) -> object:
        """As it stands in a file."""
        return {key: list(v) if isinstance(v, tuple) else v for key, v in self.mapping.items()}


def is_distribution(written: object) -> bool:
    """Whether a value is meant as a distribution: a mapping with the name of one, or to a list."""
    if not isinstance(written, Mapping):
        return False
    return bool(written.keys() & FORMS.keys()) or any(isinstance(v, list) for v in written.values())


def parse_distribution(
    written: Mapping[str, object],
    number: Callable[[object], float],
    lowest: float = -math.inf,
    highest: float = math.inf,
    within: str = "",
) -> Distribution:
    """Read ``{uniform: [2, 5]}`` and the like.

    Args:
        written: one of :data:`FORMS` with its list of numbers; ``choice`` may have ``weights``.
        number: reads one number and raises QuantityError.
        lowest, highest: bounds of the field.
        within: the bounds in words, for messages.

    Raises:
        QuantityError: an unknown name, too few or too many numbers, or numbers that do not fit together.
    """
    kind = next((k for k in written if k in FORMS), "")
    extra = [str(k) for k in written if k != kind and not (kind == "choice" and k == "weights")]
    if not kind or extra:
        raise _misfit(kind, extra)
    values = written[kind]
    meaning = FORMS[kind]
    if not isinstance(values, Sequence) or isinstance(values, str) or not values:
        raise QuantityError(f"{kind} needs a list of numbers", _example(kind), (kind,))
    if meaning and len(values) != len(meaning):
        count = f"{kind} needs {len(meaning)} numbers ({', '.join(meaning)}), not {len(values)}"
        raise QuantityError(count, _example(kind), (kind,))
    plain = PLAIN.get(kind, ())
    numbers = _each(values, lambda i, v: _plain(v) if i in plain else number(v), kind)
    weights: tuple[float, ...] = ()
    if written.get("weights") is not None:
        given = written["weights"]
        if not isinstance(given, Sequence) or isinstance(given, str) or len(given) != len(numbers):
            say = "write for example [1, 2, 1]"
            raise QuantityError("there must be one weight for each choice", say, ("weights",))
        weights = _each(given, lambda _, weight: _plain(weight), "weights")
        if min(weights) < 0 or sum(weights) <= 0:
            say = "write for example [1, 2, 1]"
            raise QuantityError("weights must not be negative, nor all zero", say, ("weights",))
    _check(kind, numbers)
    for i, value in enumerate(numbers if kind not in ENDLESS else numbers[:1]):
        if not lowest <= value <= highest:
            say = f"write {within}" if within else "narrow it"
            raise QuantityError(f"{kind} reaches out of the range of the field", say, (kind, str(i)))
    return Distribution(kind, numbers, weights, lowest, highest)


def _misfit(kind: str, extra: Sequence[str]) -> QuantityError:
    """A word that has no place in a distribution."""
    if not extra:
        return QuantityError("the mapping is empty", f"write one of: {', '.join(FORMS)}")
    word, path = extra[0][:60], (extra[0],)
    if not kind:
        say = did_you_mean(word, FORMS)
        return QuantityError(f"'{word}' is no distribution", say, path, key=True)
    if word in FORMS:
        say = "one number has one distribution"
        return QuantityError(f"'{word}' stands beside '{kind}'", say, path, key=True)
    say = "only 'choice' has weights" if word == "weights" else f"'{kind}' has nothing but its numbers"
    return QuantityError(f"'{word}' does not belong to '{kind}'", say, path, key=True)


def _each(values: Sequence[object], read: Callable[[int, object], float], name: str) -> tuple[float, ...]:
    """Every number of a list; an error knows which of them it is about."""
    numbers = []
    for i, value in enumerate(values):
        try:
            numbers.append(read(i, value))
        except QuantityError as error:
            raise QuantityError(error.message, error.remedy, (name, str(i))) from None
    return tuple(numbers)


def parse_uncertain(
    written: Mapping[str, object],
    dimension: str,
    lowest: float = -math.inf,
    highest: float = math.inf,
    within: str = "",
) -> UncertainQuantity:
    """Read a distribution of quantities, each with its unit.

    >>> parse_uncertain({"uniform": ["20 %", "60 %"]}, "share").value
    0.4

    Raises:
        QuantityError: see :func:`parse_distribution` and :func:`sim.units.parse_quantity`.
    """
    seen: list[str] = [dimension] if dimension else []

    def number(value: object) -> float:
        # Where any dimension will do, that of the first number is that of all.
        read = parse_quantity(value, seen[0] if seen else "")
        seen.append(read.dimension)
        return read.value

    distribution = parse_distribution(written, number, lowest, highest, within)
    kind, dimension = distribution.kind, seen[0]
    values = written[kind]
    assert isinstance(values, Sequence)
    text = spoken(kind, values, distribution.weights)
    return UncertainQuantity(
        distribution.central, dimension, text, distribution=distribution, mapping=dict(written)
    )


def spoken(kind: str, values: Sequence[object], weights: Sequence[float] = ()) -> str:
    """A distribution in words.

    >>> spoken("uniform", ["20 %", "60 %"])
    'between 20 % and 60 %'
    """
    text = [str(v) for v in values]
    if kind == "uniform":
        return f"between {text[0]} and {text[1]}"
    if kind == "triangular":
        return f"between {text[0]} and {text[2]} (most likely {text[1]})"
    if kind == "normal":
        return f"about {text[0]} (standard deviation {text[1]})"
    if kind == "lognormal":
        return f"about {text[0]} (logarithm's standard deviation {text[1]})"
    if kind == "exponential":
        return f"about {text[0]} at random (exponential)"
    if weights:
        total = sum(weights)
        text = [f"{word} (chance {weight / total:.0%})" for word, weight in zip(text, weights, strict=True)]
    return text[0] if len(text) == 1 else f"{', '.join(text[:-1])} or {text[-1]}"


def _plain(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise QuantityError(f"'{str(value)[:60]}' is not a plain number", "write it without a unit")
    return float(value)


def _check(kind: str, numbers: tuple[float, ...]) -> None:
    if kind in ("uniform", "triangular") and list(numbers) != sorted(numbers):
        raise QuantityError(f"{kind} needs its numbers in ascending order", _example(kind), (kind,))
    if kind in ("normal", "lognormal") and numbers[1] < 0:
        raise QuantityError("a standard deviation must not be negative", _example(kind), (kind, "1"))
    if kind == "lognormal" and numbers[0] <= 0:
        raise QuantityError("the median of a lognormal must be above zero", _example(kind), (kind, "0"))
    if kind == "exponential" and numbers[0] <= 0:
        raise QuantityError("the mean of an exponential must be above zero", _example(kind), (kind, "0"))


def _example(kind: str) -> str:
    samples = {
        "uniform": "{uniform: [20 %, 60 %]}", "triangular": "{triangular: [20 %, 40 %, 60 %]}",
        "normal": "{normal: [40 %, 5 %]}", "lognormal": "{lognormal: [500 t/year, 0.3]}",
        "exponential": "{exponential: [2 years]}", "choice": "{choice: [0 %, 40 %]}",
    }  # fmt: skip
    return f"write for example {samples[kind]}"
