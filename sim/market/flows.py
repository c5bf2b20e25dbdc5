"""From prices to tonnes: flows scaled so that nothing is lost, prices quoted, certificates written."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sim.market.layout import BoolArray, Bucket, FloatArray, IntArray, Market
from sim.market.newton import residual
from sim.market.problem import NO_CAP, Point, Problem, demand_at, evaluate, row_prices

__all__ = ["Flows", "settle"]

SIGNAL_SHARE = 0.01
"""An offer with nothing to sell is quoted at the price of placing this share of its buyers' demand."""


@dataclass(frozen=True)
class _Stack:
    """Flows of one bucket's markets, goods slow and members fast."""

    bucket: Bucket
    tonnes: FloatArray
    """(G, M, R, B)"""
    rent: FloatArray
    """(G, M, R) rent of a row as a share of price."""


@dataclass(frozen=True)
class Flows:
    """Prices, tonnes and rents of a clearing. M members, O offers, N needs, C caps, G goods."""

    market: Market
    price: FloatArray
    """(M, O) gate price; for an offer with nothing to sell, what it could fetch."""
    index: FloatArray
    """(M, N) choice index; without an admissible seller, the highest reservation price."""
    sales: FloatArray
    """(M, O) tonnes."""
    purchases: FloatArray
    """(M, N) tonnes."""
    demanded: FloatArray
    """(M, N) tonnes wanted at ``index``; more than ``purchases`` where no seller may serve."""
    log_rent: FloatArray
    """(M, C)"""
    cap_flow: FloatArray
    """(M, C) tonnes on the links of each cap."""
    rent_value: FloatArray
    """(M, C) tonnes x gate price x rent; a link under several caps is split by their log rents."""
    residual: FloatArray
    """(M, G) largest excess supply, demand or cap violation before scaling, relative to the largest offer."""
    gap: FloatArray
    """(M, G) dual less primal value of the scaled flows, relative to the largest offer; >= 0."""
    scaled_down: FloatArray
    """(M, G) tonnes taken off by scaling flows to what is on sale and allowed."""
    iterations: IntArray
    """(M, G)"""
    certified: BoolArray
    """(M, G) residual and gap within tolerance."""
    _stacks: tuple[_Stack, ...]

    @property
    def rent(self) -> FloatArray:
        """(M, C) rent of each cap as a share of price."""
        return np.expm1(self.log_rent)

    def to_buyers(
        self,
        link_weights: Sequence[FloatArray] | None = None,
        seller_values: FloatArray | None = None,
        include_rent: bool = False,
    ) -> FloatArray:
        """(M, N) sum over sellers of tonnes x weight x value (x (1 + rent of the link)).

        Args:
            link_weights: per good (S, B). seller_values: (M, O).
            include_rent: multiply by 1 + rent of the caps on the link.
        """
        return self._sum(link_weights, seller_values, include_rent, to_buyers=True)

    def to_sellers(
        self,
        link_weights: Sequence[FloatArray] | None = None,
        buyer_values: FloatArray | None = None,
        include_rent: bool = False,
    ) -> FloatArray:
        """(M, O) sum over buyers of tonnes x weight x value (x (1 + rent of the link)).

        Args:
            link_weights: per good (S, B). buyer_values: (M, N).
            include_rent: multiply by 1 + rent of the caps on the link.
        """
        return self._sum(link_weights, buyer_values, include_rent, to_buyers=False)

    def flow(self, good: int) -> FloatArray:
        """(M, S, B) tonnes on the links of one good."""
        offers, needs = self.market.offers_of(good), self.market.needs_of(good)
        shape = len(self.price), offers.stop - offers.start, needs.stop - needs.start
        for stack in self._stacks:
            for g in np.flatnonzero(stack.bucket.goods == good):
                sellers = stack.bucket.sellers.shape[1]
                by_seller = stack.bucket.incidence[g, :, :sellers].T @ stack.tonnes[g]
                return np.asarray(by_seller[:, : shape[1], : shape[2]])
        return np.zeros(shape)

    def _sum(
        self,
        link_weights: Sequence[FloatArray] | None,
        values: FloatArray | None,
        include_rent: bool,
        to_buyers: bool,
    ) -> FloatArray:
        members, offers, needs = len(self.price), self.price.shape[1], self.index.shape[1]
        total = np.zeros((members, (needs if to_buyers else offers) + 1))
        for stack in self._stacks:
            bucket, tonnes = stack.bucket, stack.tonnes
            sellers = bucket.sellers.shape[1]
            if link_weights is not None:
                padded = np.zeros(bucket.log_kernel.shape)
                for g, good in enumerate(bucket.goods):
                    weight = np.asarray(link_weights[good])
                    rows = np.flatnonzero(bucket.row_seller[g] < sellers)
                    rows = rows[bucket.row_seller[g, rows] < weight.shape[0]]
                    padded[g, rows, : weight.shape[1]] = weight[bucket.row_seller[g, rows]]
                tonnes = tonnes * padded[:, None]
            if include_rent:
                tonnes = tonnes * (1 + stack.rent[:, :, :, None])
            if to_buyers:
                if values is not None:
                    flat = np.concatenate([values, np.zeros((members, 2))], axis=1)
                    row_offer = _row_offers(bucket, offers)
                    tonnes = tonnes * np.moveaxis(flat[:, row_offer], 0, 1)[:, :, :, None]
                summed, where = tonnes.sum(axis=2), bucket.buyers
            else:
                if values is not None:
                    flat = np.concatenate([values, np.zeros((members, 1))], axis=1)
                    tonnes = tonnes * np.moveaxis(flat[:, bucket.buyers], 0, 1)[:, :, None, :]
                summed, where = tonnes.sum(axis=3) @ bucket.incidence[:, :, :sellers], bucket.sellers
            total[:, where] = np.moveaxis(summed, 0, 1)
        return total[:, :-1]


