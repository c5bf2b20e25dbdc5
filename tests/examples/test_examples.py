"""The narrated scripts run, and what they say of the model holds."""

from __future__ import annotations

import runpy
from pathlib import Path

import numpy as np

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_state_that_cuts_its_mines_makes_their_products_dearer() -> None:
    ratio = runpy.run_path(str(EXAMPLES / "play_a_country.py"))["main"]()
    assert ratio["dysprosium_oxide"] > 1.02
    assert ratio["ree_concentrate_ionic_clay"] > 1.02


def test_fewer_licences_make_dysprosium_dearer_in_the_workbench() -> None:
    found = runpy.run_path(str(EXAMPLES / "workbench.py"))["main"]()
    approval, peak = found["events__licence__approval_share"], found["peak_price_ratio__dysprosium_oxide"]
    assert len(peak) == 24
    assert np.corrcoef(approval, peak)[0, 1] < -0.5
