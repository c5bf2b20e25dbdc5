# ruff: noqa: E501 (events are written in one line each)
"""Valid scenarios that once ran into an error, into other bits, or into prices below nothing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sim.accounts import Account
from sim.agents.licences import LicenceQueue
from sim.controls import Licence
from sim.engine import Simulation
from sim.scenario import Scenario, check_scenario, load_scenario
from sim.world.load import load_world
from sim.world.restrict import restrict
from sim.world.world import World

pytestmark = pytest.mark.usefixtures("few_rounds")
HEAD = "format: 2\nname: case\ntitle: A case\nbase_year: 2024\nminerals: [gallium]\ntime: {start: 2024-01, end: 2024-05}\nevents:\n"
TARIFF = "type: import_tariff, by: USA, 'on': world, goods: [gallium]"
TAX = "type: export_tax, by: CHN, goods: [gallium]"


@pytest.fixture(scope="module")
def world() -> World:
    return restrict(load_world(2024), ("gallium",))


def scenario(folder: Path, *events: str) -> Scenario:
    lines = "".join(f"  e{i}: {{{e}, from: 2024-02-10, assumption: true}}\n" for i, e in enumerate(events))
    (folder / "case.yaml").write_text(HEAD + (lines or "  {}\n"))
    return load_scenario(folder / "case.yaml")


def run(world: World, case: Scenario, members: list[int]) -> xr.Dataset:
    with np.errstate(all="raise", under="ignore"):
        return Simulation(world, case, members=members, seed=5).run()


@pytest.mark.parametrize(
    "event",
    [
        # What one member draws is no duty at all, no preference, nothing carried over.
        "type: carbon_border_tax, by: [USA, JPN], intensity: {gallium: 40 t CO2/t}, price: {choice: [10 USD/t CO2, 150 USD/t CO2]}, paid_at_origin: {world: 100 USD/t CO2}",
        "type: bloc, members: [USA, JPN, CHN], preference: 50 %, probability: 50 %",
        "type: export_quota, by: CHN, goods: [gallium], amount: 300 t/year, carry_over: {choice: [0 %, 80 %]}",
        "type: outage, countries: CHN, loss: 80 %, length: {choice: [0 days, 2 months]}",
        "type: freight_shock, delay: {choice: [0 days, 40 days]}",
    ],
    ids=["carbon", "bloc", "carry over", "outage", "delay"],
)
def test_a_member_for_whom_nothing_happens_is_the_same_alone(world: World, tmp_path: Path, event: str) -> None:
    case = scenario(tmp_path, event)
    batch = Simulation(world, case, members=6, seed=5)
    together = batch.run()
    for member in range(6):
        lone = Simulation(world, case, members=[member], seed=5)
        alone = lone.run()
        for name, values in alone.data_vars.items():
            if "member" in values.dims:
                np.testing.assert_array_equal(values[0], together[name][member], err_msg=str(name))
        one, all_of_them = lone.last.market, batch.last.market
        assert len(one.gates) == len(all_of_them.gates)
        for mine, theirs in zip(one.market.kernel, all_of_them.market.kernel, strict=True):
            # A matrix of its own multiplies in another order than one that all share.
            assert mine.ndim == theirs.ndim


@pytest.mark.parametrize(
    "events",
    [(f"{TARIFF}, rate: -90 %",) * 3, (f"{TAX}, rate: -90 %",) * 3, (f"{TAX}, rate: -90 %", f"{TARIFF}, rate: -90 %")],
    ids=["tariffs", "rebates", "both"],
)  # fmt: skip
def test_relief_that_adds_up_leaves_a_price(world: World, tmp_path: Path, events: tuple[str, ...]) -> None:
    data = run(world, scenario(tmp_path, *events), [0, 1])
    assert bool(data.certified.all())
    for name in ("price_gate", "price_outside"):
        assert float(data[name].min()) > 0
    delivered = data.price_delivered.values
    assert (delivered[np.isfinite(delivered)] > 0).all()


@pytest.mark.parametrize(
    ("event", "say"),
    [
        (f"{TARIFF}, rate: -100 %", "-90 %"),
        ("type: bloc, members: [USA, JPN], tariff_inside: -100 %", "-90 %"),
        ("type: energy_cost, countries: CHN, change: -100 %, energy_share: 100 %", "99 %"),
    ],
)
def test_what_would_leave_no_price_is_refused(tmp_path: Path, event: str, say: str) -> None:
    (tmp_path / "case.yaml").write_text(HEAD + f"  e: {{{event}, from: 2024-02-10, assumption: true}}\n")
    found, problems = check_scenario(tmp_path / "case.yaml")
    assert found is None
    assert any(say in problem.remedy for problem in problems)


def test_a_ceiling_on_output_that_is_not_there(world: World, tmp_path: Path) -> None:
    """An amount for makers that made nothing is no ceiling, for members whom it concerns and for others."""
    quota = "type: production_quota, by: AUS, goods: [gallium], amount: 5 t/year, probability: 50 %"
    calm = run(world, scenario(tmp_path), list(range(4)))
    data = run(world, scenario(tmp_path, quota), list(range(4)))
    # Who hears of anything reckons with what buyers have learnt of sellers, not with the base year's.
    np.testing.assert_allclose(data.production, calm.production, rtol=2e-5)


def test_a_queue_is_the_same_alone_however_long_others_wait() -> None:
    """With one seller the slots lie side by side, where numpy adds in pairs: their number must not count."""
    rng = np.random.default_rng(1)
    waits = np.array([2, 30, 11]) / 52

    def licence(delay: np.ndarray) -> Licence:
        return Licence("l", 0, 0, np.ones(3, dtype=bool), 0.5, delay / 3, 10 * delay, longest_delay_years=delay)

    def queue_of(delay: np.ndarray) -> LicenceQueue:
        return LicenceQueue.empty(len(delay), 1, licence(delay), 1 / 52)

    batch, lone = queue_of(waits), [queue_of(waits[[member]]) for member in range(3)]
    for _ in range(40):
        tonnes = rng.uniform(0, 1, (3, 1))
        batch.apply_for(tonnes, licence(waits), 1 / 52)
        batch.decide(0.7, 0.4)
        for member, queue in enumerate(lone):
            queue.apply_for(tonnes[[member]], licence(waits[[member]]), 1 / 52)
            queue.decide(0.7, 0.4)
            for name in ("held", "undecided", "allowed", "filed", "approved"):
                np.testing.assert_array_equal(getattr(queue, name)[0], getattr(batch, name)[member], err_msg=name)


def test_a_pile_is_the_same_alone_however_many_there_are() -> None:
    rng = np.random.default_rng(2)
    several, one = Account(rng.uniform(0, 1, (5, 1, 1)), 20), Account(np.zeros((1, 1, 1)), 20)
    several.transit[:] = rng.uniform(0, 1, several.transit.shape)
    for member in range(5):
        one.stock, one.transit[:] = several.stock[[member]], several.transit[:, [member]]
        np.testing.assert_array_equal(one.position[0], several.position[member])
