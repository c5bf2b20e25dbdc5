"""Signed names of phones: who has one keeps its seat, whatever happens to phone, line or server."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from pathlib import Path

from sim.errors import MonaziteError
from sim.files import read_bytes, write_whole

__all__ = ["COOKIE", "Signer"]

COOKIE = "seat"
LENGTH = 32
KEY = re.compile(r"[0-9a-f]{32}")
OWNER_ALONE = 0o600


class Signer:
    """Signs with a secret that is kept in a file which the owner alone can read.

    Args:
        path: the file; made where it is missing.

    Raises:
        MonaziteError: it cannot be written or read.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_whole(path, secrets.token_bytes(LENGTH), OWNER_ALONE)
        self._secret = read_bytes(path, LENGTH)
        if len(self._secret) != LENGTH:
            raise MonaziteError(f"{path} is no secret; move it away, and phones join again")

    def new(self) -> tuple[str, str]:
        """The key of another phone, and its token."""
        key = secrets.token_hex(LENGTH // 2)
        return key, f"{key}.{self._signature(key)}"

    def key(self, token: str | None) -> str | None:
        """The key that a token names; None where it is none of ours."""
        key, _, signature = (token or "").partition(".")
        if not KEY.fullmatch(key) or not signature.isascii():
            return None
        return key if hmac.compare_digest(signature, self._signature(key)) else None

    def _signature(self, key: str) -> str:
        return hmac.new(self._secret, key.encode(), hashlib.sha256).hexdigest()
