"""Sweeps: designs, stacked execution, a store that loses nothing, executors.

The public names load on use, since they bring numpy, zarr and pandas along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sim.sweep.execute import run_plan
    from sim.sweep.executors import ExecutorSettings
    from sim.sweep.interface import run_parameters
    from sim.sweep.plan import Plan, make_plan
    from sim.sweep.read import Sweep, open_sweep
    from sim.sweep.request import Keeping, Request, Sampling

__all__ = [
    "ExecutorSettings", "Keeping", "Plan", "Request", "Sampling", "Sweep",
    "make_plan", "open_sweep", "run_parameters", "run_plan",
]  # fmt: skip

HOMES = {
    "ExecutorSettings": "sim.sweep.executors",
    "Keeping": "sim.sweep.request",
    "Request": "sim.sweep.request",
    "Sampling": "sim.sweep.request",
    "Plan": "sim.sweep.plan",
    "make_plan": "sim.sweep.plan",
    "Sweep": "sim.sweep.read",
    "open_sweep": "sim.sweep.read",
    "run_parameters": "sim.sweep.interface",
    "run_plan": "sim.sweep.execute",
}


def __getattr__(name: str) -> Any:
    if name not in HOMES:
        raise AttributeError(f"module 'sim.sweep' has no attribute '{name}'")
    import importlib

    return getattr(importlib.import_module(HOMES[name]), name)
