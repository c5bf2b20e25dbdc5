"""Scrap: goods in use, how long they last, who recovers what of them; rows added to a world that asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import did_you_mean
from sim.paths import world_directory
from sim.tables import Problems, Row, Table, read_table

# Types only: labels read this file, and must not pay for numpy.
if TYPE_CHECKING:
    from sim.arrays import FloatArray, IntArray

__all__ = [
    "LIFETIMES", "RECYCLERS", "RECYCLING", "SCRAP", "STAGES", "Chosen", "Scrap", "add_scrap", "chosen_scrap",
    "known_lifetimes", "read_scrap",
]  # fmt: skip

ALL = "all"
"""What a scenario writes to follow all goods of which a lifetime is known."""
SCRAP, LIFETIMES, RECYCLERS = "scrap.csv", "lifetimes.csv", "recyclers.csv"
"""Tables of all worlds: what is recovered of what, how long goods last by sector, who recycles today."""
IN_USE, RECYCLING, RECOVERY = "goods_in_use.csv", "recycling.csv", "recovery.csv"
"""Tables of a year that asks for scrap: users whose goods are followed, recyclers, what each draws on."""
STAGES = 3
"""Parts of its life that a good goes through one after the other: lifetimes spread around their mean."""
BASIS = {"source": "'world.scrap' of the scenario: scrap.csv, lifetimes.csv", "confidence": "assumption"}
Rows = list[dict[str, str]]
Amounts = dict[tuple[str, str], float]
"""(good used, country) -> t/year."""


@dataclass(frozen=True)
class Scrap:
    """Goods in use and who recovers what of them: U needs, R recyclers, L pairs of both.

    Attributes:
        needs: (U,) needs whose goods stay in use. years: (U,) for which they do.
        past_growth: (U,) 1/year by which use grew before the base year.
        offers: (R,) what recyclers sell. new: (R,) whether one recovered nothing in the base year.
        collected_now, collected_most: (R,) share of what is retired that is collected; ``collected_now`` of
            recyclers that are new, what is collected today and goes round outside this market.
        link_use, link_recycler: (L,) place of the need and of the recycler of each pair, by recycler.
        content: (L,) tonnes of what is recovered in a tonne retired, as far as it goes to this recycler.
        recovery: (L,) share of it that comes out again.
    """

    needs: IntArray
    years: FloatArray
    past_growth: FloatArray
    offers: IntArray
    new: Any
    collected_now: FloatArray
    collected_most: FloatArray
    link_use: IntArray
    link_recycler: IntArray
    content: FloatArray
    recovery: FloatArray

    def within(self, offers: IntArray, needs: IntArray) -> Scrap | None:
        """The same in a smaller world, of some offers and needs; None where nothing is left."""
        import numpy as np

        offer_at, need_at = np.isin(self.offers, offers), np.isin(self.needs, needs)
        links = offer_at[self.link_recycler] & need_at[self.link_use]
        if not links.any():
            return None
        of_offer, of_need = np.cumsum(offer_at) - 1, np.cumsum(need_at) - 1
        return Scrap(
            np.searchsorted(needs, self.needs[need_at]), self.years[need_at], self.past_growth[need_at],
            np.searchsorted(offers, self.offers[offer_at]), self.new[offer_at],
            self.collected_now[offer_at], self.collected_most[offer_at],
            of_need[self.link_use[links]], of_offer[self.link_recycler[links]],
            self.content[links], self.recovery[links],
        )  # fmt: skip


# -- rows of tables ----------------------------------------------------------------------------


@dataclass(frozen=True)
class Chosen:
    """What a scenario follows: rows of the tables of all worlds."""

    scrap: Rows
    lifetimes: Rows
    recyclers: Rows


def chosen_scrap(
    tables: Path, words: Sequence[str], base_year: int, minerals: Mapping[str, str]
) -> tuple[Chosen, tuple[int, str, str] | None]:
    """The rows that a scenario names, and what is wrong: place of the word, message and remedy.

    Args:
        tables: folder of worlds. words: ``all``, or goods or minerals that are recovered.
        minerals: good -> mineral, of goods that the world sells.
    """
    read = {name: _rows(tables / name) for name in (SCRAP, LIFETIMES, RECYCLERS)}
    scrap = [row for row in read[SCRAP] if row["good"] in minerals and row["recovered"] in minerals]
    recyclers = [row for row in read[RECYCLERS] if row["base_year"] == str(base_year)]
    kept: Rows = []
    for place, word in enumerate(words):
        found = [row for row in scrap if word in (ALL, row["recovered"], minerals[row["recovered"]])]
        if not found:
            known = sorted({row["recovered"] for row in scrap})
            say = did_you_mean(word, known) or "'all' takes all of which a lifetime is known"
            message = f"no scrap of '{word[:60]}' is known in base year {base_year}"
            return Chosen([], [], []), (place, message, say)
        kept += [row for row in found if row not in kept]
    return Chosen(kept, read[LIFETIMES], recyclers), None


def _rows(path: Path) -> Rows:
    return read_table(path).dictionaries() if path.is_file() else []


def known_lifetimes(minerals: Mapping[str, str]) -> list[tuple[dict[str, str], dict[str, str]]]:
    """Rows of the tables that ship: each rule of what is recovered of a good, with each lifetime of the good.

    Args:
        minerals: good -> mineral, of goods that a world sells.
    """
    tables = world_directory()
    lives = _rows(tables / LIFETIMES)
    found = []
    for rule in _rows(tables / SCRAP):
        if rule["good"] in minerals and rule["recovered"] in minerals:
            mineral = minerals[rule["good"]]
            own = {life["sector"] for life in lives if life["mineral"] == mineral}
            usual = [life for life in lives if not life["mineral"] and life["sector"] not in own]
            of_mineral = [life for life in lives if life["mineral"] == mineral]
            found += [(rule, life) for life in (*of_mineral, *usual)]
    return found


def add_scrap(chosen: Chosen, read: Mapping[str, Rows], minerals: Mapping[str, str]) -> dict[str, Rows]:
    """Add recyclers to the tables ``read`` of a world, in countries where much of a good is retired.

    Args:
        read: facilities, outputs and inputs; the first two are added to. minerals: good -> mineral.

    Returns:
        Table of the year -> its rows.
    """
    users = _users(chosen, read, minerals)
    pools = _retired(users)
    made: dict[str, Rows] = {IN_USE: [], RECYCLING: [], RECOVERY: []}
    followed = {row["good"] for row in chosen.scrap}
    made[IN_USE] = [
        {"facility": row["facility"], "good": row["good"], "years": row["years"],
         "past_growth": row["past_growth"]}
        for row in users if row["good"] in followed
    ]  # fmt: skip
    for good in dict.fromkeys(row["recovered"] for row in chosen.scrap):
        rules = [row for row in chosen.scrap if row["recovered"] == good]
        content = {rule["good"]: _content(rule, read) for rule in rules}
        _recyclers_of(good, _Rules(rules, content, pools), chosen, read, made)
    return made


def _users(chosen: Chosen, read: Mapping[str, Rows], minerals: Mapping[str, str]) -> Rows:
    """Final users of followed goods with country, lifetime and past growth, where these are known."""
    followed = {row["good"]: row for row in chosen.scrap}
    facilities = {row["facility"]: row for row in read["facilities"]}
    lives = {(row["sector"], row["mineral"]): row for row in chosen.lifetimes}
    users: Rows = []
    for row in read["inputs"]:
        facility, rule = facilities[row["facility"]], followed.get(row["good"])
        if rule is None or facility["kind"] != "manufacturer":
            continue
        sector = facility["sector"]
        life = lives.get((sector, minerals[row["good"]])) or lives.get((sector, ""))
        if life is not None and float(row["use_t"] or 0) > 0:
            growth = life["past_growth"] or rule["past_growth"]
            of_user = {"country": facility["country"], "years": life["years"], "past_growth": growth}
            users.append({**row, **of_user})
    return users


def _retired(users: Rows) -> Amounts:
    """What is retired in the base year, at the lifetimes and past growth of the tables."""
    found: Amounts = {}
    for row in users:
        part = 1 + float(row["past_growth"]) * float(row["years"]) / STAGES
        key = row["good"], row["country"]
        found[key] = found.get(key, 0.0) + float(row["use_t"]) / part**STAGES
    return found


def _content(rule: Mapping[str, str], read: Mapping[str, Rows]) -> float:
    """Tonnes recovered at most from a tonne: as the table states, or what plants put into it."""
    if rule["content"]:
        return float(rule["content"])
    made = {row["facility"]: float(row["output_t"] or 0) for row in read["outputs"]
            if row["good"] == rule["good"]}  # fmt: skip
    plants = {row["facility"] for row in read["facilities"] if row["kind"] == "processor"} & made.keys()
    taken = {row["facility"]: float(row["use_t"] or 0) for row in read["inputs"]
             if row["good"] == rule["recovered"] and row["facility"] in plants}  # fmt: skip
    output = sum(made[name] for name in taken)
    return sum(taken.values()) / output if output > 0 else 0.0


@dataclass(frozen=True)
class _Rules:
    """What is recovered as one good: from which goods, with which content; how much of them is retired."""

    rows: Rows
    content: Mapping[str, float]
    pools: Amounts

    def __post_init__(self) -> None:
        """A good that holds nothing of it is no source of it."""
        self.rows[:] = [row for row in self.rows if self.content[row["good"]] > 0]

    def number(self, column: str) -> float:
        """A number of the rule; of several rules, the first's."""
        return float(self.rows[0][column])

    def by_country(self) -> dict[str, float]:
        """Country -> t/year that would come out if all were collected."""
        found: dict[str, float] = {}
        for row in self.rows:
            part = self.content[row["good"]] * float(row["recovery"])
            for (good, country), tonnes in self.pools.items():
                if good == row["good"]:
                    found[country] = found.get(country, 0.0) + tonnes * part
        return found


