"""``python -m sim.world.build``: rebuild ``data/world`` from ``data/raw``."""

from __future__ import annotations

import argparse
from pathlib import Path

from sim.world.build.build import build_world


def _default_root() -> Path:
    for folder in (Path.cwd(), *Path(__file__).resolve().parents):
        if (folder / "data" / "raw").is_dir():
            return folder
    raise SystemExit("no folder with data/raw found; pass --root")


def main() -> None:
    """Command line of ``make data``."""
    parser = argparse.ArgumentParser(prog="python -m sim.world.build", description=__doc__)
    parser.add_argument("--root", type=Path, default=None, help="folder that holds data/raw")
    parser.add_argument("--out", type=Path, default=None, help="where to write (default ROOT/data/world)")
    options = parser.parse_args()
    build_world(options.root or _default_root(), options.out)


if __name__ == "__main__":
    main()
