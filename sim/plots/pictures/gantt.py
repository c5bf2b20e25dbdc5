"""When projects are begun, run, idle and are given up, in each scenario beside the baseline: one bar each."""

from __future__ import annotations

from typing import Any

import matplotlib as mpl
import numpy as np
import numpy.typing as npt
import pandas as pd
import xarray as xr
from matplotlib.figure import Figure

from sim.analysis.compared_projects import has_projects
from sim.analysis.names import country_name, project_name
from sim.analysis.select import stages
from sim.plots.case import Case
from sim.plots.lettering import shortened
from sim.plots.pictures import Kind, Measured
from sim.plots.style import BASELINE, GREY, STYLE, Sheet, date_axis, in_text, percent, quoted
from sim.world.projects import STAGES

__all__ = ["KIND"]

Stages = npt.NDArray[np.int64]
BUILDING, OPERATING, MOTHBALLED, CLOSED, CANCELLED = range(STAGES.index("building"), len(STAGES))
MOST = 24
"""Projects that are shown: those that move most members between stages."""
LEFT, RIGHT, BAR = 3.5, 0.9, 0.13
POINTS = 8.5
HEAD, LINES = 0.5, 3
"""Inches above the bars, and lines in them, for what the scenarios are called."""
STEP = ("building", "running", "idle")
STRENGTH = {"building": 0.35, "running": 1.0, "idle": 0.15}


def _shares(data: xr.Dataset, names: list[str]) -> dict[str, npt.NDArray[np.float64]]:
    """By what projects do, (time, project) share of members."""
    stage: Stages = data["project_stage"].sel(project=names).values.astype(np.int64)
    number = {"building": BUILDING, "running": OPERATING, "idle": MOTHBALLED}
    found = {word: (stage == at).mean(axis=0) for word, at in number.items()}
    found["given up"] = np.isin(stage, (CLOSED, CANCELLED)).mean(axis=0)
    return found


def _made(data: xr.Dataset) -> list[tuple[str, str]]:
    """Projects and the goods that they make: a separator makes more than the one that it is built for."""
    names = data["project"].values.astype(str).tolist()
    found = list(zip(names, data["project_good"].values.astype(str).tolist(), strict=True))
    if "offer_facility" in data.coords:
        makers, goods = (data[f"offer_{part}"].values.astype(str).tolist() for part in ("facility", "good"))
        known = set(names)
        found += [(name, good) for name, good in zip(makers, goods, strict=True) if name in known]
    return found


def _names(case: Case) -> list[str]:
    """Projects of the good's chain in the order of their goods, of those that are built in any member."""
    base = case.base
    chain = [good for stage in stages(base, case.good) for good in stage.goods]
    place: dict[str, int] = {}
    for name, good in _made(base):
        if good in chain:
            place[name] = min(place.get(name, len(chain)), chain.index(good))
    mine = [name for name in base["project"].values.astype(str).tolist() if name in place]
    shown = [s for s in case.lined.all if has_projects(s.now)]
    both = [name for name in mine if all(name in s.now["project"].values for s in shown)]
    if not both:
        return []
    does = np.zeros(len(both))
    for one in shown:
        shares = _shares(one.now, both)
        does = np.maximum(does, (shares["building"] + shares["running"]).mean(axis=0))
    active = [name for name, most in zip(both, does, strict=True) if most > 0]
    return sorted(active, key=lambda name: (place[name], name))


def _most(names: list[str], table: pd.DataFrame) -> list[str]:
    """Those that are drawn, in the same order: of each the scenario in which it does most counts."""
    active = table[table["does"].isin(["building", "running"])]
    does = active.groupby(["scenario", "project"])["share"].sum().groupby("project").max()
    kept = set(does.reindex(names).sort_values(ascending=False, kind="stable").index[:MOST])
    return [name for name in names if name in kept]


def _label(name: str, code: str) -> str:
    words, place = project_name(name), country_name(code)
    return words if words.endswith(f", {place}") else f"{words}, {place}"


