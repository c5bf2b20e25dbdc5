"""The search for parameters as a folder of batches: stopped and resumed at will, on any number of processes.

Layout of the folder::

    search.json           what was asked for: draws, seed, priors, targets, and hashes of model and episodes
    batches/0000.csv      draws of a batch: place of each parameter in its range, statistics of each target
    posterior.csv         the draws kept: parameters, statistics, distance, score, in_band, weight
    parameters.csv        per parameter its prior, and median, p10 and p90 of what was kept
    ends.csv              the medians, and each parameter alone at the low and the high end of its prior

A batch depends on the seed, its number and the batches of the rounds before its own. It is written whole or
not at all, and never written again; so the folder is the same to the byte, whatever happened on the way.
"""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from sim.agents.parameters import read_behaviour, read_priors
from sim.errors import MonaziteError
from sim.files import make_folder
from sim.past.episodes import Episode
from sim.past.posterior import (
    BATCH,
    Aim,
    Sample,
    aims,
    central_and_ends,
    distance,
    hypercube,
    perturbed,
    posterior,
    rounds,
    run_draws,
    scored,
    weighted,
    weighted_quantile,
)
from sim.past.replay import load_episode
from sim.past.search_file import FORMAT, MOST_DRAWS, read_search_file
from sim.paths import shown
from sim.sweep.executors import process_pool
from sim.sweep.journal import write_file
from sim.sweep.plan import scenario_digest
from sim.tables import read_table

__all__ = ["Found", "Request", "Runner", "Watch", "make_request", "open_search", "search"]

Values = npt.NDArray[np.float64]
Runner = Callable[[Sequence[Episode], Sequence[str], Values], Values]
"""Turns (n, parameters) values into (n, targets) statistics."""
LEAST_BATCHES = 2
SEARCHED_FILES = ("behaviour.csv", "posterior.csv")
"""Files of the world of which a search reads no more than it states in its request."""
LOW, HIGH = 0.1, 0.9
POLL_SECONDS = 0.2


@dataclass(frozen=True)
class Request:
    """What a search is asked for; two searches are the same where this is the same."""

    draws: int
    seed: int
    priors: Mapping[str, tuple[float, float]]
    targets: tuple[Aim, ...]
    model: Mapping[str, Any]
    """Version, values of parameters not searched, and a hash of code, world and scenario of each episode."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the searched parameters."""
        return tuple(self.priors)

    @property
    def batches(self) -> int:
        """How many there are in all."""
        return self.draws // BATCH

    @property
    def bounds(self) -> tuple[Values, Values]:
        """Lower and upper ends of the priors."""
        low, high = np.array(list(self.priors.values())).T
        return low, high

    def as_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "format": FORMAT, "draws": self.draws, "seed": self.seed,
            "priors": {name: list(ends) for name, ends in self.priors.items()},
            "targets": [asdict(target) for target in self.targets], "model": dict(self.model),
        }  # fmt: skip


@dataclass(frozen=True)
class Found:
    """A finished search with what came of it."""

    directory: Path
    request: Request
    sample: Sample
    """All draws, weighted, in the order in which they were made."""
    rows: tuple[dict[str, float], ...]
    """The posterior, closest first."""
    ends: tuple[dict[str, Any], ...]
    """Rows of ``ends.csv``: parameter, end, value, distance, score, in_band."""

    @property
    def first_round(self) -> Sample:
        """The draws of the hypercube."""
        return self.sample.rows(np.arange(len(rounds(self.request.batches)[0]) * BATCH))

    def quantile(self, name: str, share: float) -> float:
        """Weighted quantile of a column of the posterior."""
        weights = [row["weight"] for row in self.rows]
        return weighted_quantile([row[name] for row in self.rows], weights, share)

    def narrowing(self) -> list[float]:
        """Width of p10 to p90 of each parameter over that of its prior: 1 where nothing was learned."""
        return [
            (line["p90"] - line["p10"]) / ((HIGH - LOW) * (line["prior_high"] - line["prior_low"]))
            for line in self.parameters()
        ]

    def parameters(self) -> list[dict[str, Any]]:
        """Per parameter its prior and what was found: ``parameters.csv``."""
        return [
            {
                "parameter": name, "prior_low": low, "prior_high": high, "median": self.quantile(name, 0.5),
                "p10": self.quantile(name, LOW), "p90": self.quantile(name, HIGH),
            }
            for name, (low, high) in self.request.priors.items()
        ]  # fmt: skip


