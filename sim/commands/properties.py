"""``monazite check behaviour``: what must hold of any such market, as found."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path

from sim.commands.output import say, write_json
from sim.errors import MonaziteError

__all__ = ["check_behaviour"]

WIDTH = 80


def check_behaviour(only: Sequence[str] | None, out_of_band: bool, json: Path | None) -> int:
    """Measure the properties, print each with figure and bound, count them. Exit code 0 in any case.

    Args:
        only: numbers of properties; all where empty. out_of_band: leave out those that hold.

    Raises:
        MonaziteError: a number that no property has.
    """
    from sim.past.properties import PROPERTIES

    numbers = {str(one.number): one for one in PROPERTIES}
    for number in only or ():
        if number not in numbers:
            raise MonaziteError(f"--only: no property '{number}'; allowed: 1 to {len(PROPERTIES)}")
    rows = []
    say("central member, small worlds of 2024; nothing here is fitted")
    for one in PROPERTIES:
        if only and str(one.number) not in only:
            continue
        found = one.measure()
        rows.append({"number": one.number, "property": one.title, "bound": one.bound,
                     "found": found.said, "held": found.held})  # fmt: skip
        if found.held and out_of_band:
            continue
        mark = "held" if found.held else "NOT HELD"
        say()
        say(textwrap.fill(f"{one.number:2d}  {mark}: {one.title}", WIDTH, subsequent_indent="    "))
        for line in (f"bound: {one.bound}", f"found: {found.said}"):
            say(textwrap.fill(line, WIDTH, initial_indent="    ", subsequent_indent="           "))
    say(f"\n{sum(bool(row['held']) for row in rows)} of {len(rows)} hold")
    write_json(json, {"properties": rows})
    return 0
