"""``monazite hindcast``: episodes of the past, beside what was observed and two naive forecasts."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.exit_codes import HELP, say_verdict
from sim.commands.output import plural, say, write_json
from sim.errors import MonaziteError, did_you_mean

if TYPE_CHECKING:
    from sim.past.episodes import Episode
    from sim.past.replay import HindcastRow

__all__ = ["main", "register"]

MEMBERS = 100
SEED = 1


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``hindcast`` to the command line."""
    parser = subparsers.add_parser(
        "hindcast",
        help="run past episodes and score them against what was observed",
        description="Runs the project's episodes, or scenarios that list 'observed' figures, over parameter "
        "uncertainty and prints per target: observed, accepted band, median and 10th to 90th percentile of "
        "the members, in band or not, two naive forecasts, source. Rows that miss stay.",
        epilog="the naive forecasts: nothing changes; and constant demand elasticity -0.3, no stocks, one "
        "world price. The score is the mean distance to the band in band widths, at most 3 a row; 0 is best. "
        f"{HELP}",
    )
    parser.add_argument(
        "names", nargs="*", metavar="NAME",
        help="episodes, or scenarios with 'observed' figures (default: all episodes)",
    )  # fmt: skip
    parser.add_argument(
        "--members", type=int, default=MEMBERS, metavar="N", help=f"members (default {MEMBERS})"
    )
    parser.add_argument("--seed", type=int, default=SEED, help=f"seed of all draws (default {SEED})")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write all rows as JSON")
    parser.add_argument(
        "--plots", type=Path, default=None, metavar="DIR", help="draw one picture per episode"
    )
    parser.add_argument(
        "--history", action="store_true",
        help="the list of natural experiments since 1977; names are rows (H74) or cases (nickel-2013)",
    )  # fmt: skip
    parser.set_defaults(main=main)


def chosen_episodes(names: Sequence[str]) -> list[Episode]:
    """The named episodes or scenarios; all episodes without a name.

    Raises:
        MonaziteError: a name is neither an episode nor a scenario with observations.
    """
    from sim.past.episodes import episode_of, episodes
    from sim.scenario import load_scenario
    from sim.scenario.find import find, is_path

    known = {episode.id: episode for episode in episodes()}
    chosen = []
    for name in names:
        if name in known:
            chosen.append(known[name])
        elif is_path(name) or find(name) is not None:
            scenario = load_scenario(name)
            chosen.append(episode_of(scenario, scenario.minerals, name))
        else:
            say = did_you_mean(name, known) or "name a scenario with 'observed' figures"
            raise MonaziteError(f"'{name}' is neither an episode nor a scenario; {say}")
    return chosen or list(known.values())


def text(rows: Sequence[HindcastRow]) -> str:
    """One row per target, the reason of a miss behind it."""
    from sim.analysis.text import number, table

    cells = [
        [
            f"{row.target.id}  {row.target.text}",
            number(row.target.observed),
            f"{number(row.target.low)} to {number(row.target.high)}",
            number(row.median),
            f"{number(row.low)} to {number(row.high)}",
            "in" if row.in_band else "OUT",
            number(row.naive["unchanged"]),
            number(row.naive["elasticity"]),
        ]
        for row in rows
    ]
    head = ["target", "observed", "accepted", "median", "p10 to p90", "band", "unchanged", "elasticity"]
    lines = table(head, cells).split("\n")
    notes = ["  source", *(f"  {row.target.source}" for row in rows)]
    told = [f"{line}{note}" for line, note in zip(lines, notes, strict=True)]
    reasons = [f"{row.target.id} is out: {row.reason}" for row in rows if not row.in_band]
    return "\n".join([*told, "", *reasons] if reasons else told)


def main(args: argparse.Namespace) -> int:
    """Run, print every row and the three scores. How well the model does is no matter of the exit code."""
    from sim.analysis.text import table
    from sim.past.replay import run_episode, summary

    if args.members < 1:
        raise MonaziteError(f"members must be at least 1, not {args.members}")
    if args.seed < 0:
        raise MonaziteError(f"seed must not be negative, not {args.seed}")
    twice = sorted({name for name in args.names if args.names.count(name) > 1})
    if twice:
        raise MonaziteError(f"given twice, which has no effect: {', '.join(twice)}; name each once")
    if args.history:
        from sim.commands.hindcast_history import show

        return show(args)
    began = time.perf_counter()
    chosen = chosen_episodes(args.names)
    runs = [run_episode(episode, args.members, args.seed) for episode in chosen]
    rows = [row for run in runs for row in run.rows]
    took = time.perf_counter() - began
    say(f"{plural(len(runs), 'episode')} x {plural(args.members, 'member')}, seed {args.seed}, {took:.0f} s")
    say(text(rows))
    for episode in chosen:
        for series in episode.unscored:
            say(f"not scored: {series} of {episode.id}; flows between two countries are kept as quantiles")
    say()
    scores = summary(rows)
    lines = [
        [name, f"{values['in_band']:.0f} of {values['targets']:.0f}", f"{values['score']:.2f}"]
        for name, values in scores.items()
    ]
    say(table(["forecast", "in band", "score"], lines))
    say("Score: mean distance to the accepted band in band widths, at most 3 a row; 0 is best.")
    if args.plots is not None:
        from sim.plots.episode import draw_episode

        for run in runs:
            picture = draw_episode(run, args.plots, args.seed)
            say(f"{picture.png}: {picture.title}", file=sys.stderr)
    write_json(args.json, {"rows": [row.as_dict() for row in rows], "scores": scores})
    certified = [run.dataset["certified"].values for run in runs]
    return say_verdict(0, len(runs), sum(c.size for c in certified), sum(int(c.sum()) for c in certified))
