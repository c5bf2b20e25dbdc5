"""What a tonne is worth to its user, and what the user does instead of buying it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import fsum, inf

from sim.tables import Row, Table, read_table
from sim.world.build.draft import Adjustment, Draft, Use
from sim.world.build.raw import RESTORE, Raw
from sim.world.rows import LEAST_YEARS

__all__ = ["set_worth"]

Key = tuple[str, str, str]
"""Mineral, good, sector; an empty word stands for any."""
PLANT = "plant"
"""Sector of the rows that say what a plant does instead."""
IDLE_YEARS = 1.0
"""Written where no share of a use can switch, so that nothing feels it."""


@dataclass(frozen=True)
class _Stated:
    """Rows of a table by mineral, good and sector, of which the most specific holds."""

    rows: Mapping[Key, Row]

    @classmethod
    def read(cls, table: Table) -> _Stated:
        """Rows that stand twice are noted as a problem of the table."""
        rows: dict[Key, Row] = {}
        for row in table:
            key = row.text("mineral"), row.text("good"), row.text("sector")
            if key in rows:
                row.refuse("", f"'{', '.join(key)}' stands twice", "remove one row")
            rows[key] = row
        return cls(rows)

    def find(self, mineral: str, good: str, sector: str) -> Row | None:
        """A good's rows come before those of its mineral, and rules without a mineral last."""
        ends = [(mineral, good), (mineral, ""), ("", "")]
        # A plant is no kind of user: what holds in all sectors says nothing of it.
        sectors = [sector] if sector == PLANT else [sector, ""]
        keys = [(*end, s) for end in ends for s in sectors]
        return next((self.rows[key] for key in keys if key in self.rows), None)


ENDS = ("low", "high")
"""Columns of a range, where a table has one range alone."""


def _range(row: Row, column: str, bounds: tuple[float, float], ends: tuple[str, str] = ENDS) -> None:
    """Note a number, or an end of its range, that is out of bounds, or ends in the wrong order."""
    low, high = (row.number(end, *bounds) for end in ends)
    row.number(column, max(low, bounds[0]), min(high, bounds[1]))


def _read_dependence(raw: Raw) -> _Stated:
    columns = ("mineral", "good", "sector", "dependence", "low", "high")
    table = read_table(raw.folder / "assumptions" / "dependence.csv", columns, remedy=RESTORE)
    stated = _Stated.read(table)
    for row in table:
        _range(row, "dependence", (0.0, 1.0))
    table.problems.check()
    return stated


def _read_ways(raw: Raw) -> _Stated:
    columns = ("mineral", "good", "sector", "way", "switch_multiple", "switch_years", "switch_share")
    table = read_table(raw.folder / "assumptions" / "next_best.csv", columns, remedy=RESTORE)
    stated = _Stated.read(table)
    for row in table:
        if not row.text("way"):
            row.refuse("way", "is empty", "name the way, or why there is none")
        if row.number("switch_share", 0.0, 1.0) > 0:
            for column, least in (("switch_multiple", 1.0), ("switch_years", LEAST_YEARS)):
                _range(row, column, (least, inf), (f"{column}_low", f"{column}_high"))
    table.problems.check()
    return stated


@dataclass(frozen=True)
class _Sectors:
    """Per sector: surplus over value added, and what a tonne is usually worth over its price."""

    surplus: Mapping[str, float]
    usual: Mapping[str, float]

    @classmethod
    def read(cls, raw: Raw) -> _Sectors:
        columns = ("sector", "surplus_share", "usual_worth")
        table = read_table(raw.folder / "assumptions" / "sector_behaviour.csv", columns, remedy=RESTORE)
        for row in table:
            _range(row, "surplus_share", (0.0, 1.0), ("surplus_low", "surplus_high"))
            _range(row, "usual_worth", (1.0, inf), ("usual_low", "usual_high"))
        table.problems.check()
        read = {c: {r.text("sector"): r.number(c) for r in table} for c in columns[1:]}
        return cls(read["surplus_share"], read["usual_worth"])


