"""Tonnes held, under way and asked for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from sim.arrays import FloatArray

__all__ = ["Account", "Orders"]


@dataclass(frozen=True)
class Orders:
    """Demand for the market: tonnes and give-up prices of tiers (M, N, K), elasticities (K,) or (M, 1, K).

    Of what its tiers want a buyer orders what it does not hold.
    """

    tonnes: FloatArray
    reservation: FloatArray
    elasticity: FloatArray
    held: FloatArray
    """(M, N) tonnes that it has."""


class Account:
    """A stock and what is on its way to it, in X kinds of content: tonnes, elements, origins.

    Attributes:
        stock: (M, n, X) tonnes. transit: (L, M, n, X) tonnes that arrive in 1..L steps.
    """

    def __init__(self, stock: FloatArray, lags: int) -> None:
        self.stock = stock
        self.transit = np.zeros((lags - 1, *stock.shape))

    def arrive(self) -> None:
        """Shipments due reach the stock."""
        if len(self.transit):
            self.stock = self.stock + self.transit[0]
            self.transit[:-1] = self.transit[1:]
            self.transit[-1] = 0.0

    def load(self, by_lag: FloatArray) -> None:
        """What is sent, (L, M, n, X), arrives at once or in 1..L steps."""
        self.stock = self.stock + by_lag[0]
        self.transit += by_lag[1:]

    def take(self, by_lag: FloatArray, fractions: FloatArray) -> None:
        """Load the fractions (n, M, needs) of shipments (L, M, needs, X), to n stocks."""
        self.stock = self.stock.copy()
        for row, fraction in enumerate(fractions):
            mine = np.add.reduce(by_lag * fraction[None, :, :, None], axis=2)
            self.stock[:, row] += mine[0]
            self.transit[:, :, row] += mine[1:]

    def release(self, share: FloatArray) -> FloatArray:
        """(M, n, X) tonnes taken out, the share (M, n) of each stock."""
        out = self.stock * share[..., None]
        self.stock = self.stock - out
        return out

    @property
    def position(self) -> FloatArray:
        """(M, n, X) tonnes in stock and under way."""
        if not len(self.transit):
            return self.stock
        # One leg after the other: the order of a plain sum depends on how many members and stocks there are.
        total: FloatArray = self.stock + np.cumsum(self.transit, axis=0)[-1]
        return total

    def restore(self, stock: FloatArray, transit: FloatArray) -> None:
        """Take over a stock, and what was on its way, of a run that may have had fewer or more lags."""
        self.stock = stock.copy()
        self.transit[:] = 0.0
        self.transit[: len(transit)] = transit[: len(self.transit)]

    def restore_row(self, row: int, stock: FloatArray, transit: FloatArray) -> None:
        """As :meth:`restore`, for one of the n stocks."""
        self.stock = self.stock.copy()
        self.stock[:, row] = stock
        self.transit[:, :, row] = 0.0
        self.transit[: len(transit), :, row] = transit[: len(self.transit)]
