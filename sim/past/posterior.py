"""Behavioural parameters from the past: draws from their ranges, run on all episodes, the closest kept.

Approximate Bayesian computation by a population (Beaumont, Cornuet, Marin and Robert 2009, Biometrika 96):
the first half of the draws is a Latin hypercube over the ranges of ``behaviour.csv`` (uniform priors). Every
later round draws around the draws that came closest so far, from normal kernels of twice their weighted
variance. A draw's weight is the prior's density over that of all rounds together, each in proportion to its
draws (Cornuet, Marin, Mira and Robert 2012, Scandinavian Journal of Statistics 39), so that where many draws
were made each counts less.

What is kept, and what "close" means, was fixed before any result: :func:`distance`, :data:`KEPT`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from sim.engine import Simulation
from sim.past.episodes import Episode
from sim.past.replay import load_episode
from sim.past.scoring import FARTHEST, Statistic, evaluate, miss, score

__all__ = [
    "Aim", "BATCH", "KEPT", "LeftOut", "MOST", "Sample", "aims", "central_and_ends", "distance", "hypercube",
    "left_out", "perturbed", "posterior", "residual", "rounds", "run_draws", "scored", "weighted",
    "weighted_quantile",
]  # fmt: skip

Values = npt.NDArray[np.float64]
BATCH = 50
"""Draws that are run together and stored together."""
ROUNDS = 3
"""Rounds of local search that share the second half of the draws."""
ACCEPTED = 0.1
"""Share of the draws so far, by distance, around which the next round draws."""
KEPT = 0.05
"""Share of all draws, by distance, that is the posterior."""
MOST = 2 * FARTHEST
"""Half band widths beyond which a target counts no more."""
HYPERCUBE_STREAM, FIRST_BATCH_STREAM = 0, 1
KERNEL = float(np.sqrt(2))
"""Standard deviation of a kernel over that of the draws that it is put on."""
LEAST_WIDTH = 1e-6
"""Of a kernel, as a share of a parameter's range: all accepted draws may be one point."""


@dataclass(frozen=True)
class Aim:
    """What one statistic should be."""

    id: str
    episode: str
    text: str
    statistic: str
    """How it is computed, in words."""
    observed: float
    low: float
    high: float


@dataclass(frozen=True)
class Sample:
    """Draws with what became of them."""

    parameters: tuple[str, ...]
    targets: tuple[str, ...]
    unit: Values
    """(n, parameters) place in the ranges of the priors, 0 to 1."""
    statistics: Values
    """(n, targets)"""
    distances: Values
    """(n,)"""
    weights: Values
    """(n,) against a uniform prior; mean about 1."""

    def rows(self, which: npt.NDArray[np.int64]) -> Sample:
        """Some of the draws."""
        return replace(
            self, unit=self.unit[which], statistics=self.statistics[which], distances=self.distances[which],
            weights=self.weights[which],
        )  # fmt: skip

    def best(self, share: float) -> Sample:
        """The share closest to what was observed, closest first; at least one draw."""
        count = max(round(len(self.distances) * share), 1)
        return self.rows(np.argsort(self.distances, kind="stable")[:count])


def aims(episodes: Sequence[Episode]) -> tuple[Aim, ...]:
    """The targets that count, in the order in which :func:`run_draws` gives their statistics."""
    return tuple(
        Aim(t.id, episode.id, t.text, _told(t.statistic), t.observed, t.low, t.high)
        for episode in episodes
        for t in episode.targets
        if t.listed
    )


def _told(statistic: Statistic) -> str:
    gap = f" less {statistic.minus}" if statistic.minus else ""
    words = f"{statistic.how} of {statistic.series}{gap}, {statistic.at.first} to {statistic.at.last}"
    return words if statistic.reference is None else f"{words}, over {_told(statistic.reference)}"


def residual(value: float, target: Aim) -> float:
    """Model against observed in half widths of the band, at most 6 either way.

    On logarithms where the band is positive, like the score.

    No value, and none where the logarithm needs one, is as far below as can be.
    """
    if not np.isfinite(value) or (target.low > 0 and value <= 0):
        return -MOST
    if target.low > 0:
        found = np.log(value / target.observed) * 2 / np.log(target.high / target.low)
    else:
        found = (value - target.observed) * 2 / (target.high - target.low)
    return float(np.clip(found, -MOST, MOST))


