"""The clearing of all goods' markets: arrays in, arrays out, with a certificate."""

from sim.market.clearing import Asked, Clearing, ClearingState, Market, clear, clear_together, prepare
from sim.market.layout import Terms

__all__ = ["Asked", "Clearing", "ClearingState", "Market", "Terms", "clear", "clear_together", "prepare"]
