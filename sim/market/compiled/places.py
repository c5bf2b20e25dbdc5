"""Where a market's numbers lie in :class:`sim.market.compiled.tables.Space`: rows of its tables."""

from __future__ import annotations

# Per variable: sellers, then caps.
W = 0  # as in :class:`sim.market.solver.sweeps.Sweeper`
FULL = 1  # what that calls ``full``
IMAGE = 2  # what a sweep makes of w
LIMIT = 3  # tonnes on sale or allowed, over the market's size
SOLVED = 4  # the same with caps floored
LOG_ASK = 5  # 0 for caps
OFFSET = 6  # w at log price 0
LOG_LIMIT = 7
WEIGHT = 8
SLOPE = 9
INTERCEPT = 10
DEAD = 11  # 1 for what cannot trade, and for padding
LEVEL = 12  # log of the share that is kept at w = 0
KEPT = 13  # share that is kept
LOG_KEPT = 14  # log of it at log price 0
SUMS = 15  # tonnes sold; sums over rows
PRICE = 16  # log price, log rent
AHEAD = 17  # at first what a log is taken of; mixed w; factors of flows
SUPPLY = 18  # tonnes offered
BELOW = 19  # log of the share offered; tonnes before scaling
OVER = 20  # log of sales over offer
SHRUNK = 21  # sales x log of the factor that they were scaled by
START = 22  # log price, log rent to start from; where Newton's method stands
TRIAL = 23  # where it looks
STEP = 24  # its direction
GRADIENT = 25  # offer less sales; what a cap allows less its flow
FREE = 26  # 1 for what may move
BENT = 27  # rise of the offer by the log price
DIAGONAL = 28  # of the Hessian, then of its root
VARIABLES = 29

# Per row.
ON = 0  # 1 where the seller has something
ROW = 1  # u
ROW_PULL = 2  # pull of buyers
ROW_FLOW = 3  # tonnes before scaling
ROW_NEW = 4  # u times its factor
ROW_HELD = 5  # tonnes after
ROW_WORK = 6
ROWS = 7

# Per buyer.
Z = 0  # as in ``Sweeper``
LOG_Z = 1
PULL = 2
WANTED = 3
DEMANDED = 4
HELD = 5  # tonnes
OFF = 6  # 1 for whom nobody may serve, and for padding
BOUGHT = 7  # tonnes
NEAR = 8  # sums of the gap
FAR = 9
LOG_INDEX = 10
PART = 11  # share of what is wanted that is bought or held
SERVED = 12
BEND = 13  # fall of demand by the log index
JOINT = 14  # of Newton's method, who orders the least: what its part of the dual starts with
BUYERS = 15

# Per tier and buyer.
DEMAND = 0
LOG_WORTH = 1  # log reservation prices
ELASTICITY = 2
RATE = 3  # of each run of tiers, elasticity over sigma
STEEP = 4  # demand at z = 1
POWER = 5  # of each run, its power of z
TIERS = 6

# Of the last sweeps, per sweep and variable.
CHANGES = 0
IMAGES = 1
HISTORIES = 2

# Of Newton's method: the dual and the residual where it stands, the share of its step that it tries, whether
# it began at the asks, and steps made, -1 before the first look.
PSI, OFF_BY, LENGTH, CAREFUL, MADE = range(5)
STAND = 5

# Of the mixing: products of changes, its system, weights.
GRAM = 0
SYSTEM = 1
RIGHT = 2
SMALL = 3

# In `Found`: per offer, per need, per cap, per market.
OF_LOG_PRICE, OF_PRICE, OF_SALES = range(3)
OF_INDEX, OF_PURCHASES, OF_DEMANDED = range(3)
OF_LOG_RENT, OF_CAP_FLOW = range(2)
OF_RESIDUAL, OF_GAP, OF_SCALED_DOWN = range(3)
