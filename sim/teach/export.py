"""A lesson as one HTML file that needs no server: the same page, with the outcomes that it may show inside.

Inside are all positions of every slider, one at a time, with the button pressed and not, every option of the
card, one at a time, and what bets, questions and comparisons ask for. What is not inside is not shown.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from sim.errors import MonaziteError
from sim.files import check_inside, write_whole
from sim.lesson.answers import answers
from sim.lesson.lab import Lab
from sim.lesson.outcome import outcomes
from sim.lesson.settings import Settings, status_quo
from sim.lesson.why import why
from sim.paths import shown
from sim.teach.content import FOLDER, lesson_words, map_paths, texts

__all__ = ["LARGEST", "bundle", "export", "grid"]

LARGEST = 5_000_000
"""Bytes of a file that can be sent by mail."""
MODULES = ("dom", "text", "source", "charts", "side", "panel", "tabs", "game", "board", "app")
"""Modules of the page in the order in which they need each other."""
AT_ONCE = 15
IMPORT = re.compile(r"^import .*?;\n", re.MULTILINE | re.DOTALL)
EXPORT = re.compile(r"^export ", re.MULTILINE)
POLICY = (
    "default-src 'none'; script-src {script}; style-src {style}; img-src data:; base-uri 'none'; "
    "form-action 'none'"
)


def export(name: str, target: Path, seed: int | None = None) -> Path:
    """Run a grid of settings and write the file.

    Args:
        name: scenario with a lesson. target: the file; one that is there is replaced. seed: of the runs.

    Raises:
        MonaziteError: there is no such lesson, or the file would be too large or cannot be written.
    """
    text = page(Lab(name, seed)).encode()
    if len(text) > LARGEST:
        size = f"{len(text) / 1e6:.1f} MB, more than {LARGEST / 1e6:.0f}"
        raise MonaziteError(f"the file would have {size}; give the lesson fewer goods")
    check_inside(target.parent, target)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        write_whole(target, text)
    except OSError as error:
        raise MonaziteError(f"{shown(target)}: cannot be written: {error.strerror}") from None
    return target


def grid(lab: Lab) -> list[Settings]:
    """The settings that a file holds, each once."""
    quo, part = status_quo(lab.lesson), lab.lesson.part
    options = [quo.options]
    for place, choice in enumerate(part.card.choices.values()):
        for taken in range(1, len(choice.options)):
            options.append((*quo.options[:place], taken, *quo.options[place + 1 :]))
    found = [replace(quo, embargo=on, options=one) for one in options for on in (False, True)]
    for on in (False, True):
        for place, slider in enumerate(part.sliders.values()):
            found += [replace(quo, embargo=on).at(place, at) for at in range(len(slider.positions))]
    # A slider that only an option brings to life is moved under that option.
    for one in options[1:]:
        pressed = replace(quo, embargo=True, options=one)
        alive = set(lab.idle(lab.acting(replace(quo, embargo=True)))) - set(lab.idle(lab.acting(pressed)))
        for place, (name, slider) in enumerate(part.sliders.items()):
            if name in alive:
                found += [pressed.at(place, position) for position in range(len(slider.positions))]
    asked = [*part.compare, *(bet.settings for bet in part.bets.values())]
    asked += [value.settings for question in part.debrief.values() for value in question.values.values()]
    found += [lab.settings(one) for one in asked]
    found += [replace(quo, options=one.options) for one in found]
    return list(dict.fromkeys(found))


def page(lab: Lab) -> str:
    """The file's text."""
    settings = grid(lab)
    rows: list[dict[str, Any]] = []
    for start in range(0, len(settings), AT_ONCE):
        rows += outcomes(lab, settings[start : start + AT_ONCE])
    reasons = {f"{good} {one.key}": why(lab, one, good) for one in settings for good in lab.goods[:1]}
    data = {
        "lesson": lesson_words(lab), "map": map_paths(), "texts": texts(), "outcomes": rows, "why": reasons,
        "answers": answers(lab),
    }  # fmt: skip
    return _html(data, lab.lesson.part.title["en"])


def bundle() -> str:
    """All modules as one: imports left out, in an order in which everything is there when it is needed."""
    texts = ((FOLDER / "static" / f"{name}.js").read_text(encoding="utf-8") for name in MODULES)
    return "\n".join(EXPORT.sub("", IMPORT.sub("", text)) for text in texts)


def _html(data: dict[str, Any], title: str) -> str:
    script, style = bundle(), (FOLDER / "static" / "style.css").read_text(encoding="utf-8")
    policy = POLICY.format(script=_hash(script), style=_hash(style))
    # Inside a script element only "</script" and "<!--" could end or change it.
    packed = json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    packed = packed.replace("<", "\\u003c")
    escaped = title.replace("&", "&amp;").replace("<", "&lt;")
    return "\n".join([
        '<!doctype html><html lang="en"><head><meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f'<title>{escaped}</title><link rel="icon" href="data:,"><style>{style}</style></head>',
        "<body>",
        '<div id="app"></div>',
        f'<script type="application/json" id="data">{packed}</script>',
        f'<script type="module">{script}</script></body></html>', "",
    ])  # fmt: skip


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