def make_request(episodes: Sequence[Episode], draws: int, seed: int) -> Request:
    """The search that tables, scenarios and program of this moment ask for.

    Raises:
        MonaziteError: draws that do not fill batches, a negative seed, nothing to search.
    """
    if draws % BATCH or draws < LEAST_BATCHES * BATCH:
        raise MonaziteError(
            f"draws must be a multiple of {BATCH}, at least {LEAST_BATCHES * BATCH}, not {draws}"
        )
    if draws > MOST_DRAWS:
        raise MonaziteError(f"draws must be at most {MOST_DRAWS:,}, not {draws:,}")
    if seed < 0:
        raise MonaziteError(f"seed must not be negative, not {seed}")
    priors = read_priors()
    if not priors:
        raise MonaziteError(
            "behaviour.csv has no parameter to search; give one a range in prior_low and prior_high, then "
            "'make data'"
        )
    targets = aims(episodes)
    used = {target.episode for target in targets}
    hashes = {
        one.id: scenario_digest(load_episode(one)[1], SEARCHED_FILES) for one in episodes if one.id in used
    }
    # A searched parameter's own value plays no part; the others keep theirs.
    fixed = {
        f"{name}.{scope}": span.central
        for (name, scope), span in sorted(read_behaviour().items())
        if name not in priors or scope != "all"
    }
    model = {"version": metadata.version("monazite"), "fixed": fixed, "episodes": hashes}
    return Request(draws, seed, priors, targets, model)


PARTS = {
    "draws": "the number of draws", "seed": "the seed", "priors": "parameters or their priors",
    "targets": "targets", "version": "the version of Monazite",
    "fixed": "values of parameters that are not searched", "episodes": "program, world or scenarios",
}  # fmt: skip


def _claim(out: Path, request: Request) -> None:
    """Make the folder, or see that it holds this very search.

    Raises:
        MonaziteError: it holds another one, or cannot be written.
    """
    path, asked = out / "search.json", request.as_dict()
    asked = json.loads(json.dumps(asked))
    try:
        make_folder(out, out / "batches")
        if not path.exists() and not path.is_symlink():
            write_file(path, (json.dumps(asked, indent=1, ensure_ascii=False) + "\n").encode())
            return
    except OSError as error:
        raise MonaziteError(f"{shown(out)}: cannot write there ({error.strerror or error})") from None
    known, _ = read_search_file(out)
    differ = [key for key in asked if key != "model" and known[key] != asked[key]]
    differ += [key for key in asked["model"] if known["model"][key] != asked["model"][key]]
    if differ:
        raise MonaziteError(
            f"{shown(out)} holds another search: {', '.join(PARTS[key] for key in differ)} differ; name "
            "another folder with --out"
        )


def _file(out: Path, batch: int) -> Path:
    return out / "batches" / f"{batch:04d}.csv"


def _csv(header: Sequence[str], rows: Sequence[Sequence[object]]) -> bytes:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return text.getvalue().encode()


