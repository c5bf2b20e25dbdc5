"""The tables of docs/impulse-responses.md: what a loss of supply and a boom do to each mineral's price.

python -m scripts.impulse_responses    measures again and rewrites them
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from scripts.picture_tools import Values
from scripts.results_tables import table, with_tables
from sim.engine import Simulation
from sim.scenario import load_scenario
from sim.world.load import load_world
from sim.world.world import World

__all__ = ["CLASSES", "PAGE", "Response", "measure", "measured", "mineral_table", "response", "tables",
           "worth_most"]  # fmt: skip

PAGE = Path(__file__).resolve().parents[1] / "docs" / "impulse-responses.md"
BASE = "baseline-2024"
NEAR = 1.1
"""Price over the base year's from which on it counts as back."""
CLASSES = {
    "metals of large mines": (
        "chromium", "copper", "iron", "manganese", "nickel", "silver", "steel", "titanium",
    ),
    "battery minerals": ("cobalt", "graphite", "lithium"),
    "minor metals and minerals": (
        "antimony", "bismuth", "boron", "fluorspar", "gallium", "germanium", "niobium", "tantalum",
        "tungsten", "zirconium",
    ),
    "rare earths": (
        "dysprosium", "gadolinium", "lanthanum_cerium", "neodymium_praseodymium", "samarium", "terbium",
        "yttrium",
    ),
}  # fmt: skip
LOSS = (
    "+events.loss={type: capacity_change, countries: world, goods: [GOODS], change: -10 %, from: 2025-01-01, "
    "until: 2025-12-31, end_announced: 2025-12-31, assumption: a tenth of what is made from ore is lost}"
)
BOOM = (
    "+events.boom={type: demand_shock, goods: all, growth: 15 %/year, from: 2025-01-01, until: 2029-12-31, "
    "assumption: a boom of five years}"
)
AFTER = (
    "+events.after={type: demand_shock, goods: all, level: 101 %, from: 2030-01-01, "
    "assumption: and what has grown stays}"
)


@dataclass(frozen=True)
class Response:
    """What a shock does to a monthly price."""

    peak: float
    """Multiple of the base price."""
    to_peak: int
    """Months from the shock to the peak."""
    half: float
    """Months from the peak until half of the rise is gone; infinite if never in the run."""
    back: float
    """Months from the peak until the price is within a tenth of the base price."""
    lowest: float
    """Lowest price after the peak, multiple of the base price."""
    later: float
    """Lowest yearly price of the five years after that of the highest, as a share of that."""


def measure(price: Values, first: int) -> Response:
    """What follows a shock.

    Args:
        price: (T,) monthly, over that of the base year, whole years. first: month in which the shock begins.
    """
    after = price[first:]
    top = int(after.argmax())
    peak, rest = float(after[top]), after[top:]

    def months(level: float) -> float:
        below = np.flatnonzero(rest <= level)
        return float(below[0]) if len(below) else np.inf

    yearly = price.reshape(-1, 12).mean(axis=1)
    year = int(yearly.argmax())
    five = yearly[year + 1 : year + 6]
    later = float(five.min() / yearly[year]) if len(five) else np.nan
    return Response(peak, top, months(1 + (peak - 1) / 2), months(NEAR), float(rest.min()), later)


def worth_most(world: World) -> dict[str, int]:
    """Mineral -> position of its good of which most is made, by value at base prices."""
    value = {
        place: float(world.offer_output[world.offer_slice(place)].sum()) * good.base_price
        for place, good in enumerate(world.goods)
    }
    return {world.goods[place].mineral: place for place in sorted(value, key=lambda place: value[place])}


