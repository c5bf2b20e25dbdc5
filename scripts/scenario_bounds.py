"""Every shipped scenario against three bounds: no price beyond what anybody pays, losses, shortages that differ.

python -m scripts.scenario_bounds [--members 2] [--work FOLDER] [NAME ...]

For each good and country, what users lack is taken over the twelve months in which they lack most. What was
found of a scenario is kept in FOLDER, one file each, so that a run that was stopped goes on. With names only
these are run anew. Bounds:

- *price*: a price at which something was traded, over what the highest class of anybody pays for the good, at
  most 1. A duty that raises what its users can pay is left in.
- *lost*: of the value added of the sectors that use the goods, in the year in which most is lost, at most 1 %,
  in the median member; more wants a sentence in the scenario's file (*Loses much because*).
- *alike*: a good of which users outside its controlling country lack 5 % or more, and lack alike in all of
  three or more countries.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from sim.agents.worth import Worth
from sim.arrays import FloatArray, Groups
from sim.engine import Simulation
from sim.engine.losses import Losses
from sim.scenario import load_scenario
from sim.scenario.find import names
from sim.world.load import load_world

__all__ = ["Bounds", "measured", "said", "worst_year"]

SEED = 1
ROUNDING = 1e-3
MOST_LOST = 0.01
"""Share of value added in a year above which a scenario needs a sentence."""
SHORT, ALIKE, LEAST_USE = 0.05, 0.05, 0.01
"""Of need, missing in the worst year; relative spread below which shortages are alike; share of use that counts."""
REASON = "Loses much because"


@dataclass(frozen=True)
class Bounds:
    """What was found of one scenario."""

    name: str
    members: int
    price: float
    """Largest price over what the highest class of anybody pays."""
    price_of: str
    lost: float
    """Share of value added lost in the worst year, median of the members."""
    lost_usd: float
    lost_by: tuple[tuple[str, float], ...]
    """Goods by their part of what is lost, largest first."""
    alike: tuple[tuple[str, float, float], ...]
    """Goods of which all countries lack alike: mean share missing, and its relative spread."""
    reason: str

    @property
    def missed(self) -> list[str]:
        """Bounds that do not hold."""
        found = ["price"] * (self.price > 1 + ROUNDING) + ["alike"] * bool(self.alike)
        return found + ["lost"] * (self.lost > MOST_LOST and not self.reason)


def worst_year(series: FloatArray, steps: int) -> FloatArray:
    """(M, n) largest sum over so many steps on end of a series (M, T, n); over all where there are fewer."""
    total = np.cumsum(np.concatenate([np.zeros_like(series[:, :1]), series], axis=1), axis=1)
    steps = min(steps, series.shape[1])
    largest: FloatArray = (total[:, steps:] - total[:, :-steps]).max(axis=1)
    return largest


class _Watch:
    """What a run brings, step by step."""

    def __init__(self, simulation: Simulation) -> None:
        self._run, world = simulation, simulation.world
        self._highest = Worth(simulation.case.prepared).highest()
        user = np.array([kind == "manufacturer" for kind in world.facility_kind])
        self._users = np.flatnonzero(user[world.need_facility])
        key = world.need_good * len(world.countries) + world.need_country
        self.places = Groups(key[self._users])
        self._of_goods = Groups(world.need_good[self._users])
        self.price, self.price_of = 0.0, ""
        self.needed: list[FloatArray] = []
        self.missing: list[FloatArray] = []
        self.lost: list[FloatArray] = []

    def go(self) -> None:
        """All steps."""
        run, world = self._run, self._run.world
        losses = Losses(run.case.prepared)
        while run.time < run.steps:
            result = run.step()
            for market in ("gate", "inside", "outside"):
                over = getattr(result.prices, market) / world.base_price / self._highest
                if np.nanmax(over) > self.price:
                    self.price = float(np.nanmax(over))
                    self.price_of = world.goods[int(np.nanargmax(over)) % len(world.goods)].id
            self.needed.append(self.places.sums(result.required[:, self._users]))
            self.missing.append(self.places.sums(result.shortfall[:, self._users]))
            lost = losses.of(result.required, result.shortfall, result.controls.budget_factor)
            self.lost.append(self._of_goods.sums(lost[:, self._users]))

    @property
    def goods(self) -> list[str]:
        """Goods of the columns of ``lost``."""
        return [self._run.world.goods[good].id for good in self._of_goods.keys.tolist()]


def _alike(simulation: Simulation, watch: _Watch, year: int) -> list[tuple[str, float, float]]:
    """Goods short outside their controlling country, by as much in every country."""
    world, controller = simulation.world, simulation.case.observer.controller
    needed, missing = (np.stack(rows, axis=1).astype(np.float64) for rows in (watch.needed, watch.missing))
    short, need = worst_year(missing, year), worst_year(needed, year)
    good, country = np.divmod(watch.places.keys, len(world.countries))
    found = []
    for g in np.unique(good).tolist():
        here = (good == g) & (country != controller[g])
        weight = need[:, here].mean(axis=0)
        counted = weight > LEAST_USE * max(weight.sum(), 1e-300)
        if counted.sum() < 3:
            continue
        share = np.median(short[:, here][:, counted] / need[:, here][:, counted], axis=0)
        mean = float((share * weight[counted]).sum() / weight[counted].sum())
        spread = float(share.max() - share.min()) / max(mean, 1e-12)
        if mean >= SHORT and spread < ALIKE:
            found.append((world.goods[g].id, mean, spread))
    return found


def measured(name: str, members: int) -> Bounds:
    """Run a scenario and hold it to the bounds."""
    scenario = load_scenario(name)
    simulation = Simulation(load_world(scenario.base_year, scenario.tables), scenario, members, SEED)
    watch = _Watch(simulation)
    watch.go()
    year = round(1 / simulation.case.prepared.step_years)
    lost = np.stack(watch.lost, axis=1).astype(np.float64)
    value_added = float(simulation.world.facility_value_added.sum())
    all_lost = np.median(worst_year(lost.sum(axis=2, keepdims=True), year))
    by_good = np.median(worst_year(lost, year), axis=0)
    order = np.argsort(-by_good)[:4].tolist()
    text = names()[name].read_text(encoding="utf-8")
    reason = text.partition(REASON)[2].partition("\n\n")[0].strip()
    return Bounds(
        name, members, watch.price, watch.price_of, float(all_lost) / value_added, float(all_lost),
        tuple((watch.goods[k], float(by_good[k] / max(by_good.sum(), 1e-300))) for k in order),
        tuple(_alike(simulation, watch, year)), reason,
    )  # fmt: skip


def said(found: Bounds) -> str:
    """One line."""
    by = ", ".join(f"{good} {100 * part:.0f} %" for good, part in found.lost_by if part > 0.05)
    alike = ", ".join(f"{good} {100 * mean:.0f} %" for good, mean, _ in found.alike)
    missed = ", ".join(found.missed) or "within"
    return (
        f"{found.name}: {missed}; price {found.price:.2f} of the highest value ({found.price_of}); lost "
        f"{100 * found.lost:.2f} % of value added, {found.lost_usd / 1e9:.0f} bn USD ({by}); alike: {alike or 'none'}"
    )


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is not there yet and print all. Exit code 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("outputs/scenario-bounds"))
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    missed = 0
    for name in options.names or names():
        path = options.work / f"{name}.json"
        if options.names or not path.exists():
            path.write_text(json.dumps(asdict(measured(name, options.members)), indent=1), encoding="utf-8")
        found = Bounds(**json.loads(path.read_text(encoding="utf-8")))
        missed += bool(found.missed)
        print(said(found), flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
