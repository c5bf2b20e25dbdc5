"""What ``sweep`` and ``resume`` share: options of executors, live progress, the summary at the end."""

from __future__ import annotations

import argparse
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.commands.exit_codes import NOT_COMPLETE, SIGNAL, say_verdict
from sim.commands.output import plural, say, write_json
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown
from sim.visible import visible

if TYPE_CHECKING:
    from sim.sweep.execute import Progress, Report
    from sim.sweep.executors import ExecutorSettings
    from sim.sweep.plan import Plan

__all__ = ["add_options", "check_effect", "live", "run_and_report", "settings_of"]

EXECUTORS = ("local", "processes", "dask", "slurm", "submitit-local")
LINES = 10
"""Lines of progress where there is no terminal."""


def add_options(parser: argparse.ArgumentParser) -> None:
    """Options that say where and how runs are computed."""
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="folder of sweeps (outputs/)")
    parser.add_argument(
        "--executor", choices=EXECUTORS, default=None,
        help="this process, processes of this machine (default), a Dask scheduler, SLURM",
    )  # fmt: skip
    parser.add_argument("--workers", type=int, default=None, metavar="N", help="default: cores")
    parser.add_argument(
        "--batch", type=int, default=None, metavar="N", help="members simulated together (default: what fits)"
    )
    parser.add_argument("--address", default=None, help="of the Dask scheduler, such as tcp://127.0.0.1:8786")
    parser.add_argument(
        "--slurm", action="append", default=None, metavar="KEY=VALUE",
        help="parameter of submitit, such as timeout_min=60 or slurm_partition=short; may be repeated",
    )  # fmt: skip
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--keep-going", action="store_true", help="go on when a run fails (default)")
    group.add_argument("--fail-fast", action="store_true", help="start no more runs once one has failed")
    parser.add_argument("--quiet", action="store_true", help="no progress; print the folder alone")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the summary as JSON")


def check_effect(args: argparse.Namespace) -> None:
    """Refuse settings that would change nothing.

    Raises:
        MonaziteError: one of them would not.
    """
    if args.address is not None and args.executor != "dask":
        raise MonaziteError("--address has no effect without --executor dask")
    if args.slurm and args.executor not in ("slurm", "submitit-local"):
        raise MonaziteError("--slurm has no effect without --executor slurm")
    if args.workers is not None and args.executor == "local":
        raise MonaziteError("--workers has no effect with --executor local, which computes in this process")


def settings_of(args: argparse.Namespace) -> ExecutorSettings:
    """The settings of an executor, as :func:`sim.sweep.execute.execute` wants them."""
    from sim.sweep.executors import ExecutorSettings

    parameters: dict[str, Any] = {}
    for text in args.slurm or []:
        key, sign, value = text.partition("=")
        if not sign or not key:
            raise MonaziteError(f"--slurm: '{text}' is no KEY=VALUE; write for example timeout_min=60")
        parameters[key] = int(value) if value.isdigit() else value
    return ExecutorSettings(args.executor, args.workers, args.batch, args.address, parameters)


def _clock(seconds: float) -> str:
    whole = max(int(seconds), 0)
    hours, rest = divmod(whole, 3600)
    return f"{hours}:{rest // 60:02}:{rest % 60:02}" if hours else f"{rest // 60}:{rest % 60:02}"


class _Pace:
    """Rate and time left, from the runs that this process has seen finish."""

    def __init__(self) -> None:
        self.began = time.perf_counter()

    def of(self, now: Progress) -> tuple[str, str]:
        """Runs per second and time left, as texts."""
        new = now.done - now.stored
        seconds = time.perf_counter() - self.began
        if not new or seconds <= 0:
            return "-", "-"
        return f"{new / seconds:.3g}", _clock((now.total - now.done) * seconds / new)


def _failed(now: Progress) -> str:
    if not now.failed:
        return "failed 0"
    last = now.failed[-1]
    return f"failed {len(now.failed)} (run {last}, see errors/{last}.txt)"


def _line(now: Progress, pace: _Pace, unit: str) -> str:
    rate, left = pace.of(now)
    line = f"{now.done}/{now.total}  {rate} {unit}/s  ETA {left}"
    return f"{line}  {_failed(now)}" if unit == "runs" else line


