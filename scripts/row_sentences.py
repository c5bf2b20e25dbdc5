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
from sim.analysis.digits import two
from sim.analysis.names import country_name, in_text
from sim.analysis.pairing import common_goods, paired
from sim.analysis.select import good_name, own_events
from sim.plots.notebook import Beside
from sim.report.headline import NOTABLE, Headline, finding
from sim.scenario.find import names as files

__all__ = [
    "GIVEN", "PAGE", "Row", "dearest_buyer", "library", "page", "row", "small_because", "touched", "verdict",
]  # fmt: skip

ROOT = Path(__file__).resolve().parents[1]
PAGE, LIBRARY = ROOT / "docs" / "rows.md", ROOT / "docs" / "scenarios.md"
SEED = 1
GIVEN = ("capacity_change", "demand_shock", "substitution_push")
"""Types that state a path of output or need, which nobody in the model decides."""
LEAST_BOUGHT = 0.02
"""Share of the imports of a good that a country must buy for what it pays to count."""
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
        said = f"no price moves by more than {most}, at a border neither, no project, no public money"
        return "weak", f"{said}{idle_words}"
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


def dearest_buyer(run: xr.Dataset, base: xr.Dataset, goods: Sequence[str]) -> tuple[str, str, float] | None:
    """Where what buyers pay moves most: country, good, and the multiple, in the median member.

    Of countries that buy at least :data:`LEAST_BOUGHT` of what is traded of a good; None where nothing is.
    """
    data, usual = paired(run, base)
    traded = "price_delivered" in data and "imports" in usual
    found: tuple[str, str, float] | None = None
    for good in goods if traded else ():
        mine = np.flatnonzero(usual["inbound_good"].values.astype(str) == good)
        tonnes = usual["imports"].isel(inbound=mine).values.sum(axis=(0, 1))
        for place in mine[tonnes >= LEAST_BOUGHT * max(tonnes.sum(), 1e-12)]:
            country = str(usual["inbound_country"].values[place])
            paid = [one["price_delivered"].sel(good=good, importer=country).values for one in (data, usual)]
            multiple = np.median(paid[0] / paid[1], axis=0)
            multiple = multiple[np.isfinite(multiple)]
            if len(multiple):
                farthest = float(multiple[np.argmax(np.abs(np.log(multiple)))])
                if found is None or abs(np.log(farthest)) > abs(np.log(found[2])):
                    found = country, good, farthest
    return found


def small_because(path: Path) -> str:
    """Why a scenario moves little, as the head of its file says; empty where it does not."""
    head = re.match(r"(?:#.*\n)*", path.read_text(encoding="utf-8"))
    text = " ".join(line.lstrip("# ") for line in (head.group() if head else "").splitlines())
    return text.partition("Small because: ")[2].strip()


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
    effects = _effects(data, base, lines, notes)
    buyer = dearest_buyer(data, base, touched(data, base, len(data["good"])))
    if buyer is not None and abs(np.log(buyer[2])) > np.log(1 + NOTABLE):
        effects.append("what buyers pay")
        name_of = in_text(good_name(data, buyer[1]))
        notes.append(f"buyers in {country_name(buyer[0])} pay {_times(buyer[2])} for {name_of}")
    found = verdict([str(event["type"]) for event in events], idle, effects)
    head, lead = finding(lines) if lines else ("None of its goods was traded", "")
    head = head.partition(", under “")[0]
    why = small_because(files()[name]) if found[0] == "weak" and name in files() else ""
    texts = [text for text in (head, lead, *notes, f"Small because {why}" if why else "") if text]
    said = " ".join(f"{text[:1].upper()}{text[1:].removesuffix('.')}." for text in texts)
    return Row(name, baseline.scenario, data.sizes["member"], *found, said)


def _times(multiple: float) -> str:
    """A multiple in words."""
    if multiple >= 1:
        return f"up to {two(multiple)} times as much"
    return f"as little as {two(100 * multiple)} %"


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
