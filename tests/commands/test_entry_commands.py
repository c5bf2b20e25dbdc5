"""The commands on worlds of a user's own in which facilities stand still: checked, run, compared, swept."""

from __future__ import annotations

from pathlib import Path

import pytest

from sim.cli import main
from sim.paths import WORLD_VARIABLE
from sim.results import find_runs
from tests.checks_of_runs import price_briefly
from tests.odd_worlds import WORLDS

CALM = """\
format: 2
name: calm
title: Nothing happens
question: What is it compared with?
status: draft
base_year: 2024
time: {{start: 2024-01, end: 2026-06}}
events: {{}}
"""
BAN = """\
format: 2
name: ban
title: China bans exports
question: Who opens?
status: draft
base_year: 2024
compare_to: calm
time: {{start: 2024-01, end: 2026-06}}
events:
  ban:
    type: export_ban
    by: CHN
    to: world
    goods: [{goods}]
    from: 2024-07-01
    until: 2026-01-01
    assumption: true
"""
CASES = {
    "chain": ("dysprosium_oxide, ndpr_oxide, magnet", "separator_usa"),
    "good": ("ndpr_oxide", "plant_recycler"),
    "one seller": ("gallium", "mine_usa"),
}
"""World -> goods that are banned, and who opens."""


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = str(request.param)
    # Who opens does so at rough prices of the time ahead, too; pictures are looked at in tests/plots.
    price_briefly(monkeypatch)
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(WORLD_VARIABLE, str(WORLDS[name]().write(tmp_path / "world")))
    (tmp_path / "scenarios").mkdir()
    for text, file in ((CALM, "calm"), (BAN, "ban")):
        (tmp_path / "scenarios" / f"{file}.yaml").write_text(text.format(goods=CASES[name][0]))
    return name


def run(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    code = main(list(words))
    out, err = capsys.readouterr()
    assert "Traceback" not in out + err
    assert code == 0, err
    return out


def test_a_world_with_entrants_from_validate_to_compare(
    case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(capsys, "validate", "calm", "ban").endswith("ban: valid, 1 event\n")
    run(capsys, "run", "calm", "ban", "--members", "3")
    (campaign,) = Path("outputs").iterdir()
    runs = {found.scenario: found.dataset for found in find_runs(campaign)}
    assert float(runs["ban"].certified.min()) == 1
    opened = runs["ban"].offer_facility == CASES[case][1]
    assert float(runs["ban"].production.where(opened, drop=True).max()) > 0
    assert float(runs["calm"].production.where(opened, drop=True).isel(member=0).max()) == 0
    words = ["compare", str(campaign), *(() if case == "one seller" else ("--no-plots",))]
    out = run(capsys, *words)
    assert "value added at risk" in out
    assert "nan" not in out.replace("finance", "")


def test_a_sweep_of_a_world_with_entrants(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("sweep", "ban", "events.ban.until=2025-06-01,2026-01-01", "--seeds", "2")
    out = run(capsys, *words, "--executor", "local")
    assert "4 runs: 4 new" in out
    certified, _, total = out.partition("markets certified: ")[2].partition("\n")[0].partition(" of ")
    assert certified == total
    assert int(total.replace(",", "")) > 0
