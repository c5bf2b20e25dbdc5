"""What each kind of facility sells and buys: mines only sell, users only buy, plants and traders do both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from sim.tables import Row

__all__ = ["KINDS", "PLANTS", "check_roles"]

KINDS = ("miner", "processor", "trader", "manufacturer")
PLANTS = ("processor", "trader")
Rows = Mapping[tuple[str, str], Row]
"""(good, facility) -> row of outputs.csv or inputs.csv."""


def check_roles(facilities: Iterable[Row], outputs: Rows, inputs: Rows) -> None:
    """Note rows that do not fit the kinds of their facilities."""
    rows = {row.text("facility"): row for row in facilities}
    kind = {name: row.text("kind") for name, row in rows.items()}
    sells, buys = _goods_by_facility(outputs), _goods_by_facility(inputs)
    for (_, name), row in inputs.items():
        if kind[name] == "miner":
            row.refuse("facility", f"{name} is a miner, which buys nothing", "make it a processor")
    for (good, name), row in outputs.items():
        if kind[name] == "manufacturer":
            row.refuse("facility", f"{name} is a manufacturer, which sells nothing", "make it a processor")
        if all(good not in bought for bought in buys.values()):
            row.refuse("good", f"nobody buys '{good}'", "add a row of inputs.csv, or remove this one")
    for name, row in rows.items():
        if kind[name] not in PLANTS:
            continue
        own, taken = sells.get(name, set()), buys.get(name, set())
        if not own or not taken:
            side, table = ("buys", "inputs.csv") if own else ("sells", "outputs.csv")
            row.refuse("kind", f"{kind[name]} {name} {side} nothing", f"add its rows of {table}")
        elif kind[name] == "trader" and own != taken:
            odd = ", ".join(sorted(own ^ taken))
            remedy = "give each good a row of outputs.csv and one of inputs.csv"
            row.refuse("kind", f"trader {name} buys or sells alone: {odd}", remedy)
        _check_begun(name, [outputs[good, name] for good in sorted(own)])


def _goods_by_facility(rows: Rows) -> dict[str, set[str]]:
    goods: dict[str, set[str]] = {}
    for good, name in rows:
        goods.setdefault(name, set()).add(good)
    return goods


def _check_begun(plant: str, rows: list[Row]) -> None:
    """A plant works or waits: all of its base-year outputs are above 0, or none."""
    idle = [row for row in rows if not row.number("output_t", empty=0.0) > 0]
    if len(idle) < len(rows):
        for row in idle:
            message = f"{plant} makes none of it, but works in the base year"
            row.refuse("output_t", message, "remove the row, or give it an output")
