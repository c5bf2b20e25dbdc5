"""How a lesson is set: whether the button is pressed, which options are taken, where each slider stands."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sim.errors import MonaziteError
from sim.scenario.lesson_part import Lesson, SettingsPart

if TYPE_CHECKING:
    from sim.scenario import Scenario

__all__ = ["Settings", "from_file", "lesson_of", "read_settings", "status_quo"]

LONGEST_NAME = 80


@dataclass(frozen=True)
class Settings:
    """One way in which a lesson's page can be set.

    Attributes:
        embargo: whether the button is pressed.
        options: of each choice on the card, in its order, the position of the option taken.
        sliders: of each slider, in its order, its position.
    """

    embargo: bool
    options: tuple[int, ...]
    sliders: tuple[int, ...]

    @property
    def key(self) -> str:
        """The same as text, for addresses and caches: ``1.0-2.3-0-1``."""
        groups = (self.options, self.sliders)
        return ".".join([str(int(self.embargo)), *("-".join(map(str, group)) for group in groups)])

    def at(self, slider: int, position: int) -> Settings:
        """The same with one slider elsewhere."""
        moved = (*self.sliders[:slider], position, *self.sliders[slider + 1 :])
        return replace(self, sliders=moved)


def status_quo(lesson: Lesson) -> Settings:
    """Nothing pressed, nothing moved."""
    part = lesson.part
    return Settings(False, (0,) * len(part.card.choices), tuple(lesson.status_quo[n] for n in part.sliders))


def from_file(lesson: Lesson, part: SettingsPart | None) -> Settings:
    """Settings as a lesson's file names them; the loader has checked them. None: the button is pressed."""
    base = status_quo(lesson)
    if part is None:
        return replace(base, embargo=True)
    card, sliders = lesson.part.card, lesson.part.sliders
    options = [
        list(choice.options).index(part.choices[name]) if name in part.choices else 0
        for name, choice in card.choices.items()
    ]
    places = [
        slider.positions.index(part.sliders[name]) if name in part.sliders else lesson.status_quo[name]
        for name, slider in sliders.items()
    ]
    return Settings(part.embargo, tuple(options), tuple(places))


def read_settings(lesson: Lesson, written: Any) -> Settings:
    """Settings as a page sends them: ``{embargo, options: {choice: 0}, sliders: {slider: 2}}``.

    Raises:
        MonaziteError: it is nothing of the kind; what a page does not name stands at the status quo.
    """
    if not isinstance(written, Mapping) or set(written) - {"embargo", "options", "sliders"}:
        raise MonaziteError("settings are a mapping with embargo, options and sliders")
    base, card = status_quo(lesson), lesson.part.card
    embargo = written.get("embargo", False)
    if not isinstance(embargo, bool):
        raise MonaziteError("'embargo' is neither true nor false")
    sizes = {name: len(choice.options) for name, choice in card.choices.items()}
    options = _places(written.get("options", {}), sizes, dict(zip(sizes, base.options, strict=True)))
    sizes = {name: len(slider.positions) for name, slider in lesson.part.sliders.items()}
    sliders = _places(written.get("sliders", {}), sizes, dict(zip(sizes, base.sliders, strict=True)))
    return Settings(embargo, options, sliders)


def _places(written: Any, sizes: Mapping[str, int], standing: Mapping[str, int]) -> tuple[int, ...]:
    if not isinstance(written, Mapping):
        raise MonaziteError("options and sliders are mappings from names to positions")
    for name, place in written.items():
        if name not in sizes:
            raise MonaziteError(f"this lesson has no '{str(name)[:LONGEST_NAME]}'")
        if type(place) is not int or not 0 <= place < sizes[name]:
            raise MonaziteError(f"'{name}' has positions 0 to {sizes[name] - 1}")
    return tuple(written.get(name, standing[name]) for name in sizes)


def lesson_of(scenario: Scenario) -> Lesson:
    """The lesson of a scenario.

    Raises:
        MonaziteError: it has none.
    """
    if scenario.lesson is None:
        raise MonaziteError(f"{scenario.name} has no lesson; 'monazite teach --list' names those that do")
    return scenario.lesson
