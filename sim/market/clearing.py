"""Clear every good of every member at once: prices, rents and flows that balance in tonnes.

See ``docs/clearing.md`` for the equations. :mod:`sim.market.reference` is the same equilibrium in
plain loops.
"""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import ArrayLike

from sim.market.flows import Batch, Clearing, ClearingState
from sim.market.layout import FloatArray, IntArray, Market
from sim.market.solver.asked import Load, load
from sim.market.solver.frame import Frame
from sim.market.solver.inputs import NO_CAP, Inputs, tier_order, tiers_sorted
from sim.market.solver.newton import NORMAL, STRONG, newton
from sim.market.solver.prepare import prepared
from sim.market.solver.problem import problem_of
from sim.market.solver.products import BLOCK
from sim.market.solver.settle import Settled, quote_unserved, settle
from sim.market.solver.sweeps import Sweeper, mix

__all__ = ["Clearing", "ClearingState", "Market", "clear", "prepare"]

BATCH_ELEMENTS = 20_000
"""Buyers x tiers handled together, and half as many more for each size class of goods: a working set that
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
    precision: Literal["double", "single"] = "double",
) -> Clearing:
    """Find the prices at which every good of every member clears.

    Supply is ``q min(1, (p / ask)**eps)``; demand is the sum over tiers k of
    ``d_k min(1, (P / reservation_k)**-elasticity_k)`` with P the buyer's choice index; each buyer splits
    its demand in proportion to ``K p**-sigma``, over rents where a cap binds.

    Args:
        market: kernels, elasticities and groups of links under a cap, shared by the members.
        quantity: (M, O) tonnes on sale, >= 0. ask: (M, O) price from which all of it is on sale, > 0.
        demand: (M, N, K) tonnes per tier, >= 0.
        reservation: (M, N, K) price at which a tier starts to give way, > 0.
        elasticity: (M, N, K) or what broadcasts to it, such as (M, 1, K) or (K,), > 0.
        cap_tonnes: (M, C) tonnes allowed on each group of links, >= 0; may be left out without caps.
        start: the state of an earlier clearing of the same offers.
        tolerance: largest residual, relative to the market's size.
        signal_quantity: (M, O) tonnes at which an offer with nothing to sell is quoted; default 1 % of
            the market's demand.
        precision: ``single`` sweeps in single precision, for large ensembles: quicker, to a tolerance of at
            least :data:`SINGLE_TOLERANCE`. Tonnes balance to the same rounding, and the residual and gap are
            computed in double precision either way.

    Returns:
        The clearing. A market that did not arrive has ``certified`` False; its flows still balance.

    Raises:
        ValueError: a shape does not fit or a number is out of range.
    """
    members, offers, needs = np.shape(quantity)[0], len(market.offer_good), len(market.need_good)
    caps, tiers = len(market.caps), np.shape(demand)[-1]
    amounts = _checked("quantity", quantity, (members, offers), 0.0)
    asks = _checked("ask", ask, (members, offers), 1e-300)
    wanted = _checked("demand", demand, (members, needs, tiers), 0.0)
    worth = _checked("reservation", reservation, (members, needs, tiers), 1e-300)
    response = _checked("elasticity", elasticity, None, 1e-300)
    if market.members not in (None, members):
        raise ValueError(f"the market's kernels are for {market.members} members; there are {members}")
    allowed = np.zeros((members, 0)) if cap_tonnes is None and not caps else cap_tonnes
    allowed = _checked("cap_tonnes", allowed, (members, caps), 0.0)
    signal = None
    if signal_quantity is not None:
        signal = _checked("signal_quantity", signal_quantity, (members, offers), 0.0)
    if start is not None and start.log_price.shape != (members, offers):
        raise ValueError(f"the start is for {start.log_price.shape}; expected {(members, offers)}")

    if precision == "single":
        tolerance = max(tolerance, SINGLE_TOLERANCE)
    elif precision != "double":
        raise ValueError(f"precision must be 'double' or 'single', not '{precision}'")
    log_rent = np.zeros((members, caps)) if start is None else start.log_rent_for(market)
    order, groups = tier_order(response, tiers)
    if response.ndim <= 1:
        response = np.array(np.broadcast_to(response, (tiers,)))
    elif response.ndim == 2:
        response = response[None]
    wanted, worth, response = tiers_sorted(wanted, worth, response)
    results = _Results(market, members)
    batches = []
    # Everything happens batch by batch, so that what is in work stays in the cache.
    for here in _member_batches(members, needs * tiers, len(market.buckets)):
        log_ask, own = np.log(asks[here]), _some(response, here, wanted.shape)
        inputs = Inputs(
            amounts[here], log_ask, wanted[here], worth[here], own, allowed[here], order, groups
        )
        log_price = log_ask if start is None else start.log_price[here]
        results.begin(here, inputs)
        for frame in _frames(market, here.stop - here.start, here.start):
            asked = load(frame, inputs)
            at = inputs.of_variables(frame, log_price, log_rent[here])
            lots = None if signal is None else inputs.of_variables(frame, signal[here])
            sweeper, w, steps = _solve(frame, asked, at, AIM * tolerance, precision)
            settled = settle(sweeper, w, lots)
            # Sweeps stop by a bound of first order: it says little where far more is wanted than is on sale.
            late = np.flatnonzero(~(settled.residual <= tolerance))
            if len(late) and precision == "double":
                sweeper, w = _solve_again(frame, asked, sweeper, w, at, steps, late, AIM * tolerance)
                settled = settle(sweeper, w, lots)
            results.put(here, frame, settled, steps)
            batches.append(Batch(frame, here.start, settled.row, settled.row_rent, settled.pull))
        results.end(here)
    return results.clearing(tuple(batches), tolerance)


class _Results:
    """Arrays that the batches fill."""

    def __init__(self, market: Market, members: int) -> None:
        self.market = market
        offers, needs, caps = len(market.offer_good), len(market.need_good), len(market.caps)
        self.by_offer = {name: np.empty((members, offers)) for name in ("price", "sales")}
        self.by_need = {name: np.empty((members, needs)) for name in ("index", "purchases", "demanded")}
        self.by_cap = {name: np.zeros((members, caps)) for name in ("log_rent", "cap_flow", "rent_value")}
        self.by_market = {
            name: np.zeros((members, market.goods)) for name in ("residual", "gap", "scaled_down")
        }
        if "paired" not in market.memory:
            both = np.unique(market.offer_good), np.unique(market.need_good)
            market.memory["paired"] = np.array_equal(*both)
        self.paired: bool = market.memory["paired"]
        self.log_price = np.empty((members, offers))
        self.iterations = np.zeros((members, market.goods), dtype=np.int64)

    def begin(self, here: slice, inputs: Inputs) -> None:
        """What holds for offers and needs of a good that has none of the other."""
        if self.paired:
            return
        self.log_price[here], self.by_offer["sales"][here] = inputs.log_ask, 0.0
        self.by_need["purchases"][here] = 0.0
        _quote_goods_without_market(self.market, inputs, self.by_need, here)

    def put(self, here: slice, frame: Frame, settled: Settled, steps: IntArray) -> None:
        """The markets of a frame."""
        frame.to_offers.put(settled.log_price, self.log_price[here])
        frame.to_offers.put(settled.sold, self.by_offer["sales"][here])
        for name, values in (
            ("index", settled.log_index), ("purchases", settled.bought), ("demanded", settled.demanded)
        ):  # fmt: skip
            frame.to_needs.put(values, self.by_need[name][here])
        if settled.rent_value is not None:
            frame.to_caps.put(settled.log_price, self.by_cap["log_rent"][here])
            frame.to_caps.put(settled.sold, self.by_cap["cap_flow"][here])
            frame.to_caps.put(settled.rent_value, self.by_cap["rent_value"][here])
        place = (here.start + frame.member) * self.market.goods + frame.good
        for name, array in self.by_market.items():
            array.reshape(-1)[place] = getattr(settled, name)
        self.iterations.reshape(-1)[place] = steps

    def end(self, here: slice) -> None:
        """From logs to prices, while they are in the cache."""
        np.exp(self.log_price[here], out=self.by_offer["price"][here])
        np.exp(self.by_need["index"][here], out=self.by_need["index"][here])

    def clearing(self, batches: tuple[Batch, ...], tolerance: float) -> Clearing:
        """All of it."""
        by_market = self.by_market
        return Clearing(
            market=self.market,
            iterations=self.iterations,
            certified=(by_market["residual"] <= tolerance)
            & (np.abs(by_market["gap"]) <= GAP_PER_TOLERANCE * tolerance),
            state=ClearingState(self.log_price, self.by_cap["log_rent"], self.market.cap_keys),
            batches=batches,
            **self.by_offer, **self.by_need, **self.by_cap, **by_market,
        )  # fmt: skip


def _some(values: FloatArray, here: slice, shape: tuple[int, ...]) -> FloatArray:
    """Elasticities of some members: those that all share stay as they are."""
    return values if values.ndim <= 1 else np.broadcast_to(values, shape)[here]


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
    own = _some(response, slice(0, 1), wanted.shape)
    inputs = Inputs(amounts, np.log(asks), wanted, worth, own, unlimited, order, groups)
    return prepared(market, [(frame, load(frame, inputs)) for frame in _frames(market, 1, 0)])


def _checked(name: str, values: ArrayLike | None, shape: tuple[int, ...] | None, lowest: float) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    # Two reductions that also catch NaN: comparisons with it are false.
    if array.size and not (array.min() >= lowest and array.max() < np.inf):
        raise ValueError(f"{name} must be finite and >= {lowest:g}")
    return array


def _quote_goods_without_market(
    market: Market, inputs: Inputs, by_need: dict[str, FloatArray], here: slice
) -> None:
    """Needs of a good that nobody offers: the highest reservation price, in logs, and the demand at it."""
    alone = np.flatnonzero(~np.isin(market.need_good, market.offer_good))
    demand, reservation = (np.moveaxis(a[:, alone], 2, 0) for a in (inputs.demand, inputs.reservation))
    response = inputs.elasticity
    response = response[:, None, None] if response.ndim == 1 else np.moveaxis(response[:, alone], 2, 0)
    quote, wanted = quote_unserved(demand, np.log(reservation), response)
    by_need["index"][here, alone], by_need["demanded"][here, alone] = quote, wanted


def _member_batches(members: int, elements: int, buckets: int) -> list[slice]:
    """Batches of some ``BATCH_ELEMENTS``, whole blocks; a small rest is joined to the last."""
    most = BATCH_ELEMENTS * (2 + buckets) // 2
    at_once = max(BLOCK, most // max(elements, 1) // BLOCK * BLOCK)
    starts = list(range(0, members, at_once))
    if len(starts) > 1 and members - starts[-1] < at_once // 2:
        starts.pop()
    return [slice(a, b) for a, b in zip(starts, [*starts[1:], members], strict=True)]


def _frames(market: Market, members: int, first: int) -> list[Frame]:
    """The frames for a number of members from ``first`` on, kept by the market."""
    kept = market.memory.setdefault("frames", {})
    key = members, first if market.members is not None else 0
    if key not in kept:
        both = [Frame(market, members, capped, key[1]) for capped in (False, True)]
        kept[key] = [frame for frame in both if len(frame)]
    frames: list[Frame] = kept[key]
    return frames


def _references(frame: Frame, asked: Load, at: FloatArray) -> FloatArray:
    """(n,) log price in the middle of the live sellers' range, weights included."""
    level = at - frame.level
    if frame.capped or not asked.all_live:
        seller = asked.live & ~frame.is_cap
        lowest = np.minimum.reduceat(np.where(seller, level, np.inf), frame.first_variable)
        highest = np.maximum.reduceat(np.where(seller, level, -np.inf), frame.first_variable)
        return np.where(np.isfinite(highest), 0.5 * (lowest + highest), 0.0)
    lowest, highest = (np.asarray(f.reduceat(level, frame.first_variable)) for f in (np.minimum, np.maximum))
    lowest += highest
    lowest *= 0.5
    return lowest


