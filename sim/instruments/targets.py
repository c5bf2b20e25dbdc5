"""What may be wrong with the events that a rule or a negotiation names."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

from sim.errors import did_you_mean
from sim.instruments.base import RULES, Instrument

__all__ = ["Wrong", "target_problems", "unknown_event"]

OUT_OF_REACH = (*RULES, "merger", "acquisition", "joint_venture", "cartel")
"""Types that no other event can act on."""
Wrong = tuple[tuple[str, ...], str, str]
"""Field, message and remedy of a problem."""


def unknown_event(
    event: Instrument, others: Mapping[str, Instrument], field: tuple[str, ...], name: str | None
) -> Iterator[Wrong]:
    """The problem of a name that an event writes in a field and that no event of the scenario has."""
    if name is not None and name not in others:
        say = did_you_mean(name, [key for key in others if key != event.id]) or "name one of this scenario"
        yield field, f"there is no event '{name[:60]}'", say


def target_problems(
    event: Instrument,
    others: Mapping[str, Instrument],
    names: Sequence[str],
    cannot: str,
    unfit: Callable[[Instrument], tuple[str, str, str] | None],
) -> Iterator[Wrong]:
    """Problems of the events that one acts on, listed in its field ``events``.

    Args:
        cannot: what is said of an event on which nothing acts, before its name.
        unfit: why an event does not suit, as message, remedy and the field at fault where it is not the
            name itself (else empty).
    """
    for i, name in enumerate(names):
        field = ("events", str(i))
        yield from unknown_event(event, others, field, name)
        target = others.get(name)
        if target is None:
            continue
        if target.type in OUT_OF_REACH:
            yield field, f"{cannot} '{name}', a {target.type}", "name another"
        elif problem := unfit(target):
            message, remedy, elsewhere = problem
            yield (elsewhere,) if elsewhere else field, message, remedy
