"""Places and users as sentences have them."""

from __future__ import annotations

from sim.analysis.names import country_name

__all__ = ["place", "user"]

WITH_ARTICLE = ("United States", "United Kingdom", "Netherlands", "Philippines", "United Arab Emirates")
USERS = {
    "processor": "processors", "miner": "mines", "manufacturer": "manufacturers", "ev": "electric vehicles",
    "other": "other users", "other_automotive": "other vehicles",
}  # fmt: skip


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
