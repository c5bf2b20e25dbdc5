"""Who buys from whom in the base year, and what that says of how willing buyers are to buy elsewhere."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np

from sim.arrays import raised
from sim.units import Amount
from sim.world.world import FloatArray, World

__all__ = ["BaseYearRules", "of_good", "purchase_shares", "sourcing_flows", "sourcing_kernel"]

BALANCE_ROUNDS = 2000
BALANCE_TOLERANCE = 1e-13
NEWTON_ROUNDS = 50


@dataclass(frozen=True)
class BaseYearRules:
    """Assumptions with which a base year is inverted; rows of ``behaviour.csv``."""

    prior_weight: float
    """Share of each buyer's purchases moved to links without base trade."""
    prior_distance_km: float
    """Distance over which the prior weight of such a link falls by a factor e."""
    input_cost_ceiling: float
    """Largest base-year input cost of a plant over its revenue."""


def _nearness(world: World, good: int, rules: BaseYearRules) -> FloatArray:
    """(S, B) weight of a link by distance alone; 0 where a trader would buy from a trader.

    Equation (M1), docs/model.md, for ``near_sb``.
    """
    trader = np.array([kind == "trader" for kind in world.facility_kind])
    origin, destination = world.link_countries(good)
    nearness: FloatArray = np.exp(-world.distance_km[np.ix_(origin, destination)] / rules.prior_distance_km)
    sellers = world.offer_facility[world.offer_slice(good)]
    nearness[trader[sellers][:, None] & trader[world.need_facility[world.need_slice(good)]]] = 0.0
    return nearness


def sourcing_flows(world: World, rules: BaseYearRules) -> tuple[FloatArray, ...]:
    """Base flows with a small gravity prior on links without base trade: per good (S, B) t/year.

    Margins (output by seller, use by buyer) stay those of the world: the mix is rebalanced by
    iterative proportional fitting. A trader never buys from a trader.

    Nobody can write into them: a world that comes again has the same ones.

    Equation (M2), docs/model.md, for ``x0_sb``.
    """
    key = _read_by_flows(world, rules)
    flows = _FLOWS.get(key)
    if flows is None:
        flows = _FLOWS[key] = _sourcing_flows(world, rules)
        if len(_FLOWS) > MOST_FLOWS:
            _FLOWS.pop(next(iter(_FLOWS)), None)
    return flows


_FLOWS: dict[bytes, tuple[FloatArray, ...]] = {}
"""Flows by what they follow from: the same world is inverted again and again."""
MOST_FLOWS = 8


def _read_by_flows(world: World, rules: BaseYearRules) -> bytes:
    """Hash of all that base flows follow from."""
    digest = hashlib.sha256(repr((rules, world.facility_kind)).encode())
    ends = world.offer_facility, world.offer_good, world.need_facility, world.need_good
    for array in (*ends, world.facility_country, world.distance_km, *world.base_flow):
        digest.update(repr(array.shape).encode())
        digest.update(np.ascontiguousarray(array).tobytes())
    return digest.digest()


def _sourcing_flows(world: World, rules: BaseYearRules) -> tuple[FloatArray, ...]:
    flows = []
    for g, base in enumerate(world.base_flow):
        nearness = _nearness(world, g, rules) * base.sum(1)[:, None]
        total = nearness.sum(0)
        share = np.divide(nearness, total, out=np.zeros_like(nearness), where=total > 0)
        weight = rules.prior_weight
        mixed = np.where(total > 0, (1 - weight) * base + weight * share * base.sum(0), base)
        flows.append(_balance(mixed, base.sum(1), base.sum(0)))
        flows[-1].flags.writeable = False
    return tuple(flows)


