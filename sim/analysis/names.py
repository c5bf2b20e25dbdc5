"""Names in words for the codes of the world, as texts and pictures show them."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path

from sim.names import countries
from sim.paths import world_directory
from sim.tables import read_table

__all__ = ["country_name", "facility_words", "in_text", "project_name", "verb"]

SHORT = {
    "COD": "DR Congo",
    "GBR": "United Kingdom",
    "KOR": "South Korea",
    "MMR": "Myanmar",
    "PRK": "North Korea",
    "ROW": "rest of world",
    "RUS": "Russia",
    "TWN": "Taiwan",
    "USA": "United States",
    "VNM": "Vietnam",
}
"""Names shorter than, or missing from, the world's table of countries."""
HEAD = re.compile(r"[,:(]| (?:for|from|in|of|without) ")
"""Where the words end that say what a good is."""
WORDS = {"ree": "rare earth", "apt": "APT", "nimh": "NiMH", "hpal": "HPAL"}
"""Parts of ids that are no words."""


@lru_cache(maxsize=4)
def _names(path: str) -> dict[str, str]:
    if not Path(path).is_file():
        return {}
    return read_table(Path(path), ("iso3", "name")).pairs("iso3", "name")


def country_name(iso3: str) -> str:
    """Short English name of a country; the code itself where nobody knows it.

    >>> country_name("USA")
    'United States'
    """
    found = SHORT.get(iso3) or _names(str(world_directory() / "countries.csv")).get(iso3)
    # Worlds of the panel, and of one's own, have countries that the curated ones pool.
    return found or (countries()[iso3].name if iso3 in countries() else iso3)


def facility_words(facility: str) -> tuple[str, str]:
    """Id of a facility or project as what it is and the country in it; '' where none is.

    >>> facility_words("secondary_ree_chn"), facility_words("longonjo"), facility_words("magnets_row_hot")
    (('secondary rare earth', 'China'), ('longonjo', ''), ('magnets hot', 'rest of world'))
    """
    parts, place = facility.split("_"), ""
    for at in range(len(parts) - 1, 0, -1):
        # Words of three letters, such as low, are no countries.
        code = parts[at].upper()
        if len(code) == 3 and (code == "ROW" or code in countries()):
            place = country_name(code)
            del parts[at]
            break
    return " ".join(WORDS.get(part, part) for part in parts), place


@lru_cache(maxsize=4)
def _projects(folder: str) -> dict[str, str]:
    """Project -> its name in the tables of projects, those of the past included."""
    found: dict[str, str] = {}
    for table in ("past_projects.csv", "projects.csv"):
        if (path := Path(folder) / table).is_file():
            found |= read_table(path, ("project", "name")).pairs("project", "name")
    return found


def project_name(project: str) -> str:
    """What a project is called; its id in words where the tables of projects do not have it.

    >>> project_name("mount_weld_expansion"), project_name("new_mine_chn")
    ('Mount Weld expansion', 'New mine')
    """
    words, _ = facility_words(project)
    return _projects(str(world_directory())).get(project) or f"{words[:1].upper()}{words[1:]}"


def verb(name: str, one: str, many: str) -> str:
    """The form of a verb that goes with the name of a good.

    >>> [verb(name, "is", "are") for name in ("NdFeB magnets for high temperature", "Gallium, low purity")]
    ['are', 'is']
    >>> verb("Ammonium paratungstate and oxides", "costs", "cost"), verb("Ore: other ores", "costs", "cost")
    ('cost', 'costs')
    """
    head = HEAD.split(name)[0].rstrip()
    return many if head.endswith("s") and not head.endswith("ss") else one


def in_text(name: str) -> str:
    """A name as it stands inside a sentence: lower-case unless it is an abbreviation.

    >>> in_text("Dysprosium oxide"), in_text("NdFeB magnets"), in_text("EV motors")
    ('dysprosium oxide', 'NdFeB magnets', 'EV motors')
    """
    first = name.split(" ")[0]
    return name[:1].lower() + name[1:] if first[1:] == first[1:].lower() else name
