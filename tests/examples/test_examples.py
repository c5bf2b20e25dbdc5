"""The narrated scripts run, and what they say of the model holds."""

from __future__ import annotations

import runpy
from pathlib import Path

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_state_that_cuts_its_mines_makes_their_products_dearer() -> None:
    ratio = runpy.run_path(str(EXAMPLES / "play_a_country.py"))["main"]()
    assert ratio["dysprosium_oxide"] > 1.02
    assert ratio["ree_concentrate_ionic_clay"] > 1.02
