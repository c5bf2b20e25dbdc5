"""The shape of the code: no cycles, no giants, nothing born late. Exceptions stand here, with reasons."""

from __future__ import annotations

import ast
import functools
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
LONGEST_FILE, LONGEST_CLASS, LONGEST_FUNCTION, MOST_PARAMETERS = 500, 250, 60, 6
CONSTRUCTORS = ("__init__", "__new__", "__post_init__", "__setstate__", "model_post_init")

FUNCTIONS = {
    "sim/market/clearing.py clear": "the core's one entry, arrays in and arrays out: each argument has axes "
    "of its own, and a caller that had to pack them first would only see them unpacked again",
    "sim/market/layout.py Market.build": "as clear: the arrays of a market, of which most callers give five",
}
"""Functions over the limits -> why."""
CLASSES: dict[str, str] = {}
"""Classes over the limit -> why."""

PRINTING = {
    "sim/commands/output.py": "the one place where commands print; text is escaped by sim.visible",
    "sim/commands/schema.py main": "the schema, which is JSON and ASCII",
    "sim/cli.py": "errors, which escape themselves, and the version",
    "sim/__main__.py application": "an error, which escapes itself, and a path as sim.paths shows it",
    "sim/scenario/find.py _note": "lies below the commands; escapes what it prints",
    "hydra_plugins/monazite_launcher.py": "an error, which escapes itself, and a path as sim.paths shows it",
}
"""Files, or functions in them, that may print -> why."""


@functools.cache
def modules(folder: str) -> dict[str, ast.Module]:
    """Path below the root -> syntax tree of every Python file of a folder."""
    return {
        path.relative_to(ROOT).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted((ROOT / folder).rglob("*.py"))
    }


def code() -> dict[str, ast.Module]:
    folders = "sim", "hydra_plugins", "scripts", "benchmarks", "examples"
    return {path: tree for folder in folders for path, tree in modules(folder).items()}


# -- imports -------------------------------------------------------------------------------------


def module_name(path: str) -> str:
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def imported(tree: ast.AST, known: set[str]) -> set[str]:
    """Modules named by the imports of a file: at its top, for type checkers alone, or inside functions."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                found.add(inner if inner in known else node.module)
    return found & known


def import_graph(trees: dict[str, ast.Module]) -> dict[str, set[str]]:
    known = {module_name(path) for path in trees}
    return {module_name(path): imported(tree, known) for path, tree in trees.items()}


def cycle(graph: dict[str, set[str]]) -> list[str]:
    """One cycle of a graph, first module repeated at its end; empty where there is none."""
    done: set[str] = set()

    def walk(name: str, way: list[str]) -> list[str]:
        if name in way:
            return [*way[way.index(name) :], name]
        if name in done:
            return []
        for other in sorted(graph[name]):
            if other != name and (found := walk(other, [*way, name])):
                return found
        done.add(name)
        return []

    return next((found for name in sorted(graph) if (found := walk(name, []))), [])


def test_no_module_imports_itself_by_way_of_others() -> None:
    assert cycle(import_graph(modules("sim"))) == []


def test_cycles_are_found_wherever_the_import_stands() -> None:
    hidden = "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from sim.b import B\n"
    late = "def f():\n    import sim.a\n"
    trees = {"sim/a.py": ast.parse(hidden), "sim/b.py": ast.parse(late), "sim/c.py": ast.parse("")}
    assert cycle(import_graph(trees)) == ["sim.a", "sim.b", "sim.a"]
    assert cycle(import_graph({**trees, "sim/b.py": ast.parse("import numpy")})) == []


# -- sizes ---------------------------------------------------------------------------------------


def lines(node: ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Lines from the name to the end, decorators left out."""
    return (node.end_lineno or node.lineno) - node.lineno + 1


