"""Plans: who runs what, under which id, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.errors import MonaziteError
from sim.sweep.described import design_frame, sweep_file
from sim.sweep.plan import DECISIVE, make_plan, plan_of
from sim.sweep.read import Sweep
from sim.sweep.request import Keeping, Request, Sampling
from tests.sweep.stores import BAN, QUICK, quick_plan

LICENCE = "events.licence.approval_share"
SPEED = {"assumptions.thrift_speed": [1.0]}
SMALL = ["minerals=[dysprosium]", "time.end=2025-06"]


def test_replicates_are_the_members_of_a_run() -> None:
    (variant,) = quick_plan().variants
    assert list(variant.number) == list(range(22))
    assert set(variant.seed) == {1}
    assert [b.members for b in quick_plan().blocks] == [4, 4, 4, 4, 4, 2]


def test_samples_share_their_members() -> None:
    plan = make_plan(Request(["ree-licence-2025"], SMALL, {LICENCE: ["0 %", "40 %"]}, Sampling(seeds=3)))
    (variant,) = plan.variants
    assert list(variant.number) == [0, 1, 2, 0, 1, 2]
    assert list(variant.sample) == [0, 0, 0, 1, 1, 1]
    assert list(variant.values[LICENCE]) == [0.0, 0.0, 0.0, 0.4, 0.4, 0.4]
    assert plan.total == 6
    assert plan.method == "grid"


def test_dates_and_years_make_scenarios_of_their_own() -> None:
    vary = {"events.licence.from": ["2025-04-04", "2025-06-01"], LICENCE: ["0 %", "40 %"]}
    plan = make_plan(Request(["ree-licence-2025"], SMALL, vary, Sampling(seeds=2)))
    assert [v.name for v in plan.variants] == [
        "ree-licence-2025_licence-from-2025-04-04", "ree-licence-2025_licence-from-2025-06-01"
    ]
    days = [str(next(e for e in v.scenario.events if e.id == "licence").from_) for v in plan.variants]
    assert days == ["2025-04-04", "2025-06-01"]
    assert sorted(run for v in plan.variants for run in v.runs) == list(range(8))
    frame = design_frame(plan)
    assert list(frame["run"]) == list(range(8))
    assert list(frame["events.licence.from"][[0, 4]]) == ["2025-04-04", "2025-06-01"]


def test_parameter_that_members_share_makes_scenarios() -> None:
    plan = make_plan(Request(["baseline-2024"], QUICK, {"assumptions.prior_weight": [0.02, 0.04]}))
    assert [v.scenario.assumptions["prior_weight"] for v in plan.variants] == [0.02, 0.04]
    assert len({v.digest for v in plan.variants}) == 2
    with pytest.raises(MonaziteError, match="all members share this parameter"):
        make_plan(Request(
            ["baseline-2024"], QUICK, {"assumptions.prior_weight": {"uniform": [0.02, 0.04]}},
            Sampling("lhs", samples=4),
        ))  # fmt: skip


def test_elasticities_vary_within_one_scenario() -> None:
    vary = {
        "assumptions.sourcing_elasticity": {"uniform": [3.0, 8.0]},
        "assumptions.sourcing_elasticity.gallium": {"uniform": [2.0, 4.0]},
    }
    plan = make_plan(Request(["baseline-2024"], QUICK, vary, Sampling("lhs", samples=4)))
    (variant,) = plan.variants
    assert all(len(np.unique(variant.values[path])) == 4 for path in vary)


def test_baseline_is_paired_with_the_design_of_the_other() -> None:
    names, vary = ["baseline-2024", "ree-licence-2025"], {LICENCE: ["0 %", "40 %"]}
    plan = make_plan(Request(names, SMALL, vary, Sampling(seeds=2)))
    base, licence = plan.variants
    assert list(base.number) == [0, 1]
    assert list(base.stands_for) == [0, 0]
    assert list(licence.sample) == [0, 0, 1, 1]
    assert base.values == {}
    assert plan.total == 6
    frame = design_frame(plan)
    before = frame[frame["scenario"] == "baseline-2024"]
    assert [tuple(row) for row in before[["sample", "replicate", "run"]].to_numpy()] == [
        (0, 0, 0), (1, 0, 0), (0, 1, 1), (1, 1, 1)
    ]


def test_assumptions_that_one_file_varies_reach_the_baseline(tmp_path: Path) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(
        "format: 2\nname: x\ntitle: x\nextends: [baseline-2024]\ncompare_to: baseline-2024\nevents:\n"
        "  ban: {type: export_ban, by: CHN, to: world, goods: [gallium], from: 2024-03-01, assumption: x}\n"
        "sweep:\n  vary:\n    assumptions.thrift_speed: [0.1, 0.5]\n"
        "    events.ban.from: [2024-03-01, 2024-05-01]\n    assumptions.prior_weight: [0.02, 0.04]\n"
    )
    plan = make_plan(Request(["baseline-2024", str(file)], QUICK, members=24))
    names = [v.name for v in plan.variants]
    assert names[:2] == ["baseline-2024_prior-weight-0.02", "baseline-2024_prior-weight-0.04"]
    assert names[2] == "x_ban-from-2024-03_prior-weight-0.02"
    assert plan.variants[2].label == "ban from 2024-03, prior weight 0.02"
    assert [len(v.runs) for v in plan.variants] == [6, 6, 6, 6, 6, 6]
    # A baseline for each distinct set of assumptions, whichever date the ban has.
    assert list(plan.variants[0].values["assumptions.thrift_speed"]) == [0.1] * 3 + [0.5] * 3
    assert list(plan.variants[0].stands_for) == [0, -1, 0, -1, 4, -1, 4, -1]
    assert sorted(run for v in plan.variants for run in v.runs) == list(range(plan.total))


@pytest.mark.parametrize(
    ("change", "asked"),
    [
        ("members", {"members": 23}),
        ("seed", {"seed": 2}),
        ("scenario", {"overrides": [BAN]}),
        ("end", {"overrides": ["time.end=2024-07"]}),
        ("block", {"keeping": Keeping(5)}),
        ("bits", {"keeping": Keeping(4, full=True)}),
        ("flows", {"keeping": Keeping(4, every_flow=True)}),
    ],
)
def test_id_follows_all_that_decides_the_bytes(change: str, asked: dict[str, Any]) -> None:
    assert quick_plan(**{"members": 22, **asked}).id != quick_plan().id, change


def test_the_parts_that_decide_results_are_there() -> None:
    """A part that was moved would be left out of every id."""
    top = Path(__file__).parents[2] / "sim"
    assert [part for part in DECISIVE if not list(top.glob(part))] == []


def test_same_plan_again_from_what_was_asked(tmp_path: Path) -> None:
    vary = {LICENCE: {"uniform": ["0 %", "40 %"]}}
    plan = make_plan(Request(["ree-licence-2025"], SMALL, vary, Sampling("sobol", samples=8, seeds=2)))
    assert plan_of(plan.request).id == plan.id
    import json

    stored = Sweep(tmp_path, json.loads(sweep_file(plan)))
    assert stored.plan().id == plan.id
    assert stored.axes[0].bounds == (0.0, 0.4)
    assert (stored.samples, stored.seeds, stored.method) == (8, 2, "sobol")


def test_blocks_of_a_longer_sweep_are_those_of_a_shorter_one() -> None:
    short, long = quick_plan(22).blocks, quick_plan(40).blocks
    assert [b.key for b in short[:5]] == [b.key for b in long[:5]]
    assert short[5].key != long[5].key


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"members": 0}, "members must be at least 1, not 0"),
        ({"vary": {"time.end": ["2024-05", "2024-06"]}, "members": 5}, "cannot be shared out evenly over 2"),
        ({"vary": {"time.end": ["2024-05"]}, "sampling": Sampling("lhs")}, "lhs needs a number of samples"),
        ({"vary": {"events.x.from": ["2024-05"]}}, "there is no event field 'events.x.from'"),
        ({"vary": {"assumptions.thrift_sped": [1]}}, "did you mean 'thrift_speed'"),
        ({"vary": SPEED, "sampling": Sampling("morris", samples=3, levels=3)}, "even number"),
        ({"vary": SPEED, "sampling": Sampling("sobol", samples=3)}, "write 2 or 4"),
    ],
)  # fmt: skip
def test_refused(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(MonaziteError, match=message):
        quick_plan(**{"members": None, **asked})


def test_scenario_given_twice() -> None:
    with pytest.raises(MonaziteError, match="scenario given twice: baseline-2024"):
        make_plan(Request(["baseline-2024", "baseline-2024"]))


def test_changed_scenario_is_noticed(tmp_path: Path) -> None:
    import json

    plan = quick_plan()
    content = json.loads(sweep_file(plan))
    content["request"]["overrides"].append("time.end=2024-07")
    with pytest.raises(MonaziteError, match=r"have changed since this sweep was begun \(baseline-2024\)"):
        Sweep(tmp_path, content).plan()