def response(mineral: str, shock: str) -> Response:
    """Response of the good of a mineral that is worth most, at the gate, in the central run.

    Args:
        shock: ``loss`` of what is made of the mineral's ore for a year, or a ``boom`` of its use.
    """
    world = load_world()
    goods = [place for place, good in enumerate(world.goods) if good.mineral == mineral]
    shown = worth_most(world)[mineral]
    made = ", ".join(world.goods[g].id for g in _first_stage(world, goods))
    events = [LOSS.replace("GOODS", made)] if shock == "loss" else [BOOM, AFTER]
    end = "time.end=2030-12" if shock == "loss" else "time.end=2035-12"
    scenario = load_scenario(BASE, overrides=[f"minerals=[{mineral}]", end, *events])
    data = Simulation(world, scenario).run()
    price = data.price_gate.sel(good=world.goods[shown].id).isel(member=0)
    base = float(data.good_base_price.sel(good=world.goods[shown].id))
    first = int(np.searchsorted(data.time.to_numpy(), np.datetime64("2025-01-01")))
    return measure(np.asarray(price, dtype=np.float64) / base, first)


def _first_stage(world: World, goods: Sequence[int]) -> list[int]:
    """Of a mineral's goods those that nobody makes from another of them."""
    made = set()
    for good in goods:
        makers = set(world.offer_facility[world.offer_slice(good)].tolist())
        bought = set(world.need_good[np.isin(world.need_facility, list(makers))].tolist())
        if bought & (set(goods) - {good}):
            made.add(good)
    return [good for good in goods if good not in made]


def measured(minerals: Sequence[str], shock: str) -> dict[str, Response]:
    """Response of each mineral."""
    return {mineral: response(mineral, shock) for mineral in minerals}


# -- as tables -----------------------------------------------------------------------------------


def _months(value: float) -> str:
    return "not in the run" if np.isinf(value) else f"{value:.0f}"


def _row(name: str, shock: str, found: Response) -> list[str]:
    shared = [name, f"{found.peak:.2f}", str(found.to_peak), _months(found.half), _months(found.back)]
    return [*shared, f"{found.lowest:.2f}" if shock == "loss" else f"{found.later:.2f}"]


def _spread(values: Sequence[float], digits: int) -> str:
    low, middle, high = np.quantile(np.array(values), [0.0, 0.5, 1.0], method="nearest")
    words = [_months(v) if digits == 0 else f"{v:.{digits}f}" for v in (low, middle, high)]
    return words[1] if words[0] == words[2] else f"{words[1]} ({words[0]} to {words[2]})"


def _classes(found: Mapping[str, Response], shock: str) -> list[list[str]]:
    rows = []
    for name, minerals in CLASSES.items():
        of = [found[mineral] for mineral in minerals if mineral in found]
        rows.append([
            name,
            _spread([r.peak for r in of], 2),
            _spread([r.to_peak for r in of], 0),
            _spread([r.half for r in of], 0),
            _spread([r.back for r in of], 0),
            _spread([r.lowest if shock == "loss" else r.later for r in of], 2),
        ])  # fmt: skip
    return rows


def _header(shock: str) -> list[str]:
    last = "lowest after it" if shock == "loss" else "lowest of the next five years, over the best"
    return ["", "peak, times base", "months to it", "half gone after", "within 10 % after", last]


def mineral_table(found: Mapping[str, Response], shock: str) -> str:
    """A row for each mineral, as Markdown."""
    return table(_header(shock), [_row(name, shock, r) for name, r in found.items()])


def tables(loss: Mapping[str, Response], boom: Mapping[str, Response]) -> dict[str, str]:
    """Name of a table -> its Markdown."""
    made = {}
    for shock, of in (("loss", loss), ("boom", boom)):
        made[f"{shock} by class"] = table(_header(shock), _classes(of, shock))
        made[f"{shock} by mineral"] = mineral_table(of, shock)
    return made


if __name__ == "__main__":
    every = [mineral for minerals in CLASSES.values() for mineral in minerals]
    text = with_tables(PAGE, tables(measured(every, "loss"), measured(every, "boom")))
    PAGE.write_text(text, encoding="utf-8")
