"""The search for parameters: distances by hand, a known answer found, a broken search resumed."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from sim.agents.parameters import read_priors
from sim.analysis import posterior
from sim.analysis.episodes import Episode, EpisodeTarget, episodes
from sim.analysis.posterior import BATCH, Sample, calibrate_on, distance, run_draws, search
from sim.analysis.scoring import FARTHEST, Statistic, Window
from sim.commands.calibrate import weighted_quantile
from sim.errors import MonaziteError

Values = npt.NDArray[np.float64]


def target(name: str, observed: float, low: float, high: float) -> EpisodeTarget:
    return EpisodeTarget(name, name, Statistic("s", "mean", Window.parse("2023")), observed, low, high, "x")


TARGETS = (target("A", 2.0, 1.0, 4.0), target("B", 0.0, 0.0, 0.2))
EPISODE = Episode("e", "E", "none", (), TARGETS)


def test_distance_by_hand() -> None:
    assert distance([2.0, 0.0], TARGETS) == 0
    # One band edge each: one half width on the logarithm, and two halves of 0.1 on the plain scale.
    assert distance([4.0, 0.0], TARGETS) == pytest.approx(np.sqrt(1 / 2))
    assert distance([2.0, 0.2], TARGETS) == pytest.approx(np.sqrt(4 / 2))
    assert distance([float("nan"), 0.0], TARGETS) == pytest.approx(2 * FARTHEST / np.sqrt(2))


def test_weighted_quantiles() -> None:
    assert weighted_quantile([1.0, 2.0, 3.0, 4.0], [1.0] * 4, 0.5) == 2.0
    assert weighted_quantile([4.0, 1.0], [0.9, 0.1], 0.5) == 4.0


def _known_answer(found: list[int]) -> tuple[Callable[..., Values], Values, Values]:
    """Statistics that depend on two parameters: the best draws are those near known values."""
    low, high = (np.array([span[i] for span in read_priors().values()]) for i in (0, 1))

    def run(_: object, __: object, values: Values) -> Values:
        found.append(len(values))
        unit = (values - low) / (high - low)
        near = [2.0 * np.exp(3 * (unit[:, 0] - 0.8)), 0.5 * np.abs(unit[:, 1] - 0.3)]
        statistics: Values = np.stack(near, axis=1)
        return statistics

    return run, low, high


def test_the_search_finds_a_known_answer_and_goes_on_where_it_broke(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    run, low, high = _known_answer(calls)
    monkeypatch.setattr(posterior, "run_draws", run)
    whole = search([EPISODE], 12 * BATCH, tmp_path / "a", seed=3)
    assert calls == [BATCH] * 12
    assert len(whole.parameters) == len(low) >= 12
    assert (whole.values >= low).all()
    assert (whole.values <= high).all()
    kept = (whole.best().values - low) / (high - low)
    assert abs(np.median(kept[:, 0]) - 0.8) < 0.1
    assert abs(np.median(kept[:, 1]) - 0.3) < 0.1
    # A parameter without influence stays about as wide as it was.
    assert kept[:, 5].std() > 0.15

    def broken(*args: object) -> Values:
        if len(calls) >= 12 + 7:
            raise KeyboardInterrupt
        return run(*args)

    monkeypatch.setattr(posterior, "run_draws", broken)
    with pytest.raises(KeyboardInterrupt):
        search([EPISODE], 12 * BATCH, tmp_path / "b", seed=3)
    monkeypatch.setattr(posterior, "run_draws", run)
    resumed = search([EPISODE], 12 * BATCH, tmp_path / "b", seed=3)
    assert len(calls) == 12 + 12
    for name in ("values", "statistics", "distances", "weights"):
        np.testing.assert_array_equal(getattr(resumed, name), getattr(whole, name))
    rows = calibrate_on(resumed, TARGETS)
    assert sum(r["weight"] for r in rows) == pytest.approx(1)
    assert len(rows) == 12 * BATCH * posterior.KEPT
    assert [(r["score"], r["distance"]) for r in rows] == sorted((r["score"], r["distance"]) for r in rows)


def test_another_search_in_the_same_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posterior, "run_draws", _known_answer([])[0])
    search([EPISODE], 2 * BATCH, tmp_path, seed=3)
    with pytest.raises(MonaziteError, match="holds another search"):
        search([EPISODE], 2 * BATCH, tmp_path, seed=4)
    with pytest.raises(MonaziteError, match="multiple of 50"):
        search([EPISODE], 70, tmp_path, seed=3)


def test_the_first_half_is_a_latin_hypercube(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, low, high = _known_answer([])
    monkeypatch.setattr(posterior, "run_draws", run)
    sample: Sample = search([EPISODE], 4 * BATCH, tmp_path, seed=1)
    unit = (sample.values[: 2 * BATCH] - low) / (high - low)
    for column in unit.T:
        np.testing.assert_array_equal(np.sort((column * 2 * BATCH).astype(int)), np.arange(2 * BATCH))


def test_stacked_draws_are_what_each_draw_gives_alone() -> None:
    episode = next(e for e in episodes() if e.id == "gallium-static")
    names = ("give_up_exponent", "cover_adjustment_time")
    values = np.array([[read_priors()[name][i] for name in names] for i in (0, 1)])
    both = run_draws([episode], names, values)
    for i in range(2):
        np.testing.assert_array_equal(run_draws([episode], names, values[i : i + 1])[0], both[i])
    assert both[0, 0] != both[1, 0]
