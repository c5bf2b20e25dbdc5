"""``monazite run``: run scenarios with paired members and save what they did."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from sim.commands.arguments import for_scenario, setting, split
from sim.commands.exit_codes import HELP, say_verdict
from sim.commands.output import plural, say, write_json
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    from sim.results import Run
    from sim.scenario import Scenario

__all__ = ["DEFAULT_MEMBERS", "DEFAULT_SEED", "Settings", "main", "register", "run_scenarios"]

DEFAULT_MEMBERS = 20
DEFAULT_SEED = 1
SECONDS_BETWEEN_LINES = 5.0
"""Of progress where there is no terminal."""
MISSED_SHOWN = 5
"""Markets without certificate that are named on the screen."""

Progress = Callable[[str, int, int], None]
"""Called with the scenario, the steps done and the steps to do."""


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``run`` to the command line."""
    parser = subparsers.add_parser(
        "run",
        help="run scenarios with paired members and save the results",
        description="Run one or more scenarios. Members with the same number share their draws in every "
        "scenario, so differences are paired. Everything is saved; nothing is overwritten.",
        epilog="example: monazite run baseline-2024 ree-licence-2025 --members 50 "
        f"events.licence.approval_share=20%. {HELP}",
    )
    parser.add_argument(
        "names",
        nargs="+",
        metavar="NAME|KEY=VALUE",
        help="scenario ids or files, and overrides of their values",
    )
    parser.add_argument(
        "--members", "--seeds", type=int, default=None, metavar="N",
        help=f"paired members; number 0 is the central run without noise (default {DEFAULT_MEMBERS})",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=None, help=f"seed of all draws (default {DEFAULT_SEED})")
    parser.add_argument(
        "--out", type=Path, default=None, metavar="DIR", help="where campaigns go (default outputs/)"
    )
    parser.add_argument(
        "--campaign", default=None, metavar="NAME", help="folder for these runs (default: date and scenario)"
    )
    parser.add_argument(
        "--full", action="store_true", help="store every bit of the arrays (three times the size)"
    )
    parser.add_argument("--quiet", action="store_true", help="no progress; print the folder alone")
    parser.add_argument(
        "--json", type=Path, default=None, metavar="FILE", help="write the list of runs as JSON"
    )
    parser.set_defaults(main=main)


def _load(names: Sequence[str], overrides: Sequence[str]) -> list[Scenario]:
    from sim.scenario import load_scenario

    plain = [load_scenario(name) for name in names]
    twice = sorted({s.name for s in plain if [p.name for p in plain].count(s.name) > 1})
    if twice:
        raise MonaziteError(f"scenario given twice: {', '.join(twice)}")
    if not overrides:
        return plain
    return [
        load_scenario(name, overrides=for_scenario(overrides, scenario, plain))
        for name, scenario in zip(names, plain, strict=True)
    ]


def _campaign(out: Path, name: str | None, scenarios: Sequence[Scenario]) -> Path:
    """The campaign's directory: the named one, or a new one called by date and scenario."""
    if name is not None:
        if not name or name.startswith(".") or "/" in name:
            raise MonaziteError(f"--campaign: '{name}' is no folder name; use letters, digits, '-' and '_'")
        return out / name
    baselines = {scenario.compare_to for scenario in scenarios}
    leading = next((s.name for s in scenarios if s.name not in baselines), scenarios[0].name)
    stem = f"{datetime.now().date().isoformat()}_{leading}"
    number, path = 1, out / stem
    while path.exists():
        number += 1
        path = out / f"{stem}-{number}"
    return path


def _lines_of_progress(scenarios: int) -> Progress:
    """A short line per scenario when it is done, and one every few seconds until then."""
    seen: list[str] = []
    told = [time.monotonic()]

    def update(scenario: str, done: int, total: int) -> None:
        if scenario not in seen:
            seen.append(scenario)
        if done == total or time.monotonic() - told[0] >= SECONDS_BETWEEN_LINES:
            told[0] = time.monotonic()
            text = f"{scenario} ({len(seen)}/{scenarios}): {done}/{total} steps"
            say(text, file=sys.stderr, flush=True)

    return update


