"""Members of shipped scenarios: the same to the byte alone and among others, drawn elasticities included."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from sim.engine import Simulation
from sim.scenario import load_scenario
from sim.world.load import load_world
from tests.checks_of_runs import price_briefly

MEMBERS = [0, 2, 3, 4, 5]
SIGMA = {"assumptions.sourcing_elasticity": np.array([6.0, 4.0, 9.0, 2.5, 4.0])}
CASES = [
    ("ree-licence-2025", ("minerals=[dysprosium,neodymium_praseodymium]", "time.end=2025-09")),
    ("stockpile-usa-tantalum", ("time.end=2025-12",)),
    ("ga-ge-sb-ban-usa-2024", ("minerals=[gallium]", "time.end=2025-03")),
    ("reex-long-run", ("time.start=2025-10", "time.end=2026-04")),
]
"""A queue with many users, a stockpile, a ban that follows origins, and projects with loans and a floor."""


def differing(one: xr.Dataset, other: xr.Dataset) -> list[str]:
    """Variables by member in which the only member of one is not the one of the other."""
    found = []
    for name, values in one.data_vars.items():
        if "member" in values.dims:
            theirs = other[name].sel(member=values.member)
            if not np.array_equal(values, theirs, equal_nan=values.dtype.kind == "f"):
                found.append(str(name))
    return found


@pytest.mark.parametrize("varied", [False, True], ids=["shared", "drawn"])
@pytest.mark.parametrize(("name", "overrides"), CASES, ids=[name for name, _ in CASES])
def test_a_member_is_the_same_alone(
    name: str, overrides: tuple[str, ...], varied: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where elasticities are shared, with fewer rounds of the market of tomorrow: the other runs have all.

    But for that of the long run, whose rounds cost most.
    """
    if not varied or name == "reex-long-run":
        price_briefly(monkeypatch)
    scenario = load_scenario(name, overrides=overrides)
    world = load_world(scenario.base_year, scenario.tables)
    values = SIGMA if varied else {}
    together = Simulation(world, scenario, members=MEMBERS, seed=2, values=values).run()
    for position in (0, 3):
        mine = {path: drawn[[position]] for path, drawn in values.items()}
        alone = Simulation(world, scenario, members=[MEMBERS[position]], seed=2, values=mine).run()
        assert differing(alone, together) == []
    if varied:
        fixed = replace(scenario, assumptions={**scenario.assumptions, "sourcing_elasticity": 2.5})
        alone = Simulation(world, fixed, members=[MEMBERS[3]], seed=2).run()
        assert differing(alone.drop_vars("drawn", errors="ignore"), together) == []