@contextmanager
def live(
    quiet: bool, unit: str = "runs"
) -> Iterator[tuple[Callable[[Progress], None] | None, Callable[[str], None]]]:
    """A bar on a terminal, some lines elsewhere; and a way to say something beside it."""
    if quiet:
        yield None, lambda text: say(text, file=sys.stderr)
        return
    pace = _Pace()
    if not sys.stderr.isatty():
        told = [0]

        def plainly(now: Progress) -> None:
            part = LINES * now.done // max(now.total, 1)
            if part > told[0] and now.done > now.stored:
                told[0] = part
                say(_line(now, pace, unit), file=sys.stderr, flush=True)

        yield plainly, lambda text: say(text, file=sys.stderr, flush=True)
        return
    from rich.console import Console
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    with Bar(BarColumn(), TextColumn("{task.description}"), console=Console(stderr=True)) as bar:
        task = bar.add_task("", total=1)

        def draw(now: Progress) -> None:
            bar.update(task, completed=now.done, total=now.total, description=_line(now, pace, unit))

        yield draw, lambda text: bar.console.print(visible(text, lines=True), markup=False)


def run_and_report(plan: Plan, args: argparse.Namespace) -> int:
    """Run a plan with the settings of the command line, and say how it went.

    Returns:
        See :data:`sim.commands.exit_codes.EXIT_CODES`.
    """
    from sim.sweep.execute import execute

    with live(args.quiet) as (progress, tell):
        report = execute(
            plan, args.out, settings_of(args), fail_fast=args.fail_fast, progress=progress, tell=tell
        )
    if args.quiet and report.complete and not report.failed:
        say(shown(report.directory))
    else:
        _summary(plan, report)
    write_json(args.json, {
        "id": plan.id, "directory": str(report.directory), "runs": report.total, "done": report.done,
        "stored": report.stored, "failed": list(report.failed),
        "complete": report.complete and len(report.failed) < report.total,
        "seconds": round(report.seconds, 3), "write_seconds": round(report.write_seconds, 3),
        "markets": {"cleared": report.cleared, "certified": report.certified},
    })  # fmt: skip
    if report.signal:
        return SIGNAL + report.signal
    if not report.complete:
        return NOT_COMPLETE
    return say_verdict(len(report.failed), report.total, report.cleared, report.certified)


def _summary(plan: Plan, report: Report) -> None:
    new = report.done - report.stored
    where = shown(report.directory)
    resume = f"monazite resume {plan.id}"
    if report.directory.parent.resolve() != outputs_directory().resolve():
        resume = f"monazite resume {where}"
    if not report.complete:
        what = "stopped" if report.signal or not report.lost else "not complete"
        say(f"{what} after {report.done} of {plural(report.total, 'run')}. Continue with: {resume}")
        for text in report.lost:
            say(f"  block {text}", file=sys.stderr)
    else:
        rest = f", {report.stored} were stored" if report.stored else ""
        blocks = plural(report.taken_over, "block")
        over = f", {blocks} taken over from other sweeps" if report.taken_over else ""
        say(f"{plural(report.total, 'run')}: {new} new in {_clock(report.seconds)}{rest}{over} -> {where}")
    say(f"markets certified: {report.certified:,} of {report.cleared:,}")
    if report.failed:
        one = report.failed[0]
        say(f"failed {len(report.failed)}: see {where}/errors/")
        say(f"  repeat one: monazite rerun {resume.partition('resume ')[2]}/{one} --debug")
    if report.complete:
        for variant in plan.variants:
            tables = "arrays.zarr, tables/{prices,shortfall,flows}.parquet"
            say(f"  {where}/{variant.name}: {plural(len(variant.runs), 'member')}, {tables}")
        baselines = {v.scenario.compare_to for v in plan.variants} & {v.scenario.name for v in plan.variants}
        if len(plan.variants) > 1 and baselines:
            say(f"compare: monazite compare {where}")
    if report.signal and report.signal != signal.SIGINT:
        say(f"stopped by {signal.Signals(report.signal).name}", file=sys.stderr)
