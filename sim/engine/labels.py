"""Labels of the axes of a record: names, countries, kinds of goods, facilities, offers and needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from sim.engine.run import Run

__all__ = ["base_labels"]


def base_labels(case: Run) -> dict[str, Any]:
    """Coordinates that every record of a run has."""
    world = case.world
    codes = np.array(world.countries)
    goods = np.array([item.id for item in world.goods])
    facility = np.array(world.facilities)
    kind, sector = np.array(world.facility_kind), np.array(world.facility_sector)

    def of(attribute: str) -> npt.NDArray[np.str_]:
        return np.array([str(getattr(item, attribute)) for item in world.goods])

    return {
        "member": list(case.members),
        "time": np.array(case.dates[case.first : -1], dtype="datetime64[ns]"),
        "good": goods,
        "good_name": ("good", of("name")),
        "good_mineral": ("good", of("mineral")),
        "good_stage": ("good", of("stage")),
        "good_unit": ("good", of("unit")),
        "good_hs6": ("good", np.array([";".join(item.hs6) for item in world.goods])),
        "good_base_price": ("good", world.base_price, {"units": "USD/t"}),
        "good_controller": ("good", codes[case.observer.controller]),
        "offer_good": ("offer", goods[world.offer_good]),
        "offer_facility": ("offer", facility[world.offer_facility]),
        "offer_country": ("offer", codes[world.offer_country]),
        "offer_firm": ("offer", np.array(world.facility_firm)[world.offer_facility]),
        "offer_kind": ("offer", kind[world.offer_facility]),
        "need_good": ("need", goods[world.need_good]),
        "need_facility": ("need", facility[world.need_facility]),
        "need_country": ("need", codes[world.need_country]),
        "need_sector": ("need", sector[world.need_facility]),
        "need_kind": ("need", kind[world.need_facility]),
        "facility": facility,
        "facility_country": ("facility", codes[world.facility_country]),
        "facility_sector": ("facility", sector),
        "facility_kind": ("facility", kind),
        "importer": codes,
        "event": np.array([event.id for event in case.scenario.events], dtype=str),
    }
