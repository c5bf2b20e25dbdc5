"""The table of what every shipped scenario gives: what is compared, with whom, and what is said of it."""

from __future__ import annotations

from scripts import golden

BEFORE = golden.read()[1]
ACCEPT = (
    "if this is meant, run 'python -m scripts.golden', read what it prints, and commit "
    "tests/sanity/results.csv"
)


def test_the_table_holds_every_scenario() -> None:
    assert sorted(BEFORE) == golden.scenarios(), ACCEPT


def test_one_small_facility_shows() -> None:
    """A source of three tonnes, one of five hundred, loses a thousandth of them."""
    loss = (
        "+events.loss={type: outage, facilities: [gallium_low_purity_jpn], loss: 0.1 %, length: 2 years, "
        "from: 2024-01-01, assumption: an example}"
    )
    before, after = golden.measure("baseline-2024"), golden.measure("baseline-2024", loss)
    found = golden.moved("baseline-2024", before, after, golden.SAME_MACHINE)
    assert {"mean", "root mean square"} == {one.figure for one in found if one.variable == "output"}


def test_what_has_moved_is_said() -> None:
    before = {("output", "mean"): 1.0, ("rent", "mean"): 0.0, ("gone", "mean"): 2.0}
    after = {("output", "mean"): 1.5, ("rent", "mean"): 1e-13, ("new", "mean"): 3.0}
    found = golden.moved("x", before, after, golden.SAME_MACHINE)
    assert [str(one) for one in found] == [
        "x: output, mean: before 1.0, after 1.5, by 5.0e-01, 5.0e-01 of it",
        "x: gone, mean: before 2.0, after none",
        "x: new, mean: before none, after 3.0",
    ]
    assert golden.moved("x", before, before) == []
    assert golden.moved("x", {("rent", "mean"): 0.0}, {("rent", "mean"): float("nan")}, 1.0)


def test_another_machine_rounds_otherwise() -> None:
    here = golden.machine()
    assert golden.tolerance(here) == golden.SAME_MACHINE
    assert golden.tolerance(here | {"BLAS kernel": "another"}) == golden.OTHER_MACHINE


def test_a_table_is_read_as_it_was_written(tmp_path) -> None:
    path = tmp_path / "results.csv"
    figures = {"x": {("output", "mean"): 0.1 + 0.2, ("rent", "root mean square"): 1e-17}}
    path.write_text(golden.written(golden.machine(), figures), encoding="utf-8")
    assert golden.read(path) == (golden.machine(), figures)