def _recyclers_of(
    good: str, rules: _Rules, chosen: Chosen, read: Mapping[str, Rows], made: dict[str, Rows]
) -> None:
    """Rows of those who recover a good, and of what each draws on.

    Those of today draw on what is retired at home. Who makes more in the base year than the highest share of
    it that is collected anywhere buys the rest elsewhere, wherever more is retired than those at home need,
    in proportion. What is left in countries without recyclers may be recovered by new ones, where it is a
    good part of the world's.
    """
    if not rules.rows:
        return
    pools = rules.by_country()
    output = {row["facility"]: float(row["output_t"]) for row in read["outputs"] if row["good"] == good}
    country = {row["facility"]: row["country"] for row in read["facilities"]}
    today = [row["facility"] for row in chosen.recyclers
             if row["good"] == good and output.get(row["facility"], 0.0) > 0]  # fmt: skip
    at_home: dict[str, float] = {}
    for name in today:
        at_home[country[name]] = at_home.get(country[name], 0.0) + output[name]
    needed = {place: tonnes / rules.number("collected_high") for place, tonnes in at_home.items()}
    lacking = {place: max(tonnes - pools.get(place, 0.0), 0.0) for place, tonnes in needed.items()}
    spare = {place: max(tonnes - needed.get(place, 0.0), 0.0) for place, tonnes in pools.items()}
    wanted, there = sum(lacking.values()), sum(spare.values())
    sold = min(wanted / there, 1.0) if there > 0 else 0.0
    # Of what is retired in a country, the share that is sold to recyclers elsewhere.
    away = {place: sold * spare[place] / tonnes for place, tonnes in pools.items() if tonnes > 0}
    for name in today:
        home = country[name]
        part = output[name] / at_home[home]
        shares = {home: part * (1 - away.get(home, 0.0))}
        if lacking[home] > 0:
            shares |= {place: part * share * lacking[home] / wanted for place, share in away.items()
                       if place != home}  # fmt: skip
        made[RECYCLING].append(_recycler(name, good, rules, new=False))
        made[RECOVERY] += _draws(name, good, rules, shares)
    least = rules.number("least_share") * sum(pools.values())
    for place in [place for place in pools if place not in at_home]:
        left = (1 - away.get(place, 0.0)) * pools[place]
        if left >= least:
            name = f"scrap_{good}_{place.lower()}"
            _add_recycler(name, good, place, left * rules.number("collected_most"), read)
            made[RECYCLING].append(_recycler(name, good, rules, new=True))
            made[RECOVERY] += _draws(name, good, rules, {place: 1 - away.get(place, 0.0)})


