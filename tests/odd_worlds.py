"""Worlds of unusual shape: facilities that stand still in the base year, one seller, one buyer, no plants."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from tests.small_world import small_sketch
from tests.world_sketch import GoodSketch, Sketch

US_CLAY = (0.35, 0.08, 0.57)


def mine_later(cash: float | None = 1.2) -> Sketch:
    """An American clay mine that costs more than the price of the base year brings."""
    sketch = small_sketch()
    sketch.country["mine_usa"] = "USA"
    sketch.later["mine_usa", "clay"] = 300.0
    sketch.cash["mine_usa"] = cash
    sketch.composition["mine_usa", "clay"] = US_CLAY
    return sketch


def separator_later() -> Sketch:
    """An American separator of two oxides."""
    sketch = small_sketch()
    sketch.country["separator_usa"] = "USA"
    sketch.later["separator_usa", "ndpr_oxide"] = 60.0
    sketch.later["separator_usa", "dysprosium_oxide"] = 12.0
    sketch.waiting.append(("separator_usa", "clay"))
    return sketch


def magnets_later() -> Sketch:
    """An American magnet plant."""
    sketch = small_sketch()
    sketch.country["magnet_usa"] = "USA"
    sketch.later["magnet_usa", "magnet"] = 200.0
    sketch.waiting += [("magnet_usa", "ndpr_oxide"), ("magnet_usa", "dysprosium_oxide")]
    return sketch


def trader_later() -> Sketch:
    """Traders of oxide, of clay and of magnets; of the last two there is no other."""
    sketch = small_sketch()
    for good in ("dysprosium_oxide", "clay", "magnet"):
        trader = f"trader_row_{good}"
        sketch.country[trader] = "ROW"
        sketch.later[trader, good] = 20.0
        sketch.waiting.append((trader, good))
    return sketch


def chain_later() -> Sketch:
    """A mine, a separator and a magnet plant that all stand still."""
    sketch = mine_later()
    for other in (separator_later(), magnets_later()):
        sketch.country |= other.country
        sketch.later |= other.later
        sketch.waiting += other.waiting
    return sketch


def good_later() -> Sketch:
    """Scrap, which nobody sells yet, and a plant that would make oxide of it alone."""
    sketch = small_sketch()
    sketch.goods["scrap"] = GoodSketch(6_000.0, "rare_earth_magnets", "scrap")
    sketch.country |= {"mine_scrap": "USA", "plant_recycler": "USA"}
    sketch.later |= {("mine_scrap", "scrap"): 100.0, ("plant_recycler", "ndpr_oxide"): 30.0}
    sketch.cash["mine_scrap"] = 1.0
    sketch.waiting.append(("plant_recycler", "scrap"))
    sketch.at_capacity["plant_recycler", "scrap"] = 100.0
    return sketch


def one_good() -> Sketch:
    """Two mines and two users of one good in two countries, and a mine that stands still."""
    sketch = Sketch(
        {"gallium": GoodSketch(400_000.0, "gallium")},
        {"mine_china": "CHN", "mine_row": "ROW", "mine_usa": "USA", "chips_china": "CHN", "chips_usa": "USA"},
        elements=(),
    )
    for mine, tonnes in (("mine_china", 90.0), ("mine_row", 10.0)):
        sketch.flow("gallium", mine, "chips_china", 0.5 * tonnes)
        sketch.flow("gallium", mine, "chips_usa", 0.5 * tonnes)
    sketch.later["mine_usa", "gallium"] = 20.0
    sketch.cash["mine_usa"] = 1.2
    return sketch


def one_link() -> Sketch:
    """One seller and one buyer, in two countries."""
    sketch = Sketch(
        {"gallium": GoodSketch(400_000.0, "gallium")}, {"mine_china": "CHN", "chips_usa": "USA"}, elements=()
    )
    sketch.flow("gallium", "mine_china", "chips_usa", 100.0)
    return sketch


def one_buyer() -> Sketch:
    """Two sellers and one that stands still, one buyer."""
    sketch = one_good()
    sketch.country.pop("chips_china")
    sketch.flows = {}
    sketch.flow("gallium", "mine_china", "chips_usa", 90.0)
    sketch.flow("gallium", "mine_row", "chips_usa", 10.0)
    return sketch


def one_seller() -> Sketch:
    """One seller, two buyers, and one seller that stands still."""
    sketch = one_good()
    sketch.country.pop("mine_row")
    sketch.flows = {link: tonnes for link, tonnes in sketch.flows.items() if link[1] == "mine_china"}
    return sketch


def one_country() -> Sketch:
    """A chain in one country alone: nothing crosses a border or travels."""
    sketch = Sketch(
        {"ore": GoodSketch(1_000.0, "tin", "ore"), "tin": GoodSketch(30_000.0, "tin")},
        dict.fromkeys(("mine_a", "mine_b", "plant_smelter", "plant_other", "solder_china"), "CHN"),
        countries=("CHN",),
        elements=(),
    )
    sketch.flow("ore", "mine_a", "plant_smelter", 500.0)
    sketch.flow("tin", "plant_smelter", "solder_china", 20.0)
    sketch.later |= {("mine_b", "ore"): 200.0, ("plant_other", "tin"): 5.0}
    sketch.waiting.append(("plant_other", "ore"))
    sketch.cash["mine_b"] = 1.1
    return sketch


def at_home() -> Sketch:
    """The same chain in two countries that do not trade with each other."""
    sketch = one_country()
    sketch.countries = ("CHN", "USA")
    sketch.country |= {"mine_usa": "USA", "plant_usa": "USA", "solder_usa": "USA"}
    sketch.flow("ore", "mine_usa", "plant_usa", 50.0)
    sketch.flow("tin", "plant_usa", "solder_usa", 2.0)
    return sketch


def pure_metals() -> Sketch:
    """A chain of three plants without any concentrate whose elements count, and a substitute."""
    sketch = Sketch(
        {
            "ore": GoodSketch(1_000.0, "tin", "ore"),
            "scrap": GoodSketch(1_100.0, "tin", "scrap"),
            "tin": GoodSketch(30_000.0, "tin"),
        },
        {
            "mine_china": "CHN", "mine_row": "ROW", "plant_china": "CHN", "plant_usa": "USA",
            "plant_row": "ROW", "solder_usa": "USA", "solder_row": "ROW",
        },
        substitutes={"ore": "feed", "scrap": "feed"},
    )  # fmt: skip
    sketch.flow("ore", "mine_china", "plant_china", 500.0)
    sketch.flow("scrap", "mine_row", "plant_row", 100.0)
    sketch.flow("tin", "plant_china", "solder_usa", 20.0)
    sketch.flow("tin", "plant_row", "solder_row", 5.0)
    sketch.later["plant_usa", "tin"] = 4.0
    sketch.waiting += [("plant_usa", "ore"), ("plant_usa", "scrap")]
    return sketch


ENTRANTS: dict[str, Callable[[], Sketch]] = {
    "mine": mine_later, "mine without cash cost": lambda: mine_later(None),
    "mine at cash cost 0": lambda: mine_later(0.0), "separator": separator_later, "magnets": magnets_later,
    "traders": trader_later, "chain": chain_later, "good": good_later, "one good": one_good,
    "one buyer": one_buyer, "one seller": one_seller, "one country": one_country, "at home": at_home,
    "substitutes": pure_metals,
}  # fmt: skip
"""Worlds in which something stands still."""
WORLDS = {**ENTRANTS, "small": small_sketch, "one link": one_link}


def without_entrants(sketch: Sketch) -> Sketch:
    """The same world, with nobody in it who stands still."""
    idle = {facility for facility, _ in sketch.later}
    sellers = {good for good, _, _ in sketch.flows}
    return replace(
        sketch,
        goods={name: good for name, good in sketch.goods.items() if name in sellers},
        country={facility: code for facility, code in sketch.country.items() if facility not in idle},
        later={},
        waiting=[],
        at_capacity={},
        composition={key: mix for key, mix in sketch.composition.items() if key[0] not in idle},
        substitutes={good: group for good, group in sketch.substitutes.items() if good in sellers},
    )
