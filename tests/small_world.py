"""A small, exactly balanced world written as the CSV files that the loader reads.

Clay is mined in China and elsewhere, separated in China, made into magnets in China and Japan,
and used in three countries; Chinese traders do not exist, a Singapore trader resells oxide.
"""

from __future__ import annotations

from pathlib import Path

from tests.world_sketch import GoodSketch, Sketch

ELEMENTS = ("NdPr", "Dy", "Other")
CLAY = {"mine_china": (0.40, 0.06, 0.54), "mine_abroad": (0.30, 0.10, 0.60)}
RECOVERY = 0.9
GOODS = {
    "clay": GoodSketch(20_000.0, "rare_earth_concentrates", "concentrate", "Ionic clay", basket=True),
    "ndpr_oxide": GoodSketch(60_000.0, "neodymium_praseodymium", "oxide", "NdPr oxide", element="NdPr"),
    "dysprosium_oxide": GoodSketch(250_000.0, "dysprosium", "oxide", "Dy oxide", element="Dy"),
    "magnet": GoodSketch(60_000.0, "rare_earth_magnets", "magnet", "Magnet"),
}
COUNTRY = {
    "mine_china": "CHN", "mine_abroad": "ROW", "separator_china_a": "CHN", "separator_china_b": "CHN",
    "magnet_china": "CHN", "magnet_japan": "JPN", "trader_singapore_ndpr": "SGP",
    "trader_singapore_dy": "SGP", "ev_china": "CHN", "ev_japan": "JPN", "ev_usa": "USA", "wind_row": "ROW",
}  # fmt: skip


def small_sketch(tonnes: float = 1.0, dollars: float = 1.0) -> Sketch:
    """The world before it is written; ``tonnes`` and ``dollars`` rescale every quantity and price."""
    sketch = Sketch(
        dict(GOODS),
        dict(COUNTRY),
        composition={(mine, "clay"): shares for mine, shares in CLAY.items()},
        substitutes={"magnet": "alone"},
        tariffs={("magnet", "CHN", "USA"): 0.1},
        dollars=dollars,
    )

    def flow(good: str, seller: str, buyer: str, amount: float) -> None:
        sketch.flow(good, seller, buyer, amount * tonnes)

    clay = {"mine_china": 1000.0, "mine_abroad": 400.0}
    for mine, amount in clay.items():
        flow("clay", mine, "separator_china_a", 0.6 * amount)
        flow("clay", mine, "separator_china_b", 0.4 * amount)
    metal = {e: sum(amount * CLAY[m][k] for m, amount in clay.items()) for k, e in enumerate(ELEMENTS)}
    for good, element in (("ndpr_oxide", "NdPr"), ("dysprosium_oxide", "Dy")):
        for plant, part in (("separator_china_a", 0.6), ("separator_china_b", 0.4)):
            made = part * metal[element] * RECOVERY
            flow(good, plant, "magnet_china", 0.6 * made)
            flow(good, plant, "magnet_japan", 0.25 * made)
            flow(good, plant, f"trader_singapore_{element.lower()}", 0.15 * made)
        flow(good, f"trader_singapore_{element.lower()}", "magnet_japan", 0.15 * metal[element] * RECOVERY)
    magnets = {"magnet_china": 0.6, "magnet_japan": 0.4}
    oxide = (metal["NdPr"] + metal["Dy"]) * RECOVERY
    uses = {
        "magnet_china": {"ev_china": 0.6, "ev_usa": 0.25, "ev_japan": 0.05, "wind_row": 0.1},
        "magnet_japan": {"ev_japan": 0.8, "ev_usa": 0.15, "wind_row": 0.05},
    }
    for plant, part in magnets.items():
        for user, share in uses[plant].items():
            flow("magnet", plant, user, 3.0 * oxide * part * share)
    return sketch


def write_small_world(root: Path, tonnes: float = 1.0, dollars: float = 1.0) -> Path:
    """Write the world under ``root``; ``tonnes`` and ``dollars`` rescale every quantity and price."""
    return small_sketch(tonnes, dollars).write(root)
