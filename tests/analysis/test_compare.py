"""Comparisons of runs whose numbers are known: rows, words, money, conditions, files for others."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from sim.analysis import compared_goods, metrics
from sim.analysis.comparison import Comparison, Key, Row
from sim.analysis.comparison_tables import WRITERS, tidy
from sim.analysis.conditions import judge, read_condition
from sim.analysis.iamc import KEYS, iamc_table
from sim.analysis.measures import MEASURES
from sim.analysis.paired import Wanted, compare
from sim.analysis.select import find_owner, goods_meant, select_countries, select_sectors
from sim.analysis.text import comparison_table
from sim.errors import MonaziteError
from sim.results import Run
from tests.synthetic import COUNTRIES, make_dataset

DYSPROSIUM, MAGNET = "dysprosium_oxide", "ndfeb_magnet"
MEMBERS = 12


def _run(dataset: xr.Dataset) -> Run:
    name = str(dataset.attrs["scenario"])
    return Run(Path(f"{name}-1"), {"scenario": name, "compare_to": "base", "seed": 7}, dataset)


def _with_trade(dataset: xr.Dataset, factor: float) -> xr.Dataset:
    """China sells dysprosium oxide and Japan pays for it, about 100,000 dollars a step, times a factor."""
    shape = dataset.sizes["member"], dataset.sizes["time"], 1
    price = dataset["price_gate"].sel(good=DYSPROSIUM).values[..., None]
    return dataset.assign(
        exports=(("member", "time", "outbound"), factor * 1e5 / price),
        imports=(("member", "time", "inbound"), np.full(shape, 2.0 * factor)),
        import_value=(("member", "time", "inbound"), np.full(shape, 1.1e5 * factor)),
    ).assign_coords(
        outbound_good=("outbound", [DYSPROSIUM]), outbound_country=("outbound", ["CHN"]),
        inbound_good=("inbound", [DYSPROSIUM]), inbound_country=("inbound", ["JPN"]),
    )  # fmt: skip


@pytest.fixture(scope="module")
def runs() -> list[Run]:
    base = make_dataset("base", members=MEMBERS)
    shocked = make_dataset("licence", shock=0.6, members=MEMBERS)
    return [_run(_with_trade(base, 1.0)), _run(_with_trade(shocked, 3.0))]


WANTED = Wanted(("JPN",), ("wind",), ("firm of separator CHN",), 0.33)


@pytest.fixture(scope="module")
def compared(runs: list[Run]) -> Comparison:
    return compare(runs, "base", [DYSPROSIUM, MAGNET], WANTED)


def _row(comparison: Comparison, measure: str, **about: str) -> Row:
    (row,) = (row for row in comparison.rows() if row.key == Key(measure, **about))
    return row


def test_prices_stand_under_the_country_that_controls_them() -> None:
    """Outside and inside mean nothing for a run whose control is another country's."""
    made = [make_dataset("base", members=2, steps=30)]
    for name, country in (("one", "CHN"), ("other", "MYS"), ("third", "CHN")):
        data = make_dataset(name, shock=1.0, members=2, steps=30)
        codes = [country if good == DYSPROSIUM else "CHN" for good in data["good"].values]
        made.append(data.assign_coords(good_controller=("good", codes)))
    comparison = compare([_run(data) for data in made], "base", [DYSPROSIUM])
    for measure in ("price", "price_inside"):
        assert set(_row(comparison, measure, good=DYSPROSIUM, place="CHN").bands) == {"base", "one", "third"}
        assert set(_row(comparison, measure, good=DYSPROSIUM, place="MYS").bands) == {"base", "other"}
    for measure in ("multiple", "recovery", "first_shortage", "supply_recovery"):
        assert set(_row(comparison, measure, good=DYSPROSIUM, place="MYS").bands) == {"other"}
    # The baseline has no inside of Malaysia: its gate price stands in.
    gate = made[0]["price_gate"].sel(good=DYSPROSIUM).values.max(axis=1) / 1000
    beside = _row(comparison, "price_inside", good=DYSPROSIUM, place="MYS").bands["base"]
    assert beside.median == pytest.approx(np.median(gate), rel=1e-6)
    assert "inside Malaysia" in comparison_table(comparison)


