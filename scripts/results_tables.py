"""The tables of variables and of metrics in docs/results.md, made from those of the program.

python -m scripts.results_tables    rewrites them
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from sim.analysis.metrics import METRICS
from sim.variables import VARIABLES

__all__ = ["PAGE", "table", "tables", "with_tables"]

PAGE = Path(__file__).resolve().parents[1] / "docs" / "results.md"
OVER_RUN = {
    "sum": "sum", "mean": "mean", "last": "last step", "largest": "largest", "every": "true in every step",
    "": "",
}  # fmt: skip
IN_SWEEP = {
    "run": "", "alike": "yes", "summed": "by country and kind", "sweep": "sweeps alone",
    "every_flow": "`--every-flow` alone", "outcome": "sweeps alone",
    "total": "sweeps alone",
}  # fmt: skip


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Rows as Markdown."""
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(re.sub(" +", " ", f"| {' | '.join(line)} |") for line in lines)


def tables() -> dict[str, str]:
    """Name of a table -> its Markdown."""
    variables = [
        [f"`{v.name}`", ", ".join(v.axes), v.unit, v.sentence, OVER_RUN[v.over_time], IN_SWEEP[v.detail]]
        for v in VARIABLES.values()
    ]
    metrics = [[f"`{metric.name}`", metric.unit, metric.sentence] for metric in METRICS.values()]
    return {
        "variables": table(("variable", "axes", "unit", "meaning", "over the run", "in a sweep"), variables),
        "metrics": table(("metric", "unit", "meaning"), metrics),
    }


def with_tables(page: Path, made: Mapping[str, str]) -> str:
    """The text of a page with tables as they should be, each between its marks.

    Raises:
        ValueError: a table's marks are missing.
    """
    text = page.read_text(encoding="utf-8")
    for name, markdown in made.items():
        begin, end = f"<!-- {name} -->\n", f"<!-- end of {name} -->"
        before, _, rest = text.partition(begin)
        _, found, after = rest.partition(end)
        if not found:
            raise ValueError(f"docs/{page.name}: no marks for the table of {name}")
        text = f"{before}{begin}{markdown}\n{end}{after}"
    return text


if __name__ == "__main__":
    PAGE.write_text(with_tables(PAGE, tables()), encoding="utf-8")
