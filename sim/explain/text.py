"""An explanation as plain text: each event's part, its band, and what the numbers are."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

import numpy as np

from sim.analysis.digits import two
from sim.explain.attribute import Explanation, rounded_to_sum

__all__ = ["explanation_text", "method_note", "part_rows", "wrapped"]

WIDTH = 80
SHOWN_DIGITS = 3
"""Of the largest number of a table; all its numbers have the same decimals, so that they add up."""


def part_rows(found: Explanation) -> list[tuple[str, str, str]]:
    """Name, mean over members and its band of each row; the means add up as they are printed."""
    rows = found.rows()
    means = [float(values.mean()) for _, values in rows]
    largest = max(max(map(abs, means)), 1e-12)
    decimals = max(SHOWN_DIGITS - 1 - int(np.floor(np.log10(largest))), 0)
    printed = [*rounded_to_sum(means[:-1], means[-1], decimals), round(means[-1], decimals)]
    made = []
    for place, ((name, values), mean) in enumerate(zip(rows, printed, strict=True)):
        low, high = np.quantile(values, [0.1, 0.9])
        band = f"[{two(float(low))} to {two(float(high))}]" if len(values) > 1 and high > low else ""
        sign = "+" if 0 < place < len(rows) - 1 else ""
        # A zero has no sign, whatever rounding has left of it.
        made.append((name, f"{mean + 0.0:{sign},.{decimals}f}" if mean else f"{0:.{decimals}f}", band))
    return made


def method_note(found: Explanation) -> str:
    """How the parts were found, in two sentences."""
    runs, members = found.runs
    many = f"means over the first {members} members" if members > 1 else "the central run alone"
    count = len(found.events)
    if found.shapley:
        how = "The part is what the event adds"
        if count > 1:
            how = "Each part is what the event adds to those before it, averaged over all orders of "
            how += f"{count} events (Shapley value)"
        made = f"from {runs} runs of the same draws with some events off"
        return f"{how}: {many}, {made}. The parts add up exactly."
    return (
        f"Each part is what would be missing without that event alone: {many}, from {runs} runs of the "
        f"same draws. {count} events are too many to try all sets of them; what they do only together has "
        "a row of its own."
    )


def explanation_text(found: Explanation) -> str:
    """The table and its notes, 80 columns wide."""
    rows = part_rows(found)
    names, numbers, bands = (max(len(row[i]) for row in rows) for i in range(3))
    head = found.what[:1].upper() + found.what[1:]
    lines = wrapped([f"{head}, {found.when}, {found.unit}" + (" (mean [p10 to p90])" if bands else "")])
    for place, (name, mean, band) in enumerate(rows):
        if place == len(rows) - 1:
            lines.append(f"  {'-' * (names + 2 + numbers)}")
        lines.append(f"  {name.ljust(names)}  {mean.rjust(numbers)}  {band.rjust(bands)}".rstrip())
    notes = [f"No part: {name}, which {why}." for name, why in found.idle.items()]
    return "\n".join([*lines, *wrapped([*notes, method_note(found)])])


def wrapped(sentences: Sequence[str]) -> list[str]:
    """Lines of at most 80 columns, a sentence a paragraph."""
    return [line for text in sentences for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False)]