def _recycler(name: str, good: str, rules: _Rules, new: bool) -> dict[str, str]:
    shares = {column: rules.rows[0][column] for column in ("collected_now", "collected_most")}
    return {"facility": name, "good": good, "new": "1" if new else "0", **shares}


def _draws(name: str, good: str, rules: _Rules, shares: Mapping[str, float]) -> Rows:
    return [
        {"facility": name, "recovered": good, "good": row["good"], "country": place,
         "content": f"{rules.content[row['good']] * share:.15g}", "recovery": row["recovery"]}
        for row in rules.rows for place, share in shares.items()
        if share > 0 and (row["good"], place) in rules.pools
    ]  # fmt: skip


def _add_recycler(name: str, good: str, place: str, most: float, read: Mapping[str, Rows]) -> None:
    """A recycler that made nothing in the base year, like the largest of today, or else the largest maker."""
    makers = [row for row in read["outputs"] if row["good"] == good and float(row["output_t"] or 0) > 0]
    kinds = {row["facility"]: row["kind"] for row in read["facilities"]}
    mines = [row for row in makers if kinds[row["facility"]] == "miner"]
    like = max(mines or makers, key=lambda row: float(row["output_t"]))
    words = good.replace("_", " ")
    read["facilities"].append(
        {"facility": name, "name": f"Old scrap: {words} ({place})", "kind": "miner", "country": place,
         "firm": f"other {place} ({name})", "sector": "", "value_added_usd": "0", **BASIS}
    )  # fmt: skip
    read["outputs"].append(
        {**like, "facility": name, "output_t": "0", "capacity_t": f"{most:.10g}", "by_product": "0", **BASIS}
    )


