"""What this machine gives a sweep: processors, free memory; and what the sweep took of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import psutil

__all__ = ["available_bytes", "cores", "peak_bytes"]

CGROUP = (
    (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory.current")),
    (
        Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
        Path("/sys/fs/cgroup/memory/memory.usage_in_bytes"),
    ),
)
"""Limit and use of a container's memory, in versions 2 and 1 of Linux' control groups."""
STATUS = Path("/proc/self/status")


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def available_bytes() -> int:
    """Free memory of this machine or container, bytes."""
    free = int(psutil.virtual_memory().available)
    for limit, used in CGROUP:
        try:
            free = min(free, int(limit.read_text()) - int(used.read_text()))
        except (OSError, ValueError):
            continue
    return free


def peak_bytes() -> int:
    """Largest memory of this process so far, bytes resident.

    It says how much a worker needs, so what is in use when it has finished would be too little. psutil
    knows the peak on Windows; on Linux the kernel's high-water mark is read, which counts this program
    alone (that of ``getrusage`` starts from the size of whichever process started it). Where neither is to
    be had, as on macOS, it is the memory in use now: a lower bound.
    """
    if sys.platform == "linux":
        try:
            for line in STATUS.read_text().splitlines():
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
        except OSError:
            pass
    memory = psutil.Process().memory_info()
    return int(getattr(memory, "peak_wset", memory.rss))