def test_a_probability_is_the_share_of_members_above_the_threshold(
    runs: list[Run], compared: Comparison
) -> None:
    data = runs[1].dataset
    where = (data["need_good"].values == MAGNET) & (data["need_country"].values == "JPN")
    short, need = (data[n].values[..., where].sum(-1, dtype=float) for n in ("shortfall", "requirement"))
    worst = metrics.worst_year_share(short, need, 12)
    shown = _row(compared, "probability", good=MAGNET, place="JPN").bands["licence"]
    assert 0 < shown.median < 1
    assert shown.median == pytest.approx((worst > 0.33).mean())
    assert shown.members == MEMBERS
    np.testing.assert_allclose(_row(compared, "shortage", good=MAGNET, place="JPN").values["licence"], worst)
    assert "probability of > 33 % unmet, %" in comparison_table(compared)


def test_importers_sectors_and_owners_asked_for_have_rows(runs: list[Run], compared: Comparison) -> None:
    data = runs[1].dataset
    wind = (data["need_good"].values == MAGNET) & (data["need_sector"].values == "wind")
    missing = data["shortfall"].values[..., wind].sum(axis=(1, 2), dtype=float)
    np.testing.assert_allclose(_row(compared, "unmet", good=MAGNET, sector="wind").values["licence"], missing)
    both = wind & (data["need_country"].values == "JPN")
    missing = data["shortfall"].values[..., both].sum(axis=(1, 2), dtype=float)
    row = _row(compared, "unmet", good=MAGNET, place="JPN", sector="wind")
    np.testing.assert_allclose(row.values["licence"], missing)
    paid = data["price_delivered"].sel(good=DYSPROSIUM, importer="JPN").values.max(axis=1) / 1000
    row = _row(compared, "delivered", good=DYSPROSIUM, place="JPN")
    np.testing.assert_allclose(row.values["licence"], paid, rtol=1e-6)
    assert _row(compared, "imports", good=DYSPROSIUM, place="JPN").bands["licence"].median == 360.0
    assert _row(compared, "imports_change", good=DYSPROSIUM, place="JPN").bands["licence"].median == 240.0
    (owner,) = WANTED.owners
    sold = [
        (d["sales"] * d["price_gate"].sel(good=d["offer_good"])).sel(offer=d["offer_firm"] == owner)
        for d in (r.dataset.assign_coords(offer=np.arange(r.dataset.sizes["offer"])) for r in runs)
    ]
    change = [s.values.sum(axis=(1, 2), dtype=float) for s in sold]
    row = _row(compared, "owner_sales", owner=owner)
    np.testing.assert_allclose(row.values["licence"], (change[1] - change[0]) / 1e9, rtol=1e-4)


def test_money_is_trade_less_value_added_at_risk_against_the_baseline(
    runs: list[Run], compared: Comparison
) -> None:
    lost = [
        r.dataset["value_added_at_risk"].values[..., r.dataset["facility_country"].values == "JPN"]
        for r in runs
    ]
    risk = (lost[1].sum(axis=(1, 2), dtype=float) - lost[0].sum(axis=(1, 2), dtype=float)) / 1e9
    assert risk.min() > 0
    net = _row(compared, "net", place="JPN")
    # Sixty steps at three times and at once 110,000 dollars.
    np.testing.assert_allclose(net.values["licence"], -60 * 2.2e5 / 1e9 - risk, rtol=1e-6)
    assert _row(compared, "net", place="CHN").bands["licence"].median == pytest.approx(0.012, rel=1e-6)
    shown = _row(compared, "value_at_risk", place="JPN").values["licence"]
    np.testing.assert_allclose(shown, risk, rtol=1e-6)
    text = comparison_table(compared)
    assert "net gain or loss, China, bn USD" in text
    assert text.index("net gain or loss, China") < text.index("net gain or loss, Germany")
    assert "+0.012" in text


def test_what_is_read_in_parts_is_what_is_read_at_once(
    runs: list[Run], compared: Comparison, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compared_goods, "BLOCK", 5)
    again = compare(runs, "base", [DYSPROSIUM, MAGNET], WANTED)
    assert again == compared


