"""The base year's steady state, and what a checkpoint may bring back."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from sim.agents.prepared import Prepared
from sim.agents.state import State, initial_state, need_rate
from sim.arrays import Saved
from sim.controls import Controls
from sim.errors import MonaziteError
from sim.world.world import World
from tests.prepared_world import LATER, MONTH, Situation, need_of, offer_of, plant_of, prepared_world


def test_the_base_year(small_world: World) -> None:
    prepared = prepared_world(small_world, 2, cover_scale=[1.0, 1.5])
    state, world, base = initial_state(prepared), small_world, prepared.benchmark.base_index
    # What mines make of a step they make at its start.
    made = np.where(prepared.made, world.offer_output, 0.0)
    for m, scale in enumerate([1.0, 1.5]):
        cover = world.need_use * world.need_cover * scale
        for name, value in {
            "seller_stock": world.offer_stock + made * MONTH, "buyer_stock": cover, "building": 0.0,
            "rate": world.offer_output, "capacity": world.offer_capacity, "cash_cost": 0.7,
            "gate_price": 1.0, "offer_expected_price": 1.0, "choice_index": base,
            "need_expected_price": base, "usable": 1.0, "switched": 0.0, "intensity": 1.0,
            "required": 0.0, "shortfall": 0.0,
        }.items():  # fmt: skip
            np.testing.assert_allclose(getattr(state, name)[m], value, rtol=1e-12, err_msg=name)
    for name in ("separator_china_b", "magnet_japan"):
        use = world.need_use[world.need_facility == world.facilities.index(name)].sum()
        np.testing.assert_allclose(state.throughput[:, plant_of(prepared, name)], use)


@pytest.mark.parametrize("step_years", [MONTH, 1 / 52])
def test_pipelines_hold_every_past_order_that_is_still_to_come(small_world: World, step_years: float) -> None:
    """Orders of use, one a step for ever, each split over its lags; counted order by order."""
    prepared = prepared_world(small_world, step_years=step_years)
    state, lags = initial_state(prepared), prepared.benchmark.lag_weight
    expected = np.zeros_like(state.transit[:, 0])
    for g in range(len(small_world.goods)):
        first = small_world.need_slice(g).start
        for (s, b), flow in np.ndenumerate(prepared.benchmark.flow[g]):
            for ago in range(len(lags)):
                for lag in range(ago + 1, len(lags)):
                    expected[lag - ago - 1, first + b] += flow * step_years * lags[lag][g][s, b]
    np.testing.assert_allclose(state.transit[:, 0], expected, rtol=1e-10, atol=1e-12)
    # Tonnes under way are use times the mean time under way.
    use = small_world.need_use * step_years
    mean = (prepared.benchmark.need_lag * np.arange(len(lags))[:, None]).sum(0)
    np.testing.assert_allclose(state.transit[:, 0].sum(0), use * mean, rtol=1e-10, atol=1e-12)


def test_entrants_hold_and_make_nothing(entering: Situation) -> None:
    state, world = initial_state(entering.prepared), entering.world
    for name in LATER:
        facility = world.facilities.index(name)
        offers, needs = world.offer_facility == facility, world.need_facility == facility
        assert not state.rate[:, offers].any()
        assert not state.seller_stock[:, offers].any()
        assert not state.buyer_stock[:, needs].any()
        assert not state.transit[:, :, needs].any()
        assert (state.choice_index[:, needs] > 0.9).all()
    for name in LATER[1:]:
        assert not state.throughput[:, plant_of(entering.prepared, name)].any()


def test_members_have_arrays_of_their_own(small_world: World) -> None:
    state = initial_state(prepared_world(small_world, 2))
    for name, value in state.arrays().items():
        before = value.copy()
        row = value[:, 0] if name == "transit" else value[0]
        row += 1
        others = value[:, 1] if name == "transit" else value[1:]
        np.testing.assert_array_equal(others, before[:, 1] if name == "transit" else before[1:])
    assert set(state.arrays()) == set(State.__dataclass_fields__)
    fresh = initial_state(prepared_world(small_world))
    np.testing.assert_array_equal(fresh.rate[0], small_world.offer_output)


def test_need_rate_is_thrift_switching_and_policy(plain: Prepared) -> None:
    state, controls = initial_state(plain), Controls(plain.world)
    state.intensity[:] = 0.8
    controls.intensity_factor = np.full_like(controls.intensity_factor, 0.5)
    np.testing.assert_allclose(need_rate(state, controls), 0.4)
    state.switched[:] = 0.5
    left = 1 - 0.5 * plain.world.need_switch_share
    np.testing.assert_allclose(need_rate(state, controls), [0.4 * left])
    assert left.min() < 1


# -- checkpoints ---------------------------------------------------------------------------------


def test_restore_takes_over_everything(varied: Situation) -> None:
    state = initial_state(varied.prepared)
    saved = {name: value.copy() for name, value in varied.state.arrays().items()}
    state.restore(Saved("state", saved))
    for name, value in saved.items():
        np.testing.assert_array_equal(state.arrays()[name], value, name)
    state.seller_stock += 1
    np.testing.assert_array_equal(saved["seller_stock"], varied.state.seller_stock)


@pytest.mark.parametrize("saved_lags", [0, 1, 3])
def test_restore_fits_shipments_into_more_lags_or_fewer(plain: Prepared, saved_lags: int) -> None:
    state = initial_state(plain)
    saved = state.arrays()
    before = state.transit.copy()
    lags = len(before)
    assert lags == 2
    shape = (saved_lags, *before.shape[1:])
    saved["transit"] = 100.0 + np.arange(np.prod(shape, dtype=int)).reshape(shape)
    state.restore(Saved("state", saved))
    both = min(lags, saved_lags)
    assert state.transit.shape == before.shape
    np.testing.assert_array_equal(state.transit[:both], saved["transit"][:both])


def test_restore_keeps_the_types(plain: Prepared) -> None:
    state = initial_state(plain)
    saved: dict[str, Any] = {name: value.astype(np.float32) for name, value in state.arrays().items()}
    saved["owner"] = state.owner.astype(np.int32)
    state.restore(Saved("state", saved))
    assert state.seller_stock.dtype == np.float64
    assert state.owner.dtype == np.int64


@pytest.mark.parametrize(
    ("name", "shape", "message"),
    [
        ("seller_stock", None, r"'state/seller_stock' is missing"),
        ("buyer_stock", (1, 13), r"'state/buyer_stock' has shape \(1, 13\); expected \(1, 12\)"),
        ("rate", (2, 10), r"'state/rate' has shape \(2, 10\); expected \(1, 10\)"),
        ("transit", (2, 2, 12), r"'state/transit' has shape \(2, 2, 12\); expected \(2, 1, 12\)"),
        ("gate_price", (1, 10), r"'state/gate_price' holds a number that is not above 0"),
    ],
)
def test_restore_refuses_what_does_not_fit(
    plain: Prepared, name: str, shape: tuple[int, ...] | None, message: str
) -> None:
    state = initial_state(plain)
    saved = {key: value.copy() for key, value in state.arrays().items()}
    if shape is None:
        del saved[name]
    else:
        saved[name] = np.zeros(shape)
    with pytest.raises(MonaziteError, match=f"^the checkpoint's array {message}; it is damaged"):
        state.restore(Saved("state", saved))


def test_positions_of_the_small_world(small_world: World) -> None:
    """The shapes above are those of ten offers and twelve needs."""
    assert (len(small_world.offer_good), len(small_world.need_good)) == (10, 12)
    assert offer_of(small_world, "mine_china") == need_of(small_world, "separator_china_a") == 0
