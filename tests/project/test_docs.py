"""Documents point at things that exist: files, headings, make targets, commands."""

import importlib
import re
import subprocess
import sys
import tomllib
from functools import cache
from pathlib import Path

import pytest

import scripts.room_tables

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


# -- the layout of the code ----------------------------------------------------------------------


def test_every_file_stands_once_in_its_room_with_what_it_is_for():
    page = scripts.room_tables.PAGE.read_text(encoding="utf-8")
    assert scripts.room_tables.page(page) == page, "run 'python -m scripts.room_tables'"
    for room in scripts.room_tables.rooms():
        table = page.partition(f"<!-- files of {room} -->\n")[2].partition("<!-- end of files -->")[0]
        named = re.findall(r"^\| `(\w+\.py)` \| \S", table, re.MULTILINE)
        full = [path.name for path in (ROOT / room).glob("*.py") if path.read_text(encoding="utf-8").strip()]
        assert sorted(named) == sorted(full)


def test_a_table_for_a_room_that_is_gone_is_refused():
    page = scripts.room_tables.PAGE.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="sim/cellar"):
        scripts.room_tables.page(page + "<!-- files of sim/cellar -->\n<!-- end of files -->\n")


def test_a_room_without_a_table_is_refused():
    page = scripts.room_tables.PAGE.read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="there are"):
        scripts.room_tables.page(page.replace("<!-- files of sim/agents -->", ""))


def test_the_order_of_imports_is_that_which_is_checked():
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    (layers,) = (c for c in settings["tool"]["importlinter"]["contracts"] if c["type"] == "layers")
    order = " > ".join(re.sub(r"[()]", "", layer) for layer in layers["layers"])
    assert f"`{order}`" in scripts.room_tables.PAGE.read_text(encoding="utf-8")


FILE = re.compile(r"(?<![\w./<-])((?:sim|scripts|benchmarks|tests|examples|docs|conf)/[\w/-]+\.\w+)")
DOTTED = re.compile(r"(?<![\w./-])((?:sim|scripts|benchmarks|hydra_plugins)(?:\.[A-Za-z_]\w*)+)")
BARE = re.compile(r"(?<![\w./-])(\w+\.py)\b")
TOLD = sorted(
    path for folder in ("sim", "hydra_plugins", "scripts", "benchmarks", "examples", "conf", "scenarios")
    for path in (ROOT / folder).rglob("*") if path.suffix in (".py", ".yaml")
)  # fmt: skip


def named_in_vain(text: str) -> list[str]:
    """Files, modules and what stands in modules that a text names and that do not exist."""
    missing = [name for name in FILE.findall(text) if not (ROOT / name).exists()]
    missing += [name for name in BARE.findall(text) if name not in file_names()]
    return missing + [name for name in DOTTED.findall(text) if not exists(name)]


@cache
def file_names() -> set[str]:
    folders = "sim", "hydra_plugins", "scripts", "benchmarks", "examples", "tests"
    return {path.name for folder in folders for path in (ROOT / folder).rglob("*.py")}


@cache
def exists(dotted: str) -> bool:
    """Whether a module, or an attribute of one or of its classes, has this name."""
    parts = dotted.split(".")
    for length in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for name in parts[length:]:
            if name in getattr(found, "__annotations__", {}):
                return True
            if not hasattr(found, name):
                return False
            found = getattr(found, name)
        return True
    return False


def test_names_in_the_code_of_the_notation_exist():
    text = (ROOT / "docs" / "notation.md").read_text(encoding="utf-8")
    rows = text.partition("## Symbols of behaviour")[2].partition("## Prices")[0]
    last = " ".join(re.findall(r"\| ([^|]*) \|$", rows, re.MULTILINE))
    named = set(re.findall(r"`(\w+)`", last))
    words = {word for path in (ROOT / "sim").rglob("*.*") if path.suffix in (".py", ".csv")
             for word in re.findall(r"\w+", path.read_text(encoding="utf-8"))}  # fmt: skip
    words |= set(re.findall(r"\w+", (ROOT / "data/world/behaviour.csv").read_text(encoding="utf-8")))
    assert len(named) > 100
    assert named - words == set()


@pytest.mark.parametrize("name", NAMES)
def test_documents_name_what_exists(name):
    assert named_in_vain((ROOT / name).read_text(encoding="utf-8")) == []


def test_code_names_what_exists():
    """In docstrings, comments, messages and imports alike."""
    found = {
        path.relative_to(ROOT).as_posix(): missing
        for path in TOLD if (missing := named_in_vain(path.read_text(encoding="utf-8")))
    }  # fmt: skip
    assert {file: set(missing) - MADE.get(file, set()) for file, missing in found.items()} == {
        file: set() for file in MADE
    }


MADE = {"scripts/__init__.py": {"scripts.NAME"}, "benchmarks/run_sweep.py": {"one_sweep.py"}}
"""Names that stand for others, and files that a run makes."""


@pytest.mark.parametrize(
    "text",
    ["see `permits.py`", "sim/engine/trade.py has it", ":mod:`sim.world.calibrate`", "sim.engine.Simulator"],
)
def test_a_stale_name_is_found(text):
    assert len(named_in_vain(text)) == 1


@pytest.mark.parametrize(
    "text", ["see `gates.py`", "sim/engine/borders.py", ":meth:`sim.engine.Simulation.step`", "`sim.agents`"]
)
def test_a_name_that_exists_is_left_alone(text):
    assert named_in_vain(text) == []
