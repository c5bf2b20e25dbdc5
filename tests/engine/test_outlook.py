"""What agents know of the time ahead and what they make of it, in a world of twelve facilities."""

from __future__ import annotations

import datetime as dt
from math import exp, inf
from typing import Any

import numpy as np
import pytest

from sim.agents import tomorrow, year_market
from sim.agents.holding import weight_ahead
from sim.agents.likeness import Likeness
from sim.agents.state import State, initial_state
from sim.arrays import FloatArray
from sim.engine import Checkpoint, Simulation
from sim.engine.outlook import Outlook
from sim.engine.regime import Regimes
from sim.engine.rules import Rules
from sim.engine.run import Run, lay_out
from sim.instruments import Instrument
from sim.scenario import load_scenario
from sim.world.load import load_world
from sim.world.world import World
from tests.checks_of_runs import price_briefly, price_to_the_end
from tests.engine.busy_run import event
from tests.engine_events import PlainScenario
from tests.prepared_world import need_of, offer_of

OXIDE = "dysprosium_oxide"
YEARS = 365.25
FROM, UNTIL = dt.date(2024, 7, 1), dt.date(2024, 12, 31)


def ban(**fields: Any) -> Instrument:
    given = {"by": "CHN", "goods": [OXIDE], "from": FROM, "until": UNTIL, "to": "JPN"}
    return event("ban", "export_ban", **given | fields)


def scenario(*events: Instrument) -> Any:
    """Third countries sell nothing on: a ban is what closed links are."""
    return PlainScenario(events=events, end=dt.date(2025, 12, 31), assumptions={"resale_speed": 0.0})


class Looking:
    """An outlook of the base year's agents."""

    def __init__(self, world: World, *events: Instrument, members: int | list[int] = 1) -> None:
        numbers = range(members) if isinstance(members, int) else members
        self.case: Run = lay_out(world, scenario(*events), numbers, 3, None)
        rules = Rules(self.case)
        self.outlook = Outlook(self.case, rules, Regimes(self.case, rules, []), {})
        self.state: State = initial_state(self.case.prepared)

    def at(self, month: int) -> State:
        """What is expected in the month 0, 1, ... of 2024."""
        self.outlook.expect(month, self.state)
        return self.state

    def offers(self, *months: int) -> FloatArray:
        """(months, M, O)."""
        return np.array([self.at(month).offer_expected_price for month in months])

    def needs(self, *months: int) -> FloatArray:
        """(months, M, N)."""
        return np.array([self.at(month).need_expected_price for month in months])


def feared(world: World, month: int, *events: Instrument) -> float:
    """Price over the base year's that a magnet plant in Japan expects of oxide."""
    need = need_of(world, "magnet_japan", OXIDE)
    looking = Looking(world, *events)
    return float(looking.needs(month)[0, 0, need] / looking.case.prepared.benchmark.base_index[need])


# -- what is known -------------------------------------------------------------------------------


def test_without_events_the_base_year_is_expected(small_world: World) -> None:
    looking = Looking(small_world)
    np.testing.assert_allclose(looking.offers(0, 5), 1.0, rtol=1e-3)
    base = looking.case.prepared.benchmark.base_index
    np.testing.assert_allclose(looking.needs(7)[0, 0], base, rtol=1e-3)


def test_nobody_knows_of_what_nobody_has_said(small_world: World) -> None:
    """A ban from July: known in July. Announced on 10 March: known in March."""
    plain, silent = Looking(small_world), Looking(small_world, ban())
    said = Looking(small_world, ban(announced=dt.date(2024, 3, 10)))
    need = need_of(small_world, "magnet_japan", OXIDE)
    calm = plain.needs(*range(7))[:, 0, need]
    np.testing.assert_array_equal(silent.needs(*range(6))[:, 0, need], calm[:6])
    assert silent.needs(6)[0, 0, need] > 1.1 * calm[6]
    np.testing.assert_array_equal(said.needs(0, 1)[:, 0, need], calm[:2])
    rising = said.needs(2, 3, 4, 5)[:, 0, need]
    assert rising[0] > 1.02 * calm[2]
    assert (np.diff(rising) > 0).all()


def test_an_end_counts_from_the_day_on_which_it_is_known(small_world: World) -> None:
    """Until then a measure is expected to stay, afterwards it is as if its end had been known all along."""
    until = dt.date(2024, 12, 31)
    known, open_end = ban(until=until), ban(until=None)
    surprise = ban(until=until, end_announced=dt.date(2024, 10, 15))
    for month, same in ((8, open_end), (9, known), (10, known)):
        both = [feared(small_world, month, one) for one in (surprise, same)]
        assert both[0] == pytest.approx(both[1], rel=1e-9)
    assert feared(small_world, 9, open_end) > 1.05 * feared(small_world, 9, known)


