"""The key `lesson` of a scenario: an embargo card, sliders, bets and questions that a class plays with.

Whether a value may stand where a slider or a choice puts it is decided by the language itself: it is put
there and the scenario is checked, so a wrong value gets the message that it would get in its own place.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from sim.distributions import UncertainQuantity
from sim.errors import Problem, did_you_mean
from sim.instruments.words import Truth, WordError, whole_number
from sim.scenario.node import Node, plain, with_node
from sim.scenario.sweep_spec import Probe, quantities
from sim.units import Quantity

if TYPE_CHECKING:
    from sim.scenario.report import Report

__all__ = ["LANGUAGES", "MEASURES", "Asked", "Lesson", "LessonPart", "SettingsPart", "read_lesson"]

LANGUAGES = ("en", "zh")
"""Languages of a lesson's texts; the first is always there."""
MEASURES = (
    "peak_price", "lowest_price", "worst_month", "worst_year", "missing", "first_short", "recovery",
    "worst_country",
)  # fmt: skip
"""What a bet or a question may ask of a run; :mod:`sim.lesson.measures` works them out."""
MOST_SLIDERS, MOST_POSITIONS, MOST_MEMBERS, MOST_MINUTES = 8, 15, 99, 600


def _in_languages(value: object) -> object:
    if isinstance(value, str):
        return {LANGUAGES[0]: value}
    if isinstance(value, dict):
        other = sorted(str(key) for key in value.keys() - set(LANGUAGES))
        if other:
            raise WordError(f"'{other[0][:20]}' is no language of lessons", f"write {' or '.join(LANGUAGES)}")
        if LANGUAGES[0] not in value:
            raise WordError(f"the text has no '{LANGUAGES[0]}'", "others fall back on it")
    return value


Text = Annotated[
    dict[str, str],
    BeforeValidator(_in_languages, json_schema_input_type=str | dict[str, str]),
    Field(description="one text, or one by language: en, zh"),
]


def _between(low: int, high: int, *, odd: bool = False) -> BeforeValidator:
    def check(value: object) -> object:
        number = whole_number(value)
        if not low <= number <= high:
            raise WordError(f"'{number}' is not between {low} and {high}")
        if odd and number % 2 == 0:
            said = f"'{number}' is even, and no member would be the middle one"
            raise WordError(said, "write an odd number")
        return number

    return BeforeValidator(check)


class _Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True, defer_build=True)


class Step(_Part):
    """What the class does for some minutes."""

    minutes: Annotated[int, _between(1, MOST_MINUTES), Field(description="how long", examples=["10"])]
    do: Annotated[Text, Field(description="what to do")]


class Option(_Part):
    """One way of a choice: events that the button then switches on, or fields that it sets."""

    label: Text
    events: Annotated[tuple[str, ...], Field(description="events that the button switches on")] = ()
    set: Annotated[dict[str, Any], Field(description="path of a field -> its value")] = Field(
        default_factory=dict
    )


class Choice(_Part):
    """A choice on the card; its first option stands until another is taken."""

    label: Text
    options: Annotated[dict[str, Option], Field(min_length=1, description="id -> option")]


class Card(_Part):
    """What the red button does."""

    label: Annotated[Text, Field(description="what stands on the button")]
    events: Annotated[
        tuple[str, ...], Field(description="events that it switches on, whatever is chosen")
    ] = ()
    choices: dict[str, Choice] = Field(default_factory=dict, description="who, whom, what, how")


class Slider(_Part):
    """One field of an event at a few positions; where it stands in the file is the status quo."""

    label: Text
    help: Annotated[Text, Field(description="what it does in the model")]
    sets: Annotated[str, Field(description="path of the field", examples=["events.stock.size"])]
    positions: Annotated[
        tuple[str, ...], Field(min_length=2, max_length=MOST_POSITIONS, description="values, low to high")
    ]


class SettingsPart(_Part):
    """How the page is set: what differs from the status quo."""

    embargo: Truth = False
    choices: dict[str, str] = Field(default_factory=dict, description="choice -> option")
    sliders: dict[str, str] = Field(default_factory=dict, description="slider -> position")


class Asked(_Part):
    """A number, or a country, that the model gives."""

    measure: Annotated[Literal[MEASURES], Field(description="what is measured")]  # type: ignore[valid-type]
    good: Annotated[str | None, Field(description="good id; the lesson's first if left out")] = None
    country: Annotated[str | None, Field(description="ISO-3 code; all countries if left out")] = None
    settings: SettingsPart | None = None


