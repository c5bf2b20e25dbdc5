"""``monazite sweep``: many runs of scenarios whose values vary, stored as they finish."""

from __future__ import annotations

import argparse
import textwrap
from typing import TYPE_CHECKING, Any

from sim.commands.arguments import for_scenario, setting, split, text_setting
from sim.commands.exit_codes import HELP
from sim.commands.output import plural, print_table, say
from sim.commands.sweeping import add_options, check_effect, run_and_report
from sim.errors import MonaziteError
from sim.paths import outputs_directory, shown

if TYPE_CHECKING:
    from sim.sweep.plan import Plan

__all__ = ["main", "plan_from", "register"]

METHODS = ("grid", "zip", "lhs", "sobol", "saltelli", "morris")
TEXTS = ("executor", "address", "method")
NUMBERS = ("members", "samples", "seeds", "seed", "workers", "batch", "levels")


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``sweep`` to the command line."""
    parser = subparsers.add_parser(
        "sweep",
        help="run thousands of members, varying what is uncertain; stop and resume at will",
        description="Runs every point of a design with paired members. What varies stands under 'sweep' in "
        "the scenario, or on the command line as KEY=A,B,C or KEY=interval(LOW,HIGH). Without either, "
        "members differ by their draws alone. Finished runs are stored at once and never repeated.",
        epilog="examples: monazite sweep ree-licence-2025 --members 1000 | monazite sweep ree-licence-2025 "
        "events.licence.approval_share=0%,20%,40% --seeds 50 | monazite sweep ree-licence-2025 "
        f"'assumptions.thrift_speed=interval(0.1,0.6)' --method lhs --samples 200 --seeds 5. {HELP}",
    )
    parser.add_argument(
        "names", nargs="+", metavar="NAME|KEY=VALUE",
        help="scenario ids or files; overrides; what varies",
    )  # fmt: skip
    parser.add_argument("--members", type=int, default=None, metavar="N", help="runs of each scenario in all")
    parser.add_argument("--method", choices=METHODS, default=None, help="design (default: grid of all lists)")
    parser.add_argument("--samples", type=int, default=None, metavar="N", help="points of the design")
    parser.add_argument(
        "--seeds", type=int, default=None, metavar="N",
        help="members of each point, the same in all: number 0 is the central one without noise (default 1)",
    )  # fmt: skip
    parser.add_argument("--seed", type=int, default=None, help="root of all draws (default 1)")
    parser.add_argument("--second-order", action="store_true", default=None, help="saltelli: pairs, too")
    parser.add_argument("--levels", type=int, default=None, metavar="N", help="morris: levels (default 4)")
    parser.add_argument("--full", action="store_true", help="store every bit of the arrays")
    parser.add_argument(
        "--every-flow", action="store_true",
        help="store trade of every step and member, not of years: gigabytes, see --dry-run",
    )  # fmt: skip
    parser.add_argument(
        "--dry-run", action="store_true", help="say what would run, and what it takes; run nothing"
    )
    add_options(parser)
    parser.set_defaults(main=main)


def plan_from(args: argparse.Namespace) -> Plan:
    """The plan that a command line asks for; settings may be written as overrides, too.

    Raises:
        MonaziteError: bad input.
    """
    from sim.scenario.resolve import load_scenario
    from sim.sweep.plan import make_plan
    from sim.sweep.request import Keeping, Request, Sampling, check_runs

    names, words = split(args.names)
    vary: dict[str, Any] = {}
    for name in TEXTS:
        setattr(args, name, text_setting(words, name, getattr(args, name)))
    for name in NUMBERS:
        if not any(w.startswith(f"{name}=") and ("," in w or "(" in w) for w in words):
            setattr(args, name, setting(words, name, getattr(args, name)))
    if words:
        from sim.scenario.compose import split_sweeps

        words, vary = split_sweeps(words)
    if not names:
        raise MonaziteError("no scenario given; 'monazite list scenarios' shows what there is")
    if args.seed is not None and args.seed < 0:
        raise MonaziteError(f"seed must not be negative, not {args.seed}")
    cases = None
    if "seed" in vary:
        seeds = vary.pop("seed")
        if not isinstance(seeds, list) or not all(isinstance(s, int) and s >= 0 for s in seeds):
            raise MonaziteError("seed: whole numbers are needed; write for example 'seed=range(0,50)'")
        check_runs(len(seeds) * (args.members or 1), "seed")
        cases = [(number, int(s)) for s in seeds for number in range(args.members or 1)]
        args.members = None
    overrides: dict[str, list[str]] = {}
    if words:
        plain = [load_scenario(name) for name in names]
        for name, scenario in zip(names, plain, strict=True):
            overrides[name] = list(for_scenario(words, scenario, plain))
    check_effect(args)
    sampling = Sampling(args.method, args.samples, args.seeds, args.second_order, args.levels)
    keeping = Keeping(full=args.full, every_flow=args.every_flow)
    return make_plan(
        Request(names, overrides, vary, sampling, args.members, args.seed, cases, keeping)
    )


def main(args: argparse.Namespace) -> int:
    """Run a sweep, or say what it would be."""
    if args.dry_run and (args.json is not None or args.fail_fast):
        name = "--fail-fast" if args.fail_fast else "--json"
        raise MonaziteError(f"{name} has no effect with --dry-run, which runs nothing")
    plan = plan_from(args)
    if args.dry_run:
        return _dry_run(plan, args)
    if not args.quiet:
        say(headline(plan), flush=True)
        _say_points(plan)
    return run_and_report(plan, args)


def headline(plan: Plan) -> str:
    """Count and design in one line."""
    names = {"lhs": "LHS", "sobol": "Sobol", "saltelli": "Saltelli", "morris": "Morris"}
    scenarios = {v.scenario.name for v in plan.variants}
    count = f"{plural(len(scenarios), 'scenario')} x " if len(scenarios) > 1 else ""
    method = names.get(plan.method, plan.method)
    seeds = max(int(v.replicate.max()) + 1 for v in plan.variants)
    points = f"{plural(len(plan.unit), f'{method} sample')} x {plural(seeds, 'seed')}"
    what = points if plan.axes else plural(seeds, "replicate")
    once = ", those that are alike run once" if any(len(v.stands_for) for v in plan.variants) else ""
    return f"sweep {plan.id}: {plural(plan.total, 'run')} = {count}{what}{once}"


def _say_points(plan: Plan) -> None:
    """Say before anything runs how many points indices of its design need, where it has fewer."""
    from sim.analysis.indices import Design
    from sim.analysis.points_needed import beforehand

    names, second = tuple(axis.path for axis in plan.axes), plan.design.second_order
    design = Design(plan.method, names, plan.unit, second, plan.design.levels)
    said = beforehand(plan.method, len(plan.axes), len(plan.unit) // design.block, design.block)
    if said:
        say(textwrap.fill(f"Note: {said}.", 80), flush=True)


def _dry_run(plan: Plan, args: argparse.Namespace) -> int:
    from sim.sweep.estimate import fitting_batch, measure
    from sim.sweep.journal import free_bytes, preview
    from sim.sweep.machine import available_bytes, cores

    say(headline(plan))
    rows = []
    for axis in plan.axes:
        low, high = axis.bounds
        values = ", ".join(axis.texts) if axis.texts else f"{axis.kind} {low:g} to {high:g}"
        how = "a scenario each" if axis.structural else axis.dimension or "number"
        rows.append((axis.path, values, how))
    if rows:
        print_table(("varies", "values", "as"), rows)
        _say_points(plan)
    out = args.out if args.out is not None else outputs_directory()
    stored, elsewhere, why = preview(plan, out)
    new = plan.total - stored - elsewhere
    say(f"new {new} | stored {stored} | taken over from other sweeps {elsewhere}")
    say(f"  {why}")
    workers = 1 if args.executor == "local" else args.workers or cores()
    workers = max(min(workers, -(-new // plan.block)), 1)
    estimate = measure(plan)
    batch = fitting_batch(estimate, plan.block, workers, args.batch, available_bytes())
    disk, free = new * estimate.disk_bytes, free_bytes(out)
    say(
        f"about {new * estimate.seconds / workers:.0f} s on {plural(workers, 'worker')} "
        f"(measured on {plural(estimate.members, 'member')}) | about "
        f"{estimate.memory(batch, workers) / 1e9:.2g} GB of memory, {plural(batch, 'member')} at a time | "
        f"about {disk / 1e6:.0f} MB of disk, {free / 1e9:.0f} GB are free"
    )
    if disk > free:
        raise MonaziteError(f"that would not fit on the disk of {shown(out)}; choose another with --out")
    say(f"would go to {shown(out / plan.folder)}")
    return 0
