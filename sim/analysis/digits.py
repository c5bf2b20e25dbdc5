"""Numbers as sentences and tables have them."""

from __future__ import annotations

import numpy as np

__all__ = ["two"]

NOTHING = 1e-9
"""What rounding leaves behind."""


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
