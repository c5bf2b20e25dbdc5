"""The clearing of all goods' markets: arrays in, arrays out, with a certificate."""

from sim.market.clearing import Clearing, ClearingState, Market, clear, prepare

__all__ = ["Clearing", "ClearingState", "Market", "clear", "prepare"]