def parameters(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Parameters, self and cls left out."""
    given = node.args
    names = [a.arg for a in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    if names[:1] in (["self"], ["cls"]):
        names = names[1:]
    return len(names) + bool(given.vararg) + bool(given.kwarg)


def definitions(tree: ast.AST, within: str = "") -> Iterator[tuple[str, ast.AST]]:
    """Every class and function with its dotted name."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            yield within + node.name, node
            yield from definitions(node, f"{within}{node.name}.")
        else:
            yield from definitions(node, within)


def large_functions(trees: dict[str, ast.Module]) -> dict[str, str]:
    found = {}
    for path, tree in trees.items():
        for name, node in definitions(tree):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length, count = lines(node), parameters(node)
                if length > LONGEST_FUNCTION or count > MOST_PARAMETERS:
                    found[f"{path} {name}"] = f"{length} lines, {count} parameters"
    return found


def large_classes(trees: dict[str, ast.Module]) -> dict[str, str]:
    return {
        f"{path} {name}": f"{lines(node)} lines"
        for path, tree in trees.items()
        for name, node in definitions(tree)
        if isinstance(node, ast.ClassDef) and lines(node) > LONGEST_CLASS
    }


def without(found: dict[str, str], reasons: dict[str, str]) -> dict[str, str]:
    return {name: size for name, size in found.items() if name not in reasons}


def test_functions_stay_small() -> None:
    assert without(large_functions(code()), FUNCTIONS) == {}


def test_classes_stay_small() -> None:
    assert without(large_classes(code()), CLASSES) == {}


def test_no_reason_without_need() -> None:
    """A reason is struck off as soon as what it excuses is small."""
    assert set(FUNCTIONS) <= set(large_functions(code()))
    assert set(CLASSES) <= set(large_classes(code()))
    assert not [name for name in CLASSES if name.startswith("sim/engine/")]


@pytest.mark.parametrize(
    "folder", ["sim", "tests", "benchmarks", "scripts", "docs", "examples", "hydra_plugins"]
)
def test_files_stay_readable(folder: str) -> None:
    long = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        count = path.read_bytes().count(b"\n")
        if count > LONGEST_FILE:
            long[path.relative_to(ROOT).as_posix()] = count
    assert long == {}


def test_sizes_are_measured() -> None:
    body = "\n".join(["    x = 1"] * LONGEST_FUNCTION)
    trees = {"a.py": ast.parse(
        f"def long():\n{body}\nclass C:\n    def wide(self, a, b, c, /, d, e, *, f, **g): pass\n"
        "    def fits(self, a, b, c, d, e, f): pass\n"
    )}  # fmt: skip
    found = large_functions(trees)
    assert found == {"a.py long": f"{LONGEST_FUNCTION + 1} lines, 0 parameters",
                     "a.py C.wide": "1 lines, 7 parameters"}  # fmt: skip


# -- attributes ----------------------------------------------------------------------------------


def stored(function: ast.AST) -> dict[str, int]:
    """Attributes of self that a function assigns, deletes or adds to -> line."""
    return {
        node.attr: node.lineno
        for node in ast.walk(function)
        if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store | ast.Del)
        and isinstance(node.value, ast.Name) and node.value.id == "self"
    }  # fmt: skip


def declared(cls: ast.ClassDef) -> set[str]:
    """Attributes that the body of a class declares or its constructor assigns; methods, too."""
    names: set[str] = set()
    for node in cls.body:
        if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
        elif isinstance(node, ast.Assign):
            names |= {part.id for target in node.targets for part in ast.walk(target)
                      if isinstance(part, ast.Name)}  # fmt: skip
        elif isinstance(node, ast.FunctionDef):
            names.add(node.name)
            if node.name in CONSTRUCTORS:
                names |= set(stored(node))
    return names


def late_attributes(trees: dict[str, ast.Module]) -> list[str]:
    """Where a method gives birth to an attribute that no class of the name's line declares."""
    classes = {
        node.name: node for tree in trees.values() for _, node in definitions(tree)
        if isinstance(node, ast.ClassDef)
    }  # fmt: skip

    def known(cls: ast.ClassDef) -> set[str]:
        bases = [base.id for base in cls.bases if isinstance(base, ast.Name)]
        return declared(cls).union(*(known(classes[base]) for base in bases if base in classes))

    found = []
    for path, tree in trees.items():
        for name, cls in definitions(tree):
            if not isinstance(cls, ast.ClassDef):
                continue
            names = known(cls)
            for method in cls.body:
                if isinstance(method, ast.FunctionDef):
                    born = {a: line for a, line in stored(method).items() if a not in names}
                    found += [f"{path}:{line} {name}.{a}" for a, line in sorted(born.items())]
    return found


def test_no_attribute_is_born_late() -> None:
    assert late_attributes(modules("sim")) == []


def test_late_attributes_are_found() -> None:
    source = (
        "class A:\n    a: int\n    def __init__(self):\n        self.b = 1\n"
        "class B(A):\n    def run(self):\n        self.a, self.b = 1, 2\n        self.c: int = 3\n"
    )
    assert late_attributes({"sim/x.py": ast.parse(source)}) == ["sim/x.py:8 B.c"]


# -- what reaches a terminal ---------------------------------------------------------------------


def printing(trees: dict[str, ast.Module]) -> list[str]:
    """Functions that print, or write to standard output, on their own: what they show may hold anything."""
    found = []
    for path, tree in trees.items():
        for name, definition in definitions(tree):
            if isinstance(definition, ast.ClassDef):
                continue
            for node in ast.walk(definition):
                called = ast.unparse(node.func) if isinstance(node, ast.Call) else ""
                if called == "print" or called.endswith(("stdout.write", "stderr.write")):
                    found.append(f"{path} {name}")
    return sorted(set(found))


def test_commands_print_in_one_place() -> None:
    """So that no control character of a title, a name or a message reaches a terminal."""
    found = printing({**modules("sim"), **modules("hydra_plugins")})
    assert [one for one in found if one not in PRINTING and one.split()[0] not in PRINTING] == []
    assert [one for one in PRINTING if not any(place.startswith(one) for place in found)] == []


def test_printing_is_found() -> None:
    source = "def a():\n    print('x')\ndef b():\n    say('x')\ndef c():\n    sys.stdout.write('x')\n"
    assert printing({"sim/x.py": ast.parse(source)}) == ["sim/x.py a", "sim/x.py c"]
