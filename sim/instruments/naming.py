"""Words for countries and goods in whatever spelling, looked up in the names of a world."""

from __future__ import annotations

from collections.abc import Iterable

from sim.errors import listed
from sim.names import Meaning, country_called, folded, meaning_of, several_countries, suggestion
from sim.world.labels import Labels

__all__ = ["GROUP_SPELLINGS", "WordError", "country_word", "good_words", "group_word", "near", "same"]

GROUP_SPELLINGS = {
    "EU": "EU27", "EU-27": "EU27", "European Union": "EU27", "G-7": "G7", "Group of Seven": "G7",
    "RoW": "ROW", "rest of world": "ROW", "Rest of the world": "ROW", "World": "world",
}  # fmt: skip
"""Other names of groups of countries -> word of the world."""
GROUP_NAMES = {folded(name): word for name, word in GROUP_SPELLINGS.items()}
LIST_GOODS = "'monazite list goods' shows all goods and minerals"


class WordError(ValueError):
    """A word that cannot stand here: ``message`` says why, ``remedy`` what to write."""

    def __init__(self, message: str, remedy: str = "") -> None:
        self.message, self.remedy = message, remedy
        super().__init__(f"{message}; {remedy}" if remedy else message)


def near(word: str, allowed: Iterable[str], names: Iterable[str] = ()) -> str:
    """What may have been meant among words of one kind, or all of them where they are few, or nothing."""
    words = sorted(allowed)
    return suggestion(word, dict.fromkeys([*words, *names])) or listed(words)


def same(word: str, allowed: Iterable[str]) -> str | None:
    """The one of some words that is spelt alike but for case, accents and what parts its words."""
    fold = folded(word)
    return next((name for name in allowed if folded(name) == fold), None)


def _other_kind(word: str, labels: Labels, *, country: bool) -> str:
    """What a word is that stands in the place of a country or of a good; empty where nobody knows it."""
    if not country and (word == "world" or labels.group(word) or country_called(word)):
        return "a country or a group of countries"
    if country and meaning_of(word, labels.goods) is not None:
        return "a good or a mineral"
    if same(word, labels.firms):
        return "a firm"
    return "a sector" if same(word, labels.sectors) else ""


def group_word(word: str, labels: Labels) -> str:
    """The group of countries, bloc or ``world`` that a word stands for, in whatever spelling; '' if none."""
    group = GROUP_NAMES.get(folded(word)) or same(word, labels.groups)
    return group if group is not None and (group == "world" or labels.group(group)) else ""


def country_word(word: str, labels: Labels) -> str:
    """The code, group or bloc that a word stands for, in whatever spelling.

    Raises:
        WordError: nothing is called so; several countries are; or the world counts it to its rest.
    """
    if word == "world" or labels.group(word):
        return word
    group = group_word(word, labels)
    if group:
        return group
    fold, found = folded(word), country_called(word)
    if len(found) > 1:
        several = several_countries(word, found)
        raise WordError(several.message, several.remedy)
    code = next((c for c, name in labels.countries.items() if folded(name) == fold), "")
    code = found[0].iso3 if found else code
    if code in labels.countries:
        return code
    if code:
        raise _of_the_rest(word, found[0].name, code, labels)
    kind = _other_kind(word, labels, country=True)
    if kind:
        raise WordError(f"'{word[:60]}' is {kind}, not a country", "write an ISO-3 code or a name")
    say = f"write a name, an ISO-3 code, world, or a group: {', '.join(labels.groups)}"
    known = [*labels.countries, *labels.groups, "world"]
    close = near(word, known, labels.countries.values())
    raise WordError(f"unknown country '{word[:60]}'", close or say)


def _of_the_rest(word: str, name: str, code: str, labels: Labels) -> WordError:
    """What to say of a country that a world has no place of its own for."""
    said = f"'{word[:60]}'" if folded(word) == folded(name) else f"'{word[:60]}' ({name})"
    code_said = "" if code == word else f", {code},"
    if "ROW" in labels.countries:
        return WordError(
            f"{said}{code_said} has no place of its own in the {labels.base_year} world: it is part of ROW, "
            "the rest of the world", "write ROW if all of the rest is meant",
        )  # fmt: skip
    return WordError(f"{said}{code_said} is not in the {labels.base_year} world", "'monazite list countries'")


def good_words(word: str, labels: Labels) -> Meaning:
    """The goods, minerals or HS code that a word stands for, in whatever spelling.

    Raises:
        WordError: nothing is called so, or the world has none of it.
    """
    found = meaning_of(word, labels.goods)
    if found is not None and found.words:
        return found
    if found is not None:
        code = f" (HS {found.code})" if found.code else ""
        if folded(found.known_as) == folded(word):
            raise WordError(f"'{word[:60]}'{code} is not in the {labels.base_year} world", LIST_GOODS)
        raise WordError(
            f"'{word[:60]}' is {found.known_as}{code}, which the {labels.base_year} world does not hold",
            LIST_GOODS,
        )
    if word.isdigit():
        raise WordError(f"no good has the HS code '{word}'", "'monazite list goods' shows the codes")
    kind = _other_kind(word, labels, country=False)
    if kind:
        raise WordError(f"'{word[:60]}' is {kind}, not a good", LIST_GOODS)
    names = {good.id for good in labels.goods} | {good.mineral for good in labels.goods}
    raise WordError(
        f"unknown good '{word[:60]}' in the {labels.base_year} world", near(word, names) or LIST_GOODS
    )
