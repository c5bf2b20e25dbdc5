"""What the instruments do in a run, by sign and order, on the small world."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import pytest

from sim.engine import Simulation
from sim.instruments import Instrument
from sim.world.world import FloatArray, World
from tests.engine_events import PlainScenario
from tests.instruments.acting import event

JULY = 6
"""Position of the first month in which the events act."""
START = dt.date(2024, 7, 1)


@dataclass(frozen=True)
class Story:
    """Arrays (T, M, ...) of one run, of one good."""

    flow: FloatArray
    """(T, M, C, C) tonnes by exporter and importer."""
    price: FloatArray
    """(T, M, offers)"""
    output: FloatArray
    """(T, M, offers)"""
    filed: FloatArray
    """(T,) tonnes that exporters applied for, of the central run."""
    simulation: Simulation

    def between(self, exporter: str, importer: str) -> FloatArray:
        """(T, M) tonnes."""
        countries = self.simulation.world.countries
        flow: FloatArray = self.flow[:, :, countries.index(exporter), countries.index(importer)]
        return flow

    def exports(self, country: str = "CHN") -> FloatArray:
        """(T,) tonnes of the central run."""
        here = self.simulation.world.countries.index(country)
        total: FloatArray = self.flow[:, 0, here].sum(-1) - self.flow[:, 0, here, here]
        return total


def tell(
    world: World, *events: Instrument, good: str = "dysprosium_oxide", months: int = 24, members: int = 1,
    assumptions: dict[str, float] | None = None, **values: Any,
) -> Story:  # fmt: skip
    end = dt.date(2024 + (months - 1) // 12, (months - 1) % 12 + 1, 28)
    given = {f"events.e.{name}": np.asarray(v, dtype=float) for name, v in values.items()}
    # The same member as often as a design has values: chance events are the same for all.
    numbers = [0] * len(next(iter(given.values()))) if given else list(range(members))
    scenario = PlainScenario(end=end, events=events, assumptions=assumptions or {})
    simulation = Simulation(world, scenario, members=numbers, seed=1, values=given)
    g = [one.id for one in world.goods].index(good)
    origin, destination = world.link_countries(g)
    ways = np.zeros((len(origin), len(destination), len(world.countries), len(world.countries)))
    ways[np.arange(len(origin))[:, None], np.arange(len(destination)), origin[:, None], destination] = 1
    flows, prices, outputs, filed = [], [], [], []
    for _ in range(simulation.steps):
        simulation.step()
        flows.append(np.einsum("msb,sbij->mij", simulation.last.clearing.flow(g), ways))
        prices.append(simulation.last.clearing.price[:, world.offer_slice(g)])
        outputs.append(simulation.last.output[:, world.offer_slice(g)])
        filed.append(sum(queue.filed[0] for queue in simulation.last.queues.values()))
        assert simulation.last.clearing.certified.all()
    return Story(
        np.array(flows), np.array(prices), np.array(outputs), np.diff(filed, prepend=0.0), simulation
    )


def one(kind: str, **fields: Any) -> Instrument:
    return event(kind, **{"from": START} | fields)


YEAR = slice(-12, None)
"""The last year of a story: a plant at the edge of what pays goes up and down from month to month."""
GRADUAL = {"margin_share": 0.5}
"""Plants that stop gradually as their margin shrinks, so that this moves little."""


@pytest.fixture(scope="module")
def calm(small_world: World) -> Any:
    """The undisturbed run of a good."""
    return cache(lambda good: tell(small_world, good=good))


ON_TIME = {"licence_overrun": 0.0}
"""Offices decide on the day that they promise."""
LICENCE = {"by": "CHN", "goods": ["dysprosium"], "approval_share": "40 %", "delay": "60 days"}


def test_a_licence_stops_exports_for_its_delay_then_lets_the_approved_share_through(
    small_world: World,
) -> None:
    """Of what is applied for, and that is what licensed users need: at ten times the price they need less."""
    story = tell(small_world, one("export_licence", **LICENCE), assumptions=ON_TIME)
    exports, filed, base = story.exports(), story.filed, story.exports()[0]
    assert exports[JULY : JULY + 1].max() < 0.02 * base
    assert filed[JULY] == pytest.approx(base, rel=0.01)
    assert (filed[JULY + 1 :] < base).all()
    assert (filed[JULY:] > 0.5 * base).all()
    # What is decided in a month was filed two months before.
    assert exports[JULY + 2 :] == pytest.approx(0.4 * filed[JULY:-2], rel=0.01)


def test_a_production_quota_holds_whatever_the_price_and_the_weather(small_world: World) -> None:
    """Prices rise and plants have room to make more; noise would lift some months, too.

    At the prices of the first year users save and go over to other things, so that later less than the quota
    is wanted for a while: then, too, it is a ceiling and not an order.
    """
    quota = one("production_quota", by="CHN", goods=["clay"], cut="30 %")
    story = tell(small_world, quota, good="clay", months=36, members=6)
    usual = small_world.offer_output[small_world.offer_slice(0)] / 12
    chinese = small_world.offer_country[small_world.offer_slice(0)] == small_world.countries.index("CHN")
    made = story.output[:, :, chinese] / usual[chinese]
    assert made[JULY:].max() <= 0.7 * (1 + 1e-12)
    assert (story.price[JULY : JULY + 6] > 1.2).all()
    assert made[JULY : JULY + 6, 0] == pytest.approx(0.7)


def decided(filed: FloatArray, delay: int, left: float = 0.0) -> FloatArray:
    """(T,) tonnes on which offices decide, of what is filed: due after ``delay`` months, of which a share of
    ``left`` stays due from month to month."""
    late, found = 0.0, []
    for month in range(len(filed)):
        due = late + (filed[month - delay] if month >= delay else 0.0)
        found.append((1 - left) * due)
        late = left * due
    return np.array(found)


def test_an_office_that_runs_over_its_delay_lets_exports_come_back_slowly(small_world: World) -> None:
    """The mean time beyond the delay is ``licence_overrun`` delays; in the end as much comes as on time."""
    licence = one("export_licence", **LICENCE | {"delay": "61 days"})
    on_time, slow = (
        tell(small_world, licence, months=36, assumptions={"licence_overrun": o}) for o in (0, 2)
    )
    exports = slow.exports()
    assert exports[JULY : JULY + 1].max() < 0.02 * exports[0]
    coming = exports[JULY + 2 : JULY + 14]
    # Once nearly all is decided, exports follow what is needed.
    assert (np.diff(coming[:10]) > 0).all()
    # Of what falls due in a step, exp(-1 / overrun in steps) stays due.
    left = np.exp(-1 / (2 * 61 / 365.25 * 12))
    assert coming[:3] == pytest.approx(0.4 * exports[0] * (1 - left ** np.arange(1, 4)), rel=0.2)
    for story, stays in ((on_time, 0.0), (slow, left)):
        approved = 0.4 * decided(story.filed, 2, stays)
        assert story.exports()[JULY + 2 :] == pytest.approx(approved[JULY + 2 :], rel=0.01)
    assert exports[24:].sum() == pytest.approx(on_time.exports()[24:].sum(), rel=0.05)


def test_an_approval_share_in_phases(small_world: World) -> None:
    """Who waits when the share rises has it approved; who was refused before has not."""
    phases = {"2024-07": "0 %", "2025-01": "60 %"}
    story = tell(
        small_world, one("export_licence", **LICENCE | {"approval_share": phases}), assumptions=ON_TIME
    )
    exports = story.exports()
    assert exports[JULY:12].max() < 1e-9
    assert exports[12:] == pytest.approx(0.6 * story.filed[10:-2], rel=0.01)
    # Half a year without any leaves users that need less, not none.
    assert exports[12] > 0.6 * 0.6 * exports[0]


def test_a_fan_of_decisions_lets_exports_come_back_step_by_step(small_world: World) -> None:
    fields = LICENCE | {"delay": "30 days", "longest_delay": "150 days"}
    story = tell(small_world, one("export_licence", **fields), assumptions=ON_TIME)
    exports, filed = story.exports(), story.filed
    assert exports[JULY] < 0.01 * exports[0]
    climbing = exports[JULY : JULY + 5]
    assert (np.diff(climbing) > 0.05 * exports[0]).all()
    # Decided evenly one to five months later: a mean over what was filed in that time.
    fan = np.array([1, 2, 2, 2, 1]) / 8
    assert exports[JULY + 5 :] == pytest.approx(
        [0.4 * (fan * filed[t - 5 : t][::-1]).sum() for t in range(JULY + 5, len(filed))], rel=0.02
    )


def test_validated_users_skip_the_queue(small_world: World) -> None:
    refused = LICENCE | {"approval_share": "0 %"}
    spared = tell(small_world, one("export_licence", **refused, validated_facilities=["magnet_japan"]))
    assert spared.between("CHN", "JPN")[JULY:].min() > spared.between("CHN", "JPN")[0]
    assert spared.between("CHN", "SGP")[JULY:].max() < 1e-9
    part = tell(small_world, one("export_licence", **refused, validated_share="30 %")).exports()
    assert part[JULY:] == pytest.approx(0.3 * part[0], rel=0.01)


def test_an_announced_ban_is_met_by_front_loading(small_world: World, calm: Any) -> None:
    ban = one("export_ban", by="CHN", to="JPN", goods=["dysprosium"], announced="2024-04-01")
    bought = tell(small_world, ban, assumptions={"resale_speed": 0.0}).between("CHN", "JPN")[:, 0]
    base = calm("dysprosium_oxide").between("CHN", "JPN")[:, 0]
    assert bought[:3] == pytest.approx(base[:3], rel=1e-6)
    assert (bought[3:JULY] > 1.1 * base[3:JULY]).all()
    assert bought[JULY:].max() == 0


def test_an_announced_export_tax_is_met_by_front_loading_then_fewer_exports(
    small_world: World, calm: Any
) -> None:
    tax = one("export_tax", by="CHN", goods=["dysprosium"], rate="50 %", announced="2024-04-01")
    exports, base = tell(small_world, tax).exports(), calm("dysprosium_oxide").exports()
    assert (exports[3:JULY] > 1.03 * base[3:JULY]).all()
    # What was bought ahead lasts two months; from then on the tax alone keeps exports down.
    assert (exports[JULY : JULY + 2] < 0.9 * base[JULY : JULY + 2]).all()
    assert exports[JULY + 2 :].sum() < 0.97 * base[JULY + 2 :].sum()


def test_a_tariff_with_an_exemption_reroutes(small_world: World, calm: Any) -> None:
    """Japan is spared: its magnets replace the Chinese ones in the United States."""
    tariff = one("import_tariff", by="USA", on="world", goods=["magnet"], rate="50 %", exempt_countries="JPN")
    story, base = tell(small_world, tariff, good="magnet"), calm("magnet")
    assert story.between("CHN", "USA")[-1, 0] < 0.7 * base.between("CHN", "USA")[-1, 0]
    assert story.between("JPN", "USA")[-1, 0] > 1.2 * base.between("JPN", "USA")[-1, 0]
    every = tell(small_world, one("import_tariff", by="USA", on="world", goods=["magnet"], rate="50 %"),
                 good="magnet")  # fmt: skip
    assert story.between("JPN", "USA")[-1, 0] > every.between("JPN", "USA")[-1, 0]


def test_a_carbon_border_tax_favours_the_cleaner_origin(small_world: World, calm: Any) -> None:
    tax = one("carbon_border_tax", by="USA", price="100 USD/t CO2",
              intensity={"magnet": {"CHN": "200 t CO2/t", "JPN": "20 t CO2/t"}})  # fmt: skip
    story, base = tell(small_world, tax, good="magnet"), calm("magnet")
    assert story.between("CHN", "USA")[-1, 0] < 0.9 * base.between("CHN", "USA")[-1, 0]
    assert story.between("JPN", "USA")[-1, 0] > 1.1 * base.between("JPN", "USA")[-1, 0]


def test_a_quota_goes_slack_when_demand_has_been_destroyed(small_world: World) -> None:
    quota = one("export_quota", id="q", by="CHN", goods=["magnet"], amount="300 t/year")
    slump = one("demand_shock", id="s", goods=["magnet"], countries=["JPN", "USA", "ROW"], level="-50 %",
                **{"from": dt.date(2025, 1, 1)})  # fmt: skip
    binding = tell(small_world, quota, good="magnet")
    slack = tell(small_world, quota, slump, good="magnet")
    assert binding.exports()[-1] == pytest.approx(25, rel=1e-3)
    assert binding.simulation.last.clearing.rent.max() > 0.01
    assert slack.exports()[-1] < 24
    assert slack.simulation.last.clearing.rent.max() < 1e-3


def test_a_quota_at_once_is_used_up_and_never_exceeded(small_world: World) -> None:
    amounts = {"2024-H2": "8 t", "2025": "16 t"}
    quota = one("export_quota", by="CHN", goods=["dysprosium"], amounts=amounts, allotted="at once")
    exports = tell(small_world, quota).exports()
    assert exports[JULY:12].sum() == pytest.approx(8, rel=1e-6)
    assert exports[12:].sum() == pytest.approx(16, rel=1e-6)
    assert exports[JULY] > exports[0]
    assert exports[11] < 1e-9


def test_what_a_quota_leaves_is_carried_over_as_far_as_it_says(small_world: World) -> None:
    """Nobody may export until October; with the carry-over the unused months are still there."""
    ban = one("export_ban", id="b", by="CHN", to="world", goods=["dysprosium"], until="2024-09-30")
    fields = {"by": "CHN", "goods": ["dysprosium"], "amount": "24 t/year"}
    for share, months in (("0 %", 1.0), ("50 %", 1.875), ("100 %", 4.0)):
        story = tell(small_world, ban, one("export_quota", id="q", **fields, carry_over=share), months=10)
        allowed = months * 2.0
        assert story.exports()[9] == pytest.approx(allowed, rel=0.01) or (
            allowed > 4 and story.exports()[9] > 3.9
        )


def test_a_firm_cannot_export_more_than_its_share(small_world: World) -> None:
    quota = one("export_quota", by="CHN", goods=["dysprosium"], amount="24 t/year",
                firms={"separator_china_a": "90 %"})  # fmt: skip
    story = tell(small_world, quota)
    block = story.simulation.last.clearing.flow(2)[0]
    abroad = small_world.need_country[small_world.need_slice(2)] != small_world.countries.index("CHN")
    names = [small_world.facilities[f] for f in small_world.offer_facility[small_world.offer_slice(2)]]
    sold = {name: block[row, abroad].sum() for row, name in enumerate(names)}
    assert sold["separator_china_a"] <= 1.8 * (1 + 1e-6)
    # A tenth would be less than half of what the other used to sell: it exports all of it, and no more.
    # The market clears to a millionth of its size.
    assert sold["separator_china_b"] == pytest.approx(0.2, abs=1e-6)


def test_a_sanction_on_a_firm_stops_its_sales_to_the_coalition_only(small_world: World, calm: Any) -> None:
    sanction = one("sanction", by=["JPN", "USA"], firms=["magnet_china"], stops="imports")
    story, base = tell(small_world, sanction, good="magnet"), calm("magnet")
    assert story.between("CHN", "USA")[JULY:].max() == 0
    # What it sells elsewhere gets cheap, so much that for some months it does not run; others get more of it.
    left, right = story.between("CHN", "ROW")[JULY:, 0], base.between("CHN", "ROW")[JULY:, 0]
    assert left[0] > 1.2 * right[0]
    assert left[:12].mean() > 1.1 * right[:12].mean()
    assert story.price[JULY, 0, 0] < base.price[JULY, 0, 0]
    assert (story.between("JPN", "USA")[JULY:, 0] > base.between("JPN", "USA")[JULY:, 0]).all()


def test_flooding_drives_rivals_back(small_world: World, calm: Any) -> None:
    flood = one("price_flooding", countries=["CHN"], goods=["magnet"], discount="30 %")
    story, base = tell(small_world, flood, good="magnet", assumptions=GRADUAL), calm("magnet")
    china, japan = 0, 1
    output, before = story.output[YEAR, 0].mean(0), base.output[YEAR, 0].mean(0)
    assert story.price[YEAR, 0, china].mean() < 0.97 * base.price[YEAR, 0, china].mean()
    assert (np.diff(story.output[JULY : JULY + 3, 0, china], prepend=before[china]) > 0).all()
    assert output[china] > 1.05 * before[china]
    assert output[japan] < 0.95 * before[japan]
    more = one("price_flooding", countries=["CHN"], goods=["magnet"], discount="30 %", extra_output="15 %")
    made = tell(small_world, more, good="magnet", assumptions=GRADUAL).output[YEAR, 0].mean(0)
    assert made[china] > output[china]
    assert made[japan] < output[japan]


def test_extra_output_stays_within_capacity(small_world: World) -> None:
    flood = one("price_flooding", countries=["CHN"], goods=["clay"], discount="5 %", extra_output="300 %")
    story = tell(small_world, flood, good="clay")
    mine = [small_world.facilities[f] for f in small_world.offer_facility[small_world.offer_slice(0)]]
    china = mine.index("mine_china")
    most = small_world.offer_capacity[small_world.offer_slice(0)][china] / 12
    assert story.output[JULY:, 0, china].max() == pytest.approx(most)


def test_a_weaker_currency_sells_more_abroad_at_lower_dollar_prices(small_world: World, calm: Any) -> None:
    base = calm("magnet")
    weak, strong = (
        tell(small_world, one("exchange_rate", countries=["CHN"], change=change), good="magnet")
        for change in ("-20 %", "20 %")
    )
    for story, sign in ((weak, 1), (strong, -1)):
        assert sign * (story.exports()[12] - base.exports()[12]) > 0.01 * base.exports()[12]
        assert sign * (base.price[12, 0, 0] - story.price[12, 0, 0]) > 0.005
    users = weak.simulation.world.need_facility == weak.simulation.world.facilities.index("ev_china")
    assert weak.simulation.state.intensity[0, users] < 1


def test_dearer_energy_shifts_output_to_others(small_world: World, calm: Any) -> None:
    dear = one("energy_cost", countries=["JPN"], goods=["magnet"], change="200 %", energy_share="30 %")
    story, base = tell(small_world, dear, good="magnet", assumptions=GRADUAL), calm("magnet")
    china, japan = 0, 1
    assert story.output[YEAR, 0, japan].mean() < 0.97 * base.output[YEAR, 0, japan].mean()
    assert (story.output[YEAR, 0, china] > base.output[YEAR, 0, china]).all()
    assert (story.price[JULY:, 0, japan] > 1.1 * base.price[JULY:, 0, japan]).all()


def test_dearer_freight_shifts_sourcing_to_the_nearer_seller(small_world: World, calm: Any) -> None:
    dear = one("freight_shock", exporters="CHN", importers="USA", change="1000 %")
    story, base = tell(small_world, dear, good="magnet"), calm("magnet")
    assert story.between("CHN", "USA")[-1, 0] < 0.9 * base.between("CHN", "USA")[-1, 0]
    assert story.between("JPN", "USA")[-1, 0] > 1.2 * base.between("JPN", "USA")[-1, 0]


@pytest.mark.parametrize("days", [45, -10])
def test_slower_ships_arrive_later_and_nothing_is_lost(small_world: World, days: int) -> None:
    slow = one("freight_shock", exporters="CHN", importers="USA", delay=f"{days} days")
    simulation = Simulation(small_world, PlainScenario(events=(slow,), end=dt.date(2025, 6, 30)), members=2)
    user = np.flatnonzero(small_world.need_facility == small_world.facilities.index("ev_usa"))
    under_way = []
    for _ in range(simulation.steps):
        before = simulation.state.buyer_stock + simulation.state.transit.sum(0)
        simulation.step()
        held = before + simulation.last.clearing.purchases - simulation.last.consumed
        now = simulation.state.buyer_stock + simulation.state.transit.sum(0)
        np.testing.assert_allclose(now, held, rtol=1e-9, atol=1e-9)
        under_way.append(simulation.state.transit.sum(0)[0, user[0]])
    assert (under_way[-1] > 1.3 * under_way[0]) if days > 0 else (under_way[-1] < 0.95 * under_way[0])
    assert simulation.last.shortfall.max() < 0.1 * simulation.last.required.max()


def test_a_bloc_buys_more_from_itself(small_world: World, calm: Any) -> None:
    bloc = one("bloc", members=["JPN", "USA"], goods=["magnet"], preference="100 %")
    story, base = tell(small_world, bloc, good="magnet"), calm("magnet")
    assert story.between("JPN", "USA")[-1, 0] > 1.2 * base.between("JPN", "USA")[-1, 0]
    # The mix tilts at once; what is bought in all does not.
    usa = small_world.countries.index("USA")
    total, before = story.flow[JULY, 0, :, usa].sum(), base.flow[JULY, 0, :, usa].sum()
    assert total == pytest.approx(before, rel=0.05)


def test_only_members_that_drew_a_strike_have_one(small_world: World) -> None:
    strike = one("strike", facilities=["mine_abroad"], loss="100 %", length="92 days", probability="50 %")
    story = tell(small_world, strike, good="clay", members=8)
    struck = story.simulation.case.happens["e"]
    assert 0 < struck.sum() < 8
    abroad = 1
    assert (story.output[JULY : JULY + 3, struck, abroad] == 0).all()
    assert (story.output[JULY : JULY + 3, ~struck, abroad] > 20).all()
    assert (story.output[JULY + 3, struck, abroad] > 0).all()


def test_strikes_of_different_length(small_world: World) -> None:
    length = {"uniform": ["0 days", "1 years"]}
    strike = one("strike", facilities=["mine_abroad"], loss="100 %", length=length)
    story = tell(small_world, strike, good="clay", length=[0.0, 62 / 365.25, 184 / 365.25])
    still = (story.output[:, :, 1] < 1).sum(0)
    assert still.tolist() == [0, 2, 6]


def test_capacity_that_grows_is_used_and_one_that_closes_is_not(small_world: World, calm: Any) -> None:
    base = calm("clay")
    grown = tell(small_world, one("capacity_change", facilities=["mine_abroad"], change="50 %"), good="clay")
    assert grown.output[-1, 0, 1] > 1.2 * base.output[-1, 0, 1]
    assert grown.output[-1, 0, 0] < base.output[-1, 0, 0]
    assert grown.price[-1, 0].mean() < base.price[-1, 0].mean()
    shut = tell(small_world, one("capacity_change", facilities=["mine_abroad"], change="-100 %"), good="clay")
    assert (shut.output[JULY:, 0, 1] == 0).all()
    # Until users have saved what is missing, and others make as much as they can.
    assert (shut.price[JULY : JULY + 5, 0, 0] > 2 * base.price[JULY : JULY + 5, 0, 0]).all()
    assert shut.output[JULY : JULY + 12, 0, 0].mean() > 1.05 * base.output[JULY : JULY + 12, 0, 0].mean()


def test_redesign_lowers_use_and_price(small_world: World, calm: Any) -> None:
    push = one("substitution_push", goods=["dysprosium"], share="30 %", ramp="6 months")
    story, base = tell(small_world, push), calm("dysprosium_oxide")
    assert story.price[-1, 0].mean() < 0.97 * base.price[-1, 0].mean()
    used = small_world.need_slice(2)
    rate = story.simulation.last.consumed[0, used].sum() / base.simulation.last.consumed[0, used].sum()
    assert 0.65 < rate < 0.85


@pytest.mark.usefixtures("few_rounds")
def test_all_at_once_keeps_every_tonne(small_world: World) -> None:
    events = [
        one("export_licence", id="a", **LICENCE, validated_share="20 %", longest_delay="120 days"),
        one("export_quota", id="b", by="CHN", goods=["magnet"], amount="300 t/year", carry_over="50 %"),
        one("capacity_change", id="c", countries=["CHN"], goods=["clay"], change="-30 %", ramp="1 years"),
        one("strike", id="d", countries=["JPN"], loss="70 %", length="3 months", starts_after="60 days"),
        one("exchange_rate", id="f", countries=["JPN"], change="-30 %"),
        one("freight_shock", id="g", change="300 %", delay="20 days"),
        one("bloc", id="h", members=["JPN", "USA"], preference="80 %", tariff_outside="20 %"),
        one("price_flooding", id="i", countries=["CHN"], goods=["magnet"], discount="40 %",
            extra_output="10 %"),
        one("substitution_push", id="j", goods=["dysprosium"], share="40 %", ramp="1 years"),
        one("sanction", id="k", by="USA", firms=["magnet_china"], compliance="70 %"),
    ]  # fmt: skip
    scenario = PlainScenario(events=tuple(events), end=dt.date(2025, 12, 31))
    simulation = Simulation(small_world, scenario, members=3)
    for _ in range(simulation.steps):
        sellers, buyers = simulation.state.seller_stock.copy(), (
            simulation.state.buyer_stock + simulation.state.transit.sum(0)
        )
        simulation.step()
        clearing, state = simulation.last.clearing, simulation.state
        made = sellers + simulation.last.output - clearing.sales - simulation.last.discarded
        np.testing.assert_allclose(state.seller_stock, made, rtol=1e-9, atol=1e-9)
        held = buyers + clearing.purchases - simulation.last.consumed
        np.testing.assert_allclose(state.buyer_stock + state.transit.sum(0), held, rtol=1e-9, atol=1e-9)
        basket = simulation.case.prepared.benchmark.basket_need
        np.testing.assert_allclose(
            simulation.actors.tracers[0].buyer.stock.sum(-1), state.buyer_stock[:, basket],
            rtol=1e-9, atol=1e-9,
        )
        assert clearing.certified.all()


def spread(low: str, high: str) -> dict[str, list[str]]:
    return {"uniform": [low, high]}


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("strike", {"countries": ["CHN"], "loss": spread("20 %", "90 %"), "probability": "60 %",
                    "length": spread("0 days", "200 days"), "starts_after": spread("0 days", "90 days")}),
        ("freight_shock", {"exporters": "CHN", "importers": "USA", "change": spread("0 %", "1000 %"),
                           "delay": spread("0 days", "60 days")}),
        ("bloc", {"members": ["JPN", "USA"], "preference": spread("0 %", "100 %")}),
        ("sanction", {"by": ["JPN", "USA"], "firms": ["magnet_china"], "compliance": spread("0 %", "100 %")}),
        ("export_tax", {"by": "CHN", "goods": ["magnet"],
                        "rate": {"2024": "5 %", "2024-09": spread("0 %", "50 %")}}),
        ("carbon_border_tax", {"by": "USA", "intensity": {"magnet": spread("0 t CO2/t", "100 t CO2/t")},
                               "price": "100 USD/t CO2"}),
        ("export_quota", {"by": "CHN", "goods": ["dysprosium"], "amount": spread("10 t/year", "30 t/year"),
                          "carry_over": spread("0 %", "50 %")}),
        ("export_licence", {"by": "CHN", "goods": ["dysprosium"], "approval_share": spread("0 %", "80 %"),
                            "delay": spread("10 days", "90 days"), "longest_delay": "200 days",
                            "validated_share": spread("0 %", "50 %")}),
        ("exchange_rate", {"countries": ["CHN"], "change": spread("-30 %", "30 %")}),
        ("price_flooding", {"countries": ["CHN"], "goods": ["magnet"], "discount": spread("0 %", "50 %")}),
        ("capacity_change", {"countries": ["JPN"], "change": spread("-50 %", "50 %"), "ramp": "6 months"}),
        ("substitution_push", {"share": spread("0 %", "50 %"), "ramp": spread("3 months", "2 years")}),
        ("merger", {"firms": ["magnet_china", "magnet_japan"], "integration_loss": "20 %",
                    "length": spread("60 days", "400 days")}),
    ],
)  # fmt: skip
def test_a_member_that_draws_is_the_same_alone_and_in_a_batch(
    small_world: World, kind: str, fields: dict[str, Any]
) -> None:
    scenario = PlainScenario(events=(one(kind, **fields),), end=dt.date(2025, 6, 30))
    together = Simulation(small_world, scenario, members=4, seed=3).run()
    alone = Simulation(small_world, scenario, members=[3], seed=3).run()
    for name in ("price_gate", "price_outside", "production", "shortfall", "buyer_stock", "seller_stock"):
        np.testing.assert_array_equal(together[name].sel(member=3), alone[name].sel(member=3), err_msg=name)
    assert bool(together.certified.all())