def test_licences_frighten_until_the_first_decision(small_world: World) -> None:
    """Half a year's wait for an approval of everything: as feared as a ban, then hardly at all."""
    def licence(delay: str) -> Instrument:
        given = {"by": "CHN", "to": "JPN", "goods": [OXIDE], "from": FROM, "delay": delay}
        return event("ban", "export_licence", approval_share="100 %", **given)

    decided = FROM + dt.timedelta(days=round(YEARS / 2))
    months = [6, 9, 13]
    found = [feared(small_world, month, licence("6 months")) for month in months]
    closed = feared(small_world, 6, ban(until=decided - dt.timedelta(days=1)))
    # Rounds end where a price moves by a thousandth: what is left of a long way is a few hundredths.
    assert found[0] == pytest.approx(closed, rel=0.05)
    assert found[0] > found[1] > 1.02
    assert found[2] == pytest.approx(1.0, abs=0.02)
    assert feared(small_world, 6, licence("1 week")) < 1 + 0.3 * (found[0] - 1)


# -- windows and their weights -------------------------------------------------------------------


def test_windows_end_where_something_changes(small_world: World) -> None:
    tariff = event("tariff", "import_tariff", by="USA", on="CHN", goods=["magnet"], announced=FROM,
                   **{"from": dt.date(2025, 3, 15)},
                   rate={"2025-03-15": "10 %", "2025-08-01": "20 %"})  # fmt: skip
    looking = Looking(small_world, ban(), tariff)
    end = looking.case.dates[7]
    windows = looking.outlook._windows.of(end, looking.state.owner)
    days = [dt.date(2025, 1, 1), dt.date(2025, 3, 15), dt.date(2025, 8, 1)]
    assert [window.first for window in windows] == [end, *days]
    years = [(day - end).days / YEARS for day in [end, *days]]
    assert [window.years for window in windows] == pytest.approx(years)
    assert [window.over for window in windows] == pytest.approx([*years[1:], inf])
    # Before it is announced, nobody reckons with the tariff: the ban's end is all that is ahead.
    before = looking.outlook._windows.of(looking.case.dates[6], looking.state.owner)
    assert [window.first for window in before] == [looking.case.dates[6]]


def test_the_nearest_changes_alone_are_looked_at(small_world: World) -> None:
    days = [dt.date(2024, 8, 1) + dt.timedelta(days=20 * k) for k in range(20)]
    rates = {str(FROM): "1 %"} | {str(day): f"{k + 2} %" for k, day in enumerate(days)}
    tariff = event("tariff", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate=rates,
                   **{"from": FROM})  # fmt: skip
    looking = Looking(small_world, tariff)
    windows = looking.outlook._windows.of(looking.case.dates[7], looking.state.owner)
    assert [window.first for window in windows[1:]] == days[1:9]
    assert windows[-1].over == inf


def test_what_is_expected_is_the_discounted_mean_of_the_windows(small_world: World) -> None:
    """(M19) and (M20): logs over the base year's, what exceeds costs less the cost of holding."""
    looking = Looking(small_world, ban(announced=dt.date(2024, 1, 5)))
    state = looking.at(2)
    outlook, case = looking.outlook, looking.case
    windows = outlook._windows.of(case.dates[3], state.owner)
    assert len(windows) == 3
    base, cost = outlook._base, case.prepared.behaviour.shared("storage_cost")
    assert base is not None
    for s, good in enumerate(case.world.offer_good.tolist()):
        rate, total = float(outlook.rate[0, good]), 0.0
        for window, known in zip(windows, outlook._priced, strict=True):
            priced = known.priced
            price = priced.offer[0, s] - base.offer[0, s]
            made = priced.offer_cost[0, s] - base.offer_cost[0, s]
            weight = exp(-rate * window.years) - exp(-rate * window.over)
            total += weight * (made + (1 - cost / rate) * (price - made))
        assert state.offer_expected_price[0, s] == pytest.approx(exp(total), rel=1e-12)


