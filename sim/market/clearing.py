"""Clear every good of every member at once: prices, rents and flows that balance in tonnes.

See ``docs/clearing.md`` for the equations. :mod:`sim.market.reference` is the same equilibrium in
plain loops.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from sim.market.compiled.engine import Aim, asked_of, clear_frame
from sim.market.flows import Batch, Clearing, ClearingState
from sim.market.layout import FloatArray, IntArray, Market, Terms
from sim.market.solver.asked import Load, load
from sim.market.solver.frame import Frame, frames_of
from sim.market.solver.inputs import NO_CAP, Given, Inputs, given_by, some, tier_order
from sim.market.solver.joint import alike, joined_frame, joined_load, parted
from sim.market.solver.prepare import prepared
from sim.market.solver.products import BLOCK
from sim.market.solver.settle import Settled, quote_unserved, settle
from sim.market.solver.solve import solve

__all__ = ["Asked", "Clearing", "ClearingState", "Market", "Terms", "clear", "clear_together", "prepare"]

Precision = Literal["double", "single"]

BATCH_ELEMENTS = 20_000
"""Buyers x tiers handled together for each size class of goods, and half as many on top: a working set that
stays in cache, yet outweighs the calls made for each class. Results do not depend on it."""
AIM = 0.9
"""Share of the tolerance that the solvers aim at, so that rounding does not decide arrival."""
SINGLE_TOLERANCE = 2e-5
"""Smallest tolerance in single precision: its rounding moves flows by up to a few parts in a million."""
GAP_PER_TOLERANCE = 1e3
"""A certified gap, over the tolerance: flows off by the tolerance, at log prices of this order."""


def _keep_freed_memory() -> None:
    """Let the C library keep what arrays free, where that library is glibc.

    It returns freed memory to the system beyond a threshold that starts at 128 kB and grows to twice the
    largest block ever freed. Without this, every step would fault its arrays in again, page by page,
    which took half of its time. The block is never touched, so it costs nothing.
    """
    np.empty(30 * 2**20, dtype=np.uint8)


_keep_freed_memory()


def clear(
    market: Market,
    quantity: ArrayLike,
    ask: ArrayLike,
    demand: ArrayLike,
    reservation: ArrayLike,
    elasticity: ArrayLike,
    cap_tonnes: ArrayLike | None = None,
    start: ClearingState | None = None,
    tolerance: float = 1e-9,
    signal_quantity: ArrayLike | None = None,
    precision: Precision = "double",
    held: ArrayLike | None = None,
    least: float = 0.0,
    kept: ArrayLike | None = None,
    keep_elasticity: float = 1.0,
) -> Clearing:
    """Find the prices at which every good of every member clears.

    Supply is ``q min(1, (p / a)**eps)``; demand is the sum over tiers k of ``d min(1, (P / r)**-eta)`` with
    P the buyer's choice index; each buyer splits its demand in proportion to ``K p**-sigma``, over rents
    where a cap binds (docs/clearing.md).

    Args:
        market: kernels, elasticities and groups of links under a cap, shared by the members.
        quantity: (M, O) tonnes on sale, >= 0. ask: (M, O) price from which all of it is on sale, > 0.
        demand: (M, N, K) tonnes per tier, >= 0.
        reservation: (M, N, K) price at which a tier starts to give way, > 0.
        elasticity: (M, N, K) or what broadcasts to it, such as (M, 1, K) or (K,), > 0.
        cap_tonnes: (M, C) tonnes allowed on each group of links, >= 0; may be left out without caps.
        start: the state of an earlier clearing of the same offers.
        tolerance: largest residual, relative to the market's size.
        signal_quantity: (M, O) tonnes at which an offer without goods is quoted; default 1 % of demand.
        precision: ``single`` sweeps in single precision: quicker in large ensembles, to a tolerance of at
            least :data:`SINGLE_TOLERANCE`. Tonnes balance to the same rounding, residual and gap are exact.
        held: (M, N) tonnes that buyers have already: they order what their tiers want beyond these.
        least: share of its tiers that a buyer orders however much it holds; > 0 with ``held``.
        kept: (M, O) tonnes that sellers keep at their ask. They then offer what they do not keep, ``q - kept
            (p / a)**-keep_elasticity``, whatever the market's ``eps``; where next to nothing would be left
            (:data:`TAIL`), a power of the price that goes on from there.
        keep_elasticity: fall of what is kept, in logs, per rise of price, > 0.

    Returns:
        The clearing. A market that did not arrive has ``certified`` False; its flows still balance.

    Raises:
        ValueError: a shape does not fit or a number is out of range.
        MonaziteError: the market's engine is ``compiled``, and the package that it needs is missing.

    Equations (C6) and (C7), docs/clearing.md, for ``S_s`` and ``Q_g``.
    """
    terms = Terms(
        quantity, ask, demand, reservation, elasticity, cap_tonnes, held, least, kept, keep_elasticity
    )  # fmt: skip
    given = given_by(market, terms, signal_quantity)
    members = len(given.quantity)
    if start is not None and start.log_price.shape != given.quantity.shape:
        raise ValueError(f"the start is for {start.log_price.shape}; expected {given.quantity.shape}")
    if precision not in ("double", "single"):
        raise ValueError(f"precision must be 'double' or 'single', not '{precision}'")
    if precision == "single" and market.engine == "compiled":
        raise ValueError("the compiled engine sweeps in double precision")
    if precision == "single":
        tolerance = max(tolerance, SINGLE_TOLERANCE)
    results = _Results(market, members, start)
    # Everything happens batch by batch, so that what is in work stays in the cache.
    for here in _member_batches(members, given.per_member, len(market.buckets)):
        if market.engine == "compiled":
            _clear_batch_compiled(results, given, here, tolerance)
        else:
            _clear_batch(results, given, here, tolerance, precision)
    return results.clearing(tolerance)


class Asked(NamedTuple):
    """One market among several that clear together."""

    market: Market
    terms: Terms
    start: ClearingState | None = None


def clear_together(asked: Sequence[Asked], tolerance: float = 1e-9) -> list[Clearing]:
    """Clear several markets that know nothing of each other; each as :func:`clear` does it, to the bit.

    Where members are few a clearing is calls rather than arithmetic, and these they share.

    Raises:
        ValueError, MonaziteError: as for :func:`clear`.
    """
    if len(asked) == 1 or any(one.market.engine == "compiled" for one in asked):
        return [_cleared(one, tolerance) for one in asked]
    results, tasks, room = [], list[_Task](), 0
    for one in asked:
        given = given_by(one.market, one.terms, None)
        members = len(given.quantity)
        results.append(_Results(one.market, members, one.start))
        for here in _member_batches(members, given.per_member, len(one.market.buckets)):
            elements = given.per_member * (here.stop - here.start)
            if room + elements > BATCH_ELEMENTS * (1 + 2 * len(one.market.buckets)) // 2:
                _clear_tasks(tasks, tolerance)
                tasks, room = [], 0
            tasks += results[-1].tasks(given, here)
            room += elements
    _clear_tasks(tasks, tolerance)
    return [one.clearing(tolerance) for one in results]


def _cleared(asked: Asked, tolerance: float) -> Clearing:
    market, terms, start = asked
    return clear(
        market, terms.quantity, terms.ask, terms.demand, terms.reservation, terms.elasticity,
        terms.cap_tonnes, start=start, tolerance=tolerance, held=terms.held, least=terms.least,
        kept=terms.kept, keep_elasticity=terms.keep_elasticity,
    )  # fmt: skip


class _Task(NamedTuple):
    """A frame of some members, ready to be solved."""

    results: _Results
    here: slice
    frame: Frame
    load: Load
    at: FloatArray
    """Per variable, log prices and log rents to start from."""
    lots: FloatArray | None
    """Per variable, tonnes at which an offer without goods is quoted."""


def _clear_batch(
    results: _Results, given: Given, here: slice, tolerance: float, precision: Precision
) -> None:
    """The markets of some members."""
    for task in results.tasks(given, here):
        settled, steps = _settled(task, tolerance, precision)
        results.put(here, task.frame, settled, steps)
    results.end(here)


def _settled(task: _Task, tolerance: float, precision: Precision) -> tuple[Settled, IntArray]:
    """A frame's outcome, and the steps that each of its markets took."""
    solution = solve(task.frame, task.load, task.at, AIM * tolerance, precision)
    settled = settle(solution.sweeper, solution.w, task.lots)
    # Sweeps stop by a bound of first order: it says little where far more is wanted than is on sale.
    late = np.flatnonzero(~(settled.residual <= tolerance))
    if len(late) and precision == "double":
        solution.solve_again(late)
        settled = settle(solution.sweeper, solution.w, task.lots)
    return settled, solution.steps


