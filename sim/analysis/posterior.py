"""Behavioural parameters from the past: draws from their ranges, run on all episodes, the best kept.

Approximate Bayesian computation by a population (Beaumont and others 2009, Biometrika): the first half of the
draws is a Latin hypercube over the prior ranges of ``behaviour.csv`` (uniform); every later round
perturbs the draws accepted so far and weighs them so that the prior still counts. All draws of a batch run
stacked, as members without noise. Every batch is written when it is done and depends on the seed, its
number and the batches before its round alone, so that a broken search goes on where it stopped.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from sim.agents.parameters import read_behaviour, read_priors
from sim.analysis.episodes import Episode, EpisodeTarget
from sim.analysis.hindcast import load_episode
from sim.analysis.scoring import FARTHEST, evaluate, miss, score
from sim.engine import Simulation
from sim.errors import MonaziteError

__all__ = ["BATCH", "Sample", "calibrate_on", "distance", "run_draws", "search"]

Values = npt.NDArray[np.float64]
BATCH = 50
ROUNDS = 3
"""Rounds of local search that share the second half of the draws."""
ACCEPTED = 0.1
"""Share of the draws so far, by distance, around which the next round draws."""
KEPT = 0.05
"""Share of all draws, by score, that is the posterior."""
KERNEL = 1.4
"""Width of a perturbation, in standard deviations of the accepted draws (sqrt 2, Beaumont and others)."""


@dataclass(frozen=True)
class Sample:
    """Draws with what became of them. ``values`` is (n, parameters), ``statistics`` (n, targets)."""

    parameters: tuple[str, ...]
    targets: tuple[str, ...]
    values: Values
    statistics: Values
    distances: Values
    weights: Values

    def best(self, share: float = ACCEPTED) -> Sample:
        """The draws closest to what was observed, closest first."""
        keep = np.argsort(self.distances, kind="stable")[: max(int(len(self.distances) * share), 1)]
        return Sample(
            self.parameters, self.targets, self.values[keep], self.statistics[keep], self.distances[keep],
            self.weights[keep],
        )  # fmt: skip


def distance(values: Sequence[float], targets: Sequence[EpisodeTarget]) -> float:
    """Root mean square distance from what was observed, in half band widths, at most 6 a target.

    On logarithms where the band is positive, like the score; unlike it, it goes on to fall inside a band.
    """
    parts = []
    for value, target in zip(values, targets, strict=True):
        most = 2 * FARTHEST
        if not np.isfinite(value) or (target.low > 0 and value <= 0):
            parts.append(most)
        elif target.low > 0:
            parts.append(abs(np.log(value / target.observed)) * 2 / np.log(target.high / target.low))
        else:
            parts.append(abs(value - target.observed) * 2 / (target.high - target.low))
        parts[-1] = min(parts[-1], most)
    return float(np.sqrt(np.mean(np.square(parts))))


def run_draws(episodes: Sequence[Episode], parameters: Sequence[str], values: Values) -> Values:
    """(n, targets) statistics of the listed targets for n draws, all draws of an episode stacked."""
    paths = {f"assumptions.{name}": values[:, i] for i, name in enumerate(parameters)}
    columns = []
    for episode in episodes:
        world, scenario = load_episode(episode)
        # Member 0 has central parameters and no noise: what differs between draws is their values alone.
        data = Simulation(world, scenario, members=[0] * len(values), values=paths).run()
        columns += [evaluate(data, target.statistic) for target in episode.targets if target.listed]
    return np.stack(columns, axis=1)


def _hypercube(draws: int, dimensions: int, seed: int) -> Values:
    """(draws, dimensions) Latin hypercube on the unit cube."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(0,)))
    strata = np.stack([generator.permutation(draws) for _ in range(dimensions)], axis=1)
    cube: Values = (strata + generator.random((draws, dimensions))) / draws
    return cube


def _perturbed(known: Sample, low: Values, high: Values, seed: int, batch: int) -> tuple[Values, Values]:
    """New draws around the accepted ones, and their weights against a uniform prior."""
    generator = np.random.default_rng(np.random.SeedSequence(seed, spawn_key=(batch + 1,)))
    kept = known.best()
    weight = kept.weights / kept.weights.sum()
    mean = weight @ kept.values
    width = KERNEL * np.sqrt(weight @ (kept.values - mean) ** 2) + 1e-12
    chosen = kept.values[generator.choice(len(weight), BATCH, p=weight)]
    drawn = chosen + width * generator.standard_normal(chosen.shape)
    # Reflected at the ends of the range; the fold of the kernel there is left out of the weights.
    span = high - low
    drawn = low + span - np.abs(np.mod(drawn - low, 2 * span) - span)
    gaps = (drawn[:, None] - kept.values[None]) / width
    density = (weight * np.exp(-0.5 * (gaps**2).sum(-1))).sum(1)
    return drawn, np.maximum(density, 1e-300)


