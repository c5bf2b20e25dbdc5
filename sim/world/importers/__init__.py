"""Tables as others lay them out, read into tidy ones: trade of CEPII, output of USGS, BGS and anybody's own.

Three functions are all that other rooms use: :func:`read_cepii`, :func:`read_production` and, for cells of
their own tables, :func:`read_number`. Each says what it left out, recoded or took for granted. What writes
them into a folder of one's own is :mod:`sim.world.importers.fill`.
"""

from sim.world.importers.cells import CellError, Number, read_number
from sim.world.importers.cepii import TRADE_COLUMNS, cepii_countries, read_cepii
from sim.world.importers.production import PRODUCTION_COLUMNS, read_production
from sim.world.importers.sheets import Imported

__all__ = [
    "PRODUCTION_COLUMNS", "TRADE_COLUMNS", "CellError", "Imported", "Number", "cepii_countries", "read_cepii",
    "read_number", "read_production",
]  # fmt: skip
