"""What the market of tomorrow takes of a step, where three regimes are announced: processor time, shares.

The rival runs in turn in the same process: the same scenario, whose agents expect what they expected in the
base year, whatever is announced. The floor is the sweeps of the clearing core alone: as many rounds, and
nothing around them. Parts are timed in runs of their own, as the clock itself weighs on them.
"""

from __future__ import annotations

from benchmarks.harness import Figure, publish, run_python

CASES = ((1, 7), (20, 3))
"""Members, and runs of which the median counts."""
MANY, WANTED, CORES = 100, 1000, 2
"""Members of one lone run, those that a study has, and the cores that share them."""
PROGRAM = """
import json, statistics, sys, time
from sim.agents import year_market
from sim.engine import Simulation
from sim.engine.outlook import Outlook
from sim.market.solver.sweeps import Sweeper
from sim.scenario import load_scenario
from sim.world.load import load_world

members, repeats = int(sys.argv[1]), int(sys.argv[2])
ban = (
    "+events.{id}={{type: export_ban, by: CHN, to: USA, goods: [{mineral}], announced: {said},"
    " from: {begins}, until: {ends}, assumption: true}}"
)
scenario = load_scenario("baseline-2024", [
    ban.format(id="first", mineral="gallium", said="2024-07-01", begins="2025-01-01", ends="2026-12-31"),
    ban.format(id="second", mineral="rare_earths", said="2025-01-01", begins="2025-07-01", ends="2027-06-30"),
    ban.format(id="third", mineral="cobalt", said="2025-07-01", begins="2026-01-01", ends="2027-12-31"),
])
world = load_world(scenario.base_year)
spent, calls, inside = {}, {}, False

def counted(name, function, opens=False):
    def call(*args, **options):
        global inside
        if not (inside or opens):
            return function(*args, **options)
        before, inside, start = inside, True, time.process_time()
        try:
            return function(*args, **options)
        finally:
            spent[name] = spent.get(name, 0.0) + time.process_time() - start
            calls[name] = calls.get(name, 0) + 1
            inside = before
    return call

def base(self, time, state):
    pass

expect, sweep, clear = Outlook.expect, Sweeper.sweep, year_market.clear_together

def run(way):
    global inside
    Outlook.expect = base if way == "without" else expect
    if way != "without":
        Outlook.expect = counted("outlook", expect, opens=True)
    if way == "parts":
        year_market.clear_together, Sweeper.sweep = counted("clearing", clear), counted("sweeps", sweep)
    spent.clear(), calls.clear()
    simulation = Simulation(world, scenario, members=members, seed=1)
    start = time.process_time()
    while simulation.time < simulation.steps:
        simulation.step()
    total = time.process_time() - start
    Outlook.expect, year_market.clear_together, Sweeper.sweep = expect, clear, sweep
    return {
        "steps": total, "each": total / simulation.steps, "rounds": calls.get("clearing", 0),
        **{name: of / total for name, of in spent.items()},
    }

if repeats == 0:
    found = run("with")
    print(json.dumps({"steps": found["steps"], "share": found["outlook"]}))
    sys.exit()
ways = {"with": [], "without": [], "parts": []}
for _ in range(repeats + 1):
    for way, found in ways.items():
        found.append(run(way))
# The first of each warms up.
middle = {
    way: {key: statistics.median(one[key] for one in found[1:]) for key in found[-1]}
    for way, found in ways.items()
}
print(json.dumps({
    "share": middle["with"]["outlook"],
    "rival": statistics.median(
        a["steps"] / b["steps"] for a, b in zip(ways["with"][1:], ways["without"][1:])
    ),
    "clearing": middle["parts"]["clearing"], "floor": middle["parts"]["sweeps"],
    "rounds": middle["parts"]["rounds"], "each": 1e3 * middle["with"]["each"],
}))
"""


def main() -> None:
    """Measure and publish."""
    figures = []
    for members, repeats in CASES:
        found = run_python(PROGRAM, str(members), str(repeats))
        of = f"{members} members: " if members > 1 else "1 member: "
        figures += [
            Figure(f"{of}market of tomorrow", found["share"], "of a step", must=0.3),
            Figure(f"{of}of that its clearing", found["clearing"], "of a step"),
            Figure(f"{of}of that its sweeps, the floor", found["floor"], "of a step"),
            Figure(f"{of}steps with it, over steps without", found["rival"], "times", must=1.5),
            Figure(f"{of}clearings in 84 months", found["rounds"], "calls"),
            Figure(f"{of}a step", found["each"], "ms"),
        ]
    found = run_python(PROGRAM, str(MANY), "0")
    seconds = found["steps"] * WANTED / MANY / CORES
    figures += [
        Figure(f"{MANY} members: market of tomorrow", found["share"], "of a step", must=0.3),
        Figure(
            f"{WANTED} members x 84 months on {CORES} cores, drawn out from {MANY} members on one",
            seconds, "s of processor", must=120.0,
        ),
    ]  # fmt: skip
    publish("tomorrow", figures)


if __name__ == "__main__":
    main()