def search(
    episodes: Sequence[Episode],
    draws: int,
    out: Path,
    seed: int = 1,
    progress: Callable[[int, int], None] | None = None,
) -> Sample:
    """Draw, run, keep; every batch of :data:`BATCH` draws is a file in ``out`` and is not run again.

    Raises:
        MonaziteError: too few draws, or ``out`` holds batches of another search.
    """
    batches = draws // BATCH
    if batches < 2 or draws % BATCH:
        raise MonaziteError(f"--draws must be a multiple of {BATCH}, at least {2 * BATCH}; not {draws}")
    priors = read_priors()
    free = tuple(priors)
    low, high = (np.array([bounds[i] for bounds in priors.values()]) for i in (0, 1))
    targets = [target for episode in episodes for target in episode.targets if target.listed]
    _same_search(out, draws, seed, priors, targets)
    prior_batches = (batches + 1) // 2
    cube = low + (high - low) * _hypercube(prior_batches * BATCH, len(free), seed)
    later = max((batches - prior_batches) // ROUNDS, 1)
    found: list[Sample] = []
    for batch in range(batches):
        path = out / f"batch-{batch:04d}.csv"
        if path.is_file():
            found.append(_read(path, free, targets))
        else:
            if batch < prior_batches:
                values, density = cube[batch * BATCH : (batch + 1) * BATCH], None
            else:
                start = prior_batches + (batch - prior_batches) // later * later
                values, density = _perturbed(_joined(found[:start]), low, high, seed, batch)
            statistics = run_draws(episodes, free, values)
            distances = np.array([distance(row, targets) for row in statistics])
            weights = np.ones(len(values)) if density is None else density.mean() / density
            names = tuple(target.id for target in targets)
            _write(path, Sample(free, names, values, statistics, distances, weights))
            found.append(_read(path, free, targets))
        if progress is not None:
            progress(batch + 1, batches)
    return _joined(found)


def _same_search(
    out: Path,
    draws: int,
    seed: int,
    priors: Mapping[str, tuple[float, float]],
    targets: Sequence[EpisodeTarget],
) -> None:
    """Refuse to mix two searches in one folder."""
    # A searched parameter's own value plays no part; those that are not searched keep theirs.
    fixed = {f"{n}.{s}": r.value for (n, s), r in sorted(read_behaviour().items()) if n not in priors}
    asked = {
        "draws": draws, "seed": seed, "free": {name: list(span) for name, span in priors.items()},
        "targets": {t.id: [t.observed, t.low, t.high] for t in targets}, "fixed": fixed,
    }  # fmt: skip
    path = out / "search.json"
    try:
        out.mkdir(parents=True, exist_ok=True)
        if path.is_file():
            if json.loads(path.read_text(encoding="utf-8")) != asked:
                raise MonaziteError(
                    f"{out} holds another search (draws, seed, targets or parameter table differ); name an "
                    "empty folder with --out"
                )
        else:
            path.write_text(json.dumps(asked, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise MonaziteError(f"{out}: cannot write there ({error.strerror or error})") from None


def _joined(parts: Sequence[Sample]) -> Sample:
    first = parts[0]

    def stacked(name: str) -> Values:
        return np.concatenate([getattr(part, name) for part in parts])

    return Sample(
        first.parameters, first.targets, stacked("values"), stacked("statistics"), stacked("distances"),
        stacked("weights"),
    )  # fmt: skip


def _write(path: Path, sample: Sample) -> None:
    """All digits, and renamed when whole: a broken run leaves no half batch."""
    hidden = path.with_name(f".{path.name}")
    with hidden.open("w", newline="", encoding="utf-8") as handle:
        writer = csv.writer(handle, lineterminator="\n")
        writer.writerow([*sample.parameters, *sample.targets, "distance", "weight"])
        rows = np.column_stack([sample.values, sample.statistics, sample.distances, sample.weights])
        writer.writerows([[repr(float(value)) for value in row] for row in rows])
    hidden.replace(path)


def _read(path: Path, free: tuple[str, ...], targets: Sequence[EpisodeTarget]) -> Sample:
    table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    count = len(free)
    return Sample(
        free, tuple(t.id for t in targets), table[:, :count], table[:, count:-2], table[:, -2], table[:, -1]
    )


def calibrate_on(sample: Sample, targets: Sequence[EpisodeTarget]) -> list[dict[str, float]]:
    """The accepted draws as rows: parameters, statistics, distance, score, weight (sum 1).

    Accepted is the share :data:`KEPT` of all draws with the best score; the distance decides between equals.
    """
    rows = []
    for i in range(len(sample.distances)):
        misses = [miss(v, t.low, t.high) for v, t in zip(sample.statistics[i], targets, strict=True)]
        rows.append({
            **dict(zip(sample.parameters, sample.values[i].tolist(), strict=True)),
            **dict(zip(sample.targets, sample.statistics[i].tolist(), strict=True)),
            "distance": float(sample.distances[i]), "score": score(misses),
            "in_band": float(sum(m == 0 for m in misses)), "weight": float(sample.weights[i]),
        })  # fmt: skip
    rows.sort(key=lambda row: (row["score"], row["distance"]))
    rows = rows[: max(int(len(rows) * KEPT), 1)]
    total = sum(row["weight"] for row in rows)
    return [{**row, "weight": row["weight"] / total} for row in rows]
