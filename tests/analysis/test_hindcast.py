"""Episodes: the tables can be read, the rows follow from the runs, users' observations are scored alike."""

from __future__ import annotations

import datetime as dt
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sim.errors import MonaziteError
from sim.past import replay as hindcasts
from sim.past.episodes import Episode, EpisodeTarget, episode_of, episodes
from sim.past.replay import FORECASTS, HindcastRow, run_episode, summary
from sim.past.scoring import Statistic, Window
from sim.scenario import load_scenario
from sim.world.load import load_world
from sim.world.restrict import restrict

IDS = ("C8", "C9", "C10", "C11", "C12", "C13", "C14a", "C14b", "C14c", "C15", "C17")


def row(members: list[float], low: float = 1.0, high: float = 2.0, listed: bool = True) -> HindcastRow:
    target = EpisodeTarget(
        "T", "text", Statistic("s", "mean", Window.parse("2023")), 1.5, low, high, "a source", listed
    )
    return HindcastRow("e", target, np.array(members), {"unchanged": 1.0, "elasticity": 4.0})


def test_the_eleven_targets_stand_in_the_tables_with_band_around_what_was_observed() -> None:
    targets = [target for episode in episodes() for target in episode.targets]
    assert tuple(target.id for target in targets if target.listed) == IDS
    for target in targets:
        assert target.low <= target.observed <= target.high
        assert target.source


@pytest.mark.parametrize("episode", episodes(), ids=lambda episode: episode.id)
def test_every_episode_has_a_world_a_scenario_and_the_dates_of_its_targets(episode: Episode) -> None:
    world, scenario = hindcasts.load_episode(episode)
    assert set(episode.minerals) <= {good.mineral for good in world.goods}
    last = max(target.statistic.at.last for target in episode.targets)
    assert scenario.start <= min(target.statistic.at.first for target in episode.targets)
    assert scenario.end >= last
    assert restrict(load_world(scenario.base_year), scenario.minerals).goods == world.goods


def test_a_row_counts_by_its_median_and_leaves_out_members_without_a_value() -> None:
    made = row([1.9, 2.1, 1.8, float("nan"), 1.7])
    assert made.median == pytest.approx(1.85)
    assert made.in_band
    assert made.low == pytest.approx(1.73)
    assert made.high == pytest.approx(2.04)
    assert not row([4.0, 4.0, 1.5]).in_band
    assert row([4.0]).miss_of("model") == row([1.5]).miss_of("elasticity") == 1.0
    assert json.loads(json.dumps(row([float("nan")]).as_dict()))["median"] is None


def test_scores_are_means_over_the_listed_rows() -> None:
    rows = [row([1.5]), row([4.0]), row([100.0], listed=False)]
    scores = summary(rows)
    assert tuple(scores) == FORECASTS
    assert scores["model"] == {"in_band": 1.0, "targets": 2.0, "score": 0.5}
    assert scores["unchanged"]["score"] == 0.0
    assert scores["elasticity"]["score"] == 1.0


def test_a_run_of_one_episode_is_the_same_whoever_else_runs() -> None:
    """Members depend on seed and number alone, so a larger ensemble begins with the smaller one."""
    episode = next(e for e in episodes() if e.id == "gallium-static")
    few, many = (run_episode(episode, members=n, seed=5) for n in (2, 4))
    np.testing.assert_array_equal(few.rows[0].members, many.rows[0].members[:2])
    assert set(few.rows[0].naive) == {"unchanged", "elasticity"}
    assert few.rows[0].naive["unchanged"] == pytest.approx(1.0)


MINE = """
format: 2
name: mine
title: Mine
extends: [baseline-2022]
minerals: [gallium]
time: {start: 2022-01, end: 2023-12}
sources:
  paper: {title: A paper}
events:
  ban:
    type: export_ban
    by: CHN
    to: world
    goods: [gallium]
    from: 2023-01-01
    source: paper
observed:
  price-outside: {series: price_outside.gallium_low_purity, values: {2023-06: 600 USD/kg}, source: paper}
  rotterdam:
    series: price_gate.gallium_high_purity
    values: {2022-06: 200 USD/kg, 2023-06: 300 USD/kg}
    source: paper
  exports-stopped: {series: exports.gallium.CHN, values: {2023-06: 0 t}, source: paper}
"""


