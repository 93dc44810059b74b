"""How much sound an Opus packet holds, from its first two bytes (RFC 6716, 3.1)."""

from __future__ import annotations

# Samples of 48 kHz in a frame, by the packet's configuration number: SILK, hybrid and CELT modes.
_FRAME = (480, 960, 1920, 2880) * 3 + (480, 960) * 2 + (120, 240, 480, 960) * 4


def packet_samples(packet: bytes) -> int:
    """Samples at 48 kHz in the packet that begins so; 0 for an empty one."""
    if not packet:
        return 0
    code = packet[0] & 3
    if code == 3:
        frames = packet[1] & 63 if len(packet) > 1 else 0
    else:
        frames = (1, 2, 2)[code]
    return _FRAME[packet[0] >> 3] * frames
