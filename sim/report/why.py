"""Why a scenario's price moved: each event's part, where there is more than one, and the chain."""

from __future__ import annotations

from dataclasses import dataclass

from sim.errors import MonaziteError
from sim.explain.attribute import Question, attribute, peak_step
from sim.explain.chain import chain
from sim.explain.text import method_note, part_rows
from sim.results import Run

__all__ = ["MEMBERS", "Why", "why"]

MEMBERS = 8
"""Members run again for the parts: enough for a page, whose reader can ask ``monazite explain`` for all."""


@dataclass(frozen=True)
class Why:
    """Sentences and parts.

    Attributes:
        month: which month they are about.
        sentences: the chain.
        what: head of the table of parts, '' where there is none.
        parts: name, mean and band.
        note: how they were found, or why there are none.
    """

    month: str
    sentences: tuple[str, ...]
    what: str = ""
    parts: tuple[tuple[str, str, str], ...] = ()
    note: str = ""


def why(run: Run, baseline: Run, good: str, with_parts: bool) -> Why:
    """Explain the month in which the price is furthest from the baseline's.

    Args:
        with_parts: whether to run the scenario again for each event's part.
    """
    step = peak_step(run, baseline, good)
    month = str(run.dataset["time"].values[step].astype("datetime64[M]"))
    try:
        sentences = tuple(chain(run, baseline, good, step))
    except MonaziteError as error:
        return Why(month, (), note=f"{error}.")
    if not with_parts:
        return Why(month, sentences)
    try:
        found = attribute(run, baseline, Question(good, step=step, members=MEMBERS))
    except MonaziteError as error:
        return Why(month, sentences, note=f"Each event's part cannot be said: {error}.")
    head = f"{found.what}, {found.when}, {found.unit}"
    return Why(month, sentences, head[:1].upper() + head[1:], tuple(part_rows(found)), method_note(found))