def test_the_table_has_eighty_columns_names_and_two_digits(runs: list[Run]) -> None:
    names = [f"variant-of-a-scenario-with-a-long-name-{i}" for i in range(5)]
    more = [_run(_with_trade(make_dataset(name, shock=1.0, members=3), 2.0)) for name in names]
    base = _run(_with_trade(make_dataset("base", members=3), 1.0))
    text = comparison_table(compare([base, *more], "base", [DYSPROSIUM, MAGNET]))
    assert max(map(len, text.splitlines())) <= 80
    # The owners of the invented world have codes in their names, which may stand on a line of their own.
    goods, _, _ = text.partition("Money, all goods")
    goods = re.sub(r"(firm of|separator|mine|plant)\s+[A-Z]{3}\b|^ +[A-Z]{3}, %", "", goods, flags=re.M)
    assert not re.search(rf"\b({'|'.join(set(COUNTRIES) - {'ROW'})})\b", goods)
    assert text.count("Dysprosium oxide, 2024-01 to") == len(text.split("NdFeB magnets,")) - 1 > 1
    numbers = re.findall(r"(?<![\d.,>-])\d[\d,]*\.?\d*(?= \[)", text)
    assert numbers
    assert all(len(n.replace(",", "").replace(".", "").strip("0")) <= 2 for n in numbers)


def test_one_member_has_no_probability() -> None:
    made = [make_dataset("base", members=1, steps=30), make_dataset("one", shock=1.0, members=1, steps=30)]
    comparison = compare([_run(data) for data in made], "base", [MAGNET])
    assert not [row for row in comparison.rows() if row.key.measure == "probability"]


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("shortage.JPN.magnets > 10 %", True),
        ("shortage.magnets.JPN > 90 %", False),
        ("p90(price.dysprosium) > 400 USD/kg", True),
        ("p10(price.dysprosium) > 0.9 USD/kg", True),
        ("price.dysprosium < 257,000 USD/t", False),
        ("multiple.dysprosium >= 2", True),
        ("probability(shortage.JPN.magnets > 33 %) > 99 %", False),
        ("probability(shortage.JPN.magnets > 33 %) > 1 %", True),
        ("recovery.dysprosium > 1 year", True),
        ("recovery.dysprosium > 5 years", False),
        ("net.JPN < 0 USD", True),
        ("net.JPN < -900 billion USD", False),
        ("unmet.wind.magnets > 1 t", True),
        ("unmet.wind.magnets.JPN > 1 Mt", False),
        ("value_at_risk > 1 million USD", True),
        ("owner_sales.firm of separator CHN > -100 billion USD", True),
    ],
)
def test_conditions_are_judged_by_the_numbers_of_the_table(
    runs: list[Run], compared: Comparison, text: str, holds: bool
) -> None:
    condition = read_condition(text, runs[0].dataset)
    (verdict,) = judge([condition], [compared])
    assert verdict.holds is holds
    assert verdict.found
    assert all(line.startswith("licence") for line in verdict.found)


