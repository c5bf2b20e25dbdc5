"""The dual of single markets at one point, in log arithmetic: what the safeguard works on.

Everything here is per market: no operation mixes two markets.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

from sim.market.layout import BoolArray, Bucket, FloatArray, IntArray
from sim.market.solver.asked import Load
from sim.market.solver.frame import Piece
from sim.market.solver.holdings import index_at, supply_at

__all__ = ["Point", "Problem", "evaluate", "problem_of"]


@dataclass(frozen=True)
class Problem:
    """n markets of one bucket. V = S + C variables: log prices, then log rents."""

    bucket: Bucket
    good: IntArray
    """(n,) position of the market's good in the bucket."""
    limit: FloatArray
    """(n, V) tonnes on sale, tonnes allowed."""
    log_ask: FloatArray
    """(n, S)"""
    demand: FloatArray
    """(n, B, K)"""
    log_reservation: FloatArray
    """(n, B, K)"""
    elasticity: FloatArray
    """(n, B, K)"""
    row_on: BoolArray
    """(n, R)"""
    buyer_on: BoolArray
    """(n, B)"""
    live: BoolArray
    """(n, V)"""
    held: FloatArray
    """(n, B) tonnes that buyers have already."""
    turn: FloatArray
    """(n, B) log index above which a buyer orders the least: all else is held."""
    least: float
    """Share of its tiers that a buyer orders all the same; 1 where nobody holds anything."""
    log_kept: FloatArray | None
    """(n, S) log of the share of its goods that a seller keeps at log price 0; None where ``eps`` holds."""
    keep_elasticity: float

    @property
    def sellers(self) -> int:
        """S"""
        return int(self.log_ask.shape[1])

    @property
    def incidence(self) -> FloatArray:
        """(n, R, V), or (1, R, V) where it is the same for all."""
        bucket = self.bucket
        return bucket.incidence[:1] if bucket.own else bucket.incidence[self.good]

    @property
    def sigma(self) -> FloatArray:
        """(n,)"""
        return self.bucket.sigma[self.good]

    @property
    def eps(self) -> FloatArray:
        """(n, S)"""
        return self.bucket.eps[self.good]

    def take(self, which: IntArray | BoolArray | slice) -> Problem:
        """Some of the markets."""
        alike = "bucket", "least", "keep_elasticity"
        values = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in alike}
        parts: dict[str, Any] = {k: None if v is None else v[which] for k, v in values.items()}
        return replace(self, **parts)

    def __len__(self) -> int:
        return len(self.good)


def problem_of(piece: Piece, load: Load, mine: IntArray) -> Problem:
    """Markets ``mine``, counted within the piece, of a frame's load."""
    variables, rows, buyers = piece.widths
    sellers, tiers = piece.bucket.sellers.shape[1], len(load.demand)

    def of_buyers(values: FloatArray) -> FloatArray:
        return np.moveaxis(values[:, piece.buyers].reshape(tiers, -1, buyers)[:, mine], 0, 2).copy()

    def of_each(values: FloatArray) -> FloatArray:
        return values[piece.buyers].reshape(-1, buyers)[mine]

    demand, log_reservation, elasticity = (
        of_buyers(values) for values in (load.demand, load.log_reservation, load.elasticity)
    )
    if load.held is None:
        held, least = np.zeros((len(mine), buyers)), 1.0
        turn = np.full(held.shape, np.inf)
    else:
        held, least = of_each(load.held), load.least
        wanted, worth, response = (np.moveaxis(v, 2, 0) for v in (demand, log_reservation, elasticity))
        turn = np.where(held > 0, index_at(wanted, worth, response, held / (1 - least)), np.inf)
    return Problem(
        bucket=piece.bucket,
        good=piece.good[mine],
        limit=load.solved_limit[piece.variables].reshape(-1, variables)[mine],
        log_ask=load.log_ask[piece.variables].reshape(-1, variables)[mine, :sellers],
        demand=demand,
        log_reservation=log_reservation,
        elasticity=elasticity,
        row_on=load.row_on[piece.rows].reshape(-1, rows)[mine] > 0,
        buyer_on=load.buyer_off[piece.buyers].reshape(-1, buyers)[mine] == 0,
        live=load.live[piece.variables].reshape(-1, variables)[mine],
        held=held,
        turn=turn,
        least=least,
        log_kept=None
        if load.log_kept is None
        else load.log_kept[piece.variables].reshape(-1, variables)[mine, :sellers],
        keep_elasticity=load.keep_elasticity,
    )


