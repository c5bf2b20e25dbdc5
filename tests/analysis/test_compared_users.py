"""Whose needs a comparison counts, from which event its months run, and what its shares are in."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from sim.analysis import run_metrics
from sim.analysis.comparison import Band, Comparison, Key, Row
from sim.analysis.comparison_tables import tidy
from sim.analysis.iamc import iamc_table
from sim.analysis.paired import compare
from sim.analysis.select import user_needs
from sim.analysis.text import comparison_table, format_band
from sim.plots import kinds, line_up
from sim.report.headline import Headline
from sim.results import Run
from tests.synthetic import SHOCK_START, make_dataset

GOOD = "dysprosium_oxide"


def _run(data: xr.Dataset) -> Run:
    name = str(data.attrs["scenario"])
    manifest = {
        "scenario": name, "compare_to": "base", "seed": 7, "version": "0.1.0", "base_year": 2024,
        "members": data.sizes["member"], "title": data.attrs["title"],
    }  # fmt: skip
    return Run(Path(f"{name}-1"), manifest, data)


def _with_trader(data: xr.Dataset) -> xr.Dataset:
    """Germany's magnet plant buys its oxide of a trader, who wants ten times as much and gets half of it."""
    kinds_of = data["need_kind"].values.copy().astype("U12")
    (at,) = np.flatnonzero((data["need_good"].values == GOOD) & (data["need_country"].values == "DEU"))
    trader = data.isel(need=[at])
    need = trader["requirement"] * 10
    trader = trader.assign(requirement=need, shortfall=need / 2)
    trader = trader.assign_coords(need_kind=("need", ["trader"]), need_facility=("need", ["trader DEU"]))
    on_needs = [name for name, values in data.data_vars.items() if "need" in values.dims]
    joined = xr.concat([data[on_needs], trader[on_needs]], "need", coords="minimal", compat="override")
    rest = data.drop_dims("need")
    assert len(joined["need"]) == len(kinds_of) + 1
    return rest.merge(joined).assign_attrs(data.attrs)


def _events(data: xr.Dataset, *events: tuple[str, str, list[str]]) -> xr.Dataset:
    said = [
        {"id": name, "type": "export_tax", "sentence": f"{name}.", "from": day, "goods": goods}
        for name, day, goods in events
    ]
    return data.assign_attrs(events=json.dumps(said))


def _row(comparison: Comparison, measure: str, **about: str) -> Row:
    (row,) = (row for row in comparison.rows() if row.key == Key(measure, **about))
    return row


@pytest.fixture(scope="module")
def traded() -> list[Run]:
    return [_run(_with_trader(make_dataset(n, shock=s))) for n, s in (("base", 0.0), ("licence", 0.6))]


def test_what_traders_miss_is_not_counted_beside_what_their_buyers_miss(traded: list[Run]) -> None:
    """The table says what the map says, and what the same runs say without the trader."""
    plain = [_run(make_dataset(name, shock=shock)) for name, shock in (("base", 0.0), ("licence", 0.6))]
    with_trader, without = (compare(runs, "base", [GOOD]) for runs in (traded, plain))
    for measure in ("unmet", "shortage"):
        for place in ("", "DEU"):
            found, meant = (_row(c, measure, good=GOOD, place=place) for c in (with_trader, without))
            for scenario in ("base", "licence"):
                np.testing.assert_allclose(found.values[scenario], meant.values[scenario], rtol=1e-6)
    assert 0 < _row(with_trader, "shortage", good=GOOD, place="DEU").bands["licence"].median < 0.5
    worst = next(kind for kind in kinds() if kind.name == "map").measure(line_up(traded, "base").of(GOOD))
    rows = worst.table[(worst.table["what"] == "unmet share") & (worst.table["country"] == "DEU")]
    shown = _row(with_trader, "shortage", good=GOOD, place="DEU").bands["licence"].median
    assert rows["drawn"].tolist() == [pytest.approx(shown)]


