"""What an event may carry from step to step: the hooks of a stateful instrument, and what they see.

Most instruments are measures: what they do in a step follows from its date. One with a memory of its own
returns a :class:`Process` from :meth:`~sim.instruments.base.Instrument.process`, in the same file. The engine
calls its hooks in every step and keeps its arrays in checkpoints; nothing else has to know of it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

# Types only: an instrument is read by commands that must not pay for numpy.
if TYPE_CHECKING:
    from sim.accounts import Account, Orders
    from sim.arrays import BoolArray, FloatArray, IntArray, Saved
    from sim.controls import Controls
    from sim.market.clearing import Clearing
    from sim.units import Amount
    from sim.world.benchmark import Benchmark
    from sim.world.world import World

__all__ = ["Ended", "Numbers", "Process", "Promise", "Setting", "Spending", "Stage", "Stocks", "Traced"]


class Numbers(Protocol):
    """Behavioural parameters by name, (M, 1) or (M, G)."""

    def __getitem__(self, name: str) -> FloatArray:
        """All members' values of one parameter."""

    def shared_or_each(self, name: str) -> Amount:
        """One number for all members where they agree for sure, else (M, 1) or (M, G)."""


class Stocks(Protocol):
    """The part of the agents' state that a process may see and change; see ``sim.agents.state``."""

    seller_stock: FloatArray
    buyer_stock: FloatArray
    transit: FloatArray
    choice_index: FloatArray
    required: FloatArray
    shortfall: FloatArray
    cash_cost: FloatArray
    gate_price: FloatArray


class Traced(Protocol):
    """What a process may see of a tracer: contents of buyers' stocks at some needs."""

    name: str
    needs: IntArray
    buyer: Account


@dataclass(frozen=True)
class Setting:
    """What is fixed during a run."""

    world: World
    benchmark: Benchmark
    behaviour: Numbers
    step_years: float
    members: int


@dataclass(frozen=True)
class Stage:
    """A step as far as it has come when a hook is called. Arrays may be replaced, not written into."""

    stocks: Stocks
    """The last step's ``required`` and ``shortfall``, this step's stocks."""
    tracers: Sequence[Traced]
    controls: Controls
    shares: Mapping[str, Amount]
    """Event id -> share of the step in which it is in force, one number or (M,)."""
    required: FloatArray
    """(M, N) tonnes needed in this step."""


@dataclass(frozen=True)
class Promise:
    """What a state has promised to sellers beside the price, as far as its money goes."""

    due: FloatArray
    """(M, O) multiples of the base price; below 0 where the state takes."""
    years: Amount
    """From now on for which it is promised."""
    left: FloatArray
    """(M,) USD that there are for it; infinite where no fund is named."""
    pays: FloatArray
    """(M,) USD a year that others draw on it now."""


class Ended(Protocol):
    """What a process may see of a step that has ended, tonnes; see ``sim.engine.result.StepResult``."""

    @property
    def time(self) -> int:
        """Number of the step, from 0."""

    @property
    def controls(self) -> Controls:
        """Policy of the step, with what processes have changed."""

    @property
    def shares(self) -> Mapping[str, Amount]:
        """Event id -> share of the step in which it was in force, one number or (M,)."""

    @property
    def clearing(self) -> Clearing:
        """Prices and sales."""

    @property
    def output(self) -> FloatArray:
        """(M, O) made."""

    @property
    def required(self) -> FloatArray:
        """(M, N) needed."""

    @property
    def consumed(self) -> FloatArray:
        """(M, N) used."""

    @property
    def shortfall(self) -> FloatArray:
        """(M, N) needed but missing."""

    @property
    def purchases(self) -> FloatArray:
        """(M, N) bought for own use."""

    @property
    def seller_stock(self) -> FloatArray:
        """(M, O) at the end."""

    @property
    def buyer_stock(self) -> FloatArray:
        """(M, N) at the end."""


