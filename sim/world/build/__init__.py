"""Builds ``data/world`` from the source tables in ``data/raw``."""

from __future__ import annotations

from sim.world.build.build import build_world

__all__ = ["build_world"]
