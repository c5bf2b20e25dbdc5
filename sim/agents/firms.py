"""Mark-ups of firms from the demand system (Atkeson and Burstein 2008, American Economic Review).

With ``w`` the share of a firm at a buyer, the elasticity that the seller perceives is
``e_s = sum_b (x_sb / x_s) (sigma (1 - w) + eta w)`` and the ask is ``cost e / (e - 1)``.
A merger adds the shares of both firms, so it acts only where they meet at a buyer.
"""

from __future__ import annotations

import numpy as np

from sim.arrays import Groups
from sim.units import Amount
from sim.world.world import FloatArray, IntArray, World

__all__ = ["markups", "markups_by_member", "owner_concentration"]


def markups(
    world: World, owner: IntArray, sigma: FloatArray, eta: Amount, ceiling: Amount
) -> FloatArray:
    """(O,) ratio of ask to cost, or (M, O) where sigma, eta or ceiling differ by member.

    Shares are those of base-year trade, as merger simulation does; links that exist only
    through the prior weight give no overlap.

    Args:
        owner: (F,) index of the firm that prices each facility's output.
        sigma: (G,) or (M, G) sourcing elasticity.
        eta: one number or (M, 1): long-run demand elasticity, at least 1.2.
        ceiling: one number or (M, 1): largest ratio (entry of the fringe bounds what a dominant firm asks).
    """
    return _ratio(sigma[..., world.offer_good], _own_shares(world, owner), eta, ceiling)


def _own_shares(world: World, owner: IntArray) -> FloatArray:
    """(O,) share of the offer's firm at its buyers, weighted by what it sells them.

    Equation (M28), docs/model.md, for ``m_s``.
    """
    result = np.empty(len(world.offer_good))
    for g, flow in enumerate(world.base_flow):
        sellers = world.offer_slice(g)
        firm = owner[world.offer_facility[sellers]]
        names, position = np.unique(firm, return_inverse=True)
        by_firm = np.zeros((len(names), flow.shape[1]))
        np.add.at(by_firm, position, flow)
        share, weight = _shares(by_firm, flow.sum(0)), _shares(flow, flow.sum(1, keepdims=True))
        result[sellers] = (weight * share[position]).sum(1)
    return result


def _shares(part: FloatArray, whole: FloatArray) -> FloatArray:
    """Part over whole; 0 where there is no whole, as for what did not trade in the base year."""
    whole = np.broadcast_to(whole, part.shape)
    shares: FloatArray = np.divide(part, whole, out=np.zeros_like(part), where=whole > 0)
    return shares


def _ratio(sigma: FloatArray, own: FloatArray, eta: Amount, ceiling: Amount) -> FloatArray:
    """Equations (M29) and (M30), docs/model.md, for ``e_s`` and ``M_s``."""
    elasticity = sigma * (1 - own) + eta * own
    # Where demand is inelastic, nothing but the ceiling bounds what a seller asks.
    open_end = np.full_like(elasticity, np.inf)
    ratio: FloatArray = np.minimum(
        np.divide(elasticity, elasticity - 1, out=open_end, where=elasticity > 1), ceiling
    )
    return ratio


def markups_by_member(
    world: World, owner: IntArray, sigma: FloatArray, eta: Amount, ceiling: Amount
) -> FloatArray:
    """(1 or M, O) as :func:`markups`, for owners (1 or M, F): shares once for each different ownership."""
    different, which = np.unique(owner, axis=0, return_inverse=True)
    own = np.stack([_own_shares(world, row) for row in different])[which.reshape(-1)]
    return _ratio(sigma[..., world.offer_good], own, eta, ceiling)


def owner_concentration(world: World, owner: IntArray, sales: FloatArray) -> FloatArray:
    """(M, G) Herfindahl-Hirschman index of owners' sales, 0 to 10,000; 0 without sales.

    Args:
        owner: (1 or M, F) index of the firm that prices each facility's output.
        sales: (M, O) tonnes.

    Equation (M31), docs/model.md, for ``HHI_g``.
    """
    if len(owner) > 1:
        rows = zip(owner, sales, strict=True)
        return np.concatenate([owner_concentration(world, own[None], sold[None]) for own, sold in rows])
    owner = owner[0]
    owners = int(owner.max()) + 1
    pairs = Groups(world.offer_good * owners + owner[world.offer_facility])
    by_owner = pairs.sums(sales)
    first = np.searchsorted(pairs.keys // owners, np.arange(len(world.goods)))
    total = np.add.reduceat(by_owner, first, axis=1)
    squares = np.add.reduceat(by_owner**2, first, axis=1)
    index: FloatArray = 1e4 * np.divide(squares, total**2, out=np.zeros_like(total), where=total > 0)
    return index
