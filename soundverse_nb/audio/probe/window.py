"""Bounded looks into a file: no length field in it can make the probe read or allocate much."""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

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


class Probed(NamedTuple):
    """Facts read from a file's head and tail that its bytes do not contradict.

    `duration` in seconds as a full decode would count it, `sample_rate` in hertz, `format` the container
    ("wav", "aiff", "flac", "ogg", "mp3", "mp4"), `codec` by FFmpeg's names ("pcm_s16le", "vorbis", ...),
    `lead` the bytes before the song that do not belong to it.
    """

    format: str
    codec: str
    sample_rate: int
    channels: int
    duration: float
    lead: int = 0


class Untrusted(NamedTuple):
    """The header cannot be believed, or nobody here reads it: only a decode tells.

    `reason` is a sentence for the user, `format` what the first bytes look like (None where unknown).
    """

    reason: str
    format: str | None = None


# Outside these a header is more likely broken than true; a decode settles it.
CHANNELS = range(1, 65)
SAMPLE_RATES = range(1000, 1_000_001)


def implausible(format_name: str, sample_rate: int, channels: int) -> Untrusted | None:
    """A refusal to believe an absurd rate or channel count, or None where both are ordinary."""
    if channels not in CHANNELS:
        return Untrusted(f"The header claims {channels} channels.", format_name)
    if sample_rate not in SAMPLE_RATES:
        return Untrusted(f"The header claims a sample rate of {sample_rate} Hz.", format_name)
    return None
