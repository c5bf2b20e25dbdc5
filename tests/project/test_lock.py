"""The lock holds exact versions, covers what is installed, and agrees with the declared ranges."""

import re
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
PIN = re.compile(r"[A-Za-z0-9._-]+==[A-Za-z0-9.!+]+( ; [a-z_]+ (==|!=|<|>=) ('[^']+'|\"[^\"]+\"))?")


def pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = [line for line in lines if line and not line.startswith("#")]
    return {canonicalize_name(line.split("==")[0]): line.split("==")[1].split(" ")[0] for line in found}


def declared() -> list[Requirement]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    return [Requirement(text) for text in project["dependencies"] + project["optional-dependencies"]["dev"]]


def test_lock_holds_names_and_versions_only():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    wrong = [line for line in lines if not line.startswith("#") and not PIN.fullmatch(line)]
    assert wrong == []


def test_every_declared_dependency_is_pinned_inside_its_range():
    locked = pins()
    outside = [
        f"{requirement} but {locked.get(canonicalize_name(requirement.name))}"
        for requirement in declared()
        if not requirement.specifier.contains(locked.get(canonicalize_name(requirement.name), "0"))
    ]
    assert outside == []


def test_everything_that_the_dependencies_pull_in_is_pinned_and_nothing_else():
    waiting = declared()
    closure: set[str] = set()
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        requirement = waiting.pop()
        key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
        if key in seen:
            continue
        seen.add(key)
        closure.add(key[0])
        try:
            children = [Requirement(text) for text in requires(requirement.name) or []]
        except PackageNotFoundError:  # needed on another platform or Python version only
            continue
        for child in children:
            extras = requirement.extras or {""}
            if child.marker is None or any(child.marker.evaluate({"extra": extra}) for extra in extras):
                waiting.append(child)
    assert closure == set(pins())
