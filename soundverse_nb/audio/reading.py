"""Files that say so where they cannot be read: a failed read never looks like the file's end."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any, BinaryIO, cast

from soundverse_nb.audio.refusal import not_read

_PIECE = 1 << 20


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
        taken: int = self._file.readinto(buffer)  # type: ignore[attr-defined]
        return taken

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