def distance(values: Sequence[float], targets: Sequence[Aim]) -> float:
    """Root mean square of the residuals: 0 where all is as observed, about 1 where all is at the bands' ends.

    Unlike the score it goes on to fall inside a band.
    """
    parts = [residual(value, target) for value, target in zip(values, targets, strict=True)]
    return float(np.sqrt(np.mean(np.square(parts))))


def run_draws(episodes: Sequence[Episode], parameters: Sequence[str], values: Values) -> Values:
    """(n, targets) statistics of the listed targets for n draws, all draws of an episode stacked.

    A parameter that an episode's scenario fixes stays as it is fixed.

    Args:
        episodes: those without a listed target are left out.
        parameters: names. values: (n, parameters), in the units of ``behaviour.csv``.
    """
    columns = []
    for episode in episodes:
        targets = [target for target in episode.targets if target.listed]
        if not targets:
            continue
        world, scenario = load_episode(episode)
        given = {
            f"assumptions.{name}": values[:, i]
            for i, name in enumerate(parameters)
            if name not in scenario.assumptions
        }
        # Member 0 has central parameters and no noise: what differs between draws is their values alone.
        data = Simulation(world, scenario, members=[0] * len(values), values=given).run()
        columns += [evaluate(data, target.statistic) for target in targets]
    return np.stack(columns, axis=1)


