"""``monazite hindcast --history``: the list of natural experiments, tried or not, with bands and reasons."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from math import inf
from typing import TYPE_CHECKING, Any

from sim.commands.exit_codes import say_verdict
from sim.commands.output import plural, say, write_json
from sim.errors import MonaziteError

if TYPE_CHECKING:
    from sim.past.history import CaseRun, HistoryTarget
    from sim.past.replay import HindcastRow

__all__ = ["HEAD", "cells", "left_out", "plain_rows", "show", "value"]

HEAD = ("row", "observed", "accepted", "median", "p10 to p90", "band")
NEVER = "never"
"""A time that the run does not see the end of."""


def value(number: float) -> str:
    """A figure of the table: three digits, or that it does not happen in the run."""
    from sim.analysis.text import number as digits

    return NEVER if number == inf else digits(number)


def cells(row: HindcastRow) -> tuple[str, ...]:
    """The cells of one row, in the order of :data:`HEAD`."""
    target = row.target
    return (
        f"{target.id}  {target.text}", value(target.observed), f"{value(target.low)} to {value(target.high)}",
        value(row.median), f"{value(row.low)} to {value(row.high)}", "in" if row.in_band else "OUT",
    )  # fmt: skip


def left_out(rows: Sequence[HistoryTarget]) -> dict[str, list[str]]:
    """Reason -> rows that cannot be tried for it, in the order of the list."""
    found: dict[str, list[str]] = {}
    for row in rows:
        if row.left_out:
            found.setdefault(row.left_out, []).append(row.id)
    return found


def show(args: argparse.Namespace) -> int:
    """Run the chosen rows and print every one: how the model does, or why it cannot be tried."""
    from sim.analysis.text import table
    from sim.past.history import chosen_targets, run_history

    if args.plots is not None:
        raise MonaziteError("--plots has no effect with --history; leave one of them out")
    chosen = chosen_targets(args.names)
    began = time.perf_counter()
    cases = run_history(chosen, args.members, args.seed, _tell)
    rows = {row.target.id: row for case in cases for row in case.rows}
    order = [rows[one.id] for one in chosen if one.id in rows]
    took = time.perf_counter() - began
    say(f"{plural(len(cases), 'case')} x {plural(args.members, 'member')}, seed {args.seed}, {took:.0f} s")
    if order:
        say(table(list(HEAD), [list(cells(row)) for row in order]))
        for row in order:
            if not row.in_band:
                say(f"{row.target.id} is out: {row.reason}")
    missing = left_out(chosen)
    if missing:
        say(f"{plural(sum(map(len, missing.values())), 'row')} cannot be tried:")
        for reason, ids in missing.items():
            say(f"  {' '.join(ids)}: {reason}")
    say(f"in band: {sum(row.in_band for row in order)} of {len(order)} tried, {len(chosen)} in the list")
    write_json(args.json, {"rows": plain_rows(chosen, cases)})
    return say_verdict(0, len(cases), sum(c.cleared for c in cases), sum(c.certified for c in cases))


def _tell(case: str, done: int, cases: int) -> None:
    say(f"{done + 1} of {cases}: {case}", file=sys.stderr, flush=True)


def plain_rows(chosen: Sequence[HistoryTarget], cases: Sequence[CaseRun]) -> list[dict[str, Any]]:
    """The rows as JSON has them; what does not happen in a run is "never"."""
    rows = {row.target.id: row for case in cases for row in case.rows}
    return [_plain(one, rows) for one in chosen]


def _plain(one: HistoryTarget, rows: Mapping[str, HindcastRow]) -> dict[str, Any]:
    about = {"mineral": one.mineral, "experiment": one.episode, "cause": one.cause}
    if one.id not in rows:
        return {"target": one.id, "statistic": one.target.text, **about, "left_out": one.left_out}
    row = rows[one.id]
    told = row.as_dict()
    ends = {"median": row.median, "p10": row.low, "p90": row.high}
    told |= {name: NEVER for name, end in ends.items() if end == inf}
    return about | {name: told[name] for name in told if name not in ("naive", "miss", "listed")}
