"""Speed where users are: markets of shipped scenarios, whole steps by phase, a lone run, a lesson, start-up.

``python -m benchmarks.run_users [--against FOLDER] [--quick]``. With another checkout in a folder, old and
new run in turn in one process, and ratios come first. The markets are those that the scenarios ask for, taken
as they run, in stacks of 1, 32 and 200 members; each is cleared again from where it was cleared before. The
floor beside is what no clearing with so many sweeps can go below: its exponentials and logs at the speed of
numpy here, then its products at one number a cycle and its arrays read and written once. Where numba is
there, the compiled engine clears the same markets, makes the same lone runs, and is read from its cache.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.harness import Figure, publish, run_python

PROGRAM = r"""
import dataclasses, importlib, importlib.util, json, os, pickle, statistics, subprocess, sys, tempfile, time
import numpy as np

against, quick = sys.argv[1], sys.argv[2] == "quick"
SCENARIOS = (
    "ree-licence-2025", "framework-deal-2025", "tariff-spiral-2025", "gallium-germanium-licence-2023",
)
STACKS = {1: 40, 32: 12} if quick else {1: 84, 32: 26, 200: 20}
REPEATS = 3 if quick else 7
KEPT = {1: 60, 32: 12, 200: 3}
LESSON = "scenarios/teaching/teaching-embargo-45min.yaml"
here, found = sys.path[0] or ".", {}

class Tree:
    def __init__(self, root):
        self.root, self.modules = root, {}
    def use(self):
        for name in [n for n in sys.modules if n == "sim" or n.startswith("sim.")]:
            Tree.now.modules[name] = sys.modules.pop(name)
        sys.modules.update(self.modules)
        sys.path[0], Tree.now = self.root, self
        return self
    def get(self, name):
        return importlib.import_module(name)

new = Tree(here)
Tree.now = new
trees = [new, *([Tree(against)] if against else [])]

def clock(function):
    start = time.process_time()
    result = function()
    return time.process_time() - start, result

def each(ways, repeats=REPEATS):
    '''Medians of the new tree, and of old over new in turn.'''
    spent = [[] for _ in trees]
    for turn in range(repeats + 1):
        for tree, times, way in zip(trees, spent, ways):
            tree.use()
            taken = way()
            if turn:
                times.append(taken)
    ratio = statistics.median(b / a for a, b in zip(*spent)) if against else None
    return statistics.median(spent[0]), ratio

def book(name, taken, ratio, unit="s", scale=1.0):
    if ratio is not None:
        found["ratio: " + name] = ratio, "old over new"
    found[name] = taken * scale, unit

def simulation(name, members, engine=None):
    # Whichever tree is in use.
    room = importlib.import_module("sim.engine")
    scenario = importlib.import_module("sim.scenario").load_scenario(name)
    world = importlib.import_module("sim.world.load").load_world(scenario.base_year, scenario.tables)
    if engine is not None:
        scenario = dataclasses.replace(scenario, engine=engine)
    return room.Simulation(world, scenario, members=members, seed=1)

def captured(name, members, steps):
    '''What clearings of a run were asked for, of steps and of the market of tomorrow.'''
    new.use()
    weighed, year = new.get("sim.market.weighed"), new.get("sim.agents.year_market")
    calls, (clear, together) = {"steps": [], "tomorrow": []}, (weighed.clear, year.clear_together)
    def of_steps(*args, **options):
        calls["steps"].append((args, options))
        return clear(*args, **options)
    def of_tomorrow(asked, tolerance):
        for market, terms, start in asked:
            first = "quantity", "ask", "demand", "reservation", "elasticity", "cap_tonnes"
            args = [getattr(terms, name) for name in first]
            options = {name: getattr(terms, name) for name in ("held", "least", "kept", "keep_elasticity")}
            calls["tomorrow"].append(((market, *args), {**options, "start": start, "tolerance": tolerance}))
        return together(asked, tolerance)
    weighed.clear, year.clear_together = of_steps, of_tomorrow
    run = simulation(name, members)
    while run.time < min(steps, run.steps):
        run.step()
    weighed.clear, year.clear_together = clear, together
    # From the end: there most is going on.
    return {kind: pickle.dumps(some[-KEPT[members]:], 5) for kind, some in calls.items() if some}

