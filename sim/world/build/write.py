"""Write one base year as CSV, deterministically: fixed order, fixed number format, Unix line ends."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from sim.world.build.draft import Draft, Facility, Use
from sim.world.build.raw import Row

__all__ = ["GOODS", "YearTables", "write_table", "write_year"]


def _firm(facility: Facility) -> str:
    """Unnamed producers are a fringe: each facility its own firm, so that they never price as one."""
    return f"{facility.firm} ({facility.id})" if facility.firm.startswith("other ") else facility.firm


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


@dataclass(frozen=True)
class YearTables:
    """What a base year's folder holds beside facilities and trade, each from tables of its own."""

    goods: list[Row]
    prices: dict[str, Row]
    tariffs: list[Row]
    controls: list[Row]


GOODS = "good,name,mineral,market,stage,unit,hs6,basket,element,note".split(",")
"""Columns of the table of goods, which all years share."""
COLUMNS = {
    "facilities": "facility,name,kind,country,firm,sector,value_added_usd,source,confidence",
    "outputs": (
        "facility,good,output_t,capacity_t,stock_weeks,cash_cost_usd_t,by_product,unit,source,confidence"
    ),
    "composition": "facility,good,element,share,source,confidence",
    "inputs": (
        "facility,good,use_t,cover_weeks,dependence,worth_multiple,switch_multiple,"
        "switch_years,switch_share,unit,source,confidence"
    ),
    "flows": "good,seller,buyer,tonnes,source,confidence",
    "prices": "good,price_usd_t,unit,series,source,confidence",
    "tariffs": "good,exporter,importer,rate,source,confidence",
    "controls": "id,type,by,to,goods,from,note,source,confidence",
    "adjustments": "good,country,item,raw,reconciled,unit,rule",
}


def write_year(folder: Path, draft: Draft, tables: YearTables) -> None:
    """All tables of one base year."""
    names = [g["good"] for g in tables.goods]
    unit = {g["good"]: g["unit"] for g in tables.goods}
    facilities = sorted(draft.facilities.values(), key=lambda f: KINDS.index(f.kind))
    place = {f.id: i for i, f in enumerate(facilities)}
    rows: dict[str, Iterable[Sequence[object]]] = {
        "facilities": [
            (f.id, f.name, f.kind, f.country, _firm(f), f.sector, f.value_added_usd, f.source, f.confidence)
            for f in facilities
        ],
        **_offer_rows(draft, names, unit, place),
        "inputs": [
            (f, g, *_terms(u), unit[g], u.source, u.confidence)
            for g in names
            for f, u in sorted(draft.uses[g].items(), key=lambda item: place[item[0]])
        ],
        "flows": [
            (g, s, b, tonnes, *draft.flow_label[g][s, b])
            for g in names
            for (s, b), tonnes in sorted(
                draft.flows[g].items(), key=lambda item: (place[item[0][0]], place[item[0][1]])
            )
        ],
        "prices": [
            [g, tables.prices[g]["price_usd_t"], f"USD/{unit[g]}"]
            + [tables.prices[g][column] for column in ("series", "source", "confidence")]
            for g in names
        ],
        "tariffs": [[r[c] for c in COLUMNS["tariffs"].split(",")] for r in tables.tariffs],
        "controls": [[r[c] for c in COLUMNS["controls"].split(",")] for r in tables.controls],
        "adjustments": [
            (a.good, a.country, a.item, a.raw, a.reconciled, a.unit, a.rule) for a in draft.adjustments
        ],
    }
    for name, header in COLUMNS.items():
        write_table(folder / f"{name}.csv", header.split(","), rows[name])


def _terms(use: Use) -> tuple[float, ...]:
    """The numbers of a row of inputs."""
    return (
        use.tonnes, use.cover_weeks, use.dependence, use.worth, use.switch_multiple,
        use.switch_years, use.switch_share,
    )  # fmt: skip


def _offer_rows(
    draft: Draft, goods: Sequence[str], unit: Mapping[str, str], place: Mapping[str, int]
) -> dict[str, Iterable[Sequence[object]]]:
    """Rows of outputs and compositions, by good, then in the order of facilities."""
    offers = [
        (f, g, o) for g in goods for f, o in sorted(draft.offers[g].items(), key=lambda item: place[item[0]])
    ]
    return {
        "outputs": [
            (
                f, g, o.tonnes, o.capacity, o.stock_weeks, o.cash_cost, o.by_product, unit[g], o.source,
                o.confidence,
            )
            for f, g, o in offers
        ],
        "composition": [
            (f, g, element, share, o.composition_source, o.composition_confidence)
            for f, g, o in offers
            for element, share in o.composition.items()
        ],
    }  # fmt: skip
