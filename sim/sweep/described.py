"""What a sweep is, in files of its own: ``sweep.json``, the design, what went wrong in a run."""

from __future__ import annotations

import io
import json
from importlib import metadata
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from sim.results.resolved import plain
from sim.sweep.plan import FORMAT, Plan, Variant

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["design_frame", "design_table", "error_text", "parquet", "sweep_file"]


def parquet(frame: pd.DataFrame) -> bytes:
    """The table as the bytes of a Parquet file."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    target = io.BytesIO()
    table = pa.Table.from_pandas(frame, preserve_index=False)
    pq.write_table(table, target, compression="zstd", row_group_size=200_000)
    return target.getvalue()


def sweep_file(plan: Plan) -> bytes:
    """``sweep.json``: what was asked for and what came of it."""
    content = {
        "format": FORMAT,
        "id": plan.id,
        "title": plan.title,
        "version": metadata.version("monazite"),
        "runs": plan.total,
        "method": plan.method,
        "samples": len(plan.unit),
        "seeds": plan.design.seeds,
        "seed": plan.seed,
        "options": {"second_order": plan.design.second_order, "levels": plan.design.levels},
        "block": plan.block,
        "full": plan.full,
        "axes": [
            {
                "path": axis.path, "kind": axis.kind, "dimension": axis.dimension, "values": list(axis.texts),
                "structural": axis.structural, "bounds": list(axis.bounds),
            }
            for axis in plan.axes
        ],
        "variants": [
            {
                "name": v.name, "scenario": v.scenario.name, "label": v.label, "levels": dict(v.levels),
                "runs": len(v.runs),
                "digest": v.digest, "overrides": list(v.source.overrides),
            }
            for v in plan.variants
        ],
        "request": plain(plan.request),
    }  # fmt: skip
    return json.dumps(content, indent=1, ensure_ascii=False).encode() + b"\n"


def design_frame(plan: Plan) -> pd.DataFrame:
    """One row per run and point of the design, ordered by run: variant, member, sample, replicate, number,
    seed, values. A run of a scenario that lacks some of what varies stands for several points.

    A varied path has two columns: its value in the unit inside the model (the text of a structural
    one), and under ``u:<path>`` its place on the unit cube.
    """
    import pandas as pd

    parts = []
    for variant in plan.variants:
        member, sample = _points(variant)
        columns: dict[str, Any] = {
            "run": variant.runs[member],
            "variant": variant.name,
            "scenario": variant.scenario.name,
            "member": member,
            "sample": sample,
            "replicate": variant.replicate[member],
            "number": variant.number[member],
            "seed": variant.seed[member],
        }
        for i, axis in enumerate(plan.axes):
            value = variant.values.get(axis.path)
            if axis.structural:
                texts = [variant.levels.get(axis.path)] * len(member)
                columns[axis.path] = pd.array(texts, dtype="string")
            else:
                columns[axis.path] = np.full(len(member), np.nan) if value is None else value[member]
            columns[f"u:{axis.path}"] = plan.unit[sample, i]
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True).sort_values(["run", "sample"], ignore_index=True)


def _points(variant: Variant) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Member and sample of each point of the design that a variant has results for, by replicate."""
    if not len(variant.stands_for):
        return np.arange(len(variant.runs)), np.asarray(variant.sample, dtype=np.int64)
    samples = variant.samples
    count = int(variant.replicate.max()) + 1
    first = np.searchsorted(variant.sample[::count], variant.stands_for[samples]) * count
    member = (first[:, None] + np.arange(count)).ravel()
    return member, np.repeat(samples, count)


def design_table(plan: Plan) -> bytes:
    """``design.parquet``."""
    return parquet(design_frame(plan))


def error_text(plan: Plan, run: int, trace: str) -> bytes:
    """``errors/<run>.txt``."""
    variant, row = plan.find(run)
    lines = [
        f"run {run} of sweep {plan.id} failed",
        f"variant {variant.name}, sample {variant.sample[row]}, replicate {variant.replicate[row]}, "
        f"member number {variant.number[row]}, seed {variant.seed[row]}",
        *(f"{path} = {float(values[row])!r}" for path, values in variant.values.items()),
        "",
        "repeat it, stopping where it fails:",
        f"    monazite rerun {plan.id}/{run} --debug",
        "",
        trace,
    ]
    return "\n".join(lines).encode()
