"""Who gains and who loses in money, per member: trade, duties, value added at risk, sales of owners."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import xarray as xr

from sim.analysis import metrics
from sim.analysis.compared_goods import Facts, Wanted, in_blocks
from sim.analysis.comparison import Key
from sim.analysis.select import texts
from sim.results.grouping import group_sum, over_run

Values = npt.NDArray[np.float64]
Sums = dict[tuple[str, ...], Values]
"""Labels -> (member,) USD over the period."""

__all__ = ["money_facts", "trade_members"]

TRADE_MEMBERS = 512
"""Members of a sweep whose trade in money is read."""
NEIGHBOURS = 32
"""Members that a sweep stores together."""


def money_facts(run: xr.Dataset, base: xr.Dataset, wanted: Wanted) -> Facts:
    """Money of one run less that of its baseline, (member,) USD over the period.

    Exports count at the gate price of the step (of the year, in a sweep), imports with freight and rent where
    a run keeps that. The rent of a quota or licence is therefore in what importers pay and in nobody's
    receipts: who holds the paper, the model does not say.

    Args:
        run: results.
        base: those of the paired baseline, with the same goods.
        wanted: sectors that are asked for by country, too.
    """

    def at_risk(rows: xr.Dataset, beside: xr.Dataset | None) -> Facts:
        assert beside is not None
        return _at_risk(rows, beside, wanted)

    def trade(rows: xr.Dataset, beside: xr.Dataset | None) -> Facts:
        assert beside is not None
        return _trade(rows, beside, _at_risk(rows, beside, wanted)) | _owners(rows, beside)

    some = trade_members(run)
    lost = ["value_added_at_risk"]
    facts = in_blocks(at_risk, run[lost], base[lost])
    if len(some) == run.sizes["member"]:
        return facts | in_blocks(trade, run, base)
    return facts | in_blocks(trade, run.isel(member=some), base.isel(member=some))


def trade_members(run: xr.Dataset) -> npt.NDArray[np.intp]:
    """Members whose trade is read: all, and of a large sweep some, evenly spread in runs of neighbours.

    Yearly trade between all countries takes longer to read than all else that a comparison needs.
    """
    members = run.sizes["member"]
    if "flow_year" not in run or members <= TRADE_MEMBERS:
        return np.arange(members)
    starts = np.linspace(0, members // NEIGHBOURS - 1, TRADE_MEMBERS // NEIGHBOURS).astype(np.intp)
    return (starts[:, None] * NEIGHBOURS + np.arange(NEIGHBOURS)).ravel()


def _less(own: Sums, other: Sums) -> Sums:
    """The one less the other, by label; what is missing is nothing."""
    labels = sorted(own.keys() | other.keys())
    nothing = np.zeros_like(next(iter((own or other).values()))) if labels else np.zeros(0)
    return {label: own.get(label, nothing) - other.get(label, nothing) for label in labels}


def _grouped(values: Values, *labels: npt.NDArray[np.str_]) -> Sums:
    """(member, label) summed over equal labels."""
    keys, sums = group_sum(values, list(labels))
    return {key: sums[:, i] for i, key in enumerate(keys)}


def _worth(tonnes: npt.NDArray[np.floating], prices: npt.NDArray[np.floating]) -> Values:
    """USD; what was not traded has no price and is worth nothing."""
    return np.where(tonnes == 0, 0.0, tonnes.astype(np.float64) * prices)


def _at_risk(run: xr.Dataset, base: xr.Dataset, wanted: Wanted) -> Facts:
    """Value added at risk beyond the baseline's: all, by country, by sector."""

    def lost(data: xr.Dataset) -> Sums:
        users = np.flatnonzero(texts(data, "facility_kind") == "manufacturer")
        values = metrics.value_added_at_risk(data["value_added_at_risk"].isel(facility=users).values)
        return _grouped(values, *(texts(data, f"facility_{by}")[users] for by in ("country", "sector")))

    by_both = _less(lost(run), lost(base))
    facts: Facts = {Key("value_at_risk"): sum(by_both.values(), np.zeros(run.sizes["member"]))}
    for (country, sector), values in by_both.items():
        keys = [Key("value_at_risk", "", country), Key("value_at_risk", "", "", sector)]
        if country in wanted.importers and sector in wanted.sectors:
            keys.append(Key("value_at_risk", "", country, sector))
        for key in keys:
            facts[key] = facts.get(key, 0.0) + values
    return facts