class Bet(Asked):
    """A question that is answered before the model is asked, and the measure that decides it."""

    question: Text
    bounds: Annotated[
        tuple[float, ...],
        Field(description="between which answers lie, upwards; a share of one, a multiple, months or tonnes"),
    ] = ()
    countries: Annotated[tuple[str, ...], Field(description="ISO-3 codes to choose from")] = ()


class Question(_Part):
    """A question for the end, with an answer into which the model's values are put."""

    question: Text
    answer: Annotated[Text, Field(description="text with {names} of values")]
    values: dict[str, Asked] = Field(default_factory=dict, description="name -> what is asked of the model")


class LessonPart(_Part):
    """A lesson: what a class may change, and what it is asked."""

    title: Text
    minutes: Annotated[
        int, _between(1, MOST_MINUTES), Field(description="how long it takes", examples=["45"])
    ]
    about: Annotated[Text, Field(description="what happens, for those who only see the page")]
    goods: Annotated[
        dict[str, Text],
        Field(min_length=1, description="good id -> its name for the class; the first comes first"),
    ]
    members: Annotated[
        int, _between(1, MOST_MEMBERS, odd=True), Field(description="runs that differ by chance; odd")
    ] = 15
    card: Card
    sliders: Annotated[
        dict[str, Slider], Field(max_length=MOST_SLIDERS, description="at most eight")
    ] = Field(default_factory=dict)
    steps: tuple[Step, ...] = ()
    bets: dict[str, Bet] = Field(default_factory=dict, description="id -> bet")
    debrief: dict[str, Question] = Field(default_factory=dict, description="id -> question")
    compare: Annotated[
        tuple[SettingsPart, ...], Field(max_length=2, description="A and B, to start from")
    ] = ()
    doubts: Annotated[tuple[Text, ...], Field(description="what not to believe")] = ()


@dataclass(frozen=True)
class Lesson:
    """A lesson that has been read.

    Attributes:
        part: as it stands in the file.
        numbers: slider -> its positions in the unit used inside the model.
        status_quo: slider -> the position at which the file has it.
    """

    part: LessonPart
    numbers: Mapping[str, tuple[float, ...]]
    status_quo: Mapping[str, int]


def read_lesson(root: Node, report: Report, probe: Probe) -> Lesson | None:
    """Read and check ``lesson``; problems go to ``report``.

    Args:
        root: the scenario, everything it extends and overrides worked in.
        report: takes the problems.
        probe: checks the scenario of another root.
    """
    assert isinstance(root.value, dict)
    node = root.value.get("lesson")
    if node is None or node.value is None:
        return None
    try:
        part = LessonPart.model_validate(plain(node))
    except ValidationError as error:
        report.invalid(("lesson",), error, LessonPart)
        return None
    bare = replace(root, value={k: v for k, v in root.value.items() if k not in ("lesson", "sweep")})
    before = len(report.problems)
    _check_events(part, bare, report)
    _check_settings(part, report)
    if len(report.problems) > before:
        return None
    _check_options(part, bare, report, probe)
    found = _positions(part, bare, report, probe)
    return None if found is None or len(report.problems) > before else Lesson(part, *found)


def _check_events(part: LessonPart, root: Node, report: Report) -> None:
    """Events that the card, its options and the sliders name are there."""
    assert isinstance(root.value, dict)
    events = root.value.get("events")
    known = list(events.value) if events is not None and isinstance(events.value, dict) else []
    named: list[tuple[tuple[str, ...], str]] = []
    named += [(("lesson", "card", "events", str(i)), name) for i, name in enumerate(part.card.events)]
    acts = bool(part.card.events)
    for where, option in _options(part):
        named += [((*where, "events", str(i)), name) for i, name in enumerate(option.events)]
        named += [((*where, "set", path), _event_of(path)) for path in option.set]
        acts = acts or bool(option.events)
    for name, slider in part.sliders.items():
        named.append((("lesson", "sliders", name, "sets"), _event_of(slider.sets)))
    for where, name in named:
        if name not in known:
            guess = did_you_mean(name, known) or "it has no events"
            report.add(where, f"there is no event '{name[:60]}'", guess)
    if not acts:
        report.add(("lesson", "card"), "the button switches nothing on", "name events of the scenario")


def _event_of(path: str) -> str:
    """The event that a path names; empty where it names none."""
    return path.split(".")[1] if path.startswith("events.") else ""


def _options(part: LessonPart) -> Iterator[tuple[tuple[str, ...], Option]]:
    for name, choice in part.card.choices.items():
        for key, option in choice.options.items():
            yield ("lesson", "card", "choices", name, "options", key), option


