"""A file as the decoders below may see it: it never raises and never keeps them beyond their time."""

from __future__ import annotations

import os
import time
from typing import Any


class GuardedFile:
    """Wraps a binary file for libsndfile and FFmpeg, whose callbacks cannot carry a Python exception.

    A read that fails, and every read after the time limit, looks like the end of the file; `broken`
    tells the first failure. With `start` the file seems to begin there, with `end` to end there.
    """

    def __init__(
        self, stream: Any, time_limit: float | None = None, start: int = 0, end: int | None = None
    ) -> None:
        self._stream = stream
        self._start, self._end = start, end
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self.broken: str | None = None
        self.name = "song"  # FFmpeg guesses from names; the content alone shall decide

    def forget_time(self) -> None:
        """Lift the time limit."""
        self._deadline = None

    def read(self, size: int = -1) -> bytes:
        if self._deadline is not None and time.monotonic() > self._deadline:
            return b""
        try:
            if self._end is not None:
                room = max(0, self._end - self._stream.tell())
                size = min(size, room) if size >= 0 else room
            data = self._stream.read(size)
            # Never more than was asked for: PyAV would copy it past the end of FFmpeg's buffer.
            return bytes(data or b"")[:size] if size >= 0 else bytes(data or b"")
        except Exception as error:
            self.broken = self.broken or str(error)
            return b""

    def readinto(self, buffer: Any) -> int:
        data = self.read(len(buffer))
        memoryview(buffer).cast("B")[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            if whence == os.SEEK_END and self._end is not None:
                offset, whence = self._end - self._start + offset, os.SEEK_SET
            self._stream.seek(offset + self._start if whence == os.SEEK_SET else offset, whence)
            return int(self._stream.tell()) - self._start
        except Exception as error:
            self.broken = self.broken or str(error)
            return 0

    def tell(self) -> int:
        try:
            return int(self._stream.tell()) - self._start
        except Exception:
            return 0

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True

    def writable(self) -> bool:
        return False