def _trade(run: xr.Dataset, base: xr.Dataset, at_risk: Facts) -> Facts:
    """Exports, imports and duties by country, and what remains with value added at risk."""
    own, other = _exports_and_imports(run), _exports_and_imports(base)
    if own is None or other is None:
        return {}
    exports, imports = (_less(one, two) for one, two in zip(own, other, strict=True))
    facts: Facts = {}
    nothing = np.zeros(run.sizes["member"])
    risks = {key.place for key in at_risk if key.place and not key.sector}
    for place in sorted({label[0] for label in [*exports, *imports]} | risks):
        sold, bought = exports.get((place,), nothing), imports.get((place,), nothing)
        facts[Key("exports_value", "", place)], facts[Key("imports_value", "", place)] = sold, bought
        facts[Key("net", "", place)] = sold - bought - at_risk.get(Key("value_at_risk", "", place), nothing)
    if "tariff_revenue" in run and "tariff_revenue" in base:
        raised = (
            _grouped(over_run(data["tariff_revenue"].values, "tariff_revenue"), texts(data, "importer"))
            for data in (run, base)
        )
        facts |= {Key("duties", "", place): values for (place,), values in _less(*raised).items()}
    return facts


def _exports_and_imports(data: xr.Dataset) -> tuple[Sums, Sums] | None:
    """(member,) USD over the period by country; None where a run keeps no trade."""
    place = {good: i for i, good in enumerate(texts(data, "good"))}
    gate = data["price_gate"]
    if "exports" in data and "import_value" in data:
        at = [place[good] for good in texts(data, "outbound_good")]
        worth = _worth(data["exports"].values, gate.values[..., at])
        bought = over_run(data["import_value"].values, "import_value")
        return (
            _grouped(worth.sum(axis=1), texts(data, "outbound_country")),
            _grouped(bought, texts(data, "inbound_country")),
        )
    if "flow_year" not in data:
        return None
    abroad = np.flatnonzero(texts(data, "link_exporter") != texts(data, "link_importer"))
    at = [place[good] for good in texts(data, "link_good")[abroad]]
    years = data["time"].values.astype("datetime64[Y]").astype(int) + 1970
    prices = gate.values
    value = np.zeros((data.sizes["member"], len(abroad)))
    flow = data["flow_year"].values
    for i, year in enumerate(data["year"].values):
        mean = metrics.mean_price(prices[:, years == year])
        value += _worth(flow[:, i, abroad], mean[:, at])
    return (
        _grouped(value, texts(data, "link_exporter")[abroad]),
        _grouped(value, texts(data, "link_importer")[abroad]),
    )


def _owners(run: xr.Dataset, base: xr.Dataset) -> Facts:
    """Sales at gate prices by owner; nothing in a sweep, which keeps no single facilities."""
    if not all("sales" in data and "offer_firm" in data.coords for data in (run, base)):
        return {}
    sums = []
    for data in (run, base):
        place = {good: i for i, good in enumerate(texts(data, "good"))}
        at = [place[good] for good in texts(data, "offer_good")]
        own = np.flatnonzero(texts(data, "offer_kind") != "trader")
        worth = _worth(data["sales"].isel(offer=own).values, data["price_gate"].values[..., at][..., own])
        sums.append(_grouped(worth.sum(axis=1, dtype=np.float64), texts(data, "offer_firm")[own]))
    return {Key("owner_sales", owner=owner): values for (owner,), values in _less(*sums).items()}
