"""What decides how sums and powers are rounded: two machines that agree in it give the same bits."""

from __future__ import annotations

import ctypes
import platform
from functools import cache
from pathlib import Path

import numpy as np

__all__ = ["rounding"]

CORE_NAMES = ("scipy_openblas_get_corename64_", "scipy_openblas_get_corename", "openblas_get_corename")
UNKNOWN = "unknown"


@cache
def _blas_kernel() -> str:
    """For which processor OpenBLAS, as wheels of numpy bring it, has chosen its kernels; or 'unknown'."""
    folder = Path(np.__file__).resolve().parent
    for path in sorted([*folder.parent.glob("numpy.libs/*openblas*"), *folder.glob(".dylibs/*openblas*")]):
        try:
            library = ctypes.CDLL(str(path))
        except OSError:
            continue
        for name in CORE_NAMES:
            call = getattr(library, name, None)
            if call is not None:
                call.restype = ctypes.c_char_p
                return str(call().decode())
    return UNKNOWN


def rounding() -> dict[str, str]:
    """Processor with the vector instructions that numpy uses, numpy, kernel of its BLAS, and C library."""
    found = np.show_config(mode="dicts")["SIMD Extensions"].get("found", [])
    return {
        "processor": " ".join([platform.machine(), *found]),
        "numpy": np.__version__,
        "BLAS kernel": _blas_kernel(),
        "C library": " ".join(platform.libc_ver()),
    }
