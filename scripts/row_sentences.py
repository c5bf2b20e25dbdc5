"""The page docs/rows.md: what each scenario of the library does beside its baseline, in printed sentences.

python -m scripts.row_sentences [--members 8] [--work FOLDER] [NAME ...]

Each scenario is run with its paired baseline; what was found is kept in FOLDER, one file each, so that a run
that was stopped goes on. With names only these are run anew. The page is written once all are there. The
sentences are those of ``monazite compare`` and ``monazite report``; verdicts follow from rules on the page.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import xarray as xr

import sim
from scripts.results_tables import table, with_tables
from sim.analysis.acted_on import idle_events, paired_ledger
from sim.analysis.compared_goods import largest_moves
from sim.analysis.compared_projects import has_projects, project_facts
from sim.analysis.comparison import band
from sim.analysis.pairing import common_goods, paired
from sim.analysis.select import own_events
from sim.plots.notebook import Beside
from sim.report.headline import NOTABLE, Headline, finding

__all__ = ["GIVEN", "PAGE", "Row", "library", "page", "row", "touched", "verdict"]

ROOT = Path(__file__).resolve().parents[1]
PAGE, LIBRARY = ROOT / "docs" / "rows.md", ROOT / "docs" / "scenarios.md"
SEED = 1
GIVEN = ("capacity_change", "demand_shock", "substitution_push")
"""Types that state a path of output or need, which nobody in the model decides."""
APART = ("baseline-", "hindcast-", "teaching-")
"""Scenarios that have pages of their own, or nothing to set beside."""


@dataclass(frozen=True)
class Row:
    """What was found of one scenario."""

    name: str
    baseline: str
    members: int
    verdict: str
    reason: str
    said: str


def library() -> list[str]:
    """Names of the scenarios in the table of the library, in its order."""
    text = LIBRARY.read_text(encoding="utf-8")
    part = text[text.index("## The library") : text.index("### Projects: what came of them")]
    found = []
    for line in part.splitlines():
        cells = [cell.strip() for cell in line.split("|")]
        if len(cells) > 2 and cells[-2] in ("v1", "draft"):
            found += [name for name in re.findall("`([^`]+)`", cells[1]) if not name.startswith(APART)]
    return found


def verdict(types: Sequence[str], idle: Sequence[str], effects: Sequence[str]) -> tuple[str, str]:
    """How well a scenario says what its source says, and why.

    Args:
        types: of its own events. idle: ids of those that never act in any member.
        effects: what moves notably, in words; empty where nothing does.
    """
    idle_words = f"; never acts: {', '.join(idle)}" if idle else ""
    named = ", ".join(dict.fromkeys(types))
    if not effects:
        most = f"{100 * NOTABLE:.0f} %"
        return "weak", f"no price moves by more than {most}, no project, no public money{idle_words}"
    if all(kind in GIVEN for kind in types):
        return "proxy", f"its path is given, by {named}{idle_words}"
    return "mechanism", f"{named}{idle_words}"


def _effects(run: xr.Dataset, base: xr.Dataset, lines: Sequence[Headline], notes: Sequence[str]) -> list[str]:
    found = ["price"] if any(line.moves for line in lines) else []
    if has_projects(run) and has_projects(base):
        facts = {key.measure: band(values).median for key, values in project_facts(run, base).items()}
        if any(facts.get(name, 0) for name in ("projects_delayed", "projects_killed", "projects_saved")):
            found.append("projects")
    return found + ["money" for note in notes if "states pay" in note or "hosts take" in note][:1]


def touched(run: xr.Dataset, base: xr.Dataset, count: int = 2) -> list[str]:
    """Goods that the scenario's own events act on whose price moves most."""
    pair = paired(run, base)
    events = [event for event in own_events(*pair) if not event.get("in_base_year")]
    ledger = [paired_ledger(*pair, event) for event in events]
    goods = {good for found in ledger if found is not None for good in found.goods}
    order = sorted(goods & set(common_goods([run, base])))
    if not order:
        return []
    change = np.median(largest_moves(*pair, order), axis=0)
    return [order[i] for i in np.argsort(-change, kind="stable")[:count]]


