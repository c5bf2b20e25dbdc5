"""``recycling_push``: users cover part of their need from what they take back themselves."""

from __future__ import annotations

from typing import ClassVar, Literal

from sim.instruments.substitution_push import NeedPush

__all__ = ["INSTRUMENT", "RecyclingPush"]


class RecyclingPush(NeedPush):
    """Takes ``share`` of the need off the market, in a straight line over ``ramp``.

    The recycled tonnes go round within the users' own loop, so they are neither traded nor counted as
    output. Recyclers that sell on the market are facilities of the world: ``capacity_change`` lets them grow.
    """

    verb: ClassVar[str] = "is met from own recycling"
    type: Literal["recycling_push"] = "recycling_push"


INSTRUMENT = RecyclingPush
