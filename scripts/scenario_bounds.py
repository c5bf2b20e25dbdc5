"""Every shipped scenario against three bounds: prices that somebody pays, losses, shortages that differ.

python -m scripts.scenario_bounds [--members 2] [--work FOLDER] [NAME ...]

What was found of a scenario is kept in FOLDER, one file each, so that a run that was stopped goes on; with
names only these are run anew, and the baselines that they are compared to where they are not there. Bounds:

- *price*: a price at which something was traded, over what the highest class of anybody pays for the good
  with other prices as in the base year, at most 1.
- *lost*: what is lost beside the same member of the baseline in the year in which most is, of the value added
  of the sectors that use the goods: at most 1 % in the median member. Of a baseline, all that is lost.
- *alike*: no good of which users in three or more countries lack 5 % more of their need than in the baseline
  in their worst year, and all that do lack alike.

What is beyond a bound wants a sentence in the scenario's file: *Dear because*, *Loses much because* or *Alike
because*.
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
from sim.engine.result import StepResult
from sim.results.grouping import running_sums
from sim.scenario import load_scenario
from sim.scenario.find import names
from sim.world.load import load_world

__all__ = ["Found", "Verdict", "judged", "measured", "said", "worst_year"]

SEED = 1
ROUNDING = 1e-3
MOST_LOST = 0.01
"""Share of value added in a year above which a scenario needs a sentence."""
SHORT, ALIKE, LEAST_USE, COUNTRIES = 0.05, 0.1, 0.01, 3
"""Of need, missing in the worst year; spread over mean below which shortages are alike; part of use that
counts; how many countries have to lack."""
REASONS = {"price": "Dear because", "lost": "Loses much because", "alike": "Alike because"}
"""With which a scenario's file says why a bound does not hold."""
MARKETS = ("gate", "inside", "outside")


@dataclass(frozen=True)
class Found:
    """What a run brought. M members."""

    price: float
    """Largest price over what the highest class of anybody pays."""
    price_of: str
    lost: list[list[float]]
    """(M, T) USD lost in each step."""
    year: int
    """Steps in a year."""
    value_added: float
    """USD a year of all sectors that use the goods."""
    lost_by: dict[str, float]
    """USD by good, median of the members, each good in its worst year."""
    short: dict[str, list[float]]
    """Good and country -> (M,) share of the need of users that is missing in the worst year."""
    use: dict[str, float]
    """Good and country -> tonnes that they need in a year."""


@dataclass(frozen=True)
class Verdict:
    """A scenario beside its baseline."""

    price: float
    price_of: str
    lost: float
    """USD more than in the baseline in the worst year, median of the members; of a baseline all."""
    share: float
    """Of value added."""
    alike: dict[str, float]
    """Goods of which all countries lack alike: share of need more than in the baseline."""
    explained: frozenset[str]
    """Bounds that the scenario's file has a sentence on."""

    @property
    def beyond(self) -> list[str]:
        """Bounds that do not hold."""
        over = {"price": self.price > 1 + ROUNDING, "lost": self.share > MOST_LOST, "alike": bool(self.alike)}
        return [bound for bound, beyond in over.items() if beyond]

    @property
    def missed(self) -> list[str]:
        """Of these, those that nobody explains."""
        return [bound for bound in self.beyond if bound not in self.explained]


def worst_year(series: FloatArray, steps: int) -> FloatArray:
    """(M, n) largest sum over so many steps on end of a series (M, T, n); over all where there are fewer."""
    largest: FloatArray = running_sums(series, steps).max(axis=1)
    return largest


class _Watch:
    """What a run brings, step by step."""

    def __init__(self, simulation: Simulation) -> None:
        self._run, world = simulation, simulation.world
        self._highest = Worth(simulation.case.prepared).highest()
        user = np.array([kind == "manufacturer" for kind in world.facility_kind])
        self._users = np.flatnonzero(user[world.need_facility])
        key = world.need_good * len(world.countries) + world.need_country
        self._places, self._goods = Groups(key[self._users]), Groups(world.need_good[self._users])
        self._price, self._price_of = 0.0, ""
        self._rows: dict[str, list[FloatArray]] = {"needed": [], "missing": [], "lost": []}

    def go(self) -> Found:
        """All steps."""
        run, losses = self._run, Losses(self._run.case.prepared)
        while run.time < run.steps:
            date = run.dates[run.time]
            result = run.step()
            self._look_at(result, f"{date:%Y-%m}")
            lost = losses.of(result.required, result.shortfall, result.controls.budget_factor)
            self._rows["needed"].append(self._places.sums(result.required[:, self._users]))
            self._rows["missing"].append(self._places.sums(result.shortfall[:, self._users]))
            self._rows["lost"].append(self._goods.sums(lost[:, self._users]))
        return self._found()

    def _look_at(self, result: StepResult, when: str) -> None:
        world = self._run.world
        for market in MARKETS:
            over = getattr(result.prices, market) / world.base_price / self._highest
            if not np.isnan(over).all() and np.nanmax(over) > self._price:
                self._price, at = float(np.nanmax(over)), int(np.nanargmax(over))
                self._price_of = f"{world.goods[at % len(world.goods)].id}, {market}, {when}"

    def _found(self) -> Found:
        world, year = self._run.world, round(1 / self._run.case.prepared.step_years)
        needed, missing, lost = (np.stack(self._rows[name], axis=1) for name in ("needed", "missing", "lost"))
        short, need = worst_year(missing, year), needed.mean(axis=1) * year
        share = np.divide(short, need, out=np.zeros_like(short), where=need > 0)
        by_good = np.median(worst_year(lost, year), axis=0)
        good, country = np.divmod(self._places.keys, len(world.countries))
        names = [f"{world.goods[g].id} {world.countries[c]}" for g, c in zip(good, country, strict=True)]
        return Found(
            self._price, self._price_of, lost.sum(axis=2).tolist(), year,
            float(world.facility_value_added.sum()),
            {world.goods[g].id: float(v) for g, v in zip(self._goods.keys.tolist(), by_good, strict=True)},
            dict(zip(names, share.T.tolist(), strict=True)),
            dict(zip(names, need.mean(axis=0).tolist(), strict=True)),
        )  # fmt: skip