def _solve(
    frame: Frame, asked: Load, at: FloatArray, tolerance: float, precision: str
) -> tuple[Sweeper, FloatArray, IntArray]:
    """Sweeps first; Newton for what has not arrived; a stronger safeguard for what then is missing.

    Returns:
        The sweeper at the solution, w, and iterations (n,).
    """
    with np.errstate(all="ignore"):  # a market that overflows is left to the safeguard
        sweeper = Sweeper(frame, asked, _references(frame, asked, at))
        if precision == "single":
            w, steps, missed = _mix_single(sweeper, at, tolerance)
        else:
            w, steps, missed = mix(sweeper, sweeper.from_prices(at), tolerance)
        if len(missed):
            sweeper, w = _solve_again(frame, asked, sweeper, w, at, steps, missed, tolerance)
    return sweeper, w, steps


def _solve_again(
    frame: Frame,
    asked: Load,
    sweeper: Sweeper,
    w: FloatArray,
    at: FloatArray,
    steps: IntArray,
    missed: IntArray,
    tolerance: float,
) -> tuple[Sweeper, FloatArray]:
    """Markets ``missed`` by the safeguard, from where they began; the others keep their bits.

    Returns:
        The sweeper at the solution, and w. Adds to ``steps``.
    """
    with np.errstate(all="ignore"):  # a market that overflows is left as uncertified
        x = sweeper.to_prices(w)
        for piece in frame.pieces:
            here = (missed >= piece.markets.start) & (missed < piece.markets.stop)
            mine = missed[here] - piece.markets.start
            if len(mine):
                _safeguard(frame, asked, piece.markets.start, mine, at, x, steps, tolerance)
        # The others keep their reference, and so their bits.
        reference = sweeper.reference.copy()
        reference[missed] = _references(frame, asked, x)[missed]
        sweeper = Sweeper(frame, asked, reference)
        again = np.zeros(len(frame), dtype=bool)
        again[missed] = True
        w = np.where(again[frame.variable_market], sweeper.from_prices(x), w)
        sweeper.sweep(w, np.empty_like(w))
    return sweeper, w


