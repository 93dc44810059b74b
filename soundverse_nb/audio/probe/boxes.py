"""The boxes an MP4 is made of (ISO/IEC 14496-12, 4.2), never read beyond their bounds; AAC settings there."""

from __future__ import annotations

import struct
import sys
from array import array
from collections.abc import Iterator
from typing import NamedTuple

_ES, _DECODER_CONFIG, _DECODER_INFO = 3, 4, 5
_AAC_MPEG4 = 0x40
_RATES = (96000, 88200, 64000, 48000, 44100, 32000, 24000, 22050, 16000, 12000, 11025, 8000, 7350)
_LOW_COMPLEXITY = 2
# Below this rate an encoder may hide the upper octave (SBR) where the header does not say so.
_MAY_HIDE_AN_OCTAVE = 24_000


class AudioConfig(NamedTuple):
    """A codec inside MP4: its packets' length in samples, and whether the last one may be shorter."""

    codec: str
    sample_rate: int
    channels: int
    packet_samples: int
    ends_short: bool


def decoder_config(descriptors: bytes) -> bytes:
    """The AudioSpecificConfig inside an `esds` box's descriptors; empty where there is none, or no AAC."""
    at, end = 0, len(descriptors)
    for _ in range(8):
        if at + 2 > end:
            break
        tag = descriptors[at]
        at += 1
        length = 0
        for _ in range(4):
            if at >= end:
                return b""
            byte = descriptors[at]
            at += 1
            length = length << 7 | byte & 0x7F
            if byte < 0x80:
                break
        if tag == _ES:
            flags = descriptors[at + 2] if at + 2 < end else 0
            if flags & 0xE0:
                return b""
            at += 3
        elif tag == _DECODER_CONFIG:
            if at >= end or descriptors[at] != _AAC_MPEG4:
                return b""
            at += 13
        elif tag == _DECODER_INFO:
            return descriptors[at : at + length]
        else:
            at += length
    return b""


def audio_config(config: bytes) -> AudioConfig | None:
    """Rate, channels and packet length of plain AAC (low complexity); None for any richer kind."""
    if len(config) < 2:
        return None
    bits = int.from_bytes(config[:2], "big")
    kind, rate_index, channels = bits >> 11, bits >> 7 & 15, bits >> 3 & 15
    is_short, is_extended = bits >> 2 & 1, bits & 1
    if kind != _LOW_COMPLEXITY or rate_index >= len(_RATES) or not 0 < channels < 8 or is_extended:
        return None
    rate = _RATES[rate_index]
    if rate <= _MAY_HIDE_AN_OCTAVE:
        return None
    return AudioConfig("aac", rate, 8 if channels == 7 else channels, 960 if is_short else 1024, False)


_MOST_BOXES = 1000
_HEAD = struct.Struct(">I4s")


class Box(NamedTuple):
    """A box's four-letter name and where its content stands; `end` may claim to lie behind the data's."""

    name: bytes
    start: int
    end: int


def box_at(header: bytes, at: int, offset: int, end: int) -> Box | None:
    """The box whose header stands at `at` in `header` and at `offset` of what ends at `end`."""
    if len(header) - at < 8:
        return None
    size, name = _HEAD.unpack_from(header, at)
    content = offset + 8
    if size == 1:
        size, content = int.from_bytes(header[at + 8 : at + 16], "big"), offset + 16
    elif size == 0:
        size = end - offset
    return Box(name, content, offset + size) if offset + size >= content else None


def boxes(data: bytes, start: int, end: int) -> Iterator[Box]:
    """The boxes that stand in data[start:end], until one of them makes no sense."""
    for _ in range(_MOST_BOXES):
        box = box_at(data, start, start, end) if start < end else None
        if box is None:
            return
        yield box
        start = box.end


def children(data: bytes, within: Box) -> dict[bytes, Box]:
    """The boxes inside this one by name; of several with one name the first."""
    found: dict[bytes, Box] = {}
    for box in boxes(data, within.start, min(within.end, len(data))):
        found.setdefault(box.name, box)
    return found


def descend(data: bytes, within: Box, *path: bytes) -> Box | None:
    """The box at this path of names below `within`."""
    box: Box | None = within
    for name in path:
        box = children(data, box).get(name) if box is not None else None
    return box


_MOST_RUNS = 1000


def packet_times(data: bytes, box: Box) -> list[tuple[int, int]]:
    """The runs of packets of equal length: (count, units); empty where the table is none."""
    count = int.from_bytes(data[box.start + 4 : box.start + 8], "big")
    entries = data[box.start + 8 : box.start + 8 + 8 * count] if 0 < count <= _MOST_RUNS else b""
    if not entries or len(entries) < 8 * count or box.start + 8 + 8 * count > box.end:
        return []
    return [(run[0], run[1]) for run in struct.iter_unpack(">II", entries)]


def samples_of(runs: list[tuple[int, int]], packets: int, scale: int, config: AudioConfig) -> int | None:
    """Samples that the packets decode to, None where the clock disagrees with the codec.

    Every packet but the last lasts the codec's packet length. AAC decodes a last packet in full, however
    short the table calls it; ALAC's last packet holds less.
    """
    rate = config.sample_rate
    usual = config.packet_samples * scale
    last_count, last_step = runs[-1]
    regular = runs if last_count > 1 else runs[:-1]
    if any(abs(step * rate - usual) > scale for _, step in regular) or last_step * rate > usual + scale:
        return None
    if config.ends_short:
        return (packets - 1) * config.packet_samples + last_step * rate // scale
    return packets * config.packet_samples


def packets_until(runs: list[tuple[int, int]], time: int) -> int:
    """How many packets it takes to reach this time, in the table's units."""
    packets = 0
    for count, step in runs:
        if step and time <= count * step:
            return packets - (-time // step)
        packets, time = packets + count, time - count * step
    return packets


def holds_packets(data: bytes, table: dict[bytes, Box], packets: int, size: int) -> bool:
    """Whether the last chunk of packets ends inside a file of `size` bytes."""
    chunks = table.get(b"co64") or table.get(b"stco")
    if chunks is None:
        return False
    width = 8 if b"co64" in table else 4
    count = int.from_bytes(data[chunks.start + 4 : chunks.start + 8], "big")
    at = chunks.start + 8 + width * (count - 1)
    begins = int.from_bytes(data[at : at + width], "big")
    shape = table[b"stsc"].start
    runs = int.from_bytes(data[shape + 4 : shape + 8], "big")
    at = shape + 8 + 12 * (runs - 1) + 4
    per_chunk = int.from_bytes(data[at : at + 4], "big")
    if not 0 < per_chunk <= packets or count == 0 or chunks.start + 8 + width * count > chunks.end:
        return False
    sizes = table[b"stsz"]
    each = int.from_bytes(data[sizes.start + 4 : sizes.start + 8], "big")
    if each:
        return begins + each * per_chunk <= size
    last = sizes.start + 12 + 4 * packets
    if last > min(sizes.end, len(data)):
        return False
    return begins + _sum_of_words(data[last - 4 * per_chunk : last]) <= size


def _sum_of_words(data: bytes) -> int:
    """The sum of big-endian numbers of 32 bits, made one at a time: a table may hold millions."""
    words = array("I", data)
    if sys.byteorder == "little":
        words.byteswap()
    return sum(words)
