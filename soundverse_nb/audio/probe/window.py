"""Bounded looks into a file: no length field in it can make the probe read or allocate much."""

from __future__ import annotations

from typing import BinaryIO

BLOCK = 4096
LARGEST = 1 << 24


class Window:
    """A file seen through small reads.

    What was read last is kept, and what was read first: neighbouring looks and looks back to the head cost
    nothing.
    """

    __slots__ = ("_block", "_file", "_head", "_start", "size")

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self.size = size
        self._start = 0
        self._block = self._head = b""

    def at(self, offset: int, count: int) -> bytes:
        """`count` bytes from `offset`, fewer where the file ends; never more than LARGEST."""
        begin = offset - self._start
        if begin >= 0 and begin + count <= len(self._block):
            return self._block[begin : begin + count]
        if offset < 0 or offset >= self.size or count <= 0:
            return b""
        if offset + count <= len(self._head):
            return self._head[offset : offset + count]
        count = min(count, LARGEST, self.size - offset)
        self._file.seek(offset)
        self._block = self._file.read(max(count, BLOCK)) or b""
        self._start = offset
        if offset == 0:
            self._head = self._block
        return self._block[:count]

    def tail(self, count: int, end: int | None = None) -> tuple[int, bytes]:
        """Up to `count` bytes that end at `end` (the file's end unless given), and where they begin."""
        end = self.size if end is None else min(end, self.size)
        offset = max(0, end - min(count, LARGEST))
        return offset, self.at(offset, end - offset)
