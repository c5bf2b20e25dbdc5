"""Exponentials and logs of sums and products alone: the same on every processor, and several at a time.

A library's own differ in the last bit between processors, and a call for each number keeps a compiler from
taking several at once. Both are good to about one unit in the last place, with these limits: what would be
below the smallest normal number is that number, what would be above the largest is near it. They are written
for anything that adds and multiplies and has the methods of :class:`Number`.
"""

from __future__ import annotations

from math import factorial
from typing import Any, Protocol, TypeVar

__all__ = ["Number", "exp", "log"]


class Number(Protocol):
    """Numbers, or their 64 bits."""

    def __add__(self, other: Any) -> Any: ...
    def __radd__(self, other: Any) -> Any: ...
    def __sub__(self, other: Any) -> Any: ...
    def __rsub__(self, other: Any) -> Any: ...
    def __mul__(self, other: Any) -> Any: ...
    def __rmul__(self, other: Any) -> Any: ...
    def __truediv__(self, other: Any) -> Any: ...
    def __and__(self, other: Any) -> Any: ...
    def __or__(self, other: Any) -> Any: ...
    def __lshift__(self, other: Any) -> Any: ...
    def __rshift__(self, other: Any) -> Any: ...

    def at_least(self, other: Any) -> Any:
        """The larger; NaN stays."""

    def at_most(self, other: Any) -> Any:
        """The smaller; NaN stays."""

    def where(self, relation: str, other: Any, then: Any, otherwise: Any) -> Any:
        """``then`` where the number stands in a relation to another, else ``otherwise``."""

    def bits(self) -> Any:
        """The 64 bits of a number."""

    def number(self) -> Any:
        """The number of 64 bits."""


N = TypeVar("N", bound=Number)

PER_LOG = 1.4426950408889634
# ln 2 in two parts: multiples of the first by whole numbers up to 2**11 are exact.
LN2_HIGH = float.fromhex("0x1.62e42feep-1")
LN2_LOW = float.fromhex("0x1.a39ef35793c76p-33")
SMALLEST_LOG, LARGEST_LOG = -708.0, 709.0
SMALLEST = float.fromhex("0x1p-1022")
ROUND = 3 * 2.0**51
"""Added to a number it leaves the nearest whole one in the last bits."""
POWERS = tuple(1 / factorial(n) for n in range(14))
"""The series of e**r, |r| <= ln 2 / 2: what follows is below a part in 1e17."""
ODD = tuple(2 / (2 * n + 1) for n in range(10))
"""The series of ln((1 + s) / (1 - s)), |s| <= 0.1716, from its second term on over s**(2 n + 1)."""
FRACTION, FRACTION_BITS = (1 << 52) - 1, 52
LOWEST = 0x3FE6A09E00000000
"""Bits of a number next to sqrt(1 / 2): fractions are taken from there to its double."""
SHIFTED = 0x4330000000000000
"""Bits of 2**52: with a whole number in the last ones it is 2**52 plus that number."""
ABOVE = 1024
"""Added to exponents so that they are above 0."""


def exp(x: N) -> N:
    """e**x; NaN stays NaN."""
    x = x.at_least(SMALLEST_LOG).at_most(LARGEST_LOG)
    shifted = x * PER_LOG + ROUND
    whole = shifted - ROUND
    r = (x - whole * LN2_HIGH) - whole * LN2_LOW
    r2 = r * r
    even, odd = POWERS[12] * r2 + POWERS[10], POWERS[13] * r2 + POWERS[11]
    for n in (8, 6, 4, 2):
        even, odd = even * r2 + POWERS[n], odd * r2 + POWERS[n + 1]
    power = (r + r2 * (even + r * odd)) + 1.0
    result: N = (power.bits() + (shifted.bits() << FRACTION_BITS)).number()
    return result


def log(x: N) -> N:
    """ln x, x > 0; of what is less, of the smallest normal number. NaN is not kept."""
    bits = x.at_least(SMALLEST).bits() - LOWEST
    exponent = (((bits + (ABOVE << FRACTION_BITS)) >> FRACTION_BITS) | SHIFTED).number() - (2.0**52 + ABOVE)
    f = ((bits & FRACTION) + LOWEST).number() - 1.0
    s = f / (f + 2.0)
    s2 = s * s
    s4 = s2 * s2
    first, second = ODD[9] * s4 + ODD[7], ODD[8] * s4 + ODD[6]
    for n in (5, 3):
        first, second = first * s4 + ODD[n], second * s4 + ODD[n - 1]
    first, second = first * s4 + ODD[1], second * s4
    half = f * f * 0.5
    rest = s * (half + (s2 * first + second)) + exponent * LN2_LOW
    result: N = exponent * LN2_HIGH - ((half - rest) - f)
    return result
