"""Storage of a running service: its folder, content on its way in, and links that run out."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import IO, Any
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


# Windows has none: what was killed is left to the system's own cleaning there.
fcntl: Any = import_module("fcntl") if find_spec("fcntl") else None

_PREFIX = "soundverse-nb-simulator-"
_LOCK = "running"
_YOUNG = 60.0  # seconds in which a folder may not have its lock yet


@contextlib.contextmanager
def workspace() -> Iterator[Path]:
    """A new folder, gone afterwards. Folders that killed services left behind go now."""
    sweep(Path(tempfile.gettempdir()))
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX))
    try:
        with (folder / _LOCK).open("w") as lock:
            _take(lock)
            yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def sweep(parent: Path) -> None:
    """Delete the folders whose lock nobody holds: a lock ends with its process, however that ended."""
    if fcntl is None:
        return
    for folder in parent.glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another user's, or just now gone
            if folder.is_symlink() or time.time() - folder.stat().st_mtime < _YOUNG:
                continue
            with (folder / _LOCK).open("r+") as lock:
                abandoned = _take(lock)
            if abandoned:
                shutil.rmtree(folder, ignore_errors=True)


def _take(lock: IO[str]) -> bool:
    """Lock this file until it is closed; False where somebody else has."""
    if fcntl is None:
        return True
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


BLOCK_BYTES = 1 << 16


class TooManyBytesError(Exception):
    """More bytes came than are taken."""


async def keep_bytes(blocks: AsyncIterator[bytes], folder: Path, limit: int) -> tuple[str, Path, int]:
    """Write a stream of bytes into a file named after its SHA-256; gives digest, path and size.

    Raises TooManyBytesError past `limit` bytes; nothing is left behind then.
    """
    digest = hashlib.sha256()
    size = 0
    with _incoming(folder) as file:
        async for block in blocks:
            size += len(block)
            if size > limit:
                raise TooManyBytesError
            digest.update(block)
            file.write(block)
        return digest.hexdigest(), _rename(file, folder / digest.hexdigest()), size


@contextlib.contextmanager
def _incoming(folder: Path) -> Iterator[IO[bytes]]:
    """A new file in the folder; it is gone afterwards unless it was renamed."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=folder, prefix="incoming-", delete=False) as file:
        try:
            yield file
        finally:
            file.close()
            Path(file.name).unlink(missing_ok=True)


def _rename(file: IO[bytes], path: Path) -> Path:
    file.close()
    return Path(file.name).replace(path)
