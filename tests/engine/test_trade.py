"""What crosses borders: the same tonnes whether counted at the exporter, the importer or by link."""

from __future__ import annotations

import datetime as dt

import numpy as np

from sim.engine import Simulation
from sim.world.world import World
from tests.engine_events import PlainScenario, Restriction


def test_exports_agree_with_the_yearly_flows(small_world: World) -> None:
    ban = Restriction("ban", "ban", tuple(g.id for g in small_world.goods), dt.date(2024, 7, 1), to=("USA",))
    scenario = PlainScenario(end=dt.date(2024, 12, 31), events=(ban,))
    data = Simulation(small_world, scenario).run()
    goods = [str(good) for good in data.good.values]
    link_abroad = data.link_exporter != data.link_importer
    for good in goods:
        sold = data.exports.isel(outbound=np.flatnonzero(data.outbound_good == good)).sum("outbound")
        flows = data.flow.sel(quantile=0.5, year=2024)
        yearly = float(flows.where(link_abroad & (data.link_good == good)).sum())
        np.testing.assert_allclose(float(sold.sum()), yearly, rtol=1e-4, atol=1e-6)
    assert float(data.exports.sum()) > 0


def test_imports_are_exports_some_weeks_later(small_world: World) -> None:
    """Over a time in which trade has settled again both are the same; right after a ban imports go on."""
    ban = Restriction("ban", "ban", tuple(g.id for g in small_world.goods), dt.date(2024, 7, 1))
    usual, banned = (
        Simulation(small_world, PlainScenario(end=dt.date(2024, 12, 31), events=events)).run().isel(member=0)
        for events in ((), (ban,))
    )
    np.testing.assert_allclose(
        usual.imports.sum("inbound"), usual.exports.sum("outbound"), rtol=1e-4, atol=1e-6
    )
    into = (banned.inbound_country == "USA").values
    sold = banned.exports.sum("outbound").values
    arrived = banned.imports.sum("inbound").values
    assert sold[6] < 0.99 * sold[5]
    assert arrived[6] - arrived[5] > sold[6] - sold[5]
    assert banned.imports.values[5, into].sum() > 0


def test_imports_of_the_base_year_cost_the_base_price_and_freight(small_world: World) -> None:
    data = Simulation(small_world, PlainScenario(end=dt.date(2024, 1, 31))).run().isel(member=0, time=0)
    price = {str(g): float(data.good_base_price.sel(good=g)) for g in data.good.values}
    base = np.array([price[str(good)] for good in data.inbound_good.values])
    unit = data.import_value.values / np.maximum(data.imports.values, 1e-12)
    traded = data.imports.values > 1e-6
    assert traded.any()
    ratio = unit[traded] / base[traded]
    assert ratio.min() > 1.01
    assert ratio.max() < 1.04
