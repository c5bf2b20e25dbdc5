"""Trade between countries in the year in which a scenario takes most away, beside the paired baseline."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import xarray as xr

from sim.plots.case import Case, Shown

__all__ = ["Traded", "traded"]


@dataclass(frozen=True)
class Traded:
    """Trade of one year.

    Attributes:
        year: the calendar year, in which trade across borders in the good is furthest below the baseline's.
        table: ``good``, ``exporter``, ``importer``, ``before`` and ``now`` in tonnes, of some goods.
    """

    year: int
    table: pd.DataFrame

    def of(self, goods: tuple[str, ...]) -> pd.DataFrame:
        """Tonnes of some goods together, by pair of countries."""
        mine = self.table[self.table["good"].isin(goods)]
        return mine.groupby(["exporter", "importer"], as_index=False)[["before", "now"]].sum()


def _long(data: xr.Dataset, goods: tuple[str, ...], column: str) -> pd.DataFrame:
    """One row per year and link; the median over members."""
    chosen = np.flatnonzero(np.isin(data["link_good"].values.astype(str), goods))
    if "flow_year" in data:
        # Quantiles of links do not add up; means do, and a link's mean is near its median.
        tonnes = data["flow_year"].values[..., chosen].astype(np.float64).mean(axis=0)
    else:
        middle = int(np.abs(data["quantile"].values - 0.5).argmin())
        tonnes = data["flow"].values[middle][..., chosen].astype(np.float64)
    years = data["year"].values
    labels = {
        part: data[f"link_{part}"].values.astype(str)[chosen] for part in ("good", "exporter", "importer")
    }
    frame = pd.DataFrame({name: np.tile(values, len(years)) for name, values in labels.items()})
    return frame.assign(year=np.repeat(years, len(chosen)), **{column: tonnes.ravel()})


def traded(case: Case, shown: Shown, goods: tuple[str, ...]) -> Traded | None:
    """Trade in some goods in the scenario's worst year for the good; None where results have no trade."""
    if "link_good" not in shown.now.coords or not ({"flow", "flow_year"} & set(shown.now)):
        return None
    keys = ["good", "exporter", "importer", "year"]
    wanted = tuple(dict.fromkeys((case.good, *goods)))
    table = _long(shown.now, wanted, "now").merge(_long(shown.before, wanted, "before"), on=keys, how="outer")
    table = table.fillna({"now": 0.0, "before": 0.0})
    # A year of which the runs have a part would be the worst by its length alone.
    years, steps = np.unique(case.lined.time.astype("datetime64[Y]").astype(int) + 1970, return_counts=True)
    whole = years[steps >= steps.max() - 1]
    table = table[table["year"].isin(whole)]
    abroad = table[(table["good"] == case.good) & (table["exporter"] != table["importer"])]
    if not len(abroad):
        return None
    change = (abroad["now"] - abroad["before"]).groupby(abroad["year"]).sum()
    year = int(change.index[int(change.to_numpy().argmin())])
    return Traded(year, table[table["year"] == year].drop(columns="year").reset_index(drop=True))