def measured(name: str, overrides: Sequence[str], members: int) -> Found:
    """Run a scenario and watch it."""
    scenario = load_scenario(name, overrides=list(overrides))
    world = load_world(scenario.base_year, scenario.tables)
    return _Watch(Simulation(world, scenario, members, SEED)).go()


def baseline_of(name: str) -> tuple[str, tuple[str, ...]]:
    """What a scenario is compared to, itself where nothing is said, cut to its minerals and its time."""
    scenario = load_scenario(name)
    if scenario.compare_to is None:
        return name, ()
    last = f"{scenario.end:%Y-%m}" if scenario.step == "month" else f"{scenario.end}"
    overrides = [f"time.end={last}"]
    if scenario.minerals:
        overrides.append(f"minerals=[{','.join(sorted(scenario.minerals))}]")
    return scenario.compare_to, tuple(overrides)


def judged(name: str, found: Found, baseline: Found) -> Verdict:
    """A scenario beside its baseline, of the same members."""
    more = np.subtract(found.lost, baseline.lost) if baseline is not found else np.array(found.lost)
    lost = float(np.median(worst_year(more[:, :, None], found.year)))
    text = names()[name].read_text(encoding="utf-8")
    explained = frozenset(bound for bound, words in REASONS.items() if words in text)
    share = lost / found.value_added
    return Verdict(found.price, found.price_of, lost, share, _alike(found, baseline), explained)


def _alike(found: Found, baseline: Found) -> dict[str, float]:
    """Goods of which users lack more than in the baseline, by as much in every country outside."""
    alike: dict[str, float] = {}
    for good in {place.split()[0] for place in found.use}:
        places = [place for place in found.use if place.split()[0] == good]
        whole = sum(found.use[place] for place in places)
        more = [
            float(np.median(np.subtract(found.short[place], baseline.short.get(place, 0.0))))
            for place in places if found.use[place] > LEAST_USE * whole
        ]  # fmt: skip
        lacking = [share for share in more if share >= SHORT]
        mean = float(np.mean(lacking)) if lacking else 0.0
        if len(lacking) >= COUNTRIES and max(lacking) - min(lacking) < ALIKE * mean:
            alike[good] = mean
    return dict(sorted(alike.items()))


def said(name: str, found: Found, verdict: Verdict) -> str:
    """One line."""
    order = sorted(found.lost_by.items(), key=lambda row: -row[1])[:3]
    by = ", ".join(f"{good} {usd / 1e9:.2g}" for good, usd in order if usd > 0)
    alike = ", ".join(f"{good} {100 * share:.0f} %" for good, share in verdict.alike.items())
    return (
        f"{name}: {_judgement(verdict)}; price {verdict.price:.2f} of the highest value "
        f"({verdict.price_of}); lost {100 * verdict.share:.2f} % of value added beside the baseline, "
        f"{verdict.lost / 1e9:.2g} bn USD (largest, in all: {by}); alike: {alike or 'none'}"
    )


def _judgement(verdict: Verdict) -> str:
    said = [bound if bound in verdict.missed else f"{bound} (explained)" for bound in verdict.beyond]
    return ", ".join(said) or "within"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what is not there yet and print all. Exit code 1 where a bound is missed."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("names", nargs="*")
    parser.add_argument("--members", type=int, default=2)
    parser.add_argument("--work", type=Path, default=Path("outputs/scenario-bounds"))
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)

    def kept(name: str, overrides: Sequence[str], anew: bool) -> Found:
        path = options.work / f"{'--'.join((name, *overrides)).replace('/', '-')}.json"
        if anew or not path.exists():
            found = measured(name, overrides, options.members)
            path.write_text(json.dumps(asdict(found)), encoding="utf-8")
        return Found(**json.loads(path.read_text(encoding="utf-8")))

    missed = 0
    for name in options.names or names():
        found, (beside, overrides) = kept(name, (), bool(options.names)), baseline_of(name)
        verdict = judged(name, found, kept(beside, overrides, False) if beside != name else found)
        missed += bool(verdict.missed)
        print(said(name, found, verdict), flush=True)
    return int(missed > 0)


if __name__ == "__main__":
    raise SystemExit(main())
