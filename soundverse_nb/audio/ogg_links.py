"""The links of a chained Ogg file: songs one behind the other, as radio recorders leave them."""

from __future__ import annotations

from typing import BinaryIO

_MOST_PAGES = 500_000


def link_starts(stream: BinaryIO) -> list[int]:
    """Offsets at which a link begins, from 0 on (RFC 3533, section 4: links begin with BOS pages)."""
    starts: list[int] = []
    at, in_heads = 0, False
    for _ in range(_MOST_PAGES):
        stream.seek(at)
        header = stream.read(27)
        if len(header) < 27 or header[:4] != b"OggS":
            return starts
        begins = bool(header[5] & 2)
        if begins and not in_heads:
            starts.append(at)
        in_heads = begins
        segments = stream.read(header[26])
        at += 27 + len(segments) + sum(segments)
    return starts
