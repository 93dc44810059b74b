"""How notes in seconds become a Standard MIDI File: one track, a tick for every half millisecond.

Written here because nothing else of MIDI is needed, and because ticks of fixed length leave no rounding of
tempo changes between the truth and the sound.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from dataclasses import dataclass

TICKS_PER_SECOND = 2000
_TICKS_PER_QUARTER, _MICROSECONDS_PER_QUARTER = 1000, 500_000
DRUMS = 9  # channel 10 in the words of General MIDI


@dataclass(frozen=True)
class Event:
    """A note of a channel (0 to 15) from one second to another; pitch and velocity 0 to 127."""

    start: float
    end: float
    channel: int
    pitch: int
    velocity: int


@dataclass(frozen=True)
class Channel:
    """How a channel sounds: General MIDI program (from 0), volume, and place from left (0) to right (127)."""

    number: int
    program: int
    volume: int = 100
    pan: int = 64


def file_bytes(channels: Iterable[Channel], events: Iterable[Event], seconds: float) -> bytes:
    """A MIDI file of these notes that ends at `seconds`."""
    messages: list[tuple[int, int, bytes]] = []
    for channel in channels:
        number = channel.number
        setup = bytes([0xB0 | number, 7, channel.volume]), bytes([0xB0 | number, 10, channel.pan])
        messages += [(0, 0, bytes([0xC0 | number, channel.program])), *((0, 0, message) for message in setup)]
    for event in events:
        start, end = round(event.start * TICKS_PER_SECOND), round(event.end * TICKS_PER_SECOND)
        # At one tick, notes end before others begin, or a repeated pitch would be cut off at once.
        messages.append((start, 2, bytes([0x90 | event.channel, event.pitch, event.velocity])))
        messages.append((max(end, start + 1), 1, bytes([0x80 | event.channel, event.pitch, 0])))
    track = bytearray(b"\x00\xff\x51\x03" + _MICROSECONDS_PER_QUARTER.to_bytes(3, "big"))
    now = 0
    for tick, _, message in sorted(messages):
        track += _variable_length(tick - now) + message
        now = tick
    track += _variable_length(max(0, round(seconds * TICKS_PER_SECOND) - now)) + b"\xff\x2f\x00"
    header = struct.pack(">4sIHHH", b"MThd", 6, 0, 1, _TICKS_PER_QUARTER)
    return header + struct.pack(">4sI", b"MTrk", len(track)) + bytes(track)


def _variable_length(value: int) -> bytes:
    """Seven bits a byte, the highest bit set in all but the last (Standard MIDI Files 1.0)."""
    parts = [value & 0x7F]
    while value := value >> 7:
        parts.append(value & 0x7F | 0x80)
    return bytes(reversed(parts))
