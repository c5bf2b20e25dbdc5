"""How a price came about: sentences whose numbers are those that were recorded."""

from __future__ import annotations

import re

import numpy as np
import pytest
import xarray as xr

from sim.analysis.digits import two
from sim.analysis.pairing import paired
from sim.errors import MonaziteError
from sim.explain.attribute import step_of
from sim.explain.balance import balance
from sim.explain.chain import chain

GOOD = "tantalum_powder"


def tonnes(data: xr.Dataset, name: str, axis: str, keep: np.ndarray, steps: slice) -> float:
    return float(data[name].values[:, steps][..., keep].sum(axis=(1, 2), dtype=float).mean())


@pytest.fixture(scope="module")
def pair(runs):
    return paired(runs[0].dataset, runs[1].dataset)


def test_the_balance_is_that_of_the_recorded_tonnes(runs, pair):
    data, base = pair
    first, last = step_of(runs[0], "2025-01"), step_of(runs[0], "2027-03")
    found = balance(data, base, GOOD, first, last)
    window = slice(first, last + 1)

    def more(name, axis, country_is, steps=window, kind=None):
        keep = (data[f"{axis}_good"].values == GOOD)
        keep &= (data[f"{axis}_country"].values == found.country) == country_is
        if kind:
            keep &= data[f"{axis}_kind"].values != kind
        return tonnes(data, name, axis, keep, steps) - tonnes(base, name, axis, keep, steps)

    made = more("production", "offer", False, kind="trader") + more("exports", "outbound", True)
    assert sum(found.supply.values()) == pytest.approx(made, abs=1e-3)
    used = more("consumption", "need", False, kind="trader")
    assert found.used == pytest.approx(used, abs=0.02 * abs(used) + 1e-3)
    end = slice(last, last + 1)
    stocks = more("seller_stock", "offer", False, end) + more("buyer_stock", "need", False, end)
    assert found.stocks == pytest.approx(stocks, abs=1e-3)
    # What is left over is on the way or in the state's stockpile: a few weeks of supply at most.
    assert abs(found.rest - found.states) < 0.1 * found.base_supply


def test_nothing_differs_before_the_first_event(runs, pair):
    found = balance(*pair, GOOD, 0, step_of(runs[0], "2024-11"))
    assert max(map(abs, found.supply.values())) < 1e-6
    assert abs(found.stocks) < 1e-6
    assert abs(found.rest) < 1e-6


def test_the_sentences_give_price_and_multiple(runs, pair):
    step = step_of(runs[0], "2027-03")
    said = chain(*runs, GOOD, step)
    now, before = (d["price_outside"].sel(good=GOOD).values[:, step] for d in pair)
    assert f"cost {two(now.mean() / 1000)} USD/kg" in said[0]
    assert f"{two(float(np.median(now / before)))} times the {two(before.mean() / 1000)} USD/kg" in said[0]
    text = " ".join(said)
    assert "States' stockpiles bought" in text
    assert not re.search(r"\b[A-Z]{3}\b(?!/)", text.replace("USD/kg", "")), "codes in place of names"


def test_before_the_first_event_there_is_nothing_to_tell(runs):
    said = chain(*runs, GOOD, step_of(runs[0], "2024-06"))
    assert len(said) == 2
    assert "No event had begun yet" in said[1]


def test_runs_that_keep_too_little_are_refused(runs):
    import dataclasses

    poor = dataclasses.replace(runs[0], dataset=runs[0].dataset.drop_vars("exports"))
    with pytest.raises(MonaziteError, match="exports"):
        chain(poor, runs[1], GOOD, 10)