def _settings(part: LessonPart) -> Iterator[tuple[tuple[str, ...], SettingsPart]]:
    """Every place where settings stand."""
    for i, one in enumerate(part.compare):
        yield ("lesson", "compare", str(i)), one
    for name, bet in part.bets.items():
        if bet.settings is not None:
            yield ("lesson", "bets", name, "settings"), bet.settings
    for name, question in part.debrief.items():
        for key, asked in question.values.items():
            if asked.settings is not None:
                yield ("lesson", "debrief", name, "values", key, "settings"), asked.settings


def _check_settings(part: LessonPart, report: Report) -> None:
    """Choices, options, sliders and positions that settings name are there; bets can be decided."""
    for where, one in _settings(part):
        for name, option in one.choices.items():
            choices = part.card.choices
            if name not in choices:
                report.add((*where, "choices", name), f"there is no choice '{name[:60]}'",
                           did_you_mean(name, choices), key=True)  # fmt: skip
            elif option not in choices[name].options:
                report.add((*where, "choices", name), f"'{option[:60]}' is no option of it",
                           did_you_mean(option, choices[name].options))  # fmt: skip
        for name, position in one.sliders.items():
            if name not in part.sliders:
                report.add((*where, "sliders", name), f"there is no slider '{name[:60]}'",
                           did_you_mean(name, part.sliders), key=True)  # fmt: skip
            elif position not in part.sliders[name].positions:
                allowed = ", ".join(part.sliders[name].positions)
                report.add((*where, "sliders", name), f"'{position[:60]}' is no position of it",
                           f"there are: {allowed}")  # fmt: skip
    for name, bet in part.bets.items():
        by_country = bet.measure == "worst_country"
        if by_country != bool(bet.countries) or by_country == bool(bet.bounds):
            say = "list 'countries' for worst_country, 'bounds' for every other measure"
            report.add(("lesson", "bets", name), "nobody could bet on it", say)
        elif list(bet.bounds) != sorted(set(bet.bounds)):
            report.add(("lesson", "bets", name, "bounds"), "the bounds do not rise", "write them in order")


def _check_options(part: LessonPart, root: Node, report: Report, probe: Probe) -> None:
    """Every option's values are put in their places, and the scenario is checked."""
    for where, option in _options(part):
        if not option.set:
            continue
        other = root
        for path in option.set:
            other = with_node(other, path.split("."), _node_at(report, (*where, "set", path)))
        _, problems = probe(other)
        _add(report, problems)


def _positions(
    part: LessonPart, root: Node, report: Report, probe: Probe
) -> tuple[dict[str, tuple[float, ...]], dict[str, int]] | None:
    """Slider -> positions as numbers, and slider -> that of the status quo; None with problems reported."""
    if not part.sliders:
        return {}, {}
    other, at = root, {}
    for name, slider in part.sliders.items():
        node = _node_at(report, ("lesson", "sliders", name, "positions"))
        choice = replace(node, value={"choice": node})
        other, at[name] = with_node(other, slider.sets.split("."), choice), choice
    scenario, problems = probe(other)
    standing, _ = probe(root)
    if scenario is None or standing is None:
        _add(report, problems)
        return None
    drawn = {path: q for event in scenario.events for path, q in quantities(event).items()}
    file = {path: q for event in standing.events for path, q in quantities(event).items()}
    numbers, status_quo = {}, {}
    for name, slider in part.sliders.items():
        found, own = drawn.get(slider.sets), file.get(slider.sets)
        where = ("lesson", "sliders", name)
        if slider.sets.split(".")[1] in report.unread:
            continue
        if not isinstance(found, UncertainQuantity) or not isinstance(own, Quantity):
            say = "name a field of an event that takes a quantity, and state it there"
            report.add((*where, "sets"), f"'{slider.sets[:60]}' is no quantity", say)
            continue
        numbers[name] = tuple(found.distribution.parameters)
        if own.value not in numbers[name]:
            say = f"add '{own.text}', or change {slider.sets}"
            report.add((*where, "positions"), f"the status quo, {own.text}, is not among them", say)
            continue
        status_quo[name] = numbers[name].index(own.value)
    return numbers, status_quo


def _add(report: Report, problems: Sequence[Problem]) -> None:
    """Problems of another root, once each; warnings too: a choice that acts on nothing teaches nothing."""
    report.problems.extend(p for p in dict.fromkeys(problems) if p not in report.problems and not p.warning)


def _node_at(report: Report, path: Sequence[str]) -> Node:
    node = report.root
    for name in path:
        assert isinstance(node.value, dict)
        node = node.value[name]
    return node
