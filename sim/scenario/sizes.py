"""Sizes of numbers beside base-year trade: a slip of unit or of a dot is a hundred or a thousand times off.

Nothing is refused here, since a government may well allow next to nothing: what is far from base trade is
said.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from sim.instruments import Instrument
from sim.instruments.words import links_between, select_goods
from sim.scenario.named import SERIES_FORMS, YEARLY
from sim.scenario.node import has
from sim.scenario.observed import Observation
from sim.scenario.report import Report
from sim.tables import read_table
from sim.units import Quantity
from sim.world.labels import Labels

__all__ = ["check_observed_sizes", "check_sizes", "far_off"]

LEAST, MOST = 0.01, 10.0
"""Multiples of base trade outside which a number is taken for a slip until somebody says that it is none."""
MOST_OF_A_PRICE = 100.0
"""Prices rise further than trade: samarium stood at 35 times the price of 2009 in 2011."""
ADVICE = "check unit and dot (kg for t, 30.258 for 30,258), or leave it if it is meant"
MONTHS = 12
PRICES = "USD/t"


def far_off(value: float, base: float, most: float = MOST) -> str:
    """How a number lies to its base where it is under 1 % or beyond ten times of it; else empty.

    Zero is no slip, and nothing is far from a base of zero.

    >>> far_off(30.258, 30258), far_off(30258, 30258), far_off(5e6, 1e5)
    ('0.1 % of', '', '50 times')
    """
    if value == 0 or base <= 0 or LEAST <= value / base <= most:
        return ""
    return f"{100 * value / base:.2g} % of" if value < base else f"{value / base:,.0f} times"


def check_sizes(event: Instrument, report: Report, labels: Labels) -> None:
    """Say so where tonnes of an event are far from the trade, output or use that they act on."""
    if event.in_base_year:
        return
    for path, tonnes, base, what in _sizes(event, labels):
        said = far_off(tonnes.value, base)
        where = ("events", event.id, *path)
        if said and has(report.root, where[:3]):
            report.add(
                where, f"'{tonnes}' is {said} the {base:,.0f} t a year that {what} in {labels.base_year}",
                ADVICE, warning=True,
            )  # fmt: skip


def _sizes(event: Instrument, labels: Labels) -> Iterator[tuple[tuple[str, ...], Quantity, float, str]]:
    """Path, tonnes, base tonnes a year and what these were, for each number of an event that has a base."""
    goods, stages = getattr(event, "goods", ()), getattr(event, "stages", None) or ()
    by = getattr(event, "by", ())
    if event.type == "export_quota":
        base = _traded(labels, goods, stages, by, getattr(event, "to", ("world",)) or ("world",))
        what = "were exported so"
        if getattr(event, "amount", None) is not None:
            yield ("amount",), event.amount, base, what  # type: ignore[attr-defined]
        amounts: Mapping[object, Quantity] = getattr(event, "amounts", None) or {}
        for period, tonnes in amounts.items():
            parts = {"H": 2.0, "Q": 4.0}.get(str(period)[-2:-1], 1.0)
            yield ("amounts", str(period)), tonnes, base / parts, f"{what}, by the length of the period,"
    elif event.type == "production_quota":
        dated: Mapping[object, Quantity] = getattr(event, "amount", None) or {}
        for tonnes in dated.values():
            yield ("amount",), tonnes, _made(labels, goods, stages, by), "were made there"
    elif event.type == "stockpile":
        base = _used(labels, goods, stages, by)
        size, rate = getattr(event, "size", None), getattr(event, "rate", None)
        if size is not None and size.dimension == "mass":
            yield ("size",), size, base, "were used there"
        if rate is not None:
            yield ("rate",), rate, base, "were used there"


def _chosen(labels: Labels, goods: Sequence[str], stages: Sequence[str]) -> set[str]:
    return {labels.goods[k].id for k in select_goods(labels.goods, goods, stages)}


def _traded(
    labels: Labels, goods: Sequence[str], stages: Sequence[str], own: Sequence[str], others: Sequence[str]
) -> float:
    pairs = [(set(a), set(b)) for a, b in links_between(own, others, labels.group)]
    return sum(
        tonnes
        for good in _chosen(labels, goods, stages)
        for (seller, buyer), tonnes in labels.trade(good).items()
        if seller != buyer and any(seller in a and buyer in b for a, b in pairs)
    )


def _made(labels: Labels, goods: Sequence[str], stages: Sequence[str], by: Sequence[str]) -> float:
    places = {code for word in by for code in labels.group(word)}
    chosen = _chosen(labels, goods, stages)
    return sum(
        tonnes
        for (good, facility), tonnes in labels.output.items()
        if good in chosen
        and labels.facilities[facility].country in places
        and labels.facilities[facility].kind != "trader"
    )


def _used(labels: Labels, goods: Sequence[str], stages: Sequence[str], by: Sequence[str]) -> float:
    places = {code for word in by for code in labels.group(word)}
    chosen = _chosen(labels, goods, stages)
    return sum(
        tonnes
        for (good, facility), tonnes in labels.use.items()
        if good in chosen and labels.facilities[facility].country in places
    )


def check_observed_sizes(observed: Mapping[str, Observation], report: Report, labels: Labels) -> None:
    """Say so where all figures of an observed series are far from the base year, as in another unit."""
    for name, seen in observed.items():
        if seen.minus or seen.over:
            continue
        base, what = _base(seen.series, labels)
        figures = []
        for period, figure in seen.values.items():
            months = MONTHS if seen.series.startswith(YEARLY) else period.months
            adds_up = figure.value.dimension == "mass"
            if figure.value.dimension in ("mass", "mass per year", "price") and figure.value.value > 0:
                yearly = figure.value.value * (MONTHS / months if adds_up else 1.0)
                figures.append((yearly, figure.value))
        if not figures or base <= 0:
            continue
        # A halt brings single figures to nothing; a wrong unit shifts all of them.
        (low, least), (high, most) = min(figures, key=_first), max(figures, key=_first)
        said, worst = far_off(low, base, MOST_OF_A_PRICE if what == PRICES else MOST), least
        if low < base:
            said, worst = (far_off(high, base), most) if high < base else ("", least)
        if said:
            report.add(
                ("observed", name), f"'{worst}' is {said} the {base:,.0f} {what} of {labels.base_year}, and "
                "no figure of the series is closer", ADVICE, key=True, warning=True,
            )  # fmt: skip


def _first(pair: tuple[float, Quantity]) -> float:
    return pair[0]


def _base(series: str, labels: Labels) -> tuple[float, str]:
    """What the base year has of a series, in tonnes a year or USD/t, and its name; 0 where there is none."""
    kind, *parts = series.removeprefix(YEARLY).split(".")
    if len(parts) != len(SERIES_FORMS.get(kind, ())) or not parts:
        return 0.0, ""
    goods = parts[0].split("+")
    if kind in ("price_outside", "price_inside", "price_gate"):
        path, columns = labels.folder / "prices.csv", ("good", "price_usd_t")
        prices = read_table(path, columns).pairs(*columns) if path.is_file() else {}
        found = [float(prices[good]) for good in _chosen(labels, goods, ()) if prices.get(good)]
        # Prices of several goods lie far from each other.
        return (found[0] if len(found) == 1 else 0.0), PRICES
    if kind == "exports":
        return _traded(labels, goods, (), parts[1:], ["world"]), "t a year of exports"
    if kind == "imports":
        return _traded(labels, goods, (), ["world"], parts[1:]), "t a year of imports"
    if kind == "production":
        return _made(labels, goods, (), parts[1:]), "t a year of output"
    return 0.0, ""