def _clear_tasks(tasks: Sequence[_Task], tolerance: float) -> None:
    """Frames that are alike at once, the others by themselves."""
    left = list(tasks)
    while left:
        first = left[0]
        group = [one for one in left if _fit(first, one)]
        left = [one for one in left if not _fit(first, one)]
        if len(group) == 1:
            first.results.put(first.here, first.frame, *_settled(first, tolerance, "double"))
            continue
        frame, ends = joined_frame([one.frame for one in group])
        whole = first._replace(
            frame=frame, load=joined_load([one.load for one in group]),
            at=np.concatenate([one.at for one in group]),
        )  # fmt: skip
        settled, steps = _settled(whole, tolerance, "double")
        for one, own, where in zip(group, parted(settled, ends), ends.along[3], strict=True):
            one.results.put(one.here, one.frame, own, steps[where])
    for results, here in dict.fromkeys((one.results, (one.here.start, one.here.stop)) for one in tasks):
        results.end(slice(*here))


def _fit(one: _Task, other: _Task) -> bool:
    """Whether two frames may be solved as one."""
    a, b = one.load, other.load
    return (
        alike(one.frame, other.frame) and one.lots is None and other.lots is None
        and (a.groups, a.least, a.keep_elasticity, len(a.demand)) == (
            b.groups, b.least, b.keep_elasticity, len(b.demand))
        and (a.held is None) == (b.held is None) and (a.log_kept is None) == (b.log_kept is None)
    )  # fmt: skip


