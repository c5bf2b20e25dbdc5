"""What the episodes say of each parameter, and what they do not: tables behind the pictures of a search."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pandas as pd

from sim.analysis.indices import Design, analyse
from sim.past.posterior import residual, weighted_quantile
from sim.past.search import Found

__all__ = ["STILL", "correlations", "influence", "residuals"]

Values = npt.NDArray[np.float64]
STILL = 0.05
"""Half band widths: a target all of whose draws lie closer together counts as moved by nothing."""


def correlations(found: Found) -> pd.DataFrame:
    """Rank correlation of each parameter (rows) with each target (columns) over the hypercube.

    NaN for a target that does not move: its ranks would be those of rounding. No value ranks lowest.
    """
    from scipy.stats import rankdata

    sample, targets = found.first_round, found.request.targets
    table = np.full((len(sample.parameters), len(targets)), np.nan)
    for j, target in enumerate(targets):
        column = sample.statistics[:, j]
        apart = [residual(value, target) for value in column.tolist()]
        if max(apart) - min(apart) < STILL:
            continue
        ranks = rankdata(np.where(np.isfinite(column), column, -np.inf))
        for i in range(len(sample.parameters)):
            table[i, j] = np.corrcoef(rankdata(sample.unit[:, i]), ranks)[0, 1]
    return pd.DataFrame(table, index=list(sample.parameters), columns=list(sample.targets))


def influence(found: Found) -> pd.DataFrame:
    """What distance and score depend on, the parameter with the widest swing of the distance first.

    Columns: ``S1`` share of the distance's variance over the hypercube that goes when the parameter alone is
    known, with ``S1_conf`` (95 %, NaN with few draws); ``PRCC`` and ``PRCC_conf``; ``distance_low``,
    ``distance_high``, ``score_low``, ``score_high`` with the parameter alone at an end of its prior and all
    others at their medians; ``distance``, ``score`` with all at their medians.
    """
    sample = found.first_round
    design = Design("lhs", sample.parameters, sample.unit)
    indices = analyse(design, sample.distances)
    table = pd.DataFrame(indices.values, index=list(sample.parameters), columns=list(indices.columns))
    central = found.ends[0]
    for word in ("distance", "score"):
        for end in ("low", "high"):
            at = {row["parameter"]: row[word] for row in found.ends if row["end"] == end}
            table[f"{word}_{end}"] = [at[name] for name in table.index]
        table[word] = central[word]
    ends = table[["distance_low", "distance_high"]].to_numpy()
    swing = np.abs(ends - central["distance"]).sum(axis=1)
    return table.iloc[np.argsort(-swing, kind="stable")]


def residuals(found: Found) -> pd.DataFrame:
    """Per target the model against what was observed, in half widths of the band, over the posterior.

    Columns: episode, target, text, ``p10``, ``median``, ``p90``, the band as ``low`` and ``high``,
    ``central`` with all parameters at their medians. Rows in the order of episodes and targets.
    """
    weights = [row["weight"] for row in found.rows]
    lines = []
    for target in found.request.targets:
        apart = [residual(row[target.id], target) for row in found.rows]
        p10, median, p90 = (weighted_quantile(apart, weights, share) for share in (0.1, 0.5, 0.9))
        lines.append({
            "episode": target.episode, "target": target.id, "text": target.text, "p10": p10, "median": median,
            "p90": p90, "low": residual(target.low, target), "high": residual(target.high, target),
            "central": residual(found.ends[0][target.id], target),
        })  # fmt: skip
    return pd.DataFrame(lines)