def test_no_other_measure_of_what_is_missing_counts_traders(traded: list[Run]) -> None:
    plain = make_dataset("licence", shock=0.6)
    run = traded[1].dataset
    for one, other in zip(run_metrics.shortage(run, GOOD), run_metrics.shortage(plain, GOOD), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    xr.testing.assert_allclose(run_metrics.unmet_demand(run, GOOD), run_metrics.unmet_demand(plain, GOOD))
    pd.testing.assert_frame_equal(iamc_table([run], [GOOD]), iamc_table([plain], [GOOD]), rtol=1e-5)


def test_where_traders_alone_take_a_good_they_are_its_users(traded: list[Run]) -> None:
    run = traded[1].dataset
    only = run.assign_coords(need_kind=("need", np.full(run.sizes["need"], "trader")))
    assert len(user_needs(only, GOOD)) == len(user_needs(run, GOOD)) + 1


def test_months_count_from_the_first_event_that_touches_the_good() -> None:
    """A tax on gallium a year before the licence on oxide does not make oxide recover a year later."""
    base = _run(make_dataset("base", members=3))
    data = make_dataset("licence", shock=1.0, members=3)
    start = str(data["time"].values[SHOCK_START])[:10]
    alone = _run(_events(data, ("licence", start, [GOOD])))
    early = _run(_events(data, ("tax", "2024-01-01", ["gallium_refined"]), ("licence", start, [GOOD])))
    for measure in ("first_shortage", "recovery", "supply_recovery"):
        found, meant = (
            _row(compare([base, run], "base", [GOOD]), measure, good=GOOD, place="CHN").values["licence"]
            for run in (early, alone)
        )
        np.testing.assert_array_equal(found, meant)
    assert Headline(early, base, GOOD).recovery == Headline(alone, base, GOOD).recovery
    # Nothing touches concentrate: months run from the first event there is.
    away = compare([base, early], "base", ["ree_concentrate"])
    assert away.horizon("licence", "ree_concentrate") == pytest.approx(59, abs=0.1)
    assert compare([base, early], "base", [GOOD]).horizon("licence", GOOD) == pytest.approx(44, abs=0.1)


def test_what_is_not_reached_says_how_far_the_run_goes_after_that_event() -> None:
    base = _run(make_dataset("base", members=3))
    data = make_dataset("licence", shock=1.0, members=3, recovers=False)
    start = str(data["time"].values[SHOCK_START])[:10]
    early = _events(data, ("tax", "2024-01-01", ["gallium_refined"]), ("licence", start, [GOOD]))
    text = comparison_table(compare([base, _run(early)], "base", [GOOD]))
    assert ">44" in text
    assert ">59" not in text


def test_changes_of_shares_are_in_points_and_not_finer_than_markets_clear(traded: list[Run]) -> None:
    compared = compare(traded, "base", [GOOD])
    change = _row(compared, "country_share_change", good=GOOD, place="CHN")
    assert change.unit == "points"
    table = tidy([compared])
    mine = table[(table["measure"] == "country_share_change") & (table["place"] == "CHN")]
    assert mine["median"].tolist() == [pytest.approx(100 * change.bands["licence"].median)]
    assert "less the baseline's, points" in comparison_table(compared)
    assert format_band(Band(-3.7e-7, -8e-6, 1.6e-6, 9), "change-share", 0.0) == "0"
    assert format_band(Band(-2.8e-4, -4e-4, 1e-3, 9), "change-share", 0.0) == "-0.028 [-0.04 to +0.1]"


def test_concentration_of_owners_is_that_of_the_calendar_year_in_its_name() -> None:
    """A run that ends in June says nothing of the year before under the name of its last year."""
    base = make_dataset("base", members=2, steps=42)
    months = base["time"].values.astype("datetime64[Y]") == np.datetime64("2027")
    values = np.where(months[None, :, None], 4000.0, 9000.0) * np.ones_like(base["hhi_owners"].values)
    run = _run(base.assign(hhi_owners=(base["hhi_owners"].dims, values)))
    row = _row(compare([run], "base", [GOOD]), "hhi_owners", good=GOOD)
    assert row.name == "HHI of sales by owner, 2027"
    assert row.bands["base"].median == 4000.0


def test_the_page_counts_the_months_and_members_that_both_runs_have() -> None:
    """A run that goes on after its baseline, into its shortage, says of that what its table says: nothing."""
    base = _run(make_dataset("base", members=3, steps=18))
    longer = _run(make_dataset("licence", shock=1.0, members=4))
    cut = _run(make_dataset("licence", shock=1.0, members=4).isel(member=slice(3), time=slice(18)))
    line, meant = (Headline(run, base, GOOD) for run in (longer, cut))
    assert line.short == meant.short
    assert line.short[0] < Headline(longer, _run(make_dataset("base", members=4)), GOOD).short[0]
    assert line.members == 3
