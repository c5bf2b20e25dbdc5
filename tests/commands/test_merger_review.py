"""``monazite merger-review`` and the list of a good's sellers: what they print, and what they refuse."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from sim.cli import main


def test_the_review_fits_a_page_and_says_what_is_missing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sim.plots.style.RESOLUTION", 40)
    words = ["merger-review", "merger-bhp-anglo", "--members", "5", "--out", str(tmp_path)]
    assert main([*words, "--json", str(tmp_path / "review.json")]) == 0
    said = capsys.readouterr().out
    lines = [line for line in said.splitlines() if str(tmp_path) not in line]
    assert max(map(len, lines)) <= 80
    words = ["copper_concentrate", "GUPPI", "users pay with remedy", "Not modelled: futures", "m USD/year"]
    assert [word for word in words if word not in said] == []
    content = json.loads((tmp_path / "review.json").read_text(encoding="utf-8"))
    table = pd.read_csv(tmp_path / "review-merger-bhp-anglo" / "merger_concentration.csv", comment="#")
    first = max(content["markets"], key=lambda row: row["change"])
    assert (table["good"][0], table["region"][0]) == (first["good"], first["region"])
    assert table["change"][0] == pytest.approx(first["change"], rel=1e-4)
    assert (tmp_path / "review-merger-bhp-anglo" / "merger_prices.png").is_file()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["merger-review", "baseline-2024"], "no event joins owners"),
        (["merger-review", "a", "b"], "merger-review needs one scenario; the second is 'b'"),
        (["merger-review", "teaching-merger", "--members", "0"], "a review needs one at least"),
        (["list", "goods", "--good", "cobalt"], "--good has no effect on goods"),
        (["list", "firms", "--good", "cobolt"], "there is no good or mineral 'cobolt'"),
    ],
)
def test_bad_words(words: list[str], said: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(words) == 2
    assert said in capsys.readouterr().err


def test_the_largest_sellers_stand_first(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["list", "firms", "--good", "cobalt_intermediate", "--json", "-"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert (rows[0]["firm"], rows[0]["control"], rows[0]["in"]) == ("CMOC", "CHN", "COD")
    assert rows[1]["firm"] == "other COD, several"
    shares = [float(row["share"].rstrip(" %")) for row in rows]
    assert shares == sorted(shares, reverse=True)
    assert sum(shares) == pytest.approx(100, abs=0.5)