def test_names_of_countries_sectors_and_owners_are_found_or_refused(runs: list[Run]) -> None:
    data = runs[0].dataset
    assert select_countries(data, ["japan", "DEU", "JPN"], "--importer") == ["JPN", "DEU"]
    spelt = ["Nippon", "DE", "rest of the world"]
    assert select_countries(data, spelt, "--importer") == ["JPN", "DEU", "ROW"]
    for word, said in [
        ("Congo", "'Congo' may be more than one country; write COD (DR Congo) or COG (Republic"),
        ("Fiji", "'Fiji', FJI, has no place of its own in this run; write ROW, the rest of the world"),
        ("gallium", "unknown country 'gallium'; write its ISO-3 code, or its name in English"),
    ]:
        with pytest.raises(MonaziteError) as caught:
            select_countries(data, [word], "--importer")
        assert str(caught.value).startswith(f"--importer: {said}")
    assert goods_meant(data, ["Dy", "NdFeB", "gallium"], "--good") == [
        "dysprosium_oxide", "ndfeb_magnet", "gallium_refined"
    ]
    assert select_sectors(data, ["Electric vehicles", "wind"], "--sector") == ["electric_vehicles", "wind"]
    assert find_owner(data, "Firm of mine AUS", "--owner") == "firm of mine AUS"
    with pytest.raises(MonaziteError, match=r"--importer: unknown country 'Jappan'; did you mean 'Japan'\?"):
        select_countries(data, ["Jappan"], "--importer")
    with pytest.raises(MonaziteError, match=r"--sector: no sector 'winds'.*did you mean 'wind'"):
        select_sectors(data, ["winds"], "--sector")
    with pytest.raises(MonaziteError, match=r"--owner: no owner 'firm of mine AU'.*did you mean"):
        find_owner(data, "firm of mine AU", "--owner")
    with pytest.raises(MonaziteError, match="a sweep keeps no single facilities"):
        find_owner(data.drop_vars("offer_firm"), "firm of mine AUS", "--owner")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("shortage.JPN.magnets", "is no condition"),
        ("shortage.JPN.magnets = 10 %", "is no condition"),
        ("shortige.JPN.magnets > 10 %", "unknown measure 'shortige'; did you mean 'shortage'"),
        ("shortage.JPN.magnets > 10", "has no unit"),
        ("shortage.JPN.magnets > 10 t", "a share is needed"),
        ("shortage.JPN > 10 %", "shortage needs a good"),
        ("shortage.Jappan.magnets > 10 %", "'Jappan' is no good, sector or country of this run; did you"),
        ("shortage.Fiji.magnets > 10 %", "'Fiji', FJI, has no place of its own in this run"),
        ("shortage.Korea.magnets > 10 %", "'Korea' may be more than one country; write KOR"),
        ("shortage.ATL.magnets > 10 %", "no good or mineral 'ATL'"),
        ("shortage.JPN.USA.magnets > 10 %", "a second place"),
        ("price.JPN.magnets > 10 USD/t", "'JPN' is a place, and price takes good"),
        ("p50(shortage.JPN.magnets) > 10 %", "no statistic"),
        ("probability(shortage.JPN.magnets > 10 %) > 1", "has no unit"),
        ("multiple.magnets > 10 %", "no plain number"),
        ("peak_month.magnets > 2025-05", "unknown measure 'peak_month'"),
        ("net > 0 USD", "net needs a country"),
        ("owner_sales.nobody > 1 USD", "no owner 'nobody'"),
    ],
)
def test_a_condition_that_cannot_be_read_says_why(runs: list[Run], text: str, said: str) -> None:
    with pytest.raises(MonaziteError, match=re.escape(said)) as error:
        read_condition(text, runs[0].dataset)
    assert "--fail-if" in str(error.value)


def test_a_condition_without_any_value_is_refused(runs: list[Run]) -> None:
    # Nobody in Australia needs gallium.
    condition = read_condition("shortage.AUS.gallium > 1 %", runs[0].dataset)
    comparison = compare(runs, "base", ["gallium_refined"], Wanted(("AUS",)))
    with pytest.raises(MonaziteError, match="no run has a value for it"):
        judge([condition], [comparison])


def test_the_documentation_lists_the_measures() -> None:
    text = (Path(__file__).parents[2] / "docs" / "results.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| ([^|]*) \| ([^|]*) \| (.*) \|$", text, re.MULTILINE)
    shown = {name: (of, unit, meaning) for name, of, unit, meaning in rows}
    for name, measure in MEASURES.items():
        assert shown[name] == (", ".join(measure.of), measure.unit or "1", measure.sentence)


def test_files_hold_what_the_table_shows(compared: Comparison) -> None:
    frame = tidy([compared])
    assert frame["median"].size == sum(len(row.bands) for row in compared.rows())
    read = {
        "csv": pd.read_csv(io.BytesIO(WRITERS["csv"]([compared])), keep_default_na=False, na_values=[]),
        "parquet": pd.read_parquet(io.BytesIO(WRITERS["parquet"]([compared]))),
        "xlsx": pd.read_excel(io.BytesIO(WRITERS["xlsx"]([compared])), keep_default_na=False, na_values=[]),
    }
    texts = [name for name in frame.columns if frame[name].dtype.kind not in "fi"]
    for found in read.values():
        for name in texts:
            assert found[name].astype(str).tolist() == frame[name].astype(str).tolist()
        for name in ("median", "p10", "p90", "members"):
            numbers = pd.to_numeric(found[name], errors="coerce").to_numpy(dtype=float)
            np.testing.assert_allclose(numbers, frame[name].to_numpy(dtype=float), rtol=1e-9)
    share = frame[(frame["measure"] == "shortage") & (frame["place"] == "JPN") & (frame["good"] == MAGNET)]
    row = _row(compared, "shortage", good=MAGNET, place="JPN")
    wanted = [100 * row.bands[name].median for name in ("base", "licence")]
    assert share[share["sector"] == ""]["median"].tolist() == pytest.approx(wanted)
    lines = WRITERS["md"]([compared]).decode().splitlines()
    assert lines[0] == "| Dysprosium oxide, 2024-01 to 2028-12 | base | licence |"
    assert len([line for line in lines if line.startswith("| ")]) == len(compared.rows()) + 3
    assert len({line.count("|") for line in lines if line.startswith("| ")}) == 1


