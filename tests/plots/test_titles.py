"""Pictures as a page has them: words that end before the edge, titles that are English and true."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

from sim.plots import kinds, line_up
from sim.plots.case import Case
from sim.plots.pictures import Kind
from sim.plots.style import picture_of
from sim.report.pictures import RESOLUTIONS
from sim.results import Run
from tests.synthetic import make_dataset

GOOD = "dysprosium_oxide"


def _run(dataset: xr.Dataset, title: str) -> Run:
    name = str(dataset.attrs["scenario"])
    manifest = {
        "scenario": name, "version": "0.1.0", "base_year": 2024, "seed": dataset.attrs["seed"],
        "members": dataset.sizes["member"], "title": title, "compare_to": "baseline-test",
    }  # fmt: skip
    return Run(Path(f"{name}-0123abcd"), manifest, dataset)


BASE = _run(make_dataset("baseline-test"), "No new controls")
SHOCK = _run(make_dataset("licence-test", shock=1.0), "A licence on heavy rare earths")


def _case(*runs: Run, good: str = GOOD) -> Case:
    return line_up([BASE, *runs], "baseline-test").of(good)


def _kind(name: str) -> Kind:
    return next(kind for kind in kinds() if kind.name == name)


@pytest.mark.parametrize("resolution", RESOLUTIONS)
def test_at_the_resolutions_of_a_page_no_line_ends_beyond_the_edge(resolution: int) -> None:
    """Hinted letters grow with coarseness: lines that were measured to fit lost their last word."""
    one = _kind("price").measure(_case(SHOCK))
    words = " ".join(["illimitable"] * 60)
    figure = _kind("price").draw(dataclasses.replace(one, note=words))
    pixels = np.asarray(picture_of(figure, resolution))
    margin = int(0.15 * resolution)
    assert (pixels[:, -margin:] == 255).all()
    assert (pixels[:, : -2 * margin] < 255).any()


def test_what_hardly_moves_and_what_is_left_out_are_said_in_english() -> None:
    calm = _run(make_dataset("calm"), "Calm")
    still = _run(make_dataset("still"), "Still")
    assert _kind("stocks").measure(_case(calm, still)).title.endswith("; no scenario draws much on it")
    assert _kind("stocks").measure(_case(calm)).title.endswith("; the scenario does not draw much on it")
    data = make_dataset("cut", shock=1.0, recovers=False)
    full = _run(data.assign(buyer_stock=BASE.dataset["buyer_stock"]), "Short at once, stocks as ever")
    said = _kind("stocks").measure(_case(full)).title
    assert "the first run short " in said
    assert "months to be back" in said
    assert "draw" not in said
    assert "at the lowest" not in said
    magnets = _kind("price").measure(_case(SHOCK, good="ndfeb_magnet"))
    assert magnets.title.startswith("NdFeB magnets outside China peak at ")
    for good, said in (("ndfeb_magnet", "NdFeB magnets are missing"), (GOOD, "Dysprosium oxide is missing")):
        assert _kind("map").measure(_case(SHOCK, good=good)).title.startswith(said)


def test_what_is_missing_anyway_stands_beside_what_is_missing() -> None:
    """Half of Germany's need is missing without the scenario, too: no title makes that its doing."""
    data = BASE.dataset
    lacks = (data["need_country"].values == "DEU") & (data["need_good"].values == GOOD)
    short = np.where(lacks, 0.5 * data["requirement"].values, 0.0)
    base = data.assign(shortfall=(data["shortfall"].dims, short))
    same = base.assign_attrs(scenario="same", events=SHOCK.dataset.attrs["events"])
    case = line_up([_run(base, "Calm"), _run(same, "The same")], "baseline-test").of(GOOD)
    table = _kind("map").measure(case).table
    germany = table[table["country"] == "DEU"]
    assert germany["baseline"].tolist() == germany["drawn"].tolist() == pytest.approx([0.5])
    for kind in ("map", "shortage"):
        title = _kind(kind).measure(case).title
        assert "Germany" in title
        assert "50 % of need" in title
        assert "(baseline: 50 %)" in title
        assert "baseline: " not in _kind(kind).measure(_case(SHOCK)).title
