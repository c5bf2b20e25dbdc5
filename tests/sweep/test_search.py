"""The search for parameters: a known answer found, the same bytes however it was broken or shared out."""

from __future__ import annotations

import json
import multiprocessing
import random
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.errors import MonaziteError
from sim.past.episodes import Episode, episodes
from sim.past.posterior import BATCH, KEPT, rounds
from sim.past.search import Found, Watch, make_request, open_search, search
from tests.sweep.toy_search import BEST, PRIORS, TARGETS, Values, request, toy_run

NONE: Sequence[Episode] = ()


def found_in(out: Path, batches: int = 12, seed: int = 3, **more: Any) -> Found:
    found = search(request(batches, seed), NONE, out, run=toy_run(), **more)
    assert found is not None
    return found


def content(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Found:
    return found_in(tmp_path_factory.mktemp("whole"))


def test_it_finds_the_known_answer_and_leaves_alone_what_does_nothing(whole: Found) -> None:
    assert len(whole.rows) == round(12 * BATCH * KEPT)
    for name, value in BEST.items():
        low, high = PRIORS[name]
        assert abs(whole.quantile(name, 0.5) - value) < 0.05 * (high - low)
    narrowing = dict(zip(PRIORS, whole.narrowing(), strict=True))
    assert narrowing["speed"] < 0.2
    assert narrowing["cover"] < 0.2
    assert 0.7 < narrowing["idle"] < 1.2
    # Rounds of local search come closer than the hypercube that they start from.
    first, later = np.split(whole.sample.distances, [len(rounds(12)[0]) * BATCH])
    assert np.median(later) < np.median(first) / 2
    assert whole.rows[0]["distance"] == min(whole.sample.distances)


def test_rows_are_the_closest_draws_with_weights_that_add_up(whole: Found) -> None:
    distances = [row["distance"] for row in whole.rows]
    assert distances == sorted(whole.sample.distances)[: len(distances)]
    assert sum(row["weight"] for row in whole.rows) == pytest.approx(1)
    for row in whole.rows:
        assert row["A"] == pytest.approx(2 * np.exp(row["speed"] - 4.2))
        assert row["in_band"] == sum(t.low <= row[t.id] <= t.high for t in TARGETS)
        assert row["score"] == 0 or row["in_band"] < 3
    header = (whole.directory / "posterior.csv").read_text().splitlines()[0]
    assert header == "speed,cover,idle,A,B,C,distance,score,in_band,weight"


def test_ends_are_runs_with_one_parameter_moved_alone(whole: Found) -> None:
    central, *moved = whole.ends
    assert [(row["parameter"], row["end"]) for row in moved] == [
        (name, end) for name in PRIORS for end in ("low", "high")
    ]
    at = {(row["parameter"], row["end"]): row for row in moved}
    assert at["speed", "low"]["A"] == pytest.approx(2 * np.exp(1.0 - 4.2))
    assert at["speed", "low"]["B"] == central["B"]
    assert at["idle", "high"]["distance"] == central["distance"]


def test_a_search_that_broke_anywhere_ends_with_the_same_bytes(tmp_path: Path, whole: Found) -> None:
    run = toy_run()
    for number, after in enumerate((0, 3, 7, 12)):
        calls: list[int] = []

        def broken(*args: Any, after: int = after, calls: list[int] = calls) -> Values:
            if len(calls) == after:
                raise KeyboardInterrupt
            calls.append(1)
            return run(*args)

        out = tmp_path / str(number)
        with pytest.raises(KeyboardInterrupt):
            search(request(), NONE, out, run=broken)
        assert len(list((out / "batches").glob("*.csv"))) == after
        # What a process killed while writing leaves behind is no batch.
        (out / "batches" / ".0099.csv.1.part").write_text("half")
        again: list[int] = []

        def counted(*args: Any, again: list[int] = again) -> Values:
            again.append(1)
            return run(*args)

        assert search(request(), NONE, out, run=counted) is not None
        assert len(again) == 12 - after + 1
        (out / "batches" / ".0099.csv.1.part").unlink()
        assert content(out) == content(whole.directory)


def test_a_stopped_search_says_so_and_goes_on(tmp_path: Path, whole: Found) -> None:
    seen: list[tuple[int, int]] = []
    stopped = search(
        request(), NONE, tmp_path, run=toy_run(),
        watch=Watch(lambda: len(seen) > 4, lambda done, before: seen.append((done, before))),
    )  # fmt: skip
    assert stopped is None
    assert seen == [(n * BATCH, 0) for n in range(5)]
    with pytest.raises(MonaziteError) as caught:
        open_search(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: 200 of 600 draws are done; finish it first: monazite calibrate --draws 600 --seed 3 "
        f"--out {tmp_path}"
    )
    seen.clear()
    watch = Watch(progress=lambda *n: seen.append(n))
    assert search(request(), NONE, tmp_path, run=toy_run(), watch=watch) is not None
    assert seen[0] == (200, 200)
    assert seen[-1] == (600, 200)
    assert content(tmp_path) == content(whole.directory)


def test_two_workers_give_the_bytes_of_one(tmp_path: Path, whole: Found) -> None:
    found_in(tmp_path, workers=2)
    assert content(tmp_path) == content(whole.directory)


def test_a_seed_gives_draws_of_its_own(tmp_path: Path, whole: Found) -> None:
    other = found_in(tmp_path, seed=4)
    assert not np.isin(other.sample.unit, whole.sample.unit).any()


def test_a_finished_search_is_opened_as_it_was_left(whole: Found) -> None:
    opened = open_search(whole.directory)
    assert opened.request == whole.request
    assert opened.rows == whole.rows
    assert opened.ends == whole.ends
    np.testing.assert_array_equal(opened.sample.weights, whole.sample.weights)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"seed": 5}, "the seed"),
        ({"draws": 14 * BATCH}, "the number of draws"),
        ({"priors": {**PRIORS, "cover": (0.0, 9.0)}}, "parameters or their priors"),
        ({"targets": TARGETS[:2]}, "targets"),
        ({"model": {"version": "2", "fixed": {}, "episodes": {}}}, "the version of Monazite"),
        ({"model": {"version": "1", "fixed": {"a.all": 1.0}, "episodes": {"one": "x"}}},
         "values of parameters that are not searched, program, world or scenarios"),
    ],
)  # fmt: skip
def test_another_search_in_the_same_folder_is_refused(
    whole: Found, change: dict[str, Any], what: str
) -> None:
    from dataclasses import replace

    before = content(whole.directory)
    with pytest.raises(MonaziteError) as caught:
        search(replace(request(), **change), NONE, whole.directory, run=toy_run())
    assert str(caught.value) == (
        f"{whole.directory} holds another search: {what} differ; name another folder with --out"
    )
    assert content(whole.directory) == before


