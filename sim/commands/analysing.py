"""What commands that analyse a finished sweep have in common: options, and the folder of their files."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.errors import MonaziteError
from sim.files import make_folder
from sim.paths import shown

__all__ = ["files_folder", "sweep_options"]


def sweep_options(parser: argparse.ArgumentParser) -> None:
    """Which sweep and scenario, and where tables and pictures go."""
    parser.add_argument("sweep", metavar="SWEEP", help="folder of a finished sweep, or its id")
    parser.add_argument(
        "--scenario", default=None, metavar="NAME", help="a scenario of the sweep (default: its only shock)"
    )
    parser.add_argument("--out", type=Path, default=None, metavar="DIR", help="where files go")
    parser.add_argument("--json", type=Path, default=None, metavar="FILE", help="write the JSON here, too")
    parser.add_argument("--no-plots", action="store_true", help="tables only")


def files_folder(asked: Path | None, directory: Path, name: str) -> Path:
    """The folder for files, made: the one asked for, else one of this name in the sweep's own.

    Raises:
        MonaziteError: it cannot be made.
    """
    target = asked or directory / name
    try:
        # By default it lies in the folder of the sweep, which somebody may have sent.
        make_folder(target.parent, target)
    except OSError as error:
        raise MonaziteError(f"{shown(target)}: cannot be written: {error.strerror}") from None
    return target