@contextmanager
def _progress_bar(quiet: bool, scenarios: int) -> Iterator[Progress | None]:
    """A bar with rate and time left on a terminal; elsewhere a line now and then."""
    if quiet:
        yield None
        return
    if not sys.stderr.isatty():
        yield _lines_of_progress(scenarios)
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TaskID, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as Bar

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]} steps/s  ETA"),
        TimeRemainingColumn(),
    )
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        tasks: dict[str, tuple[TaskID, float]] = {}

        def update(scenario: str, done: int, total: int) -> None:
            if scenario not in tasks:
                text = f"{scenario} ({len(tasks) + 1}/{scenarios})"
                # The clock starts with the first step done: reading the world is no step.
                tasks[scenario] = (
                    bar.add_task(text, total=total, completed=done, rate="-"),
                    time.perf_counter(),
                )
                return
            task, began = tasks[scenario]
            rate = (done - 1) / max(time.perf_counter() - began, 1e-9)
            bar.update(task, completed=done, rate=f"{rate:.0f}")
            if done == total:
                bar.update(task, description=f"{scenario}: saving")

        yield update


@dataclass(frozen=True)
class Settings:
    """How scenarios are run, and where the results go.

    Attributes:
        members: number of members; member 0 is the central run.
        seed: seed of all draws, the same for every scenario; where ``None``, the first that a
            scenario names, else :data:`DEFAULT_SEED`.
        out: folder of campaigns; ``outputs`` in the current folder where ``None``.
        campaign: folder of these runs inside ``out``; date and scenario where ``None``.
        full: store every bit of the arrays.
        quiet: no progress bar, even on a terminal.
        argv: the command line for the manifests; that of this process where ``None``.
    """

    members: int = DEFAULT_MEMBERS
    seed: int | None = None
    out: Path | None = None
    campaign: str | None = None
    full: bool = False
    quiet: bool = True
    argv: Sequence[str] | None = None


DEFAULTS = Settings()


def _execute(
    scenarios: Sequence[Scenario], seed: int, settings: Settings, target: Path, progress: Progress | None
) -> None:
    from sim.engine import Simulation
    from sim.results import Timing, save
    from sim.sweep.estimate import check_members
    from sim.world.load import load_world

    argv = list(settings.argv if settings.argv is not None else sys.argv)
    wanted = sorted({(s.base_year, s.tables) for s in scenarios})
    worlds = {(year, tables): load_world(year, tables) for year, tables in wanted}
    for scenario in scenarios:
        check_members(worlds[scenario.base_year, scenario.tables], scenario, settings.members)
    for scenario in scenarios:
        started, began = datetime.now(UTC), time.perf_counter()

        def tell(done: int, total: int, name: str = scenario.name) -> None:
            if progress is not None:
                progress(name, done, total)

        world = worlds[scenario.base_year, scenario.tables]
        simulation = Simulation(world, scenario, members=settings.members, seed=seed)
        dataset = simulation.run(progress=tell)
        timing = Timing(started, time.perf_counter() - began)
        save(dataset, target, scenario, argv, timing=timing, full=settings.full)


def run_scenarios(
    names: Sequence[str], overrides: Sequence[str] = (), settings: Settings = DEFAULTS
) -> Path:
    """Run scenarios with paired members, save each as soon as it is done.

    Args:
        names: scenario ids or YAML files.
        overrides: ``key=value`` in Hydra's grammar; who gets which, says
            :func:`sim.commands.arguments.for_scenario`.
        settings: members, seed, and where the results go.

    Returns:
        The campaign's directory.

    Raises:
        MonaziteError: bad input; nothing has been written then.
    """
    if settings.members < 1:
        raise MonaziteError(f"members must be at least 1, not {settings.members}")
    seed = settings.seed
    if seed is not None and seed < 0:
        raise MonaziteError(f"seed must not be negative, not {seed}")
    if not names:
        raise MonaziteError("no scenario given; 'monazite list scenarios' shows what there is")
    if any(override.lstrip("+~").startswith("sweep") for override in overrides):
        raise MonaziteError("'sweep' has no effect on a run; write 'monazite sweep' instead")
    scenarios = _load(names, overrides)
    if seed is None:
        seed = next((s.seed for s in scenarios if s.seed is not None), DEFAULT_SEED)
    out = settings.out if settings.out is not None else outputs_directory()
    target = _campaign(out, settings.campaign, scenarios)
    try:
        with _progress_bar(settings.quiet, len(scenarios)) as progress:
            _execute(scenarios, seed, settings, target, progress)
    except KeyboardInterrupt:
        if target.is_dir():
            say(f"the runs finished so far are in {shown(target)}", file=sys.stderr)
        raise
    return target


