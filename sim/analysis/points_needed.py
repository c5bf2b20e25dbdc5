"""How many points of a design, or members of an ensemble, a result needs before it may be relied on.

What a design needs beforehand is a rule: half-widths of 95 % intervals fall with the root of the points, and
:data:`TO_CONVERGE` points bring them to about 0.1 for four test functions (smooth, kinked, additive,
interacting; ``tests/analysis/test_points_needed.py`` repeats it). Once outcomes are there, the intervals
found say it better.

What a band of members needs is exact, whatever the distribution (Wilks 1941, Annals of Mathematical
Statistics 12): the lowest and highest of n members enclose the 10th to 90th percentile of what they are
drawn from with probability 1 - 2 (0.9)^n + (0.8)^n.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from sim.errors import plural

__all__ = ["CONVERGED", "ENOUGH_MEMBERS", "beforehand", "drawn", "enclosed", "few_members", "intervals_say"]

CONVERGED = 0.1
"""Half-width of an interval, as a share of variance, up to which an index counts as converged."""
TO_CONVERGE = 512
"""Base samples of a saltelli design, or points of a plain sample, that bring indices to about that."""
LEAST_PLAIN = 100
"""Points of a plain sample below which first-order indices are not reckoned: bias would exceed them."""
TRAJECTORIES = 20
"""Of a morris design: intervals of half of the largest effect, enough to sort factors."""
CONFIDENCE = 0.95


def enclosed(members: int) -> float:
    """Probability that lowest and highest of so many members enclose the true 10th to 90th percentile.

    >>> round(enclosed(20), 2), round(enclosed(35), 2)
    (0.77, 0.95)
    """
    return 1.0 - 2.0 * 0.9**members + 0.8**members


ENOUGH_MEMBERS = next(n for n in range(2, 1000) if enclosed(n) >= CONFIDENCE)
"""Members from which bands are said without a caution: 35."""


def few_members(members: int) -> str:
    """What bands and shares of so few members are worth, and how many are needed; empty if enough.

    >>> few_members(35)
    ''
    """
    if members < 2 or members >= ENOUGH_MEMBERS:
        return ""
    chance, points = 100 * enclosed(members), 100 * 0.98 / math.sqrt(members)
    return (
        f"{members} members are few: even lowest and highest enclose the true p10-p90 with a probability of "
        f"{chance:.0f} % only, and shares of members are known to ±{points:.0f} points; take "
        f"{ENOUGH_MEMBERS} for {100 * CONFIDENCE:.0f} %"
    )


def drawn(manifests: Sequence[Mapping[str, Any]]) -> bool:
    """Whether members are draws, of which the above holds; the levels of a grid or a zip are chosen."""
    return not any((m.get("sweep") or {}).get("method") in ("grid", "zip") for m in manifests)


def beforehand(method: str, factors: int, samples: int, block: int = 1) -> str:
    """What indices of a design not yet run would be worth, and how many points they need; empty if enough.

    Args:
        method: of the design.
        factors: that vary.
        samples: base samples, trajectories or points.
        block: points of a base sample or trajectory.
    """
    if factors < 1 or method in ("grid", "zip"):
        return ""
    if method == "morris":
        if samples >= TRAJECTORIES:
            return ""
        return (
            f"{samples:,} trajectories sort factors poorly: take "
            f"--samples {TRAJECTORIES} ({plural(TRAJECTORIES * block, 'point')})"
        )
    if samples >= TO_CONVERGE:
        return ""
    what = "base sample" if method == "saltelli" else "point"
    width = CONVERGED * math.sqrt(TO_CONVERGE / samples)
    # Indices lie between zero and one: an interval of that size says nothing.
    known = width < 0.5 and (method == "saltelli" or samples >= LEAST_PLAIN)
    found = f"known to about ±{width:.1g}" if known else "hardly known"
    of = f" ({plural(TO_CONVERGE * block, 'point')})" if block > 1 else ""
    return (
        f"with {plural(samples, what)} sensitivity indices are {found}; for ±{CONVERGED:g} take "
        f"--samples {TO_CONVERGE}{of}"
    )


def intervals_say(method: str, widest: float, samples: int, block: int) -> str:
    """How many points would bring the widest interval found down to what counts as converged.

    Args:
        method: of the design.
        widest: half-width of the 95 % interval; of ``morris`` over the largest effect.
        samples: base samples, trajectories or points that it rests on.
        block: points of each.

    Returns:
        Empty where it is narrow enough.
    """
    wanted = 0.5 if method == "morris" else CONVERGED
    if widest <= wanted:
        return ""
    needed = math.ceil(samples * (widest / wanted) ** 2)
    if method != "morris" and samples < TO_CONVERGE // 4:
        # Of so few points the interval itself is a guess, and often too narrow.
        needed = max(needed, TO_CONVERGE)
    if method == "saltelli":
        needed = 2 ** math.ceil(math.log2(needed))
        return (
            f"not converged: the widest interval of an index is ±{widest:.2f}; about {needed:,} base samples "
            f"({needed * block:,} points) in place of {samples:,} bring it to ±{wanted:g}"
        )
    if method == "morris":
        return (
            f"the intervals of mu_star are up to {widest:.2f} of the largest effect; about {needed:,} "
            f"trajectories ({needed * block:,} points) in place of {samples:,} bring them to half of it"
        )
    return (
        f"not converged: the widest interval of S1 is ±{widest:.2f}; about {needed:,} points in place of "
        f"{samples:,} bring it to ±{wanted:g}"
    )