def test_names_from_strangers_are_no_formulas(runs: list[Run]) -> None:
    from openpyxl import load_workbook

    sold = runs[1].dataset["offer_firm"].values.astype(object)
    sold[:] = "=1+1|x"
    made = [_run(run.dataset.assign_coords(offer_firm=("offer", sold.astype(str)))) for run in runs]
    comparison = compare(made, "base", [DYSPROSIUM], Wanted(owners=("=1+1|x",)))
    sheet = load_workbook(io.BytesIO(WRITERS["xlsx"]([comparison]))).active
    owners = [cell for row in sheet.iter_rows() for cell in row if str(cell.value).startswith("=")]
    assert owners
    assert {cell.data_type for cell in owners} == {"s"}
    assert "=1+1\\|x" in WRITERS["md"]([comparison]).decode()


def test_yearly_series_have_the_layout_of_the_consortium(runs: list[Run]) -> None:
    cut = [run.dataset.isel(time=slice(0, 30)) for run in runs]
    table = iamc_table(cut, [DYSPROSIUM])
    # Half of 2026 is no year.
    assert table.columns.tolist() == [*KEYS, 2024, 2025]
    assert not table.duplicated(list(KEYS)).any()
    assert set(table["scenario"]) == {"base", "licence"}
    assert {"World", "China", "Japan"} <= set(table["region"])
    middle = table.set_index(["scenario", "region", "variable"])
    short = middle.loc[("licence", "Japan", "Unmet Demand|Dysprosium oxide|50.0th Percentile")]
    data = cut[1]
    mine = (data["need_good"].values == DYSPROSIUM) & (data["need_country"].values == "JPN")
    by_hand = np.median(data["shortfall"].values[:, 12:24, mine].sum(axis=(1, 2), dtype=float))
    assert short[2025] == pytest.approx(by_hand)
    assert short["unit"] == "t Dy2O3/yr"
    price = middle.loc[("base", "World", "Price|Dysprosium oxide|Outside China|90.0th Percentile")]
    mean = cut[0]["price_outside"].sel(good=DYSPROSIUM).values[:, :12].mean(axis=1, dtype=float)
    assert price[2024] == pytest.approx(np.quantile(mean, 0.9), rel=1e-6)
    made = data["offer_good"].values == DYSPROSIUM
    output = data["production"].values[:, :12, made].sum(axis=(1, 2), dtype=float)
    world = middle.loc[("licence", "World", "Production|Dysprosium oxide|50.0th Percentile")]
    assert world[2024] == pytest.approx(np.median(output), rel=1e-6)
    with pytest.raises(MonaziteError, match="whole calendar year"):
        iamc_table([data.isel(time=slice(0, 8))], [DYSPROSIUM])


def test_goods_of_the_same_words_keep_rows_of_their_own(runs: list[Run]) -> None:
    data = runs[1].dataset
    words = [f"Oxide | pure* ({good})" for good in data["good"].values]
    alike = data.assign_coords(good_name=("good", words))
    table = iamc_table([alike], [DYSPROSIUM, MAGNET])
    assert not table.duplicated(list(KEYS)).any()
    made = table["variable"][table["variable"].str.startswith("Production|")]
    assert set(made.str.split("|").str[1]) == {f"Oxide / pure ({good})" for good in (DYSPROSIUM, MAGNET)}
    assert set(made.str.count("[|]")) == {2}
