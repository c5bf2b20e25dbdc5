"""Markets (a good of one member) gathered from the flat axes, and the dual at one point.

Everything here is per market: no operation mixes two markets, so results do not depend on which
markets are solved together.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from sim.market.layout import BoolArray, Bucket, FloatArray, IntArray

__all__ = ["Point", "Problem", "evaluate", "gather"]

CAP_FLOOR = 1e-6
"""A cap below this share of what its sellers offer is solved at the share and met by scaling
down: the rent of a total ban is then finite."""
NO_CAP = 1e30


@dataclass(frozen=True)
class Problem:
    """n markets of one bucket. Tonnes are divided by ``size``, a power of two near max q."""

    bucket: Bucket
    good: IntArray
    """(n,) position of the market's good in the bucket."""
    member: IntArray
    """(n,)"""
    size: FloatArray
    """(n,) tonnes per unit."""
    quantity: FloatArray
    """(n, S)"""
    log_ask: FloatArray
    """(n, S)"""
    demand: FloatArray
    """(n, B, K)"""
    log_reservation: FloatArray
    """(n, B, K)"""
    elasticity: FloatArray
    """(n, B, K)"""
    cap: FloatArray
    """(n, C) floored; ``NO_CAP`` for padding."""
    eps: FloatArray
    """(n, S)"""
    sigma: FloatArray
    """(n,)"""
    row_live: BoolArray
    """(n, R) the row's seller has something to sell."""
    seller_live: BoolArray
    """(n, S) has something to sell to somebody who wants some."""
    buyer_live: BoolArray
    """(n, B) some seller with goods may sell to it."""

    def take(self, which: IntArray | BoolArray | slice) -> Problem:
        """Some of the markets."""
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "bucket"}
        return Problem(self.bucket, **{name: value[which] for name, value in values.items()})

    def __len__(self) -> int:
        return len(self.good)


def power_of_two(value: FloatArray) -> FloatArray:
    """Power of two in (value / 2, value]; 1 for 0. Dividing by it is exact."""
    mantissa, exponent = np.frexp(value)
    return np.where(value > 0, np.ldexp(1.0, np.where(mantissa > 0, exponent - 1, 0)), 1.0)


def extended(values: FloatArray, filler: float) -> FloatArray:
    """Append one slot of filler on axis 1, where padding points."""
    pad = np.full((values.shape[0], 1, *values.shape[2:]), filler)
    return np.concatenate([values, pad], axis=1)


def gather(
    bucket: Bucket,
    quantity: FloatArray,
    ask: FloatArray,
    demand: FloatArray,
    reservation: FloatArray,
    elasticity: FloatArray,
    cap_tonnes: FloatArray,
) -> Problem:
    """All members' markets of a bucket, the goods slow and the members fast.

    Args:
        bucket: where to look.
        quantity, ask: (M, O + 1). demand, reservation: (M, N + 1, K), elasticity (N + 1, K),
            cap_tonnes (M, C + 1): flat axes with one slot for padding.
    """
    goods, rows, sellers, buyers, caps = bucket.shape
    members = quantity.shape[0]
    n = goods * members

    def flat(values: FloatArray, where: IntArray) -> FloatArray:
        picked = np.moveaxis(values[:, where], 0, 1)
        return np.ascontiguousarray(picked).reshape(n, *picked.shape[2:])

    good = np.repeat(np.arange(goods), members)
    q = flat(quantity, bucket.sellers)
    size = power_of_two(q.max(axis=1, initial=0.0))
    q = q / size[:, None]
    d = flat(demand, bucket.buyers) / size[:, None, None]
    is_open = np.isfinite(bucket.log_kernel)
    selling = extended(q, 0.0) > 0
    row_live = np.take_along_axis(selling, bucket.row_seller[good], axis=1)
    buyer_live = (row_live[:, None, :] @ is_open[good].astype(float))[:, 0] > 0
    wanted = (d > 0).any(axis=2)
    reaches = (is_open[good] @ wanted[:, :, None].astype(float))[:, :, 0] * row_live
    seller_live = (reaches[:, None, :] @ bucket.incidence[good][:, :, :sellers])[:, 0] > 0
    cap = flat(cap_tonnes, bucket.caps)
    if caps:
        covered = np.minimum(
            np.swapaxes(bucket.incidence[:, :, sellers:], 1, 2) @ bucket.incidence[:, :, :sellers], 1.0
        )
        offered = (covered[good] @ q[:, :, None])[:, :, 0]
        cap = np.maximum(cap / size[:, None], CAP_FLOOR * np.where(offered > 0, offered, 1.0))
        cap = np.where(bucket.caps[good] == cap_tonnes.shape[1] - 1, NO_CAP, cap)
    return Problem(
        bucket=bucket,
        good=good,
        member=np.tile(np.arange(members), goods),
        size=size,
        quantity=q,
        log_ask=np.log(flat(ask, bucket.sellers)),
        demand=d,
        log_reservation=np.log(flat(reservation, bucket.buyers)),
        elasticity=elasticity[bucket.buyers][good],
        cap=cap,
        eps=bucket.eps[good],
        sigma=bucket.sigma[good],
        row_live=row_live,
        seller_live=seller_live,
        buyer_live=buyer_live,
    )


