"""What the files of a sweep have to be: checked before it is used, for anybody may have sent them."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sim.files import LARGEST_TEXT, read_bytes, read_model
from sim.scenario.sweep_spec import MOST_RUNS
from sim.sweep.request import LARGEST_BLOCK
from sim.variables import VARIABLES

__all__ = ["Entry", "SummaryFile", "SweepFile", "checksum", "read_journal", "read_summary", "read_sweep_file"]

LARGEST_SEED = 2**63 - 1
Text = Annotated[str, Field(max_length=10_000)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}$")]
Count = Annotated[int, Field(strict=True, ge=0, le=MOST_RUNS)]
Positive = Annotated[int, Field(strict=True, ge=1, le=MOST_RUNS)]
Seed = Annotated[int, Field(strict=True, ge=0, le=LARGEST_SEED)]
Whole = Annotated[int, Field(strict=True, ge=0, le=LARGEST_SEED)]
Finite = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Truth = Annotated[bool, Field(strict=True)]


def checksum(data: bytes) -> int:
    """CRC-32: against decay and truncation, not against forgery."""
    return zlib.crc32(data)


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow")


class RequestPart(_Model):
    """``request``: see :class:`sim.sweep.request.Request`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    names: Annotated[list[Text], Field(min_length=1, max_length=1000)]
    overrides: list[Text] | dict[str, list[Text]]
    vary: dict[str, Any]
    members: Positive | None
    seed: Seed | None
    cases: Annotated[list[tuple[Whole, Seed]], Field(max_length=MOST_RUNS)] | None = None
    block: Annotated[int, Field(strict=True, ge=1, le=LARGEST_BLOCK)]
    full: Truth
    every_flow: Truth
    method: Text | None = None
    samples: Positive | None = None
    seeds: Positive | None = None
    second_order: Truth | None = None
    levels: Positive | None = None


class AxisPart(_Model):
    """One of ``axes``: what varies."""

    path: Text
    kind: Text
    dimension: Text
    values: list[Text]
    structural: Truth
    bounds: tuple[Finite, Finite]


class VariantPart(_Model):
    """One of ``variants``: a resolved scenario, named as its folder."""

    name: Name
    scenario: Name
    digest: Text
    runs: Count


class SweepFile(_Model):
    """``sweep.json``."""

    format: Literal[1]
    id: Annotated[str, Field(pattern=r"^[0-9a-f]{8}$")]
    runs: Count
    method: Text
    samples: Count
    seeds: Count
    options: dict[str, Any]
    axes: list[AxisPart]
    variants: Annotated[list[VariantPart], Field(min_length=1)]
    request: RequestPart


def _inside(name: str) -> str:
    if name.startswith(("/", "\\")) or ":" in name or "\\" in name or ".." in name.split("/"):
        raise ValueError("leads out of the folder")
    return name


Inside = Annotated[str, AfterValidator(_inside)]


class SummaryFile(_Model):
    """``summary.json``."""

    id: str
    files: dict[Inside, Whole]


def _variable(name: str) -> str:
    if name not in VARIABLES:
        raise ValueError("is no variable of a sweep")
    return name


class JournalLine(_Model):
    """One line of ``journal.jsonl``: a finished block."""

    block: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,199}/[0-9]{1,7}$")]
    key: Annotated[str, Field(pattern=r"^[0-9a-f]{1,64}$")]
    files: dict[Annotated[str, AfterValidator(_variable)], tuple[Whole, Whole]]
    failed: Annotated[list[Count], Field(max_length=LARGEST_BLOCK)]
    cleared: Whole
    certified: Whole


@dataclass(frozen=True)
class Entry:
    """A finished block, as the journal has it."""

    block: str
    key: str
    files: Mapping[str, tuple[int, int]]
    """Variable -> size and checksum."""
    failed: tuple[int, ...] = ()
    """Runs."""
    cleared: int = 0
    certified: int = 0

    def line(self) -> bytes:
        """One line with a checksum of its own."""
        content = {
            "block": self.block, "key": self.key, "failed": list(self.failed), "cleared": self.cleared,
            "certified": self.certified, "files": {k: list(v) for k, v in sorted(self.files.items())},
        }  # fmt: skip
        text = json.dumps(content, sort_keys=True)
        return (json.dumps({"check": checksum(text.encode()), **content}, sort_keys=True) + "\n").encode()


def _entry(line: bytes) -> Entry | None:
    try:
        content = json.loads(line)
        check = content.pop("check")
        if check != checksum(json.dumps(content, sort_keys=True).encode()):
            return None
        found = JournalLine.model_validate(content)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None
    return Entry(
        found.block, found.key, found.files, tuple(found.failed), found.cleared, found.certified
    )  # fmt: skip


def read_journal(path: Path) -> dict[str, Entry]:
    """Block -> its last entry; lines that are torn or damaged count for nothing, nor does what is no file."""
    try:
        lines = read_bytes(path, LARGEST_TEXT).splitlines()
    except OSError:
        return {}
    found = (_entry(line) for line in lines)
    return {entry.block: entry for entry in found if entry is not None}


def read_sweep_file(path: Path) -> tuple[dict[str, Any], RequestPart]:
    """The content of ``sweep.json``, checked, and the request in it.

    Raises:
        MonaziteError: it cannot be read, or breaks a rule; says where and which.
    """
    remedy = "take an undamaged copy, or repeat the 'monazite sweep' that made it"
    found = read_model(path, SweepFile, remedy)
    return found.model_dump(mode="json"), found.request


def read_summary(path: Path) -> SummaryFile | None:
    """``summary.json``; None where there is none that can be used, for then the sweep is not complete."""
    try:
        return SummaryFile.model_validate(json.loads(read_bytes(path, LARGEST_TEXT)))
    except (OSError, ValueError, RecursionError, ValidationError):
        return None
