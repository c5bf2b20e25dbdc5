# ruff: noqa: E501 (words and messages are quoted whole)
"""Quantities: what they are worth, what they refuse, and how they read back."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sim.units import UNITS, QuantityError, doubtful_dot, parse_quantity


@pytest.mark.parametrize(
    ("text", "dimension", "value"),
    [
        ("1 kt", "mass", 1000), ("250 kg", "mass", 0.25), ("12 t/month", "mass per year", 144),
        ("30,258 t/year", "mass per year", 30258), ("255 USD/kg", "price", 255_000), ("40%", "share", 0.4),
        ("-3.5 %/year", "growth rate", -0.035), ("45 business days", "duration", 63 / 365.25),
        ("1 week", "duration", 7 / 365.25), ("6 months", "duration", 0.5), ("2e-1 years", "duration", 0.2),
    ],
)  # fmt: skip
def test_value(text: str, dimension: str, value: float) -> None:
    assert parse_quantity(text, dimension).value == pytest.approx(value)
    assert parse_quantity(text).dimension == dimension
    assert parse_quantity(text).text == text


@given(st.floats(-1e9, 1e9), st.sampled_from(UNITS))
def test_every_unit_reads_every_number(number: float, unit: object) -> None:
    name, dimension, factor = unit.name, unit.dimension, unit.factor  # type: ignore[attr-defined]
    read = parse_quantity(f"{number!r} {name}", dimension)
    assert math.isclose(read.value, number * factor, rel_tol=1e-12)
    assert parse_quantity(read.text, dimension) == read


@given(st.text(max_size=20), st.sampled_from(["", "mass", "share", "duration", "price", "growth rate"]))
def test_any_text_is_read_or_refused_with_a_remedy(text: str, dimension: str) -> None:
    try:
        read = parse_quantity(text, dimension)
    except QuantityError as error:
        refusal = error
    else:
        assert math.isfinite(read.value)
        return
    assert refusal.message
    assert refusal.remedy


@pytest.mark.parametrize(
    "written", [True, None, [1], {"a": 1}, 3, 0.5, "", "  ", "t", "1e999 t", "1 2 t", "nan t"]
)
def test_refused(written: object) -> None:
    with pytest.raises(QuantityError):
        parse_quantity(written, "mass")


def test_numbers_as_programs_write_them() -> None:
    """Double precision in full: four zeros behind the point, and seventeen digits."""
    from pathlib import Path

    from sim.scenario.reader import read_text

    for number in (0.019796252732868322, 0.00012345678901234567, 1.2345678901234567e-09, 123456.78901234567):
        root = read_text(f"a: {number!r}", Path("case.yaml"), "case.yaml").root
        assert root is not None
        assert isinstance(root.value, dict)
        assert root.value["a"].value == number


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("30.258 t/year", "30258 t/year"), ("1.000 t", "1000 t"), ("30.2580 t/year", ""),
        ("30,258 t/year", ""), ("0.258 t", ""), ("1000.258 t", ""), ("30.25 t", ""), ("1.234e3 t", ""),
    ],
)  # fmt: skip
def test_dots_that_may_part_thousands(text: str, meant: str) -> None:
    assert doubtful_dot(text) == meant
    assert not meant or parse_quantity(meant)


def test_an_unknown_unit_lists_units_of_one_dimension() -> None:
    for written, listed in (("3 tonnes", "t, kt, Mt, kg, lb"), ("3 day/s", "days, business days"), ("3 Euro", "12 t")):
        with pytest.raises(QuantityError) as caught:
            parse_quantity(written)
        assert listed in caught.value.remedy
        assert caught.value.remedy.count(",") < 8