def set_worth(draft: Draft, raw: Raw, price: Mapping[str, float], mineral: Mapping[str, str]) -> None:
    """Fill what a tonne is worth, dependence and the next-best way of every use.

    A user's worth is surplus share x value added that depends on the good / (use x base price), within the
    bounds of ``worth.csv``; value added is that of all countries whose use is pooled in the row. A plant's
    worth is its give-up price, which has been set before.

    Args:
        draft: with reconciled tonnes. price: good -> base price, USD/t. mineral: good -> mineral.

    Raises:
        MonaziteError: a table of assumptions is wrong somewhere.
        KeyError: no row, and no rule, says what end users do instead of a good.
    """
    dependence, ways, sectors = _read_dependence(raw), _read_ways(raw), _Sectors.read(raw)
    rules = raw.rules("worth")
    cells = _cells(draft)
    spend = {key: price[key[0]] * fsum(use.tonnes for use in uses.values()) for key, uses in cells.items()}
    for (good, sector), uses in cells.items():
        row = dependence.find(mineral[good], good, sector)
        surplus = sectors.surplus[sector] * fsum(use.value_added for use in uses.values())
        if row is None:
            share = sectors.usual[sector] * spend[good, sector] / surplus
        else:
            # What hangs on a mineral is split between its goods by value, unless a row names the good.
            shared = [
                money for (other, s), money in spend.items()
                if s == sector and dependence.find(mineral[other], other, s) is row
            ]  # fmt: skip
            share = row.number("dependence") * spend[good, sector] / fsum(shared)
        _spread(draft, good, uses, min(share, 1.0), (price[good], sectors.surplus[sector], rules))
    for good, uses in draft.uses.items():
        for name, use in uses.items():
            buyer = draft.facilities[name]
            sector = buyer.sector if buyer.kind == "manufacturer" else PLANT
            # A trader has no recipe, whatever the good: the rule of plants holds, not the row of a mineral.
            names = ("", "") if buyer.kind == "trader" else (mineral[good], good)
            _set_way(use, ways.find(*names, sector), f"{good} in {sector}")


def _cells(draft: Draft) -> dict[tuple[str, str], dict[str, Use]]:
    """Uses of manufacturers by facility, for each good and sector."""
    cells: dict[tuple[str, str], dict[str, Use]] = {}
    for good, uses in draft.uses.items():
        for name, use in uses.items():
            if draft.facilities[name].kind == "manufacturer":
                cells.setdefault((good, draft.facilities[name].sector), {})[name] = use
    return cells


def _spread(
    draft: Draft,
    good: str,
    uses: Mapping[str, Use],
    share: float,
    terms: tuple[float, float, Mapping[str, float]],
) -> None:
    """Worth and dependence of a sector's users in each country, around those of the world.

    Where a country buys little of a good for its value added, less of its products hold it, and a tonne
    carries more value: how much of each is the exponent ``dependence_by_use``.
    """
    price, surplus, rules = terms
    tonnes = fsum(use.tonnes for use in uses.values())
    value_added = fsum(use.value_added for use in uses.values())
    for name, use in uses.items():
        buyer, spent = draft.facilities[name], use.tonnes * price
        ratio = (use.tonnes / tonnes) / (use.value_added / value_added)
        depends = min(share * ratio ** rules["dependence_by_use"], 1.0) * use.value_added
        found = surplus * depends / spent
        use.worth = min(max(found, rules["least_worth"]), rules["most_worth"])
        if use.worth != found:
            rule = "raised to the least worth" if use.worth > found else "lowered to the most worth"
            unit, item = "multiple of base price", f"worth to {name}"
            booked = Adjustment(good, buyer.country, item, found, use.worth, unit, f"{rule} (worth.csv)")
            draft.adjust(booked)
        # What is lost with the last tonne is never less than what is bid for all of them.
        least = max(depends, use.worth * spent) / buyer.value_added_usd
        use.dependence = min(least, 1.0)


def _set_way(use: Use, row: Row | None, where: str) -> None:
    if row is None:
        raise KeyError(f"next_best.csv says nothing on {where}")
    use.switch_share = row.number("switch_share")
    can = use.switch_share > 0
    use.switch_multiple = row.number("switch_multiple") if can else use.worth
    use.switch_years = row.number("switch_years") if can else IDLE_YEARS
