"""A small stored campaign, and the page that the command writes of it."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path

import pytest

from sim.cli import main
from sim.results import Run
from tests.tantalum import tantalum_campaign, tantalum_runs

GOOD = "tantalum_powder"


@pytest.fixture(scope="session")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The shocked run and its baseline."""
    return tantalum_runs(tmp_path_factory)


@dataclass(frozen=True)
class Page:
    """A written page: its file, its text, its elements with their attributes, and what the command said."""

    file: Path
    text: str
    elements: list[tuple[str, dict[str, str]]]
    said: str


def elements(text: str) -> list[tuple[str, dict[str, str]]]:
    """Every element of a page, with its attributes."""
    found: list[tuple[str, dict[str, str]]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            found.append((tag, {name: value or "" for name, value in attrs}))

    Reader().feed(text)
    return found


@pytest.fixture(scope="session")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """The page on the campaign."""
    campaign = tantalum_campaign(tmp_path_factory)
    target = tmp_path_factory.mktemp("page") / "report.html"
    stream = io.StringIO()
    with contextlib.redirect_stdout(stream):
        assert main(["report", str(campaign), "--good", GOOD, "--to", str(target)]) == 0
    # A per cent sign stays with its number; what is compared with the page has plain blanks.
    text = target.read_text(encoding="utf-8").replace("\u00a0", " ")
    return Page(target, text, elements(text), stream.getvalue())
