"""The scenarios that ship: each complete, each of its events touching the trade of its base year."""

import re
from pathlib import Path

import pytest

from sim.cli import main
from sim.paths import share_root
from sim.scenario import check_scenario

FILES = sorted((share_root() / "scenarios").rglob("*.yaml"))
NAMES = {
    "acquisition-nippon-ussteel", "arctic-chokepoint", "arctic-route",
    "baseline-2009", "baseline-2009-scrap", "baseline-2022", "baseline-2024", "baseline-2024-scrap",
    "baseline-long-run", "baseline-long-run-rare-earths", "baseline-long-run-scrap",
    "bloc-friendshoring", "bloc-neighbours-chn", "bloc-under-licences", "carbon-border-tax-eu",
    "chain-reshoring-us",
    "demand-ai-energy", "energy-cost-shock", "framework-deal-2025", "ga-ge-sb-ban-usa-2024",
    "gallium-germanium-licence-2023", "ganzhou-depletion", "green-rollback-us", "greenland-kvanefjeld",
    "hindcast-gallium-2023",
    "hindcast-gallium-static", "hindcast-germanium-static", "hindcast-magnets-2025",
    "hindcast-rare-earths-2010", "host-country-demands", "investment-blockade",
    "host-pressure-africa-latam", "lithium-overcapacity", "merger-bhp-anglo", "merger-pilbara",
    "merger-rio-glencore", "merger-rumour", "mountain-pass-heavy-separation", "overseas-mines-reporting-2025",
    "primary-export-halt-chn", "recycling-secondary", "redesign-substitution", "ree-embargo-chn-jpn-2010",
    "ree-export-price-2012", "ree-licence-2025", "ree-price-flooding", "reex-intermediate", "reex-long-run",
    "reex-short-run", "stockpile-chn", "stockpile-usa-tantalum", "strike-africa-cobalt",
    "tariff-spiral-2025", "technology-export-ban-2025", "us-industrial-policy",
    "us-industrial-policy-offtake",
    "teaching-embargo-45min", "teaching-embargo-magnets", "teaching-merger",
    "teaching-reshoring", "teaching-stockpile",
}  # fmt: skip


def test_library_is_complete() -> None:
    assert {path.stem for path in FILES} == NAMES


def test_the_guide_lists_every_scenario_with_its_status() -> None:
    text = (Path(__file__).parents[2] / "docs" / "scenarios.md").read_text(encoding="utf-8")
    library = text[text.index("## The library") : text.index("### Encoded twice")]
    rows = [[cell.strip() for cell in line.split("|")] for line in library.splitlines() if "|" in line]
    # Beside the list, the section has tables of what scenarios found.
    listed = {
        name: row[-2]
        for row in rows if row[-2] in ("v1", "draft")
        for name in re.findall("`([^`]+)`", row[1])
    }
    own = {path.stem: check_scenario(path)[0] for path in FILES}
    assert {name: status for name, status in listed.items() if name in own} == {
        name: scenario.status for name, scenario in own.items() if scenario is not None
    }


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_scenario(path: Path) -> None:
    scenario, problems = check_scenario(path)
    assert [problem.text() for problem in problems] == []
    assert scenario is not None
    assert len(scenario.question) > 40
    assert scenario.tags
    assert path.parent.name in ("baseline", "historical", "hypothetical", "teaching")
    assert scenario.compare_to or path.parent.name == "baseline"
    head = path.read_text(encoding="utf-8").splitlines()[:6]
    assert all(line.startswith("# ") for line in head)
    assert head[0].startswith("# For teachers: ")
    for event in scenario.events:
        assert event.source or isinstance(event.assumption, str)
    assert "\nstatus: " in path.read_text(encoding="utf-8"), "say v1 or draft"
    assert all(source.confidence for source in scenario.sources.values())
    recalled = {key for key, source in scenario.sources.items() if source.confidence == "memory"}
    for event in scenario.events:
        if event.source in recalled:
            assert event.assumption or "recalled" in event.note
    cited = {event.source for event in scenario.events} | {o.source for o in scenario.observed.values()}
    assert cited - {None} <= set(scenario.sources)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_it_is_described(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Question and every event in sentences, each with what it rests on."""
    assert main(["describe", path.stem]) == 0
    out, err = capsys.readouterr()
    assert err == ""
    said = "".join(out.split())
    scenario, _ = check_scenario(path)
    assert scenario is not None
    assert "".join(scenario.question.split()) in said
    for event in scenario.events:
        assert "".join(f"[{event.id}] {event.sentence()}".split()) in said
        basis = scenario.sources[event.source].title if event.source else str(event.assumption)
        assert "".join(basis.split()) in said