# -- arrays ------------------------------------------------------------------------------------


def read_scrap(
    year: Path,
    ends: tuple[Mapping[tuple[str, str], int], Mapping[tuple[str, str], int]],
    country: Mapping[str, str],
    problems: Problems,
) -> Scrap | None:
    """The goods in use of a world; None where it has no table of them.

    Args:
        year: folder of the year's tables.
        ends: (facility, good) -> place on the offer axis, and on the need axis.
        country: facility -> its country.
    """
    import numpy as np

    if not (year / IN_USE).is_file():
        return None
    offers, needs = ends
    def table(name: str, *columns: str) -> Table:
        return read_table(year / name, columns, problems)

    used = [row for row in table(IN_USE, *_KEY, "years", "past_growth") if _known(row, needs)]
    shares = "collected_now", "collected_most"
    who = [row for row in table(RECYCLING, *_KEY, "new", *shares) if _known(row, offers)]
    places: dict[tuple[str, str], list[int]] = {}
    for place, row in enumerate(used):
        places.setdefault((row.text("good"), country[row.text("facility")]), []).append(place)
    number = {_key(row): k for k, row in enumerate(who)}
    draws = table(RECOVERY, "facility", "recovered", "good", "country", "content", "recovery")
    links = _links(draws, number, places)
    for k in set(range(len(who))) - {int(link[0]) for link in links}:
        who[k].refuse("facility", "draws on nothing that is in use", f"remove it, or add rows of {RECOVERY}")
    links.sort()
    recyclers, uses, contents, recoveries = (np.array([link[k] for link in links]) for k in range(len(LINK)))
    return Scrap(
        needs=np.array([needs[_key(row)] for row in used], dtype=np.int64),
        years=np.array([row.number("years", positive=True) for row in used]),
        past_growth=np.array([row.number("past_growth", 0.0) for row in used]),
        offers=np.array([offers[_key(row)] for row in who], dtype=np.int64),
        new=np.array([row.word("new", ("0", "1"), "mark") == "1" for row in who], dtype=bool),
        collected_now=np.array([row.number("collected_now", 0.0, 1.0, positive=True) for row in who]),
        collected_most=np.array([row.number("collected_most", 0.0, 1.0, positive=True) for row in who]),
        link_recycler=recyclers.astype(np.int64), link_use=uses.astype(np.int64),
        content=contents, recovery=recoveries,
    )  # fmt: skip


_KEY = "facility", "good"
LINK = "recycler", "use", "content", "recovery"


def _key(row: Row) -> tuple[str, str]:
    return row.text("facility"), row.text("good")


def _known(row: Row, ends: Mapping[tuple[str, str], int]) -> bool:
    if _key(row) in ends:
        return True
    row.refuse("", f"{row.text('facility')} and {row.text('good')} are no row of this world", "remove it")
    return False


def _links(
    table: Table, number: Mapping[tuple[str, str], int], places: Mapping[tuple[str, str], Sequence[int]]
) -> list[tuple[float, float, float, float]]:
    """Recycler, use, content and recovery of each pair."""
    found: list[tuple[float, float, float, float]] = []
    for row in table:
        content, recovery = row.number("content", 0.0), row.number("recovery", 0.0, 1.0)
        recycler = number.get((row.text("facility"), row.text("recovered")))
        if recycler is None:
            row.refuse("facility", f"{row.text('facility')} is no recycler", f"add a row of {RECYCLING}")
            continue
        for place in places.get((row.text("good"), row.text("country")), ()):
            found.append((recycler, place, content, recovery))
    return found
