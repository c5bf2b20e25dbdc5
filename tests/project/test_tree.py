"""What must never stand in the tree, and what must: read over every file that git knows."""

import re
import subprocess
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
TEXT = {".py", ".md", ".toml", ".txt", ".cff", ".yaml", ".yml", ".json", ".csv", ".svg", "", ".ipynb"}
# Written with character classes, so that this file does not contain what it forbids.
MACHINE_PATH = re.compile(r"(^|[\s\"'(=`])/([w]ork|[r]oot|[h]ome|[U]sers|[o]pt|[t]mp)/\w")
INDEX_ADDRESS = re.compile(r"(extra-)?[i]ndex-url|[f]ind-links|https?://[^\s)\"]*/[s]imple/?([\s\"')]|$)")
UNFINISHED = re.compile(r"\b(TO[D]O|FIX[M]E|XX[X])\b")


@cache
def tracked() -> tuple[Path, ...]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if listing.returncode:
        pytest.skip("not a git checkout")
    paths = [ROOT / name for name in listing.stdout.split("\0") if name]
    return tuple(path for path in paths if path.is_file() and path.suffix in TEXT)


def hits(pattern: re.Pattern[str], paths: list[Path]) -> list[str]:
    return [
        f"{path.relative_to(ROOT)}:{number}"
        for path in paths
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1)
        if pattern.search(line)
    ]


def test_no_path_of_one_machine():
    assert hits(MACHINE_PATH, list(tracked())) == []


def test_no_address_of_a_package_index():
    assert hits(INDEX_ADDRESS, list(tracked())) == []


def test_nothing_unfinished_in_the_package():
    assert hits(UNFINISHED, [path for path in tracked() if "sim" in path.relative_to(ROOT).parts]) == []


def test_modules_stay_readable():
    modules = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "sim")]
    assert modules
    long = {path.name: count for path in modules if (count := path.read_bytes().count(b"\n")) > 500}
    assert long == {}


def test_outputs_and_environments_are_not_committed():
    inside = [path.relative_to(ROOT) for path in tracked()]
    assert not [path for path in inside if path.parts[0] in {".venv", "build", "dist"}]
    assert not [path for path in inside if path.parts[0] == "outputs" and path.name != ".gitkeep"]


@pytest.mark.parametrize(
    ("pattern", "text"),
    [
        (MACHINE_PATH, "open('/" + "home/someone/file')"),
        (INDEX_ADDRESS, "--index" + "-url x"),
        (INDEX_ADDRESS, "https://example.org/" + "simple/"),
        (UNFINISHED, "# TO" + "DO later"),
    ],
)
def test_the_patterns_find_what_they_are_for(pattern, text):
    assert pattern.search(text)


@pytest.mark.parametrize("text", ["scenarios/work/plan.yaml", "a/home/b", "https://example.org/simplest"])
def test_the_patterns_leave_the_rest_alone(text):
    assert not MACHINE_PATH.search(text)
    assert not INDEX_ADDRESS.search(text)