def _short(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Six digits, enough to run with and to compare."""
    cells = [[v if isinstance(v, str) else f"{v:.6g}" for v in row.values()] for row in rows]
    return _csv(list(rows[0]), cells)


def _write_batch(path: Path, request: Request, unit: Values, statistics: Values) -> None:
    """All digits, so that what is read again is what was computed."""
    header = [*request.parameters, *(target.id for target in request.targets)]
    rows = [[repr(float(value)) for value in row] for row in np.column_stack([unit, statistics])]
    write_file(path, _csv(header, rows))


def _read_batch(path: Path, request: Request) -> tuple[Values, Values]:
    try:
        table = np.loadtxt(path, delimiter=",", skiprows=1, ndmin=2)
    except ValueError:
        table = np.empty((0, 0))
    if table.shape != (BATCH, len(request.parameters) + len(request.targets)):
        raise MonaziteError(f"{shown(path)}: damaged; delete it, and the same command makes it again")
    return table[:, : len(request.parameters)], table[:, len(request.parameters) :]


def _sample(out: Path, request: Request, batches: Sequence[int]) -> Sample:
    parts = [_read_batch(_file(out, batch), request) for batch in batches]
    unit, statistics = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    distances = np.array([distance(row, request.targets) for row in statistics.tolist()])
    names = tuple(target.id for target in request.targets)
    return Sample(request.parameters, names, unit, statistics, distances, np.ones(len(distances)))


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Watch:
    """Who looks on.

    Attributes:
        stop: once it says so, batches in flight are finished and no more are started.
        progress: called with draws that there are now, and draws that were there before.
    """

    stop: Callable[[], bool] = _never
    progress: Callable[[int, int], None] | None = None

    def tell(self, done: int, before: int) -> None:
        """Pass on how many draws there are and were."""
        if self.progress is not None:
            self.progress(done, before)


UNWATCHED = Watch()


def search(
    request: Request,
    episodes: Sequence[Episode],
    out: Path,
    workers: int = 1,
    *,
    run: Runner | None = None,
    watch: Watch = UNWATCHED,
) -> Found | None:
    """Make the draws that the folder lacks, and say what was found; None where it was stopped.

    Args:
        request: see :func:`make_request`.
        episodes: with the request's targets.
        out: the folder.
        workers: processes; the result does not depend on them.
        run: what makes statistics of values; the episodes' runs where None.
        watch: who is asked whether to go on, and told how far it is.

    Raises:
        MonaziteError: the folder holds another search, cannot be written, or is damaged; a worker vanished.
    """
    if workers < 1:
        raise MonaziteError(f"workers must be at least 1, not {workers}")
    run = run or run_draws
    _claim(out, request)
    low, high = request.bounds
    there = [batch for batch in range(request.batches) if _file(out, batch).is_file()]
    done = before = len(there) * BATCH
    watch.tell(done, before)
    with _pool(workers, request.batches - len(there)) as compute:
        for chunk in rounds(request.batches):
            units = _units(out, request, chunk)
            jobs = {
                batch: (run, episodes, request.parameters, low + (high - low) * unit)
                for batch, unit in units.items()
            }
            for batch, statistics in compute(jobs, watch.stop):
                with _written(out):
                    _write_batch(_file(out, batch), request, units[batch], statistics)
                done += BATCH
                watch.tell(done, before)
            if any(not _file(out, batch).is_file() for batch in chunk):
                return None
    return _concluded(out, request, episodes, run)


def _units(out: Path, request: Request, chunk: range) -> dict[int, Values]:
    """Places on the unit cube, (draws, parameters), of the batches of a round that are not there yet."""
    missing = [batch for batch in chunk if not _file(out, batch).is_file()]
    if not missing:
        return {}
    if chunk.start == 0:
        cube = hypercube(len(chunk) * BATCH, len(request.parameters), request.seed)
        return {batch: cube[batch * BATCH : (batch + 1) * BATCH] for batch in missing}
    known = weighted(_sample(out, request, range(chunk.start)), request.batches)
    return {batch: perturbed(known, request.seed, batch) for batch in missing}


def _concluded(out: Path, request: Request, episodes: Sequence[Episode], run: Runner) -> Found:
    """What all batches together say, written beside them."""
    sample = weighted(_sample(out, request, range(request.batches)), request.batches)
    rows = tuple(posterior(sample, request.priors, request.targets))
    found = Found(out, request, sample, rows, ())
    with _written(out):
        if not (out / "ends.csv").is_file():
            write_file(out / "ends.csv", _ends(found, episodes, run))
        write_file(out / "posterior.csv", _short(rows))
        write_file(out / "parameters.csv", _short(found.parameters()))
    return replace(found, ends=_read_ends(out))


def open_search(out: Path) -> Found:
    """A finished search, as its folder has it; nothing is run, and the program may have changed since.

    Raises:
        MonaziteError: no search, not finished, damaged.
    """
    _, asked = read_search_file(out)
    targets = tuple(Aim(**target.model_dump()) for target in asked.targets)
    request = Request(asked.draws, asked.seed, asked.priors, targets, asked.model.model_dump())
    missing = [batch for batch in range(request.batches) if not _file(out, batch).is_file()]
    if missing or not (out / "ends.csv").is_file():
        raise MonaziteError(
            f"{shown(out)}: {request.draws - len(missing) * BATCH} of {request.draws} draws are done; finish "
            f"it first: monazite calibrate --draws {request.draws} --seed {request.seed} --out {shown(out)}"
        )
    sample = weighted(_sample(out, request, range(request.batches)), request.batches)
    return Found(out, request, sample, tuple(posterior(sample, asked.priors, targets)), _read_ends(out))


def _ends(found: Found, episodes: Sequence[Episode], run: Runner) -> bytes:
    request = found.request
    medians = [found.quantile(name, 0.5) for name in request.parameters]
    names, values = central_and_ends(medians, request.priors)
    statistics = run(episodes, request.parameters, values)
    rows: list[list[object]] = []
    for i, ((name, end), row) in enumerate(zip(names, statistics.tolist(), strict=True)):
        value = values[i, request.parameters.index(name)] if name else ""
        told = scored(row, request.targets)
        rows.append([name, end, value, *row, *told.values()])
    header = ["parameter", "end", "value", *(target.id for target in request.targets)]
    return _csv([*header, "distance", "score", "in_band"], rows)


def _read_ends(out: Path) -> tuple[dict[str, Any], ...]:
    remedy = "delete it, and the same command makes it again"
    rows = read_table(out / "ends.csv", ("parameter", "end"), remedy=remedy).dictionaries()
    try:
        return tuple(
            {k: text if k in ("parameter", "end") or not text else float(text) for k, text in row.items()}
            for row in rows
        )
    except (TypeError, ValueError):
        raise MonaziteError(
            f"{shown(out / 'ends.csv')}: damaged; delete it, and the same command makes it again"
        ) from None


@contextmanager
def _written(out: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise MonaziteError(f"{shown(out)}: cannot write there ({error.strerror or error})") from None


Job = tuple[Runner, Sequence[Episode], Sequence[str], Values]
Compute = Callable[[Mapping[int, Job], Callable[[], bool]], Iterator[tuple[int, Values]]]
"""Yields number and statistics of jobs as they finish."""


def _work(job: Job) -> Values:
    run, episodes, parameters, values = job
    return run(episodes, parameters, values)


def _here(jobs: Mapping[int, Job], stop: Callable[[], bool]) -> Iterator[tuple[int, Values]]:
    for batch, job in jobs.items():
        if stop():
            return
        yield batch, _work(job)


@contextmanager
def _pool(workers: int, batches: int) -> Iterator[Compute]:
    """This process where one is enough, else processes of one thread each, by loky."""
    workers = min(workers, batches)
    if workers <= 1:
        yield _here
        return
    from concurrent.futures import FIRST_COMPLETED, Future, wait

    from loky.process_executor import BrokenProcessPool

    pool = process_pool(workers)

    def compute(jobs: Mapping[int, Job], stop: Callable[[], bool]) -> Iterator[tuple[int, Values]]:
        waiting, running = list(jobs), dict[Future[Values], int]()
        while True:
            # One more than there are workers, so that none waits while a batch is written.
            while waiting and len(running) <= workers and not stop():
                batch = waiting.pop(0)
                running[pool.submit(_work, jobs[batch])] = batch
            if not running:
                return
            for future in wait(running, timeout=POLL_SECONDS, return_when=FIRST_COMPLETED).done:
                yield running.pop(future), future.result()

    try:
        yield compute
    except BrokenProcessPool as error:
        raise MonaziteError(
            f"a worker process ended early ({type(error).__name__}), perhaps for want of memory; what is "
            "finished is kept: repeat the command, with fewer --workers"
        ) from None
    finally:
        pool.shutdown(wait=True)
