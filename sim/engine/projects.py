"""Projects in a run: each member's mines and plants to be, from prospect to closure, step by step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from sim.agents import projects as deciding
from sim.agents.parameters import member_uniforms
from sim.agents.projects import Layout
from sim.agents.state import State
from sim.arrays import BoolArray, FloatArray, IntArray, Saved
from sim.engine.loss_funds import LossFunds
from sim.engine.project_money import ProjectMoney
from sim.engine.project_watch import ProjectWatch
from sim.engine.public_money import PublicMoney
from sim.engine.reserves import Reserves
from sim.instruments.investment_finance import InvestmentFinance
from sim.instruments.process import Ended, Process, Setting, Stocks, Traced
from sim.world.projects import STAGES

if TYPE_CHECKING:
    from sim.engine.run import Run

__all__ = ["Projects"]

PROSPECT, PERMITTED, BUILDING, OPERATING, MOTHBALLED, CLOSED, CANCELLED = range(len(STAGES))
DRAWS = ("permit", "start", "slip", "overrun", "give_up", "cancel")
"""What chance decides of each project in each member, once for a run: how much it takes until it happens."""
FIXED = "capex_usd", "permit_years", "build_years", "start", "life_years", "know_how", "backed"
WAITING = "permit", "start", "give_up", "cancel"


class Projects(Process):
    """All projects of a run, (M, J), and what they do to the world: capacity that comes and goes.

    Attributes:
        stage: (M, J) number in :data:`STAGES`. done: (M, J) share built. idle, wanted: (M, J) years for which
            one has been idle, and for which its price has been high enough to run again.
        waited: by what waits, (M, J) how much of it has come together. worth: (M, J) value over capital.
    """

    name = "projects"

    def __init__(self, case: Run, setting: Setting, others: Sequence[Process]) -> None:
        prepared, world = case.prepared, case.world
        self._prepared, self._others = prepared, others
        self._projects = world.projects
        self.layout = Layout.of(prepared)
        shape = prepared.members, len(world.projects)
        self._state: State | None = None
        self._chance = _thresholds(case)
        fixed = {name: np.array([getattr(p, name) for p in world.projects]) for name in FIXED}
        self._backed, self._know_how = fixed["backed"], fixed["know_how"]
        self._life, self._permit = fixed["life_years"], fixed["permit_years"]
        first = case.dates[0]
        left = np.maximum(fixed["start"] - (first.year + (first.month - 1) / MONTHS), 0.0)
        under_way = np.isfinite(fixed["start"])
        self._build = np.where(under_way, np.maximum(fixed["build_years"], left), fixed["build_years"])
        self._build = np.maximum(self._build, prepared.step_years)
        built = np.where(under_way, 1 - left / self._build, 0.0)
        self.stage: IntArray = np.tile([STAGES.index(p.stage) for p in world.projects], (shape[0], 1))
        # What is being built is on its way by the date that was known: know-how is in it already.
        self._own_pace = np.where(under_way, 1.0, self._know_how)
        self.done = np.where(self.stage == BUILDING, built, 0.0) + np.zeros(shape)
        self.done = np.where(np.isin(self.stage, (OPERATING, MOTHBALLED)), 1.0, self.done)
        self.idle, self.wanted = np.zeros(shape), np.zeros(shape)
        self.waited = {name: np.zeros(shape) for name in WAITING}
        self.worth = np.zeros(shape)
        cost = self.layout.mean(np.broadcast_to(prepared.cash_cost, (shape[0], len(world.offer_good))))
        planned = deciding.outlay(prepared, self.layout, fixed["capex_usd"], cost)
        funds, public = _funds(case, shape)
        self.losses = LossFunds(prepared, funds, public)
        self.money = ProjectMoney(prepared, self.layout, planned, self._chance["overrun"], public)
        self.watch = ProjectWatch(prepared, self.layout)
        self.reserves = Reserves(prepared, self.layout, self._life)

    @staticmethod
    def at_work(case: Run) -> bool:
        """Whether the run has projects."""
        return bool(case.world.projects)

    def start(self, stocks: Stocks, tracers: Sequence[Traced]) -> None:
        """The agents' state, in which capacity comes and goes."""
        assert isinstance(stocks, State)
        self._state = stocks

    def bound(self, plan: FloatArray) -> FloatArray:
        """No mine makes more than it has left."""
        return self.reserves.bound(plan)

    def after(self, ended: Ended) -> None:
        """The step is over: what it brought is seen and booked, then each project goes on."""
        state, controls = self._state, ended.controls
        assert state is not None
        self.money.open()
        paid = self._paid(state.gate_price, ended)
        own = controls.own_cost_factor
        cost = deciding.unit_cost(self._prepared, self.layout, state.cash_cost, own, state.choice_index)
        self.watch.see(state.gate_price, paid, ended.required)
        self.losses.see(ended, state.choice_index)
        supports = [given for other in self._others if (given := other.support()) is not None]
        self.money.run(self.stage == OPERATING, ended.output, state.gate_price, cost, supports)
        before = self.stage
        self._go_on(ended, state, cost)
        self.money.keep_idle(before == MOTHBALLED)
        empty = self.reserves.mine(ended.output)
        self.stage = np.where(empty & (self.stage != CANCELLED), CLOSED, self.stage)
        self.money.fail((self.stage != before) & np.isin(self.stage, (CLOSED, CANCELLED)))
        self._move_capacity(state)

    def _paid(self, price: FloatArray, ended: Ended) -> FloatArray:
        for other in self._others:
            price = other.paid(price, ended.controls, ended.shares)
        return price

    # -- decisions -----------------------------------------------------------------------------

    def _go_on(self, ended: Ended, state: State, cost: FloatArray) -> None:
        """Permits, starts, building, idling and giving up; each project does one thing a step.

        Equations (M142), (M143) and (M145), docs/model.md, for ``wt_j`` and ``stg_j``.
        """
        behaviour, step = self._prepared.behaviour, self._prepared.step_years
        terms, stage = ended.controls.projects, self.stage
        waits = np.isin(stage, (PROSPECT, PERMITTED)) & (terms.opened > 0)
        whole = deciding.whole_cost(self._prepared, cost, self.money.planned, self.layout.revenue, self._life)
        shares = self.money.public_shares(ended, np.where(waits, whole, np.inf))
        spread = np.sqrt(self.watch.variance)
        worth, band = self._value(ended, state, cost, shares), behaviour["project_option_premium"] * spread
        self.worth = worth[0]
        money = deciding.finance(self._prepared, terms.offtake, shares.sum(1))
        start = deciding.chosen(self._prepared, worth[0] - 1 - band) * money * (1 - terms.held_back)
        speed = behaviour["project_start_speed"]
        open_, waiting = terms.opened > 0, np.isin(stage, (PROSPECT, PERMITTED))
        hopeless = deciding.chosen(self._prepared, behaviour["project_hope"] - worth[0])
        hopeless = np.where(waiting & open_, hopeless / behaviour["project_patience_years"], 0.0)
        permit = terms.permit_pace / np.maximum(self._permit, step)
        permit = np.where((stage == PROSPECT) & open_, permit, 0.0)
        begin = np.where((stage == PERMITTED) & open_, speed * start, 0.0)
        stop = speed * deciding.chosen(self._prepared, 1 - band - worth[1])
        stop = np.where(stage == BUILDING, stop, 0.0)
        happens = {
            "permit": self._wait("permit", permit), "start": self._wait("start", begin),
            "give_up": self._wait("give_up", hopeless), "cancel": self._wait("cancel", stop),
        }  # fmt: skip
        self.stage = np.where(happens["permit"], PERMITTED, self.stage)
        self.stage = np.where(happens["start"], BUILDING, self.stage)
        self.money.promise(happens["start"], shares)
        gone = (happens["give_up"] & ~happens["start"]) | happens["cancel"]
        self._raise(terms.know_how, (stage == BUILDING) & ~happens["cancel"])
        self._idle_and_run(stage, cost, terms.royalty)
        self.stage = np.where(gone, CANCELLED, self.stage)

    def _wait(self, name: str, rate: FloatArray) -> BoolArray:
        """(M, J) for what so much has come together, at rates a year, as chance asks for."""
        before = self.waited[name]
        self.waited[name] = before + rate * self._prepared.step_years
        due = self._chance[name]
        happens: BoolArray = (rate > 0) & (self.waited[name] >= due)
        return happens

    def _value(
        self, ended: Ended, state: State, cost: FloatArray, shares: FloatArray
    ) -> tuple[FloatArray, FloatArray]:
        """(M, J) value over the capital that it takes, and over what is left to spend."""
        prepared, layout, terms = self._prepared, self.layout, ended.controls.projects
        behaviour = prepared.behaviour
        build = self._build / (self._own_pace * terms.know_how)
        under_way = np.zeros_like(state.capacity)
        capacity = prepared.world.offer_capacity[layout.offers]
        under_way[:, layout.offers] = (self.stage == BUILDING)[:, layout.project] * capacity
        balance = self.watch.balance(state, ended.controls, under_way, build * (1 - self.done))
        price = deciding.expected_price(prepared, self.watch.market, balance, layout.usual(prepared))
        wide = np.ones_like(state.capacity)
        wide[:, layout.offers] = price[:, layout.project]
        rate = deciding.capital_cost(prepared, terms.risk, np.sqrt(self.watch.variance), terms.offtake)
        rate = np.maximum(rate - self.money.relief(rate, terms, shares), LEAST_RATE)
        net = layout.net(prepared, terms.royalty)
        promises = [one for other in self._others for one in other.promised(wide, ended.controls)]
        promised = [deciding.promised(layout, one, build, net) for one in promises]
        worth = deciding.value(rate, self._life, price * net - cost, promised) * layout.revenue
        worth = deciding.owners_part(worth, terms.carried)
        granted = self.money.public.of_kind("grant", shares)
        own = 1 - self._backed
        expected = self.money.planned * own * (1 + behaviour["project_overrun"]) * (1 - granted)
        left = self.money.capital * own * np.maximum(1 - self.done, prepared.step_years)
        # Who has nothing to pay any more, pays next to nothing.
        least = self.money.planned * prepared.step_years
        return worth / np.maximum(expected, least), worth / np.maximum(left, least)

    def _raise(self, know_how: FloatArray, builds: BoolArray) -> None:
        """Building goes on, slower where know-how lacks and where it slips; what is done opens.

        Equation (M144), docs/model.md, for ``dnj_j``.
        """
        slip = 1 + self._prepared.behaviour["project_slip"] * self._chance["slip"]
        pace = self._own_pace * know_how / (self._build * slip)
        more = np.where(builds, np.minimum(pace * self._prepared.step_years, 1 - self.done), 0.0)
        self.done = self.done + more
        self.money.build(more)
        opens = builds & (self.done >= 1 - 1e-9)
        self.money.begin(opens)
        self.stage = np.where(opens, OPERATING, self.stage)

    def _idle_and_run(self, stage: IntArray, cost: FloatArray, royalty: FloatArray) -> None:
        """Who loses cash stops, who has been idle for long is closed, who could earn again comes back.

        Equations (M146) and (M147), docs/model.md, for ``stg_j``.
        """
        behaviour, step = self._prepared.behaviour, self._prepared.step_years
        over = np.exp(self.watch.near) * self.layout.net(self._prepared, royalty) / np.maximum(cost, 1e-9)
        runs, idles = stage == OPERATING, stage == MOTHBALLED
        broke = self.money.settle(runs, over >= 1)
        stops = runs & ((over < behaviour["project_mothball_below"]) | broke)
        dear = idles & (over > behaviour["project_restart_above"])
        self.idle = np.where(idles, self.idle + step, np.where(stops, 0.0, self.idle))
        self.wanted = np.where(dear, self.wanted + step, 0.0)
        back = idles & (self.wanted >= behaviour["project_restart_years"])
        closes = idles & ~back & (self.idle >= behaviour["project_idle_years"])
        self.stage = np.where(stops, MOTHBALLED, self.stage)
        self.stage = np.where(back, OPERATING, self.stage)
        self.stage = np.where(closes, CLOSED, self.stage)

    def _move_capacity(self, state: State) -> None:
        """Capacity of what runs, none of what does not; what is shut makes nothing from now on."""
        layout, world = self.layout, self._prepared.world
        on = (self.stage == OPERATING)[:, layout.project]
        state.capacity = state.capacity.copy()
        state.capacity[:, layout.offers] = np.where(on, world.offer_capacity[layout.offers], 0.0)
        for name in ("rate", "practised"):
            held = getattr(state, name).copy()
            held[:, layout.offers] = np.where(on, held[:, layout.offers], 0.0)
            setattr(state, name, held)
        plants = np.flatnonzero(layout.plant >= 0)
        state.throughput = state.throughput.copy()
        runs = self.stage[:, plants] == OPERATING
        state.throughput[:, layout.plant[plants]] *= runs
        self.reserves.shut(state)

    # -- what is kept --------------------------------------------------------------------------

    def book(self) -> Mapping[str, FloatArray]:
        """Stages, money and reserves at the end of the step."""
        return {
            "project_stage": self.stage.astype(np.float64), "project_worth": self.worth,
            **self.money.book(), **self.reserves.book(), **self.losses.book(),
        }  # fmt: skip

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """Names of projects, with their goods and countries; of funds and of reserves."""
        world = self._prepared.world
        main = self.layout.main()
        return {
            "project": ("project", [project.facility for project in self._projects]),
            "project_good": ("project", [world.goods[world.offer_good[at]].id for at in main]),
            "project_country": ("project", [world.countries[world.offer_country[at]] for at in main]),
            "project_owner_country": ("project", [p.owner_country for p in self._projects]),
            **self.money.labels(), **self.reserves.labels(),
        }  # fmt: skip

    def arrays(self) -> dict[str, FloatArray]:
        """All that is remembered."""
        own = {"done": self.done, "idle": self.idle, "wanted": self.wanted, "worth": self.worth,
               "stage": self.stage.astype(np.float64)}  # fmt: skip
        own |= {f"waited/{name}": values for name, values in self.waited.items()}
        own |= self.losses.arrays() | self.watch.arrays()
        return own | self.money.arrays() | self.reserves.arrays()

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave; all begins anew where there were no projects."""
        if "done" not in saved:
            return
        for name in ("done", "idle", "wanted"):
            setattr(self, name, saved.take(name, getattr(self, name)))
        self.worth = saved.take("worth", self.worth, -np.inf)
        stage = saved.take("stage", self.done, 0.0, float(CANCELLED))
        self.stage = stage.astype(np.int64)
        self.waited = {name: saved.take(f"waited/{name}", values) for name, values in self.waited.items()}
        for part in (self.watch, self.money, self.reserves, self.losses):
            part.restore(saved)


def _funds(case: Run, shape: tuple[int, int]) -> tuple[list[InvestmentFinance], PublicMoney]:
    """The funds of a run's events, and their books for members and projects."""
    funds = [event for event in case.events if isinstance(event, InvestmentFinance)]
    public = PublicMoney(
        [event.id for event in funds], [event.form for event in funds], [event.total for event in funds],
        shape,
    )  # fmt: skip
    public.grows = np.array([event.from_losses is not None for event in funds], dtype=bool)
    return funds, public


MONTHS = 12
LEAST_RATE = 1e-3


def _thresholds(case: Run) -> dict[str, FloatArray]:
    """By what chance decides, (M, J): exponential with mean 1, each project's own in each member.

    What waits at a rate happens when that much has come together: so it comes at this rate, whatever the
    step, and sooner in the same member wherever the rate is higher.
    """
    members, seeds = case.members, case.draws.seeds
    names = [f"projects.{project.facility}" for project in case.world.projects]
    columns = [member_uniforms(members, seeds, name, len(DRAWS)) for name in names]
    drawn = np.stack(columns, axis=1)
    drawn[np.array(members) == 0] = MIDDLE
    waits = -np.log1p(-drawn)
    return {name: waits[..., k] for k, name in enumerate(DRAWS)}


MIDDLE = 0.5
