"""docs/impulse-responses.md: how a response is measured, and that the page shows what the model does."""

from __future__ import annotations

from math import inf

import numpy as np
import pytest

from scripts import impulse_responses
from scripts.impulse_responses import CLASSES, PAGE, measure, response
from sim.world.load import load_world


def test_peak_half_and_return_of_a_path() -> None:
    """Up by 80 % over eight months, down by a tenth of it a month, to 0.95."""
    price = np.ones(96)
    price[12:20] = np.linspace(1.1, 1.8, 8)
    price[19:36] = np.maximum(1.8 - 0.08 * np.arange(17), 0.95)
    price[36:] = 0.95
    found = measure(price, 12)
    assert (found.peak, found.to_peak) == (pytest.approx(1.8), 7)
    assert (found.half, found.back) == (5, 9)
    assert found.lowest == 0.95
    yearly = price.reshape(-1, 12).mean(axis=1)
    assert found.later == pytest.approx(0.95 / yearly[1])


def test_what_does_not_come_back_says_so() -> None:
    price = np.concatenate([np.ones(12), np.full(60, 1.5)])
    found = measure(price, 12)
    assert (found.to_peak, found.half, found.back, found.lowest) == (0, inf, inf, 1.5)
    assert found.later == pytest.approx(1.0)


def test_the_classes_hold_the_minerals_of_the_world_once() -> None:
    listed = [mineral for minerals in CLASSES.values() for mineral in minerals]
    assert len(set(listed)) == len(listed)
    # Concentrates and magnets of rare earths are where their oxides come from and go to.
    apart = {"rare_earth_concentrate", "rare_earth_magnets"}
    assert set(listed) == {good.mineral for good in load_world(2024).goods} - apart


@pytest.mark.parametrize(
    ("mineral", "shock"), [("cobalt", "loss"), ("germanium", "loss"), ("lithium", "boom")]
)
def test_the_page_shows_what_the_model_does(mineral: str, shock: str) -> None:
    found = {mineral: response(mineral, shock)}
    loss, boom = (found, {}) if shock == "loss" else ({}, found)
    row = impulse_responses.mineral_table(loss or boom, shock).splitlines()[-1]
    section = PAGE.read_text(encoding="utf-8").split(f"<!-- {shock} by mineral -->")[1]
    assert row in section, "run: python -m scripts.impulse_responses"


def test_a_loss_lifts_every_price_and_a_boom_brings_a_bust() -> None:
    """Signs of what the page shows, from its own tables."""
    page = PAGE.read_text(encoding="utf-8")
    for shock, last in (("loss", 1.15), ("boom", 0.9)):
        rows = page.split(f"<!-- {shock} by mineral -->\n")[1].split("<!--")[0].splitlines()[2:]
        assert len(rows) == sum(len(minerals) for minerals in CLASSES.values())
        for row in rows:
            cells = [cell.strip() for cell in row.strip("|").split("|")]
            assert float(cells[1]) > 1.01, row
            assert float(cells[-1]) < last, row
