"""Write one base year as CSV, deterministically: fixed order, fixed number format, Unix line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from sim.world.build.draft import Draft, Facility, Offer
from sim.world.build.raw import Row

__all__ = ["write_table", "write_year"]


def _firm(facility: Facility) -> str:
    """Unnamed producers are a fringe: each facility its own firm, so that they never price as one."""
    return f"{facility.firm} ({facility.id})" if facility.firm.startswith("other ") else facility.firm


def _tail(by_product: bool, unit: str, row: Offer) -> tuple[object, ...]:
    return by_product, unit, row.source, row.confidence


KINDS = ("miner", "processor", "trader", "manufacturer")


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return str(int(value))
    return format(value, ".10g") if isinstance(value, float) else str(value)


def write_table(path: Path, header: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    """One CSV file, numbers with ten significant digits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow(header)
        writer.writerows([_cell(v) for v in row] for row in rows)


def write_year(
    folder: Path,
    draft: Draft,
    goods: list[Row],
    prices: dict[str, Row],
    tariffs: list[Row],
    controls: list[Row],
) -> None:
    """All tables of one base year."""
    names = [g["good"] for g in goods]
    unit = {g["good"]: g["unit"] for g in goods}
    facilities = sorted(draft.facilities.values(), key=lambda f: KINDS.index(f.kind))
    place = {f.id: i for i, f in enumerate(facilities)}
    write_table(
        folder / "facilities.csv",
        "facility,name,kind,country,firm,sector,value_added_usd,source,confidence".split(","),
        [
            (f.id, f.name, f.kind, f.country, _firm(f), f.sector, f.value_added_usd, f.source, f.confidence)
            for f in facilities
        ],
    )
    offers = [
        (f, g, o) for g in names for f, o in sorted(draft.offers[g].items(), key=lambda item: place[item[0]])
    ]
    write_table(
        folder / "outputs.csv",
        "facility,good,output_t,capacity_t,stock_weeks,cash_cost_usd_t,by_product,unit,source,confidence".split(
            ","
        ),
        [
            (f, g, o.tonnes, o.capacity, o.stock_weeks, o.cash_cost, *_tail(o.by_product, unit[g], o))
            for f, g, o in offers
        ],
    )
    write_table(
        folder / "composition.csv",
        "facility,good,element,share,source,confidence".split(","),
        [
            (f, g, element, share, o.composition_source, o.composition_confidence)
            for f, g, o in offers
            for element, share in o.composition.items()
        ],
    )
    write_table(
        folder / "inputs.csv",
        "facility,good,use_t,cover_weeks,reservation_multiple,dependence,unit,source,confidence".split(","),
        [
            (f, g, u.tonnes, u.cover_weeks, u.reservation, u.dependence, unit[g], u.source, u.confidence)
            for g in names
            for f, u in sorted(draft.uses[g].items(), key=lambda item: place[item[0]])
        ],
    )
    write_table(
        folder / "flows.csv",
        "good,seller,buyer,tonnes,source,confidence".split(","),
        [
            (g, s, b, tonnes, *draft.flow_label[g][s, b])
            for g in names
            for (s, b), tonnes in sorted(
                draft.flows[g].items(), key=lambda item: (place[item[0][0]], place[item[0][1]])
            )
        ],
    )
    write_table(
        folder / "prices.csv",
        "good,price_usd_t,unit,series,source,confidence".split(","),
        [
            [g, prices[g]["price_usd_t"], f"USD/{unit[g]}"]
            + [prices[g][c] for c in ("series", "source", "confidence")]
            for g in names
        ],
    )
    for name, rows, header in (
        ("tariffs", tariffs, "good,exporter,importer,rate,source,confidence"),
        ("controls", controls, "id,type,by,to,goods,from,note,source,confidence"),
    ):
        columns = header.split(",")
        write_table(folder / f"{name}.csv", columns, [[r[c] for c in columns] for r in rows])
    write_table(
        folder / "adjustments.csv",
        "good,country,item,raw,reconciled,unit,rule".split(","),
        [(a.good, a.country, a.item, a.raw, a.reconciled, a.unit, a.rule) for a in draft.adjustments],
    )
