"""The check of the base year: bands, reasons, and what cannot be checked."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from sim.analysis import targets
from sim.analysis.base_year_check import UNEXPLAINED, CheckRow, check_rows
from sim.errors import MonaziteError
from tests.synthetic import make_dataset


@pytest.fixture(name="dataset")
def _dataset(monkeypatch: pytest.MonkeyPatch) -> xr.Dataset:
    """Invented results, compared with invented observations of the same goods."""
    goods = ("ree_concentrate",)
    monkeypatch.setattr(
        targets, "mine_shares", lambda: {"ore": (goods, {"CHN": 71.0, "AUS": 10.0, "USA": 1.0})}
    )
    monkeypatch.setattr(
        targets, "prices", lambda: {"dysprosium_oxide": (257_000.0, "USGS"), "copper": (9_000.0, "USGS")}
    )
    monkeypatch.setattr(targets, "import_sources", lambda: {"magnets": (("ndfeb_magnet",), {"CHN": 30.0})})
    monkeypatch.setattr(targets, "inventories", lambda: {"magnets": (("ndfeb_magnet",), 6.0, 8.0)})
    monkeypatch.setattr(targets, "reasons", lambda: {("C1", "ore, Australia"): "invented"})
    dataset = make_dataset("baseline-test", members=3)
    # The targets are about these two goods, so one invented good takes the name.
    names = dataset["good"].values.copy().astype("<U40")
    names[names == "gallium_refined"] = "neodymium_praseodymium_oxide"
    offers = np.where(
        dataset["offer_good"].values == "gallium_refined",
        names[3],
        dataset["offer_good"].values.astype("<U40"),
    )
    return dataset.assign_coords(good=names, offer_good=("offer", offers))


def test_every_row_is_there_with_its_band_and_reason(dataset: xr.Dataset) -> None:
    rows = {(row.target, row.row): row for row in check_rows(dataset)}
    china = rows["C1", "ore, China"]
    assert china.model == pytest.approx(100 * 270 / 380, rel=1e-5)
    assert (china.low, china.high, china.in_band, china.reason) == (69.0, 73.0, True, "")
    australia = rows["C1", "ore, Australia"]
    assert not australia.in_band
    assert australia.reason == "invented"
    assert ("C1", "ore, United States") not in rows
    assert rows["C2", "Dysprosium oxide (USGS)"].in_band
    missing = rows["C2", "copper (USGS)"]
    assert not missing.in_band
    assert missing.reason == "no such good in the world"
    assert missing.as_dict()["model"] is None
    assert rows["C3", "refined magnet rare earths, China"].in_band is False
    assert rows["C4", "sintered NdFeB, China"].model == pytest.approx(100 * 240 / 257, rel=1e-5)
    cover = rows["C6", "magnets"]
    assert cover.model == pytest.approx(1.5 * 52 / 12, rel=1e-5)
    assert cover.in_band
    drifts = [row for row in rows.values() if row.target == "C7"]
    assert all(row.in_band for row in drifts)
    assert len(drifts) >= 2


def test_import_shares_leave_out_domestic_supply(dataset: xr.Dataset) -> None:
    rows = {row.row: row for row in check_rows(dataset) if row.target == "C5"}
    flow = dataset["flow"].values[1][0]
    link = {c: dataset[f"link_{c}"].values.astype(str) for c in ("good", "exporter", "importer")}
    chosen = (link["good"] == "ndfeb_magnet") & (link["importer"] == "USA")
    expected = 100 * flow[chosen & (link["exporter"] == "CHN")].sum() / flow[chosen].sum()
    row = rows["magnets from China"]
    assert row.model == pytest.approx(expected, rel=1e-5)
    assert row.in_band == (22 <= expected <= 38)
    assert row.reason == ("" if row.in_band else UNEXPLAINED)


def test_a_drifting_price_is_out_of_band(dataset: xr.Dataset) -> None:
    steady = {row.row for row in check_rows(dataset) if row.target == "C7" and not row.in_band}
    factor = 1.02 ** (np.arange(60) / 12)
    dataset["price_gate"] = dataset["price_gate"] * xr.DataArray(factor, dims="time")
    moving = {row.row for row in check_rows(dataset) if row.target == "C7" and not row.in_band}
    assert not steady
    assert any(name.startswith("drift of") for name in moving)


def test_bounds_belong_to_the_band() -> None:
    row = CheckRow("C1", "x", 10.0, 8.0, 8.0, 12.0, "%")
    assert row.in_band
    assert not CheckRow("C1", "x", 10.0, float("nan"), 8.0, 12.0, "%").in_band


def test_other_base_years_and_short_runs_are_refused() -> None:
    with pytest.raises(MonaziteError, match="base year 2024"):
        check_rows(make_dataset("a").assign_attrs(base_year=2009))
    with pytest.raises(MonaziteError, match="covers 36 months"):
        check_rows(make_dataset("a", steps=36))


def test_the_shipped_targets_are_complete() -> None:
    for identifier in ("C1", "C2", "C3", "C4", "C5", "C6", "C7"):
        assert targets.load_target(identifier).low < targets.load_target(identifier).high
    assert all(goods and observed for goods, observed in targets.mine_shares().values())
    assert all(goods and observed for goods, observed in targets.import_sources().values())
    assert all(price > 0 for price, _ in targets.prices().values())
    assert all(low <= high for _, low, high in targets.inventories().values())