@dataclass
class Point:
    """The dual, its gradient and the pieces of its Hessian at one (y, mu). Tonnes in units of size."""

    psi: FloatArray
    """(n,)"""
    share: FloatArray
    """(n, R, B) share of a row in a buyer's purchases."""
    log_index: FloatArray
    """(n, B) log choice index; 0 where no seller may sell."""
    demanded: FloatArray
    """(n, B) demand at the index; 0 where no seller may sell."""
    slope: FloatArray
    """(n, B) -d demanded / d log index."""
    row_flow: FloatArray
    """(n, R)"""
    supply: FloatArray
    """(n, S)"""
    supply_slope: FloatArray
    """(n, S) d supply / d log price."""
    gradient: FloatArray
    """(n, S + C) supply - sales, cap - flow."""

    def put(self, which: IntArray, other: Point, source: IntArray) -> None:
        """Overwrite markets ``which`` by markets ``source`` of another evaluation."""
        for f in fields(self):
            getattr(self, f.name)[which] = getattr(other, f.name)[source]

    def take(self, which: IntArray | BoolArray) -> Point:
        """Some of the markets."""
        return Point(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def row_prices(problem: Problem, log_price: FloatArray, log_rent: FloatArray) -> FloatArray:
    """(n, R) log price on each row, rents included."""
    bucket = problem.bucket
    theta = np.take_along_axis(extended(log_price, 0.0), bucket.row_seller[problem.good], axis=1)
    if log_rent.shape[1]:
        sellers = bucket.sellers.shape[1]
        theta = theta + (bucket.incidence[problem.good][:, :, sellers:] @ log_rent[:, :, None])[:, :, 0]
    return theta


def demand_at(problem: Problem, log_index: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n, B) demand, -slope and integral of demand over log price at a log index."""
    over = np.maximum(log_index[:, :, None] - problem.log_reservation, 0.0)
    tier = problem.demand * np.exp(-problem.elasticity * over)
    below = np.minimum(log_index[:, :, None] - problem.log_reservation, 0.0)
    value = problem.demand * below + (problem.demand - tier) / problem.elasticity
    slope = np.where(over > 0, problem.elasticity * tier, 0.0)
    return tier.sum(axis=2), slope.sum(axis=2), value.sum(axis=2)


def supply_at(problem: Problem, log_price: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n, S) supply, its slope and its integral over log price."""
    t = log_price - problem.log_ask
    supply = problem.quantity * np.exp(problem.eps * np.minimum(t, 0.0))
    slope = np.where(t < 0, problem.eps * supply, 0.0)
    profit = supply / problem.eps + problem.quantity * np.maximum(t, 0.0)
    return supply, slope, profit


def evaluate(problem: Problem, log_price: FloatArray, log_rent: FloatArray) -> Point:
    """The dual at one point, in log arithmetic: no overflow at any price or elasticity."""
    bucket, sigma = problem.bucket, problem.sigma
    theta = row_prices(problem, log_price, log_rent)
    weight = bucket.log_kernel[problem.good] - (sigma[:, None] * theta)[:, :, None]
    weight[~problem.row_live] = -np.inf
    top = weight.max(axis=1)
    top[~problem.buyer_live] = 0.0
    weight -= top[:, None, :]
    np.exp(weight, out=weight)
    total = weight.sum(axis=1)
    total[~problem.buyer_live] = 1.0
    weight /= total[:, None, :]
    log_index = np.where(problem.buyer_live, -(top + np.log(total)) / sigma[:, None], 0.0)
    demanded, slope, value = demand_at(problem, log_index)
    for array in (demanded, slope, value):
        array[~problem.buyer_live] = 0.0
    row_flow = (weight @ demanded[:, :, None])[:, :, 0]
    by_variable = (row_flow[:, None, :] @ bucket.incidence[problem.good])[:, 0]
    supply, supply_slope, profit = supply_at(problem, log_price)
    gradient = np.concatenate([supply, problem.cap], axis=1) - by_variable
    live = problem.seller_live
    psi = np.where(live, profit, 0.0).sum(axis=1) - value.sum(axis=1)
    psi += (np.where(log_rent > 0, log_rent * problem.cap, 0.0)).sum(axis=1)
    return Point(psi, weight, log_index, demanded, slope, row_flow, supply, supply_slope, gradient)
