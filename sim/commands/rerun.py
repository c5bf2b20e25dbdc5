"""``monazite rerun``: repeat one run of a sweep alone, to look at it or at why it fails."""

from __future__ import annotations

import argparse
import traceback
from pathlib import Path

from sim.commands.output import print_table, say, write_json
from sim.errors import MonaziteError

__all__ = ["main", "register"]

SHOWN = 10


def register(subparsers: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add ``rerun`` to the command line."""
    parser = subparsers.add_parser(
        "rerun",
        help="repeat one run of a sweep alone",
        description="Runs one member again with the values that it had, stores nothing, shows its prices. "
        "A member gives the same numbers alone as among a thousand.",
        epilog="example: monazite rerun a41f9c2e/77 --debug",
    )
    parser.add_argument("run", metavar="SWEEP/RUN", help="id (or folder) of the sweep, slash, number")
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="where sweeps are (outputs/)")
    parser.add_argument("--debug", action="store_true", help="open Python's debugger (pdb) where it fails")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write its outcomes as JSON")
    parser.set_defaults(main=main)


def main(args: argparse.Namespace) -> int:
    """Run it, print its outcomes. 1 where it fails."""
    from sim.analysis.metrics import peak_multiple
    from sim.sweep.kept import OUTCOMES, SweepRecorder
    from sim.sweep.read import open_sweep
    from sim.sweep.work import simulate

    name, slash, number = args.run.rpartition("/")
    if not slash or not number.isdigit():
        raise MonaziteError(f"'{args.run}' is no run; write for example a41f9c2e/77")
    plan = open_sweep(name, args.out).plan()
    variant, row = plan.find(int(number))
    rows = slice(row, row + 1)
    say(
        f"run {number}: {variant.name}, sample {variant.sample[row]}, replicate {variant.replicate[row]}, "
        f"member number {variant.number[row]}, seed {variant.seed[row]}"
    )
    for path, values in variant.values.items():
        say(f"  {path} = {float(values[row]):g}")
    try:
        simulation = simulate(
            variant.scenario, variant.number[rows], variant.seed[rows],
            {path: values[rows] for path, values in variant.values.items()}, plan.every_flow,
        )  # fmt: skip
        while simulation.time < simulation.steps:
            simulation.step()
    except Exception as error:  # noqa: BLE001 (showing what goes wrong is what this command is for)
        traceback.print_exc()
        if args.debug:
            import pdb  # noqa: T100 (asked for)

            pdb.post_mortem(error.__traceback__)
        return 1
    recorder = simulation.recorder
    assert isinstance(recorder, SweepRecorder)
    kept = recorder.finish()
    goods = [good.id for good in simulation.world.goods]
    ratio = peak_multiple(kept["peak_price_outside"][0], simulation.world.base_price)
    order = sorted(range(len(goods)), key=lambda g: -ratio[g])
    print_table(
        ("good", "peak price outside, USD/t", "times base price", "unmet, t"),
        [
            (goods[g], f"{kept['peak_price_outside'][0, g]:,.0f}", f"{ratio[g]:.3g}",
             f"{kept['unmet_tonnes'][0, g]:,.3g}")
            for g in order[:SHOWN]
        ],
    )  # fmt: skip
    write_json(args.json, {name: dict(zip(goods, kept[name][0].tolist(), strict=True)) for name in OUTCOMES})
    return 0