def test_what_changes_nothing_moves_no_expectation(
    small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A date at which nothing changes parts a time ahead in two that together weigh as much."""
    price_to_the_end(monkeypatch)
    rate = np.array([0.4, 2.0])
    parts = weight_ahead(rate, 0.5, 1.25) + weight_ahead(rate, 1.25, inf)
    np.testing.assert_allclose(parts, weight_ahead(rate, 0.5, inf), rtol=1e-12)
    plain = ban(until=None)
    nothing = event("nothing", "export_tax", by="CHN", goods=[OXIDE], rate="0.0001 %",
                    announced=dt.date(2024, 1, 5), **{"from": dt.date(2025, 3, 1)})  # fmt: skip
    alone, beside = Looking(small_world, plain), Looking(small_world, plain, nothing)
    np.testing.assert_allclose(beside.at(8).need_expected_price, alone.at(8).need_expected_price, rtol=1e-5)


def test_what_nobody_knows_the_end_of_counts_for_as_long_as_it_may_last(small_world: World) -> None:
    """(M19), (M20) and (M162), against adding up day by day how likely it is that the ban still holds."""
    looking = Looking(small_world, ban(until=None, announced=dt.date(2024, 3, 1), expected_to_last="2 years"))
    state, outlook, case = looking.at(4), looking.outlook, looking.case
    windows = outlook._windows.of(case.dates[5], state.owner)
    begins = (FROM - case.dates[5]).days / YEARS
    assert [np.any(window.ends) for window in windows] == [False, False, True]
    assert [window.events for window in windows][2] == ()
    cost = case.prepared.behaviour.shared("storage_cost")
    days = (np.arange(0, 40 * YEARS * 8) + 0.5) / YEARS / 8
    for s, good in enumerate(case.world.offer_good.tolist()):
        rate, total = float(outlook.rate[0, good]), 0.0
        weight = rate * np.exp(-rate * days) / YEARS / 8
        holds = np.exp(-0.5 * np.maximum(days - begins, 0.0))
        before, during, after = (known.priced for known in outlook._priced)
        begun = days >= begins
        for priced, likely in ((before, ~begun), (during, begun * holds), (after, begun * (1 - holds))):
            made = priced.offer_cost[0, s] - outlook._base.offer_cost[0, s]
            price = priced.offer[0, s] - outlook._base.offer[0, s]
            total += (weight * likely).sum() * (made + (1 - cost / rate) * (price - made))
        assert state.offer_expected_price[0, s] == pytest.approx(exp(total), rel=1e-6)


def test_guesses_of_several_ends_do_not_hang_on_the_order_of_events(small_world: World) -> None:
    """Each regime starts from the prices of the one before, so they stand in one order, to the bit."""
    guess = {"until": None, "announced": dt.date(2024, 3, 1), "expected_to_last": "1 year"}
    events = [ban(**guess), event("other", "export_ban", by="CHN", goods=[OXIDE], to="USA",
                                  **{"from": FROM}, **guess)]  # fmt: skip
    forward, back = Looking(small_world, *events), Looking(small_world, *reversed(events))
    for month in (2, 3, 8):
        prices = [looking.at(month).need_expected_price for looking in (forward, back)]
        np.testing.assert_allclose(prices[0], prices[1], rtol=1e-9)
    ahead = [looking.outlook._windows.of(FROM, looking.state.owner) for looking in (forward, back)]
    without = [[[one.id for one in window.events] for window in windows] for windows in ahead]
    assert [sorted(ids) for ids in without[0]] == [sorted(ids) for ids in without[1]]


def test_the_shorter_a_ban_is_expected_to_last_the_less_it_frightens(small_world: World) -> None:
    """From the one that stays for good to the one that is over at once; once the end is known, it counts."""
    times = ("10 years", "1 year", "1 month")
    lasting: list[dict[str, Any]] = [{}, *({"expected_to_last": time} for time in times)]
    assert [feared(small_world, 4, ban(until=None, **more)) for more in lasting] == [1.0] * 4
    prices = [feared(small_world, 7, ban(until=None, **more)) for more in lasting]
    assert prices == sorted(prices, reverse=True)
    assert prices[0] > 2 * prices[-1] > 2
    known = {"expected_to_last": "10 years", "end_announced": dt.date(2024, 9, 1)}
    told = Looking(small_world, ban(**known), members=1)
    sure = Looking(small_world, ban())
    np.testing.assert_allclose(told.at(9).need_expected_price, sure.at(9).need_expected_price, rtol=5e-3)


def test_each_member_has_its_own_guess(small_world: World) -> None:
    guess = {"uniform": ["2 months", "6 years"]}
    together = Looking(small_world, ban(until=None, expected_to_last=guess), members=3)
    found = together.at(7).need_expected_price
    assert len(np.unique(found[:, need_of(small_world, "magnet_japan", OXIDE)])) == 3
    for member in range(3):
        alone = Looking(small_world, ban(until=None, expected_to_last=guess), members=[member])
        np.testing.assert_array_equal(alone.at(7).need_expected_price[0], found[member])


def test_who_is_not_hit_yet_learns_nothing_from_those_who_are(small_world: World) -> None:
    """An outage begins at another time for each member, and nobody knows its end.

    What a time ahead would bring without it is a question to those alone for whom it is in force then.
    """
    drawn = event(
        "outage", "outage", facilities=["mine_abroad"], loss="80 %", expected_to_last="1 year",
        starts_after={"normal": ["5 months", "1 month"]}, **{"from": dt.date(2024, 2, 1)},
    )  # fmt: skip
    quota = event("quota", "export_quota", by="CHN", goods=["ndpr_oxide"], amount="150 t/year",
                  announced=dt.date(2024, 1, 5), until=None, **{"from": dt.date(2024, 2, 15)})  # fmt: skip
    together = Simulation(small_world, scenario(drawn, quota), [0, 1, 2, 3], 3)
    alone = [Simulation(small_world, scenario(drawn, quota), [member], 3) for member in range(4)]
    for month in range(4):
        found = expected(together)
        for member, one in enumerate(alone):
            np.testing.assert_array_equal(expected(one)[0], found[member], f"{member} in month {month}")
    there = [w.there for w in together._outlook._windows.of(FROM, together.state.owner)]
    assert any(0 < of.sum() < 4 for of in there)


def test_a_loss_abroad_is_a_gain_at_home(small_world: World) -> None:
    """Behind a ban that all know of oxide is dear in Japan and cheap in China."""
    looking = Looking(small_world, ban(to=["JPN", "SGP"], until=None))
    state, base = looking.at(6), looking.case.prepared.benchmark.base_index
    needs = [need_of(small_world, name, OXIDE) for name in ("magnet_japan", "magnet_china")]
    japan, china = state.need_expected_price[0, needs] / base[needs]
    assert japan > 1.2
    assert china < 1
    assert state.offer_expected_price[0, offer_of(small_world, "separator_china_a", OXIDE)] < 1


# -- chance --------------------------------------------------------------------------------------


def test_once_it_is_known_whether_it_happens_nobody_reckons_with_chances(small_world: World) -> None:
    """Announced, with a chance of a half: all fear it alike, and from July on those whom it hits."""
    chance = ban(announced=dt.date(2024, 1, 5), probability="50 %", until=None)
    looking = Looking(small_world, chance, members=6)
    happens = looking.case.happens["ban"]
    assert set(happens.tolist()) == {False, True}
    need = need_of(small_world, "magnet_japan", OXIDE)
    base = looking.case.prepared.benchmark.base_index[need]
    before, after = (looking.needs(month)[0, :, need] / base for month in (5, 6))
    assert (before > 1.05).all()
    np.testing.assert_allclose(after[~happens], 1.0, rtol=0.01)
    assert (after[happens] > 1.2).all()


# -- members and checkpoints ---------------------------------------------------------------------


def restless() -> tuple[Instrument, ...]:
    """Costs that differ by member, chance, an outage of drawn length, a rule, what is announced."""
    jan = dt.date(2024, 1, 5)
    return (
        event("energy", "energy_cost", countries=["CHN"], energy_share="30 %",
              change={"uniform": ["0 %", "40 %"]}),
        ban(announced=jan, probability="50 %", **{"from": dt.date(2024, 3, 1)}),
        event("outage", "outage", facilities=["mine_abroad"], loss="80 %",
              length={"uniform": ["1 month", "5 months"]},
              **{"from": dt.date(2024, 2, 1)}),
        event("tariff", "import_tariff", by="USA", on="CHN", goods=["magnet"], rate="20 %", dormant=True),
        event("rule", "reaction_rule", by="USA", trigger={"price": [OXIDE], "above": "102 %"},
              action="activate", events=["tariff"]),
        event("quota", "export_quota", by="CHN", goods=["ndpr_oxide"], amount="150 t/year", announced=jan,
              until=dt.date(2024, 9, 30), end_announced=dt.date(2024, 5, 10),
              **{"from": dt.date(2024, 4, 1)}),
    )  # fmt: skip


def expected(simulation: Simulation) -> FloatArray:
    """(M, O + N) what is expected in the next month."""
    simulation.step()
    state = simulation.state
    return np.concatenate([state.offer_expected_price, state.need_expected_price], axis=1)


MONTHS, STOPS = 6, (1, 3)
"""A run from January on, resumed before and after measures begin, within a quarter and at its end."""


@pytest.fixture(scope="module")
def together(small_world: World) -> tuple[list[FloatArray], dict[int, Checkpoint]]:
    """What three members expect in each month, and where they stand before some."""
    simulation = Simulation(small_world, scenario(*restless()), [0, 1, 2], 3)
    months, stands = [], {}
    with pytest.MonkeyPatch.context() as patch:
        price_briefly(patch)
        for month in range(MONTHS):
            if month in STOPS:
                stands[month] = simulation.checkpoint()
            months.append(expected(simulation))
    assert set(simulation.case.happens["ban"].tolist()) == {False, True}
    return months, stands


@pytest.mark.usefixtures("few_rounds")
def test_members_expect_the_same_alone_and_together(
    small_world: World, together: tuple[list[FloatArray], dict[int, Checkpoint]]
) -> None:
    months, _ = together
    for member in (1, 2):
        alone = Simulation(small_world, scenario(*restless()), [member], 3)
        for month, all_of_them in enumerate(months):
            said = f"member {member} in month {month}"
            np.testing.assert_array_equal(expected(alone)[0], all_of_them[member], said)
    assert np.ptp(months[-1], axis=0).max() > 0.01


@pytest.mark.usefixtures("few_rounds")
@pytest.mark.parametrize("stop", STOPS)
def test_what_is_resumed_expects_the_same(
    small_world: World, together: tuple[list[FloatArray], dict[int, Checkpoint]], stop: int
) -> None:
    months, stands = together
    resumed = Simulation.resume(stands[stop], scenario(*restless()), small_world)
    for straight in months[stop:]:
        np.testing.assert_array_equal(expected(resumed), straight)


# -- what is left out on the way ------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 6])
def test_rounds_find_the_same_whatever_is_left_out_of_them(
    entering_world: World, members: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Goods and members that have arrived are left out at once, or stay to the end: no bit depends on it."""
    chance = ban(announced=dt.date(2024, 1, 5), probability="50 %")
    found = []
    for worth in (0.0, 1.0):
        monkeypatch.setattr(tomorrow, "WORTH_NARROWING", worth)
        looking = Looking(entering_world, chance, members=members)
        months = 1, 2, 5, 6, 9
        found.append((looking.offers(*months), looking.needs(*months)))
    (offers, needs), (other_offers, other_needs) = found
    np.testing.assert_array_equal(offers, other_offers)
    np.testing.assert_array_equal(needs, other_needs)
    assert np.ptp(offers[-1], axis=1).max() > 1e-3


def test_what_regimes_ask_alike_is_priced_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chain whose own ban is over, or still to come, in several windows; no bit depends on it."""
    text = (
        "+events.{id}={{type: export_ban, by: CHN, to: USA, goods: [{good}], announced: 2024-01-05,"
        " from: {begins}, until: {ends}, assumption: true}}"
    )
    bans = [
        text.format(id="first", good="gallium", begins="2024-03-01", ends="2024-10-31"),
        text.format(id="second", good="cobalt", begins="2024-06-01", ends="2024-12-31"),
    ]
    given = load_scenario("baseline-2024", bans)
    world = load_world(given.base_year, given.tables)
    rounds_of = vars(tomorrow)["rounds_of"]
    found, needs = [], []
    for likeness in (Likeness.of, lambda self, *both: np.zeros(self._chains.count, dtype=bool)):
        monkeypatch.setattr(Likeness, "of", likeness)
        asked: list[int] = []

        def counted(markets: Any, now: Any, asked: list[int] = asked) -> Any:
            asked += [prices.need.size for prices in now]
            return rounds_of(markets, now)

        monkeypatch.setattr(tomorrow, "rounds_of", counted)
        run = Simulation(world, given, 2, 1)
        found.append(np.array([expected(run) for _ in range(8)]))
        needs.append(sum(asked))
    np.testing.assert_array_equal(found[0], found[1])
    assert np.ptp(found[0][-1], axis=1).max() > 1e-2
    assert needs[0] < 0.9 * needs[1]


def test_regimes_that_are_priced_again_clear_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rounds of the windows before and under a ban share one clearing; after it all is as before it."""
    shared: list[int] = []
    together = vars(year_market)["clear_together"]

    def counted(asked: Any, tolerance: float) -> Any:
        # A regime that is priced by itself shares nothing.
        shared.extend([len(asked)] if len(asked) > 1 else [])
        return together(asked, tolerance)

    monkeypatch.setattr(year_market, "clear_together", counted)
    given = load_scenario("baseline-2024", [
        "+events.first={type: export_ban, by: CHN, to: USA, goods: [gallium], announced: 2024-01-05,"
        " from: 2024-06-01, until: 2024-10-31, assumption: true}",
    ])  # fmt: skip
    run = Simulation(load_world(given.base_year, given.tables), given)
    for _ in range(4):
        run.step()
    assert shared
    assert set(shared) == {2}
