"""Hand the model to an exploratory workbench: parameters in, outcomes out, one function between them.

With the EMA workbench installed (``pip install ema_workbench``) its own sampling and its own evaluators
drive the model; without it a Latin hypercube of scipy does the same. Run with

    python examples/workbench.py
"""

from __future__ import annotations

from functools import partial
from importlib.util import find_spec

import numpy as np

import sim

GOOD = "dysprosium_oxide"
UNCERTAIN = {"events__licence__approval_share": (0.0, 0.8), "assumptions__thrift_speed": (0.1, 0.6)}
OUTCOMES = [f"peak_price_ratio__{GOOD}", f"unmet_tonnes__{GOOD}"]
EXPERIMENTS = 24

licence = partial(
    sim.run_parameters, "ree-licence-2025", "minerals=[dysprosium]", "time.end=2026-12", goods=[GOOD]
)


def with_workbench() -> dict[str, np.ndarray]:
    """Experiments drawn and run by the EMA workbench."""
    import ema_workbench as ema

    model = ema.Model("licence", function=licence)
    model.uncertainties = [ema.RealParameter(name, low, high) for name, (low, high) in UNCERTAIN.items()]
    model.outcomes = [ema.ScalarOutcome(name) for name in OUTCOMES]
    experiments, outcomes = ema.perform_experiments(model, EXPERIMENTS)
    return {name: np.asarray(experiments[name]) for name in UNCERTAIN} | dict(outcomes)


def without_workbench() -> dict[str, np.ndarray]:
    """The same with a Latin hypercube of scipy."""
    from scipy.stats import qmc

    low, high = np.array(list(UNCERTAIN.values())).T
    points = qmc.scale(qmc.LatinHypercube(d=len(UNCERTAIN), rng=1).random(EXPERIMENTS), low, high)
    rows = [licence(**dict(zip(UNCERTAIN, point.tolist(), strict=True))) for point in points]
    drawn = dict(zip(UNCERTAIN, points.T, strict=True))
    return drawn | {name: np.array([row[name] for row in rows]) for name in OUTCOMES}


def main() -> dict[str, np.ndarray]:
    """Run the experiments; say how the peak price hangs on each parameter."""
    found = with_workbench() if find_spec("ema_workbench") else without_workbench()
    peak = found[OUTCOMES[0]]
    print(f"peak price of {GOOD}: {peak.min():.1f} to {peak.max():.1f} times its base price")
    for name in UNCERTAIN:
        print(f"  correlation with {name}: {np.corrcoef(found[name], peak)[0, 1]:+.2f}")
    return found


if __name__ == "__main__":
    main()
