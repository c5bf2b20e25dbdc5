"""What each event did to a price or a shortage of a stored run, from runs of the same seeds without it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sim.analysis.baselines import shown_name
from sim.analysis.names import country_name, in_text
from sim.analysis.pairing import paired
from sim.analysis.select import controller, good_name, label, own_events, price, price_unit
from sim.arrays import FloatArray
from sim.errors import MonaziteError
from sim.explain.branches import Cases, run_subsets
from sim.explain.credit import MOST_SHAPLEY, Credit, credit, subsets
from sim.explain.measure import Kind, Measure, from_dataset, standing
from sim.explain.players import chains_of, players
from sim.results import Run
from sim.scenario import Scenario, load_scenario
from sim.sweep.read import open_sweep
from sim.world.load import load_world

__all__ = ["MOST_MEMBERS", "Explanation", "Question", "attribute", "peak_step", "step_of"]

MOST_MEMBERS = 20
"""Members that are run again unless more are asked for."""
TOLERANCE = 1e-3
"""Share by which a run made again may differ from what was stored with few bits."""


@dataclass(frozen=True)
class Question:
    """What is asked of a run.

    Attributes:
        good: good id.
        kind: ``price``, outside the controlling country, or ``shortage``.
        country: of a shortage the country that is short; None for all.
        step: the step meant; None for the sum over the run, of a shortage.
        members: how many of the run's members, the first ones.
    """

    good: str
    kind: Kind = "price"
    country: str | None = None
    step: int | None = None
    members: int = MOST_MEMBERS


@dataclass(frozen=True)
class Explanation:
    """Each event's part of a difference, member by member.

    Attributes:
        run, baseline: ids; the baseline's is '' where there is none.
        scenario: id.
        question: what was asked.
        what: that in words: ``price of dysprosium oxide outside China``.
        when: month, or first and last month.
        unit: of the shown numbers; ``factor`` turns USD/t or tonnes into it.
        events: ids of those that may have had a part; ``idle``: of the others, and why they had none.
        sentences: of each event, what it is.
        credit: the parts, in USD/t or tonnes.
        runs: how many runs of how many members it took.
    """

    run: str
    baseline: str
    scenario: str
    question: Question
    what: str
    when: str
    unit: str
    factor: float
    events: tuple[str, ...]
    idle: Mapping[str, str]
    sentences: Mapping[str, str]
    credit: Credit
    runs: tuple[int, int]

    @property
    def shapley(self) -> bool:
        """Whether the parts are Shapley values, which add up; else what one event off changes."""
        return len(self.events) <= MOST_SHAPLEY

    def rows(self) -> list[tuple[str, FloatArray]]:
        """Name and (M,) shown numbers, from no event to all; those between the first and last add up."""
        credit, factor = self.credit, self.factor
        rows = [("without these events", credit.none * factor)]
        rows += [(name, part * factor) for name, part in zip(self.events, credit.parts, strict=True)]
        if not self.shapley:
            rows.append(("several together", credit.together * factor))
        return [*rows, ("with all of them", credit.every * factor)]

    def as_dict(self) -> dict[str, Any]:
        """JSON form: means over members, which add up, with the 10th and 90th percentile."""

        def said(values: FloatArray) -> dict[str, float]:
            low, high = np.quantile(values, [0.1, 0.9])
            return {"mean": float(values.mean()), "p10": float(low), "p90": float(high)}

        return {
            "run": self.run, "baseline": self.baseline or None, "scenario": self.scenario,
            "good": self.question.good, "measure": self.question.kind, "country": self.question.country,
            "what": self.what, "when": self.when, "unit": self.unit,
            "method": "shapley" if self.shapley else "one event off",
            "runs": self.runs[0], "members": self.runs[1],
            "parts": {name: said(values) for name, values in self.rows()},
            "no_part": dict(self.idle),
        }  # fmt: skip


def step_of(run: Run, when: str) -> int:
    """The step that a month or day falls into.

    Raises:
        MonaziteError: it is no date, or lies outside of the run.
    """
    days = run.dataset["time"].values.astype("datetime64[D]")
    try:
        day = np.datetime64(when, "D")
    except ValueError:
        raise MonaziteError(f"'{when[:40]}' is no month; write for example {str(days[-1])[:7]}") from None
    last = days[-1] + (days[-1] - days[-2] if len(days) > 1 else np.timedelta64(31, "D"))
    if np.isnat(day) or not days[0] <= day < last:
        span = f"{str(days[0])[:7]} to {str(days[-1])[:7]}"
        raise MonaziteError(f"{when} lies outside of the run, which has {span}")
    # The first step that begins in a month, or the step that holds a day.
    if len(when) <= len("2025-09"):
        return min(int(np.searchsorted(days, day)), len(days) - 1)
    return int(np.searchsorted(days, day, side="right")) - 1


def peak_step(run: Run, baseline: Run | None, good: str) -> int:
    """The step in which the price outside is furthest from the paired baseline's, by the median member.

    Where nothing is traded there is no price, so such steps do not count.
    """
    if baseline is None or baseline.id == run.id:
        own = standing(run.dataset, good)
        return int(np.median(own, axis=0).argmax())
    data, base = paired(run.dataset, baseline.dataset)
    ratio = price(data, good, "outside") / price(base, good, "outside", controller(data, good))
    return int(np.abs(np.log(np.median(np.nan_to_num(ratio, nan=1.0), axis=0))).argmax())


def attribute(run: Run, baseline: Run | None, question: Question) -> Explanation:
    """Run the scenario again with each set of its events off.

    Args:
        run: a stored run, of ``monazite run`` or of a sweep.
        baseline: what it is compared with: events that act there, too, are no part of the difference.
        question: what is asked.

    Raises:
        MonaziteError: the scenario has no event of its own, or program and data no longer give what was
            stored.
    """
    scenario, cases = _remade(run)
    data = run.dataset
    own = {str(e["id"]): str(e["sentence"]) for e in own_events(data, baseline.dataset if baseline else None)}
    steps = data.sizes["time"] if question.step is None else question.step + 1
    short, names, idle = players(chains_of(scenario, question.good), own, steps)
    if not own or not (names or idle):
        raise MonaziteError(f"{shown_name(run)} has no event of its own, so there is nothing to explain")
    measure = Measure(question.kind, question.good, question.country, question.step)
    stored = from_dataset(measure, data)
    known = np.flatnonzero(~np.isnan(stored).any(axis=0))[: question.members]
    acts = subsets(len(names))
    if names:
        outcomes = run_subsets(
            load_world(scenario.base_year, scenario.tables), short, cases.rows(known),
            {name: acts[:, k] for k, name in enumerate(names)}, measure,
        )  # fmt: skip
        _check(run, outcomes[-1], measure.of_run(stored[:, known]))
    else:
        outcomes = measure.of_run(stored[:, known])[None]
    what, unit, factor = _in_words(run, question)
    times = data["time"].values.astype("datetime64[M]").astype(str)
    when = f"{times[0]} to {times[-1]}" if question.step is None else str(times[question.step])
    return Explanation(
        run.id, baseline.id if baseline else "", run.scenario, question, what, when, unit, factor,
        tuple(names), idle, own, credit(outcomes, len(names)), (len(outcomes), len(known)),
    )  # fmt: skip


def _remade(run: Run) -> tuple[Scenario, Cases]:
    """The scenario of a run and its members.

    Raises:
        MonaziteError: they cannot be made again.
    """
    if "sweep" in run.manifest:
        variant = open_sweep(run.directory.parent).plan().variant(run.scenario)
        return variant.scenario, Cases(variant.number, variant.seed, variant.values)
    members = int(run.manifest["members"])
    scenario = load_scenario(run.directory / "scenario.resolved.yaml")
    return scenario, Cases(np.arange(members), np.full(members, int(run.manifest["seed"])), {})


def _check(run: Run, now: FloatArray, stored: FloatArray) -> None:
    """Refuse to explain what program and data no longer give."""
    size = np.maximum(np.abs(stored), np.abs(stored).max(initial=0.0) * TOLERANCE)
    off = np.abs(now - stored) > TOLERANCE * size
    if off.any():
        one = int(off.argmax())
        raise MonaziteError(
            f"{run.id}: made again, it gives {now[one]:.6g} where {stored[one]:.6g} is stored: scenario, "
            f"world data or program have changed since; run the scenario again first"
        )


def _in_words(run: Run, question: Question) -> tuple[str, str, float]:
    data, good = run.dataset, question.good
    name = good_name(data, good)
    if question.kind == "price":
        unit, where = price_unit(data, good), country_name(controller(data, good))
        return f"price of {in_text(name)} outside {where}", unit.name, unit.factor
    where = country_name(question.country) if question.country else "all countries"
    return f"{in_text(name)} missing in {where}", label(data, "good_unit", good) or "t", 1.0


def rounded_to_sum(values: Sequence[float], total: float, decimals: int) -> list[float]:
    """Values rounded so that they add up to the rounded total: the largest remainders are rounded up.

    >>> rounded_to_sum([0.4, 0.4, 0.2], 1.0, 0)
    [1.0, 0.0, 0.0]
    """
    unit = 10.0**-decimals
    scaled = np.asarray(values, dtype=np.float64) / unit
    down = np.floor(scaled)
    left = round(total / unit) - int(down.sum())
    order = np.argsort(-(scaled - down), kind="stable")
    down[order[: max(left, 0)]] += 1
    return [round(float(value) * unit, max(decimals, 0)) for value in down]
