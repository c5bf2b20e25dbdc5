"""How far markets stray: the sizes in the table of behaviour, from world output since 1970."""

from __future__ import annotations

import statistics
from collections import defaultdict
from math import exp, log, sqrt
from pathlib import Path

import pytest

from sim.tables import read_table

ROOT = Path(__file__).resolve().parents[2]
NAMES = {
    "magnesium_metal": ("magnesium",),
    "platinum_group": ("platinum", "palladium", "rhodium"),
    "rare_earths": (
        "rare_earth_concentrate", "neodymium_praseodymium", "dysprosium", "terbium", "samarium",
        "gadolinium", "yttrium", "lanthanum_cerium", "rare_earth_magnets",
    ),
}  # fmt: skip
"""Minerals of the model by series of world output, where they are called otherwise."""


@pytest.fixture(scope="module")
def behaviour() -> dict[tuple[str, str], float]:
    table = read_table(ROOT / "data" / "world" / "behaviour.csv")
    return {(row.text("parameter"), row.text("scope")): row.number("value") for row in table}


@pytest.fixture(scope="module")
def spreads() -> dict[str, float]:
    """Robust deviation of yearly growth by series: half of it lies beyond 0.67 deviations."""
    series: dict[str, dict[int, float]] = defaultdict(dict)
    for row in read_table(ROOT / "data" / "raw" / "usgs_ds140_world_output.csv"):
        series[row.text("commodity")][row.integer("year")] = row.number("tonnes")
    found = {}
    for name, tonnes in series.items():
        assert min(tonnes) >= 1970
        growth = [log(tonnes[year + 1] / tonnes[year]) for year in tonnes if year + 1 in tonnes]
        middle = statistics.median(growth)
        found[name] = 1.4826 * statistics.median(abs(g - middle) for g in growth)
    return found


def test_sizes_follow_from_world_output(
    behaviour: dict[tuple[str, str], float], spreads: dict[str, float]
) -> None:
    """Deviation of what remembers, from that of the growth of its yearly means."""
    forgets = 1 / behaviour["market_memory", "all"]
    variance = 2 * (forgets - 1 + exp(-forgets)) / forgets**2
    shared = (1 - exp(-forgets)) ** 2 / forgets**2
    sizes = {name: spread / sqrt(2 * (variance - shared)) for name, spread in spreads.items()}
    stated = {scope: value for (name, scope), value in behaviour.items() if name == "market_noise"}
    expected = {"all": statistics.median(sizes.values())}
    for name, size in sizes.items():
        expected |= dict.fromkeys(NAMES.get(name, (name,)), size)
    assert stated == {name: pytest.approx(size, rel=0.06) for name, size in expected.items()}