def _row_offers(bucket: Bucket, offers: int) -> IntArray:
    """(G, R) flat offer of each row, ``offers`` for padding."""
    padded = np.concatenate([bucket.sellers, np.full((len(bucket.goods), 1), offers)], axis=1)
    return np.take_along_axis(padded, bucket.row_seller, axis=1)


def _row_factors(problem: Problem, point: Point, cap: FloatArray) -> FloatArray:
    """(n, R) at most 1: what remains when no seller exceeds its stock and no cap is exceeded."""
    bucket = problem.bucket
    incidence = bucket.incidence[problem.good]
    flow = (point.row_flow[:, None, :] @ incidence)[:, 0]
    limit = np.concatenate([problem.quantity, cap], axis=1)
    factor = np.where(flow > limit, limit / np.where(flow > 0, flow, 1.0), 1.0)
    return np.where(incidence > 0, factor[:, None, :], 1.0).min(axis=2)


def _gap(
    problem: Problem, point: Point, y: FloatArray, mu: FloatArray, factor: FloatArray, bought: FloatArray
) -> FloatArray:
    """(n,) dual value less the primal value of feasible flows: a bound on the error of both."""
    bucket, sigma = problem.bucket, problem.sigma
    row_flow = factor * point.row_flow
    sold = (row_flow[:, None, :] @ bucket.incidence[problem.good])[:, 0, : y.shape[1]]
    sold = np.minimum(sold, problem.quantity)
    # Sum of x (log(x / D) - log K) / sigma, from row and column sums alone: x is a product.
    theta = row_prices(problem, y, mu)
    entropy = (row_flow * (np.log(np.where(factor > 0, factor, 1.0)) / sigma[:, None] - theta)).sum(axis=1)
    ratio = np.where(bought > 0, point.demanded / np.where(bought > 0, bought, 1.0), 1.0)
    entropy += (bought * (point.log_index + np.log(ratio) / sigma[:, None])).sum(axis=1)
    used = np.where(sold > 0, sold / np.where(problem.quantity > 0, problem.quantity, 1.0), 1.0)
    cost = sold * problem.log_ask + sold / problem.eps * (np.log(used) - 1.0)
    over = np.maximum(point.log_index[:, :, None] - problem.log_reservation, 0.0)
    tier = problem.demand * np.exp(-problem.elasticity * over)
    tier = np.minimum(tier / ratio[:, :, None], problem.demand)
    log_share = np.log(np.where(tier > 0, tier / np.where(problem.demand > 0, problem.demand, 1.0), 1.0))
    worth = tier * problem.log_reservation - (tier * log_share + (problem.demand - tier)) / problem.elasticity
    worth[~problem.buyer_live] = 0.0
    cost[~problem.seller_live] = 0.0
    primal = worth.sum(axis=(1, 2)) - cost.sum(axis=1) - entropy
    return np.asarray(point.psi - primal)


def _quotes(
    problem: Problem, point: Point, y: FloatArray, mu: FloatArray, signal: FloatArray | None
) -> FloatArray:
    """(n, S) log prices; sellers with nothing to sell are quoted what a small lot would fetch."""
    idle = problem.quantity <= 0
    quoted = np.where(problem.seller_live | idle, y, problem.log_ask)
    which = np.flatnonzero((idle & (problem.bucket.sellers[problem.good] >= 0)).any(axis=1))
    if not len(which):
        return quoted
    sub, bucket = problem.take(which), problem.bucket
    sellers, sigma = y.shape[1], problem.sigma[which, None]
    theta = row_prices(sub, np.zeros_like(y[which]), mu[which])
    wanted = np.where(point.demanded[which] > 0, point.demanded[which], 1.0)
    value = np.where(point.demanded[which] > 0, np.log(wanted) + sigma * point.log_index[which], -np.inf)
    weight = bucket.log_kernel[sub.good] - (sigma * theta)[:, :, None] + value[:, None, :]
    top = weight.max(axis=(1, 2), initial=-1e300)
    row_pull = np.exp(weight - top[:, None, None]).sum(axis=2)
    incidence = bucket.incidence[sub.good][:, :, :sellers]
    pull = (row_pull[:, None, :] @ incidence)[:, 0]
    reach = np.where(np.isfinite(bucket.log_kernel[sub.good]), point.demanded[which][:, None, :], 0.0)
    lot = SIGNAL_SHARE * (reach.sum(axis=2)[:, None, :] @ incidence)[:, 0]
    if signal is not None:
        lot = np.where(signal[which] > 0, signal[which], lot)
    sells = (pull > 0) & (lot > 0)
    log_ratio = np.log(np.where(sells, pull, 1.0)) + top[:, None] - np.log(np.where(sells, lot, 1.0))
    full = log_ratio / sigma
    part = (log_ratio + sub.eps * sub.log_ask) / (sigma + sub.eps)
    price = np.where(full >= sub.log_ask, full, part)
    price = np.where(sells, price, sub.log_ask)
    quoted[which] = np.where(idle[which], price, quoted[which])
    return quoted


