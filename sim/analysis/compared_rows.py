"""From numbers per member to the rows that a comparison shows, in words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from sim.analysis.compared_goods import Facts, Wanted
from sim.analysis.compared_shares import SHARES, largest_shares
from sim.analysis.comparison import Band, Key, Row, Section, band
from sim.analysis.measures import MEASURES
from sim.analysis.names import country_name, facility_words
from sim.analysis.select import PriceUnit

Values = npt.NDArray[np.float64]
Scenarios = Mapping[str, Facts]
"""Scenario -> its numbers, the baseline's first."""

__all__ = [
    "GoodShown", "event_section", "good_section", "money_section", "owner_name", "plain_row", "sector_name",
]  # fmt: skip

COUNTRIES_SHOWN = 4
"""Countries short of most, and of gainers and losers as many each."""
SECTORS_SHOWN = 4
OWNERS_SHOWN = 3
NEGLIGIBLE_SHARE = 0.0005
"""Countries short of less than this share of their requirement in every run are left out."""
NEGLIGIBLE_USD = 5e6
"""What gains or loses less than this at the median of every run is left out."""
BILLION = 1e-9
UNNAMED_OWNER = re.compile(r"^other (.+) \((\w+)\)$")
FACILITY = re.compile(r"^[a-z0-9]+(_[a-z0-9]+)+$")
TRADERS = re.compile(r"^traders ([A-Z]{3})$")
SECTORS = {"ev": "electric vehicles", "other": "other users"}
PRICES = ("price", "multiple", "peak_month", "price_inside", "multiple_inside", "lowest_inside")
TIMES = ("first_shortage", "recovery", "supply_recovery")
SPREAD = ("hhi", "hhi_change", "hhi_owners", "hhi_owners_change")


@dataclass(frozen=True)
class GoodShown:
    """What rows need to know of a good: id, name, unit of its tonnes and of its price, the last year."""

    good: str
    title: str
    unit: str
    price: PriceUnit
    year: str


def sector_name(sector: str) -> str:
    """A sector in words.

    >>> sector_name("data_centres"), sector_name("ev")
    ('data centres', 'electric vehicles')
    """
    return SECTORS.get(sector, sector.replace("_", " "))


def owner_name(owner: str) -> str:
    """An owner in words; where the world knows none, what its facilities make and where.

    >>> owner_name("other AUS (lithium_chemicals_aus)"), owner_name("Lynas"), owner_name("traders DEU")
    ('lithium chemicals, Australia, owner not named', 'Lynas', 'traders, Germany')
    >>> owner_name("other CHN (gallium_low_purity_chn)"), owner_name("other producers (magnets_row_hot)")
    ('gallium low purity, China, owner not named', 'magnets hot, rest of world, owner not named')
    """
    if FACILITY.match(owner):
        # What a project or a new plant makes, where nobody says whose it is.
        made, place = facility_words(owner)
        return f"{made}, {place}, owner not named" if place else owner.replace("_", " ")
    if trader := TRADERS.match(owner):
        return f"traders, {country_name(trader.group(1))}"
    found = UNNAMED_OWNER.match(owner)
    if not found:
        return owner
    made, place = facility_words(found.group(2))
    return f"{made}, {place or country_name(found.group(1))}, owner not named"


def _row(name: str, unit: str, kind: str, key: Key, values: dict[str, Values]) -> Row:
    return Row(name, unit, kind, {scenario: band(v) for scenario, v in values.items()}, key, values)


def _plain(
    facts: Scenarios, key: Key, shown: GoodShown | None, extra: str = "", name: str = ""
) -> Row | None:
    """The row of one key; None where no scenario has it."""
    measure = MEASURES[key.measure]
    unit, factor = measure.unit, 1.0
    if unit == "price" and shown is not None:
        unit, factor = shown.price.name, shown.price.factor
    elif unit == "good" and shown is not None:
        unit = shown.unit
    elif unit == "bn USD":
        factor = BILLION
    values = {scenario: mine[key] * factor for scenario, mine in facts.items() if key in mine}
    words = name or measure.words
    if shown is not None:
        words = words.replace("{year}", shown.year)
    return _row(words + extra, unit, measure.kind, key, values) if values else None


