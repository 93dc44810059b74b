"""Cache of measures: in memory, and in a folder where later processes find them again.

Keys name content by its hash and measures by their version, so an entry never goes stale. Whatever the disk
refuses only costs time: it is measured again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import threading
from collections import OrderedDict
from pathlib import Path

from soundverse_nb.errors import ConfigurationError

_IN_MEMORY = 256
"""Entries kept in memory; one is some 100 KB."""

_MOST_BYTES = 500_000_000
"""Bytes kept on disk; beyond, the entries that were not used for longest go."""

_PRUNE_EVERY = 200


class MeasureCache:
    """Bytes by key. Safe for threads, and for several processes on one folder.

    `folder` None finds this user's cache folder when it is first needed; without one memory alone serves.
    """

    def __init__(self, folder: str | os.PathLike[str] | None = None) -> None:
        self._folder = None if folder is None else Path(folder)
        self._is_found = folder is not None
        self._memory: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()
        self._puts = 0

    def get(self, key: str) -> bytes | None:
        """What was kept under this key, None where nothing is."""
        with self._lock:
            if key in self._memory:
                self._memory.move_to_end(key)
                return self._memory[key]
        place = self._place(key)
        if place is None:
            return None
        try:
            content = place.read_bytes()
        except OSError:
            return None
        with contextlib.suppress(OSError):
            os.utime(place)
        self._remember(key, content)
        return content

    def put(self, key: str, content: bytes) -> None:
        """Keep this, in memory and where possible on disk."""
        self._remember(key, content)
        place = self._place(key)
        if place is None:
            return
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            number, name = tempfile.mkstemp(dir=place.parent, suffix=".new")
            try:
                with os.fdopen(number, "wb") as file:
                    file.write(content)
                os.replace(name, place)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(name)
                raise
        self._puts += 1
        if self._puts % _PRUNE_EVERY == 0:
            self._prune()

    def remove(self, key: str) -> None:
        """Forget what was kept under this key; harmless where nothing is."""
        with self._lock:
            self._memory.pop(key, None)
        place = self._place(key)
        if place is not None:
            with contextlib.suppress(OSError):
                place.unlink(missing_ok=True)

    def clear(self) -> None:
        """Forget what is in memory; what is on disk stays."""
        with self._lock:
            self._memory.clear()

    @property
    def folder(self) -> Path | None:
        """Where entries are kept; None where there is no place for them."""
        if not self._is_found:
            self._folder, self._is_found = _cache_folder(), True
        return self._folder

    def _place(self, key: str) -> Path | None:
        folder = self.folder
        if folder is None:
            return None
        name = hashlib.sha256(key.encode("utf-8", "replace")).hexdigest()
        return folder / name[:2] / name

    def _remember(self, key: str, content: bytes) -> None:
        with self._lock:
            self._memory[key] = content
            self._memory.move_to_end(key)
            while len(self._memory) > _IN_MEMORY:
                self._memory.popitem(last=False)

    def _prune(self) -> None:
        if self.folder is None:
            return
        with contextlib.suppress(OSError):
            files = [entry for entry in self.folder.glob("??/*") if entry.is_file()]
            found = sorted((entry.stat().st_mtime, entry.stat().st_size, entry) for entry in files)
            total = sum(size for _, size, _ in found)
            for _, size, entry in found:
                if total <= _MOST_BYTES:
                    break
                entry.unlink(missing_ok=True)
                total -= size


def _cache_folder() -> Path | None:
    named = os.environ.get("SOUNDVERSE_NB_CACHE", "").strip()
    if named:
        with contextlib.suppress(RuntimeError):
            return Path(named).expanduser() / "measures"
    import platformdirs  # only whoever measures needs it

    with contextlib.suppress(RuntimeError, KeyError, OSError, ConfigurationError):
        folder = Path(platformdirs.user_cache_path("soundverse_nb"))
        if folder.is_absolute():
            return folder / "measures"
    return None


cache = MeasureCache()
"""The one that sv.analyse and sv.compare_audio use."""
