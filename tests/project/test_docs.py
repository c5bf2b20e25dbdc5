"""Documents point at things that exist: files, headings, make targets, commands."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "data").rglob("*.md")],
    key=lambda path: path.relative_to(ROOT).as_posix(),
)
LINK = re.compile(r"!?\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
NAMES = [path.relative_to(ROOT).as_posix() for path in DOCUMENTS]


def anchors(text: str) -> set[str]:
    headings = re.findall(r"^#+\s+(.*)$", FENCE.sub("", text), re.MULTILINE)
    plain = [re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings]
    return set(plain)


@pytest.mark.parametrize("name", NAMES)
def test_links_resolve(name):
    document = ROOT / name
    text = document.read_text(encoding="utf-8")
    broken = []
    for target in LINK.findall(FENCE.sub("", text)):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, anchor = target.partition("#")
        place = (document.parent / path).resolve() if path else document
        if not place.exists() or (anchor and anchor not in anchors(place.read_text(encoding="utf-8"))):
            broken.append(target)
    assert broken == []


@cache
def make_targets() -> set[str]:
    text = (ROOT / "Makefile").read_text(encoding="utf-8")
    phony = re.search(r"^\.PHONY:(.*)$", text, re.MULTILINE)
    assert phony
    return set(phony.group(1).split())


@pytest.mark.parametrize("name", NAMES)
def test_make_targets_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    used = set(re.findall(r"(?:^|`)make ([a-z]+)(?=[`\s])", text, re.MULTILINE))
    assert used <= make_targets()


@cache
def commands() -> str:
    done = subprocess.run(
        [sys.executable, "-m", "sim.cli", "--help"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    return done.stdout


@pytest.mark.parametrize("name", NAMES)
def test_commands_of_the_documents_exist(name):
    text = (ROOT / name).read_text(encoding="utf-8")
    used = set(re.findall(r"(?:^\$? ?|`)(?:\.venv\/bin\/)?monazite ([a-z]+)(?=[`\s])", text, re.MULTILINE))
    missing = [command for command in used if not re.search(rf"\b{command}\b", commands())]
    assert missing == []


def test_readme_opens_with_the_two_commands_and_a_picture():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = "\n".join(text.splitlines()[:20])
    assert "make demo" in first
    assert "make test" in first
    assert re.search(r"!\[[^\]]+\]\(docs/images/[\w-]+\.png\)", first)
