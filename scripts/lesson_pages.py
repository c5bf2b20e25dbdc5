"""Writes `docs/lessons`: of each lesson a plan for the teacher, a worksheet, and answers with figures.

    python -m scripts.lesson_pages    rewrites the pages

All words are those of the scenario's `lesson:` part; all figures come from its runs, which
`tests/sanity/test_lessons.py` makes again.
"""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

from sim.commands.teach import lessons
from sim.lesson.answers import SHARES, answers, spoken
from sim.lesson.lab import Lab
from sim.scenario.lesson_part import Asked, Bet

__all__ = ["FIGURES", "FOLDER", "figures", "page"]

FOLDER = Path(__file__).parents[1] / "docs" / "lessons"
FIGURES = FOLDER / "figures.json"
LANGUAGE = "en"


def main() -> None:
    """Rewrite all pages and the figures that they rest on."""
    FOLDER.mkdir(exist_ok=True)
    kept = {}
    for name in sorted(lessons()):
        lab = Lab(name)
        kept[name] = figures(lab)
        (FOLDER / f"{name}.md").write_text(page(lab, kept[name]), encoding="utf-8")
        print(name)
    FIGURES.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    (FOLDER / "README.md").write_text(index(), encoding="utf-8")


def figures(lab: Lab) -> dict[str, Any]:
    """Every bet and question of a lesson, answered by the model."""
    return answers(lab)


INDEX = """# Lessons

Each page has a plan for the teacher, a worksheet to print, and the answers with the model's figures. Whoever
has never seen Monazite can run one from the plan alone: install it (`pip install '.[teach]'` in a
checkout), type the command, and the lesson stands in the browser, without a network. `monazite teach NAME
--export FILE` writes one as a file that needs no server. How to write one:
[scenarios.md](../scenarios.md#lessons).

| lesson | command |
|---|---|
"""
BEFORE = """Before: `monazite teach {name}` opens the lesson at an address that it prints; open that on the
machine with the projector, press *Projector* and *Full screen*. Every change is saved: if the machine stops,
start it again. *Undo* takes back any change, *Reset all* takes back all. Nothing on the page was written
beforehand: each number is a run of the model on your machine, made while you read or wait: a few seconds,
and up to half a minute in a lesson over ten years.
Tab *Play* lets the class be countries: [how to](../how-to/teach-a-class.md).
"""
TRIES = 4
LINE = "_" * 60


def index() -> str:
    """The page that leads to the others."""
    known = sorted(lessons().items())
    rows = (f"| [{title}]({name}.md) | `monazite teach {name}` |" for name, title in known)
    return INDEX + "\n".join(rows) + "\n"


def page(lab: Lab, found: dict[str, Any]) -> str:
    """One lesson as Markdown."""
    part = lab.lesson.part
    head = f"# {part.title[LANGUAGE]}\n\n<!-- Written by scripts/lesson_pages.py. -->\n\n"
    head += f"{part.minutes} minutes. {part.about[LANGUAGE]}\n"
    return "\n".join([head, *_plan(lab), *_worksheet(lab), *_answers(lab, found), ""])


def _plan(lab: Lab) -> list[str]:
    part, quo = lab.lesson.part, lab.lesson.status_quo
    lines = ["## For the teacher", "", BEFORE.format(name=lab.scenario.name)]
    lines += ["| minutes | what to do |", "|---|---|"]
    lines += [f"| {step.minutes} | {step.do[LANGUAGE]} |" for step in part.steps]
    card = part.card
    lines += ["", f"The red button: **{card.label[LANGUAGE]}**. Press it again to lift it."]
    if card.choices:
        lines += ["", "| on its card | options, as it stands at first in bold |", "|---|---|"]
    for choice in card.choices.values():
        first, *others = (option.label[LANGUAGE] for option in choice.options.values())
        lines.append(f"| {choice.label[LANGUAGE]} | {'; '.join((f'**{first}**', *others))} |")
    lines += ["", "| slider | what it does | positions, the status quo in bold |", "|---|---|---|"]
    for name, slider in part.sliders.items():
        own = slider.positions[quo[name]]
        shown = ", ".join(f"**{place}**" if place == own else place for place in slider.positions)
        lines.append(f"| {slider.label[LANGUAGE]} | {slider.help[LANGUAGE]} | {shown} |")
    return [*lines, ""]


def _worksheet(lab: Lab) -> list[str]:
    part = lab.lesson.part
    lines = ["## Worksheet", "", "Name: ______________________  Group: ________", ""]
    lines += ["Bet before the button is pressed:", ""]
    for number, bet in enumerate(part.bets.values(), 1):
        boxes = "   ".join(f"☐ {word}" for word in choices(bet))
        lines += [f"{number}. {bet.question[LANGUAGE]}", "", f"   {boxes}", ""]
    lines += ["Write down what you changed, and what came of it:", ""]
    lines += ["| what we changed | price, at its highest | who is worst hit | months to recover |"]
    lines += ["|---|---|---|---|", *["| &nbsp; | | | |"] * TRIES, "", "Questions:", ""]
    for number, question in enumerate(part.debrief.values(), 1):
        lines += [f"{number}. {question.question[LANGUAGE]}", "", f"   {LINE}", ""]
    return lines


def _answers(lab: Lab, found: dict[str, Any]) -> list[str]:
    part = lab.lesson.part
    runs = f"The model's, {part.members} runs with seed {lab.seed}"
    lines = ["## Answers", "", f"{runs}: the median, and in brackets what 8 of 10 runs do.", "", "Bets:", ""]
    for number, (name, bet) in enumerate(part.bets.items(), 1):
        value = found["bets"][name]["value"]
        said = f"**{spoken(bet.measure, value, LANGUAGE)}**{ranged(bet, value)}"
        lines.append(f"{number}. {bet.question[LANGUAGE]} {said}")
    lines += ["", "Questions:", ""]
    for number, (name, question) in enumerate(part.debrief.items(), 1):
        lines.append(f"{number}. {question.question[LANGUAGE]} {found['debrief'][name][LANGUAGE]}")
    return [*lines, "", "What not to believe:", "", *(f"- {doubt[LANGUAGE]}" for doubt in part.doubts)]


def ranged(asked: Asked, value: dict[str, Any]) -> str:
    """The band of a value, in brackets; nothing where there is none."""
    if asked.measure == "worst_country" or value["low"] == value["high"]:
        return ""
    low, high = (spoken(asked.measure, {"mid": value[end]}, LANGUAGE) for end in ("low", "high"))
    return f" ({low} to {high})"


def choices(bet: Bet) -> list[str]:
    """What can be bet on."""
    from sim.analysis.names import country_name

    if bet.countries:
        return [country_name(code) for code in bet.countries]
    said = [
        f"{100 * bound:g} %" if bet.measure in SHARES else spoken(bet.measure, {"mid": bound}, LANGUAGE)
        for bound in bet.bounds
    ]
    between = [f"{low} to {high}" for low, high in pairwise(said)]
    return [f"less than {said[0]}", *between, f"{said[-1]} or more"]


if __name__ == "__main__":
    main()