def row(name: str, beside: Beside) -> Row:
    """What a comparison of one scenario with its baseline says."""
    (run,), baseline = beside.group.runs, beside.group.baseline
    data, base = paired(run.dataset, baseline.dataset)
    events = [event for event in own_events(data, base) if not event.get("in_base_year")]
    lines = [Headline(run, baseline, good) for good in beside.goods]
    lines = [line for line in lines if not np.isnan(line.multiple[0])]
    notes = [note for note in beside.comparison.notes if note.startswith(f"{name}: ")]
    notes = [note.removeprefix(f"{name}: ") for note in notes if "members have a counterpart" not in note]
    own = {str(event["id"]) for event in events}
    idle = [event for event in idle_events(run) if event in own]
    found = verdict([str(event["type"]) for event in events], idle, _effects(data, base, lines, notes))
    head, lead = finding(lines) if lines else ("None of its goods was traded", "")
    head = head.partition(", under “")[0]
    texts = [text for text in (head, lead, *notes) if text]
    said = " ".join(f"{text[:1].upper()}{text[1:].removesuffix('.')}." for text in texts)
    return Row(name, baseline.scenario, data.sizes["member"], *found, said)


def page(rows: Sequence[Row]) -> str:
    """The text of the page with the table of these rows."""
    counts = {word: sum(one.verdict == word for one in rows) for word in ("mechanism", "proxy", "weak")}
    summed = ", ".join(f"{count} {word}" for word, count in counts.items())
    members = sorted({one.members for one in rows})
    head = f"{len(rows)} scenarios, {' to '.join(str(m) for m in members)} members each: {summed}."
    made = table(
        ("scenario", "beside", "verdict", "what it does"),
        [[f"`{r.name}`", f"`{r.baseline}`", f"{r.verdict}: {r.reason}", r.said] for r in rows],
    )
    return with_tables(PAGE, {"rows": f"{head}\n\n{made}"})


def _measured(names: Sequence[str], members: int, work: Path) -> None:
    """Run scenarios, those of one baseline one after the other, and keep what was found of each."""
    loaded = {name: sim.load(name) for name in names}
    order = sorted(names, key=lambda name: (str(loaded[name].compare_to), str(loaded[name].minerals)))
    last: tuple[object, xr.Dataset] | None = None
    for name in order:
        scenario = loaded[name]
        words = [f"minerals=[{','.join(scenario.minerals)}]"] if scenario.minerals else []
        words += [f"time.start={scenario.start}", f"time.end={scenario.end}", f"time.step={scenario.step}"]
        key = scenario.compare_to, tuple(words)
        if last is None or last[0] != key:
            last = None
            last = key, sim.run(sim.load(str(scenario.compare_to), *words), members=members, seed=SEED)
        run = sim.run(scenario, members=members, seed=SEED)
        beside = run.compare(last[1], vs=scenario.compare_to, good=touched(run, last[1]))
        found = row(name, beside)
        (work / f"{name}.json").write_text(json.dumps(asdict(found)), encoding="utf-8")
        print(f"{found.name}: {found.verdict}. {found.said}", flush=True)


def main() -> None:
    """Run what is missing or named, then write the page."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--members", type=int, default=8)
    parser.add_argument("--work", type=Path, default=ROOT / "outputs" / "rows")
    asked = parser.parse_args()
    asked.work.mkdir(parents=True, exist_ok=True)
    every = library()
    missing = [name for name in every if not (asked.work / f"{name}.json").exists()]
    _measured(asked.names or missing, asked.members, asked.work)
    kept = [asked.work / f"{name}.json" for name in every]
    if all(path.exists() for path in kept):
        rows = [Row(**json.loads(path.read_text(encoding="utf-8"))) for path in kept]
        PAGE.write_text(page(rows), encoding="utf-8")


if __name__ == "__main__":
    main()
