"""A market that did not clear is named by good, step and member."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import xarray as xr

from sim.analysis.certified import missed_markets


def test_missed_markets_are_named_worst_first() -> None:
    certified = np.ones((2, 3, 2), dtype=bool)
    residual = np.zeros((2, 3, 2))
    for place, left in (((1, 2, 0), 1e-4), ((0, 1, 1), 0.03)):
        certified[place], residual[place] = False, left
    axes = ("member", "time", "good")
    data = xr.Dataset(
        {"certified": (axes, certified), "certificate_residual": (axes, residual)},
        coords={
            "member": [0, 7],
            "time": np.array(["2025-01", "2025-02", "2025-03"], dtype="datetime64[ns]"),
            "good": ["gallium", "copper"],
        },
    )
    run = SimpleNamespace(dataset=data, scenario="s", manifest={})
    assert missed_markets(run) == [  # type: ignore[arg-type]
        "s: copper on 2025-02-01 in member 0, 3 % of the market left uncleared",
        "s: gallium on 2025-03-01 in member 7, 0.01 % of the market left uncleared",
    ]
