"""A run of the small world in which everything with a memory of its own is at work, and its checkpoint."""

from __future__ import annotations

import copy
import datetime as dt
import json
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from sim.engine import Checkpoint, Simulation
from sim.engine.checkpoint_file import HEADER
from sim.errors import MonaziteError
from sim.instruments import Instrument, instrument_class
from sim.world.world import World
from tests.engine_events import PlainScenario

__all__ = [
    "BEGIN", "HALFWAY", "MEMBERS", "WAYS", "advance", "again", "busy", "entries", "everything", "outcome",
    "record_tail", "refusal", "rewritten",
]  # fmt: skip

OXIDE = "dysprosium_oxide"
MEMBERS = {"members": [0, 2, 5], "seed": [1, 1, 3]}
HALFWAY = 9
BEGIN = dt.date(2024, 4, 1)
SOME = {"uniform": ["5 %", "60 %"]}
OVER_THE_RECORD = {"link", "ledger", "reached", "year", "quantile"}
"""Axes of what is summed over the record, which begins anew where a checkpoint is resumed."""


def event(name: str, kind: str, **fields: Any) -> Instrument:
    given = {"id": name, "type": kind, "from": dt.date(2024, 1, 1), "assumption": True} | fields
    return instrument_class(kind).model_validate(given)


def everything(begin: dt.date = BEGIN) -> tuple[Instrument, ...]:
    """A licence that talks ease, a stockpile, a ban that follows origins, a quota, a rule, chance."""
    later: dict[str, Any] = {"from": begin}
    return (
        event("licence", "export_licence", by="CHN", goods=[OXIDE], approval_share=SOME, delay="1 month",
              **later),
        event("pile", "stockpile", by="JPN", goods=[OXIDE, "magnet"], size="2 months", rate="500 t/year",
              rotation="30 %/year", initial="5 t", release_above="200 %", **later),
        event("ban", "export_ban", by="CHN", to="JPN", goods=["magnet"], extraterritorial=True,
              compliance="60 %", **later),
        event("quota", "export_quota", by="CHN", goods=["ndpr_oxide"], amount="150 t/year",
              allotted="at once", carry_over="50 %", **later),
        event("talks", "negotiation", between=["USA", "CHN"], events=["licence"], approval_share="80 %",
              trigger={"price": [OXIDE], "above": "105 %"}, delay="2 months", **later),
        event("tariff", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate="20 %", dormant=True),
        event("rule", "reaction_rule", by="CHN", trigger={"event": "quota", "for": "2 months"},
              action="scale", events=["tariff"], step="60 %", times=3, lag="2 months"),
        event("strike", "strike", countries=["CHN"], goods=["clay"], loss="30 %", probability="50 %",
              length={"uniform": ["1 month", "2 years"]}, **later),
        event("merger", "merger", firms=["separator_china_a", "separator_china_b"], **later),
    )  # fmt: skip


def busy(world: World, step: str = "month", **options: Any) -> Simulation:
    """The run with all of it, before its first step; a design sets two of its values."""
    scenario = PlainScenario("busy", step=step, end=dt.date(2026, 12, 31), events=everything())
    values = {
        "events.ban.compliance": np.array([0.5, 0.7, 0.9]),
        "assumptions.thrift_speed": np.array([0.2, 0.3, 0.4]),
    }
    given: dict[str, Any] = {**MEMBERS, "values": values, **options}
    return Simulation(world, scenario, **given)  # type: ignore[arg-type]


def advance(simulation: Simulation, steps: int) -> Simulation:
    for _ in range(steps):
        simulation.step()
    return simulation


def _from_file(simulation: Simulation, folder: Path) -> Simulation:
    path = folder / f"{simulation.time}.checkpoint"
    simulation.checkpoint().write(path)
    return Simulation.resume(path, simulation.case.scenario, simulation.case.whole)


WAYS: dict[str, Callable[[Simulation, Path], Simulation]] = {
    "copied": lambda simulation, _: copy.deepcopy(simulation),
    "pickled": lambda simulation, _: pickle.loads(pickle.dumps(simulation)),
    "resumed": lambda simulation, _: Simulation.resume(simulation.checkpoint()),
    "from a file": _from_file,
}  # fmt: skip


def record_tail(simulation: Simulation, first: int) -> dict[str, Any]:
    """What was recorded of each step from ``first`` on, and the labels of its axes."""
    data = simulation.recorder.dataset().drop_vars("event_agents")
    tail = data.isel(time=slice(first - simulation.case.first, None))
    return {
        str(name): variable.values
        for name, variable in tail.variables.items() if not OVER_THE_RECORD & set(variable.dims)
    }  # fmt: skip


def again(checkpoint: Checkpoint, **arrays: Any) -> Checkpoint:
    """A checkpoint with some arrays changed; those that are None are left out."""
    changed = {name: array for name, array in {**checkpoint.arrays, **arrays}.items() if array is not None}
    return replace(checkpoint, arrays=changed)


def entries(path: Path) -> dict[str, bytes]:
    """Name -> bytes of a zip."""
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewritten(
    path: Path, target: Path, change: Callable[[dict[str, Any]], object], kind: int = zipfile.ZIP_STORED
) -> Path:
    """A checkpoint's file with other entries; its header is changed as a table."""
    parts: dict[str, Any] = entries(path)
    parts[HEADER] = json.loads(parts[HEADER])
    change(parts)
    with zipfile.ZipFile(target, "w", kind) as archive:
        for name, part in parts.items():
            text = json.dumps(part) if name == HEADER and not isinstance(part, bytes) else part
            archive.writestr(name, text)
    return target


def outcome(action: Callable[[], object]) -> str:
    """What is said where it is refused; nothing where it is done."""
    try:
        action()
    except MonaziteError as error:
        return str(error)
    return ""


def refusal(action: Callable[[], object]) -> str:
    """What is said; it must be refused."""
    said = outcome(action)
    assert said, "it was not refused"
    return said
