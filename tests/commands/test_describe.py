"""``monazite describe``: chances, distributions, blocs and observed series in plain words."""

from pathlib import Path

import pytest

from sim.cli import main

TEXT = """\
format: 2
name: case
title: A case
question: Who runs short?
base_year: 2024
time: {start: 2024-01, end: 2026-12}
sources: {customs: {title: "Customs, 2025"}}
blocs: {allies: [USA, JPN], wide: [allies, KOR]}
events:
  ban:
    type: export_ban
    by: CHN
    to: wide
    goods: [gallium]
    from: 2025-01
    probability: {uniform: [20 %, 40 %]}
    source: customs
  licence:
    type: export_licence
    by: CHN
    to: [allies]
    goods: [germanium]
    from: 2024-06-01
    approval_share: {triangular: [10 %, 20 %, 30 %]}
    delay: {choice: [30 days, 60 days], weights: [1, 3]}
    probability: 30 %
    assumption: The delay is invented.
assumptions: {thrift_speed: {normal: [0.4, 0.05]}}
observed:
  flow:
    series: exports.gallium.CHN
    values: {2025-05: 12 t, 2025-06-17: {value: 13 t, assumption: Read off a chart.}}
    source: customs
"""


def test_description(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("case.yaml").write_text(TEXT)
    assert main(["describe", "case.yaml"]) == 0
    said = " ".join(capsys.readouterr().out.split())
    for words in (
        "allies = the United States and Japan",
        "wide = the United States, Japan and South Korea",
        "2025-01-01 [ban] From 2025-01-01 China bans exports of gallium to wide, with a probability "
        "between 20 % and 40 %. [source: Customs, 2025]",
        "30 days (chance 25%) or 60 days (chance 75%)",
        "between 10 % and 30 % (most likely 20 %)",
        "with a probability of 30 %. [assumption: The delay is invented.]",
        "thrift_speed = about 0.4 (standard deviation 0.05)",
        "2025-05 flow: exports.gallium.CHN was 12 t. [Customs, 2025]",
        "2025-06-17 flow: exports.gallium.CHN was 13 t. [assumption: Read off a chart.]",
    ):
        assert words in said, words
    # In the order of time, whatever the file's.
    assert said.index("[licence]") < said.index("[ban]")
