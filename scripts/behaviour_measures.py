"""What docs/behaviour.md shows, measured: scenarios as overrides of ``baseline-2024``, run in small worlds.

Each ``measure_*`` returns arrays with the member axis first, over the same member without the measure. The
tests check their signs and order; ``behaviour_pictures.py`` draws them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from scripts.picture_tools import Dates, Values, Watched

MEMBERS = 20
BASE = "baseline-2024"
GERMANIUM = "minerals=[germanium]"
METAL = "germanium_metal"

# Every scenario of the page. The tests check that the page shows them as they stand here.
NOTICE = (
    "+events.ban={type: export_ban, by: CHN, to: world, goods: [germanium_metal], announced: 2025-01-01, "
    "from: 2025-07-01, until: 2026-06-30, assumption: an example}"
)
NO_NOTICE = NOTICE.replace("announced: 2025-01-01", "announced: 2025-07-01")
DROPPED = NOTICE.replace("until: 2026-06-30", "until: 2025-07-01, end_announced: 2025-06-01")
CONTROL = (
    "+events.control={type: export_quota, by: CHN, to: world, goods: [germanium_metal], amount: 28 t/year, "
    "from: 2025-01-01, until: 2027-12-31, assumption: about half of what China exports}"
)
CUT = (
    "+events.cut={type: production_quota, by: CHN, goods: [germanium_metal], amount: 106.5 t/year, "
    "from: 2025-01-01, until: 2027-12-31, assumption: as many tonnes less as under the control}"
)
QUOTAS = {"75 % of exports": "42 t", "50 %": "28 t", "25 %": "14 t"}
DEMAND = (
    "+events.demand={type: demand_shock, goods: all, level: 10 %, from: 2025-01-01, assumption: an example}"
)
STOP = (
    "+events.stop={type: export_ban, by: CHN, to: world, goods: [GOODS], from: 2024-07-01, "
    "until: 2025-06-29, assumption: a complete stop for 52 weeks}"
)
"""In steps of a week; ``GOODS`` stands for what is stopped."""

Series = dict[str, Values]
"""Name -> (M, T)."""


# -- what is measured --------------------------------------------------------------------------


def _abroad(run: Watched, good: str, axis: str) -> npt.NDArray[np.bool_]:
    """(N,) or (O,) True for needs or offers of the good outside China."""
    here: npt.NDArray[np.bool_] = run.data[f"{axis}_good"].values == good
    abroad: npt.NDArray[np.bool_] = run.data[f"{axis}_country"].values != "CHN"
    return here & abroad


def _sum(run: Watched, name: str, columns: npt.NDArray[np.bool_]) -> Values:
    total: Values = run.data[name].values[:, :, columns].sum(2, dtype=np.float64)
    return total


def _standing(run: Watched, good: str, market: str) -> Values:
    """(M, T) USD/t: the price, and where nothing is traded what is asked inside, bid outside."""
    price = run.data[f"price_{market}"].fillna(run.data[f"quote_{market}"])
    return np.asarray(price.sel(good=good).values, dtype=np.float64)


def _observe(good: str, overrides: Sequence[str], members: int) -> tuple[Dates, Series]:
    """Dates and (M, T) of one run: prices in USD/t, tonnes in a step, stocks in t."""
    run = Watched(BASE, {"exports": ((good,), "CHN", "!CHN")}, overrides, members)
    users, makers = _abroad(run, good, "need"), _abroad(run, good, "offer")
    chinese = (run.data["offer_good"].values == good) & ~makers
    return run.time, {
        "outside": _standing(run, good, "outside"),
        "inside": _standing(run, good, "inside"),
        "rent": run.data["rent"].sel(good=good).values.astype(np.float64),
        "exports": run.tonnes["exports"],
        "stock": _sum(run, "buyer_stock", users),
        "stock of makers": _sum(run, "seller_stock", chinese),
        "need abroad": _sum(run, "requirement", users),
        "use abroad": _sum(run, "consumption", users),
        "output abroad": _sum(run, "production", makers),
        "output of China": _sum(run, "production", chinese),
        "output": _sum(run, "production", makers | chinese),
    }


def _compare(
    good: str, runs: Mapping[str, Sequence[str]], common: Sequence[str], members: int
) -> tuple[Dates, dict[str, Series]]:
    """Dates and every series of each run over the same member's without the measure; rents as they are."""
    time, base = _observe(good, common, members)
    found = {}
    for name, overrides in runs.items():
        _, series = _observe(good, [*common, *overrides], members)
        found[name] = {k: v if k == "rent" else v / base[k] for k, v in series.items()}
        found[name]["t exported a year"] = 12 * series["exports"]
    return time, found


def measure_notice(members: int = MEMBERS) -> tuple[Dates, dict[str, Series]]:
    """A year's ban on germanium: announced half a year ahead, on the day, or dropped after its first day."""
    runs = {"no notice": [NO_NOTICE], "half a year's notice": [NOTICE], "notice, then dropped": [DROPPED]}
    return _compare(METAL, runs, [GERMANIUM, "time.end=2027-12"], members)


def measure_sides(members: int = MEMBERS) -> tuple[Dates, dict[str, Series]]:
    """As many tonnes of germanium less: kept from export, or not made."""
    runs = {"control on exports": [CONTROL], "cut of output": [CUT]}
    return _compare(METAL, runs, [GERMANIUM, "time.end=2028-12"], members)


