"""Labelled results of a run: the store, the tidy tables and the manifest."""

from sim.results.manifest import Timing
from sim.results.store import Run, find_runs, load_run, run_id, save

__all__ = ["Run", "Timing", "find_runs", "load_run", "run_id", "save"]
