"""Scenarios and policy events written straight on Controls: the engine is tested without YAML."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np

from sim.controls import Cap, Controls, Licence, OwnerChange
from sim.engine import Simulation
from sim.instruments.piles import Piles
from sim.world.world import BoolArray, IntArray, World


def piles_of(simulation: Simulation) -> Piles:
    """The stockpiles of a run that has any."""
    (found,) = (process for process in simulation.actors.processes if isinstance(process, Piles))
    return found


@dataclass(frozen=True)
class PlainScenario:
    """What :class:`sim.engine.Simulation` reads of a scenario."""

    name: str = "plain"
    title: str = "Plain"
    base_year: int = 2024
    start: dt.date = dt.date(2024, 1, 1)
    end: dt.date = dt.date(2028, 12, 31)
    step: str = "month"
    engine: str = "numpy"
    compare_to: str = ""
    minerals: tuple[str, ...] = ()
    events: tuple[Any, ...] = ()
    assumptions: dict[str, float] = field(default_factory=dict)
    blocs: dict[str, tuple[str, ...]] = field(default_factory=dict)


class PlainEvent:
    """What the engine asks of every event; these remember nothing and bar nobody from resale."""

    from_: dt.date
    until: dt.date | None

    _labels = None
    """Written without the names of a world."""
    in_base_year = False
    weighed = ()

    @property
    def ends_base_year(self) -> bool:
        return False

    @property
    def known_from(self) -> dt.date | None:
        return self.from_

    def resale(self, world: World) -> None:
        return None

    def under(self, third_countries_resell: bool) -> Self:
        return self

    def as_known(self, day: dt.date) -> Self:
        return self

    def expected_end(self, day: dt.date) -> float:
        return 0.0

    def turns(self, now: dt.date) -> set[dt.date]:
        days = {self.from_, None if self.until is None else self.until + dt.timedelta(days=1)}
        return {day for day in days if day is not None and now < day}

    def settled(self, day: dt.date) -> bool:
        return False

    def model_dump_json(self, exclude: object = None) -> str:
        return repr(self)

    def parts(self) -> tuple[object, ...]:
        return (self,)

    @classmethod
    def process(cls, events: object, setting: object) -> None:
        return None


@dataclass(frozen=True)
class Restriction(PlainEvent):
    """China against some or all destinations. ``open_share`` is what stays allowed."""

    id: str
    kind: str
    goods: tuple[str, ...]
    from_: dt.date
    until: dt.date | None = None
    announced: dt.date | None = None
    open_share: float = 0.0
    to: tuple[str, ...] | None = None
    rate: float = 0.0
    delay_years: float = 0.15
    type: str = "restriction"
    probability: None = None
    longest_delay_at_sea: float = 0.0
    dormant: bool = False
    scalable: bool = False

    def phase(self, start: dt.date, end: dt.date) -> object:
        return None

    def own_phase(self, start: dt.date, end: dt.date) -> float:
        return 0.0

    @property
    def _decided(self) -> dt.date:
        return self.from_ + dt.timedelta(days=round(365.25 * self.delay_years))

    def settled(self, day: dt.date) -> bool:
        return self.kind == "licence" and day >= self._decided

    def turns(self, now: dt.date) -> set[dt.date]:
        days = {self.from_, self.until, self._decided if self.kind == "licence" else None}
        return {day for day in days if day is not None and now < day}

    def sentence(self) -> str:
        return f"{self.kind} on {', '.join(self.goods)}"

    def activity(self, start: dt.date, end: dt.date) -> float:
        first, last = max(start, self.from_), min(end, self.until or end)
        return max(0, (last - first).days) / (end - start).days

    def _select(self, controls: Controls) -> tuple[IntArray, int, BoolArray, BoolArray]:
        world = controls.world
        goods = np.array([k for k, good in enumerate(world.goods) if good.id in self.goods])
        origin = world.countries.index("CHN")
        destinations = np.array([
            code != "CHN" and (self.to is None or code in self.to) for code in world.countries
        ])
        links = controls.links(goods, np.array([origin]), np.flatnonzero(destinations))
        return goods, origin, destinations, links

    def restricts(self, controls: Controls) -> BoolArray:
        stays = self.kind not in ("ban", "quota", "licence") or self.open_share >= 1
        return controls.no_links() if stays else self._select(controls)[3]

    def apply(self, controls: Controls, share: float) -> None:
        goods, origin, destinations, links = self._select(controls)
        world = controls.world
        controls.touch_links(self.id, links)
        if self.kind == "ban":
            controls.open_share.change(links, 1 - share)
        elif self.kind == "tariff":
            controls.tariff_rate.change(links, self.rate * share)
        elif self.kind == "output cut":
            at = np.isin(world.offer_good, goods) & (world.offer_country == origin)
            controls.scale_output(at, 1 - share * (1 - self.open_share))
        elif self.kind == "licence":
            for good in goods:
                controls.licences.append(
                    Licence(self.id, int(good), origin, destinations, self.open_share, self.delay_years, 0.5)
                )
        elif self.kind == "quota":
            for good in goods:
                sellers = world.offer_country[world.offer_slice(good)] == origin
                buyers = destinations[world.need_country[world.need_slice(good)]]
                base = float(world.base_flow[good][np.ix_(sellers, buyers)].sum())
                controls.caps.append(Cap(self.id, int(good), origin, destinations, self.open_share * base))


@dataclass(frozen=True)
class Merger(PlainEvent):
    """Two firms become one owner."""

    firms: tuple[str, str]
    from_: dt.date
    id: str = "merger"
    type: str = "merger"
    probability: None = None
    longest_delay_at_sea: float = 0.0
    dormant: bool = False
    scalable: bool = False
    announced: dt.date | None = None
    until: dt.date | None = None

    def phase(self, start: dt.date, end: dt.date) -> object:
        return None

    def own_phase(self, start: dt.date, end: dt.date) -> float:
        return 0.0

    def sentence(self) -> str:
        return " and ".join(self.firms)

    def activity(self, start: dt.date, end: dt.date) -> float:
        return float(end > self.from_)

    def restricts(self, controls: Controls) -> BoolArray:
        return controls.no_links()

    def apply(self, controls: Controls, share: float) -> None:
        first, second = (
            [k for k, name in enumerate(controls.world.facility_firm) if name == firm] for firm in self.firms
        )
        joined = np.isin(np.arange(len(controls.world.facility_firm)), [*first, *second])
        controls.owner_changes.append(OwnerChange(self.id, share, joined))
