"""Tables and pictures of a search, against a search whose answer is known."""

from __future__ import annotations

import hashlib
from pathlib import Path

import matplotlib.figure
import numpy as np
import pandas as pd
import pytest

from sim.past.diagnosis import correlations, influence, residuals
from sim.past.search import Found, search
from sim.plots.posterior_pictures import draw_calibration
from sim.plots.style import save_picture
from tests.sweep.toy_search import PRIORS, request, toy_run


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    result = search(request(), (), tmp_path_factory.mktemp("search"), run=toy_run())
    assert result is not None
    return result


def test_correlations_say_which_target_moves_with_which_parameter(found: Found) -> None:
    table = correlations(found)
    assert list(table.index) == list(PRIORS)
    assert table.loc["speed", "A"] == pytest.approx(1)
    assert table.loc["cover", "B"] > 0.7
    assert table.loc[["cover", "idle"], "A"].abs().max() < 0.2
    assert table["C"].isna().all(), "it never moves"


def test_the_distance_depends_on_what_it_was_made_of(found: Found) -> None:
    table = influence(found)
    # B is 2 at the ends of its band and 14 at the end of the prior, so the cover decides.
    assert list(table.index) == ["cover", "speed", "idle"]
    assert table.loc["cover", "S1"] > 0.3
    assert abs(table.loc["idle", "S1"]) < 0.15
    assert table.loc["idle", ["distance_low", "distance_high"]].tolist() == [table["distance"].iloc[0]] * 2
    assert table.loc["cover", "distance_high"] == pytest.approx(6 / np.sqrt(3), abs=0.02)


def test_residuals_are_half_band_widths_with_the_band_beside_them(found: Found) -> None:
    table = residuals(found).set_index("target")
    assert table["episode"].tolist() == ["one", "two", "two"]
    assert table.loc["A", ["low", "high"]].tolist() == pytest.approx([-1, 1])
    assert table.loc["B", ["low", "high"]].tolist() == pytest.approx([0, 2])
    assert table.loc["C", ["p10", "median", "p90", "central"]].abs().max() == 0
    assert table.loc["A", "p10"] < table.loc["A", "median"] < table.loc["A", "p90"]


def test_pictures_hold_the_numbers_of_the_tables_and_come_out_the_same(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)
    pictures = draw_calibration(found, tmp_path / "a")
    widths, depends, apart = (pd.read_csv(picture.csv) for picture in pictures)
    assert widths["parameter"].tolist()[-1] == "idle"
    narrowing = dict(zip(PRIORS, found.narrowing(), strict=True))
    np.testing.assert_allclose(
        widths["width_over_prior"], [narrowing[name] for name in widths["parameter"]], rtol=1e-5
    )
    np.testing.assert_allclose(depends["distance_high"], influence(found)["distance_high"], rtol=1e-5)
    np.testing.assert_allclose(apart["median"], residuals(found)["median"], rtol=1e-5, atol=1e-9)
    assert all("unit" in table.columns for table in (widths, depends, apart))
    assert "narrow 2 of 3 parameters" in pictures[0].title
    assert "3 of 3 posterior medians lie in their bands" in pictures[2].title
    again = draw_calibration(found, tmp_path / "b")
    for one, two in zip(pictures, again, strict=True):
        for kind in ("png", "svg", "csv"):
            first, second = (hashlib.sha256(getattr(p, kind).read_bytes()).digest() for p in (one, two))
            assert first == second


def test_all_words_of_the_pictures_stay_inside_them(
    found: Found, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[matplotlib.figure.Figure] = []

    def kept(fig: matplotlib.figure.Figure, *rest: object) -> object:
        drawn.append(fig)
        return save_picture(fig, *rest)  # type: ignore[arg-type]

    for name in ("identifiability", "influence", "residuals"):
        monkeypatch.setattr(f"sim.plots.{name}.save_picture", kept)
    draw_calibration(found, tmp_path)
    assert len(drawn) == 3
    for fig in drawn:
        renderer = fig.canvas.get_renderer()  # type: ignore[attr-defined]
        words = list(fig.texts)
        for axes in fig.axes:
            words += [*axes.texts, *axes.get_yticklabels(), axes.title, axes.xaxis.label]
        for word in words:
            if word.get_text().strip():
                box = word.get_window_extent(renderer)
                assert box.x0 >= 0, word.get_text()
                assert box.y0 >= 0, word.get_text()
                assert box.x1 <= fig.bbox.x1, word.get_text()
                assert box.y1 <= fig.bbox.y1, word.get_text()