def _clear_batch_compiled(results: _Results, given: Given, here: slice, tolerance: float) -> None:
    """The markets of some members, by machine code."""
    if not results.paired:
        # Goods that have offers or needs alone are quoted here; markets overwrite the rest.
        results.by_need["index"][here] = 0.0
        results.begin(here, given.of_members(here))
        results.end(here)
    start = None if results.start_price is None else results.start_price[here]
    asked = asked_of(given, here, start, results.start_rent[here])
    results.iterations[here] = 0
    filled = {name: getattr(results, name) for name in ("offers", "needs", "caps", "markets", "iterations")}
    for frame in frames_of(results.market, here.stop - here.start, here.start):
        flows = clear_frame(frame, given, here, asked, filled, Aim(AIM * tolerance, tolerance))
        results.batches.append(Batch(frame, here.start, *flows))


class _Results:
    """Arrays that the batches fill, those of an axis in one block."""

    def __init__(self, market: Market, members: int, start: ClearingState | None) -> None:
        self.market, self.batches = market, list[Batch]()
        offers, needs, caps = len(market.offer_good), len(market.need_good), len(market.caps)
        self.offers, self.needs = np.empty((3, members, offers)), np.empty((3, members, needs))
        self.caps, self.markets = np.zeros((2, members, caps)), np.zeros((3, members, market.goods))
        self.log_price = self.offers[0]
        self.by_offer = dict(zip(("price", "sales"), self.offers[1:], strict=True))
        self.by_need = dict(zip(("index", "purchases", "demanded"), self.needs, strict=True))
        self.by_cap = dict(zip(("log_rent", "cap_flow"), self.caps, strict=True))
        self.by_market = dict(zip(("residual", "gap", "scaled_down"), self.markets, strict=True))
        if "paired" not in market.memory:
            both = np.unique(market.offer_good), np.unique(market.need_good)
            market.memory["paired"] = np.array_equal(*both)
        self.paired: bool = market.memory["paired"]
        self.start_price = None if start is None else start.log_price
        self.start_rent = np.zeros((members, caps)) if start is None else start.log_rent_for(market)
        self.iterations = np.zeros((members, market.goods), dtype=np.int64)

    def begin(self, here: slice, inputs: Inputs) -> tuple[FloatArray, FloatArray]:
        """Log prices and log rents from which to start; fills in goods that have offers or needs alone."""
        if not self.paired:
            self.log_price[here], self.by_offer["sales"][here] = inputs.log_ask, 0.0
            self.by_need["purchases"][here] = 0.0
            _quote_goods_without_market(self.market, inputs, self.by_need, here)
        first = inputs.log_ask if self.start_price is None else self.start_price[here]
        return first, self.start_rent[here]

    def tasks(self, given: Given, here: slice) -> list[_Task]:
        """The frames of some members."""
        inputs = given.of_members(here)
        log_price, log_rent = self.begin(here, inputs)
        found = []
        for frame in frames_of(self.market, here.stop - here.start, here.start):
            at = inputs.of_variables(frame, log_price, log_rent)
            lots = None if given.signal is None else inputs.of_variables(frame, given.signal[here])
            found.append(_Task(self, here, frame, load(frame, inputs), at, lots))
        return found

    def put(self, here: slice, frame: Frame, settled: Settled, steps: IntArray) -> None:
        """The markets of a frame."""
        frame.to_offers.put(settled.log_price, self.log_price[here])
        frame.to_offers.put(settled.sold, self.by_offer["sales"][here])
        for name, values in (
            ("index", settled.log_index), ("purchases", settled.bought), ("demanded", settled.demanded)
        ):  # fmt: skip
            frame.to_needs.put(values, self.by_need[name][here])
        if frame.capped:
            frame.to_caps.put(settled.log_price, self.by_cap["log_rent"][here])
            frame.to_caps.put(settled.sold, self.by_cap["cap_flow"][here])
        place = (here.start + frame.member) * self.market.goods + frame.good
        for name, array in self.by_market.items():
            array.reshape(-1)[place] = getattr(settled, name)
        self.iterations.reshape(-1)[place] = steps
        self.batches.append(Batch(frame, here.start, settled.row, settled.row_rent, settled.pull))

    def end(self, here: slice) -> None:
        """From logs to prices, while they are in the cache."""
        np.exp(self.log_price[here], out=self.by_offer["price"][here])
        np.exp(self.by_need["index"][here], out=self.by_need["index"][here])

    def clearing(self, tolerance: float) -> Clearing:
        """All of it."""
        by_market = self.by_market
        # Where a ceiling is slack, a search may end a rounding below no rent; the next begins at none.
        rent = np.maximum(self.by_cap["log_rent"], 0.0)
        return Clearing(
            market=self.market,
            iterations=self.iterations,
            certified=(by_market["residual"] <= tolerance)
            & (np.abs(by_market["gap"]) <= GAP_PER_TOLERANCE * tolerance),
            state=ClearingState(self.log_price, rent, self.market.cap_keys),
            batches=tuple(self.batches),
            **self.by_offer, **self.by_need, **self.by_cap, **by_market,
        )  # fmt: skip


