"""Numbers, places and users as sentences have them."""

from __future__ import annotations

import numpy as np

from sim.analysis.names import country_name

__all__ = ["place", "two", "user"]

NOTHING = 1e-9
"""What rounding leaves behind."""
WITH_ARTICLE = ("United States", "United Kingdom", "Netherlands", "Philippines", "United Arab Emirates")
USERS = {
    "processor": "processors", "miner": "mines", "manufacturer": "manufacturers", "ev": "electric vehicles",
    "other": "other users", "other_automotive": "other vehicles",
}  # fmt: skip


def two(value: float) -> str:
    """Two significant digits, thousands set apart by commas.

    >>> two(1234567), two(0.01234), two(99.7), two(0), two(float("nan"))
    ('1,200,000', '0.012', '100', '0', '-')
    """
    if not np.isfinite(value):
        return "-"
    rounded = float(f"{value:.2g}") if abs(value) > NOTHING else 0.0
    digits = max(1 - int(np.floor(np.log10(abs(rounded)))), 0) if rounded else 0
    return f"{rounded:,.{digits}f}".rstrip("0").rstrip(".") if digits else f"{rounded:,.0f}"


def place(code: str) -> str:
    """A country's name as it stands behind a preposition.

    >>> place("USA"), place("JPN"), place("ROW")
    ('the United States', 'Japan', 'the rest of the world')
    """
    name = country_name(code)
    if code == "ROW":
        return "the rest of the world"
    return f"the {name}" if name in WITH_ARTICLE else name


def user(kind: str) -> str:
    """A sector, or a kind of facility, in words.

    >>> user("processor"), user("ev"), user("data_centres")
    ('processors', 'electric vehicles', 'data centres')
    """
    return USERS.get(kind, kind.replace("_", " "))
