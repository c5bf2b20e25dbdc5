"""What a page is given once: the lesson in words, goods and months, outlines of countries, texts."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from sim.analysis.names import country_name
from sim.lesson.lab import Lab
from sim.lesson.outcome import good_rows
from sim.lesson.refusals import refusals
from sim.lesson.session import written
from sim.lesson.settings import status_quo
from sim.plots.outlines import FRAME, outlines
from sim.scenario.lesson_part import LANGUAGES

__all__ = ["lesson_words", "map_paths", "texts"]

FOLDER = Path(__file__).parent
MAP_WIDTH = 1000
REFUSED = "refused_"
"""Before the name of a refusal, among the texts of a page."""


@lru_cache(maxsize=1)
def texts() -> dict[str, dict[str, str]]:
    """Language -> name of a text -> text."""
    return {
        language: {
            **json.loads((FOLDER / "texts" / f"{language}.json").read_text(encoding="utf-8")),
            **{REFUSED + name: text for name, text in refusals(language).items()},
        }
        for language in LANGUAGES
    }  # fmt: skip


@lru_cache(maxsize=1)
def map_paths() -> dict[str, Any]:
    """Width and height of the map, and of each country its outline as an SVG path with its name."""
    left, right, bottom, top = FRAME
    scale = MAP_WIDTH / (right - left)
    height = round((top - bottom) * scale)
    found = {}
    for code, rings in outlines().items():
        parts = []
        for ring in rings:
            places = np.round(np.column_stack([(ring[:, 0] - left), (top - ring[:, 1])]) * scale).astype(int)
            moves = np.diff(places, axis=0)
            kept = [f"{dx} {dy}" for dx, dy in moves.tolist() if dx or dy]
            if len(kept) > 1:
                parts.append(f"M{places[0][0]} {places[0][1]}l{' '.join(kept)}z")
        if parts:
            found[code] = {"name": country_name(code), "path": "".join(parts)}
    return {"width": MAP_WIDTH, "height": height, "countries": found}


def lesson_words(lab: Lab) -> dict[str, Any]:
    """The lesson as a page shows it. Texts are by language."""
    part, quo = lab.lesson.part, status_quo(lab.lesson)
    goods = good_rows(lab)
    return {
        "name": lab.scenario.name,
        "title": part.title,
        "about": part.about,
        "minutes": part.minutes,
        "members": part.members,
        "seed": lab.seed,
        "months": lab.months,
        "begin": lab.first_day_step(quo),
        "goods": goods,
        "card": {
            "label": part.card.label,
            "choices": [
                {"id": name, "label": choice.label,
                 "options": [{"id": key, "label": o.label} for key, o in choice.options.items()]}
                for name, choice in part.card.choices.items()
            ],
        },
        "sliders": [
            {"id": name, "label": s.label, "help": s.help, "positions": list(s.positions),
             "quo": lab.lesson.status_quo[name]}
            for name, s in part.sliders.items()
        ],
        "steps": [{"minutes": step.minutes, "do": step.do} for step in part.steps],
        "bets": [
            {"id": name, "question": bet.question, "measure": bet.measure, "bounds": list(bet.bounds),
             "countries": [{"id": c, "name": country_name(c)} for c in bet.countries],
             "settings": written(lab.lesson, lab.settings(bet.settings))}
            for name, bet in part.bets.items()
        ],
        "debrief": [{"id": name, "question": q.question} for name, q in part.debrief.items()],
        "compare": [written(lab.lesson, lab.settings(one)) for one in part.compare],
        "doubts": list(part.doubts),
        "quo": written(lab.lesson, quo),
        "events": {event.id: event.sentence() for event in lab.scenario.events if not event.in_base_year},
    }  # fmt: skip
