"""From whom a country buys, year by year and member by member: the share of one origin in its imports."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from sim.engine.record import Recorder
from sim.errors import MonaziteError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PAIRS", "PairRecorder", "share_paths"]

Values = npt.NDArray[np.float64]
PAIRS = "flow_year"
"""(member, year, pair) tonnes from one country to another in a calendar year."""


class PairRecorder(Recorder):
    """The full record, and trade between countries by calendar year member by member, not as quantiles."""

    def dataset(self) -> xr.Dataset:
        """All results, labelled, with :data:`PAIRS`."""
        data = super().dataset()
        world = self._case.world
        codes, goods = np.array(world.countries), np.array([item.id for item in world.goods])
        good, pair = np.divmod(self._flows.links.keys, len(codes) ** 2)
        exporter, importer = np.divmod(pair, len(codes))
        yearly = np.stack(self._flows.so_far(), axis=1)
        labels = {
            "pair_good": ("pair", goods[good]),
            "pair_exporter": ("pair", codes[exporter]),
            "pair_importer": ("pair", codes[importer]),
        }
        return data.assign({PAIRS: (("member", "year", "pair"), yearly)}).assign_coords(labels)


def share_paths(dataset: xr.Dataset, goods: Sequence[str], pair: str, name: str) -> tuple[Values, Values]:
    """(M, T) tonnes from the origin, and from all countries abroad, a calendar year in its first step.

    Args:
        goods: ids. pair: importer and origin, ``USA<CHN``. name: of the series, for messages.

    Raises:
        MonaziteError: the pair cannot be read, or the run kept no trade by member.
    """
    if PAIRS not in dataset:
        raise MonaziteError(
            f"series '{name}': this run kept trade between countries as quantiles; only 'monazite hindcast "
            "--history' keeps it by member"
        )
    buyer, _, origin = pair.partition("<")
    known = set(dataset["importer"].values.astype(str).tolist())
    for code in (buyer, origin):
        if code not in known:
            raise MonaziteError(
                f"series '{name}': no country '{code}'; write importer and origin as ISO-3 codes: USA<CHN"
            )
    of, to, what = (dataset[f"pair_{part}"].values.astype(str) for part in ("exporter", "importer", "good"))
    abroad = np.isin(what, list(goods)) & (to == buyer) & (of != buyer)
    years = dataset["time"].values.astype("datetime64[Y]").astype(np.int64)
    first = np.flatnonzero(np.diff(years, prepend=years[0] - 1))
    found = []
    for chosen in (abroad & (of == origin), abroad):
        path = np.zeros((dataset.sizes["member"], len(years)))
        path[:, first] = dataset[PAIRS].values[:, :, chosen].sum(axis=2)
        found.append(path)
    return found[0], found[1]
