"""Reading files safely: AudioError for what cannot be used, and files that decoders cannot be hurt by.

GuardedFile turns failing reads into the end of the file, for libraries whose callbacks carry no exception;
ForeignFile and RegularFile raise AudioError instead; ShiftedFile begins at a later byte.
"""

from __future__ import annotations

import io
import os
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, BinaryIO, cast

from soundverse_nb.errors import PreflightError

_PIECE = 1 << 20
_MOST_PIECES = 64


class AudioError(PreflightError):
    """This cannot be used as audio; `.code` is the rule it breaks, for example "not_a_file"."""

    code: str = "unreadable"


def refusal(code: str, message: str, hint: str) -> AudioError:
    """The error for a source that breaks the rule `code`."""
    return AudioError(message, hint=hint, code=code)


def not_read(name: str, reason: object) -> AudioError:
    """The error for a file of which only a part could be read."""
    why = getattr(reason, "strerror", None) or str(reason) or type(reason).__name__
    message = f"{name} cannot be read to its end ({why})."
    return refusal("unreadable", message, "Copy it to a disk of this machine, and try again.")


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


class RegularFile(io.FileIO):
    """A file on disk; a disk or a network drive that fails raises AudioError."""

    song = "The song"

    def read(self, size: int | None = -1) -> bytes:
        try:
            return super().read(-1 if size is None else size)
        except OSError as error:
            raise not_read(self.song, error) from None

    def readinto(self, buffer: Any) -> int:
        try:
            return super().readinto(buffer) or 0
        except OSError as error:
            raise not_read(self.song, error) from None


class ForeignFile:
    """Somebody's file object, read as a file on disk is: as much as is asked for, or to its end.

    What it raises, and what no file may answer, raises AudioError. With `size` it must not end earlier.
    """

    def __init__(self, file: Any, name: str, size: int | None = None) -> None:
        self._file, self._name, self._size = file, name, size

    def read(self, size: int | None = -1) -> bytes:
        """Up to `size` bytes, fewer at the end only; all that is left where it is negative."""
        left = size if size is not None and size >= 0 else None
        parts: list[bytes] = []
        while left is None or left > 0:
            part = self._part(_PIECE if left is None else left)
            if not part:
                break
            parts.append(part)
            left = None if left is None else left - len(part)
        return b"".join(parts) if len(parts) != 1 else parts[0]

    def _part(self, size: int) -> bytes:
        try:
            part = self._file.read(size)
            if part is None:
                raise OSError("it has nothing to read yet")
            if isinstance(part, str):
                raise OSError("it gives text instead of bytes")
            part = part if type(part) is bytes else bytes(memoryview(part))
            at_end = not part and self._size is not None and int(self._file.tell()) < self._size
        except Exception as error:  # a foreign file object may raise anything
            raise not_read(self._name, error) from None
        if at_end:
            raise not_read(self._name, f"it ends before its {self._size:,} bytes")
        if len(part) > size:
            raise not_read(self._name, "it gives more bytes than it is asked for")
        return part

    def readinto(self, buffer: Any) -> int:
        view = memoryview(buffer).cast("B")
        data = self.read(len(view))
        view[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            place = self._file.seek(offset, whence)
            return int(self._file.tell() if place is None else place)
        except Exception as error:
            raise not_read(self._name, error) from None

    def tell(self) -> int:
        try:
            return int(self._file.tell())
        except Exception as error:
            raise not_read(self._name, error) from None

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


@contextmanager
def borrowed(file: Any, name: str, size: int) -> Iterator[BinaryIO]:
    """A file object of `size` bytes from its start, put back as it was afterwards."""
    steady = ForeignFile(file, name, size)
    before = steady.tell()
    steady.seek(0)
    try:
        yield cast(BinaryIO, steady)
    finally:
        with suppress(Exception):
            file.seek(before)


class ShiftedFile:
    """A file that seems to begin at `lead`; what cannot be read raises as in the file itself."""

    def __init__(self, file: BinaryIO, lead: int) -> None:
        self._file, self._lead = file, lead

    def read(self, size: int = -1) -> bytes:
        return self._file.read(size)

    def readinto(self, buffer: Any) -> int:
        count: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset + self._lead if whence == os.SEEK_SET else offset, whence) - self._lead

    def tell(self) -> int:
        return self._file.tell() - self._lead

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


@contextmanager
def shifted(opened: AbstractContextManager[BinaryIO], lead: int) -> Iterator[BinaryIO]:
    """An opened file from byte `lead` on."""
    with opened as file:
        file.seek(lead)
        yield cast(BinaryIO, ShiftedFile(file, lead))
