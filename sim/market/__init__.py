"""The clearing of all goods' markets: arrays in, arrays out, with a certificate."""

from sim.market.clearing import Clearing, ClearingState, Market, clear, prepare
from sim.market.layout import Terms

__all__ = ["Clearing", "ClearingState", "Market", "Terms", "clear", "prepare"]
