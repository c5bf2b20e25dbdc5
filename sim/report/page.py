"""Put a page together: finding, scenarios, why, pictures, what to doubt, and how to make it again."""

from __future__ import annotations

import base64
import hashlib
import io
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from sim.analysis.base_year_check import assumption_shares
from sim.analysis.baselines import shown_name, titles
from sim.analysis.digits import two
from sim.analysis.points_needed import ENOUGH_MEMBERS, few_members
from sim.analysis.select import own_events
from sim.errors import MonaziteError
from sim.report.crew import Crew
from sim.report.headline import Headline, finding
from sim.report.origin import licences, origin
from sim.report.pictures import Shot, Shots, begin_shots, data_uri, fitted, packed
from sim.report.scenarios import told
from sim.report.why import Why, why
from sim.results import Run
from sim.visible import visible

__all__ = ["LARGEST", "Subject", "in_order", "page"]

LARGEST = 5_000_000
"""Bytes that a page may have."""
ROOM_FOR_TEXT = 600_000
HERE = Path(__file__).parent
NUMBER_AND_SIGN = re.compile(r"(?<=\d) (?=%)")
HEADS = (
    "Scenario", "Good", "Price at its furthest, times the baseline's", "in", "Highest price", "Unit",
    "Need missing outside, worst 12 months, %", "Months until the price is back",
)  # fmt: skip


@dataclass(frozen=True)
class Subject:
    """A baseline, the runs compared with it, and the goods that the page is about."""

    baseline: Run
    runs: tuple[Run, ...]
    goods: tuple[str, ...]

    @property
    def together(self) -> list[Run]:
        """The baseline first."""
        return [self.baseline, *self.runs]


def page(subjects: Sequence[Subject], campaign: str) -> str:
    """The whole page as HTML.

    Args:
        subjects: one for each baseline.
        campaign: its name.

    Raises:
        MonaziteError: there is no run beside the baselines, or the page would be larger than :data:`LARGEST`.
    """
    runs = list({run.id: run for s in subjects for run in s.together}.values())
    called = dict(zip((run.id for run in runs), titles(runs), strict=True))
    lines = [
        Headline(run, s.baseline, good, called[run.id])
        for s in subjects for run in s.runs for good in s.goods
    ]  # fmt: skip
    if not lines:
        raise MonaziteError("there is nothing to report: no run beside its baseline")
    lines = [line for line in lines if not np.isnan(line.multiple[0])]
    if not lines:
        raise MonaziteError("there is nothing to report: none of the goods was traded")
    pairs = list({line.run.id: (line.run, line.baseline) for line in lines}.values())
    scenarios = [told(*pair, called[pair[0].id]) for pair in pairs]
    names = {line.good: line.name for line in lines}
    head, lead = finding(lines)
    ranked = sorted(lines, key=_far)
    goods = list(dict.fromkeys(line.good for line in ranked))
    rows, table = _numbers(in_order(lines))
    # The scenarios are run again for the parts of their events: once each, for the good that moves most.
    leading = [next(line for line in ranked if line.run.id == run.id) for run, _ in pairs]
    pictures, told_why = _made(subjects, ranked, leading)
    order = {run.id: number for number, (run, _) in enumerate(pairs)}
    style, script = ((HERE / f"page.{kind}").read_text(encoding="utf-8") for kind in ("css", "js"))
    text = _environment().get_template("page.html").render(
        style=Markup(style), style_hash=_hash(style), script=Markup(script), script_hash=_hash(script),
        finding=head, lead=lead, campaign=campaign,
        baselines=[{"title": called[s.baseline.id], "name": shown_name(s.baseline)} for s in subjects],
        period=_period(runs), number_heads=HEADS, number_rows=rows, numbers_csv=packed(table),
        scenarios=scenarios, goods=[names[good] for good in goods],
        cards=[
            _card(line, order[line.run.id], goods.index(line.good), told_why[id(line)]) for line in ranked
        ],
        shots=[
            _figure(shot, goods.index(shot.good))
            for good in goods for made in pictures for shot in made.drawn if shot.good == good
        ],
        not_drawn=[sentence for made in pictures for sentence in made.not_drawn],
        doubts=_doubts(lines), origin=origin(runs), licences=licences(),
    )  # fmt: skip
    size = len(text.encode())
    if size > LARGEST:
        raise MonaziteError(f"the page would have {size / 1e6:.1f} MB; report fewer goods with --good")
    return text


def _far(line: Headline) -> float:
    return -float(abs(np.log(line.multiple[0])))


def in_order(lines: Sequence[Headline]) -> list[Headline]:
    """Good by good, what moves most first: a reader compares the scenarios of one good."""
    ranked = sorted(lines, key=_far)
    goods = list(dict.fromkeys(line.good for line in ranked))
    return sorted(ranked, key=lambda line: goods.index(line.good))


def _made(
    subjects: Sequence[Subject], lines: Sequence[Headline], leading: Sequence[Headline]
) -> tuple[list[Shots], dict[int, Why]]:
    """What takes time, shared out: the pictures of each subject, and why, by the ``id`` of its line.

    Args:
        leading: lines whose scenario is run again for the parts of its events.
    """
    room = (LARGEST - ROOM_FOR_TEXT) // len(subjects)
    with Crew(len(leading) + sum(len(s.goods) for s in subjects)) as crew:
        reasons = {id(line): crew.begin(why, *_asked(line), _has_parts(line)) for line in leading}
        begun = [begin_shots(crew, s.together, s.baseline.scenario, s.goods) for s in subjects]
        reasons |= {id(line): _now(line) for line in lines if line not in leading}
        pictures = [
            fitted(crew, drawing, (s.together, s.baseline.scenario, s.goods), room)
            for s, drawing in zip(subjects, begun, strict=True)
        ]
        return pictures, {key: reason() for key, reason in reasons.items()}


