"""The scenarios that ship: each complete, each of its events touching the trade of its base year."""

from pathlib import Path

import pytest

from sim.paths import share_root
from sim.scenario import check_scenario

FILES = sorted((share_root() / "scenarios").rglob("*.yaml"))
NAMES = {
    "baseline-2024", "baseline-2022", "baseline-2009", "ree-licence-2025", "ree-embargo-chn-jpn-2010",
    "ga-ge-sb-ban-usa-2024", "merger-bhp-anglo", "tariff-spiral-2025",
}  # fmt: skip


def test_library_is_complete() -> None:
    assert {path.stem for path in FILES} >= NAMES


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    scenario, problems = check_scenario(path)
    assert [problem.text() for problem in problems] == []
    assert scenario is not None
    assert len(scenario.question) > 40
    assert scenario.tags
    assert path.parent.name in ("baseline", "historical", "hypothetical")
    assert scenario.compare_to or path.parent.name == "baseline"
    head = path.read_text(encoding="utf-8").splitlines()[:6]
    assert all(line.startswith("# ") for line in head)
    assert head[0].startswith("# For teachers: ")
    for event in scenario.events:
        assert event.source or isinstance(event.assumption, str)
    cited = {event.source for event in scenario.events} | {o.source for o in scenario.observed.values()}
    assert cited - {None} <= set(scenario.sources)
