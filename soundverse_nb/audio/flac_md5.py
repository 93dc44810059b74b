"""The checksum of its sound that a FLAC carries in its header (RFC 9639, 8.2)."""

from __future__ import annotations

import hashlib
from typing import Any, BinaryIO

import numpy as np

from soundverse_nb.audio.probe.tags import after_id3
from soundverse_nb.audio.probe.window import Window

# Behind "fLaC" and the block's own head come 10 bytes of sizes, 8 of rate, channels, bits and total, the sum.
_INFO = 8
_BITS = _INFO + 12
_SUM = _INFO + 18
# Bits a sample -> FFmpeg's format for them, interleaved.
_FORMATS = {16: "s16", 24: "s32"}


class FlacChecksum:
    """Goes over the decoded samples, piece by piece, and tells in the end whether they are those encoded."""

    def __init__(self, bits: int, expected: bytes) -> None:
        self.sample_format = _FORMATS[bits]
        self._expected = expected
        self._sum = hashlib.md5(usedforsecurity=False)

    def add(self, samples: Any) -> None:
        """The next samples, a buffer of FFmpeg's interleaved integers."""
        if self.sample_format == "s32":
            # 24 bits lie in the upper three of four bytes.
            samples = np.frombuffer(samples, np.uint8).reshape(-1, 4)[:, 1:].tobytes()
        self._sum.update(samples)

    def matches(self) -> bool:
        """Whether all samples were there, and as they were."""
        return self._sum.digest() == self._expected


def flac_checksum(stream: BinaryIO, size: int) -> FlacChecksum | None:
    """The checksum of an opened FLAC; None where it has none, or not of samples of 16 or 24 bits."""
    window = Window(stream, size)
    start = after_id3(window)
    head = window.at(start, _SUM + 16)
    if head[:4] != b"fLaC" or len(head) < _SUM + 16:
        return None
    bits = (int.from_bytes(head[_BITS : _BITS + 2], "big") >> 4 & 0x1F) + 1
    expected = head[_SUM : _SUM + 16]
    return FlacChecksum(bits, expected) if bits in _FORMATS and any(expected) else None
