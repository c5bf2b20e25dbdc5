"""Mines and plants that may be built: rows of the catalogue, added to the tables of a world that asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

from sim.errors import did_you_mean
from sim.paths import world_directory
from sim.tables import Problems, Row, read_table

__all__ = [
    "ALL", "BASIS", "CATALOGUE", "REGISTER", "STAGES", "Project", "ProjectRow", "add_projects", "catalogue",
    "chosen_rows", "more_countries", "project_owners", "read_projects", "read_reserves",
]  # fmt: skip

ALL = "all"
"""What a scenario writes for every project of the catalogue that its world has the goods for."""
CATALOGUE = "projects.csv"
REGISTER = "register.csv"
MORE = "more_countries.csv"
"""Countries that projects may be in although no world has them."""
STAGES = ("prospect", "permitted", "building", "operating", "mothballed", "closed", "cancelled")
"""What a project can be, by the number under which results keep it."""
DORMANT = "dormant"
"""In the catalogue: a prospect that nobody may touch before an event opens it."""
BASIS = {"source": "'world.projects' of the scenario: projects.csv", "confidence": "assumption"}
Rows = list[dict[str, str]]
ProjectRow = Mapping[str, str]


@dataclass(frozen=True)
class Project:
    """A mine or plant that may be built, or one that stands idle.

    Attributes:
        facility: its name, on the axes of facilities and projects alike.
        owner_country: ISO-3 code of the country of its owner. stage: of :data:`STAGES`, as the run starts.
        dormant: nobody may touch it before an event opens it.
        capex_usd: without overruns; NaN where it is what base prices would just pay for.
        permit_years: mean time of permits, of the catalogue's year. build_years: without slips.
        start: year and its fraction in which one that is being built was to start; NaN elsewhere.
        life_years: for which it produces. know_how: share of the pace of builders with all know-how.
        backed: share of the capital that states had given, or owners spent, before the run.
        risk: political risk of its host, 0 to 1.
    """

    facility: str
    owner_country: str
    stage: str
    dormant: bool
    capex_usd: float
    permit_years: float
    build_years: float
    start: float
    life_years: float
    know_how: float
    backed: float
    risk: float


COLUMNS = tuple(field.name for field in fields(Project))


def catalogue(tables: Path) -> list[dict[str, str]]:
    """Rows of the catalogue of a folder of worlds; none where it has none."""
    path = tables / CATALOGUE
    return read_table(path, ("project", "good", "base_year")).dictionaries() if path.is_file() else []


def chosen_rows(
    rows: Sequence[ProjectRow], words: Sequence[str], base_year: int, goods: set[str]
) -> tuple[list[ProjectRow], tuple[int, str, str] | None]:
    """The rows that a scenario names, and what is wrong: place of the word, message and remedy."""
    known = {row["project"]: row for row in rows if row["base_year"] == str(base_year)}
    found: dict[str, ProjectRow] = {}
    for place, word in enumerate(words):
        if word == ALL:
            found |= {name: row for name, row in known.items() if row["good"] in goods}
        elif word not in known:
            say = did_you_mean(word, sorted(known)) or "'all' takes all of the year"
            return [], (place, f"no project '{word[:60]}' in base year {base_year}", say)
        elif known[word]["good"] not in goods:
            return [], (place, f"nobody makes {known[word]['good']} in this world", f"leave '{word}' out")
        else:
            found[word] = known[word]
    return list(found.values()), None


def add_projects(
    rows: Sequence[ProjectRow], read: dict[str, Rows], more: Sequence[ProjectRow], risk: dict[str, float]
) -> Rows:
    """Add a facility for each row to the tables ``read`` of a world, and countries that it lacks.

    A project makes and takes what the facility that it is like does, in proportion to its capacity for the
    good of its row; where none is named, the largest maker of that good.

    Args:
        read: facilities, outputs, inputs, composition, countries and harbours, added to in place.
        more: countries that projects may be in although no world has them.
        risk: political risk by country.

    Returns:
        Rows of the world's table of projects.
    """
    kinds = {row["facility"]: row["kind"] for row in read["facilities"]}
    made: Rows = []
    for row in rows:
        _add_country(row["country"], read, more, risk)
        like = row["like"] if row["like"] in kinds else _largest(row["good"], read["outputs"], kinds)
        _add_facility(row, like, kinds[like], read)
        made.append({**_numbers(row), "risk": f"{risk.get(row['country'], _mean(risk)):.10g}"})
    return made


def _largest(good: str, outputs: Rows, kinds: Mapping[str, str]) -> str:
    rows = [row for row in outputs if row["good"] == good]
    made = [row for row in rows if kinds.get(row["facility"], "trader") != "trader"]
    return max(made, key=lambda row: float(row["output_t"] or 0))["facility"]


def _mean(risk: Mapping[str, float]) -> float:
    return sum(risk.values()) / max(len(risk), 1)


def _numbers(row: ProjectRow) -> dict[str, str]:
    state, start = row["state"], row["start"]
    year = ""
    if start:
        whole, _, month = start.partition("-")
        year = f"{int(whole) + (int(month or 1) - 1) / MONTHS:.10g}"
    return {
        "facility": row["project"], "owner_country": row["owner_country"],
        "stage": "prospect" if state == DORMANT else state, "dormant": "1" if state == DORMANT else "0",
        "capex_usd": f"{float(row['capex_usd_m']) * MILLION:.10g}" if row["capex_usd_m"] else "",
        "start": year, **{name: row[name] for name in TAKEN},
    }  # fmt: skip


MONTHS, MILLION = 12, 1e6
TAKEN = "permit_years", "build_years", "life_years", "know_how", "backed"


def _add_country(
    code: str, read: dict[str, Rows], more: Sequence[ProjectRow], risk: dict[str, float]
) -> None:
    """A country that the world lacks, before the rest of the world, which stays the last."""
    if any(row["iso3"] == code for row in read["countries"]):
        return
    new = next(row for row in more if row["iso3"] == code)
    columns = read["countries"][0]
    read["countries"].insert(len(read["countries"]) - 1, {name: new.get(name, "") for name in columns})
    risk[code] = float(new["political_risk"])
    if read["harbours"] and new["sea"]:
        place = {"iso3": code, "sea": new["sea"], "harbour": new["harbour"], **BASIS}
        read["harbours"].append({name: place.get(name, "") for name in read["harbours"][0]})


def _add_facility(row: ProjectRow, like: str, kind: str, read: dict[str, Rows]) -> None:
    name, basis = row["project"], {"source": row["source"], "confidence": row["confidence"]}
    read["facilities"].append(
        {"facility": name, "name": row["name"], "kind": kind, "country": row["country"],
         "firm": row["owner"] or name, "sector": "", "value_added_usd": "0", **basis}
    )  # fmt: skip
    outputs = [one for one in read["outputs"] if one["facility"] == like and float(one["output_t"] or 0) > 0]
    main = next(one for one in outputs if one["good"] == row["good"])
    scale = float(row["capacity_t"]) / float(main["output_t"])
    for one in outputs:
        capacity = f"{scale * float(one['output_t']):.10g}"
        cost = one["cash_cost_usd_t"]
        if row["cash_cost_usd_t"] and cost:
            # A plant's products share its costs as those of its like do.
            cost = f"{float(cost) * float(row['cash_cost_usd_t']) / float(main['cash_cost_usd_t']):.10g}"
        new = {"facility": name, "output_t": "0", "capacity_t": capacity, "cash_cost_usd_t": cost}
        read["outputs"].append({**one, **new, "by_product": "0", **basis})
    for one in [one for one in read["inputs"] if one["facility"] == like]:
        full = f"{scale * float(one['use_t']):.10g}"
        read["inputs"].append({**one, "facility": name, "use_t": "0", "use_at_capacity_t": full, **basis})
    baskets = [one for one in read["composition"] if one["facility"] == like]
    shares = dict(pair.split(":") for pair in row["composition"].split(";") if pair)
    for one in baskets:
        share = shares.get(one["element"], "0") if shares else one["share"]
        read["composition"].append({**one, "facility": name, "share": share, **basis})


def project_owners() -> dict[str, str]:
    """Project of the catalogue that ships -> its owner, itself where none is stated."""
    return {row["project"]: row["owner"] or row["project"] for row in catalogue(world_directory())}


def more_countries() -> list[str]:
    """ISO-3 codes of countries that only worlds with projects have."""
    path = world_directory() / MORE
    return [code for (code,) in read_table(path, ("iso3",)).columns("iso3")] if path.is_file() else []


def read_projects(path: Path, facilities: Mapping[str, int], problems: Problems) -> tuple[Project, ...]:
    """The projects of a world; none where it has no table of them."""
    if not path.is_file():
        return ()
    return tuple(_project(row, facilities) for row in read_table(path, COLUMNS, problems))


def _project(row: Row, facilities: Mapping[str, int]) -> Project:
    empty = float("nan")
    capex = row.number("capex_usd", 0.0, empty=empty)
    years = [row.number(name, 0.0) for name in ("permit_years", "build_years", "life_years")]
    return Project(
        facility=row.word("facility", facilities, "facility"),
        owner_country=row.text("owner_country"),
        stage=row.word("stage", STAGES, "stage"),
        dormant=row.word("dormant", ("0", "1"), "mark") == "1",
        capex_usd=capex,
        permit_years=years[0], build_years=years[1], life_years=years[2],
        start=row.number("start", empty=empty),
        know_how=row.number("know_how", 0.0, 1.0),
        backed=row.number("backed", 0.0, 1.0),
        risk=row.number("risk", 0.0, 1.0),
    )  # fmt: skip


def read_reserves(path: Path, base_year: int) -> dict[str, float]:
    """Facility -> tonnes in the ground as a world begins, as the register or a table of past years states."""
    if not path.is_file():
        return {}
    table = read_table(path, ("facility", "base_year", "reserves_t"))
    return {
        row.text("facility"): row.number("reserves_t", 0.0)
        for row in table
        if row.text("facility") and row.text("reserves_t") and row.text("base_year") == str(base_year)
    }
