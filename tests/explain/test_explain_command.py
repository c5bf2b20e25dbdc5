"""The command ``explain``: what it prints, in 80 columns, and what it refuses."""

from __future__ import annotations

import json

import pytest

from sim.cli import main


def test_the_command_prints_parts_that_add_up_and_the_chain(campaign, capsys, tmp_path):
    target = tmp_path / "why.json"
    asked = ["--good", "tantalum_powder", "--month", "2027-02"]
    assert main(["explain", str(campaign), *asked, "--json", str(target)]) == 0
    out = capsys.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    rows = [line.split("[")[0].split() for line in out.splitlines() if line.startswith("  ")]
    numbers = {" ".join(r[:-1]): float(r[-1].replace(",", "")) for r in rows if len(r) > 1}
    parts = numbers["stock"] + numbers["stoppage"]
    assert numbers["without these events"] + parts == pytest.approx(numbers["with all of them"], abs=1e-9)
    assert "How it came about:" in out
    content = json.loads(target.read_text())
    means = {name: row["mean"] for name, row in content["parts"].items()}
    assert means["with all of them"] == pytest.approx(
        means["without these events"] + means["stock"] + means["stoppage"]
    )
    assert content["method"] == "shapley"
    assert content["chain"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--country", "USA"], "add --shortage"),
        (["--members", "0"], "at least 1"),
        (["--scenario", "nobody", "--good", "tantalum_powder"], "stockpile-usa-tantalum"),
        (["--shortage", "--country", "XXX", "--good", "tantalum_powder"], "unknown country 'XXX'"),
        (["--shortage", "--country", "Fiji", "--good", "tantalum_powder"], "the users of tantalum_powder"),
        (["--month", "2040-01", "--good", "tantalum_powder"], "outside of the run"),
    ],
)
def test_what_cannot_be_explained_is_refused(campaign, capsys, words, said):
    assert main(["explain", str(campaign), *words]) == 2
    assert said in capsys.readouterr().err