class Process:
    """The memory of all events of one type in one run. Hooks that are not overridden do nothing.

    Order of a step: :meth:`act`, :meth:`paid`, :meth:`bound`, :meth:`step`, :meth:`add_orders`, the market,
    :meth:`take`, production, :meth:`after`, :meth:`support`, :meth:`out_of_money`, :meth:`moved`,
    :meth:`book`.
    """

    name = "process"
    """Type of the events; processes of a run have different names."""

    def start(self, stocks: Stocks, tracers: Sequence[Traced]) -> None:
        """Before the first step: what is kept starts."""

    def act(self, controls: Controls, shares: Mapping[str, Amount]) -> None:
        """Change this step's controls by what is remembered. They are a copy of the step's own then."""

    @property
    def acts(self) -> bool:
        """Whether :meth:`act` changes anything, so that every step has controls of its own."""
        return type(self).act is not Process.act

    def step(self, stage: Stage) -> None:
        """Before buyers order: what was under way arrives, stocks are released."""

    def add_orders(self, orders: Orders) -> Orders:
        """The buyers' orders, and own ones as further tiers."""
        return orders

    def fractions(self, clearing: Clearing, orders: Orders) -> FloatArray | None:
        """(P, M, N) share of each need's purchases that goes to P own stocks; None for none."""
        return None

    def take(self, content: int, by_lag: FloatArray, fractions: FloatArray) -> None:
        """Put the fractions (P, M, needs) of shipments (L, M, needs, X) into own stocks.

        Args:
            content: 0 for tonnes, then the tracers in their order.
        """

    def paid(self, price: FloatArray, controls: Controls, shares: Mapping[str, Amount]) -> FloatArray:
        """(M, O) what sellers are paid at prices (M, O), multiples of the base price, of which they know."""
        return price

    def promised(self, price: FloatArray, controls: Controls) -> Sequence[Promise]:
        """What sellers may count on in the years to come, at prices (M, O) in multiples of the base price."""
        return ()

    def bound(self, plan: FloatArray) -> FloatArray:
        """(M, O) tonnes that are made where so much is planned: less where there is no more."""
        return plan

    def support(self) -> FloatArray | None:
        """(M, O) USD that a state paid to sellers in the step that has just ended, below 0 where it took.

        None for nothing.
        """
        return None

    def after(self, ended: Ended) -> None:
        """The step is over: what it brought is remembered."""

    def out_of_money(self) -> Mapping[str, BoolArray]:
        """Event id -> (M,) whether its money is gone, so that it no longer acts; asked after each step."""
        return {}

    def moved(self) -> Mapping[str, FloatArray]:
        """Event id -> (M, G) tonnes that it moved in this step, where that is less than what it touches.

        Below 0 for tonnes that it took away.
        """
        return {}

    def book(self) -> Mapping[str, FloatArray]:
        """Variable of ``sim/results/variables.csv`` -> (M, n) of the step that has just ended."""
        return {}

    def labels(self) -> Mapping[str, tuple[str, Sequence[str]]]:
        """Coordinate -> axis and labels, of the axes of what :meth:`book` returns."""
        return {}

    def arrays(self) -> dict[str, FloatArray]:
        """All that is remembered, for a checkpoint."""
        return {}

    def restore(self, saved: Saved) -> None:
        """Take over what :meth:`arrays` gave in a run of these events, or of some of them and others."""


class Spending(Process):
    """A process whose events spend money.

    Attributes:
        names: of the events. spent: (M, K) USD so far. paid_out: in the step that has just ended.
        least: that may have been spent; below 0 where a state gets money back, too.
    """

    least = 0.0

    def __init__(self, names: Sequence[str], members: int) -> None:
        import numpy as np

        self.names = tuple(names)
        self.spent = np.zeros((members, len(self.names)))
        self.paid_out = np.zeros_like(self.spent)

    def left(self, total: Amount, place: int) -> FloatArray:
        """(M,) USD that an event at a place has left of what it may spend in all."""
        import numpy as np

        left: FloatArray = np.maximum(total - self.spent[:, place], 0.0)
        return left

    def arrays(self) -> dict[str, FloatArray]:
        """What was spent, by event."""
        return {f"{name}/spent": self.spent[:, k] for k, name in enumerate(self.names)}

    def restore(self, saved: Saved) -> None:
        """Events that were there before go on."""
        self.spent = self.spent.copy()
        for k, name in enumerate(self.names):
            if f"{name}/spent" in saved:
                self.spent[:, k] = saved.take(f"{name}/spent", self.spent[:, k], self.least)
