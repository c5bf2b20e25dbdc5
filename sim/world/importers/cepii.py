"""Trade in CEPII's own layout: columns t, i, j, k, v, q, countries as numbers, quantities partly missing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.errors import MonaziteError
from sim.names import countries, country_numbered
from sim.paths import shown
from sim.world.importers.sheets import Imported, read_sheet

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["TRADE_COLUMNS", "cepii_countries", "read_cepii"]

TRADE_COLUMNS = ("year", "hs6", "exporter", "importer", "value_kusd", "quantity_t")
LAYOUT = ("t", "i", "j", "k", "v", "q")
MEANING = {"t": "year", "i": "exporter", "j": "importer", "k": "HS code", "v": "thousand USD", "q": "tonnes"}
ROWS_AT_ONCE = 1_000_000
LAST_YEAR = 2200
OWN_NUMBERS = {
    58: "BEL", 251: "FRA", 280: "DEU", 381: "ITA", 490: "TWN", 579: "NOR", 699: "IND", 711: "ZAF", 736: "SDN",
    757: "CHE", 842: "USA", 891: "SRB",
}  # fmt: skip
"""Numbers of CEPII that are none of today's list of the United Nations: with what they take in (France with
Monaco), of former states (Belgium with Luxembourg until 1998, the Southern African Customs Union until
1999, the Federal Republic of Germany until 1990, Sudan until 2011, Serbia with Montenegro until 2005), and
Asia not elsewhere specified, which is Taiwan."""
OWN_CODES = {"S19": "TWN", "ZA1": "ZAF", "BLX": "BEL", "SCG": "SRB", "ROM": "ROU", "ZAR": "COD"}
"""Codes in CEPII's tables of countries that ISO does not have."""


def cepii_countries(path: Path) -> dict[int, str]:
    """Number -> ISO-3 code, from CEPII's own ``country_codes_*.csv``; codes of groups are left out.

    Raises:
        MonaziteError: it cannot be read, or lacks the columns ``country_code`` and ``country_iso3``.
    """
    rows = read_sheet(path).rows
    header = [cell.casefold() for cell in rows[0][1]] if rows else []
    if "country_code" not in header or "country_iso3" not in header:
        say = "name CEPII's country_codes_*.csv"
        raise MonaziteError(f"{shown(path)}: columns 'country_code' and 'country_iso3' are missing; {say}")
    number, code = header.index("country_code"), header.index("country_iso3")
    found = {}
    for _, row in rows[1:]:
        iso3 = OWN_CODES.get(row[code], row[code]) if len(row) > max(number, code) else ""
        if row[number].isdigit() and iso3 in countries():
            found[int(row[number])] = iso3
    return found


def read_cepii(
    paths: Path | Sequence[Path], codes: Sequence[str] = (), numbers: Mapping[int, str] | None = None
) -> Imported:
    """Trade records from files of BACI as CEPII ships them (``BACI_HS92_Y2022_V202401b.csv``).

    Args:
        paths: one file or several years. codes: HS codes or their beginnings to keep; all where empty.
        numbers: country number -> ISO-3 code (:func:`cepii_countries`); the list of the United Nations
            and :data:`OWN_NUMBERS` where None.

    Returns:
        :data:`TRADE_COLUMNS`, sorted; ``quantity_t`` is NaN where CEPII has none, for a flow of several rows
        where it has none for one of them. Notes count what is missing, recoded, summed or left out.

    Raises:
        MonaziteError: a file cannot be read or has other columns; a cell is no number, or negative.
    """
    import pandas as pd

    files = [paths] if isinstance(paths, Path) else list(paths)
    frame = pd.concat([_records(path, codes) for path in files], ignore_index=True)
    notes: list[str] = []
    for side in ("exporter", "importer"):
        frame[side] = _named(frame[side], numbers, side, notes)
    unknown = frame.exporter.isna() | frame.importer.isna()
    if unknown.any():
        worth = frame.value_kusd[unknown].sum() / 1000
        rows = int(unknown.sum())
        notes.append(f"{rows:,} rows of unknown countries are left out: {worth:,.1f} million USD")
    frame = frame[~unknown]
    inside = frame.exporter == frame.importer
    if inside.any():
        notes.append(f"{int(inside.sum()):,} rows from a country to itself are left out")
    frame = frame[~inside]
    keys = list(TRADE_COLUMNS[:4])
    frame = _added(frame, keys, notes)
    missing = frame.quantity_t.isna()
    if missing.any():
        worth = frame.value_kusd[missing].sum() / 1000
        share = frame.value_kusd[missing].sum() / frame.value_kusd.sum()
        notes.append(
            f"{int(missing.sum()):,} of {len(frame):,} rows have no quantity: {worth:,.1f} million USD, "
            f"{100 * share:.1f} % of the value"
        )
    ordered = frame.sort_values(keys, ignore_index=True)[list(TRADE_COLUMNS)]
    return Imported(ordered, tuple(notes))


