"""Conditions on a comparison: ``shortage.JPN.magnets > 10 %``, read, judged and put into words.

The grammar, in full::

    condition   = value comparison bound
                | "probability(" value comparison bound ")" comparison share
    value       = subject | "median(" subject ")" | "p10(" subject ")" | "p90(" subject ")"
    subject     = measure { "." name }        a measure and, in any order, a country, sector, good or owner
    comparison  = ">" | ">=" | "<" | "<="
    bound       = number, with a unit where the measure has one
    share       = number "%"

A value without a statistic is the median over members. A condition holds where it does in any scenario (the
baseline is not judged) and for any of the goods that its name stands for.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from sim.analysis.comparison import Comparison, Row, Values, band
from sim.analysis.measures import MEASURES, Measure
from sim.analysis.select import find_country, find_owner, find_sector, goods_meant
from sim.analysis.text import format_band, number
from sim.errors import MonaziteError, did_you_mean
from sim.names import NoCountry, countries, good_called, suggestion
from sim.units import QuantityError, parse_quantity

__all__ = [
    "Condition", "Verdict", "condition_good", "condition_rows", "judge", "meets", "read_condition",
    "shown_bound",
]  # fmt: skip

OPTION = "--fail-if"
STATISTICS = ("median", "p10", "p90")
COMPARISONS: dict[str, Callable[[float, float], bool]] = {
    ">=": operator.ge, "<=": operator.le, ">": operator.gt, "<": operator.lt
}  # fmt: skip
SIDES = re.compile(r"^\s*(?P<left>[^<>]+?)\s*(?P<sign>>=|<=|>|<)\s*(?P<bound>[^<>]+?)\s*$")
LIKELY = re.compile(r"^\s*probability\s*\((?P<inside>.+)\)\s*(?P<sign>>=|<=|>|<)\s*(?P<share>[^<>()]+?)\s*$")
CALL = re.compile(r"^(?P<statistic>\w+)\s*\(\s*(?P<subject>.+?)\s*\)$")
SHOWN_PER_UNIT = {"USD/kg": 1e-3, "months": 12.0, "bn USD": 1e-9}
"""Shown unit of a row -> how many of it are one of the unit inside the model."""
ISO3 = 3
"""Letters of the codes that nothing else has."""
OF_ONE_PLACE = (
    "delivered", "imports", "imports_change", "country_share", "country_share_change", "net", "duties",
    "exports_value", "imports_value",
)  # fmt: skip
EXAMPLE = "'shortage.JPN.magnets > 10 %'"


@dataclass(frozen=True)
class Condition:
    """One condition.

    Attributes:
        text: as written.
        measure: what is judged.
        place: ISO-3 code, or empty. sector, owner: likewise.
        goods: any of which may meet it; empty for a measure over all goods.
        statistic: median, p10, p90 or probability.
        sign: how it is compared.
        bound: in the unit inside the model: t, USD/t, USD, shares of one, years.
        likely: of a probability, how it is compared and with which share of one.
    """

    text: str
    measure: Measure
    place: str
    sector: str
    owner: str
    goods: tuple[str, ...]
    statistic: str
    sign: str
    bound: float
    likely: tuple[str, float] = ("", 0.0)


@dataclass(frozen=True)
class Verdict:
    """Whether a condition holds, and the numbers that say so.

    Attributes:
        condition: what was judged.
        holds: whether it does, in any scenario.
        found: a sentence for each scenario and good in which it does; where it does nowhere, for all.
    """

    condition: Condition
    holds: bool
    found: tuple[str, ...]


@dataclass(frozen=True)
class _Written:
    """A condition as written, and the option that it was written behind."""

    text: str
    option: str = OPTION

    def refuse(self, message: str, remedy: str) -> MonaziteError:
        return MonaziteError(f"{self.option} '{self.text}': {message}; {remedy}")


def read_condition(text: str, dataset: xr.Dataset, option: str = OPTION) -> Condition:
    """Read a condition on runs such as one.

    Args:
        text: as the grammar of this module says.
        dataset: results with the goods, countries, sectors and owners that may be named.
        option: that an error names.

    Raises:
        MonaziteError: it cannot be read, or names something that the runs do not have.
    """
    written = _Written(text, option)
    likely = LIKELY.match(text)
    inside = likely["inside"] if likely else text
    sides = SIDES.match(inside)
    if sides is None:
        raise written.refuse("is no condition", f"write a measure, a sign and a bound, for example {EXAMPLE}")
    statistic, subject = "median", sides["left"]
    if call := CALL.match(subject):
        statistic, subject = call["statistic"], call["subject"]
        if statistic not in STATISTICS or likely:
            hint = did_you_mean(statistic, [*STATISTICS, "probability"])
            raise written.refuse(f"'{statistic}' is no statistic here", hint or "leave it out")
    name, *names = (part.strip() for part in subject.split("."))
    measure = MEASURES.get(name)
    if measure is None or not measure.testable:
        testable = [m.name for m in MEASURES.values() if m.testable]
        hint = did_you_mean(name, testable, list_up_to=len(testable))
        raise written.refuse(f"unknown measure '{name}'", hint)
    about = _about(written, measure, names, dataset)
    bound = _quantity(written, sides["bound"], measure.dimension)
    chance = ("", 0.0)
    if likely:
        statistic = "probability"
        chance = likely["sign"], _quantity(written, likely["share"], "share")
    return Condition(text.strip(), measure, *about, statistic, sides["sign"], bound, chance)


def _quantity(written: _Written, bound: str, dimension: str) -> float:
    """A bound in the unit inside the model; a plain number for measures without one."""
    if not dimension:
        try:
            return float(bound.replace(",", ""))
        except ValueError:
            raise written.refuse(f"'{bound}' is no plain number", "write for example 'multiple.gallium > 2'"
                          ) from None  # fmt: skip
    try:
        return parse_quantity(bound, dimension).value
    except QuantityError as error:
        raise written.refuse(error.message, error.remedy or "write a number and a unit") from None


def _about(
    written: _Written, measure: Measure, names: Sequence[str], dataset: xr.Dataset
) -> tuple[str, str, str, tuple[str, ...]]:
    """Country, sector, owner and goods that the names stand for."""
    if "owner" in measure.of:
        # The names of firms may hold dots.
        name = ".".join(names)
        found: dict[str, str] = {"owner": find_owner(dataset, name, written.option)} if names else {}
        goods: tuple[str, ...] = ()
    else:
        found, goods = {}, ()
        for name in names:
            country, sector = _place(written, measure, name, dataset), find_sector(dataset, name)
            kind = "place" if country else "sector" if sector else "good"
            if kind not in measure.of:
                takes = " and ".join(measure.of) or "nothing"
                said = f"'{name}' is a {kind}, and {measure.name} takes {takes}"
                raise written.refuse(said, f"see {EXAMPLE}")
            if kind in found or (kind == "good" and goods):
                raise written.refuse(f"'{name}' is a second {kind}", "write a condition for each")
            if kind == "good":
                goods = tuple(_goods(written, measure, name, dataset))
            else:
                found[kind] = country or sector
    if "good" in measure.of and not goods:
        raise written.refuse(f"{measure.name} needs a good", f"write for example '{measure.name}.gallium'")
    if measure.name in OF_ONE_PLACE and "place" not in found:
        raise written.refuse(f"{measure.name} needs a country", "write its ISO-3 code behind a dot")
    if "owner" in measure.of and "owner" not in found:
        raise written.refuse(f"{measure.name} needs an owner", "write its name behind a dot")
    return found.get("place", ""), found.get("sector", ""), found.get("owner", ""), goods


def _place(written: _Written, measure: Measure, name: str, dataset: xr.Dataset) -> str:
    """The country that a name stands for; empty where it stands for something else.

    Some codes of two letters are symbols of elements, too (Ga, Co, In): where a measure takes goods they mean
    these.
    """
    if len(name) < ISO3 and "good" in measure.of and good_called(name) is not None:
        return ""
    try:
        return find_country(dataset, name)
    except NoCountry as error:
        raise written.refuse(error.message, error.remedy) from None


def _goods(written: _Written, measure: Measure, name: str, dataset: xr.Dataset) -> list[str]:
    """The goods that a name stands for; one that is nothing may be a country that is misspelt."""
    try:
        return goods_meant(dataset, [name], written.option)
    except MonaziteError:
        near = suggestion(name, [one.name for one in countries().values()]) if "place" in measure.of else ""
        if near:
            raise written.refuse(f"'{name[:60]}' is no good, sector or country of this run", near) from None
        raise


def condition_rows(condition: Condition, comparison: Comparison) -> list[Row]:
    """The rows that a condition is about."""
    wanted = condition.measure
    rows = []
    for row in comparison.rows():
        key = row.key
        same = key.measure == wanted.name and key.sector == condition.sector and key.owner == condition.owner
        # The place of a price is its controlling country, which nobody names.
        if "place" in wanted.of and key.place != condition.place:
            same = False
        if same and (not condition.goods or key.good in condition.goods):
            rows.append(row)
    return rows


def judge(conditions: Sequence[Condition], comparisons: Sequence[Comparison]) -> list[Verdict]:
    """Whether each condition holds in any scenario.

    Raises:
        MonaziteError: there is nothing to judge a condition by: a gate that cannot fail says nothing.
    """
    verdicts = []
    for condition in conditions:
        held, all_found = [], []
        for comparison in comparisons:
            for row in condition_rows(condition, comparison):
                for scenario in comparison.scenarios or (comparison.baseline,):
                    found = _judged(condition, row, scenario, comparison)
                    if found is not None:
                        all_found.append(found[1])
                        held += [found[1]] if found[0] else []
        if not all_found:
            remedy = "name what the runs hold, or compare runs that keep it"
            raise _Written(condition.text).refuse("no run has a value for it", remedy)
        verdicts.append(Verdict(condition, bool(held), tuple(held or all_found)))
    return verdicts


def _judged(
    condition: Condition, row: Row, scenario: str, comparison: Comparison
) -> tuple[bool, str] | None:
    """Whether it holds in one scenario, and what was found there; None where there is no value."""
    if scenario not in row.values:
        return None
    values = row.values[scenario]
    known = values[~np.isnan(values)]
    if not len(known):
        return None
    good = f", {condition_good(row, comparison)}" if row.key.good else ""
    who = f"{comparison.names.get(scenario, scenario)}{good}"
    holds, value = meets(condition, known, shown_bound(condition, row.unit))
    if condition.statistic == "probability":
        return holds, f"{who}: {number(100 * value)} % of {len(known)} members"
    horizon = comparison.horizon(scenario, row.key.good)
    said = f"{who}: {format_band(row.bands[scenario], row.kind, horizon)}{f' {row.unit}' if row.unit else ''}"
    return holds, said


def shown_bound(condition: Condition, unit: str) -> float:
    """The bound of a condition in the unit of the values of a row."""
    return condition.bound * SHOWN_PER_UNIT.get(unit, 1.0)


def meets(condition: Condition, values: Values, bound: float) -> tuple[bool, float]:
    """Whether values meet a condition, and the statistic of them that says so.

    Args:
        condition: whose statistic and sign are meant.
        values: (n,) NaN left out.
        bound: as :func:`shown_bound` has it.

    Returns:
        False and NaN where there is no value.
    """
    known = values[~np.isnan(values)]
    if not len(known):
        return False, float("nan")
    compared = COMPARISONS[condition.sign]
    if condition.statistic == "probability":
        share = float(np.mean([compared(float(value), bound) for value in known]))
        sign, limit = condition.likely
        return COMPARISONS[sign](share, limit), share
    taken = band(known)
    value = {"median": taken.median, "p10": taken.low, "p90": taken.high}[condition.statistic]
    return compared(value, bound), value


def condition_good(row: Row, comparison: Comparison) -> str:
    """The name of a row's good, from the title of its section."""
    title = next(section.title for section in comparison.sections if row in section.rows)
    return title.rpartition(", ")[0] or title
