"""A small lesson on two goods, written to a folder: fast enough to be run by many tests."""

from __future__ import annotations

from pathlib import Path

TEXT = """\
format: 2
name: gallium-lesson
title: A small lesson
extends: [baseline-2022]
compare_to: baseline-2022
minerals: [gallium]
time: {end: 2024-06}
events:
  embargo:
    type: export_ban
    by: CHN
    to: [USA, JPN]
    goods: [gallium]
    announced: 2022-06-01
    from: 2022-07-01
    until: 2023-06-30
    extraterritorial: true
    content: true
    compliance: 100 %
    assumption: true
  licence: {type: export_licence, by: CHN, to: [USA, JPN], goods: [gallium], from: 2022-07-01,
    approval_share: 40 %, delay: 60 days, probability: 0 %, assumption: true}
  stock: {type: stockpile, by: USA, goods: [gallium_high_purity], from: 2022-01-01, size: 0 months,
    rate: 200 t/year, buy_below: 150 %, release_on_shortfall: 2 %, assumption: true}
  saving: {type: substitution_push, countries: [JPN], goods: [gallium], from: 2022-09-01, share: 0 %,
    ramp: 1 month, assumption: true}
lesson:
  title: {en: Gallium, zh: 镓}
  minutes: 20
  about: <b>Two</b> goods.
  members: 5
  goods: {gallium_high_purity: High-purity gallium, gallium_low_purity: {en: Raw gallium, zh: 粗镓}}
  card:
    label: {en: EMBARGO, zh: 禁运}
    choices:
      whom:
        label: Whom
        options:
          both: {label: Japan and the US}
          japan:
            label: <img src=x onerror=alert(1)>
            set: {events.embargo.to: [JPN], events.licence.to: [JPN]}
      how:
        label: How
        options:
          ban: {label: a ban, events: [embargo]}
          licence: {label: a licence, events: [licence]}
  sliders:
    approval: {label: Approved, help: Of what is applied for., sets: events.licence.approval_share,
      positions: [0 %, 40 %, 80 %]}
    stock: {label: Stock, help: Months of use., sets: events.stock.size,
      positions: [0 months, 3 months, 6 months]}
    saving: {label: Saving, help: Share no longer needed., sets: events.saving.share,
      positions: [0 %, 10 %, 30 %]}
  steps: [{minutes: 20, do: Press it.}]
  bets:
    price: {question: How far does the price rise?, measure: peak_price, bounds: [1.2, 2, 4]}
    who: {question: Who is hit worst?, measure: worst_country, countries: [JPN, USA, DEU]}
  debrief:
    short:
      question: How short is Japan, with and without a saving?
      answer: {en: "{bare} of its need, {saved} with a saving.", zh: "{bare}；节约后{saved}。"}
      values:
        bare: {measure: worst_month, country: JPN}
        saved: {measure: worst_month, country: JPN, settings: {embargo: true, sliders: {saving: 30 %}}}
  compare: [{embargo: true}, {embargo: true, sliders: {stock: 6 months}}]
  doubts: [Nobody knows.]
"""


def write_lesson(folder: Path, old: str = "", new: str = "") -> Path:
    """Write the lesson, with some of its text replaced."""
    assert old in TEXT
    path = folder / "gallium-lesson.yaml"
    path.write_text(TEXT.replace(old, new) if old else TEXT, encoding="utf-8")
    return path