def _added(frame: pd.DataFrame, keys: list[str], notes: list[str]) -> pd.DataFrame:
    """Rows of the same flow as one; its quantity is missing where that of any of them is."""
    import pandas as pd

    twice = frame.duplicated(keys, keep=False)
    if not twice.any():
        return frame
    alike = frame[twice]
    # What is missing is not nothing: a sum that took it for zero would make the flow small and dear.
    summed = alike.groupby(keys, as_index=False).agg(
        value_kusd=("value_kusd", "sum"), quantity_t=("quantity_t", lambda q: q.sum(skipna=False)),
        known=("quantity_t", "sum"),
    )  # fmt: skip
    notes.append(
        f"{len(alike) - len(summed):,} rows name year, code and countries of another and are added to it"
    )
    lacking = int(alike.quantity_t.isna().sum())
    if lacking:
        unknown = summed.known[summed.quantity_t.isna()].sum()
        notes.append(
            f"{lacking:,} of the rows of such flows have no quantity, so their flows have none either: "
            f"{unknown:,.6g} t of other rows are not counted"
        )
    return pd.concat([frame[~twice], summed.drop(columns="known")])


def _records(path: Path, codes: Sequence[str]) -> pd.DataFrame:
    """The rows of one file that are asked for, in tidy columns, countries still as numbers."""
    import pandas as pd

    try:
        head = pd.read_csv(path, nrows=0).columns
        lacking = [f"{name} ({MEANING[name]})" for name in LAYOUT if name not in map(str.strip, head)]
        if lacking:
            say = "name a file of BACI, which has the columns t, i, j, k, v, q"
            raise MonaziteError(f"{shown(path)}:1: columns are missing: {', '.join(lacking)}; {say}")
        parts = []
        for chunk in pd.read_csv(
            path, dtype=str, chunksize=ROWS_AT_ONCE, skipinitialspace=True, keep_default_na=False
        ):
            chunk.columns = [str(name).strip() for name in chunk.columns]
            part = chunk[list(LAYOUT)]
            # Programs that take codes for numbers lose the zero in front.
            part = part.assign(k=part.k.str.strip().str.zfill(6))
            parts.append(part[part.k.str.startswith(tuple(codes))] if codes else part)
    except (OSError, UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
        said = getattr(error, "strerror", None) or str(error).splitlines()[0]
        raise MonaziteError(f"{shown(path)}: cannot be read ({said}); name a file of BACI") from None
    frame = pd.concat(parts)
    numbers = {
        name: _numbers(frame[name], path, f"{name} ({MEANING[name]})", empty=name == "q")
        for name in ("t", "i", "j", "v", "q")
    }
    wrong = ~frame.k.str.fullmatch(r"\d{6}")
    if wrong.any():
        at = int(frame.index[wrong][0])
        raise MonaziteError(f"{shown(path)}:{at + 2}: k (HS code) '{frame.k[at][:60]}' has not six digits")
    year = numbers["t"]
    if not year.between(1900, LAST_YEAR).all():
        at = int(year.index[~year.between(1900, LAST_YEAR)][0])
        raise MonaziteError(f"{shown(path)}:{at + 2}: t (year) '{year[at]:g}' is no year")
    return pd.DataFrame({
        "year": year.astype(int), "hs6": frame.k, "exporter": numbers["i"].astype(int),
        "importer": numbers["j"].astype(int), "value_kusd": numbers["v"], "quantity_t": numbers["q"],
    })  # fmt: skip


def _numbers(column: pd.Series, path: Path, what: str, *, empty: bool) -> pd.Series:
    import pandas as pd

    text = column.str.strip()
    blank = text.str.upper().isin(["", "NA", "NAN"])
    found = pd.to_numeric(text.mask(blank), errors="coerce")
    wrong = found.isna() & ~(blank if empty else False) | (found < 0)
    if wrong.any():
        at = int(column.index[wrong][0])
        more = f", and {int(wrong.sum()) - 1:,} more" if wrong.sum() > 1 else ""
        raise MonaziteError(
            f"{shown(path)}:{at + 2}: {what} '{column[at][:60]}' is no number of 0 or more{more}; mend it"
        )
    return found.astype(float)


def _named(
    column: pd.Series, numbers: Mapping[int, str] | None, side: str, notes: list[str]
) -> pd.Series:
    """ISO-3 codes for numbers; unknown numbers are missing, and said."""
    known: dict[int, str] = {}
    unknown: list[int] = []
    for number in sorted(set(column)):
        country = country_numbered(number)
        code = (numbers or {}).get(number) or OWN_NUMBERS.get(number) or (country.iso3 if country else None)
        if code is None:
            unknown.append(number)
        else:
            known[number] = code
    recoded = [f"{n} as {known[n]}" for n in known if n in OWN_NUMBERS and not numbers]
    if recoded:
        notes.append(f"{side}s with numbers of CEPII's own: {', '.join(recoded)}")
    if unknown:
        notes.append(f"{side}s with unknown numbers: {', '.join(map(str, unknown[:20]))}")
    return column.map(known)
