"""What origins of stocks, the ledger, rules and stockpiles add to a run: processor time, shares of a run.

The scenario bans exports of three minerals to one buyer, with and without the rule on third countries.
Runs with and without take turns, so that other work on the machine weighs on both.
"""

from __future__ import annotations

from benchmarks.harness import Figure, publish, run_python

MEMBERS, REPEATS = 50, 5
PROGRAM = """
import json, statistics, sys, time
from sim.engine import Simulation
from sim.engine.ledger import Ledger
from sim.scenario import load_scenario
from sim.world.load import load_world

members, repeats = int(sys.argv[1]), int(sys.argv[2])
name, ban = "ga-ge-sb-ban-usa-2024", "events.ban-usa"
pile = (
    "+events.pile={type: stockpile, by: USA, goods: [antimony], size: 3 months, rate: 2000 t/year,"
    " release_above: 150 %, from: 2023-01-01, assumption: true}"
)
rule = (
    "+events.rule={type: reaction_rule, by: USA, trigger: {price: [antimony], above: 120 %}, lag: 1 month,"
    " action: activate, events: [pile], from: 2023-01-01, assumption: true}"
)
open_ = [f"+{ban}.extraterritorial=false", f"+{ban}.content=false"]
closed = [f"+{ban}.extraterritorial=true", f"+{ban}.content=true"]
cases = {
    "plain": open_,
    "origins": closed,
    "stockpile": [*open_, pile],
    "rule": [*open_, pile.replace("assumption:", "dormant: true, assumption:"), rule],
}
world = load_world(2022)
spent = 0.0
book, close = Ledger.book, Ledger.set_policy
def counted(function):
    def call(*args):
        global spent
        start = time.process_time()
        try:
            return function(*args)
        finally:
            spent += time.process_time() - start
    return call
Ledger.book, Ledger.set_policy = counted(book), counted(close)
used = {key: [] for key in (*cases, "ledger")}
for _ in range(repeats + 1):
    for key, overrides in cases.items():
        scenario = load_scenario(name, overrides)
        spent, start = 0.0, time.process_time()
        Simulation(world, scenario, members=members, seed=1).run()
        used[key].append(time.process_time() - start)
        if key == "plain":
            used["ledger"].append(spent)
# The first round warms up.
print(json.dumps({key: statistics.median(times[1:]) for key, times in used.items()}))
"""


def main() -> None:
    """Measure and publish."""
    used = run_python(PROGRAM, str(MEMBERS), str(REPEATS))
    plain = used["plain"]
    publish(
        "tracking",
        [
            Figure(f"{MEMBERS} members, no tracking", plain, "s"),
            Figure("origins of stocks, rule on resale", used["origins"] / plain - 1, "of a run", must=0.25),
            Figure("ledger", used["ledger"] / plain, "of a run", must=0.05),
            Figure("one stockpile", used["stockpile"] / plain - 1, "of a run"),
            Figure("one stockpile that a rule opens", used["rule"] / plain - 1, "of a run"),
        ],
    )


if __name__ == "__main__":
    main()
