"""Opus: the length of a packet, from its first two bytes (RFC 6716, 3.1)."""

from __future__ import annotations

# Samples of 48 kHz in a frame, by the packet's configuration number: SILK, hybrid and CELT modes.
_FRAME = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4


# Samples in a packet by its first byte; None where its second counts the frames.
_PACKET = tuple(None if toc & 3 == 3 else _FRAME[toc >> 3] * (1 if toc & 3 == 0 else 2) for toc in range(256))


def page_samples(lacing: bytes, body: bytes) -> int:
    """Samples at 48 kHz in the packets that end on a page: empty and cut ones hold none."""
    at = samples = length = 0
    end = len(body)
    for lace in lacing:
        length += lace
        if lace < 255:
            if 0 < length <= end - at:
                held = _PACKET[body[at]]
                if held is None:
                    held = _FRAME[body[at] >> 3] * (body[at + 1] & 63) if length > 1 else 0
                samples += held
            at += length
            length = 0
    return samples
