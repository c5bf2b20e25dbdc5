"""What ``search.json`` has to be: checked before it is used, for anybody may have sent it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from sim.errors import MonaziteError
from sim.files import read_json, validated
from sim.past.posterior import BATCH
from sim.paths import shown

__all__ = ["FORMAT", "MOST_DRAWS", "SearchFile", "read_search_file"]

FORMAT = 1
MOST_DRAWS = 500_000
"""A hundred times the default; all of them are held in memory at the end."""
LARGEST_SEED = 2**63 - 1
Text = Annotated[str, Field(max_length=10_000)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class AimPart(_Model):
    """One of ``targets``: see :class:`sim.past.posterior.Aim`."""

    id: Name
    episode: Name
    text: Text
    statistic: Text
    observed: Finite
    low: Finite
    high: Finite


class ModelPart(_Model):
    """``model``: what made the statistics."""

    version: Text
    fixed: dict[Text, Finite]
    episodes: dict[Text, Text]


class SearchFile(_Model):
    """``search.json``."""

    format: Literal[1]
    draws: Annotated[int, Field(strict=True, ge=2 * BATCH, le=MOST_DRAWS, multiple_of=BATCH)]
    seed: Annotated[int, Field(strict=True, ge=0, le=LARGEST_SEED)]
    priors: Annotated[dict[Name, tuple[Finite, Finite]], Field(min_length=1, max_length=1000)]
    targets: Annotated[list[AimPart], Field(min_length=1, max_length=1000)]
    model: ModelPart

    @model_validator(mode="after")
    def _ranges(self) -> SearchFile:
        """Ends of ranges are in order, names stand once."""
        for name, (low, high) in self.priors.items():
            if not low < high:
                raise ValueError(f"the range of '{name[:60]}' is empty")
        if len({target.id for target in self.targets}) < len(self.targets):
            raise ValueError("a target stands twice")
        return self


def read_search_file(folder: Path) -> tuple[dict[str, Any], SearchFile]:
    """``search.json`` of a folder, as it stands there and as what it means.

    Raises:
        MonaziteError: there is none, it cannot be read, or it breaks a rule.
    """
    path, again = folder / "search.json", f"monazite calibrate --out {shown(folder)}"
    if not path.exists() and not path.is_symlink():
        raise MonaziteError(f"{shown(folder)}: holds no search; make one with '{again}'")
    remedy = f"it is no search of this version of Monazite; name another folder, or delete it: {again}"
    content = read_json(path, remedy)
    return content, validated(content, SearchFile, shown(path), remedy)
