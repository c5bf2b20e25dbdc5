"""What is compared with what: members paired by hand, no baseline that nobody chose, advice to follow."""

from __future__ import annotations

import datetime as dt
import json
import shlex
from pathlib import Path

import numpy as np
import pytest

from sim.analysis.acted_on import paired_ledger
from sim.analysis.baselines import groups
from sim.analysis.paired import band, compare_group
from sim.analysis.pairing import members_paired
from sim.cli import main
from sim.errors import MonaziteError
from sim.results import find_runs
from sim.sweep import ExecutorSettings, Request, Sampling, Sweep, make_plan, run_plan
from sim.sweep.naming import folder_part
from sim.world.world import World
from tests.engine.test_rules import event, simulation

HEAD = """format: 2
name: {name}
title: A ban
extends: [baseline-2024]
minerals: [gallium]
time: {{end: 2024-06}}
"""
EVENT = """events:
  ban:
    type: export_ban
    by: CHN
    to: world
    goods: [gallium]
    from: 2024-03-01
    assumption: x
"""
VARIED = """sweep:
  vary:
    events.ban.from: [2024-03-01, 2024-05-01]
    assumptions.demand_noise: [0, 0.3]
    assumptions.prior_weight: [0.02, 0.04]
  design: {seeds: 3}
"""
SMALL = ["minerals=[gallium]", "time.end=2024-06"]


def written(folder: Path, name: str, compare_to: str = "", sweep: str = "") -> str:
    path = folder / f"{name}.yaml"
    named = f"compare_to: {compare_to}\n" if compare_to else ""
    path.write_text(HEAD.format(name=name) + named + EVENT + sweep)
    return str(path)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("paired")


@pytest.fixture(scope="module")
def swept(folder: Path) -> Sweep:
    """A ban by date, over assumptions that the baseline must share; no run names a baseline."""
    names = ["baseline-2024", written(folder, "ban", sweep=VARIED)]
    return run_plan(make_plan(Request(names, SMALL)), folder / "outputs", ExecutorSettings("local"))


def test_bands_are_those_of_members_paired_by_hand(swept: Sweep) -> None:
    design = swept.design
    found = groups(find_runs(swept.directory), None)
    assert [group.baseline.scenario for group in found] == [
        "baseline-2024_prior-weight-0.02", "baseline-2024_prior-weight-0.04"
    ]
    assert all("the only scenario here in which no event acts" in group.note for group in found)
    good = str(find_runs(swept.directory)[0].dataset["good"].values[0])
    for group in found:
        comparison = compare_group(group, [good])
        rows = {row.name: row for row in comparison.sections[0].rows}
        for run in group.runs:
            multiples = []
            noise = design["assumptions.demand_noise"]
            for line in design[design["variant"] == run.scenario].itertuples():
                same = design[
                    (design["variant"] == group.baseline.scenario)
                    & (design["replicate"] == line.replicate)
                    & (noise == noise[line.Index])
                ]
                (member,) = set(same["member"])
                own, base = (
                    data["price_outside"].sel(good=good).values[row]
                    for data, row in ((run.dataset, line.member), (group.baseline.dataset, member))
                )
                multiples.append((own / base).max())
            by_hand = band(np.array(multiples))
            shown = rows["  highest multiple of the baseline"].bands[run.scenario]
            assert shown.members == 6
        prices = [row for row in comparison.sections[0].rows if row.name.startswith("  highest")]
        assert prices[0].bands[run.scenario].high == pytest.approx(by_hand.high, rel=1e-6)
        assert prices[0].bands[run.scenario].median == pytest.approx(by_hand.median, rel=1e-6)
        # Paired by row, the noise of one sample would be set beside the calm of another.
        unpaired = run.dataset["price_outside"].sel(good=good).values[:, :] / np.roll(
            group.baseline.dataset["price_outside"].sel(good=good).values, 3, axis=0
        )
        apart = np.sort(unpaired.max(axis=1)) / np.sort(multiples) - 1
        assert np.abs(apart).max() > 0.01


def test_before_the_event_paired_members_are_the_same(swept: Sweep) -> None:
    for group in groups(find_runs(swept.directory), None):
        for run in group.runs:
            rows = members_paired(run.dataset, group.baseline.dataset)
            own = run.dataset["requirement"].values[rows[0], 0]
            base = group.baseline.dataset["requirement"].values[rows[1], 0]
            np.testing.assert_array_equal(own, base)
            assert np.ptp(own.sum(axis=1)) > 0


def test_columns_say_what_varies(swept: Sweep) -> None:
    (first, _) = groups(find_runs(swept.directory), None)
    names = compare_group(first, [str(first.baseline.dataset["good"].values[0])]).names
    assert list(names.values()) == [
        "baseline-2024: prior weight 0.02",
        "ban: ban from 2024-03, prior weight 0.02",
        "ban: ban from 2024-05, prior weight 0.02",
    ]
    assert folder_part("ban from 2026-07, stock size 10 kt") == "ban-from-2026-07_stock-size-10-kt"
    assert folder_part("a b" * 40) != folder_part("a b" * 41)
    assert folder_part("bloc members A+B") != folder_part("bloc members A-B")


