"""The store: complete or visibly not, never clobbered, the same bytes for the same input."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import xarray as xr
import yaml

from sim.errors import MonaziteError
from sim.results import Timing, find_runs, load_run, save
from sim.results import store as store_module
from sim.results.stored import _Kept
from tests.synthetic import make_dataset


@dataclass(frozen=True)
class FakeScenario:
    name: str = "licence-test"
    start: date = date(2024, 1, 1)
    events: tuple[dict[str, object], ...] = ({"id": "licence", "type": "export_licence", "share": 0.4},)
    origin: dict[str, tuple[str, int, int]] = field(
        default_factory=lambda: {
            "name": ("scenarios/licence-test.yaml", 2, 7),
            "events.licence.share": ("scenarios/licence-test.yaml", 14, 5),
        }
    )


def _digests(directory: Path) -> dict[str, str]:
    return {
        p.relative_to(directory).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest()
        for p in sorted(directory.rglob("*"))
        if p.is_file() and p.name not in ("manifest.json", "checksums.json")
    }


def test_arrays_come_back_with_labels_and_units(tmp_path: Path) -> None:
    dataset = make_dataset("licence-test", shock=1.0)
    run = load_run(save(dataset, tmp_path, FakeScenario(), ["monazite", "run"], full=True))
    stored = run.dataset.load()
    xr.testing.assert_equal(stored, dataset)
    assert stored.attrs == dataset.attrs
    assert {str(v.dtype.kind) for v in stored.coords.values()} == {
        str(v.dtype.kind) for v in dataset.coords.values()
    }
    assert {n: v.attrs for n, v in stored.variables.items()} == {
        n: v.attrs for n, v in dataset.variables.items()
    }
    assert run.scenario == "licence-test"
    assert run.events[0]["type"] == "export_licence"


def test_default_precision_keeps_four_digits_and_certificates_exactly(tmp_path: Path) -> None:
    dataset = make_dataset("licence-test", shock=1.0)
    stored = load_run(save(dataset, tmp_path, FakeScenario(), [])).dataset
    for name in dataset.data_vars:
        original, kept = dataset[name].values, stored[name].values
        if original.dtype == np.float32:
            np.testing.assert_allclose(kept, original, rtol=2.0**-14)
        else:
            np.testing.assert_array_equal(kept, original)
    assert (
        np.isnan(stored["price_delivered"].values).sum() == np.isnan(dataset["price_delivered"].values).sum()
    )


def test_same_input_gives_the_same_bytes_elsewhere(tmp_path: Path) -> None:
    first = save(make_dataset("a", shock=1.0), tmp_path / "x", FakeScenario(), ["one"])
    second = save(make_dataset("a", shock=1.0), tmp_path / "y", FakeScenario(), ["two"])
    assert first.name == second.name
    assert _digests(first) == _digests(second)


def test_a_second_run_never_overwrites_the_first(tmp_path: Path) -> None:
    first = save(make_dataset("a"), tmp_path, FakeScenario(), [])
    before = _digests(first)
    second = save(make_dataset("a"), tmp_path, FakeScenario(), [])
    assert second != first
    assert _digests(first) == before
    assert json.loads((second / "manifest.json").read_text())["run_id"] == second.name


def test_other_content_gives_another_id(tmp_path: Path) -> None:
    first = save(make_dataset("a", seed=1), tmp_path, FakeScenario(), [])
    second = save(make_dataset("a", seed=2), tmp_path, FakeScenario(), [])
    third = save(make_dataset("a", seed=1), tmp_path, FakeScenario(start=date(2025, 1, 1)), [])
    assert len({first.name, second.name, third.name}) == 3


@pytest.mark.parametrize("failure", [RuntimeError("disk"), KeyboardInterrupt()])
def test_a_broken_write_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    def broken(*_: object) -> None:
        raise failure

    monkeypatch.setattr(store_module, "write_tables", broken)
    with pytest.raises(type(failure)):
        save(make_dataset("a"), tmp_path, FakeScenario(), [])
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(MonaziteError, match="no complete run"):
        find_runs(tmp_path)


def test_a_full_disk_is_a_clear_error_and_leaves_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store_module, "write_tables", full)
    with pytest.raises(MonaziteError, match="No space left"):
        save(make_dataset("a"), tmp_path, FakeScenario(), [])
    assert list(tmp_path.iterdir()) == []


def test_half_a_run_is_refused_by_name(tmp_path: Path) -> None:
    (tmp_path / ".a-123.incomplete-1").mkdir()
    with pytest.raises(MonaziteError, match="did not finish"):
        load_run(tmp_path / ".a-123.incomplete-1")
    (tmp_path / "b").mkdir()
    with pytest.raises(MonaziteError, match=r"no manifest\.json"):
        load_run(tmp_path / "b")
    (tmp_path / "b" / "manifest.json").write_text('{"format": 1,')
    with pytest.raises(MonaziteError, match=r"manifest\.json:1:"):
        load_run(tmp_path / "b")
    (tmp_path / "b" / "manifest.json").write_text('{"format": 99}')
    with pytest.raises(MonaziteError, match="format 99"):
        load_run(tmp_path / "b")


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("members", "2", "integer"), ("seed", 7.0, "integer"), ("steps", True, "integer"),
        ("full", "yes", "boolean"),
    ],
)
def test_a_manifest_with_text_for_a_number_is_refused(
    tmp_path: Path, name: str, value: object, kind: str
) -> None:
    """What is read goes on as it stands, so nothing may pass that would first have to be turned."""
    folder = save(make_dataset("licence-test"), tmp_path, FakeScenario(), ["monazite", "run"])
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), name: value}))
    with pytest.raises(MonaziteError) as caught:
        load_run(folder)
    said = f"manifest.json: {name}: {value!r} will not do: Input should be a valid {kind}"
    assert said in str(caught.value)


def test_a_file_in_the_way_is_a_clear_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(MonaziteError, match="cannot write results"):
        save(make_dataset("a"), tmp_path / "file" / "campaign", FakeScenario(), [])


def test_a_campaign_gives_the_latest_run_of_each_scenario(tmp_path: Path) -> None:
    save(make_dataset("a"), tmp_path, FakeScenario(), [])
    latest = save(make_dataset("a"), tmp_path, FakeScenario(), [])
    save(make_dataset("b"), tmp_path, FakeScenario(), [])
    runs = {run.scenario: run for run in find_runs(tmp_path)}
    assert set(runs) == {"a", "b"}
    assert runs["a"].directory == latest


def test_manifest_names_inputs_with_checksums_and_no_times_stand_elsewhere(tmp_path: Path) -> None:
    source = tmp_path / "licence-test.yaml"
    source.write_text("name: licence-test\n")
    scenario = FakeScenario(origin={"name": (str(source), 1, 7)})
    timing = Timing(datetime.now(UTC), 1.5)
    path = save(make_dataset("a"), tmp_path / "out", scenario, ["monazite", "run", "a"], timing=timing)
    manifest = json.loads((path / "manifest.json").read_text())
    assert manifest["inputs"]["licence-test.yaml"] == hashlib.sha256(source.read_bytes()).hexdigest()
    assert manifest["argv"] == ["monazite", "run", "a"]
    assert manifest["status"] == "complete"
    assert manifest["members"] == 5
    assert manifest["duration_s"] == 1.5
    assert manifest["markets"]["certified"] == manifest["markets"]["cleared"] == 5 * 60 * 4


def test_resolved_scenario_is_yaml_with_origins(tmp_path: Path) -> None:
    path = save(make_dataset("a"), tmp_path, FakeScenario(), [])
    text = (path / "scenario.resolved.yaml").read_text()
    assert yaml.safe_load(text)["events"]["licence"]["share"] == 0.4
    line = next(row for row in text.splitlines() if "share" in row)
    assert line.strip() == "share: 0.4  # scenarios/licence-test.yaml:14"
    assert next(row for row in text.splitlines() if row.startswith("start")).strip() == 'start: "2024-01-01"'


def test_tables_are_tidy_and_agree_with_the_arrays(tmp_path: Path) -> None:
    dataset = make_dataset("a", shock=1.0)
    path = save(dataset, tmp_path, FakeScenario(), [])
    prices = pd.read_parquet(path / "tables" / "prices.parquet")
    assert list(prices.columns[-3:]) == ["statistic", "value", "unit"]
    row = prices.query("good == 'dysprosium_oxide' and market == 'outside' and statistic == 'p50'")
    expected = np.median(dataset["price_outside"].sel(good="dysprosium_oxide").values, axis=0)
    np.testing.assert_allclose(row.sort_values("time")["value"], expected, rtol=1e-6)
    supply = pd.read_parquet(path / "tables" / "supply.parquet")
    central = supply.query("statistic == 'central' and good == 'ndfeb_magnet'")["value"].sum()
    made = dataset["production"].isel(member=0).values[:, dataset["offer_good"].values == "ndfeb_magnet"]
    np.testing.assert_allclose(central, made.sum(), rtol=1e-5)
    unmet = pd.read_parquet(path / "tables" / "unmet_demand.parquet")
    assert set(unmet["unit"]) == {"t REO", "t Dy2O3", "t", "t Ga", "1"}
    events = [json.loads(line) for line in (path / "events.jsonl").read_text().splitlines()]
    assert events[0]["id"] == "licence"
    assert events[0]["tonnes_touched"]["central"] == 60


def test_one_member_has_no_invented_band(tmp_path: Path) -> None:
    path = save(make_dataset("a", members=1), tmp_path, FakeScenario(), [])
    prices = pd.read_parquet(path / "tables" / "prices.parquet")
    assert set(prices["statistic"]) == {"central"}


def test_what_is_kept_of_an_array_is_what_is_stored(tmp_path: Path) -> None:
    """A second question, whatever its form, is answered as the first one; what was given may be changed."""
    dataset = make_dataset("licence-test", shock=1.0)
    stored = load_run(save(dataset, tmp_path, FakeScenario(), [], full=True)).dataset
    name = next(str(n) for n, values in dataset.data_vars.items() if values.ndim == 3)
    whole = dataset[name]
    first, second, third = whole.dims
    for _ in range(2):
        for chosen in (
            {}, {first: 0}, {second: [2, 0]}, {third: -1, second: 1},
            {first: [0], third: slice(None, None, -1)},
        ):  # fmt: skip
            found = stored[name].isel(chosen).values
            np.testing.assert_array_equal(found, whole.isel(chosen).values)
            if found.ndim:
                found[...] = -7


def test_arrays_that_are_kept_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    kept, owners = _Kept(100), [Owner() for _ in range(4)]
    for owner in owners[:3]:
        kept.keep(owner, np.zeros(5))
        assert kept.get(owners[0]) is not None
    assert [kept.get(owner) is not None for owner in owners] == [True, False, True, False]
    kept.keep(owners[3], np.zeros(50))
    assert all(kept.get(owner) is None for owner in owners), "larger than all the room"


class Owner:
    """Somebody whose array is kept."""
