"""All pictures of a search for parameters, and what they share."""

from __future__ import annotations

from pathlib import Path

from sim.past.search import Found
from sim.plots.identifiability import draw_identifiability
from sim.plots.influence import draw_influence
from sim.plots.residuals import draw_residuals
from sim.plots.style import Picture

__all__ = ["draw_calibration"]


def draw_calibration(found: Found, directory: Path) -> list[Picture]:
    """Draw what the episodes say of each parameter, what the distance depends on, and residuals.

    Raises:
        MonaziteError: the directory cannot be written.
    """
    return [draw(found, directory) for draw in (draw_identifiability, draw_influence, draw_residuals)]
