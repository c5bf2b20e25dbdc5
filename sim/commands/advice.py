"""The command that would make the runs that are missing, with scenarios and files that exist."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.errors import MonaziteError

if TYPE_CHECKING:
    from sim.results import Run

__all__ = ["carried", "command_for"]

ORIGIN_OF_NAME = re.compile(r"^name: .*  # (.+):\d+$", re.MULTILINE)
CARRIED = ("minerals", "time.start", "time.end", "time.step")
"""What decides how large and how long a run is: a baseline for a lesson must be as small as the lesson."""


def _resolved(run: Run) -> dict[str, Any]:
    """The scenario that was run, as its file would say it; empty where that cannot be read."""
    from sim.scenario.node import plain
    from sim.scenario.reader import read_document

    root = read_document(run.directory / "scenario.resolved.yaml").root
    content = plain(root) if root is not None else None
    return content if isinstance(content, dict) else {}


def _at(content: Mapping[str, Any], path: str) -> Any:
    head, _, rest = path.partition(".")
    value = content.get(head)
    return _at(value, rest) if rest and isinstance(value, Mapping) else None if rest else value


def _word(path: str, value: Any) -> str:
    text = "[" + ", ".join(map(str, value)) + "]" if isinstance(value, list) else str(value)
    return shlex.quote(f"{path}={text}")


def carried(own: Mapping[str, Any], baseline: str) -> list[str]:
    """Overrides that give a baseline the minerals and the time of a scenario, where its own differ.

    Args:
        own: the scenario as its file would say it, resolved.
        baseline: name of another.
    """
    from sim.scenario.resolve import load_scenario

    if not own:
        return []
    try:
        other = load_scenario(baseline)
    except MonaziteError:
        return []
    usual = {
        "minerals": list(other.minerals),
        "time.start": str(other.start), "time.end": str(other.end), "time.step": other.step,
    }  # fmt: skip
    words = []
    for path in CARRIED:
        value = _at(own, path)
        if path == "minerals":
            value = list(value or [])
        if value is not None and str(value) != str(usual[path]):
            words.append(_word(path, value))
    return words


def _name(run: Run) -> str:
    """The scenario as a command line takes it: by name, or by its file where none of that name is found."""
    from sim.analysis.baselines import family
    from sim.paths import shown
    from sim.scenario.find import find

    name = family(run)
    if find(name) is not None:
        return name
    try:
        text = (run.directory / "scenario.resolved.yaml").read_text(encoding="utf-8")
    except OSError:
        text = ""
    origin = ORIGIN_OF_NAME.search(text)
    words = [*_request(run).get("names", []), *([origin.group(1)] if origin else [])]
    files = [Path(word) for word in words if word.endswith((".yaml", ".yml")) and Path(word).stem == name]
    return next((shown(file) for file in files if file.is_file()), name)


def _request(run: Run) -> dict[str, Any]:
    """What was asked for where the run is a variant of a sweep; empty elsewhere."""
    try:
        content = json.loads((run.directory.parent / "sweep.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    request = content.get("request") if isinstance(content, dict) else None
    return dict(request) if isinstance(request, dict) else {}


def _varied(request: Mapping[str, Any]) -> list[str]:
    """Lists and intervals that the command line varied, as it takes them."""
    words = []
    for path, values in request.get("vary", {}).items():
        if isinstance(values, list):
            words.append(shlex.quote(f"{path}={','.join(map(str, values))}"))
        elif isinstance(values, dict) and list(values) == ["uniform"]:
            words.append(shlex.quote(f"{path}=interval({','.join(map(str, values['uniform']))})"))
    return words


def _beside(wanted: str, names: Sequence[str]) -> str:
    """The file of a scenario that lies beside those of others; empty where there is none."""
    from sim.paths import shown
    from sim.scenario.find import is_path

    folders = dict.fromkeys(Path(name).parent for name in names if is_path(name))
    files = [folder / f"{wanted}{end}" for folder in folders for end in (".yaml", ".yml")]
    return next((shown(file) for file in files if file.is_file()), "")


def _carried_by_all(runs: Sequence[Run], wanted: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Overrides that every run needs, since one on the command line is one for all of its scenarios."""
    files = dict(zip(wanted, asked, strict=True))
    each = [carried(_resolved(run), files.get(str(run.manifest["compare_to"]), asked[0])) for run in runs]
    return [word for word in each[0] if all(word in words for words in each[1:])]


def command_for(runs: Sequence[Run], baselines: Sequence[str]) -> str:
    """A sentence with the command that makes some runs again together with what they are compared with.

    Args:
        runs: what there is.
        baselines: scenarios; where there are none that of the runs' base year, which ``--vs`` must then name.
    """
    from sim.scenario.find import find

    first, request = runs[0], _request(runs[0])
    wanted = list(baselines) or [f"baseline-{first.manifest['base_year']}"]
    names = list(dict.fromkeys(_name(run) for run in runs))
    asked = [name if find(name) is not None else _beside(name, names) for name in wanted]
    for name, file in zip(wanted, asked, strict=True):
        if not file:
            return f"There is no scenario '{name}' any more; 'monazite list scenarios' shows what there is"
    options = [f"--seed {first.manifest['seed']}"]
    if "sweep" not in first.manifest:
        options.insert(0, f"--members {first.manifest['members']}")
    elif request.get("members"):
        options.insert(0, f"--members {request['members']}")
    options += [f"--{key} {request[key]}" for key in ("method", "samples", "seeds") if request.get(key)]
    verb = "sweep" if "sweep" in first.manifest else "run"
    scenarios = list(dict.fromkeys([*asked, *names]))
    command = " ".join(
        ["monazite", verb, *scenarios, *_carried_by_all(runs, wanted, asked), *_varied(request), *options]
    )
    then = f", then 'monazite compare CAMPAIGN --vs {wanted[0]}' with the folder that it names"
    many = "both" if len(scenarios) == 2 else "all"
    return f"Run {many} in one command: {command}{'' if baselines else then}"
