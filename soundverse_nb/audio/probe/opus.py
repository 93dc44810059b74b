"""How much sound an Opus packet holds, which its first two bytes say (RFC 6716, 3.1)."""

from __future__ import annotations

# Samples of 48 kHz in a frame, by the packet's configuration number: SILK, hybrid and CELT modes.
_FRAME = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4


def packet_samples(data: bytes, at: int, length: int) -> int:
    """Samples at 48 kHz in the packet of `length` bytes at `at`; 0 for an empty or a cut one."""
    if length == 0 or at + length > len(data):
        return 0
    code = data[at] & 3
    samples = _FRAME[data[at] >> 3]
    if code == 0:
        return samples
    if code < 3:
        return 2 * samples
    return samples * (data[at + 1] & 63) if length > 1 else 0
