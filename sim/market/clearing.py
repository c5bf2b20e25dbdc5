"""Clear every good of every member at once: prices, rents and flows that balance in tonnes.

See ``docs/clearing.md`` for the equations. :mod:`sim.market.reference` is the same equilibrium in
plain loops.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from sim.market.flows import Batch, Clearing, ClearingState
from sim.market.frame import BLOCK, Frame
from sim.market.layout import FloatArray, IntArray, Market
from sim.market.load import Load, load
from sim.market.newton import NORMAL, STRONG, newton
from sim.market.prepare import prepared
from sim.market.problem import problem_of
from sim.market.settle import quote_unserved, settle
from sim.market.sweeps import Sweeper, mix

__all__ = ["Clearing", "ClearingState", "Market", "clear", "prepare"]

BATCH_ELEMENTS = 120_000
"""Buyers x tiers handled together: a working set that stays in cache. Results do not depend on it."""
AIM = 0.5
"""Share of the tolerance that the solvers aim at, so that rounding does not decide arrival."""
GAP_PER_TOLERANCE = 1e3
"""A certified gap, over the tolerance: flows off by the tolerance, at log prices of this order."""
NO_CAP = 1e30


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
        elasticity: (M, N, K), (N, K) or (K,), > 0.
        cap_tonnes: (M, C) tonnes allowed on each group of links, >= 0; may be left out without caps.
        start: the state of an earlier clearing of the same offers.
        tolerance: largest residual, relative to the market's size.
        signal_quantity: (M, O) tonnes at which an offer with nothing to sell is quoted; default 1 % of
            the market's demand.

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

    log_ask = np.log(asks)
    log_price = log_ask if start is None else start.log_price
    log_rent = np.zeros((members, caps)) if start is None else start.log_rent_for(market)
    one, none = np.ones((members, 1)), np.zeros((members, 1))
    limits = np.concatenate([amounts, none, allowed, NO_CAP * one], axis=1)
    asking = np.concatenate([log_ask, np.zeros((members, caps + 2))], axis=1)
    starts = np.concatenate([log_price, none, log_rent, none], axis=1)
    signals = None if signal is None else np.concatenate([signal, np.zeros((members, caps + 2))], axis=1)
    tiered = _Tiers(wanted, worth, response)

    by_variable = {
        "log_price": asking.copy(),
        "sold": np.zeros(limits.shape),
        "rent_value": np.zeros(limits.shape),
    }
    by_buyer = {name: np.zeros((members, needs + 1)) for name in ("log_index", "bought", "demanded")}
    by_market = {name: np.zeros((members, market.goods)) for name in ("residual", "gap", "scaled_down")}
    iterations = np.zeros((members, market.goods), dtype=np.int64)
    _quote_goods_without_market(market, tiered, by_buyer)
    batches = []
    for here in _member_batches(members, needs * tiers):
        first = here.start
        for frame in _frames(market, here.stop - here.start, first):
            asked = load(frame, limits[here], asking[here], *tiered.members(here))
            at = starts[here].reshape(-1)[frame.offer]
            lots = None if signals is None else signals[here].reshape(-1)[frame.offer]
            sweeper, w, steps = _solve(frame, asked, at, AIM * tolerance)
            settled = settle(sweeper, w, lots)
            for name, array in by_variable.items():
                array[here].reshape(-1)[frame.offer] = getattr(settled, name)
            for name, array in by_buyer.items():
                array[here].reshape(-1)[frame.need] = getattr(settled, name)
            for name, array in by_market.items():
                array[first + frame.member, frame.good] = getattr(settled, name)
            iterations[first + frame.member, frame.good] = steps
            batches.append(Batch(frame, first, settled.row, settled.row_rent, settled.pull))

    log_prices, rents = by_variable["log_price"][:, :offers], by_variable["log_price"][:, offers + 1 : -1]
    return Clearing(
        market=market,
        price=np.exp(log_prices),
        index=np.exp(by_buyer["log_index"][:, :needs]),
        sales=by_variable["sold"][:, :offers],
        purchases=by_buyer["bought"][:, :needs],
        demanded=by_buyer["demanded"][:, :needs],
        log_rent=rents,
        cap_flow=by_variable["sold"][:, offers + 1 : -1],
        rent_value=by_variable["rent_value"][:, offers + 1 : -1],
        iterations=iterations,
        certified=(by_market["residual"] <= tolerance)
        & (np.abs(by_market["gap"]) <= GAP_PER_TOLERANCE * tolerance),
        state=ClearingState(log_prices, rents, market.cap_keys),
        batches=tuple(batches),
        **by_market,
    )


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
    caps = len(market.caps)
    limits = np.concatenate([amounts, [[0.0]], np.full((1, caps + 1), NO_CAP)], axis=1)
    asking = np.concatenate([np.log(asks), np.zeros((1, caps + 2))], axis=1)
    tiered = _Tiers(wanted, worth, response).members(slice(0, 1))
    frames = _frames(market, 1, 0)
    return prepared(market, [(frame, load(frame, limits, asking, *tiered)) for frame in frames])


def _checked(name: str, values: ArrayLike | None, shape: tuple[int, ...] | None, lowest: float) -> FloatArray:
    array = np.asarray(values, dtype=np.float64)
    if shape is not None and array.shape != shape:
        raise ValueError(f"{name} has shape {array.shape}; expected {shape}")
    # Two reductions that also catch NaN: comparisons with it are false.
    if array.size and not (array.min() >= lowest and array.max() < np.inf):
        raise ValueError(f"{name} must be finite and >= {lowest:g}")
    return array


class _Tiers:
    """Demand with the tiers first and one more need, for padding; tiers of one elasticity together."""

    def __init__(self, demand: FloatArray, reservation: FloatArray, elasticity: FloatArray) -> None:
        tiers = demand.shape[2]
        if elasticity.ndim <= 1:
            self.elasticity = np.array(np.broadcast_to(elasticity, (tiers,)))
            order = np.argsort(self.elasticity, kind="stable")
            self.elasticity = self.elasticity[order]
            starts = np.flatnonzero(np.diff(self.elasticity, prepend=-1.0)).tolist()
        else:
            # Whether arrays happen to agree could depend on who shares the batch: never joined.
            order, starts = np.arange(tiers), list(range(tiers))
            self.elasticity = self._first(np.broadcast_to(elasticity, demand.shape), order, 1.0)
        self.demand = self._first(demand, order, 0.0)
        self.log_reservation = self._first(np.log(reservation), order, 0.0)
        self.groups = tuple(slice(a, b) for a, b in zip(starts, [*starts[1:], tiers], strict=True))

    @staticmethod
    def _first(values: FloatArray, order: IntArray, filler: float) -> FloatArray:
        """(M, N, K) -> (K, M, N + 1)."""
        members, needs, tiers = values.shape
        out = np.empty((tiers, members, needs + 1))
        for place, tier in enumerate(order):
            out[place, :, :needs] = values[:, :, tier]
        out[:, :, needs] = filler
        return out

    def members(self, here: slice) -> tuple[FloatArray, FloatArray, FloatArray, tuple[slice, ...]]:
        """Demand, log reservation, elasticity and groups of some members."""
        own = self.elasticity if self.elasticity.ndim == 1 else self.elasticity[:, here]
        return self.demand[:, here], self.log_reservation[:, here], own, self.groups


def _quote_goods_without_market(market: Market, tiered: _Tiers, by_buyer: dict[str, FloatArray]) -> None:
    """Needs of a good that nobody offers: the highest reservation price, and the demand at it."""
    sold = np.isin(market.need_good, market.offer_good)
    if sold.all():
        return
    alone = np.flatnonzero(~sold)
    response = tiered.elasticity
    response = response[:, None, None] if response.ndim == 1 else response[:, :, alone]
    quote, wanted = quote_unserved(tiered.demand[:, :, alone], tiered.log_reservation[:, :, alone], response)
    by_buyer["log_index"][:, alone], by_buyer["demanded"][:, alone] = quote, wanted


def _member_batches(members: int, elements: int) -> list[slice]:
    """Batches of about ``BATCH_ELEMENTS``, whole blocks; a small rest is joined to the last."""
    at_once = max(BLOCK, BATCH_ELEMENTS // max(elements, 1) // BLOCK * BLOCK)
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
    seller = asked.live & ~frame.is_cap
    level = at - frame.scale / frame.sigma
    lowest = np.minimum.reduceat(np.where(seller, level, np.inf), frame.first_variable)
    highest = np.maximum.reduceat(np.where(seller, level, -np.inf), frame.first_variable)
    return np.where(np.isfinite(highest), 0.5 * (lowest + highest), 0.0)


def _solve(
    frame: Frame, asked: Load, at: FloatArray, tolerance: float
) -> tuple[Sweeper, FloatArray, IntArray]:
    """Sweeps first; Newton for what has not arrived; a stronger safeguard for what then is missing.

    Returns:
        The sweeper at the solution, w, and iterations (n,).
    """
    with np.errstate(all="ignore"):  # a market that overflows is left to the safeguard
        sweeper = Sweeper(frame, asked, _references(frame, asked, at))
        w, steps, missed = mix(sweeper, sweeper.from_prices(at), tolerance)
        if len(missed):
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
    return sweeper, w, steps


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
