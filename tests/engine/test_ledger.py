"""The ledger agrees with what the run itself says, recomputed link by link."""

from __future__ import annotations

import datetime as dt
from typing import Any

import numpy as np
import pytest

from sim.instruments import Instrument
from sim.world.world import World
from tests.engine.test_rules import event, simulation

OXIDE = "dysprosium_oxide"
FROM = dt.date(2024, 3, 16)


def tariff(**fields: Any) -> Instrument:
    given = {"by": "JPN", "on": "CHN", "goods": [OXIDE, "magnet"], "rate": "30 %", "from": FROM}
    return event("tariff", "import_tariff", **given | fields)


@pytest.mark.usefixtures("few_rounds")
def test_tonnes_and_dollars_are_those_of_the_flows(small_world: World) -> None:
    made = simulation(small_world, tariff(), members=2)
    china, japan = (small_world.countries.index(code) for code in ("CHN", "JPN"))
    pairs: dict[str, float] = {}
    for step in range(made.steps):
        made.step()
        expected, usd, base = np.zeros(2), np.zeros(2), 0.0
        share = (0.0, 0.0, 16 / 31)[step] if step < 3 else 1.0
        for g, good in enumerate(small_world.goods):
            if good.id not in (OXIDE, "magnet"):
                continue
            origin, destination = small_world.link_countries(g)
            links = (origin == china)[:, None] & (destination == japan)
            now = (made.last.clearing.flow(g) * links).sum((1, 2))
            expected += now * share
            usd += now * share * made.last.prices.gate[:, g]
            base += float((made.case.prepared.benchmark.flow[g] * links).sum()) * share / 12
            pairs[good.id] = pairs.get(good.id, 0.0) + float(now[0] * share)
        booked = made.recorder.ledger.columns
        np.testing.assert_allclose(booked["event_flow"][:, 0], expected, rtol=1e-9)
        np.testing.assert_allclose(booked["event_change"][:, 0], expected - base, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(booked["event_flow_usd"][:, 0], usd, rtol=1e-6)
    data = made.recorder.dataset()
    assert set(data.ledger_exporter.values) == {"CHN"}
    assert set(data.ledger_importer.values) == {"JPN"}
    for good, tonnes in pairs.items():
        row = data.ledger_tonnes.sel(ledger=(data.ledger_good == good).values).values[0]
        assert row.sum() == pytest.approx(tonnes, rel=1e-5)
    in_all = data.ledger_tonnes.sum("ledger").values
    np.testing.assert_allclose(in_all, data.event_flow.sel(event="tariff").sum("time"), rtol=1e-5)


def test_an_undisturbed_link_shows_no_change(small_world: World) -> None:
    data = simulation(small_world, tariff(rate="0 %")).run()
    assert abs(float(data.event_change.sum())) < 1e-3 * float(data.event_flow.sum())
    np.testing.assert_allclose(data.ledger_tonnes, data.ledger_base, rtol=1e-3)


def test_a_ban_has_stopped_what_flowed_before(small_world: World) -> None:
    ban = event("ban", "export_ban", by="CHN", to="JPN", goods=[OXIDE], **{"from": dt.date(2024, 7, 1)})
    data = simulation(small_world, ban, resale_speed=0.0).run()
    later = data.sel(event="ban").isel(time=slice(6, None))
    assert float(later.event_flow.max()) < 1e-9
    np.testing.assert_allclose(-later.event_change, later.event_tonnes, rtol=0.02)
    assert float(data.event_flow.isel(time=slice(0, 6)).max()) == 0


def test_output_and_need_are_booked_where_events_act_on_them(small_world: World) -> None:
    cut = event("cut", "production_quota", by="CHN", goods=[OXIDE], cut="30 %")
    boom = event("boom", "demand_shock", sectors="ev", countries=["USA"], goods=["magnet"], level="25 %")
    data = simulation(small_world, cut, boom).run()
    made = ((data.offer_good == OXIDE) & (data.offer_country == "CHN")).values
    output = data.production.isel(offer=made).sum("offer").values
    np.testing.assert_allclose(data.event_flow.sel(event="cut").values, output, rtol=1e-5)
    assert float(data.event_change.sel(event="cut").sum()) < -0.2 * float(output.sum())
    need = (data.need_facility == "ev_usa").values
    needed = data.requirement.isel(need=need).sum("need").values
    np.testing.assert_allclose(data.event_flow.sel(event="boom").values, needed, rtol=1e-5)
    # Two Chinese separators; one user.
    assert data.event_agents.values.tolist() == [[2, 1]]


def test_a_queue_shows_what_waits(small_world: World) -> None:
    licence = event(
        "licence", "export_licence", by="CHN", goods=[OXIDE], approval_share="50 %", delay="3 months"
    )
    made = simulation(small_world, licence)
    made.step()
    (queue,) = made.actors.gates.queues.values()
    assert made.recorder.ledger.columns["event_waiting"][0, 0] == pytest.approx(queue.undecided.sum())
    assert queue.waiting.sum() > 0


@pytest.mark.usefixtures("few_rounds")
def test_a_rule_has_the_tonnes_of_what_it_has_changed(small_world: World) -> None:
    asleep = tariff(dormant=True)
    idle = event("idle", "reaction_rule", by="JPN", trigger={"price": [OXIDE], "above": "900 %"},
                 action="scale", step="10 %", events="tariff")
    acts = event("acts", "reaction_rule", by="JPN", trigger={"price": [OXIDE], "above": "0 %"},
                 action="activate", events="tariff", **{"from": FROM})
    data = simulation(small_world, asleep, idle, acts).run()
    assert float(data.event_tonnes.sel(event="idle").max()) == 0
    assert int(data.event_agents.sel(event="idle").max()) == 0
    np.testing.assert_array_equal(data.event_flow.sel(event="acts"), data.event_flow.sel(event="tariff"))
    assert float(data.event_flow.sel(event="acts").sum()) > 0


def test_a_stockpile_acts_on_what_it_moves(small_world: World) -> None:
    fields = {"size": "12 t", "rate": "12 t/year", "rotation": "50 %/year"}
    pile = event("pile", "stockpile", by="JPN", goods=[OXIDE], **fields)
    data = simulation(small_world, pile).run()
    moved = (data.stockpile_bought + data.stockpile_released).sum("pile").values
    np.testing.assert_allclose(data.event_flow.sel(event="pile").values, moved, rtol=1e-6)


@pytest.mark.usefixtures("few_rounds")
def test_yearly_flows_do_not_notice_when_policy_changes(small_world: World) -> None:
    """Sums are closed where policy changes; in all they are what the markets traded."""
    made = simulation(small_world, tariff())
    total = 0.0
    for _ in range(made.steps):
        made.step()
        total += float(made.last.clearing.sales.sum())
    flows = made.recorder.dataset().flow.sel(quantile=0.5)
    assert float(flows.sum()) == pytest.approx(total, rel=1e-5)