def _nothing(text: str) -> None:
    """What a quiet run says."""


def _how_to_compare(campaign: Path, runs: Sequence[Run]) -> str:
    """The command that compares what was run, or the one that first runs what is missing; '' for neither."""
    from sim.analysis.baselines import NoBaselineError, carried_events, family, groups
    from sim.commands.advice import command_for

    try:
        found = [group for group in groups(runs, None) if group.runs]
    except NoBaselineError as missing:
        acting = any(carried_events(run.dataset) for run in missing.lacking)
        return f"to compare: {command_for(missing.lacking, missing.wanted)}" if acting else ""
    except MonaziteError as unclear:
        return f"to compare: {unclear}"
    vs = f" --vs {family(found[0].baseline)}" if len(found) == 1 else ""
    return f"compare: monazite compare {shown(campaign)}{vs}" if found else ""


def main(args: argparse.Namespace) -> int:
    """Run, save, and say where everything went."""
    names, overrides = split(args.names)
    asked = (setting(overrides, "members", args.members), setting(overrides, "seeds", None))
    members = next((n for n in asked if n is not None), DEFAULT_MEMBERS)
    seed = setting(overrides, "seed", args.seed)
    before = time.perf_counter()
    settings = Settings(members, seed, args.out, args.campaign, args.full, args.quiet)
    campaign = run_scenarios(names, overrides, settings)
    from sim.analysis.acted_on import event_lines, idle_events, idle_warning
    from sim.analysis.certified import missed_markets
    from sim.results import find_runs
    from sim.scenario.governments import PREFIX

    runs = [run for run in find_runs(campaign) if run.manifest["members"] == members]
    tell = _nothing if args.quiet else say
    text = f"{plural(len(names), 'scenario')} x {plural(members, 'paired member')}"
    text += f", {time.perf_counter() - before:.1f} s -> {shown(campaign)}"
    say(shown(campaign) if args.quiet else text)
    cleared = sum(int(run.manifest["markets"]["cleared"]) for run in runs)
    certified = sum(int(run.manifest["markets"]["certified"]) for run in runs)
    tell(f"markets certified: {certified:,} of {cleared:,}")
    for run in runs:
        missed = missed_markets(run)
        for line in missed[:MISSED_SHOWN]:
            say(f"warning: {line}", file=sys.stderr)
        if len(missed) > MISSED_SHOWN:
            more = len(missed) - MISSED_SHOWN
            say(f"warning: {more} more such markets; see 'certified' in the stored arrays", file=sys.stderr)
        tell(f"  {shown(run.directory)}")
        compared = next((other for other in runs if other.scenario == run.manifest["compare_to"]), None)
        for line in event_lines(run, compared if compared is not run else None):
            tell(f"    {line}")
        idle = idle_events(run)
        unused = sum(name.startswith(PREFIX) for name in idle)
        if unused:
            tell(f"    of what governments were able to do, {unused} acts and rules were never due")
        for name in idle:
            if not name.startswith(PREFIX):
                say(f"warning: {idle_warning(run, name)}", file=sys.stderr)
    if how := _how_to_compare(campaign, runs):
        tell(how)
    write_json(args.json, {"campaign": shown(campaign), "runs": [run.manifest for run in runs]})
    return say_verdict(0, len(runs), cleared, certified)