def plain_row(facts: Scenarios, key: Key, extra: str = "", name: str = "") -> Row | None:
    """The row of what is of no good; None where no scenario has it.

    Args:
        extra: added to the words of the measure. name: in place of these words.
    """
    return _plain(facts, key, None, extra, name)


def _kept(rows: Iterable[Row | None]) -> list[Row]:
    return [row for row in rows if row is not None]


def _probability(facts: Scenarios, key: Key, threshold: float) -> Row | None:
    """Share of members that are short by more than the threshold; says nothing of a single member."""
    bands, values = {}, {}
    for scenario, mine in facts.items():
        short = mine.get(Key("shortage", *(getattr(key, n) for n in ("good", "place", "sector"))))
        known = short[~np.isnan(short)] if short is not None else np.zeros(0)
        if len(known) > 1:
            share = float((known > threshold).mean())
            bands[scenario] = Band(share, share, share, len(known))
            values[scenario] = (known > threshold).astype(np.float64)
    words = MEASURES["probability"].words.replace("{threshold}", f"{100 * threshold:g} %")
    return Row(words, "%", "share", bands, key, values) if bands else None


def _where(place: str, sector: str) -> str:
    words = [country_name(place)] if place else []
    if sector:
        words.append(sector_name(sector))
    return ", ".join(words) or "all countries"


def _user_rows(facts: Scenarios, shown: GoodShown, place: str, sector: str, wanted: Wanted) -> list[Row]:
    """Unmet demand of some users, its share of what they need, and how likely they are short."""
    about = {"good": shown.good, "place": place, "sector": sector}
    return _kept([
        _plain(facts, Key("unmet", **about), shown, f", {_where(place, sector)}"),
        _plain(facts, Key("shortage", **about), shown),
        _probability(facts, Key("probability", **about), wanted.threshold),
    ])  # fmt: skip


def _shortest(facts: Scenarios, good: str) -> list[str]:
    """Countries that lack most, by the median of the scenario that they lack most in."""
    worst: dict[str, tuple[float, float]] = {}
    for mine in facts.values():
        for key, values in mine.items():
            if key.measure == "shortage" and key.good == good and key.place and not key.sector:
                share = band(values).high
                tonnes = band(mine[Key("unmet", good, key.place)]).median
                before = worst.get(key.place, (0.0, 0.0))
                worst[key.place] = (max(share, before[0]), max(tonnes, before[1]))
    short = [country for country, (share, _) in worst.items() if share > NEGLIGIBLE_SHARE]
    return sorted(short, key=lambda country: (-worst[country][1], country))[:COUNTRIES_SHOWN]


def good_section(
    facts: Scenarios, shown: GoodShown, controls: Mapping[str, Sequence[str]], wanted: Wanted, period: str
) -> Section:
    """The rows of one good.

    Args:
        facts: of the baseline and the scenarios.
        shown: the good.
        controls: controlling country -> scenarios of which that is the inside.
        wanted: what is asked for beyond the usual.
        period: that totals are over.
    """
    good, rows = shown.good, []
    baseline = next(iter(facts))
    for country, names in controls.items():
        place = country_name(country)
        mine = {name: facts[name] for name in dict.fromkeys([baseline, *names])}
        for measure in PRICES:
            extra = "" if MEASURES[measure].words.startswith(" ") else f" {place}"
            row = _plain(mine, Key(measure, good, country), shown, extra)
            rows += _kept([row])
    for place in wanted.importers:
        for measure in ("delivered", "imports", "imports_change"):
            extra = "" if MEASURES[measure].words.startswith(" ") else f" {country_name(place)}"
            rows += _kept([_plain(facts, Key(measure, good, place), shown, extra)])
    rows += _user_rows(facts, shown, "", "", wanted)
    for place in dict.fromkeys([*wanted.importers, *_shortest(facts, good)]):
        rows += _user_rows(facts, shown, place, "", wanted)
    for sector in wanted.sectors:
        for place in ("", *wanted.importers):
            rows += _user_rows(facts, shown, place, sector, wanted)
    for country, names in controls.items():
        mine = {name: facts[name] for name in names}
        place = country_name(country)
        rows += _kept(_plain(mine, Key(measure, good, country), shown, f" {place}") for measure in TIMES)
    rows += _kept(_plain(facts, Key(measure, good), shown) for measure in SPREAD)
    rows += _share_rows(facts, shown, wanted)
    return Section(good, f"{shown.title}, {period}", tuple(rows))