numbers = np.random.default_rng(0).uniform(0.5, 2.0, 20000)
out = np.empty_like(numbers)
def per_number(function):
    taken = min(clock(lambda: [function(numbers, out=out) for _ in range(50)])[0] for _ in range(5))
    return taken / 50 / len(numbers)
exp, log, copy = per_number(np.exp), per_number(np.log), per_number(np.positive)

COMPILED = importlib.util.find_spec("numba") is not None

def as_compiled(calls):
    '''The same calls on markets that the compiled engine clears.'''
    made = {}
    def market(given):
        if id(given) not in made:
            made[id(given)] = dataclasses.replace(given, engine="compiled", memory={})
        return made[id(given)]
    return [((market(args[0]), *args[1:]), options) for args, options in calls]

def floor(calls, clearings):
    '''Seconds: exponentials and logs of its sweeps; and products and bytes beside these.'''
    powers = rest = 0.0
    for (args, options), clearing in zip(calls, clearings):
        market, tiers = args[0], np.shape(args[3])[-1]
        offers = np.bincount(market.offer_good, minlength=market.goods)
        needs = np.bincount(market.need_good, minlength=market.goods)
        sweeps = clearing.iterations.sum(axis=0)
        groups = len(np.unique(args[5])) if np.ndim(args[5]) == 1 else tiers
        kept = 1 if options.get("kept") is not None else 0
        powers += float((sweeps * offers).sum()) * (1 + kept) * (exp + log)
        powers += float((sweeps * needs).sum()) * (log + groups * exp)
        rest += float((sweeps * offers * needs).sum()) * 2 / 3e9
        rest += float((sweeps * (2 * offers + (2 + 2 * tiers) * needs)).sum()) * copy
    return powers, powers + rest

for name in SCENARIOS[:2] if quick else SCENARIOS:
    for members, steps in STACKS.items():
        for kind, packed in captured(name, members, steps).items():
            data = []
            for tree in trees:
                tree.use()
                data.append((tree.get("sim.market.clearing").clear, pickle.loads(packed)))
            def cleared(clear, calls):
                return clock(lambda: [clear(*args, **options) for args, options in calls])
            taken, ratio = each([lambda d=d: cleared(*d)[0] for d in data], 3 if members == 200 else REPEATS)
            new.use()
            clearings = cleared(*data[0])[1]
            markets = sum(c.certified.size for c in clearings)
            of = f"{name}, {members}: market of {kind}"
            book(of, taken / markets, ratio, "us", 1e6)
            powers, whole = floor(data[0][1], clearings)
            found[of + ", over its floor"] = taken / whole, "times"
            found[of + ", powers alone"] = powers / taken, "of it"
            if COMPILED:
                ours, theirs = as_compiled(data[0][1]), []
                for turn in range(1 + min(REPEATS, 5)):
                    spent = cleared(data[0][0], ours)[0]
                    theirs += [spent] if turn else []
                spent = statistics.median(theirs)
                found[of + ", compiled"] = spent / markets * 1e6, "us"
                found[of + ", numpy over compiled"] = taken / spent, "times"

PHASES = ("expect", "offer", "require", "clear", "ship", "produce")

def phases(name, members, steps):
    run, spent = simulation(name, members), {}
    def timed(of, name, label):
        real = getattr(of, name)
        def call(*args, **options):
            taken, result = clock(lambda: real(*args, **options))
            spent[label] = spent.get(label, 0.0) + taken
            return result
        setattr(of, name, call)
    timed(run._outlook, "expect", "tomorrow")
    for phase in PHASES:
        timed(run.actors, phase, phase)
    timed(run, "_record", "record"), timed(run, "_result", "observe")
    def whole():
        while run.time < min(steps, run.steps):
            run.step()
    total = clock(whole)[0]
    return total / run.time, {label: of / total for label, of in spent.items()}

