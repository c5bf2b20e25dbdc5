"""``monazite register``: rows that fit 80 characters, counts that add up, and words that it does not know."""

from __future__ import annotations

import json

import pytest

from sim.cli import main
from sim.world.register import read_national_reserves, read_register


def printed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    assert main(["register", *words]) == 0
    return capsys.readouterr().out


COUNTS = [("--by", by) for by in ("owner", "host", "mineral")]


@pytest.mark.parametrize("words", [(), ("--owner", "CHN"), *COUNTS])
def test_lines_fit_eighty_characters(capsys: pytest.CaptureFixture[str], words: tuple[str, ...]) -> None:
    lines = printed(capsys, *words).splitlines()
    assert len(lines) > 5
    assert max(map(len, lines)) <= 80


def test_owner_host_and_mineral_choose(capsys: pytest.CaptureFixture[str]) -> None:
    words = "--owner", "China", "--host", "COD", "--mineral", "cobalt", "--json", "-"
    rows = json.loads(printed(capsys, *words))
    register = read_register()
    wanted = [
        row.mine for row in register
        if "CHN" in (row.owner_country, *row.other_owners) and row.host == "COD" and "cobalt" in row.minerals
    ]  # fmt: skip
    assert [row["mine"] for row in rows] == wanted
    assert "Tenke Fungurume" in wanted
    first = rows[0]
    assert (first["owner"], first["share"], first["life"], first["reserves"]) == ("CMOC", 0.8, 30, None)


def test_counts_add_up_to_the_register(capsys: pytest.CaptureFixture[str]) -> None:
    for by in ("owner", "host"):
        rows = json.loads(printed(capsys, "--by", by, "--json", "-"))
        assert sum(int(row["mines"]) for row in rows) == len(read_register())


def test_whose_share_is_shown_is_said_where_it_is_not_that_of_the_owner_asked_for(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = " ".join(printed(capsys, "--owner", "CHN").split())
    assert "Owners in China come second or later in Kamoa-Kakula, Greenbushes: the share is that of" in said
    assert "second or later" not in printed(capsys, "--owner", "CHN", "--host", "ZWE")
    assert "second or later" not in printed(capsys)


def test_an_owner_that_nobody_names_is_not_one_from_abroad(capsys: pytest.CaptureFixture[str]) -> None:
    (row,) = json.loads(printed(capsys, "--by", "host", "--host", "MDG", "--json", "-"))
    assert (row["owners"], row["owned from abroad"]) == ("-", "0")


def test_one_life_is_no_range(capsys: pytest.CaptureFixture[str]) -> None:
    rows = json.loads(printed(capsys, "--by", "host", "--json", "-"))
    lives = {row["host"]: row["years left"] for row in rows}
    assert (lives["MMR"], lives["COD"], lives["MDG"]) == ("7.5", "9 to 40", "-")


def test_reserves_are_in_tonnes() -> None:
    reserves = read_national_reserves()
    assert reserves["antimony", "CHN"].tonnes == pytest.approx(830_000)
    assert reserves["cobalt", "COD"].tonnes == pytest.approx(6_000_000)
    assert reserves["copper", "CHL"].tonnes > 1e8
    pass_ = next(row for row in read_register() if row.mine == "Mountain Pass")
    assert pass_.facility == "mountain_pass_mine"
    assert pass_.reserves == pytest.approx(35 * 45_500)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--owner", "Chna"), "--owner: "),
        (("--mineral", "cobal"), "--mineral: the register has no 'cobal'; did you mean 'cobalt'?"),
    ],
)
def test_unknown_words_are_refused(
    capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    assert main(["register", *words]) == 2
    assert said in capsys.readouterr().err