def test_bad_folders_are_explained(tmp_path: Path) -> None:
    with pytest.raises(MonaziteError) as caught:
        open_search(tmp_path)
    assert str(caught.value) == (
        f"{tmp_path}: holds no search; make one with 'monazite calibrate --out {tmp_path}'"
    )
    (tmp_path / "search.json").write_text(json.dumps({"format": 0}))
    with pytest.raises(MonaziteError, match=r"(?s)format: 0 will not do.*no search of this version"):
        open_search(tmp_path)
    found_in(tmp_path / "a", batches=2)
    (tmp_path / "a" / "batches" / "0001.csv").write_text("speed\n1\n")
    with pytest.raises(MonaziteError) as caught:
        open_search(tmp_path / "a")
    assert str(caught.value) == (
        f"{tmp_path / 'a' / 'batches' / '0001.csv'}: damaged; delete it, and the same command makes it again"
    )
    (tmp_path / "file").write_text("x")
    with pytest.raises(MonaziteError, match=r"file: cannot write there \(File exists\)|Not a directory"):
        found_in(tmp_path / "file", batches=2)
    with pytest.raises(MonaziteError, match="workers must be at least 1, not 0"):
        found_in(tmp_path / "b", workers=0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"draws": 10**9}, "draws: 1000000000 will not do"),
        ({"draws": "100"}, "draws: '100' will not do: Input should be a valid integer"),
        ({"draws": 100.0}, "draws: 100.0 will not do: Input should be a valid integer"),
        ({"seed": True}, "seed: True will not do: Input should be a valid integer"),
        ({"priors": {"speed": ["1", 2.0]}}, "priors.speed.0: '1' will not do: Input should be"),
        ({"draws": 75}, "draws: 75 will not do: Input should be a multiple of 50"),
        ({"seed": -1}, "seed: -1 will not do"),
        ({"seed": float("nan")}, "seed: nan will not do"),
        ({"priors": {"speed": [1.0]}}, "priors.speed.1: is missing"),
        ({"priors": {"speed": [2.0, 1.0]}}, "the range of 'speed' is empty"),
        ({"priors": {}}, "priors: {} will not do"),
        ({"targets": [{"id": "\x1b[31m"}]}, "targets.0.episode: is missing"),
        ({"model": []}, "model: [] will not do"),
        ({"more": 1}, "more: 1 will not do: Extra inputs are not permitted"),
    ],
)
def test_a_search_that_nobody_asked_for_is_refused(
    whole: Found, tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    """As somebody may have edited or sent it; in one reading, and before memory is taken."""
    asked = json.loads((whole.directory / "search.json").read_text())
    (tmp_path / "search.json").write_text(json.dumps({**asked, **change}))
    for read in (open_search, lambda folder: found_in(folder)):
        with pytest.raises(MonaziteError) as caught:
            read(tmp_path)
        assert f"search.json: {message}" in str(caught.value) or message in str(caught.value)
        assert "name another folder" in str(caught.value)
        assert "\x1b" not in str(caught.value)


def test_a_request_names_what_decides_the_result() -> None:
    known = episodes()
    asked = make_request(known, 100, 1)
    listed = [target.id for episode in known for target in episode.targets if target.listed]
    assert [target.id for target in asked.targets] == listed
    assert set(asked.model["episodes"]) == {target.episode for target in asked.targets}
    assert not set(asked.priors) & {name.partition(".")[0] for name in asked.model["fixed"]}
    for draws in (0, 50, 120):
        with pytest.raises(MonaziteError) as caught:
            make_request(known, draws, 1)
        assert str(caught.value) == f"draws must be a multiple of 50, at least 100, not {draws}"
    with pytest.raises(MonaziteError, match="seed must not be negative, not -1"):
        make_request(known, 100, -1)


def victim(out: str) -> None:
    """What is killed: a search that takes a moment for each batch."""
    run = toy_run()

    def slow(*args: Any) -> Values:
        time.sleep(0.02)
        return run(*args)

    search(request(), NONE, Path(out), run=slow)


def test_a_search_that_is_killed_at_any_moment_ends_with_the_same_bytes(tmp_path: Path, whole: Found) -> None:
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["tests.sweep.test_search"])
    process = server.Process(target=victim, args=(str(tmp_path / "warm"),))
    process.start()
    process.join()
    assert process.exitcode == 0
    moments, reached = random.Random(7), set()
    for number in range(6):
        out = tmp_path / str(number)
        process = server.Process(target=victim, args=(str(out),))
        process.start()
        while not (out / "search.json").is_file():
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.4))
        process.kill()
        process.join()
        reached.add(len(list((out / "batches").glob("*.csv"))))
        found_in(out)
        for partial in (out, out / "batches"):
            for path in partial.glob(".*.part"):
                path.unlink()
        assert content(out) == content(whole.directory)
    assert reached & set(range(1, 12)), "none was caught between two batches"