def measure_quota(members: int = MEMBERS) -> tuple[Dates, dict[str, Series]]:
    """Export quotas on germanium for three years."""
    runs = {name: [CONTROL.replace("28 t", amount)] for name, amount in QUOTAS.items()}
    return _compare(METAL, runs, [GERMANIUM, "time.end=2029-12"], members)


TIED = ("+assumptions.supply_elasticity=0.05", "+assumptions.expansion_speed=0")
"""What a scenario says so that output hardly follows the price, and nobody builds."""
RAW: dict[str, tuple[str, str, tuple[str, ...]]] = {
    "gallium": ("gallium", "gallium_low_purity", ()),
    "germanium": ("germanium", "germanium_residue", ()),
    "cobalt": ("cobalt", "cobalt_intermediate", ()),
    "lithium": ("lithium", "lithium_concentrate", ()),
    "gallium, tied": ("gallium", "gallium_low_purity", TIED),
}
"""Mineral, the good of its mines or of those who recover it, assumptions. Only lithium is a main product."""


def measure_by_product(members: int = MEMBERS, level: str = "10 %") -> tuple[Dates, dict[str, Series]]:
    """Raw material over the baseline's when all end users need more: price and output."""
    found = {}
    time: Dates = np.array([], dtype="datetime64[D]")
    for name, (mineral, good, assumptions) in RAW.items():
        common = [f"minerals=[{mineral}]", "time.end=2028-12", *assumptions]
        shock = DEMAND.replace("level: 10 %", f"level: {level}")
        base, run = (Watched(BASE, {}, [*common, *more], members) for more in ([], [shock]))
        time = run.time
        mines = run.data["offer_good"].values == good
        price = [r.data["price_gate"].sel(good=good).values.astype(np.float64) for r in (run, base)]
        output = [_sum(r, "production", mines) for r in (run, base)]
        found[name] = {"price": price[0] / price[1], "output": output[0] / output[1]}
    return time, found


@dataclass(frozen=True)
class Stop:
    """What a complete stop of Chinese exports did to users abroad, by week.

    Attributes:
        price: (M, T) price outside over the baseline's.
        lack: group of users ("end users", "plants") -> (M, T) share of the need that is lacking, beyond what
            the same member lacks by chance without the stop. Where no plant uses the good there is no such
            group; likewise below.
        held: group -> (M, T) stock in weeks of the base year's use. under_way: group -> weeks of use that
            were on their way to it on the last day before the stop, central member.
        time: (T,) first day of each week. start, release: steps in which the stop begins and is over.
    """

    price: Values
    lack: dict[str, Values]
    held: dict[str, Values]
    under_way: dict[str, float]
    time: Dates
    start: int
    release: int


STOPPED = {
    "NdFeB magnets": ("rare_earth_magnets", ("ndfeb_magnet", "ndfeb_magnet_high_temperature")),
    "Dysprosium oxide": ("dysprosium", ("dysprosium_oxide",)),
    "Germanium": ("germanium", (METAL,)),
    "Gallium": ("gallium", ("gallium_low_purity", "gallium_high_purity")),
}
"""Minerals under the stop, and the goods whose users are watched."""
GROUPS = {"end users": "manufacturer", "plants": "processor"}


def measure_stop(members: int = MEMBERS, end: str = "2027-06") -> dict[str, Stop]:
    """A complete stop for 52 weeks, in steps of a week: when users stop, and what follows its end."""
    return {name: _stop(*what, members, end) for name, what in STOPPED.items()}


def _stop(mineral: str, goods: Sequence[str], members: int, end: str) -> Stop:
    common = [f"minerals=[{mineral}]", "time.step=week", f"time.end={end}"]
    transit = {"under way": lambda simulation: simulation.state.transit.sum(0)}
    base = Watched(BASE, {}, common, members)
    banned = METAL if mineral == "germanium" else mineral
    run = Watched(BASE, {}, [*common, STOP.replace("GOODS", banned)], members, transit)
    data = run.data
    start = int(np.searchsorted(run.time, np.datetime64("2024-07-01")))
    release = int(np.searchsorted(run.time, np.datetime64("2025-06-30")))
    abroad = np.isin(data["need_good"].values, goods) & (data["need_country"].values != "CHN")
    lack, held, under_way = {}, {}, {}
    for group, kind in GROUPS.items():
        users = abroad & (data["need_kind"].values == kind)
        weekly = float(run.world.need_use[users].sum()) * 7 / 365.25
        if weekly == 0:
            continue
        with_it, without = (_sum(r, "shortfall", users) / _sum(r, "requirement", users) for r in (run, base))
        lack[group] = np.maximum(with_it - without, 0.0)
        held[group] = _sum(run, "buyer_stock", users) / weekly
        under_way[group] = float(run.states["under way"][0, start - 1][users].sum()) / weekly
    # Of several goods the last, the purest, stands for the price.
    prices = [_standing(r, goods[-1], "outside") for r in (run, base)]
    return Stop(prices[0] / prices[1], lack, held, under_way, run.time, start, release)


def settled(ratio: Values, first: int, within: float = 0.1) -> Values:
    """(M,) steps after ``first`` until a (M, T) ratio stays within a distance of 1; inf if it never does."""
    off = np.abs(ratio[:, first:] - 1) > within
    last = off.shape[1] - off[:, ::-1].argmax(1)
    return np.where(off[:, -1], np.inf, np.where(off.any(1), last, 0)).astype(float)
