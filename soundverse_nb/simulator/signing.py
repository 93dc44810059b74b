"""Links that work for a while and for whoever holds them, like a storage service's presigned URLs."""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import urlencode


class Signer:
    """Signs paths with a secret of this run; `lifetime` is seconds."""

    def __init__(self, secret: bytes, lifetime: float) -> None:
        self._secret = secret
        self._lifetime = lifetime

    def sign(self, path: str) -> str:
        """The path with its query: when it expires (epoch seconds) and the signature."""
        expires = str(int(time.time() + self._lifetime))
        return path + "?" + urlencode({"X-Expires": expires, "X-Signature": self._signature(path, expires)})

    def allows(self, path: str, query: Mapping[str, str]) -> bool:
        """Whether this query was signed for this path and has not expired."""
        expires = query.get("X-Expires", "")
        given = query.get("X-Signature", "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._signature(path, expires).encode()):
            return False
        return expires.isdigit() and time.time() < int(expires)

    def _signature(self, path: str, expires: str) -> str:
        message = f"{path}\n{expires}".encode("utf-8", "replace")
        return hmac.new(self._secret, message, hashlib.sha256).hexdigest()
