"""What the machine code of a clearing reads, works on and writes: named arrays, and where a market's lie."""

from __future__ import annotations

from typing import NamedTuple

from sim.market.layout import FloatArray, IntArray

__all__ = ["COLUMNS", "Asked", "Case", "Found", "Layout", "Limits", "Space"]

COLUMNS = (
    "first", "row", "buyer", "sellers", "rows", "buyers", "caps", "kernel", "transposed", "across", "back",
    "acts", "member", "offer", "need", "good",
)  # fmt: skip
"""Of :attr:`Layout.markets`, in order."""


class Layout(NamedTuple):
    """The markets of a frame: n markets, kernels in whole blocks of eight."""

    markets: IntArray
    """(n, columns) where each market's variables begin, its rows and its buyers, these on the frame's axes;
    how many real sellers, rows, buyers and caps it has; the first blocks of its kernel and of the one turned
    round, and blocks to their rows; where ``acting`` begins; its member, the first of its offers and of its
    needs, its good."""
    kernel: FloatArray
    """Flat: of each market (rows, buyers), then with both axes changed."""
    sigma: FloatArray
    """(n,)"""
    eps: FloatArray
    """Per variable, without padding: sellers, then caps."""
    scale: FloatArray
    """Per variable: log of its seller's largest weight."""
    cap: IntArray
    """Per variable: the number of a cap."""
    acting: IntArray
    """(D, rows of goods) what acts on a row, counted within the market: the seller, then caps, then -1."""


class Asked(NamedTuple):
    """What m members ask, as :class:`sim.market.solver.inputs.Given` has it; (0, 0) in place of None."""

    quantity: FloatArray
    ask: FloatArray
    demand: FloatArray
    reservation: FloatArray
    elasticity: FloatArray
    """(1 or m, 1 or N, K)"""
    order: IntArray
    """(K,) tiers in the order of summation."""
    allowed: FloatArray
    signal: FloatArray
    held: FloatArray
    kept: FloatArray
    price: FloatArray
    """(m, O) log prices to start from; (0, 0) for the asks."""
    rent: FloatArray
    """(m, C) log rents."""


class Limits(NamedTuple):
    """Numbers that all markets share."""

    tolerance: float
    """Residual that sweeps and Newton's method are to arrive at."""
    settled: float
    """Residual with which a market may be left."""
    sweeps: int
    """Most of them."""
    least: float
    keep_elasticity: float
    first: int
    """The first member of those asked about, among all of the results."""


class Found(NamedTuple):
    """What comes out, of M members: as in :class:`sim.market.flows.Clearing`, names in the order of rows."""

    offers: FloatArray
    """(3, M, O) log prices, prices, sales."""
    needs: FloatArray
    """(3, M, N) choice indices, purchases, demanded."""
    caps: FloatArray
    """(3, M, C) log rents, flows, values of rents."""
    markets: FloatArray
    """(3, M, G) residuals, gaps, tonnes scaled down."""
    iterations: IntArray
    """(M, G)"""
    row: FloatArray
    """Per row of the frame; rents of rows likewise; per buyer of the frame."""
    row_rent: FloatArray
    pull: FloatArray


class Case(NamedTuple):
    """One market: its numbers in :class:`Layout`, and how many blocks of eight hold its variables, rows and
    buyers."""

    first: int
    row: int
    buyer: int
    sellers: int
    rows: int
    buyers: int
    caps: int
    kernel: int
    transposed: int
    across: int
    back: int
    acts: int
    member: int
    """Among those asked about; then among those of the results."""
    into: int
    offer: int
    need: int
    good: int
    variable_blocks: int
    row_blocks: int
    buyer_blocks: int
    tiers: int
    sigma: float
    holds: bool
    """Whether buyers may hold something; whether sellers keep what they do not offer."""
    keeps: bool


class Space(NamedTuple):
    """Room for one market, in whole blocks of eight; :mod:`sim.market.compiled.places` names the rows."""

    variables: FloatArray
    """(quantities, variables); then per row, per buyer, per tier and buyer."""
    rows: FloatArray
    buyers: FloatArray
    tiers: FloatArray
    history: FloatArray
    """(2, sweeps x variables) changes and images of the last sweeps."""
    small: FloatArray
    """(3, n) of the mixing."""
    share: FloatArray
    """(2, rows x buyers) shares of rows in what buyers buy, and these times the curvature of demand."""
    hessian: FloatArray
    """(1, variables x variables)"""
    stand: FloatArray
    """Where Newton's method stands."""
    group: IntArray
    """(K,) which run of tiers of one elasticity each belongs to."""
