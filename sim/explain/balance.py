"""What became of a good outside its controlling country, against the paired baseline: tonnes that add up."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis.select import controller
from sim.results.grouping import group_sum

__all__ = ["NEEDED", "Balance", "balance"]

Values = npt.NDArray[np.float64]
NEEDED = ("exports", "imports", "production", "consumption", "seller_stock", "buyer_stock", "discarded")
"""What a sweep does not keep all of."""


@dataclass(frozen=True)
class Balance:
    """Tonnes more than in the baseline, from the first step of a window to its last, means over members.

    ``supply`` is used, kept, sold to the controlling country, discarded, or on its way.

    Attributes:
        country: the controlling country.
        supply: country -> tonnes more: what the controlling country sent abroad, what others made.
        base_supply: the same of the baseline, in all.
        needed: sector or kind of user and country -> tonnes more needed.
        missing: the same -> tonnes more that users went without.
        stocks: of sellers and buyers, at the end.
        states: bought for states' stocks, less what they released, anywhere.
        stock_now, stock_base: tonnes in stocks outside at the end, here and in the baseline.
        need_rate: tonnes needed outside in a step, in the baseline.
        sold_inside: sent on to the controlling country.
        discarded: joint products thrown away.
        home: of the controlling country itself, tonnes more made, used, and in stock at the end.
    """

    country: str
    supply: Mapping[str, float]
    base_supply: float
    needed: Mapping[tuple[str, str], float]
    missing: Mapping[tuple[str, str], float]
    stocks: float
    states: float
    stock_now: float
    stock_base: float
    need_rate: float
    sold_inside: float
    discarded: float
    home: tuple[float, float, float]

    @property
    def used(self) -> float:
        """Tonnes more used: what was needed more, less what was missing."""
        return sum(self.needed.values()) - sum(self.missing.values())

    @property
    def rest(self) -> float:
        """On the way at the end, or in states' stocks that hold it."""
        spent = self.used + self.stocks + self.sold_inside + self.discarded
        return sum(self.supply.values()) - spent


def balance(run: xr.Dataset, baseline: xr.Dataset, good: str, first: int, last: int) -> Balance:
    """The balance of a good over steps ``first`` to ``last``.

    Args:
        run, baseline: paired, row by row the same member; both hold :data:`NEEDED`.
        good: good id.
        first, last: the first step of the window, and its last.
    """
    country, window = controller(run, good), slice(first, last + 1)

    def on(name: str, axis: str, steps: slice, of: tuple[xr.Dataset, ...] = (run, baseline)) -> list[Values]:
        """(n,) means over members of the sums over steps, of each data set."""
        where = _where(run, axis, good)
        return [d[name].values[:, steps][..., where].sum(axis=1, dtype=np.float64).mean(axis=0) for d in of]

    def more(name: str, axis: str, steps: slice = window) -> Values:
        one, other = on(name, axis, steps)
        return one - other

    offers, needs = _where(run, "offer", good), _where(run, "need", good)
    at_offer = run["offer_country"].values.astype(str)[offers]
    at_need = run["need_country"].values.astype(str)[needs]
    makers = run["offer_kind"].values.astype(str)[offers] != "trader"
    users = run["need_kind"].values.astype(str)[needs] != "trader"
    abroad, using = at_offer != country, at_need != country
    border = run["outbound_country"].values.astype(str)[_where(run, "outbound", good)]
    inward = run["inbound_country"].values.astype(str)[_where(run, "inbound", good)]
    sent, sent_base = on("exports", "outbound", window)
    made, made_base = on("production", "offer", window)
    supply = _by(made - made_base, abroad & makers, at_offer)
    supply[country] = float((sent - sent_base)[border == country].sum())
    end = slice(last, last + 1)
    stock = [on("seller_stock", "offer", end), on("buyer_stock", "need", end)]
    now, base = (float(stock[0][i][abroad].sum() + stock[1][i][using].sum()) for i in (0, 1))
    groups = _groups(run, needs)
    need, need_base = on("requirement", "need", window)
    missing, used = more("shortfall", "need"), more("consumption", "need")
    lying = sum(float((stock[i][0] - stock[i][1])[~away].sum()) for i, away in enumerate((abroad, using)))
    return Balance(
        country=country,
        supply=supply,
        base_supply=float(made_base[abroad & makers].sum() + sent_base[border == country].sum()),
        needed=_by(need - need_base, using & users, groups),
        missing=_by(missing, using & users, groups),
        stocks=now - base,
        states=_states(run, good, window) - _states(baseline, good, window),
        stock_now=now,
        stock_base=base,
        need_rate=float(need_base[using & users].sum()) / (last + 1 - first),
        sold_inside=float(more("imports", "inbound")[inward == country].sum()),
        discarded=float(more("discarded", "offer")[abroad].sum()),
        home=(
            float((made - made_base)[~abroad & makers].sum()), float(used[~using & users].sum()), lying,
        ),
    )  # fmt: skip


def _where(run: xr.Dataset, axis: str, good: str) -> npt.NDArray[np.intp]:
    return np.flatnonzero(run[f"{axis}_good"].values.astype(str) == good)


def _by(values: Values, chosen: npt.NDArray[np.bool_], names: npt.NDArray[np.str_]) -> dict[Any, float]:
    """Sums of the chosen by name."""
    columns = names[chosen]
    keys, sums = group_sum(values[chosen], [columns] if columns.ndim == 1 else list(columns.T))
    return {key[0] if columns.ndim == 1 else key: float(total) for key, total in zip(keys, sums, strict=True)}


def _groups(run: xr.Dataset, needs: npt.NDArray[np.intp]) -> npt.NDArray[np.str_]:
    """(n, 2) sector, or kind where a user has none, and country."""
    sector, kind, place = (run[f"need_{n}"].values.astype(str)[needs] for n in ("sector", "kind", "country"))
    return np.stack([np.where(sector == "", kind, sector), place], axis=1)


def _states(run: xr.Dataset, good: str, window: slice) -> float:
    """Tonnes bought for states' stocks less those released."""
    if "stockpile_bought" not in run or not run.sizes.get("pile"):
        return 0.0
    chosen = np.flatnonzero(run["pile_good"].values.astype(str) == good)
    flows = run["stockpile_bought"].values[:, window] - run["stockpile_released"].values[:, window]
    return float(flows[..., chosen].sum(axis=(1, 2), dtype=np.float64).mean())
