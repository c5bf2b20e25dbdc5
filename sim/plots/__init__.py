"""Pictures of runs beside their baseline, for 1 to 8 scenarios of any number of members, and of sweeps.

Three steps, each of use without the next::

    lined = line_up(runs, "baseline-2024")       # pairs, names and colours, the same in every picture
    for kind in kinds():
        measured = kind.measure(lined.of("dysprosium_oxide"))
        measured.table                            # the numbers, a DataFrame; what the CSV holds
        measured.title, measured.words            # the finding; a text for who does not see the picture
        if not measured.nothing:                  # else a sentence that says why there is no picture
            figure = kind.draw(measured)          # a matplotlib Figure
            svg_text(figure)                      # for a page
            save_picture(figure, folder, name, measured.title, measured.table)

:func:`draw_all` does all of it for some goods.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.plots.case import line_up
    from sim.plots.draw import draw_all
    from sim.plots.pictures import kinds
    from sim.plots.style import save_picture, svg_text

__all__ = ["draw_all", "kinds", "line_up", "save_picture", "svg_text"]

HOMES = {
    "draw_all": "sim.plots.draw", "kinds": "sim.plots.pictures", "line_up": "sim.plots.case",
    "save_picture": "sim.plots.style", "svg_text": "sim.plots.style",
}  # fmt: skip


def __getattr__(name: str) -> Any:
    """Matplotlib takes a second to import: only once a picture is wanted."""
    if name not in HOMES:
        raise AttributeError(f"module 'sim.plots' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(HOMES[name]), name)
