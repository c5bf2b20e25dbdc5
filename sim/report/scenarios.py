"""What a scenario changes, in plain words with its sources, and what about it is to be doubted."""

from __future__ import annotations

from dataclasses import dataclass

from sim.analysis.acted_on import idle_events
from sim.analysis.select import own_events
from sim.errors import MonaziteError
from sim.instruments import Instrument
from sim.results import Run
from sim.scenario import Scenario, load_scenario
from sim.scenario.governments import PREFIX

__all__ = ["Change", "Told", "told"]


@dataclass(frozen=True)
class Change:
    """One difference from the baseline: what, and what it rests on."""

    what: str
    source: str = ""
    assumption: str = ""
    url: str = ""
    note: str = ""
    name: str = ""
    """Of the event, by which tables and pictures call it."""


@dataclass(frozen=True)
class Told:
    """A scenario in plain words.

    Attributes:
        name, question: as in its file.
        title: of its file, with what sets it apart where others have the same.
        changes: events and values that its baseline does not have.
        doubts: sentences on what it rests on.
    """

    name: str
    title: str
    question: str
    changes: tuple[Change, ...]
    doubts: tuple[str, ...]


def told(run: Run, baseline: Run, title: str) -> Told:
    """Read a stored scenario and set it beside its baseline's.

    Args:
        run, baseline: stored.
        title: of the scenario, as no other on the page has it.
    """
    own = {str(event["id"]): str(event["sentence"]) for event in own_events(run.dataset, baseline.dataset)}
    try:
        scenario: Scenario | None = load_scenario(run.directory / "scenario.resolved.yaml")
        base: Scenario | None = load_scenario(baseline.directory / "scenario.resolved.yaml")
    except MonaziteError:
        scenario = base = None
    if scenario is None or base is None:
        # Written by another version: what the run itself has kept must do.
        changes = [Change(sentence) for sentence in own.values()]
        return Told(run.scenario, title, "", tuple(changes), ())
    changes = [_event(event, own[event.id], scenario) for event in scenario.events if event.id in own]
    changes += _values(scenario, base)
    return Told(run.scenario, title, scenario.question, tuple(changes), tuple(_doubts(run, scenario, own)))


def _event(event: Instrument, sentence: str, scenario: Scenario) -> Change:
    source = scenario.sources.get(event.source or "")
    assumed = event.assumption if isinstance(event.assumption, str) else "not from a source"
    url = source.url if source and source.url and source.url.startswith(("https://", "http://")) else ""
    return Change(
        sentence, source.title if source else "", assumed if event.assumption else "", url,
        event.note, event.id,
    )  # fmt: skip


def _values(scenario: Scenario, base: Scenario) -> list[Change]:
    """Parameters, chains and time that differ."""
    found = []
    for name in sorted(scenario.assumptions.keys() | base.assumptions.keys()):
        own, other = (getattr(v := s.assumptions.get(name), "written", v) for s in (scenario, base))
        if own != other:
            usual = "its usual range" if other is None else str(other)
            given = "its usual range" if own is None else str(own)
            said = f"Parameter {name.replace('_', ' ')}: {given}, in the baseline {usual}."
            found.append(Change(said, assumption="of the scenario"))
    if scenario.end != base.end:
        ends = f"Runs to {scenario.end}, the baseline to {base.end}; the months of both are compared."
        found.append(Change(ends))
    return found


def _doubts(run: Run, scenario: Scenario, own: dict[str, str]) -> list[str]:
    said = []
    if scenario.status == "draft":
        said.append("It is a draft: not all that its sources say is in it.")
    if any(name.startswith(PREFIX) for name in own):
        said.append(
            "Governments act by rules: who may do what follows from base-year trade, how likely and how soon "
            "from governments.csv, of which most rows are assumptions."
        )
    own = {name: text for name, text in own.items() if not name.startswith(PREFIX)}
    guessed = [e.id for e in scenario.events if e.id in own and e.assumption]
    if guessed:
        said.append(f"Assumptions, not sources, stand behind {', '.join(guessed)}.")
    named = [scenario.sources.get(e.source or "") for e in scenario.events if e.id in own]
    weak = sorted({s.title for s in named if s is not None and s.confidence in ("derived", "memory")})
    if weak:
        said.append(f"Worked out or recalled, not read there: {'; '.join(weak)}.")
    idle = [name for name in idle_events(run) if name in own] if "event_flow" in run.dataset else []
    if idle:
        said.append(f"Never acted on anything in any member: {', '.join(idle)}.")
    markets = run.manifest["markets"]
    missed = int(markets["cleared"]) - int(markets["certified"])
    if missed:
        said.append(f"{missed:,} of {int(markets['cleared']):,} markets did not clear to their tolerance.")
    return said
