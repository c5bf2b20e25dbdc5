"""Projects of past worlds: named ones as they were known in the year, further ones of each good by rule."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.tables import read_table
from sim.world.projects import catalogue

__all__ = [
    "PAST", "RESERVES", "RULES", "further_projects", "known_projects", "past_catalogue", "year_projects",
]  # fmt: skip

PAST = "past_projects.csv"
RULES = "project_rules.csv"
RESERVES = "past_reserves.csv"
REST = "ROW"
"""The rest of the world is no place where something is built."""
SCRAP = "secondary"
"""How facilities that sell scrap are called: nobody builds more of them."""
Rows = Sequence[Mapping[str, str]]


def past_catalogue(tables: Path) -> list[dict[str, str]]:
    """Named projects of the past, with the years in which they hold; none where there is no table."""
    path = tables / PAST
    return read_table(path, ("project", "good", "base_year")).dictionaries() if path.is_file() else []


def known_projects(tables: Path, base_year: int) -> list[dict[str, str]]:
    """What was known of named projects at the end of a year, as rows of the catalogue of that year.

    A row holds for the years of its span, ``2010..2014``: from the announcement on, to the last year before
    it ran, was given up, or was planned otherwise.
    """
    found = []
    for row in past_catalogue(tables):
        first, _, last = row["base_year"].partition("..")
        if int(first) <= base_year <= int(last or first):
            found.append({**row, "base_year": str(base_year)})
    return found


def further_projects(read: Mapping[str, Rows], tables: Path, base_year: int) -> list[dict[str, str]]:
    """Prospects that nobody has named: of each good in the countries that make most of it.

    Of plants also in the countries that make most of what they take. Of plants with several products the
    one that is worth most stands for all.

    Args:
        read: tables of the world: facilities, outputs, inputs, prices, goods and countries.
        tables: the folder with the rules.

    Returns:
        Rows of the catalogue, in the order of goods.
    """
    table = read_table(tables / RULES, ("rule", "value"))
    rules = {row.text("rule"): row.number("value", 0.0) for row in table}
    table.problems.check()
    made = _Made(read)
    most, found = int(rules["makers"]), []
    for good in made.goods:
        inputs = made.inputs(good)
        places = [*made.largest(good, most)]
        places += [place for one in inputs for place in made.largest(one, most) if place not in places]
        for place in places:
            for number in range(int(rules["each"])):
                found.append(made.prospect(good, place, number + 1, rules) | {"base_year": str(base_year)})
    return found


def year_projects(
    tables: Path, base_year: int, read: Mapping[str, Rows] | None = None
) -> list[dict[str, str]]:
    """The projects of a year, as rows of the catalogue: the only place that says which these are.

    Those that the catalogue has of it; of another year what was known then, and further ones by rule.

    Args:
        tables: the folder with the catalogue, past projects and rules.
        read: tables of the world, on which rules go (:func:`further_projects`); without, named ones alone.
    """
    listed = [row for row in catalogue(tables) if row["base_year"] == str(base_year)]
    if listed:
        return listed
    further = further_projects(read, tables, base_year) if read is not None else []
    return known_projects(tables, base_year) + further


class _Made:
    """Who makes what in a world, by country."""

    def __init__(self, read: Mapping[str, Rows]) -> None:
        price = {row["good"]: float(row["price_usd_t"]) for row in read["prices"]}
        where = {row["facility"]: row for row in read["facilities"] if row["kind"] in ("miner", "processor")}
        self._names = {row["good"]: row["name"] for row in read["goods"]}
        self._places = {row["iso3"]: row for row in read["countries"]}
        self._takes: dict[str, list[str]] = {}
        for row in read["inputs"]:
            self._takes.setdefault(row["facility"], []).append(row["good"])
        worth: dict[str, dict[str, float]] = {}
        tonnes: dict[str, dict[str, float]] = {}
        for row in read["outputs"]:
            if row["facility"] in where and not row["facility"].startswith(SCRAP):
                amount = float(row["output_t"] or 0)
                tonnes.setdefault(row["good"], {})[row["facility"]] = amount
                worth.setdefault(row["facility"], {})[row["good"]] = amount * price[row["good"]]
        main = {facility: max(goods, key=lambda good: goods[good]) for facility, goods in worth.items()}
        self._plants = {name for name, row in where.items() if row["kind"] == "processor"}
        self._makers: dict[str, dict[str, float]] = {
            good: {f: amount for f, amount in of.items() if main[f] == good and amount > 0}
            for good, of in tonnes.items()
        }
        self._country = {name: row["country"] for name, row in where.items()}
        self.goods = [good for good in self._names if self._makers.get(good)]

    def _by_country(self, good: str) -> dict[str, float]:
        found: dict[str, float] = {}
        for facility, amount in self._makers.get(good, {}).items():
            found[self._country[facility]] = found.get(self._country[facility], 0.0) + amount
        return found

    def largest(self, good: str, most: int) -> list[str]:
        """The countries that make most of a good, most first."""
        amounts = {place: amount for place, amount in self._by_country(good).items() if place != REST}
        return sorted(amounts, key=lambda place: (-amounts[place], place))[:most]

    def inputs(self, good: str) -> list[str]:
        """What most of the largest plant that makes a good takes, in the order of its rows; none of mines."""
        makers = self._makers[good]
        return list(dict.fromkeys(self._takes.get(max(makers, key=lambda name: (makers[name], name)), ())))

    def prospect(self, good: str, place: str, number: int, rules: Mapping[str, float]) -> dict[str, str]:
        """One prospect, as a row of the catalogue."""
        amounts = self._by_country(good)
        world = sum(amounts.values())
        at_home = {f: t for f, t in self._makers[good].items() if self._country[f] == place}
        makers = at_home or self._makers[good]
        like = max(makers, key=lambda name: (makers[name], name))
        plant = like in self._plants
        kind = "plant" if plant else "mine"
        slow = not plant and self._places[place]["oecd"] == "1"
        permit = f"{kind}_permit_years{'_oecd' if slow else ''}"
        skilled = not plant or amounts.get(place, 0.0) >= rules["skilled_share"] * world
        words = self._names[good][0].lower() + self._names[good][1:]
        return {
            "project": f"new_{good}_{place.lower()}_{number}",
            "name": f"Further {words}, {self._places[place]['name']}, {number}",
            "kind": "generic", "good": good, "like": like,
            "country": place, "owner": "", "owner_country": place,
            "capacity_t": f"{rules['share'] * world:.10g}", "capex_usd_m": "", "cash_cost_usd_t": "",
            "state": "prospect", "permit_years": f"{rules[permit]:.10g}",
            "build_years": f"{rules[f'{kind}_build_years']:.10g}", "start": "",
            "life_years": f"{rules['life_years']:.10g}",
            "know_how": f"{1.0 if skilled else rules['plant_know_how']:.10g}",
            "backed": "0", "composition": "",
            "capacity_note": "capex is what base prices would just pay for",
            "source": "rules of project_rules.csv", "confidence": "assumption",
        }  # fmt: skip
