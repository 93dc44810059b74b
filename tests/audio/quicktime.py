"""QuickTime files put together by hand: PCM with any channel layout, as Apple's programs write it."""

from __future__ import annotations

import struct
from collections.abc import Sequence

import numpy as np

RATE = 4000

# Core Audio's layout tags (CoreAudioBaseTypes.h): MPEG 5.1 A to D, 6.1 A, 7.1 A to C, and others' orders.
TAGS = {
    "5.1 A": 121, "5.1 B": 122, "5.1 C": 123, "5.1 D": 124, "6.1 A": 125, "7.1 A": 126, "7.1 B": 127,
    "7.1 C": 128, "AAC 6.1": 142, "AAC 7.1": 143, "DTS 6.1 C": 184,
}  # fmt: skip
CHANNELS = {"5.1": 6, "6.1": 7, "7.1": 8}


def quicktime(channels: int, tag: int = 0, labels: Sequence[int] = (), seconds: int = 11) -> bytes:
    """16-bit PCM; channel k is a steady tone of level (k + 1) / 20."""
    frames = RATE * seconds
    tone = np.sin(np.arange(frames)[:, None] * 0.5) * (np.arange(channels) + 1) / 20
    sound = np.round(tone * 32767).astype("<i2").tobytes()
    described = [struct.pack(">IIfff", label, 0, 0, 0, 0) for label in labels]
    layout = struct.pack(">IIII", 0, tag << 16 | channels if tag else 0, 0, len(labels)) + b"".join(described)
    entry = struct.pack(">6xHHHIHHHHI", 1, 1, 0, 0, channels, 16, 0, 0, RATE << 16)
    entry += struct.pack(">IIII", 1, 2, 2 * channels, 2) + _box(b"chan", layout)
    start = _box(b"ftyp", b"qt  \0\0\2\0qt  ")
    table = (
        _box(b"stsd", struct.pack(">II", 0, 1) + _box(b"sowt", entry))
        + _box(b"stts", struct.pack(">IIII", 0, 1, frames, 1))
        + _box(b"stsc", struct.pack(">IIIII", 0, 1, 1, frames, 1))
        + _box(b"stsz", struct.pack(">III", 0, 1, frames))
        + _box(b"stco", struct.pack(">III", 0, 1, len(start) + 8))
    )
    where = _box(b"dref", struct.pack(">II", 0, 1) + _box(b"url ", b"\0\0\0\1"))
    media = _box(b"smhd", bytes(8)) + _box(b"dinf", where) + _box(b"stbl", table)
    handler = _box(b"hdlr", struct.pack(">I4s4s12x", 0, b"mhlr", b"soun") + b"\0")
    header = _box(b"mdhd", struct.pack(">IIIIIHH", 0, 0, 0, RATE, frames, 0, 0))
    square = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
    track = _box(
        b"tkhd", struct.pack(">IIIIII8xHHHH", 7, 0, 0, 1, 0, frames, 0, 0, 256, 0) + square + bytes(8)
    )
    movie = _box(
        b"mvhd",
        struct.pack(">IIIIIIH10x", 0, 0, 0, RATE, frames, 0x10000, 256) + square + bytes(24) + b"\0\0\0\2",
    )
    track += _box(b"mdia", header + handler + _box(b"minf", media))
    return start + _box(b"mdat", sound) + _box(b"moov", movie + _box(b"trak", track))


def _box(name: bytes, content: bytes) -> bytes:
    return struct.pack(">I", 8 + len(content)) + name + content