def settle(
    market: Market,
    solutions: Sequence[tuple[Problem, FloatArray, FloatArray, IntArray]],
    padded: tuple[FloatArray, ...],
    signal: FloatArray | None,
    tolerance: float,
) -> Flows:
    """Scale flows to what is on sale and allowed, quote prices, and write the certificates."""
    quantity, ask, demand, reservation, _, allowed = padded
    members = len(quantity)
    price, sales, index = ask.copy(), np.zeros_like(quantity), reservation.max(axis=2, initial=0.0)
    any_tier = (demand > 0).any(axis=2)
    index = np.where(any_tier, np.where(demand > 0, reservation, 0.0).max(axis=2, initial=0.0), index)
    purchases, demanded = np.zeros_like(index), np.zeros_like(index)
    log_rent, cap_flow, rent_value = (np.zeros_like(allowed) for _ in range(3))
    certificate = {n: np.zeros((members, market.goods)) for n in ("residual", "gap", "scaled_down")}
    iterations = np.zeros((members, market.goods), dtype=np.int64)
    certified = np.ones((members, market.goods), dtype=np.bool_)
    stacks = []
    for problem, y, mu, steps in solutions:
        bucket = problem.bucket
        goods, rows, sellers, buyers, caps = bucket.shape
        who = problem.member[:, None]
        offer, need, cap = (a[problem.good] for a in (bucket.sellers, bucket.buyers, bucket.caps))
        where = problem.member, bucket.goods[problem.good]
        point = evaluate(problem, y, mu)
        size = problem.size[:, None]
        exact = np.where(problem.cap < NO_CAP, allowed[who, cap] / size, NO_CAP)
        factor = _row_factors(problem, point, exact)
        solved_factor = _row_factors(problem, point, np.maximum(problem.cap, exact))
        flow = factor[:, :, None] * point.share * point.demanded[:, None, :]
        bought = (solved_factor[:, None, :] @ point.share)[:, 0] * point.demanded
        certificate["gap"][where] = _gap(problem, point, y, mu, solved_factor, bought)
        certificate["residual"][where] = residual(problem, point, mu)
        row_flow = flow.sum(axis=2)
        certificate["scaled_down"][where] = (point.row_flow - row_flow).sum(axis=1) * problem.size
        by_variable = (row_flow[:, None, :] @ bucket.incidence[problem.good])[:, 0]
        sales[who, offer] = np.minimum(by_variable[:, :sellers], problem.quantity) * size
        purchases[who, need] = flow.sum(axis=1) * size
        quoted = _quotes(problem, point, y, mu, None if signal is None else signal[who, offer] / size)
        price[who, offer] = np.exp(quoted)
        fallback = np.log(index[who, need])
        log_index = np.where(problem.buyer_live, point.log_index, fallback)
        index[who, need] = np.exp(log_index)
        demanded[who, need] = demand_at(problem, log_index)[0] * size
        row_rent = np.expm1(row_prices(problem, np.zeros_like(y), mu))
        if caps:
            log_rent[who, cap] = mu
            cap_flow[who, cap] = np.minimum(by_variable[:, sellers:], exact) * size
            share = bucket.incidence[problem.good][:, :, sellers:] * mu[:, None, :]
            share /= np.maximum(share.sum(axis=2, keepdims=True), 1e-300)
            row_price = np.exp(row_prices(problem, quoted, np.zeros_like(mu)))
            rent_value[who, cap] = ((row_flow * row_rent * row_price)[:, None, :] @ share)[:, 0] * size
        iterations[where] = steps
        shape = goods, members, rows
        stacks.append(
            _Stack(bucket, (flow * size[:, :, None]).reshape(*shape, buyers), row_rent.reshape(shape))
        )
    certified = (certificate["residual"] <= tolerance) & (certificate["gap"] <= 1e3 * tolerance)
    return Flows(
        market=market,
        price=price[:, :-1],
        index=index[:, :-1],
        sales=sales[:, :-1],
        purchases=purchases[:, :-1],
        demanded=demanded[:, :-1],
        log_rent=log_rent[:, :-1],
        cap_flow=cap_flow[:, :-1],
        rent_value=rent_value[:, :-1],
        iterations=iterations,
        certified=certified,
        _stacks=tuple(stacks),
        **certificate,
    )