def _mix_single(sweeper: Sweeper, at: FloatArray, tolerance: float) -> tuple[FloatArray, IntArray, IntArray]:
    """As :func:`sim.market.solver.sweeps.mix`, in single precision; judged in double precision at the end.

    The sweeper has then been swept from the w that is returned.
    """
    frame = sweeper.frame.single()
    quick = Sweeper(frame, sweeper.load.single(), sweeper.reference.astype(np.float32))
    rough, steps, _ = mix(quick, sweeper.from_prices(at).astype(np.float32), tolerance)
    w = np.where(np.isfinite(rough), rough, sweeper.from_prices(at))
    image = np.empty_like(w)
    sweeper.sweep(w, image)
    image -= w
    missed = np.flatnonzero(~(sweeper.distance(image) <= 2 * tolerance))
    return w, steps + 1, missed


def _safeguard(
    frame: Frame,
    asked: Load,
    first: int,
    mine: IntArray,
    at: FloatArray,
    x: FloatArray,
    steps: IntArray,
    tolerance: float,
) -> None:
    """Newton for markets ``mine`` of the piece that begins at market ``first``; writes into ``x``."""
    piece = next(p for p in frame.pieces if p.markets.start == first)
    problem = problem_of(piece, asked, mine)
    width, sellers = piece.widths[0], problem.sellers
    begin = at[piece.variables].reshape(-1, width)[mine]
    cold = np.zeros_like(begin)
    cold[:, :sellers] = problem.log_ask
    solution, off, more = newton(problem, np.where(problem.live, begin, cold), tolerance, NORMAL)
    again = np.flatnonzero(~(off <= tolerance))
    if len(again):
        solution[again], _, extra = newton(problem.take(again), cold[again], tolerance, STRONG)
        more[again] += extra
    x[piece.variables].reshape(-1, width)[mine] = solution
    steps[first + mine] += more