def measure(case: Case) -> Measured:
    """Share of members in which each project is built, runs or stands idle, step by step."""
    shown = [s for s in case.lined.all if has_projects(s.now)]
    names = _names(case) if has_projects(case.base) and shown else []
    if not names:
        return Measured(nothing=f"Projects: none makes {in_text(case.name)} or what it is made of.")
    day = case.lined.time.astype("datetime64[D]").astype(str)
    frames = []
    for one in shown:
        for word, values in _shares(one.now, names).items():
            frame = pd.DataFrame(values, columns=names).assign(time=day)
            long = frame.melt("time", var_name="project", value_name="share")
            frames.append(long.assign(scenario=one.key, does=word))
    table = pd.concat(frames, ignore_index=True)
    base = case.base
    places = {name: str(base["project_country"].sel(project=name).values) for name in names}
    labels = {name: _label(name, place) for name, place in places.items()}
    drawn = _most(names, table)
    look: dict[str, Any] = {
        "names": drawn, "labels": labels, "time": case.lined.time,
        "shown": [
            (s.key, s.name, BASELINE if s.key == case.lined.baseline.key else s.colour) for s in shown
        ],
    }  # fmt: skip
    subtitle = (
        "Dark: runs; pale: is built; faint: stands idle; as deep as the share of members; right: share that "
        "run in the last step"
    )
    left = f"Of {len(names)} projects the {len(drawn)} that do most are drawn." if drawn != names else ""
    note = case.lined.footer("share of members", left)
    return Measured(_finding(case, table), subtitle, note, table, look)


def _running(table: pd.DataFrame, key: str) -> float:
    """Projects that run in the last step, mean of members."""
    last = table["time"].max()
    rows = table[(table["scenario"] == key) & (table["does"] == "running") & (table["time"] == last)]
    return float(rows["share"].sum())


def _finding(case: Case, table: pd.DataFrame) -> str:
    good = in_text(case.name)
    usual = _running(table, case.lined.baseline.key)
    scenarios = [s for s in case.lined.scenarios if s.key in set(table["scenario"])]
    if not scenarios:
        return f"On average {usual:.1f} projects in the chain of {good} run at the end"
    found = {s.key: _running(table, s.key) for s in scenarios}
    most = max(scenarios, key=lambda s: abs(found[s.key] - usual))
    under = f" under {quoted(most.name)}" if len(scenarios) > 1 else ""
    runs = f"On average {found[most.key]:.1f} projects in the chain of {good} run at the end"
    return f"{runs}{under}, {usual:.1f} in the baseline"


def draw(measured: Measured) -> Figure:
    """A row for each project, in it a bar for each scenario."""
    look, table = measured.look, measured.table
    names, shown, time = look["names"], look["shown"], look["time"]
    row = BAR * len(shown) + 0.12
    tall = row * len(names)
    lines = 2 if len(shown) > 1 else 1
    with mpl.rc_context(STYLE):
        sheet = Sheet(measured.title, measured.subtitle, measured.note, tall + HEAD + 0.45)
        room = (sheet.width - LEFT - 0.2) / len(shown)
        for i, (_, name, colour) in enumerate(shown):
            # Bold letters are a sixth wider than those that are measured.
            said = shortened(name, (room - 0.15) / 1.17, POINTS, LINES)
            sheet.text(LEFT + i * room, 0.0, said, POINTS, color=colour, fontweight="bold")
        axes = sheet.axes(LEFT, HEAD, sheet.width - LEFT - RIGHT, tall)
        axes.set_ylim(tall, 0)
        axes.set_yticks([])
        # Days since 1970, as dates stand on an axis.
        at = time.astype("datetime64[D]").astype(np.float64)
        edges = np.append(at, 2 * at[-1] - at[-2])
        for place, name in enumerate(names):
            top = place * row + 0.06
            sheet.text(0.3, HEAD + top, shortened(look["labels"][name], LEFT - 0.4, POINTS, lines), POINTS)
            for k, (key, _, colour) in enumerate(shown):
                mine = table[(table["project"] == name) & (table["scenario"] == key)]
                strength = np.zeros(len(at))
                for word in STEP:
                    strength += STRENGTH[word] * mine[mine["does"] == word]["share"].to_numpy()
                colours = np.ones((1, len(at), 4))
                colours[..., :3] = mpl.colors.to_rgb(colour)
                colours[..., 3] = np.clip(strength, 0.0, 1.0)
                y = top + k * BAR
                axes.pcolorfast(edges, [y, y + 0.8 * BAR], colours)
                ends = percent(float(mine[mine["does"] == "running"]["share"].to_numpy()[-1]))
                sheet.text(sheet.width - RIGHT + 0.08, HEAD + y - 0.02, ends, 7.0, color=colour)
            axes.axhline(place * row, color=GREY, linewidth=0.3)
        axes.set_xlim(edges[0], edges[-1])
        date_axis(axes, time, every=2)
    return sheet.fig


KIND = Kind("projects", 9, measure, draw, "When projects are built, run and idle, as a Gantt chart")
