"""Hydra's multirun of Monazite: all jobs become one sweep, whose members are simulated as one array.

``python -m sim -m scenario=a,b 'seed=range(0,50)'`` takes this launcher by default; ``hydra/launcher=joblib``
or ``submitit_slurm`` starts one process for each job instead, each with a campaign of its own.
"""

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.utils import JobReturn, JobStatus, setup_globals
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

OWN = ("scenario", "seed", "members")
SINGLE = ("out", "full", "quiet")


@dataclass
class StackedLauncherConfig:
    """Where the sweep is computed: see ``monazite sweep --help``."""

    _target_: str = "hydra_plugins.monazite_launcher.StackedLauncher"
    executor: str | None = None
    workers: int | None = None
    batch: int | None = None
    address: str | None = None


ConfigStore.instance().store(group="hydra/launcher", name="stacked", node=StackedLauncherConfig)


class StackedLauncher(Launcher):
    """Runs all jobs of a batch as one sweep; every job returns its folder."""

    def __init__(self, **settings: Any) -> None:
        self.settings = settings
        self.config: DictConfig | None = None

    def setup(self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig) -> None:
        """Called by Hydra before the jobs are launched."""
        self.config = config

    def launch(self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int) -> Sequence[JobReturn]:
        """Run the jobs."""
        from sim.errors import MonaziteError
        from sim.paths import shown

        setup_globals()
        assert self.config is not None
        base = OmegaConf.to_container(OmegaConf.masked_copy(self.config, [*OWN, *SINGLE]), resolve=True)
        assert isinstance(base, dict)
        try:
            reports = self._run(job_overrides, {str(key): value for key, value in base.items()})
        except MonaziteError as error:
            # Hydra would print it as a traceback.
            print(str(error), file=sys.stderr)
            sys.exit(error.exit_code)
        for report in dict.fromkeys(reports):
            print(f"{report.done} of {report.total} runs in {shown(report.directory)}")
            if report.signal:
                sys.exit(128 + report.signal)
        return [
            JobReturn(
                overrides=list(overrides),
                working_dir=str(report.directory),
                _return_value=str(report.directory),
                status=JobStatus.COMPLETED,
            )
            for overrides, report in zip(job_overrides, reports, strict=True)
        ]

    def _run(self, job_overrides: Sequence[Sequence[str]], base: dict[str, Any]) -> list[Any]:
        """One report for each job: of one sweep where the jobs are all combinations of their values."""
        jobs = [_parsed(overrides) for overrides in job_overrides]
        values: dict[str, list[Any]] = {}
        for job in jobs:
            for key, value in job.items():
                if value not in values.setdefault(key, []):
                    values[key].append(value)
        whole = all(len(job) == len(values) for job in jobs)
        if whole and len(jobs) == math.prod(map(len, values.values())):
            return [self._sweep(values, base)] * len(jobs)
        return [self._sweep({key: [value] for key, value in job.items()}, base) for job in jobs]

    def _sweep(self, values: dict[str, list[Any]], base: dict[str, Any]) -> Any:
        from sim.commands.arguments import for_scenario
        from sim.commands.sweeping import live
        from sim.errors import MonaziteError
        from sim.scenario.resolve import load_scenario
        from sim.sweep.execute import execute
        from sim.sweep.executors import ExecutorSettings
        from sim.sweep.plan import make_plan
        from sim.sweep.request import Keeping, Request

        given = {key: values.pop(key, [base[key]]) for key in (*OWN, *SINGLE)}
        for key in (*SINGLE, "members"):
            if len(given[key]) > 1:
                raise MonaziteError(f"{key}: cannot differ between the jobs of one sweep; give one value")
        names = [str(n) for one in given["scenario"] for n in (one if isinstance(one, list) else [one])]
        fixed = [_written(key, found[0]) for key, found in values.items() if len(found) == 1]
        vary = {key.lstrip("+~"): found for key, found in values.items() if len(found) > 1}
        plain = [load_scenario(name) for name in names]
        overrides = {
            name: list(for_scenario(fixed, scenario, plain))
            for name, scenario in zip(names, plain, strict=True)
        }
        members = int(given["members"][0])
        cases = [(number, int(seed)) for seed in given["seed"] for number in range(members)]
        first = int(given["seed"][0])
        keeping = Keeping(full=bool(given["full"][0]))
        plan = make_plan(Request(names, overrides, vary, seed=first, cases=cases, keeping=keeping))
        out = Path(str(given["out"][0])) if given["out"][0] else None
        with live(bool(given["quiet"][0])) as (progress, tell):
            return execute(plan, out, ExecutorSettings(**self.settings), progress=progress, tell=tell)


def _parsed(overrides: Sequence[str]) -> dict[str, Any]:
    """Key (with its sign) -> value of one job; what is Hydra's own stays out."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    found: dict[str, Any] = {}
    for override in parsed:
        if not override.key_or_group.startswith("hydra"):
            sign = "~" if override.is_delete() else "+" if _new_event(override.key_or_group, override) else ""
            found[sign + override.key_or_group] = None if override.is_delete() else override.value()
    return found


def _new_event(key: str, override: Any) -> bool:
    """Hydra wants a plus before every key of a scenario; only one before a whole event adds an event."""
    return override.is_add() and key.startswith("events.") and key.count(".") == 1


def _written(key: str, value: Any) -> str:
    from sim.__main__ import written

    return key if key.startswith("~") else f"{key}={written(value)}"