def rounds(batches: int) -> list[range]:
    """Numbers of the batches of each round: half of them the hypercube, the rest shared evenly.

    >>> rounds(10), rounds(3)
    ([range(0, 5), range(5, 7), range(7, 9), range(9, 10)], [range(0, 2), range(2, 3)])
    """
    first = (batches + 1) // 2
    later = batches - first
    sizes = [first, *(later // ROUNDS + (i < later % ROUNDS) for i in range(ROUNDS))]
    ends = np.cumsum(sizes).tolist()
    return [range(end - size, end) for size, end in zip(sizes, ends, strict=True) if size]


def hypercube(draws: int, dimensions: int, seed: int) -> Values:
    """(draws, dimensions) Latin hypercube on the unit cube."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(HYPERCUBE_STREAM,)))
    strata = np.stack([generator.permutation(draws) for _ in range(dimensions)], axis=1)
    cube: Values = (strata + generator.random((draws, dimensions))) / draws
    return cube


@dataclass(frozen=True)
class _Kernels:
    """What a round draws from: a normal kernel on each accepted draw, reflected at the ends of the ranges."""

    centres: Values
    shares: Values
    """(centres,) sum 1."""
    width: Values
    """(parameters,)"""

    @classmethod
    def on(cls, known: Sample) -> _Kernels:
        accepted = known.best(ACCEPTED)
        shares = accepted.weights / accepted.weights.sum()
        spread = np.sqrt(shares @ (accepted.unit - shares @ accepted.unit) ** 2)
        return cls(accepted.unit, shares, np.maximum(KERNEL * spread, LEAST_WIDTH))

    def draw(self, generator: np.random.Generator, count: int) -> Values:
        """(count, parameters)"""
        chosen = self.centres[generator.choice(len(self.shares), count, p=self.shares)]
        away = chosen + self.width * generator.standard_normal(chosen.shape)
        folded: Values = 1 - np.abs(np.mod(away, 2) - 1)
        return folded

    def density(self, unit: Values) -> Values:
        """(n,) density on the unit cube, what is reflected into it included."""
        total = np.zeros(len(unit))
        for centre, share in zip(self.centres, self.shares, strict=True):
            # Widths are far below 1 (a uniform spread gives 0.41), so images beyond the next are nothing.
            images = [unit + shift - centre for shift in (-2, 0, 2)]
            images += [shift - unit - centre for shift in (-2, 0, 2, 4)]
            along = sum(np.exp(-0.5 * (gap / self.width) ** 2) for gap in images)
            total += share * np.prod(along / (self.width * np.sqrt(2 * np.pi)), axis=1)
        return total


def weighted(sample: Sample, batches: int) -> Sample:
    """The sample with the weight of every draw, from all rounds that it holds.

    Args:
        sample: draws in the order of their batches, whole rounds only. batches: of the whole search.
    """
    proposals: list[_Kernels] = []
    counts: list[int] = []
    done, n = 0, len(sample.distances)
    weights = np.ones(n)
    for number, chunk in enumerate(rounds(batches)):
        if done >= n:
            break
        if number:
            # Kernels stand on the draws before the round, weighted as they were then.
            before = np.arange(done)
            proposals.append(_Kernels.on(replace(sample, weights=weights).rows(before)))
        counts.append(len(chunk) * BATCH)
        done += counts[-1]
        seen = sample.unit[:done]
        density = np.full(done, float(counts[0]))
        for count, proposal in zip(counts[1:], proposals, strict=True):
            density += count * proposal.density(seen)
        weights = np.concatenate([done / density, np.ones(n - done)])
    return replace(sample, weights=weights)


def perturbed(known: Sample, seed: int, batch: int) -> Values:
    """(BATCH, parameters) new draws around the accepted ones, on the unit cube.

    Args:
        known: all draws of the rounds before, :func:`weighted`.
        seed: of the search. batch: number of the batch.
    """
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(FIRST_BATCH_STREAM + batch,)))
    return _Kernels.on(known).draw(generator, BATCH)


def scored(statistics: Sequence[float], targets: Sequence[Aim]) -> dict[str, float]:
    """Distance, score and number of targets in band of one draw."""
    misses = [miss(value, t.low, t.high) for value, t in zip(statistics, targets, strict=True)]
    return {
        "distance": distance(statistics, targets), "score": score(misses),
        "in_band": sum(one == 0 for one in misses),
    }  # fmt: skip


def posterior(
    sample: Sample, priors: Mapping[str, tuple[float, float]], targets: Sequence[Aim]
) -> list[dict[str, float]]:
    """The closest share :data:`KEPT` as rows, closest first.

    Columns: parameters, statistics, distance, score, in_band, weight (sum 1).
    """
    kept = sample.best(KEPT)
    low, high = (np.array([priors[name][end] for name in sample.parameters]) for end in (0, 1))
    values, weights = low + (high - low) * kept.unit, kept.weights / kept.weights.sum()
    return [
        {
            **dict(zip(sample.parameters, values[i].tolist(), strict=True)),
            **dict(zip(sample.targets, kept.statistics[i].tolist(), strict=True)),
            **scored(kept.statistics[i].tolist(), targets),
            "weight": float(weights[i]),
        }
        for i in range(len(weights))
    ]


@dataclass(frozen=True)
class LeftOut:
    """What the other episodes say of one target, and what the priors alone say."""

    target: Aim
    prior: float
    """Median over draws from the priors."""
    median: float
    low: float
    """10th percentile."""
    high: float
    """90th percentile."""

    @property
    def in_band(self) -> bool:
        """Whether the median lies in the accepted band."""
        return self.target.low <= self.median <= self.target.high


def left_out(first_round: Sample, targets: Sequence[Aim]) -> list[LeftOut]:
    """Every target, forecast by the draws that come closest to the targets of all *other* episodes.

    Draws of the hypercube alone: later rounds were drawn with all targets in view. The closest share
    :data:`KEPT` of them is kept, as in :func:`posterior`. Where there is one episode, nothing is left to
    fit on, and the list is empty.
    """
    found = []
    residuals = np.array(
        [[residual(v, t) for v, t in zip(row, targets, strict=True)] for row in first_round.statistics]
    )
    count = max(round(len(residuals) * KEPT), 1)
    for column, target in enumerate(targets):
        others = [i for i, other in enumerate(targets) if other.episode != target.episode]
        if not others:
            continue
        away = np.square(residuals[:, others]).mean(1)
        kept = first_round.statistics[np.argsort(away, kind="stable")[:count], column]
        low, median, high = np.quantile(kept, [0.1, 0.5, 0.9])
        prior = float(np.median(first_round.statistics[:, column]))
        found.append(LeftOut(target, prior, float(median), float(low), float(high)))
    return found


def weighted_quantile(values: Sequence[float], weights: Sequence[float], share: float) -> float:
    """The smallest value up to which the weights reach a share of their sum.

    >>> weighted_quantile([3.0, 1.0, 2.0], [1.0, 1.0, 2.0], 0.5)
    2.0
    """
    total, reached = sum(weights), 0.0
    for value, weight in sorted(zip(values, weights, strict=True)):
        reached += weight
        if reached >= share * total - 1e-12:
            return value
    raise ValueError("no values")


def central_and_ends(
    medians: Sequence[float], priors: Mapping[str, tuple[float, float]]
) -> tuple[list[tuple[str, str]], Values]:
    """The medians of all parameters, then each alone at the low and at the high end of its prior.

    Returns:
        Parameter and end of each row (both empty for the first); (1 + 2 parameters, parameters) values.
    """
    names, rows = [("", "")], [list(medians)]
    for i, (name, ends) in enumerate(priors.items()):
        for word, end in zip(("low", "high"), ends, strict=True):
            names.append((name, word))
            rows.append([end if j == i else middle for j, middle in enumerate(medians)])
    return names, np.array(rows)