for name, members, steps in (("ree-licence-2025", 1, 84), ("framework-deal-2025", 1, 84), (LESSON, 30, 48),
                             ("ree-licence-2025", 50, 30)):
    short = name.split("/")[-1].removesuffix(".yaml")
    if quick and members == 50:
        continue
    shares = {}
    def once():
        taken, part = phases(name, members, steps)
        for label, value in part.items():
            shares.setdefault(label, []).append(value)
        return taken
    others = [lambda: phases(name, members, steps)[0]] * (len(trees) - 1)
    taken, ratio = each([once, *others], 1 if quick else 3)
    book(f"{short}, {members}: a step", taken, ratio, "ms", 1e3)
    for label, values in shares.items():
        found[f"{short}, {members}: {label}"] = statistics.median(values), "of a step"

def lone(name, members=1, engine=None):
    run = simulation(name, members, engine)
    return clock(lambda: [run.step() for _ in range(run.steps)])[0]

for name in ("ree-licence-2025", LESSON):
    short = name.split("/")[-1].removesuffix(".yaml")
    taken, ratio = each([lambda: lone(name)] * len(trees), 1 if quick else 5)
    book(f"{short}: a lone run", taken, ratio)
    if COMPILED:
        new.use()
        runs = [lone(name, engine="compiled") for _ in range(2 if quick else 6)]
        found[f"{short}: a lone run, compiled"] = statistics.median(runs[1:]), "s"
taken, ratio = each([lambda: clock(lambda: simulation("ree-licence-2025", 1))[0]] * len(trees), 3)
book("world, scenario and layout of a lone run", taken, ratio)
FIRST = (
    "import time; start = time.process_time(); from sim.market.compiled.engine import machine_code; "
    "from benchmarks.first_clearing import first; first(); print(time.process_time() - start)"
)
if COMPILED:
    with tempfile.TemporaryDirectory() as folder:
        for name in ("compiled engine: compiling it", "compiled engine: its cache read"):
            known = {**os.environ, "MONAZITE_CACHE": folder}
            said = subprocess.check_output([sys.executable, "-c", FIRST], env=known)
            found[name] = float(said), "s"
print(json.dumps(found))
"""

BOUNDS: dict[str, tuple[float, float | None, bool]] = {
    "32: market of steps, compiled": (10.0, 5.0, False),
    "32: market of tomorrow, compiled": (10.0, 5.0, False),
    ", 1: market of steps, numpy over compiled": (8.0, 12.0, True),
    ", 1: market of tomorrow, numpy over compiled": (8.0, 12.0, True),
    "ree-licence-2025: a lone run, compiled": (0.6, 0.3, False),
    "45min: a lone run": (0.22, 0.12, False),
    "45min: a lone run, compiled": (0.15, 0.06, False),
    "compiled engine: compiling it": (10.0, None, False),
}
"""By how a figure's name ends: what it must be, what is aimed at, whether more is better."""


def _bounds(name: str) -> tuple[float | None, float | None, bool]:
    found = [bounds for end, bounds in BOUNDS.items() if name.endswith(end)]
    return found[0] if found and not name.startswith("ratio: ") else (None, None, False)


def main() -> None:
    """Measure and publish."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", type=Path, help="folder of another checkout, the old one")
    parser.add_argument("--quick", action="store_true", help="fewer scenarios, members and repeats")
    options = parser.parse_args()
    against = "" if options.against is None else str(options.against.resolve())
    found = run_python(PROGRAM, against, "quick" if options.quick else "whole")
    rows = {name: json.loads(json.dumps(value)) for name, value in found.items()}
    figures = [Figure(name, value, unit, *_bounds(name)) for name, (value, unit) in rows.items()]
    figures.sort(key=lambda figure: not figure.name.startswith("ratio: "))
    publish("users", figures)


if __name__ == "__main__":
    main()