def test_designs_of_samples_are_paired_by_sample(folder: Path) -> None:
    vary = {
        "assumptions.demand_noise": {"uniform": [0.0, 0.3]}, "events.ban.from": ["2024-03-01", "2024-05-01"]
    }  # fmt: skip
    names = ["baseline-2024", written(folder, "lhs")]
    plan = make_plan(Request(names, SMALL, vary, Sampling("lhs", samples=6, seeds=2)))
    sweep = run_plan(plan, folder / "sampled", ExecutorSettings("local"))
    (group,) = groups(find_runs(sweep.directory), "baseline-2024")
    assert sum(run.dataset.sizes["member"] for run in group.runs) == 12
    for run in group.runs:
        own, base = members_paired(run.dataset, group.baseline.dataset)
        for name in ("sample", "replicate", "number"):
            before = group.baseline.dataset[name].values[base]
            np.testing.assert_array_equal(run.dataset[name].values[own], before)


def printed(capsys: pytest.CaptureFixture[str], *words: str, code: int = 0) -> str:
    assert main(list(words)) == code
    out = capsys.readouterr()
    return out.out if code == 0 else out.err


def test_no_shocked_run_is_a_baseline_and_the_advice_can_be_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "two", sweep="sweep:\n  vary:\n    events.ban.from: [2024-03-01, 2024-05-01]\n")
    printed(capsys, "sweep", "two.yaml", "--executor", "local", "--quiet")
    (made,) = (tmp_path / "outputs").iterdir()
    said = printed(capsys, "compare", str(made), "--no-plots", code=2)
    assert "nobody says what two is compared with, and events act in all that is there (ban)" in said
    command = said.partition("Run both in one command: ")[2].partition(", then")[0]
    same = "'minerals=[gallium]' time.end=2024-06-30"
    assert command == f"monazite sweep baseline-2024 two {same} --seed 1"
    printed(capsys, *shlex.split(command)[1:], "--executor", "local", "--quiet", "--out", "again")
    (made,) = (tmp_path / "again").iterdir()
    text = printed(capsys, "compare", str(made), "--no-plots", "--vs", "baseline-2024")
    assert "two: ban from 2024-03" in text
    # Two dates of one ban have no sample in common.
    other = "two_ban-from-2024-03"
    with pytest.raises(MonaziteError, match="no member of"):
        compare_group(groups(find_runs(made), other)[0], [])


def test_a_lesson_and_its_full_baseline_are_aligned_or_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    quiet = ("--quiet", "--campaign", "c")
    written(tmp_path, "lesson", "baseline-2024")
    out = printed(capsys, "run", "lesson.yaml", "--members", "3", *quiet[1:])
    same = "'minerals=[gallium]' time.end=2024-06-30"
    command = f"monazite run baseline-2024 lesson {same} --members 3 --seed 1"
    assert command in out
    assert command in printed(capsys, "compare", "c", code=2)
    wider = ("minerals=[gallium,germanium]", "--members", "5")
    printed(capsys, "run", "baseline-2024", "time.end=2024-05", *wider, *quiet)
    text = " ".join(printed(capsys, "compare", "c", "--no-plots").split())
    assert "Median [p10-p90] of 3 paired members. Totals and peaks are over 2024-01 to 2024-05." in text
    assert "money is left out" in text
    assert "the runs differ in length" in text
    said = printed(capsys, "compare", "c", "--no-plots", "--good", "germanium", code=2)
    assert "no good or mineral 'germanium'" in said
    printed(capsys, "run", "baseline-2024", "time.start=2024-02", "time.end=2024-05", *wider, *quiet)
    assert "in the same month their members have other draws" in printed(capsys, "compare", "c", code=2)


