"""The narrated scripts run, and what they say of the model holds."""

from __future__ import annotations

import json
import re
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sim.cli import main

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_state_that_cuts_its_mines_makes_their_products_dearer() -> None:
    ratio = runpy.run_path(str(EXAMPLES / "play_a_country.py"))["main"]()
    assert ratio["dysprosium_oxide"] > 1.02
    assert ratio["ree_concentrate_ionic_clay"] > 1.02


def test_the_scenario_of_the_how_to_on_hindcasts_runs_and_is_scored(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = EXAMPLES.parent / "docs" / "how-to" / "your-own-hindcast.md"
    block = page.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "antimony-2024.yaml").write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    assert main(["validate", "scenarios/antimony-2024.yaml"]) == 0
    words = "hindcast antimony-2024 --members 3 --plots pictures --json rows.json".split()
    assert main(words) == 0
    assert "rotterdam 2024-12" in capsys.readouterr().out
    rows = json.loads(Path("rows.json").read_text(encoding="utf-8"))["rows"]
    assert rows[0]["median"] > 1.05
    assert Path("pictures/hindcast_antimony-2024.png").is_file()


def test_the_how_to_on_single_steps_runs() -> None:
    page = EXAMPLES.parent / "docs" / "how-to" / "step-by-step.md"
    names: dict[str, Any] = {}
    exec(page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0], names)
    runs = names["as_it_was"], names["otherwise"]
    dear, cheap = (run.price_outside.sel(good="dysprosium_oxide") for run in runs)
    assert str(dear.time.values[0])[:10] == "2025-10-01"
    assert dear.member.values.tolist() == [0, 3, 7]
    assert (cheap.isel(time=slice(6, 18)).mean("time") < dear.isel(time=slice(6, 18)).mean("time")).all()


def test_a_suspension_makes_cobalt_dearer_in_its_branch_alone() -> None:
    ratio = runpy.run_path(str(EXAMPLES / "branch_a_run.py"))["main"]()
    assert list(ratio) == [f"2026-0{month}" for month in range(1, 7)]
    assert min(ratio.values()) > 1.05
    assert ratio["2026-06"] > 1.3


def test_the_how_to_on_branches_does_what_it_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page = EXAMPLES.parent / "docs" / "how-to" / "branch-a-run.md"
    blocks = page.read_text(encoding="utf-8").split("```python\n")[1:]
    program = "\n".join(block.split("```")[0] for block in blocks).replace("members=20", "members=3")
    monkeypatch.chdir(tmp_path)
    found = runpy.run_path(str(_written(tmp_path / "page.py", program)))
    assert [found["run"].time, found["branch"].time, len(found["kept"])] == [4, 24, 7]
    ratio = found["ratio"]
    assert str(ratio.time.values[0])[:7] == "2026-01"
    assert float(ratio.isel(member=0, time=3)) > 1.3


@pytest.mark.parametrize(
    ("name", "good"), [("your-own-mineral", "silicon_metal"), ("any-year", "nickel_refined")]
)
def test_the_how_to_on_a_world_goes_from_tables_to_a_comparison(
    name: str, good: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """All files and commands of the page, in their order, with fewer members and without pictures."""
    monkeypatch.chdir(tmp_path)
    page = (EXAMPLES.parent / "docs" / "how-to" / f"{name}.md").read_text(encoding="utf-8")
    for part in page.split("```")[1::2]:
        kind, _, text = part.partition("\n")
        if kind:
            before = page[: page.index(part)]
            file = re.findall(r"`([\w/-]+[.](?:csv|yaml))`", before)[-1]
            if not text.startswith("world:"):
                Path(file).write_text(text, encoding="utf-8")
            continue
        for line in text.split("\n"):
            words = line.replace("members=20", "members=1").split()[1:]
            plain = ["--no-plots"] if words[:1] == ["compare"] else []
            assert not words or main([*words, *plain]) == 0, line
    said = capsys.readouterr().out
    assert good in said
    assert "peak price outside" in said


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_fewer_licences_make_dysprosium_dearer_in_the_workbench() -> None:
    script = runpy.run_path(str(EXAMPLES / "workbench.py"))
    # A third of the experiments shows the sign.
    script["main"].__globals__["EXPERIMENTS"] = 8
    found = script["main"]()
    approval, peak = found["events__licence__approval_share"], found["peak_price_ratio__dysprosium_oxide"]
    assert len(peak) == 8
    assert np.corrcoef(approval, peak)[0, 1] < -0.5
