"""Which projects stand in the picture of a good, what they are called, and which are left out."""

from __future__ import annotations

import pandas as pd
import xarray as xr

from sim.plots.pictures import gantt


def test_a_separator_stands_in_the_chain_of_all_that_it_makes():
    data = xr.Dataset(
        coords={
            "project": ["mine", "separator"], "project_good": ("project", ["ore", "praseodymium"]),
            "offer_facility": ("offer", ["separator", "separator", "old_plant", "mine"]),
            "offer_good": ("offer", ["praseodymium", "samarium", "samarium", "ore"]),
        }
    )  # fmt: skip
    made = gantt._made(data)
    assert ("separator", "samarium") in made
    assert ("separator", "praseodymium") in made
    assert ("mine", "ore") in made
    assert "old_plant" not in dict(made)
    assert gantt._made(data.drop_vars(["offer_facility", "offer_good"])) == [
        ("mine", "ore"), ("separator", "praseodymium"),
    ]  # fmt: skip


def test_those_that_do_most_in_any_scenario_are_drawn_in_their_order(monkeypatch):
    monkeypatch.setattr(gantt, "MOST", 2)
    rows = [
        ("calm", "a", "running", 0.1), ("calm", "b", "building", 0.2), ("calm", "c", "running", 0.3),
        ("shock", "a", "running", 0.4), ("shock", "b", "building", 0.2), ("shock", "c", "running", 0.0),
        ("shock", "b", "given up", 1.0),
    ]  # fmt: skip
    table = pd.DataFrame(rows, columns=["scenario", "project", "does", "share"])
    assert gantt._most(["c", "b", "a"], table) == ["c", "a"]


def test_projects_are_called_as_their_tables_call_them_with_the_country_once():
    assert gantt._label("mount_weld_expansion", "AUS") == "Mount Weld expansion, Australia"
    assert gantt._label("separation_heavy_vnm", "VNM") == "Further separation of heavy ores, Vietnam"
    assert gantt._label("my_mine_can", "CAN") == "My mine, Canada"
