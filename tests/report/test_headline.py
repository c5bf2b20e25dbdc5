"""The month in the finding: one that members share, or none where each has a time of its own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from sim.report.headline import Headline, finding
from sim.results import Run
from tests.synthetic import make_dataset

GOOD, MEMBERS = "dysprosium_oxide", 5


def line(factor: float, steps: list[int]) -> Headline:
    """The baseline with the price of each member times a number in one step, a step for each."""

    def run(name: str, data) -> Run:
        manifest = {
            "scenario": name, "compare_to": "base", "seed": 7, "base_year": 2024, "members": MEMBERS,
            "title": "A case",
        }  # fmt: skip
        return Run(Path(name), manifest, data)

    base = make_dataset("base", members=MEMBERS)
    prices = base["price_outside"].copy(deep=True)
    good = base["good"].values.tolist().index(GOOD)
    for member, step in enumerate(steps):
        prices.values[member, step, good] *= factor
    return Headline(run("case", base.assign(price_outside=prices)), run("base", base), GOOD)


def test_members_that_peak_at_once_share_a_month():
    found = line(3.0, [13] * MEMBERS)
    head, lead = finding([found])
    assert head.endswith("costs up to 3 times as much, highest in February 2025, under “A case”")
    assert "own" not in lead
    assert found.dated == "2025-02"
    assert "costs up to 3 times as much, highest in February 2025; users" in found.sentence()


@pytest.mark.parametrize(("factor", "said"), [(3.0, "up to 3 times as much"), (0.5, "as little as 50 % of")])
def test_no_month_is_named_where_each_member_has_its_own(factor, said):
    """The median of largest moves is three, and the median price moves in no month."""
    found = line(factor, [10, 20, 30, 40, 50])
    assert found.multiple[0] == pytest.approx(factor)
    head, lead = finding([found])
    assert said in head
    assert "highest in" not in head
    assert "lowest in" not in head
    assert found.dated == "2024-11 to 2028-03"
    own = "ach member is there at a time of its own (November 2024 to March 2028)"
    assert lead.startswith(f"E{own}; in no one month")
    assert f"; e{own}; in no one month does the median move by more than 0 %" in found.sentence()


def test_three_of_five_in_one_month_are_together_and_two_are_not():
    assert line(2.0, [13, 13, 13, 40, 50]).together
    assert not line(2.0, [13, 13, 30, 40, 50]).together
    assert np.isclose(line(2.0, [13, 13, 13, 40, 50]).at_once, 2.0)
