"""Fourteen properties of a market in such goods, put to the model: each with its figure and its bound.

They are fitted to nothing and say nothing of any episode. One that does not hold is printed as such.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.agents.prepared import Prepared
from sim.agents.worth import Worth
from sim.engine import Simulation
from sim.engine.result import StepResult
from sim.scenario import Scenario, load_scenario
from sim.world.load import load_world
from sim.world.world import World

__all__ = ["PROPERTIES", "Finding", "Property"]

Values = npt.NDArray[np.float64]
BASE = "baseline-2024"
METAL, GERMANIUM = "germanium_metal", "minerals=[germanium]"
GALLIUM = "gallium_high_purity"
NOTE = "assumption: a test of what must hold"
CLOSE, ALIKE, SOON, APART, BACK, LITTLE = 0.03, 0.05, 1 / 3, 1.2, 0.1, 0.1
YEAR = {"from": "2025-01-06", "until": "2026-01-04"}
REAL, EQUAL, NOTABLE, POINT = 0.001, 0.01, 0.005, 0.001
WEEKS = ("time.step=week", "time.start=2024-01-01")


@dataclass(frozen=True)
class Finding:
    """What a property came to."""

    said: str
    """The figures, in words."""
    held: bool


@dataclass(frozen=True)
class Property:
    """One property.

    Attributes:
        number: from 1. title: what must hold. bound: in words.
    """

    number: int
    title: str
    bound: str
    measure: Callable[[], Finding]


# -- runs --------------------------------------------------------------------------------------


def _event(kind: str, **fields: str) -> str:
    """One event as an override; ``from_`` stands for ``from``."""
    given = {"type": kind, **{name.rstrip("_"): value for name, value in fields.items()}}
    said = ", ".join(f"{name}: {value}" for name, value in given.items())
    return f"+events.{kind}={{{said}, {NOTE}}}"


def _stop(**fields: str) -> str:
    """China exports no germanium."""
    dates = fields or {"from_": YEAR["from"], "until": YEAR["until"]}
    return _event("export_ban", by="CHN", to="world", goods=f"[{METAL}]", **dates)


@lru_cache(maxsize=40)
def _run(*overrides: str, cover: float = 0.0) -> xr.Dataset:
    """The central member of the baseline with overrides; ``cover`` above 0 sets all stocks."""
    return _simulation(*overrides, cover=cover).run()


def _loaded(name: str, *overrides: str) -> tuple[World, Scenario]:
    scenario = load_scenario(name, overrides=list(overrides))
    return load_world(scenario.base_year, scenario.tables), scenario


def _simulation(*overrides: str, cover: float = 0.0) -> Simulation:
    scales = "cover_scale", "seller_stock_scale"
    values = {f"assumptions.{name}": np.array([cover]) for name in scales} if cover else None
    return Simulation(*_loaded(BASE, *overrides), values=values)


def _price(data: xr.Dataset, good: str = METAL, name: str = "price_outside") -> Values:
    """(T,) a price over that of the base year; where nothing is traded, what is asked or bid."""
    found = data[name].fillna(data[name.replace("price_", "quote_")]).sel(good=good).isel(member=0)
    price: Values = found.to_numpy().astype(np.float64) / float(data.good_base_price.sel(good=good))
    return price


def _at(data: xr.Dataset, first: str, last: str) -> npt.NDArray[np.bool_]:
    """(T,) steps that begin in [first, last]."""
    time = data.time.to_numpy().astype("datetime64[D]")
    inside: npt.NDArray[np.bool_] = (time >= np.datetime64(first)) & (time <= np.datetime64(last))
    return inside


def _unmet(data: xr.Dataset, good: str, where: npt.NDArray[np.bool_]) -> Values:
    """(T,) share of the requirement of a good that is missing, over some of the needs (N,)."""
    chosen = where & (data.need_good.to_numpy() == good)
    need = data.requirement.isel(member=0).to_numpy()[:, chosen].astype(np.float64).sum(1)
    missing = data.shortfall.isel(member=0).to_numpy()[:, chosen].astype(np.float64).sum(1)
    share: Values = np.divide(missing, need, out=np.zeros_like(need), where=need > 0)
    return share


def _country(data: xr.Dataset, *codes: str) -> npt.NDArray[np.bool_]:
    """(N,) needs of some countries."""
    found: npt.NDArray[np.bool_] = np.isin(data.need_country.to_numpy(), codes)
    return found


def _users(data: xr.Dataset) -> npt.NDArray[np.bool_]:
    """(N,) needs of plants and sectors, traders left out."""
    users: npt.NDArray[np.bool_] = data.need_kind.to_numpy() != "trader"
    return users


def _times(value: float) -> str:
    return f"{value:.3g} times"


def _percent(value: float) -> str:
    """Two digits, and whole per cent from 100 on."""
    return f"{100 * value:.0f} %" if abs(value) >= 1 else f"{100 * value:.2g} %"


# -- properties --------------------------------------------------------------------------------


def months_and_weeks() -> Finding:
    """1. A ban, a cut and a quota of a year, in months and in weeks: mean price, share of need unmet."""
    dates = {"from_": YEAR["from"], "until": YEAR["until"], "by": "CHN", "goods": f"[{METAL}]"}
    measures = {
        "ban": _stop(),
        "cut": _event("production_quota", cut="30 %", **dates),
        "quota": _event("export_quota", to="world", amount="28 t/year", **dates),
    }
    said, worst = [], 0.0
    for name, event in measures.items():
        figures = []
        for steps in ((), WEEKS):
            data = _run(GERMANIUM, *steps, "time.end=2026-01-04" if steps else "time.end=2025-12", event)
            year = _at(data, "2025-01-01", "2026-01-04")
            abroad = _users(data) & ~_country(data, "CHN")
            figures.append((_price(data)[year].mean(), _unmet(data, METAL, abroad)[year].mean()))
        (price, unmet), (price_week, unmet_week) = figures
        worst = max(worst, abs(price / price_week - 1), abs(unmet - unmet_week))
        said.append(
            f"{name}: price {price:.3g} and {price_week:.3g} times, unmet {_percent(unmet)} and "
            f"{_percent(unmet_week)}"
        )
    return Finding("; ".join(said), bool(worst <= CLOSE))


def nothing_real_changes() -> Finding:
    """2. All currencies, and so all costs and budgets, rise by a fifth: use stays what it was."""
    world = "minerals=[germanium,copper]", "time.end=2033-12"
    event = _event("exchange_rate", countries="[world]", change="20 %", from_="2024-03-01")
    plain, shocked = _run(*world), _run(*world, event)
    worst = 0.0
    for name in ("consumption", "production"):
        old, new = (
            d[name].isel(member=0).resample(time="YE").sum().to_numpy().astype(np.float64)
            for d in (plain, shocked)
        )
        some = old > 1e-6 * old.max()
        worst = max(worst, float(np.abs(new[some] / old[some] - 1).max()))
    return Finding(f"use or output of some facility changes by up to {_percent(worst)} in a year",
                   worst <= REAL)  # fmt: skip


def lasting_cut() -> Finding:
    """3. A tenth of world lithium is gone for good: one peak, no price below base while supply is short."""
    good = "lithium_concentrate"
    event = _event("production_quota", by="world", goods=f"[{good}]", cut="10 %", from_="2025-01-01")
    data = _run("minerals=[lithium]", "time.end=2039-12", event)
    price = _price(data, good, "price_gate")[_at(data, "2025-01-01", "2039-12-31")]
    later = price[int(price.argmax()) :]
    again = float((later / np.minimum.accumulate(later)).max() - 1)
    said = ", ".join(f"month {month}: {price[month - 1]:.2f}" for month in (1, 36, 96, 180))
    said += f"; lowest {price.min():.2f}; rises again by {_percent(again)} after the peak"
    return Finding(said, bool(again <= ALIKE and price.min() >= 1 - 1e-6))


def losses_and_bids() -> Finding:
    """4. The value that is lost is what those bid who were not served."""
    simulation = _simulation(GERMANIUM, "time.end=2025-12", _stop())
    prepared = simulation.case.prepared
    world, observer = prepared.world, simulation.case.observer
    sector = np.array(world.facility_kind)[world.need_facility] == "manufacturer"
    price = world.base_price[world.need_good]
    lost = bids = 0.0
    while simulation.time < simulation.steps:
        result = simulation.step()
        lost += float(observer.value_added_at_risk(result)[0].sum())
        bids += float((_unserved_bids(simulation, result) * price)[sector].sum())
    ratio = lost / bids if bids > 0 else np.inf
    said = f"lost {lost / 1e6:,.0f} million USD, bids unserved {bids / 1e6:,.0f} million: {_times(ratio)}"
    return Finding(said, bool(abs(ratio - 1) <= EQUAL))


def _unserved_bids(simulation: Simulation, result: StepResult) -> Values:
    """(N,) what the tiers of a market, less what was used, bid: tonnes x multiple of base price."""
    wanted = simulation.actors.wanted
    assert wanted is not None
    tonnes, price = (tier[:, 0] for tier in wanted.tiers)
    left = result.required[0] - result.shortfall[0]
    bids: Values = np.zeros_like(left)
    for own, bid in zip(tonnes[::-1], price[::-1], strict=True):
        served = np.minimum(own, left)
        left = left - served
        bids += (own - served) * bid
    return bids


def news() -> Finding:
    """5. A complete stop is announced six weeks ahead.

    The price moves at once, inside and outside alike until it begins, then apart; it comes back if the stop
    is dropped.
    """
    world = "minerals=[gallium]", *WEEKS, "time.end=2026-01-04"
    dates = {"announced": "2025-01-06", "from_": "2025-02-17"}
    stop = {"by": "CHN", "to": "world", "goods": "[gallium]", **dates}
    data = _run(*world, _event("export_ban", **stop))
    dropped = _run(*world, _event("export_ban", **stop, until="2025-02-17", end_announced="2025-02-10"))
    outside, inside = _price(data, GALLIUM), _price(data, GALLIUM, "price_inside")
    first = int(np.flatnonzero(_at(data, "2025-01-06", "2025-01-06"))[0])
    before, after = _at(data, "2025-01-06", "2025-02-16"), _at(data, "2025-04-01", "2025-08-16")
    jump = float(outside[first] / outside[first - 1] - 1)
    usual = float(outside[first - 1] / inside[first - 1])  # freight
    apart = float(np.abs(outside[before] / inside[before] / usual - 1).max())
    later = float((outside[after] / inside[after]).mean())
    back = float(_price(dropped, GALLIUM)[_at(dropped, "2025-08-18", "2025-12-31")].mean())
    said = (
        f"{_percent(jump)} in the first week; the two sides differ by up to {_percent(apart)} before, "
        f"{_times(later)} after; half a year after it was dropped {_times(back)} the base price"
    )
    return Finding(said, jump >= SOON and apart <= LITTLE * jump and later >= APART and abs(back - 1) <= BACK)


def short_strike() -> Finding:
    """6. Five per cent of output stops for six weeks: little where stocks are held, much where none are."""
    good = "copper_concentrate"
    world = "minerals=[copper]", *WEEKS, "time.end=2025-12-28"
    event = _event("strike", countries="[world]", goods=f"[{good}]", loss="5 %", length="6 weeks",
                   from_="2025-01-06")  # fmt: skip
    highest = []
    for cover in (0.0, 0.05):
        plain, struck = _run(*world, cover=cover), _run(*world, event, cover=cover)
        ratio = _price(struck, good, "price_gate") / _price(plain, good, "price_gate")
        highest.append(float(ratio.max()))
    said = f"highest {_times(highest[0])} with stocks, {_times(highest[1])} where stocks are a twentieth"
    return Finding(said, highest[0] < 1 + LITTLE <= highest[1])


def release() -> Finding:
    """7. After a stop of a year users lack no more than in its last week."""
    data = _run(GERMANIUM, *WEEKS, "time.end=2026-12-27", _stop())
    unmet = _unmet(data, METAL, _users(data) & ~_country(data, "CHN"))
    last = float(unmet[_at(data, "2025-12-29", "2025-12-29")][0])
    after = float(unmet[_at(data, "2026-01-05", "2026-12-27")].max())
    return Finding(f"{_percent(last)} in the last week, then up to {_percent(after)}", after <= last + 1e-6)


def target_and_bystanders() -> Finding:
    """8. Who is banned is not better off by it than those who are not: a shipped ban on the United States.

    What users lack with the ban, less what they lack in the same scenario without it.
    """
    name, ban = "ga-ge-sb-ban-usa-2024", "~events.ban-usa"
    runs = [Simulation(*_loaded(name, *without)).run() for without in ((), (ban,))]
    said, held = [], True
    for good in runs[0].good.to_numpy():
        more = []
        for target in (True, False):
            unmet = []
            for data in runs:
                users = (data.need_kind.to_numpy() == "manufacturer") & (data.need_good.to_numpy() == good)
                users &= _country(data, "USA") if target else ~_country(data, "USA", "CHN")
                unmet.append(float(_unmet(data, good, users)[_at(data, "2024-12-01", "2025-11-01")].mean()))
            more.append(unmet[0] - unmet[1])
        if max(map(abs, more)) > POINT:
            said.append(f"{good}: the target lacks {_percent(more[0])} more, bystanders {_percent(more[1])}")
            held = held and more[0] >= more[1] - POINT
    return Finding("; ".join(said) or "nobody lacks more than without the ban", held and bool(said))


def ceiling() -> Finding:
    """9. Behind a ceiling nothing winds up: when it goes, output does not leap beyond what it was."""
    world = GERMANIUM, "time.end=2028-12"
    event = _event("production_quota", by="CHN", goods=f"[{METAL}]", amount="106.5 t/year",
                   from_="2025-01-01", until="2027-12-31")  # fmt: skip
    made = []
    for data in (_run(*world), _run(*world, event)):
        china = (data.offer_good.to_numpy() == METAL) & (data.offer_country.to_numpy() == "CHN")
        after = _at(data, "2028-01-01", "2028-03-31")
        made.append(float(data.production.isel(member=0).to_numpy()[after][:, china].sum()))
    ratio = made[1] / made[0]
    said = f"in the first quarter without it {_times(ratio)} what it would have been"
    return Finding(said, ratio <= 1 + ALIKE)


def slack() -> Finding:
    """10. A quota goes slack when demand has left."""
    quota = _event("export_quota", by="CHN", to="world", goods=f"[{METAL}]", amount="42 t/year",
                   from_="2025-01-01")  # fmt: skip
    fall = _event("demand_shock", goods="all", level="-60 %", from_="2026-01-01")
    data = _run(GERMANIUM, "time.end=2028-12", quota, fall)
    rent = data.rent.sel(good=METAL).isel(member=0).to_numpy()
    before = float(rent[_at(data, "2025-07-01", "2025-12-31")].mean())
    after = float(rent[_at(data, "2028-01-01", "2028-12-31")].max())
    said = f"rent {_percent(before)} of the price before, {_percent(after)} three years later"
    return Finding(said, before > EQUAL >= after)


def highest_value() -> Finding:
    """11. No price above the value that the highest class of use places on the good."""
    goods = "[dysprosium_oxide, ndfeb_magnet, ndfeb_magnet_high_temperature]"
    event = _event("export_ban", by="CHN", to="world", goods=goods, from_="2025-01-01")
    simulation = _simulation("minerals=[dysprosium,rare_earth_magnets]", "time.end=2026-12", event)
    world = simulation.case.world
    highest = Worth(simulation.case.prepared).highest()[0]
    worst, where, dearest = 0.0, "", 0.0
    while simulation.time < simulation.steps:
        outside = simulation.step().prices.standing("outside")[0] / world.base_price
        for good, most, price in zip(world.goods, highest, outside, strict=True):
            dearest = max(dearest, float(price))
            if price / most > worst:
                worst, where = float(price / most), good.id
    said = (
        f"{where} reaches {_times(worst)} the value of its highest class; the highest price is {dearest:.3g} "
        "times its base price"
    )
    return Finding(said, worst <= 1 + 1e-3)


def ore_and_metal() -> Finding:
    """12. A cut of ore reaches metal within half a year, by its share in the cost less the plants' margin.

    Plants that compete for the ore give up their margin before they stop.
    """
    ore, metal = "tungsten_concentrate", "tungsten_apt"
    scope = "minerals=[tungsten]", "time.end=2025-12"
    event = _event("production_quota", by="world", goods=f"[{ore}]", cut="20 %", from_="2025-01-01")
    plain, cut = _run(*scope), _run(*scope, event)
    moved = []
    for good in (ore, metal):
        ratio = _price(cut, good, "price_gate") / _price(plain, good, "price_gate")
        moved.append(float(ratio[_at(cut, "2025-06-01", "2025-06-30")][0] - 1))
    prepared = _simulation(*scope).case.prepared
    share = _share_in_cost(prepared, ore, metal)
    margin = float(prepared.behaviour["margin_share"].flat[0]) * (1 - share)
    said = (
        f"after half a year ore {_percent(moved[0])}, metal {_percent(moved[1])}; the share of ore in its "
        f"cost is {_percent(share)}, the margin that plants can give up {_percent(margin)}"
    )
    return Finding(said, moved[0] > NOTABLE and moved[1] >= share * moved[0] - margin)


def _share_in_cost(prepared: Prepared, ore: str, metal: str) -> float:
    """Base-year share of an input in the cost of a product, over its makers."""
    world, plants = prepared.world, prepared.benchmark.activities
    ids = [good.id for good in world.goods]
    makers = np.flatnonzero((world.offer_good == ids.index(metal)) & prepared.made)
    plant, size = plants.offer_plant[makers], world.offer_output[makers]
    of_ore = np.zeros(len(plants.facility))
    needs = np.flatnonzero((world.need_good == ids.index(ore)) & (plants.need_plant >= 0))
    np.add.at(of_ore, plants.need_plant[needs], plants.cost_weight[needs])
    return float((plants.input_cost_share * of_ore)[plant] @ size / size.sum())


def boom_and_bust() -> Finding:
    """13. A long boom brings capacity, a glut and a bust."""
    boom = _event("demand_shock", goods="all", growth="15 %/year", from_="2025-01-01", until="2029-12-31")
    level = _event("demand_shock", goods="all", level="101 %", from_="2030-01-01")
    level = level.replace("+events.demand_shock", "+events.level")
    data = _run("minerals=[lithium]", "time.end=2035-12", boom, level)
    yearly = _price(data, "lithium_chemicals", "price_gate").reshape(-1, 12).mean(1)
    top = int(yearly.argmax())
    low = float(yearly[top + 1 : top + 6].min(initial=np.inf) / yearly[top])
    peak = f"peak {_times(float(yearly[top]))} the base price"
    said = f"{peak}, then {_times(low)} the peak within five years"
    return Finding(said, bool(2 <= yearly[top] <= 3 and low <= 0.5))


def a_copy_goes_on() -> Finding:
    """14. A copy of a running simulation goes on exactly as the original."""
    simulation = _simulation(GERMANIUM, "time.end=2026-12", _stop())
    for _ in range(15):
        simulation.step()
    others = copy.deepcopy(simulation), Simulation.resume(simulation.checkpoint())
    steps, differ = 2 * (simulation.steps - simulation.time), 0
    while simulation.time < simulation.steps:
        price = simulation.step().clearing.price
        differ += sum(not np.array_equal(price, other.step().clearing.price) for other in others)
    return Finding(f"{differ} of {steps} later steps differ in a bit", differ == 0)


def _listed(measures: Mapping[Callable[[], Finding], tuple[str, str]]) -> tuple[Property, ...]:
    return tuple(Property(i, *said, measure) for i, (measure, said) in enumerate(measures.items(), start=1))


PROPERTIES = _listed({
    months_and_weeks: ("Months and weeks agree",
                       "mean prices within 3 %, unmet need within 3 points"),
    nothing_real_changes: ("All currencies, costs and budgets up by a fifth: nothing real changes",
                           "no use or output by more than 0.1 %"),
    lasting_cut: ("A lasting cut of 10 %: one peak, and no price below base while supply is short",
                  "no rise of more than 5 % after the peak; at least the base price"),
    losses_and_bids: ("The value lost is the bids unserved", "within 1 %"),
    news: ("An announced stop moves the price at once, on both sides alike, and back if it is dropped",
           "a third in the first week; sides differ by a tenth of it at most, later by a fifth; "
           "within 10 % of base"),
    short_strike: ("A short strike does little where stocks are held, much where not", "10 % of the price"),
    release: ("After a stop users lack no more than in its last week", "that week's share of need"),
    target_and_bystanders: ("The target of a ban is not better off by it than bystanders",
                            "what the ban adds to the need unmet of users, to 0.1 points"),
    ceiling: ("Behind a ceiling nothing winds up", "no more than 5 % above what it would have been"),
    slack: ("A quota goes slack when demand has left", "rent above 1 % before, at most 1 % after"),
    highest_value: ("No price above the value of the highest class of use", "at most once that value"),
    ore_and_metal: ("A cut of ore reaches metal within half a year",
                    "the metal's price rises by the ore's share in its cost, less the plants' margin"),
    boom_and_bust: ("A long boom brings capacity, a glut and a bust",
                    "peak 2 to 3 times base, half of it or less one to five years later"),
    a_copy_goes_on: ("A copy of a running simulation goes on exactly as the original", "every bit"),
})  # fmt: skip
