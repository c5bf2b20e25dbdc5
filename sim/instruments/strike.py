"""``strike``: workers or communities stop mines or plants for a time."""

from __future__ import annotations

from typing import ClassVar, Literal

from sim.instruments.outage import Standstill

__all__ = ["INSTRUMENT", "Strike"]


class Strike(Standstill):
    """As an outage, but by decision of people."""

    cause: ClassVar[str] = "a strike"
    type: Literal["strike"] = "strike"


INSTRUMENT = Strike