def _environment() -> Environment:
    def shown(value: Any) -> Any:
        """What scenarios and folders bring along is text without control characters, and escaped.

        No line ends between a number and its per cent sign.
        """
        if not isinstance(value, str) or isinstance(value, Markup):
            return value
        return NUMBER_AND_SIGN.sub("\u00a0", visible(value))

    return Environment(
        loader=FileSystemLoader(HERE), autoescape=True, finalize=shown, undefined=StrictUndefined,
        trim_blocks=False, keep_trailing_newline=True,
    )  # fmt: skip


def _hash(text: str) -> str:
    """What the page's policy calls a style or script that may act."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def _period(runs: Sequence[Run]) -> str:
    first = max(str(run.dataset["time"].values[0]) for run in runs)
    last = min(str(run.dataset["time"].values[-1]) for run in runs)
    return f"{first[:7]} to {last[:7]}"


def _numbers(lines: Sequence[Headline]) -> tuple[list[list[dict[str, str]]], bytes]:
    """Rows of the first table, and the same as CSV."""
    rows, table = [], []
    for line in lines:
        bands = {
            "multiple": line.multiple, "peak": line.peak, "short_percent": line.short,
            "months": line.recovery,
        }  # fmt: skip
        multiple, peak, short, months = (_cell(*band, line.members) for band in bands.values())
        rows.append([
            _text(line.title), _text(line.name), multiple, _text(line.dated or "-"), peak, _text(line.unit),
            short, months,
        ])  # fmt: skip
        table.append({
            "scenario": line.run.scenario, "good": line.good, "month": line.month, "price_unit": line.unit,
            **{f"{name}_{q}": v for name, band in bands.items()
               for q, v in zip(("p50", "p10", "p90"), band, strict=True)},
            "members": line.members, "run": line.run.id, "baseline": line.baseline.id,
        })  # fmt: skip
    stream = io.StringIO()
    pd.DataFrame(table).to_csv(stream, index=False, float_format="%.6g", lineterminator="\n")
    return rows, stream.getvalue().encode()


def _text(text: str) -> dict[str, str]:
    return {"text": text, "value": text, "band": ""}


def _cell(middle: float, low: float, high: float, members: int) -> dict[str, str]:
    def said(value: float) -> str:
        return "not in the run" if np.isinf(value) else two(value)

    band = f"{said(low)} to {said(high)}" if members > 1 and said(low) != said(high) else ""
    value = "" if np.isnan(middle) else "1e99" if np.isinf(middle) else f"{middle:.6g}"
    return {"text": said(middle), "value": value, "band": band}


def _asked(line: Headline) -> tuple[Run, Run, str]:
    return line.run, line.baseline, line.good


def _has_parts(line: Headline) -> bool:
    """Whether there are several events to part a difference among."""
    return len(own_events(line.run.dataset, line.baseline.dataset)) > 1 and line.moves


def _now(line: Headline) -> Callable[[], Why]:
    """Why, told when it is asked for: without running anything it takes no time."""
    return lambda: why(*_asked(line), False)


def _card(line: Headline, scenario: int, good: int, found: Why) -> dict[str, Any]:
    return {
        "scenario": scenario, "good": good, "title": f"{line.name}: {line.title}",
        "sentence": line.sentence(), "why": found,
    }  # fmt: skip


def _figure(shot: Shot, good: int) -> dict[str, Any]:
    return {
        "good": good, "title": shot.title, "alt": f"{shot.words} The numbers are in {shot.file}.",
        "uri": data_uri(shot.image), "width": shot.width, "height": shot.height, "file": shot.file,
        "csv": packed(shot.csv),
    }  # fmt: skip


def _doubts(lines: Sequence[Headline]) -> list[str]:
    """What holds for every number of the page."""
    said = [
        "These are results of a model under stated assumptions, not forecasts: a scenario says what follows "
        "if it happens, not that it will.",
        "Bands show what the members draw, that is uncertain behaviour and small shocks to demand and "
        "output, and not all that may happen.",
    ]  # fmt: skip
    members = min(line.members for line in lines)
    if members == 1:
        said.append(f"One member has no band at all; take {ENOUGH_MEMBERS}: --members {ENOUGH_MEMBERS}.")
    elif few := few_members(members):
        said.append(f"{few}: --members {ENOUGH_MEMBERS}.")
    for year in sorted({int(line.run.manifest["base_year"]) for line in lines}):
        try:
            shares = assumption_shares(year)
        except MonaziteError:
            continue
        guessed = [
            f"{two(100 * value)} % of {name.split(' by ')[0]}"
            for name, value in shares.items() if "by value, assumption" in name
        ]  # fmt: skip
        if guessed:
            said.append(
                f"In the world of {year}, by value, {', '.join(guessed)} rests on rules and guesses, because "
                "no table gives a number; the rest is read, derived or recalled, with its source in the data."
            )
    return said