@pytest.fixture
def mine(tmp_path: Path) -> Path:
    path = tmp_path / "mine.yaml"
    path.write_text(MINE, encoding="utf-8")
    return path


def test_observations_of_a_users_scenario_are_scored_like_the_projects(
    mine: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "rows.json"
    words = ["hindcast", str(mine), "--members", "3", "--json", str(out), "--plots", str(tmp_path / "p")]
    assert main(words) == 0
    told = capsys.readouterr().out
    rows = {r["target"]: r for r in json.loads(out.read_text(encoding="utf-8"))["rows"]}
    assert rows["price-outside"]["observed"] == 600_000
    assert rows["price-outside"]["source"] == "A paper"
    # Two figures of one series: their ratio counts, not their level.
    assert "rotterdam 2022-06" not in rows
    assert rows["rotterdam 2023-06"]["observed"] == 1.5
    assert (rows["rotterdam 2023-06"]["low"], rows["rotterdam 2023-06"]["high"]) == (1.2, 1.875)
    assert rows["exports-stopped"]["median"] == 0
    assert rows["exports-stopped"]["in_band"]
    assert "unchanged" in told
    assert sorted(p.suffix for p in (tmp_path / "p").iterdir()) == [".csv", ".png", ".svg"]


def test_a_scenario_without_observations_is_refused_and_so_is_an_unknown_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(MonaziteError, match="lists no observations"):
        episode_of(load_scenario("baseline-2022"))
    assert main(["hindcast", "galium-2023"]) == 2
    assert "did you mean 'gallium-2023'" in capsys.readouterr().err
    assert main(["hindcast", "gallium-static", "--members", "0"]) == 2


def test_a_yearly_figure_stands_for_its_year_and_flows_by_pair_are_named_not_scored() -> None:
    episode = episode_of(load_scenario("ree-embargo-chn-jpn-2010"))
    row = next(target for target in episode.targets if target.id == "us-imports 2011-12")
    assert row.text == "yearly_imports.2846.USA, 2011 over 2010"
    reference = row.statistic.reference
    assert reference is not None
    for statistic, year in ((row.statistic, 2011), (reference, 2010)):
        assert (statistic.series, statistic.how) == ("imports.2846.USA", "total")
        assert (statistic.at.first, statistic.at.last) == (dt.date(year, 1, 1), dt.date(year, 12, 31))
    mixed = episode_of(load_scenario("ga-ge-sb-ban-usa-2024"))
    assert mixed.unscored == ("yearly_flow.germanium.CHN.USA",)
    assert all("flow" not in target.statistic.series for target in mixed.targets)
    alone = load_scenario("ga-ge-sb-ban-usa-2024")
    only = {name: seen for name, seen in alone.observed.items() if name == "germanium-to-us"}
    with pytest.raises(MonaziteError, match=r"'observed' can be scored \(yearly_flow.germanium.CHN.USA\)"):
        episode_of(replace(alone, observed=only))


def test_every_observed_figure_that_ships_can_be_scored() -> None:
    """Series, goods and countries exist; without running anything but the first month."""
    from sim.engine import Simulation
    from sim.past.scoring import paths
    from sim.world.load import load_world

    for name in ("ree-embargo-chn-jpn-2010", "gallium-germanium-licence-2023", "ree-licence-2025",
                 "ga-ge-sb-ban-usa-2024"):  # fmt: skip
        scenario = load_scenario(name)
        year = scenario.base_year
        short = load_scenario(name, overrides=(f"time.start={year}-01", f"time.end={year}-01"))
        data = Simulation(load_world(year), short).run()
        for target in episode_of(scenario).targets:
            assert paths(data, target.statistic.series)[0].shape == (1, 1), target.id
