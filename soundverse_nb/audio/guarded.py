"""A file as the decoders below may see it: it never raises and never keeps them beyond their time."""

from __future__ import annotations

import os
import time
from typing import Any

_PIECE = 1 << 20
_MOST_PIECES = 64


class GuardedFile:
    """Wraps a binary file for libsndfile and FFmpeg, whose callbacks cannot carry a Python exception.

    A read that fails, and every read after the time limit, looks to them like the end of the file; `broken`
    is the first failure, for whoever decodes to raise in the end. With `start` the file seems to begin there,
    with `end` to end there.
    """

    def __init__(
        self, stream: Any, time_limit: float | None = None, start: int = 0, end: int | None = None
    ) -> None:
        self._stream = stream
        self._start, self._end = start, end
        self._deadline = None if time_limit is None else time.monotonic() + time_limit
        self.broken: Exception | None = None
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
            self.broken = self.broken or error.with_traceback(None)
            return b""

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        if self._end is None and self._deadline is None:
            try:
                return self._stream.readinto(view) or 0
            except Exception as error:
                self.broken = self.broken or error.with_traceback(None)
                return 0
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def read_on(self) -> None:
        """Read what is left, a bounded part of it at least, to see whether that is possible."""
        for _ in range(_MOST_PIECES):
            if not self.read(_PIECE):
                return

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            if whence == os.SEEK_END and self._end is not None:
                offset, whence = self._end - self._start + offset, os.SEEK_SET
            self._stream.seek(offset + self._start if whence == os.SEEK_SET else offset, whence)
            return int(self._stream.tell()) - self._start
        except Exception as error:
            self.broken = self.broken or error.with_traceback(None)
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
