"""Machine code for eight numbers at a time, as the formulas say it: no compiler has to find out that it may.

Whatever a processor takes at once, two, four or eight numbers, each is rounded as it is alone, and sums are
added in an order that is written down: the bits do not depend on the processor.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, cast

from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic

__all__ = ["LANES", "dot", "inlined", "lanewise", "machine_code", "product", "single"]

LANES = 8
F = TypeVar("F", bound=Callable[..., Any])
# Division by nothing gives infinity or NaN, as arrays do. Numbers are added and multiplied in the order
# and with the rounding that is written down: no fast mathematics. Arrays are never kept: nothing counts who
# holds them, which took more than half of the time.
OPTIONS = {"error_model": "numpy", "fastmath": False, "_nrt": False, "nogil": True, "no_rewrites": True}
INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}
DOUBLE, WORD, PLACE = ir.DoubleType(), ir.IntType(64), ir.IntType(32)
NUMBERS, WORDS = ir.VectorType(DOUBLE, LANES), ir.VectorType(WORD, LANES)


def machine_code(function: F) -> F:
    """A function that Python calls."""
    return cast(F, njit(**INNER, **OPTIONS)(function))


def inlined(function: F) -> F:
    """A function that such functions call, and that becomes part of them."""
    return cast(F, njit(**INNER, **OPTIONS)(function))


class Lanes:
    """Eight numbers, or their bits, in code that is being written: a :class:`Number`."""

    def __init__(self, builder: Any, value: Any) -> None:
        self.builder, self.value = builder, value

    def _like(self, other: Any) -> Any:
        if isinstance(other, Lanes):
            return other.value
        whole = self.value.type == WORDS
        kind, vector = (WORD, WORDS) if whole else (DOUBLE, NUMBERS)
        return ir.Constant(vector, [ir.Constant(kind, int(other) if whole else float(other))] * LANES)

    def _made(self, of_numbers: str, of_words: str, left: Any, right: Any) -> Lanes:
        name = of_words if self.value.type == WORDS else of_numbers
        return Lanes(self.builder, getattr(self.builder, name)(left, right))

    def __add__(self, other: Any) -> Lanes:
        return self._made("fadd", "add", self.value, self._like(other))

    __radd__ = __add__

    def __sub__(self, other: Any) -> Lanes:
        return self._made("fsub", "sub", self.value, self._like(other))

    def __rsub__(self, other: Any) -> Lanes:
        return self._made("fsub", "sub", self._like(other), self.value)

    def __mul__(self, other: Any) -> Lanes:
        return self._made("fmul", "mul", self.value, self._like(other))

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Lanes:
        return self._made("fdiv", "", self.value, self._like(other))

    def __and__(self, other: Any) -> Lanes:
        return self._made("", "and_", self.value, self._like(other))

    def __or__(self, other: Any) -> Lanes:
        return self._made("", "or_", self.value, self._like(other))

    def __lshift__(self, other: Any) -> Lanes:
        return self._made("", "shl", self.value, self._like(other))

    def __rshift__(self, other: Any) -> Lanes:
        return self._made("", "lshr", self.value, self._like(other))

    def at_least(self, other: Any) -> Lanes:
        """The larger; NaN stays."""
        return self.where("<", other, other, self)

    def at_most(self, other: Any) -> Lanes:
        """The smaller; NaN stays."""
        return self.where(">", other, other, self)

    def where(self, relation: str, other: Any, then: Any, otherwise: Any) -> Lanes:
        """``then`` where these numbers stand in a relation to others, else ``otherwise``."""
        holds = self.builder.fcmp_ordered(relation, self.value, self._like(other))
        return Lanes(self.builder, self.builder.select(holds, self._like(then), self._like(otherwise)))

    def bits(self) -> Lanes:
        """The 64 bits of each."""
        return Lanes(self.builder, self.builder.bitcast(self.value, WORDS))

    def number(self) -> Lanes:
        """The numbers of 64 bits each."""
        return Lanes(self.builder, self.builder.bitcast(self.value, NUMBERS))


def _place(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Any:
    """Where a block of eight numbers of an array lies: ``at`` has its row, if any, and its number."""
    made = context.make_array(kind)(context, builder, array)
    first = builder.mul(at[-1], ir.Constant(WORD, LANES))
    if kind.ndim == 2:
        first = builder.add(first, builder.mul(at[0], cgutils.unpack_tuple(builder, made.shape)[1]))
    return builder.bitcast(builder.gep(made.data, [first]), NUMBERS.as_pointer())


def _load(context: Any, builder: Any, kind: Any, array: Any, at: Any) -> Lanes:
    return Lanes(builder, builder.load(_place(context, builder, kind, array, at), align=8))


def _same(builder: Any, number: Any) -> Lanes:
    """One number eight times."""
    value = ir.Constant(NUMBERS, ir.Undefined)
    for lane in range(LANES):
        value = builder.insert_element(value, number, ir.Constant(PLACE, lane))
    return Lanes(builder, value)


def _given(context: Any, builder: Any, kinds: Any, values: Any, number: Any) -> list[Lanes]:
    """Blocks of arrays, ``number`` after that which follows each with its row, and single numbers."""
    parts = zip(kinds, values, strict=True)
    found = []
    for kind, value in parts:
        if isinstance(kind, types.Array):
            *row, first = (next(parts)[1] for _ in range(kind.ndim))
            found.append(_load(context, builder, kind, value, [*row, builder.add(first, number)]))
        else:
            found.append(_same(builder, value))
    return found


def lanewise(formula: Callable[..., Any]) -> Callable[..., None]:
    """``(out, row, first, count, given)``: what the formula makes of ``given``, into blocks of ``out``'s row.

    ``given`` is a tuple of arrays, each followed by the row and number of its first block, and of single
    numbers.
    """

    def typed(context: Any, out: Any, row: Any, first: Any, count: Any, given: Any) -> Any:
        def made(target: Any, builder: Any, signature: Any, values: Any) -> Any:
            array, line, begin, blocks, packed = values
            parts = cgutils.unpack_tuple(builder, packed)
            with cgutils.for_range(builder, blocks, intp=WORD) as loop:
                result = formula(*_given(target, builder, given, parts, loop.index))
                place = _place(target, builder, out, array, [line, builder.add(begin, loop.index)])
                builder.store(result.value, place, align=8)
            return target.get_dummy_value()

        return types.void(out, types.int64, types.int64, types.int64, given), made

    return cast(Callable[..., None], intrinsic(typed))


def single(formula: Callable[..., Any]) -> Callable[..., float]:
    """What the formula makes of one number."""

    def typed(context: Any, number: Any) -> Any:
        def made(target: Any, builder: Any, signature: Any, given: Any) -> Any:
            result = formula(_same(builder, given[0])).value
            return builder.extract_element(result, ir.Constant(PLACE, 0))

        return types.float64(types.float64), made

    return cast(Callable[..., float], intrinsic(typed))


def _looped(builder: Any, count: Any, body: Callable[[Any, Lanes], Lanes]) -> Lanes:
    """The sum that a loop leaves, from 0."""
    zero = ir.Constant(NUMBERS, [ir.Constant(DOUBLE, 0.0)] * LANES)
    total = cgutils.alloca_once_value(builder, zero)
    with cgutils.for_range(builder, count, intp=WORD) as loop:
        builder.store(body(loop.index, Lanes(builder, builder.load(total))).value, total)
    return Lanes(builder, builder.load(total))


def _product(context: Any, out: Any, row: Any, count: Any, given: Any) -> Any:
    """Into the first blocks of a row of ``out`` the sum of rows of a matrix, each times a number.

    ``given`` has the matrix, flat; its first block, blocks to its rows, and its number of rows over four; the
    array of the numbers and their row in it. Four rows are added up by themselves, two by two, so that sums
    wait less for each other.
    """
    matrix, values = given[0], given[4]

    def made(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        target_array, line, blocks, packed = arguments
        weights, start, across, fours, array, which = cgutils.unpack_tuple(builder, packed)
        numbers = target.make_array(values)(target, builder, array)
        begin = builder.mul(which, cgutils.unpack_tuple(builder, numbers.shape)[1])
        first_number = builder.gep(numbers.data, [begin])

        def term(number: Any, column: Any) -> Lanes:
            here = builder.add(builder.mul(number, across), column)
            value = _same(builder, builder.load(builder.gep(first_number, [number])))
            return value * _load(target, builder, matrix, weights, [here])

        def total(column: Any) -> Lanes:
            def add(four: Any, sums: Lanes) -> Lanes:
                first = builder.mul(four, ir.Constant(WORD, 4))
                numbers = (builder.add(first, ir.Constant(WORD, n)) for n in range(4))
                one, two, three, last = (term(number, column) for number in numbers)
                return sums + ((one + two) + (three + last))

            return _looped(builder, fours, add)

        with cgutils.for_range(builder, blocks, intp=WORD) as loop:
            sums = total(builder.add(start, loop.index)).value
            builder.store(sums, _place(target, builder, out, target_array, [line, loop.index]), align=8)
        return target.get_dummy_value()

    return types.void(out, types.int64, types.int64, given), made


def _dot(context: Any, given: Any, count: Any) -> Any:
    """Sum of products of blocks of two arrays: eight sums, then two by two.

    ``given`` has of both the array, the row and the number of the first block; ``count`` is of blocks.
    """

    def made(target: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        one, row, first, other, other_row, second = cgutils.unpack_tuple(builder, arguments[0])

        def add(block: Any, total: Lanes) -> Lanes:
            left = _load(target, builder, given[0], one, [row, builder.add(first, block)])
            return total + left * _load(
                target, builder, given[3], other, [other_row, builder.add(second, block)]
            )

        sums = _looped(builder, arguments[1], add).value
        parts = [builder.extract_element(sums, ir.Constant(PLACE, lane)) for lane in range(LANES)]
        while len(parts) > 1:
            half = len(parts) // 2
            parts = [builder.fadd(a, b) for a, b in zip(parts[:half], parts[half:], strict=True)]
        return parts[0]

    return types.float64(given, types.int64), made


product: Callable[..., None] = intrinsic(_product)
dot: Callable[..., float] = intrinsic(_dot)
