"""What a simulation asks of whoever records it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sim.engine.result import StepResult
from sim.errors import MonaziteError

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["Recording"]


class Recording:
    """Keeps nothing. Recorders read what a step brought and change nothing: results do not depend on them."""

    def record(self, result: StepResult) -> None:
        """Write the step that has just ended."""

    def dataset(self) -> xr.Dataset:
        """All that was kept, labelled.

        Raises:
            MonaziteError: this recorder keeps no data set.
        """
        raise MonaziteError("this run keeps no data set; give it the recorder sim.engine.record.Recorder")
