"""The page of a campaign: true, complete, one file, safe whatever a scenario is called."""

from __future__ import annotations

import base64
import dataclasses
import gzip
import html
import io
import re

import numpy as np
import pandas as pd
import pytest

from sim.analysis import metrics
from sim.analysis.digits import two
from sim.analysis.select import price
from sim.cli import main
from sim.errors import MonaziteError
from sim.report.crew import Crew
from sim.report.headline import Headline, finding
from sim.report.origin import licences
from sim.report.page import LARGEST, Subject, in_order
from sim.report.page import page as made_page
from sim.report.pictures import Shots
from sim.report.why import Why
from tests.report.conftest import GOOD, Page, elements
from tests.tantalum import tantalum_campaign


def packed(content):
    return gzip.decompress(base64.b64decode(content))


def test_it_is_one_small_file_that_asks_for_nothing(page):
    assert page.file.stat().st_size < LARGEST
    policy = next(a["content"] for t, a in page.elements if a.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    for tag, attributes in page.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base")
        assert not [name for name in attributes if name.startswith("on")], "no handler stands in an element"
        assert "style" not in attributes
        assert attributes.get("src", "data:image/png").startswith("data:image/png")
        assert attributes.get("href", "#").startswith(("#", "https://", "http://"))
    assert not re.search(r"url\(|@import|fetch\(|XMLHttpRequest", page.text)


def test_the_finding_comes_first_and_is_what_the_arrays_say(page, runs):
    run, baseline = runs
    own, base = (price(r.dataset, GOOD, "outside") for r in runs)
    low, middle, high = np.quantile(metrics.highest_multiple(own, base), [0.1, 0.5, 0.9])
    body = page.text[page.text.index("<main") :]
    head = html.unescape(re.search(r"<h1[^>]*>(.*?)</h1>", body).group(1))
    assert body.index("<h1") < body.index("<h2")
    assert f"up to {two(middle)} times as much" in head
    assert run.manifest["title"] in head
    assert f"{two(low)} to {two(high)} times" in body
    assert baseline.manifest["title"] in html.unescape(body)


def test_every_picture_says_what_it_shows_and_gives_its_numbers(page):
    pictures = [a for t, a in page.elements if t == "img"]
    buttons = [a for t, a in page.elements if t == "button" and "data-csv" in a]
    assert pictures
    assert len(buttons) == len(pictures) + 1, "each picture and the table"
    assert all(len(a["alt"]) > 30 for a in pictures)
    for button in buttons:
        assert button["data-file"].endswith(".csv")
        assert len(pd.read_csv(io.BytesIO(packed(button["data-csv"])))) > 0
    table = pd.read_csv(io.BytesIO(packed(buttons[0]["data-csv"])))
    assert table["good"].tolist() == [GOOD]


def test_the_numbers_of_the_table_are_those_of_the_metrics(page, runs):
    buttons = [a for t, a in page.elements if t == "button" and "data-csv" in a]
    table = pd.read_csv(io.BytesIO(packed(buttons[0]["data-csv"])))
    peaks = metrics.peak_price(price(runs[0].dataset, GOOD, "outside")) / 1000
    assert table["peak_p50"][0] == pytest.approx(np.median(peaks), rel=1e-5)
    assert table["price_unit"][0] == "USD/kg"


def test_scenarios_events_sources_and_origin_are_there(page, runs):
    text = html.unescape(page.text)
    run = runs[0]
    for event in run.events:
        if not event["in_base_year"]:
            assert event["sentence"] in text
    assert "Source: " in text
    for one in runs:
        assert one.id in text
    for path, digest in run.manifest["inputs"].items():
        assert path in text
        assert digest in text
    assert f"Monazite {run.manifest['version']}" in text
    assert "How it came about" in text
    assert "What to doubt" in text
    assert "not forecasts" in text


def test_the_parts_of_two_events_are_there_and_add_up(page):
    text = html.unescape(page.text)
    rows = re.findall(r'<th scope="row">([^<]+)</th><td>([-+\d.,]+)</td>', text)
    parts = {name: float(value.replace(",", "")) for name, value in rows}
    total = parts["without these events"] + parts["stock"] + parts["stoppage"]
    assert total == pytest.approx(parts["with all of them"])


def test_every_licence_of_the_data_is_there(page):
    rows = licences()
    assert {"USITC DataWeb", "CEPII BACI"} <= {row[0] for row in rows}
    text = html.unescape(page.text)
    assert all(cell in text for row in rows for cell in row)


EVIL = '<img src=x onerror=alert(1)></script><script>alert("x")</script>\u202e&amp;"\' {{ 7*7 }}'


def test_names_from_elsewhere_are_text_and_nothing_else(runs, monkeypatch):
    run, baseline = runs
    monkeypatch.setattr("sim.report.page.begin_shots", lambda *_: [])
    monkeypatch.setattr("sim.report.page.fitted", lambda *_: Shots([], []))
    evil = dataclasses.replace(run, manifest={**run.manifest, "title": EVIL, "argv": ["x", EVIL]})
    text = made_page([Subject(baseline, (evil,), (GOOD,))], EVIL)
    found = elements(text)
    assert [tag for tag, _ in found].count("script") == 1
    assert not [tag for tag, _ in found if tag == "img"]
    assert not [name for _, attributes in found for name in attributes if name.startswith("on")]
    assert "\u202e" not in text, "what would turn text around is written out"
    assert "7*7" in text
    assert "onerror" in text


def test_variants_of_one_scenario_are_told_apart_wherever_they_are_named(runs, monkeypatch):
    run, baseline = runs
    monkeypatch.setattr("sim.report.page.begin_shots", lambda *_: [])
    monkeypatch.setattr("sim.report.page.fitted", lambda *_: Shots([], []))
    monkeypatch.setattr("sim.report.page.why", lambda *_: Why("", ()))
    variants = [
        dataclasses.replace(
            run, directory=run.directory.with_name(f"tantalum_{k}"),
            manifest={**run.manifest, "scenario": f"tantalum_{k}", "title": "No tantalum",
                      "sweep": {"scenario": "tantalum", "label": label}},
        )
        for k, label in enumerate(("from 2026-07", "from 2027-01"))
    ]  # fmt: skip
    found = html.unescape(made_page([Subject(baseline, tuple(variants), (GOOD,))], "A sweep"))
    for label in ("from 2026-07", "from 2027-01"):
        called = f"No tantalum: {label}"
        assert f'data-value="{called}">{called}</th>' in found, "table"
        assert f"<h3>{called}</h3>" in found, "what the scenarios change, what to doubt"
        assert f">{called}</option>" in found, "choice"
        assert f": {called}</h4>" in found, "cards"
    assert not re.search(r"[“>]No tantalum[”<]", found), "no title stands for both"


def headline(run, baseline, factor):
    """The run with its price outside times a number."""
    data = baseline.dataset.load()
    changed = data.assign(price_outside=data["price_outside"] * factor)
    changed.attrs = {**run.dataset.attrs}
    return Headline(dataclasses.replace(run, dataset=changed), baseline, GOOD)


@pytest.mark.parametrize(
    ("factor", "said"),
    [
        (1.0, "No scenario moves the price of"),
        (1.04, "No scenario moves the price of"),
        (3.0, "costs up to 3 times as much"),
        (0.5, "costs as little as 50 % of that without it"),
    ],
)
def test_the_finding_says_what_moved_and_whether_anything_did(runs, factor, said):
    head, _ = finding([headline(*runs, factor)])
    assert said in head


def test_a_campaign_of_a_baseline_alone_is_refused(runs, capsys):
    assert main(["report", str(runs[1].directory)]) == 2
    assert "nothing to report" in capsys.readouterr().err


def test_no_line_ends_before_a_per_cent_sign(page: Page) -> None:
    text = re.sub(r"<(style|script)>.*?</\1>", "", page.file.read_text(encoding="utf-8"), flags=re.S)
    assert re.search(r"\d\u00a0%", text)
    assert not re.search(r"\d %", re.sub(r"<[^>]*>", "", text))


def test_on_paper_all_is_shown_in_full_width(page: Page) -> None:
    """What a reader switches on the screen stands open in print, and the layout of phones stays on phones."""
    style = page.text.split("<style>")[1].split("</style>")[0]
    paper = style.split("@media print {")[1]
    for rule in (
        ".off { display: block; }", ".live .choose, button.csv, .skip, .desk { display: none; }",
        "details::details-content { content-visibility: visible; height: auto; }",
        "thead { display: table-header-group; }", ".scroll { overflow: visible; }",
        "figure img { max-height: 22cm; width: auto; max-width: 100%; }",
        # Sizes are in rem: notes and tables would be larger than the text if its own were set alone.
        "html { font-size: 10pt; }", "h1, p, ul, ol, .lead { max-width: none; }",
    ):  # fmt: skip
        assert rule in paper
    assert "@page { size: A4;" in style
    narrow = [line for line in style.splitlines() if "max-width: 40rem" in line]
    assert narrow == ["@media screen and (max-width: 40rem) {"]


def test_the_page_is_the_same_whoever_does_the_work(page, tmp_path_factory, monkeypatch):
    """Explanations and pictures by other processes give the bytes of those made here."""
    monkeypatch.setattr("sim.report.crew.FEW", 0)
    monkeypatch.setattr("sim.report.crew.cores", lambda: 2)
    target = tmp_path_factory.mktemp("crew") / "report.html"
    campaign = tantalum_campaign(tmp_path_factory)
    assert main(["report", str(campaign), "--good", GOOD, "--to", str(target)]) == 0
    assert target.read_bytes() == page.file.read_bytes()


def test_what_goes_wrong_elsewhere_is_said_here(monkeypatch):
    monkeypatch.setattr("sim.report.crew.cores", lambda: 2)
    with Crew(9) as crew:
        refused, length = crew.begin(_refused, "no page"), crew.begin(len, "four")
        assert length() == 4
        with pytest.raises(MonaziteError, match="no page"):
            refused()


def _refused(said):
    raise MonaziteError(said)


def test_a_shortage_that_is_there_anyway_is_no_finding(runs):
    """Beside what users miss stands what they miss in the baseline, which is no effect of the scenario."""
    run, baseline = runs
    data = baseline.dataset.load()
    lacking = baseline.dataset["requirement"] * 0.2
    base = dataclasses.replace(baseline, dataset=data.assign(shortfall=lacking).assign_attrs(data.attrs))
    line = headline(run, base, 3.0)
    assert line.short_anyway == pytest.approx(20, rel=1e-5)
    head, lead = finding([line])
    assert "costs up to 3 times" in head
    assert "miss 20 % of their need in the worst twelve months, 20 % in the baseline." in lead
    assert line.sentence().endswith("in the worst twelve months, 20 % in the baseline.")


def test_events_go_by_the_names_that_tables_and_pictures_have(page, runs):
    for event in runs[0].events:
        if not event["in_base_year"]:
            assert f"<b>{event['id']}</b>: " in page.text


def test_the_good_and_scenario_that_move_most_stand_first(runs):
    lines = [headline(*runs, factor) for factor in (1.2, 3.0)]
    ranked = in_order(lines)
    assert [line.multiple[0] for line in ranked] == pytest.approx([3.0, 1.2])
