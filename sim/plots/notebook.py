"""Results compared in a notebook: ``sim.run(...).compare(...)``, the table, and ``.plot`` with the pictures.

Imported, it gives every xarray dataset ``compare`` (https://docs.xarray.dev/en/stable/internals/extending-xarray.html);
``sim.run`` imports it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

import xarray as xr

from sim.errors import MonaziteError, did_you_mean

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

    from sim.analysis.baselines import Group
    from sim.analysis.comparison import Comparison
    from sim.plots.case import LineUp
    from sim.plots.pictures import Measured
    from sim.plots.style import Picture
    from sim.results import Run

# Imports stand inside the functions: whoever runs without comparing need not wait for them.

__all__ = ["Beside", "Drawing", "Pictures"]

GOODS_SHOWN = 2
"""Goods compared when none is asked for: those whose price moved most."""


@dataclass(frozen=True)
class Drawing:
    """A picture that a notebook shows: its finding, its numbers, its figure.

    Attributes:
        name: of its files.
        measured: what it shows.
        figure: of matplotlib; None where there is nothing to draw, of which ``title`` says why.
    """

    name: str
    measured: Measured
    figure: Figure | None

    @property
    def title(self) -> str:
        """The finding, or why there is no picture."""
        return self.measured.nothing or self.measured.title

    @property
    def table(self) -> pd.DataFrame:
        """Every number that is drawn."""
        return self.measured.table

    def save(self, directory: str | Path) -> Picture:
        """Write PNG, SVG and CSV.

        Raises:
            MonaziteError: there is nothing to draw, or the directory cannot be written.
        """
        from sim.plots.style import save_picture

        if self.figure is None:
            raise MonaziteError(f"there is no picture to save: {self.title}")
        return save_picture(self.figure, Path(directory), self.name, self.title, self.table)

    def __repr__(self) -> str:
        return self.title

    def _repr_png_(self) -> bytes | None:
        from sim.plots import style

        return None if self.figure is None else style.png_bytes(self.figure, style.RESOLUTION)


class Pictures:
    """The pictures of a comparison, each a method: ``price()``, ``map("dysprosium")``, ..."""

    def __init__(self, beside: Beside) -> None:
        self._beside = beside

    def __dir__(self) -> list[str]:
        from sim.plots import kinds

        return [*super().__dir__(), *(kind.name for kind in kinds())]

    def __getattr__(self, name: str) -> Callable[..., Drawing]:
        if name.startswith("_"):
            raise AttributeError(name)
        from sim.plots import kinds

        kind = next((kind for kind in kinds() if kind.name == name), None)
        if kind is None:
            names = [kind.name for kind in kinds()]
            say = did_you_mean(name, names) or f"there are {', '.join(names)}"
            raise AttributeError(f"there is no picture '{name}'; {say}")

        def draw(good: str = "") -> Drawing:
            from sim.plots.style import file_name

            meant = self._beside.meant([good])[0] if good else self._beside.goods[0]
            measured = kind.measure(self._beside.lined.of(meant))
            figure = None if measured.nothing else kind.draw(measured)
            return Drawing(file_name(kind.name, meant), measured, figure)

        draw.__name__, draw.__doc__ = kind.name, f"{kind.sentence}; of the first good where none is named."
        return draw


class Beside:
    """Results beside their baseline.

    Attributes:
        group: the baseline and what is compared with it.
        goods: by id, one section of the table each; the first is drawn where none is named.
    """

    def __init__(self, group: Group, goods: Sequence[str]) -> None:
        from sim.analysis.paired import moved_most

        self.group = group
        self.goods = tuple(self.meant(goods) if goods else moved_most(group, GOODS_SHOWN))

    def meant(self, names: Sequence[str]) -> list[str]:
        """Ids of goods by id, mineral or a word of the name.

        Raises:
            MonaziteError: a name means none.
        """
        from sim.analysis.select import goods_meant

        first = min(self.group.together, key=lambda run: run.dataset.sizes["good"])
        return goods_meant(first.dataset, names, "good")

    @cached_property
    def comparison(self) -> Comparison:
        """What ``monazite compare`` prints, as numbers."""
        from sim.analysis.paired import compare_group

        return compare_group(self.group, self.goods)

    @property
    def table(self) -> pd.DataFrame:
        """One row for each measure and scenario, as ``monazite compare --table csv`` has them."""
        from sim.analysis.comparison_tables import tidy

        return tidy([self.comparison])

    @property
    def plot(self) -> Pictures:
        """The pictures."""
        return Pictures(self)

    @cached_property
    def lined(self) -> LineUp:
        """What all pictures are drawn from."""
        from sim.plots import line_up

        return line_up(self.group.together, self.group.baseline.scenario)

    def __repr__(self) -> str:
        from sim.analysis.text import comparison_table

        return comparison_table(self.comparison)

    def _repr_html_(self) -> str:
        from sim.analysis.comparison_tables import html

        return html([self.comparison])


@xr.register_dataset_accessor("compare")  # type: ignore[no-untyped-call]
class _Compare:
    """Compare results with others of the same draws; see :meth:`__call__`."""

    def __init__(self, dataset: xr.Dataset) -> None:
        self._dataset = dataset

    def __call__(
        self, *others: xr.Dataset, vs: str | None = None, good: str | Sequence[str] = (),
        **called: xr.Dataset,
    ) -> Beside:  # fmt: skip
        """These results and others, each beside its baseline.

        Args:
            others: results of :func:`sim.run`, of as many members with the same seed.
            vs: name of the baseline; what each scenario names under ``compare_to`` where None, else the only
                one in which no event acts.
            good: goods by id, mineral or a word of the name; those whose price moved most where empty.
            called: more of them, by a name that sets them apart: a second run of the same scenario.

        Raises:
            MonaziteError: no baseline among them, more than one, two results of the same name, results that
                are not paired, or an unknown good.
        """
        from sim.analysis.baselines import NoBaselineError, groups

        runs = [_run(self._dataset), *map(_run, others)]
        runs += [_run(data, name.replace("_", " ")) for name, data in called.items()]
        names = [run.scenario for run in runs]
        for name in names:
            if names.count(name) > 1:
                say = "give each but one a name: compare(..., half=results)"
                raise MonaziteError(f"several results are called '{name}'; {say}")
        try:
            found = groups(runs, vs)
        except NoBaselineError as missing:
            named = " and ".join(f"'{name}'" for name in missing.wanted)
            what = f"results of {named}" if named else "results without an event"
            there = ", ".join(names)
            raise MonaziteError(
                f"the baseline is missing: compare with {what}, or name one of {there}: vs='...'"
            ) from None
        if len(found) > 1:
            several = " and ".join(group.baseline.scenario for group in found)
            raise MonaziteError(f"these results have several baselines, {several}; name one: vs='...'")
        return Beside(found[0], [good] if isinstance(good, str) and good else list(good))


def _run(dataset: xr.Dataset, label: str = "") -> Run:
    """Results as if they were stored, without a folder.

    Raises:
        MonaziteError: they are none of a run.
    """
    from sim.results import Run

    attributes = getattr(dataset, "attrs", {})
    if "scenario" not in attributes or "events" not in attributes:
        say = "give what sim.run returned, or the dataset of a stored run"
        raise MonaziteError(f"{type(dataset).__name__}: no results of a run; {say}")
    scenario, label = str(attributes["scenario"]), label or str(attributes.get("variant", ""))
    manifest = {
        **{key: attributes[key] for key in ("title", "base_year", "seed", "members")},
        "scenario": f"{scenario} {label}" if label else scenario,
        "compare_to": attributes.get("compare_to") or None, "version": metadata.version("monazite"),
        **({"sweep": {"scenario": scenario, "label": label}} if label else {}),
    }  # fmt: skip
    return Run(Path(str(manifest["scenario"])), manifest, dataset)