def _balance(matrix: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """Iterative proportional fitting; rows and columns that are to be 0 stay 0."""
    if not matrix.size:
        return matrix
    empty = np.where(rows == 0, 1.0, 0.0), np.where(columns == 0, 1.0, 0.0)
    for _ in range(BALANCE_ROUNDS):
        matrix = matrix * (rows / (matrix.sum(1) + empty[0]))[:, None]
        current = matrix.sum(0) + empty[1]
        if np.max(np.abs(current / (columns + empty[1]) - 1)) < BALANCE_TOLERANCE:
            return matrix
        matrix = matrix * (columns / current)
    return _balanced_by_newton(matrix, rows, columns)


def _balanced_by_newton(matrix: FloatArray, rows: FloatArray, columns: FloatArray) -> FloatArray:
    """The same fitting where it goes slowly: blocks of links that hardly any trade joins."""
    for _ in range(NEWTON_ROUNDS):
        sold, bought = matrix.sum(1), matrix.sum(0)
        missing = np.concatenate([rows - sold, columns - bought])
        if np.all(np.abs(missing) <= BALANCE_TOLERANCE * np.concatenate([rows, columns])):
            break
        change = np.block([[np.diag(sold), matrix], [matrix.T, np.diag(bought)]])
        # Scaling rows up and columns down alike changes nothing: of all solutions the smallest step.
        step = np.linalg.lstsq(change, missing, rcond=None)[0]
        step = np.clip(step, -1, 1)
        matrix = matrix * np.exp(step[: len(rows), None] + step[len(rows) :])
    return matrix


def purchase_shares(
    world: World, rules: BaseYearRules, flow: tuple[FloatArray, ...], normal_output: FloatArray
) -> tuple[FloatArray, ...]:
    """Per good (S, B) share of each seller in a buyer's purchases; columns sum to 1.

    A buyer that bought nothing in the base year would buy from those who sold, nearer ones first; where
    nobody sold anything, from those who could.
    """
    shares = []
    for g, block in enumerate(flow):
        total = block.sum(0)
        share = np.divide(block, total, out=np.zeros_like(block), where=total > 0)
        if (total == 0).any():
            sellers = world.offer_slice(g)
            size = block.sum(1) if block.any() else normal_output[sellers]
            weight = _nearness(world, g, rules) * size[:, None]
            weight = np.where(weight.sum(0) > 0, weight, size[:, None])
            share = np.where(total > 0, share, weight / np.maximum(weight.sum(0), 1e-300))
        shares.append(share)
    return tuple(shares)


def sourcing_kernel(
    world: World,
    rules: BaseYearRules,
    shares: tuple[FloatArray, ...],
    normal: tuple[FloatArray, FloatArray],
    sigma: FloatArray,
) -> tuple[tuple[FloatArray, ...], FloatArray]:
    """Sourcing weights, and the base-year mean delivered price of each buyer.

    ``K_sb = share_sb P0_b ** -sigma``. A seller without base-year sales is worth as much to buyers, at equal
    delivered prices, that at base prices they would buy all that it can make. It sells nothing until it has
    something to sell, so the base year stays a fixed point.

    Args:
        shares: from :func:`purchase_shares`.
        normal: (O,) output and (N,) use, t/year, see :class:`sim.world.benchmark.Benchmark`.
        sigma: (G,) sourcing elasticity of each good, or (M, G) where members differ.

    Returns:
        Per good (S, B), or (M, S, B) where sigma differs by member; (N,) multiples of the base gate price.

    Equations (M3), (M4) and (M5), docs/model.md, for ``P0_b`` and ``K_sb``.
    """
    kernel, index = [], []
    for g, share in enumerate(shares):
        delivered = world.base_wedge(g)
        mean_delivered = (share * delivered).sum(0)
        weight = share * raised(mean_delivered, -of_good(sigma, g))
        idle = share.sum(1) <= 0
        if idle.any():
            reach = np.where(_nearness(world, g, rules) > 0, raised(delivered, -of_good(sigma, g)), 0.0)
            # What buyers would take at a weight of 1 and base prices: those who bought, or could only later.
            pull = reach * raised(mean_delivered, of_good(sigma, g))
            taken, later = ((pull * use[world.need_slice(g)]).sum(-1) for use in (world.need_use, normal[1]))
            taken = np.where(taken > 0, taken, later)
            size = np.divide(
                normal[0][world.offer_slice(g)], taken, out=np.zeros_like(taken), where=taken > 0
            )
            weight = np.where(idle[:, None], size[..., None] * reach, weight)
        kernel.append(weight)
        index.append(mean_delivered)
    return tuple(kernel), np.concatenate(index)


def of_good(sigma: FloatArray, good: int) -> Amount:
    """One good's sigma from (G,) or (M, G), for arrays of links: a number, or (M, 1, 1) if members differ."""
    column = sigma[..., good]
    if sigma.ndim == 1:
        return float(column)
    return float(column[0]) if (column == column[0]).all() else column[:, None, None]
