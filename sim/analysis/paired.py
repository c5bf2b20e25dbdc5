"""Runs side by side: medians and bands over members that are paired with the baseline's."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from sim.analysis import run_metrics
from sim.analysis.acted_on import Ledger, event_start, new_sentence, paired_ledgers
from sim.analysis.baselines import Group, carried_events, few, groups, shown_name
from sim.analysis.compared_goods import Facts, Wanted, good_facts, largest_moves
from sim.analysis.compared_money import money_facts, trade_members
from sim.analysis.compared_projects import has_projects, project_section, project_sentence
from sim.analysis.compared_rows import GoodShown, event_section, good_section, money_section
from sim.analysis.compared_scrap import scrap_section, scrap_sentence
from sim.analysis.compared_states import state_section, state_sentence
from sim.analysis.comparison import Band, Comparison, Key, Row, Section, Values, band
from sim.analysis.pairing import check_alike, common_goods, common_months, paired
from sim.analysis.points_needed import drawn, few_members
from sim.analysis.select import controller, events_for, good_name, label, own_events, price_unit
from sim.errors import MonaziteError
from sim.results import Run
from sim.results.grouping import ratio
from sim.variables import VARIABLES

Pairs = dict[str, tuple[xr.Dataset, xr.Dataset]]
"""Scenario -> its results and those of the baseline, row by row the same member."""

__all__ = [
    "Band", "Comparison", "Row", "Section", "Wanted", "band", "compare", "compare_group", "moved_most",
    "paired",
]  # fmt: skip

USUAL = Wanted()
WHOLE = ("flow_year", "sales_year", *(n for n, variable in VARIABLES.items() if variable.detail == "total"))
"""What covers the whole of a run, however many of its steps are compared."""


def _controllers(good: str, pairs: Pairs, baseline: xr.Dataset) -> dict[str, list[str]]:
    """Controlling country -> scenarios whose inside it is; of the baseline where there are no scenarios."""
    found: dict[str, list[str]] = {}
    for name, (data, _) in pairs.items():
        found.setdefault(controller(data, good), []).append(name)
    return found or {controller(baseline, good): []}


def _good_sections(
    goods: Sequence[str], pairs: Pairs, baseline: Run, base: xr.Dataset, wanted: Wanted
) -> list[Section]:
    if not goods:
        return []
    controls = {good: _controllers(good, pairs, base) for good in goods}
    usual, others = good_facts(base, pairs, {g: list(c) for g, c in controls.items()}, wanted)
    facts = {baseline.scenario: usual, **others}
    first, last = (str(base["time"].values[i].astype("datetime64[M]")) for i in (0, -1))
    sections = []
    for good in goods:
        unit = label(base, "good_unit", good)
        shown = GoodShown(good, good_name(base, good), unit, price_unit(base, good), last[:4])
        sections.append(good_section(facts, shown, controls[good], wanted, f"{first} to {last}"))
    return sections


def compare(
    runs: Sequence[Run], baseline: str, goods: Sequence[str], wanted: Wanted = USUAL
) -> Comparison:
    """Compare runs with the baseline among them.

    Args:
        runs: stored runs, the baseline included.
        baseline: scenario id of the baseline, or name of its variant.
        goods: good ids, one section each.
        wanted: importers, sectors and owners shown whatever they lack, and when a member counts as short.

    Raises:
        MonaziteError: the baseline is missing, a run is not paired with it, or a good is not in all of them.
    """
    (group,) = groups(runs, baseline)
    return compare_group(group, goods, wanted)


def moved_most(group: Group, count: int) -> list[str]:
    """Goods whose outside price moved most in any run, by the median over members; the largest move first."""
    goods = common_goods([run.dataset for run in group.together])
    largest = np.zeros(len(goods))
    for run in group.runs:
        change = largest_moves(*paired(run.dataset, group.baseline.dataset), goods)
        largest = np.maximum(largest, np.median(change, axis=0))
    return [goods[i] for i in np.argsort(-largest, kind="stable")[:count]]


def _aligned(group: Group, goods: Sequence[str]) -> dict[str, xr.Dataset]:
    """Results of the baseline and the runs, over the months that all have.

    Raises:
        MonaziteError: they cannot be paired, or a good is not in all of them.
    """
    stored = {run.scenario: run.dataset for run in group.together}
    baseline = stored[group.baseline.scenario]
    for data in stored.values():
        check_alike(data, baseline)
    months = common_months(list(stored.values()))
    shared = common_goods(list(stored.values()))
    for good in goods:
        if good not in shared:
            name = next(n for n, d in stored.items() if good not in d["good"].values.astype(str))
            raise MonaziteError(f"{name} does not hold {good}; in common are: {', '.join(shared)}")
    if all(data.sizes["time"] == len(months) for data in stored.values()):
        return stored
    return {name: data.drop_vars(WHOLE, errors="ignore").sel(time=months) for name, data in stored.items()}


def compare_group(group: Group, goods: Sequence[str], wanted: Wanted = USUAL) -> Comparison:
    """Compare runs with their baseline, over the months that all have.

    Args:
        group: the baseline and the runs.
        goods: good ids, one section each.
        wanted: see :func:`compare`.

    Raises:
        MonaziteError: a run is not paired with the baseline, or a good is not in all of them.
    """
    baseline = group.baseline.scenario
    whole = {run.scenario: run.dataset for run in group.together}
    stored = _aligned(group, goods)
    base = stored[baseline]
    pairs = {name: paired(data, base) for name, data in stored.items() if name != baseline}
    sections = _good_sections(goods, pairs, group.baseline, base, wanted)
    first, last = (str(base["time"].values[i].astype("datetime64[M]")) for i in (0, -1))
    alike = all(set(data["good"].values) == set(base["good"].values) for data in stored.values())
    money: dict[str, Facts] = {}
    if pairs and alike:
        money = {name: money_facts(*pair, wanted) for name, pair in pairs.items()}
        sections.append(money_section({baseline: {}, **money}, wanted, f"{first} to {last}"))
    projects = project_section((baseline, base), pairs, f"{first} to {last}")
    if projects is not None:
        sections.append(projects)
    runs = {baseline: base, **{name: data for name, (data, _) in pairs.items()}}
    for more in (scrap_section(runs, f"{first} to {last}"), state_section(runs, money, f"{first} to {last}")):
        if more is not None:
            sections.append(more)
    ledgers = {name: paired_ledgers(*pair) for name, pair in pairs.items()}
    if any(ledgers.values()):
        facts = {name: _event_facts(pairs[name][0], ledger) for name, ledger in ledgers.items()}
        sections.append(event_section(facts, f"{first} to {last}"))
    horizon = {name: _reach(pair[0], own_events(*pair)) for name, pair in pairs.items()}
    reach = {
        (name, good): _reach(pair[0], events_for(*pair, good))
        for name, pair in pairs.items() for good in goods
    }  # fmt: skip
    return Comparison(
        baseline, tuple(pairs), tuple(sections), horizon, _pairs_of(group, pairs), (first, last),
        {run.scenario: _head(run, run is group.baseline) for run in group.together},
        tuple(_notes(group, whole, pairs, wanted, money, ledgers)),
        {run.scenario: str(run.dataset.attrs.get("title", "")) for run in group.together}, reach,
    )  # fmt: skip


def _reach(run: xr.Dataset, events: Sequence[dict[str, Any]]) -> float:
    """Months that a run covers after the first of some events."""
    start = run_metrics.first_event(events)
    return float(run_metrics.months_since(start, run["time"].values)[-1]) if start is not None else 0.0


def _pairs_of(group: Group, pairs: Pairs) -> int:
    """Pairs of members, of the scenario that has fewest; members of the baseline where it stands alone."""
    alone = group.baseline.dataset.sizes["member"]
    return min((data.sizes["member"] for data, _ in pairs.values()), default=alone)


def _event_facts(run: xr.Dataset, ledger: Ledger) -> dict[Key, tuple[str, Values]]:
    """What the events of a run touch from their first day on, and before, against the baseline."""
    facts = {}
    for event, found in ledger:
        name = str(event["id"])
        start = max(event_start(event), run["time"].values[0]).astype("datetime64[M]")
        words = f"{name}: {found.words.removesuffix(' of')} from {start}"
        facts[Key("event_after", event=name)] = words, ratio(found.after, found.usual_after)
        facts[Key("event_before", event=name)] = "  before", ratio(found.before, found.usual_before)
    return facts


def _head(run: Run, is_baseline: bool) -> str:
    """Head of a column; of a baseline in which events act, with these."""
    acting = carried_events(run.dataset) if is_baseline else []
    return f"{shown_name(run)} (itself with {few(acting)})" if acting else shown_name(run)


def _notes(
    group: Group, whole: dict[str, xr.Dataset], pairs: Pairs, wanted: Wanted, money: Mapping[str, Facts],
    ledgers: Mapping[str, Ledger],
) -> list[str]:  # fmt: skip
    """What was chosen and what was left out."""
    notes = [group.note] if group.note else []
    acting = carried_events(group.baseline.dataset)
    if acting and group.runs:
        notes.append(
            f"the baseline {shown_name(group.baseline)} itself has {', '.join(acting)}: "
            f"differences are what is added to that"
        )
    if len({frozenset(data["good"].values.tolist()) for data in whole.values()}) > 1:
        notes.append("money is left out: it hangs on all goods, and the runs hold different ones")
    if len({data.sizes["time"] for data in whole.values()}) > 1:
        notes.append("the runs differ in length; compared are the months that all have")
    notes += [
        project_sentence(name, *pair)
        for name, pair in pairs.items()
        if all(has_projects(one) for one in pair)
    ]
    said = [scrap_sentence(name, *pair) for name, pair in pairs.items()]
    said += [state_sentence(name, data, money.get(name, {})) for name, (data, _) in pairs.items()]
    said += [new_sentence(pairs[name][0], ledger, name) for name, ledger in ledgers.items()]
    notes += [sentence for sentence in said if sentence]
    for name, (data, _) in pairs.items():
        if data.sizes["member"] < whole[name].sizes["member"]:
            more, kept = whole[name].sizes["member"], data.sizes["member"]
            notes.append(f"{name}: {kept} of {more} members have a counterpart in the baseline")
    if any("need_sector" not in data.coords for data in whole.values()):
        asked = [*(["sectors"] if wanted.sectors else []), *(["owners"] if wanted.owners else [])]
        if asked:
            notes.append(
                f"a sweep keeps no single facilities: shortages of sectors and sales of owners are left out "
                f"({' and '.join(asked)} were asked for); 'monazite run' keeps them"
            )
    for name, (data, _) in pairs.items():
        read = len(trade_members(data))
        if read < data.sizes["member"]:
            notes.append(
                f"{name}: gains and losses are those of {read:,} of {data.sizes['member']:,} members, evenly "
                f"spread, because trade takes longest to read"
            )
    if any(json.loads(data.attrs.get("varies", "[]")) for data in whole.values()):
        notes.append("a design sets values of the members: shares of members are shares of its points")
    few = few_members(_pairs_of(group, pairs))
    if few and drawn([run.manifest for run in group.together]):
        notes.append(few)
    return notes