def _share_rows(facts: Scenarios, shown: GoodShown, wanted: Wanted) -> list[Row]:
    """Who makes and sells the good in the last year: the largest, those that move most, those asked for."""
    rows = []
    for measure, asked in zip(SHARES, (wanted.importers, wanted.owners), strict=True):
        for name in dict.fromkeys([*asked, *largest_shares(list(facts.values()), measure, shown.good)]):
            place = measure == "country_share"
            at = {"place": name} if place else {"owner": name}
            words = country_name(name) if place else owner_name(name)
            rows += [
                _plain(facts, Key(measure, shown.good, **at), shown, f", {words}"),
                _plain(facts, Key(f"{measure}_change", shown.good, **at), shown),
            ]
    return _kept(rows)


def event_section(found: Mapping[str, Mapping[Key, tuple[str, Values]]], period: str) -> Section:
    """What events touch, less the same of the baseline, as shares of it.

    Args:
        found: scenario -> what is measured -> its name, and (member,) shares of one.
        period: that totals are over.
    """
    rows: dict[tuple[Key, str], dict[str, Values]] = {}
    for scenario, mine in found.items():
        for key, (name, values) in mine.items():
            rows.setdefault((key, name), {})[scenario] = values
    made = [_row(name, "%", "change-share", key, values) for (key, name), values in rows.items()]
    return Section("events", f"Events: what they touch, less the baseline's, {period}", tuple(made))


def _by_size(facts: Scenarios, measure: str, axis: str) -> list[tuple[str, float]]:
    """Labels with the median that is farthest from nothing in any scenario, the largest gain first."""
    largest: dict[str, float] = {}
    for mine in facts.values():
        for key, values in mine.items():
            label = getattr(key, axis)
            if key.measure == measure and label and key == Key(measure, **{axis: label}):
                middle = band(values).median
                if abs(middle) > abs(largest.get(label, 0.0)):
                    largest[label] = middle
    known = [(label, value) for label, value in largest.items() if abs(value) > NEGLIGIBLE_USD]
    return sorted(known, key=lambda pair: (-pair[1], pair[0]))


def _both_ends(found: Sequence[tuple[str, float]], count: int) -> list[str]:
    """Those that gain most and those that lose most."""
    gain = [label for label, value in found if value > 0][:count]
    lose = [label for label, value in found if value < 0][-count:]
    return [*gain, *lose]


def money_section(facts: Scenarios, wanted: Wanted, period: str) -> Section:
    """Who gains and who loses in money, of all goods, against the baseline."""
    rows = _kept([_plain(facts, Key("value_at_risk"), None, ", all countries")])
    for axis, asked, count, words in (
        ("place", wanted.importers, COUNTRIES_SHOWN, country_name),
        ("sector", wanted.sectors, SECTORS_SHOWN, sector_name),
    ):
        largest = [label for label, value in _by_size(facts, "value_at_risk", axis) if value > 0][:count]
        for label in dict.fromkeys([*asked, *largest]):
            key = Key("value_at_risk", **{axis: label})
            rows += _kept([_plain(facts, key, None, name=f"  {words(label)}")])
    for place in wanted.importers:
        for sector in wanted.sectors:
            key = Key("value_at_risk", "", place, sector)
            rows += _kept([_plain(facts, key, None, name=f"  {_where(place, sector)}")])
    nets = _both_ends(_by_size(facts, "net", "place"), COUNTRIES_SHOWN)
    for place in dict.fromkeys([*wanted.importers, *nets]):
        rows += _kept([_plain(facts, Key("net", "", place), None, f", {country_name(place)}")])
        if place in wanted.importers:
            parts = ("exports_value", "imports_value", "duties")
            rows += _kept(_plain(facts, Key(part, "", place), None) for part in parts)
    owners = _both_ends(_by_size(facts, "owner_sales", "owner"), OWNERS_SHOWN)
    for owner in dict.fromkeys([*wanted.owners, *owners]):
        rows += _kept([_plain(facts, Key("owner_sales", owner=owner), None, f", {owner_name(owner)}")])
    return Section("economy", f"Money, all goods, less the baseline's, {period}", tuple(rows))