def prepare(
    market: Market,
    quantity: ArrayLike,
    ask: ArrayLike,
    demand: ArrayLike,
    reservation: ArrayLike,
    elasticity: ArrayLike,
) -> Market:
    """The same market, quicker to clear near a reference state, such as the base year.

    Results change only within the tolerance. Prepare once per policy, from numbers that do not depend
    on the members in the batch.

    Args:
        market: from :meth:`Market.build`.
        quantity, ask: (O,). demand, reservation: (N, K). elasticity: (N, K) or (K,).
    """
    amounts, asks = np.asarray(quantity, dtype=np.float64)[None], np.asarray(ask, dtype=np.float64)[None]
    wanted, worth = (np.asarray(a, dtype=np.float64)[None] for a in (demand, reservation))
    response = np.asarray(elasticity, dtype=np.float64)
    order, groups = tier_order(response, wanted.shape[2])
    if response.ndim <= 1:
        response = np.array(np.broadcast_to(response, (wanted.shape[2],)))
    unlimited = np.full((1, len(market.caps)), NO_CAP)
    own = some(response, slice(0, 1), wanted.shape)
    inputs = Inputs(amounts, np.log(asks), wanted, worth, own, unlimited, order, groups)
    return prepared(market, [(frame, load(frame, inputs)) for frame in frames_of(market, 1, 0)])


def _quote_goods_without_market(
    market: Market, inputs: Inputs, by_need: dict[str, FloatArray], here: slice
) -> None:
    """Needs of a good that nobody offers: the highest reservation price, in logs, and the demand at it."""
    alone = np.flatnonzero(~np.isin(market.need_good, market.offer_good))
    demand, reservation = (np.moveaxis(a[:, alone], 2, 0) for a in (inputs.demand, inputs.reservation))
    response = inputs.elasticity
    response = response[:, None, None] if response.ndim == 1 else np.moveaxis(response[:, alone], 2, 0)
    held = None if inputs.held is None else inputs.held[:, alone]
    quote, wanted = quote_unserved(demand, np.log(reservation), response, held, inputs.least)
    by_need["index"][here, alone], by_need["demanded"][here, alone] = quote, wanted


def _member_batches(members: int, elements: int, buckets: int) -> list[slice]:
    """Batches of some ``BATCH_ELEMENTS``, whole blocks; a small rest is joined to the last."""
    most = BATCH_ELEMENTS * (1 + 2 * buckets) // 2
    at_once = max(BLOCK, most // max(elements, 1) // BLOCK * BLOCK)
    starts = list(range(0, members, at_once))
    if len(starts) > 1 and members - starts[-1] < at_once // 2:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], members], strict=True)]
