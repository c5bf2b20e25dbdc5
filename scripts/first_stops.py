"""The picture of docs/behaviour.md that shows what users lack and hold through a complete stop of exports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from scripts.behaviour_measures import MEMBERS, Stop
from scripts.behaviour_numbers import when
from scripts.picture_tools import Lines, Panel, Words, draw_panels, footer
from sim.plots.style import in_text, percent

SHOWN = "2024-04", "2025-12"


def draw_first_stops(found: Mapping[str, Stop], colours: Sequence[str], decorate: Any) -> None:
    """Draw docs/images/behaviour_first-stop.png: what end users and plants lack, what end users hold."""
    stop = next(iter(found.values()))
    at_once = {good: float(np.median(s.lack["end users"][:, s.start])) for good, s in found.items()}
    most = max(at_once, key=at_once.__getitem__)
    held = float(np.median(found[most].held["end users"][:, stop.start - 1]))
    words = Words(
        f"In the first week of a complete stop users abroad lack {percent(at_once[most])} of the "
        f"{in_text(most)} that they need, though they hold {held:.0f} weeks of them",
        "A stop of all Chinese exports of each good from July 2024 for 52 weeks (assumed), whose end is "
        "known; in steps of a week. Plants are magnet makers (dysprosium) and refiners (gallium).",
        footer("share of the need; weeks of use in the base year", 2024,
               "baseline-2024 with an export_ban, as in docs/behaviour.md", "Axes start at 0.", MEMBERS),
    )  # fmt: skip
    shown = when(stop.time, *SHOWN)
    panels = [
        Panel(
            f"Share of their need that {group} outside China lack",
            {good: s.lack[group][:, shown] for good, s in found.items() if group in s.lack},
            1.0,
        )
        for group in ("end users", "plants")
    ]
    held_by = {good: s.held["end users"][:, shown] for good, s in found.items()}
    panels.append(Panel("Stock of end users outside China, weeks of use", held_by))
    draw_panels(
        "behaviour_first-stop.png", words, stop.time[shown], panels,
        Lines(colours, height=7.8, decorate=decorate),
    )  # fmt: skip
