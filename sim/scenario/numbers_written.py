"""How numbers are written: dots that may part thousands, and units that suit an observed series."""

from __future__ import annotations

import re
from collections.abc import Iterator

from sim.scenario.node import Node, walk
from sim.scenario.observed import parse_observed
from sim.scenario.report import Report
from sim.units import QuantityError, doubtful_dot, parse_quantity

__all__ = ["check_dots", "check_observed", "check_taxes"]

DIMENSIONS = {
    "price_outside": "price", "price_inside": "price", "price_gate": "price", "exports": "mass",
    "imports": "mass", "yearly_exports": "mass", "yearly_imports": "mass",
}  # fmt: skip
"""Kind of an observed series -> what its figures measure."""
YUAN = re.compile(r"\d\s*(CNY|RMB)/")


def check_dots(root: Node, report: Report) -> None:
    """Warn of numbers such as ``30.258 t``, which many take for thirty thousand."""
    assert isinstance(root.value, dict)
    for field in ("events", "observed"):
        for path, node in walk(root.value[field], (field,)) if field in root.value else ():
            meant = doubtful_dot(node.value) if isinstance(node.value, str) else ""
            if not meant:
                continue
            try:
                read = parse_quantity(node.value)
            except QuantityError:
                continue
            report.add(
                path, f"'{read.text}' is a number below a thousand: the dot parts decimals here",
                f"write '{meant}' if it parts thousands, '{_longer(read.text)}' if not", warning=True,
            )  # fmt: skip


def _longer(text: str) -> str:
    """The same number with a digit more, which nobody takes for thousands."""
    whole, _, rest = text.partition(".")
    return f"{whole}.{rest[:3]}0{rest[3:]}"


def check_observed(root: Node, report: Report) -> None:
    """Units of observed figures must suit the series, of which the kind is known by its first word."""
    for path, node, dimension in _figures(root):
        try:
            if dimension == "mass" and parse_observed(node.value).dimension == "mass per year":
                continue
        except QuantityError:
            pass
        try:
            parse_observed(node.value, dimension)
        except QuantityError as error:
            # The models say the same of a figure alone, without knowing the series.
            report.problems = [p for p in report.problems if p.warning or p.field != ".".join(path)]
            report.add(path, error.message, error.remedy)


def _shares(values: Node | None) -> bool:
    """Whether all figures are shares, of the reference."""
    figures = values.value.values() if values is not None and isinstance(values.value, dict) else ()
    inner = [f.value.get("value", f) if isinstance(f.value, dict) else f for f in figures]
    return all(isinstance(figure.value, str) and figure.value.strip().endswith("%") for figure in inner)


def check_taxes(root: Node, report: Report) -> None:
    """Say so where prices in yuan do not tell whether they hold value-added tax: most quotes in China do."""
    assert isinstance(root.value, dict)
    observed = root.value.get("observed")
    for name, entry in observed.value.items() if observed and isinstance(observed.value, dict) else ():
        if isinstance(entry.value, dict) and "vat" not in entry.value:
            texts = [n.value for _, n in walk(entry.value["values"])] if "values" in entry.value else []
            yuan = [text for text in texts if isinstance(text, str) and YUAN.search(text)]
            if yuan:
                report.add(
                    ("observed", name), f"'{yuan[0]}' does not say whether it holds value-added tax",
                    "write 'vat: 13 %' for a quote with tax, as most are in China, or 'vat: 0 %'",
                    key=True, warning=True,
                )  # fmt: skip


def _figures(root: Node) -> Iterator[tuple[tuple[str, ...], Node, str]]:
    """Path and node of each observed figure that is text, and the dimension that it should have."""
    assert isinstance(root.value, dict)
    observed = root.value.get("observed")
    for name, node in observed.value.items() if observed and isinstance(observed.value, dict) else ():
        if not isinstance(node.value, dict):
            continue
        series, values = node.value.get("series"), node.value.get("values")
        kind = str(series.value).partition(".")[0] if series is not None else ""
        if "over" in node.value or (kind in DIMENSIONS and "reference" in node.value and _shares(values)):
            # Ratios are checked by the model, which knows to what.
            continue
        if kind not in DIMENSIONS or values is None or not isinstance(values.value, dict):
            continue
        for day, figure in values.value.items():
            path: tuple[str, ...] = ("observed", name, "values", day)
            if isinstance(figure.value, dict):
                if "value" not in figure.value:
                    continue
                figure, path = figure.value["value"], (*path, "value")
            if isinstance(figure.value, str | int | float) and not isinstance(figure.value, bool):
                yield path, figure, DIMENSIONS[kind]