@dataclass
class Point:
    """The dual, its gradient and the pieces of its Hessian at one point."""

    psi: FloatArray
    """(n,)"""
    share: FloatArray
    """(n, R, B) share of a row in a buyer's purchases."""
    demanded: FloatArray
    """(n, B) demand; 0 where no seller may sell."""
    slope: FloatArray
    """(n, B) -d demanded / d log index."""
    row_flow: FloatArray
    """(n, R)"""
    supply_slope: FloatArray
    """(n, S) d supply / d log price."""
    gradient: FloatArray
    """(n, V) supply - sales, cap - flow."""

    def put(self, which: IntArray, other: Point, source: IntArray) -> None:
        """Overwrite markets ``which`` by markets ``source`` of another evaluation."""
        for f in fields(self):
            getattr(self, f.name)[which] = getattr(other, f.name)[source]

    def become(self, other: Point) -> None:
        """Take over another evaluation of the same markets."""
        self.__dict__.update(other.__dict__)

    def take(self, which: IntArray | BoolArray) -> Point:
        """Some of the markets."""
        return Point(**{f.name: getattr(self, f.name)[which] for f in fields(self)})


def _tiers(problem: Problem, log_index: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(n, B) each: what tiers want, the integral of it over the log index, and -d wanted / d log index."""
    distance = log_index[:, :, None] - problem.log_reservation
    over = np.maximum(distance, 0.0)
    wanted = np.where(problem.buyer_on[:, :, None], problem.demand, 0.0)
    tier = wanted * np.exp(-problem.elasticity * over)
    value = wanted * np.minimum(distance, 0.0) + (wanted - tier) / problem.elasticity
    slope = np.where(over > 0, problem.elasticity * tier, 0.0)
    return tier.sum(axis=2), value.sum(axis=2), slope.sum(axis=2)


def _demand(problem: Problem, log_index: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """As :func:`_tiers`, of what is left to be bought."""
    wanted, value, slope = _tiers(problem, log_index)
    if problem.least == 1.0:
        return wanted, value, slope
    least, on = problem.least, problem.buyer_on
    held = np.where(on, problem.held, 0.0)
    beyond = log_index > problem.turn
    turn = np.where(np.isfinite(problem.turn), problem.turn, 0.0)
    # Both parts of the integral have one value where they meet.
    joint = (1 - least) * _tiers(problem, turn)[1] - held * turn
    return (
        np.where(beyond, least * wanted, np.maximum(wanted - held, least * wanted)),
        np.where(beyond, least * value + joint, value - held * log_index),
        np.where(beyond, least * slope, slope),
    )


def evaluate(problem: Problem, x: FloatArray) -> Point:
    """The dual at ``x`` (n, V): no overflow at any price or elasticity.

    Equations (C1), (C2), (C21), (C4), (C5) and (C8), docs/clearing.md, for ``t_sb``, ``P_b``, ``D_b``,
    ``x_sb``, ``S_s`` and ``Psi``.
    """
    bucket, sigma, sellers = problem.bucket, problem.sigma, problem.sellers
    incidence = problem.incidence
    log_cost = (incidence @ x[:, :, None])[:, :, 0]
    weight = bucket.log_kernel[problem.good] - (sigma[:, None] * log_cost)[:, :, None]
    weight[~problem.row_on] = -np.inf
    top = weight.max(axis=1)
    top[~problem.buyer_on] = 0.0
    weight -= top[:, None, :]
    np.exp(weight, out=weight)
    total = weight.sum(axis=1)
    total[~problem.buyer_on] = 1.0
    weight /= total[:, None, :]
    log_index = -(top + np.log(total)) / sigma[:, None]

    demanded, value, slope = _demand(problem, log_index)

    ahead = x[:, :sellers] - problem.log_ask
    offer = problem.limit[:, :sellers]
    if problem.log_kept is None:
        supply = offer * np.exp(problem.eps * np.minimum(ahead, 0.0))
        profit = supply / problem.eps + offer * np.maximum(ahead, 0.0)
        supply_slope = np.where(ahead < 0, problem.eps * supply, 0.0)
    else:
        share, steep, whole = supply_at(problem.log_kept, problem.keep_elasticity, x[:, :sellers])
        supply, supply_slope, profit = offer * share, offer * steep, offer * whole
    row_flow = (weight @ demanded[:, :, None])[:, :, 0]
    by_variable = (row_flow[:, None, :] @ incidence)[:, 0]
    gradient = np.concatenate([supply, problem.limit[:, sellers:]], axis=1) - by_variable
    rent = x[:, sellers:] * problem.limit[:, sellers:]
    psi = np.where(problem.live, np.concatenate([profit, rent], axis=1), 0.0).sum(axis=1)
    return Point(
        psi=psi - value.sum(axis=1),
        share=weight,
        demanded=demanded,
        slope=slope,
        row_flow=row_flow,
        supply_slope=supply_slope,
        gradient=gradient,
    )
