"""What a run says of its events: from when they acted, by which rule, and what had no output."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import xarray as xr

from sim.analysis import acted_on
from sim.analysis.acted_on import Beside, event_lines
from sim.results import Run

RULE = "Once magnets are short, Japan puts 'stock' into force (once)."
EVENTS = [
    {"id": "tariff", "type": "import_tariff", "from": "2024-02-01", "sentence": "A tariff."},
    {"id": "stock", "type": "stockpile", "from": "", "sentence": "Japan stocks magnets."},
    {"id": "rule", "type": "reaction_rule", "from": "2024-01-01", "sentence": RULE},
    {"id": "idle", "type": "reaction_rule", "from": "2024-01-01", "sentence": "Once never."},
    {"id": "floor", "type": "price_floor", "from": "2024-01-01", "sentence": "A floor."},
]


def run(**tonnes: list[list[float]]) -> Run:
    """Two members, six months; tonnes that each event acts on, step by step."""
    acts = np.zeros((2, 6, len(EVENTS)))
    for at, event in enumerate(EVENTS):
        acts[:, :, at] = tonnes.get(str(event["id"]), [[0.0] * 6] * 2)
    passes = acts.copy()
    passes[:, :, -1] = 0.0
    axes = ("member", "time", "event")
    variables: dict[str, Any] = {
        "event_tonnes": (axes, acts), "event_flow": (axes, passes), "event_flow_usd": (axes, 1000 * passes),
        "event_agents": (("member", "event"), np.full((2, len(EVENTS)), 2)),
    }  # fmt: skip
    data = xr.Dataset(
        variables,
        coords={
            "event": [event["id"] for event in EVENTS],
            "time": np.arange("2024-01", "2024-07", dtype="datetime64[M]").astype("datetime64[ns]"),
            "ledger_event": ("ledger", ["tariff"]), "ledger_good": ("ledger", ["magnet"]),
            "ledger_exporter": ("ledger", ["CHN"]), "ledger_importer": ("ledger", ["CHN"]),
        },
        attrs={"events": json.dumps(EVENTS)},
    )  # fmt: skip
    return Run(Path("case"), {"scenario": "case"}, data)


def test_events_have_the_month_of_their_first_act_and_rules_their_reason() -> None:
    late = [[0.0, 0.0, 0.0, 7.0, 7.0, 0.0], [0.0] * 6]
    lines = event_lines(
        run(tariff=[[0.0] + [5.0] * 5] * 2, stock=late, rule=late, floor=[[9.0] * 6] * 2)
    )
    assert lines == [
        "tariff, 2024-02 to 2024-06: acted on 25 t worth 25 thousand USD, 2 agents",
        "stock, 2024-04 to 2024-06: acted on goods worth 14 thousand USD, 2 agents, in 1 of 2 members",
        "rule, 2024-04 to 2024-06: acted on goods worth 14 thousand USD, 2 agents, in 1 of 2 members",
        f"  {RULE}",
        "idle, 2024-01 to 2024-06: acted on 2 agents, on no trade",
        "floor, 2024-01 to 2024-06: acted on 2 agents, with no output in the run",
    ]


def test_what_the_baseline_has_none_of_is_said_in_tonnes(monkeypatch: pytest.MonkeyPatch) -> None:
    """A share of nothing is no number: a mine that policy opens is counted by what it makes."""
    none, some = np.zeros(3), np.array([10.0, 20.0, 30.0])
    found = {
        "opened": Beside("output of", ("ore",), none, some, none, none, "t"),
        "floor": Beside("output of", ("ore",), none, some, none, none, "t"),
        "tariff": Beside("imports of", ("ore",), none, some, none, some, "t"),
        "idle": None,
    }
    monkeypatch.setattr(acted_on, "own_events", lambda *_: [{"id": name} for name in found])
    monkeypatch.setattr(acted_on, "paired_ledger", lambda _run, _base, event: found[event["id"]])
    monkeypatch.setattr(acted_on, "good_name", lambda _run, good: good.capitalize())
    ledger = acted_on.paired_ledgers(xr.Dataset(), xr.Dataset())
    said = acted_on.new_sentence(xr.Dataset(), ledger, "case")
    assert said == "case: opened, floor: output of ore of 20 (12 to 28) t, where the baseline has none"
