"""Read a stored sweep."""

from __future__ import annotations

import io
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sim.analysis.metrics import peak_multiple
from sim.errors import MonaziteError
from sim.files import read_bytes
from sim.paths import outputs_directory, shown
from sim.results.store import load_run
from sim.sweep.kept import OUTCOMES
from sim.sweep.plan import Plan, plan_of
from sim.sweep.stored import read_sweep_file

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

__all__ = ["StoredAxis", "Sweep", "find_sweep", "open_sweep"]


@dataclass(frozen=True)
class StoredAxis:
    """What varied: see :class:`sim.scenario.sweep_spec.Axis`."""

    path: str
    kind: str
    dimension: str
    levels: tuple[str, ...]
    structural: bool
    bounds: tuple[float, float]


@dataclass(frozen=True)
class Sweep:
    """A stored sweep, complete or not."""

    directory: Path
    content: dict[str, Any]
    """``sweep.json``."""

    @property
    def id(self) -> str:
        """Eight hexadecimal digits."""
        return str(self.content["id"])

    @property
    def name(self) -> str:
        """Name of its folder."""
        return self.directory.name

    @property
    def complete(self) -> bool:
        """Whether every run is there, tables and all."""
        return (self.directory / "summary.json").is_file()

    @property
    def method(self) -> str:
        """``replicates``, ``grid``, ``zip``, ``lhs``, ``sobol``, ``saltelli`` or ``morris``."""
        return str(self.content["method"])

    @property
    def samples(self) -> int:
        """Points of the design."""
        return int(self.content["samples"])

    @property
    def seeds(self) -> int:
        """Members of each sample."""
        return int(self.content["seeds"])

    @property
    def options(self) -> dict[str, Any]:
        """Further settings of the design: ``second_order``, ``levels``."""
        return dict(self.content["options"])

    @property
    def variants(self) -> tuple[str, ...]:
        """Folders of its resolved scenarios."""
        return tuple(str(variant["name"]) for variant in self.content["variants"])

    @property
    def axes(self) -> tuple[StoredAxis, ...]:
        """What varied, in order."""
        return tuple(
            StoredAxis(
                a["path"], a["kind"], a["dimension"], tuple(a["values"]), bool(a["structural"]),
                (float(a["bounds"][0]), float(a["bounds"][1])),
            )
            for a in self.content["axes"]
        )  # fmt: skip

    @cached_property
    def failed(self) -> frozenset[int]:
        """Runs that failed."""
        from sim.sweep.stored import read_journal

        entries = read_journal(self.directory / "journal.jsonl").values()
        return frozenset(run for entry in entries for run in entry.failed)

    @cached_property
    def design(self) -> pd.DataFrame:
        """One row per run and point of the design that it stands for (``docs/results.md``)."""
        import pandas as pd

        path = self.directory / "design.parquet"
        try:
            frame = pd.read_parquet(io.BytesIO(read_bytes(path)))
            missing = {"run", "variant", "scenario", "sample", "replicate"} - set(frame.columns)
            if missing:
                raise ValueError(f"without columns {sorted(missing)}")
            if frame["run"].nunique() != self.content["runs"]:
                raise ValueError(f"{frame['run'].nunique()} runs in place of {self.content['runs']}")
        except (OSError, ValueError, KeyError, TypeError, OverflowError) as error:
            raise MonaziteError(
                f"{shown(path)}: is damaged ({str(error)[:200]}); mend it by: monazite resume {self.id}"
            ) from None
        frame["failed"] = frame["run"].isin(self.failed)
        return frame

    def dataset(self, variant: str) -> xr.Dataset:
        """Labelled arrays of one variant, read from disk when they are used.

        Raises:
            MonaziteError: there is no such variant, or the sweep is not complete.
        """
        if variant not in self.variants:
            known = ", ".join(self.variants)
            raise MonaziteError(f"{shown(self.directory)}: no variant '{variant}'; there are {known}")
        if not self.complete:
            raise MonaziteError(f"{shown(self.directory)}: not complete; monazite resume {self.id}")
        runs = self.design["run"][self.design["variant"] == variant]
        if self.failed and self.failed.issuperset(runs):
            errors = f"{shown(self.directory)}/errors"
            raise MonaziteError(f"every run of {variant} failed; see {errors} for the reasons")
        return load_run(self.directory / variant).dataset

    def outcomes(self, scenario: str | None = None) -> xr.Dataset:
        """Measures of each run and good, (run, good): peak and mean price, unmet and required tonnes.

        Args:
            scenario: only runs of this scenario; all where None.
        """
        import xarray as xr

        names = [
            str(v["name"]) for v in self.content["variants"] if scenario is None or v["scenario"] == scenario
        ]
        if not names:
            raise MonaziteError(f"{shown(self.directory)}: holds no run of '{scenario}'")
        parts = []
        for name in names:
            data = self.dataset(name)
            axes = ("run", "good")
            part = xr.Dataset(
                {name: (axes, data[name].values.astype("float64"), data[name].attrs) for name in OUTCOMES},
                coords={"run": data["run"].values, "good": data["good"].values},
            )
            multiple = peak_multiple(part["peak_price_outside"].values, data["good_base_price"].values)
            text = {"units": "1", "long_name": "peak price over base price"}
            part["peak_price_ratio"] = (axes, multiple, text)
            parts.append(part)
        together = parts[0] if len(parts) == 1 else xr.concat(parts, dim="run", join="outer")
        return together.sortby("run")

    def problem(self) -> dict[str, Any]:
        """The design as SALib wants it: on the unit cube, from which values are taken by quantile."""
        paths = [axis.path for axis in self.axes]
        return {"num_vars": len(paths), "names": paths, "bounds": [[0.0, 1.0]] * len(paths)}

    def plan(self) -> Plan:
        """The plan that made it.

        Raises:
            MonaziteError: scenario, world or program have changed since.
        """
        plan = plan_of(self.content["request"])
        if plan.id == self.id:
            return plan
        before = {v["name"]: v["digest"] for v in self.content["variants"]}
        changed = sorted(v.name for v in plan.variants if before.get(v.name) != v.digest)
        raise MonaziteError(
            f"{shown(self.directory)}: scenario, world data or program have changed since this sweep "
            f"was begun ({', '.join(changed) or 'its design'}); go back to that, or start a new sweep"
        )


def find_sweep(name: str | Path, out: Path | None = None) -> Path:
    """The folder of a sweep: a path, or an id (or its beginning) in the folder of sweeps.

    Raises:
        MonaziteError: there is none, or more than one.
    """
    path = Path(name)
    if (path / "sweep.json").is_file():
        return path
    top = out if out is not None else outputs_directory()
    if (top / path / "sweep.json").is_file():
        return top / path
    found = sorted(p.parent for p in top.glob("*/sweep.json"))
    hits = [p for p in found if p.name.rpartition("-")[2].startswith(str(name))] if str(name) else []
    if len(hits) == 1:
        return hits[0]
    if hits:
        raise MonaziteError(f"'{name}' may be any of {', '.join(p.name for p in hits)}; write more of it")
    known = ", ".join(p.name for p in found[-5:]) or "none"
    raise MonaziteError(f"there is no sweep '{name}' in {shown(top)}; there are: {known}")


def open_sweep(name: str | Path, out: Path | None = None) -> Sweep:
    """Open a sweep by folder or id.

    Raises:
        MonaziteError: there is none, or it was written by a newer program.
    """
    directory = find_sweep(name, out)
    content, request = read_sweep_file(directory / "sweep.json")
    return Sweep(directory, {**content, "request": request.model_dump(exclude_none=False)})