def test_a_baseline_with_an_event_is_named_as_such(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("one", "other"):
        written(tmp_path, name)
    printed(capsys, "run", "one.yaml", "other.yaml", "--members", "2", "--quiet", "--campaign", "c")
    text = printed(capsys, "compare", "c", "--no-plots", "--vs", "one")
    assert "one (itself with ban)" in text
    assert "Note: the baseline one itself has ban" in text


def test_new_run_compare_in_one_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    out = printed(capsys, "new", "mine", "--from", "teaching-embargo-45min")
    run, compare = (shlex.split(line)[1:] for line in out.splitlines() if line.startswith("  monazite"))
    assert "--vs teaching-embargo-45min" in out
    printed(capsys, *run, "time.end=2023-06", "--members", "2", "--quiet")
    table = printed(capsys, *compare, "--no-plots")
    assert "mine" in table.partition("\n\n")[0]


def test_what_an_event_moved_is_beside_the_paired_baseline(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "lesson", "baseline-2024")
    out = printed(capsys, "run", "baseline-2024", "lesson.yaml", *SMALL, "--members", "3", "--campaign", "c")
    assert "ban, 2024-03 to 2024-06: let nothing pass where it acted; " in out
    assert "against the paired baseline-2024, exports of the 2 goods that it touches: 100 % less (" in out
    base, run = sorted(find_runs(tmp_path / "outputs" / "c"), key=lambda r: r.scenario)
    (event,) = (event for event in run.events if event["id"] == "ban")
    found = paired_ledger(run.dataset, base.dataset, event)
    assert found is not None
    assert found.unit == "USD"
    mine = run.dataset["outbound_country"].values == "CHN"
    goods = run.dataset["outbound_good"].values[mine]
    worth = run.dataset["good_base_price"].sel(good=goods).values
    own, usual = ((data["exports"].values[..., mine] * worth).sum(-1) for data in (run.dataset, base.dataset))
    np.testing.assert_allclose(found.after, (own - usual)[:, 2:].sum(1), rtol=1e-6)
    np.testing.assert_allclose(found.before, (own - usual)[:, :2].sum(1), rtol=1e-6)
    np.testing.assert_allclose(found.usual_before, usual[:, :2].sum(1), rtol=1e-6)
    # A total ban stops all that would have been exported.
    np.testing.assert_allclose(found.after, -found.usual_after, rtol=1e-3)
    text = " ".join(printed(capsys, "compare", "c", "--no-plots").split())
    assert "ban: exports from 2024-03, % -100" in text


def test_blocs_mergers_and_output_are_beside_the_paired_baseline(small_world: World) -> None:
    """Goods of unlike units are not added up, and what changed of itself is not the event's."""
    happening = [
        event("pact", "bloc", members=["JPN", "DEU"], preference="30 %", **{"from": dt.date(2024, 3, 1)}),
        event("cut", "production_quota", by="CHN", goods=["dysprosium_oxide"], cut="40 %",
              **{"from": dt.date(2024, 3, 1)}),
        event("boom", "demand_shock", level="150 %", countries=["JPN"], **{"from": dt.date(2024, 3, 1)}),
    ]  # fmt: skip
    run, base = (simulation(small_world, *events, members=3).run() for events in (happening, []))
    listed = {entry["id"]: entry for entry in json.loads(run.attrs["events"])}
    found = {name: paired_ledger(run, base, entry) for name, entry in listed.items()}
    cut = found["cut"]
    assert cut is not None
    assert (cut.words, cut.goods) == ("output of", ("dysprosium_oxide",))
    mine = (run["offer_good"].values == "dysprosium_oxide") & (run["offer_country"].values == "CHN")
    made = [data["production"].values[..., mine].sum(-1, dtype=float) for data in (run, base)]
    np.testing.assert_allclose(cut.after, (made[0] - made[1])[:, 2:].sum(1), rtol=1e-6)
    assert (cut.after < -0.2 * cut.usual_after).all()
    np.testing.assert_allclose(cut.before, 0.0, atol=1e-9)
    boom = found["boom"]
    assert boom is not None
    assert boom.words == "need of"
    needs = (run["need_country"].values == "JPN") & (run["need_kind"].values == "manufacturer")
    need = [data["requirement"].values[..., needs].sum(-1, dtype=float) for data in (run, base)]
    assert len(boom.goods) == 1  # so tonnes are tonnes
    np.testing.assert_allclose(boom.after, (need[0] - need[1])[:, 2:].sum(1), rtol=1e-6)


def test_runs_of_several_baselines_are_told_of_all_of_them_in_one_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "calm.yaml").write_text(HEAD.format(name="calm").partition("minerals")[0])
    written(tmp_path, "one", "baseline-2024")
    written(tmp_path, "other", "calm")
    out = printed(capsys, "run", "one.yaml", "other.yaml", "--members", "2", "--campaign", "c")
    same = "'minerals=[gallium]' time.end=2024-06-30"
    command = f"monazite run baseline-2024 calm one other {same} --members 2 --seed 1"
    assert f"to compare: Run all in one command: {command}\n" in out
    said = printed(capsys, "compare", "c", "--no-plots", code=2)
    assert "holds no run of 'baseline-2024' or 'calm'; there are: one, other. " in said
    assert f"Run all in one command: {command}" in said
    out = printed(capsys, *shlex.split(command)[1:], "--campaign", "d")
    assert "compare: monazite compare outputs/d\n" in out
    text = printed(capsys, "compare", "d", "--no-plots")
    assert text.count("one: ") >= 1
    assert text.count("other: ") >= 1


def test_a_run_with_its_baseline_is_told_to_compare_whatever_the_baseline_itself_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    written(tmp_path, "calm", "baseline-2024")
    written(tmp_path, "other", "calm")
    out = printed(capsys, "run", "calm.yaml", "other.yaml", "--members", "2", "--campaign", "c")
    assert "compare: monazite compare outputs/c --vs calm\n" in out
    assert "to compare" not in out
