"""What the pictures of a search have in common: names of parameters, the footer, rows of bars."""

from __future__ import annotations

from matplotlib.axes import Axes

from sim.past.search import Found
from sim.plots.style import INK

__all__ = ["ROW_INCHES", "note", "parameter_rows", "plain"]

ROW_INCHES = 0.36


def note(found: Found, draws: str) -> str:
    """Where the numbers come from."""
    request = found.request
    return (
        f"{draws} Search of {request.draws:,} draws, seed {request.seed}, {len(request.parameters)} "
        f"parameters, {len(request.targets)} targets; Monazite {request.model['version']}. Targets and "
        "their sources: data/raw/targets/episode_targets.csv."
    )


def plain(parameter: str) -> str:
    """A parameter's name as a reader's words."""
    return parameter.replace("_", " ")


def parameter_rows(axes: Axes, names: list[str], shown: bool) -> None:
    """One row for each parameter, the first on top; names where ``shown``."""
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), [plain(name) for name in names] if shown else [])
    axes.tick_params(axis="y", length=0, labelcolor=INK, labelsize=10)
    axes.grid(axis="x")
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
