"""What decides the last digits is recorded; what is equal under another kernel of the BLAS, what is not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from sim.cli import main
from sim.results import Run, find_runs
from sim.results.rounding import rounding

ROOT = Path(__file__).parents[2]
RUN = ("run", "ree-licence-2025", "minerals=[dysprosium]", "time.end=2025-06", "--members", "2", "--full")
KERNELS = ("Nehalem", "Haswell")
"""Of OpenBLAS, for processors of 2008 and of 2013: every newer x86-64 runs both."""
WITHIN = 1e-3
"""Of the largest number of an array; 1.2e-4 has been seen: rounds of the market of tomorrow end within a
thousandth, and rounding may decide which is the last."""


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Run, Run]:
    """The same run under the kernel of this process, and in a process with another one."""
    here = rounding()["BLAS kernel"]
    if not rounding()["processor"].startswith("x86_64 X86_V3") or here == "unknown":
        pytest.skip("needs OpenBLAS and a processor that runs the kernels of others")
    folder = tmp_path_factory.mktemp("kernels")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main([*RUN, "--campaign", "here", "--quiet"]) == 0
    other = next(name for name in KERNELS if name != here)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "OPENBLAS_CORETYPE": other}
    command = [sys.executable, "-m", "sim.cli", *RUN, "--campaign", "there", "--quiet"]
    subprocess.run(command, cwd=folder, env=environment, check=True, capture_output=True)
    (one,), (two,) = (find_runs(folder / "outputs" / name) for name in ("here", "there"))
    return one, two


def test_the_kernel_is_recorded(runs: tuple[Run, Run]) -> None:
    one, two = (run.manifest["rounding"] for run in runs)
    assert one == rounding()
    assert one["BLAS kernel"] != two["BLAS kernel"]
    assert {k: v for k, v in one.items() if k != "BLAS kernel"} == {
        k: v for k, v in two.items() if k != "BLAS kernel"
    }


def test_what_is_equal_under_another_kernel(runs: tuple[Run, Run]) -> None:
    one, two = runs
    assert one.id == two.id
    resolved = [(run.directory / "scenario.resolved.yaml").read_bytes() for run in runs]
    assert resolved[0] == resolved[1]
    assert one.dataset.variables.keys() == two.dataset.variables.keys()
    for name, values in one.dataset.variables.items():
        here, there = values.values, two.dataset.variables[name].values
        if here.dtype.kind != "f":
            np.testing.assert_array_equal(here, there, err_msg=str(name))
        elif str(name).startswith("certificate"):
            assert max(here.max(), there.max()) < 1e-5, name
        else:
            largest = np.nanmax(np.abs(here), initial=0.0)
            np.testing.assert_allclose(here, there, rtol=0, atol=WITHIN * largest, err_msg=str(name))
