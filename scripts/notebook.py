"""The notebook of examples/, run and written: ``python -m scripts.notebook``.

Its cells stand here as text, and run without Jupyter. Each is run as a notebook would: what it prints, and
what its last line gives, is kept as its output. The file follows format 4.5 of
nbformat (https://nbformat.readthedocs.io/en/latest/format_description.html).
"""

from __future__ import annotations

import ast
import base64
import io
import json
import os
import tempfile
import textwrap
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sim.plots.style
from sim.files import write_whole

__all__ = ["CELLS", "TARGET", "Cell", "notebook", "run_cell", "run_cells"]

TARGET = Path(__file__).resolve().parents[1] / "examples" / "first_finding.ipynb"
FORMAT = (4, 5)
DOTS_PER_INCH = 110
"""Of pictures in the notebook: it is kept in the repository."""


@dataclass(frozen=True)
class Cell:
    """One cell: an id that lasts, ``markdown`` or ``code``, and its text."""

    id: str
    kind: str
    source: str


def _text(id_: str, source: str) -> Cell:
    return Cell(id_, "markdown", textwrap.dedent(source).strip())


def _code(id_: str, source: str) -> Cell:
    return Cell(id_, "code", textwrap.dedent(source).strip())


CELLS: tuple[Cell, ...] = (
    _text("title", """
        # From a scenario to a finding

        In April 2025 China put exports of heavy rare earths under licence. What does Monazite make of that
        for dysprosium? Everything here works in a script, too. The notebook is run and written by
        `python -m scripts.notebook`. Model results, not forecasts.
    """),
    _text("scenario-text", """
        ## The scenario

        A scenario is a YAML file. Overrides have the grammar of the command line; here they cut the world
        down to one mineral and the run to two and a half years, so that each cell takes seconds.
    """),
    _code("scenario", """
        import sim

        overrides = ["minerals=[dysprosium]", "time.end=2026-06-30"]
        scenario = sim.load("ree-licence-2025", *overrides)
        print(scenario.title)
        for event in scenario.events:
            print(f"{event.from_}  {event.id}: {type(event).__name__}")
    """),
    _text("run-text", """
        ## Two runs, paired

        `sim.run` gives an xarray dataset. Members of the same number have the same draws in both runs, so
        each is compared with its own counterpart and chance cancels. Member 0 is the central run.
    """),
    _code("run", """
        members = 35
        calm = sim.run("baseline-2024", *overrides, members=members)
        licence = sim.run(scenario, members=members)

        ratio = (licence.price_outside / calm.price_outside).sel(good="dysprosium_oxide")
        band = ratio.quantile([0.1, 0.5, 0.9], dim="member").sel(time=slice("2025-03", "2025-12"))
        band.round(2).to_pandas().T
    """),
    _text("short-text", """
        ## Who runs short

        Shortfall and requirement are tonnes by step and user; labels say of which good, country and sector.
    """),
    _code("short", """
        mine = licence.need_good == "dysprosium_oxide"
        by_country = (
            licence[["shortfall", "requirement"]]
            .isel(need=mine.values)
            .sel(time="2025")
            .sum("time")
            .groupby("need_country")
            .sum("need")
        )
        lacked = (100 * by_country.shortfall / by_country.requirement).median("member").to_series()
        lacked.sort_values(ascending=False).head(5).astype(float).round(1).rename("% of need unmet, 2025")
    """),
    _text("compare-text", """
        ## The same as `monazite compare` has it

        Runs that are stored can be compared, explained and sent as a page. This is the table of
        `monazite compare`: medians with the 10th to 90th percentile over paired members.
    """),
    _code("compare", """
        from pathlib import Path

        from sim.analysis.paired import compare
        from sim.analysis.text import comparison_table
        from sim.commands.run import Settings, run_scenarios
        from sim.results import find_runs

        names = ["baseline-2024", "ree-licence-2025"]
        settings = Settings(members, out=Path("outputs"), campaign="first-finding")
        runs = find_runs(run_scenarios(names, overrides, settings))
        print(comparison_table(compare(runs, "baseline-2024", ["dysprosium_oxide"])))
    """),
    _text("picture-text", """
        ## A picture, with its numbers

        What a picture shows is measured first, as a table, and drawn from that table alone. Saving it writes
        PNG, SVG and CSV.
    """),
    _code("picture", """
        from sim.plots import kinds, line_up, save_picture

        case = line_up(runs, "baseline-2024").of("dysprosium_oxide")
        price = next(kind for kind in kinds() if kind.name == "price")
        measured = price.measure(case)
        save_picture(price.draw(measured), Path("outputs"), "price", measured.title, measured.table)
    """),
    _text("next", """
        ## Next

        - `monazite explain outputs/first-finding`: which event did how much, and how the price came about
        - `monazite report outputs/first-finding`: all of it on one page that can be sent
        - [What to doubt](../docs/validation.md): how far the model was off in episodes of the past
        - [Which assumption matters](../docs/how-to/sensitivity.md), and which ranges lead to a bad outcome
    """),
)


def run_cell(source: str, names: dict[str, Any]) -> tuple[str, Any]:
    """Run one cell as a notebook does.

    Args:
        source: of the cell.
        names: what earlier cells have made; changed.

    Returns:
        What it printed, and the value of its last line if that is an expression.
    """
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed, value = io.StringIO(), None
    with redirect_stdout(printed):
        exec(compile(tree, "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    return printed.getvalue(), value


def run_cells(cells: Sequence[Cell] = CELLS) -> dict[str, tuple[str, Any]]:
    """Run all cells of code one after the other, in the current folder; id -> printed, value."""
    names: dict[str, Any] = {"__name__": "__main__"}
    return {cell.id: run_cell(cell.source, names) for cell in cells if cell.kind == "code"}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def _outputs(printed: str, value: Any, count: int) -> list[dict[str, Any]]:
    """Outputs of a cell as nbformat has them."""
    found: list[dict[str, Any]] = []
    if printed:
        found.append({"output_type": "stream", "name": "stdout", "text": _lines(printed)})
    if value is not None:
        data: dict[str, Any] = {"text/plain": _lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = _lines(value._repr_html_())
        if hasattr(value, "_repr_png_"):
            # Paths are those of the machine that wrote the notebook.
            data = {"text/plain": [value.title], "image/png": base64.b64encode(value._repr_png_()).decode()}
        found.append(
            {"output_type": "execute_result", "execution_count": count, "data": data, "metadata": {}}
        )
    return found


def notebook(made: dict[str, tuple[str, Any]]) -> dict[str, Any]:
    """The notebook as JSON, with the outputs of its cells."""
    cells: list[dict[str, Any]] = []
    count = 0
    for cell in CELLS:
        source = _lines(cell.source)
        entry: dict[str, Any] = {"id": cell.id, "cell_type": cell.kind, "metadata": {}, "source": source}
        if cell.kind == "code":
            count += 1
            entry |= {"execution_count": count, "outputs": _outputs(*made[cell.id], count)}
        cells.append(entry)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": FORMAT[0], "nbformat_minor": FORMAT[1]}


def main() -> None:
    """Run the cells in a folder of their own, and write the notebook."""
    sim.plots.style.RESOLUTION = DOTS_PER_INCH
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        try:
            # The folder goes with its pictures, so the notebook is made inside.
            text = json.dumps(notebook(run_cells()), indent=1, ensure_ascii=False) + "\n"
        finally:
            os.chdir(here)
    write_whole(TARGET, text.encode("utf-8"))
    print(f"{TARGET.name}: {len(text) / 1000:.0f} kB")


if __name__ == "__main__":
    main()
