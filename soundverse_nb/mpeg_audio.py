"""Frame headers of MPEG audio, layer III: what the four bytes in front of every MP3 frame say.

Sources: ISO/IEC 11172-3, 2.4.2.3 (MPEG-1), ISO/IEC 13818-3, 2.4.2.3 (MPEG-2), and the unofficial MPEG-2.5 for
low rates. Pure Python: nothing else of the package, and no numpy, is loaded.
"""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

_MPEG1, _MPEG2, _MPEG25 = 3, 2, 0  # as the header has them
# By the header's four bits, kbit/s; 0 is "free format".
_MPEG1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
# By the header's two bits, Hz.
_RATES = {_MPEG1: (44100, 48000, 32000), _MPEG2: (22050, 24000, 16000), _MPEG25: (11025, 12000, 8000)}

# What an encoder may choose from, in rising order: kbit/s, and Hz.
MPEG1_BITRATES, MPEG2_BITRATES = _MPEG1_KBPS[1:], _MPEG2_KBPS[1:]
MPEG1_RATES = tuple(sorted(_RATES[_MPEG1]))
MPEG2_RATES = tuple(sorted(_RATES[_MPEG2] + _RATES[_MPEG25]))

# Samples that a layer III decoder is late. Players cut them off at the start, beside the encoder's own delay.
DECODER_DELAY = 529


class FrameKind(NamedTuple):
    """What all frames of one MP3 share, and the length in bytes of each by its third byte (0: not a frame).

    `sample_rate` in Hz, `samples` a frame; `side_info` is the distance in bytes from a frame's start to where
    an encoder's Xing header stands; `kbps` is the bitrate by the third byte.
    """

    sample_rate: int
    channels: int
    samples: int
    side_info: int
    second_byte: int
    lengths: tuple[int, ...]
    kbps: tuple[int, ...]


def frame_kind(header: bytes) -> FrameKind | None:
    """The kind of the layer III frame that begins with these four bytes, None where they are none.

    A free-format frame (bitrate 0) is none: its length stands nowhere.

    >>> kind = frame_kind(bytes.fromhex("fffb90c4"))
    >>> kind.sample_rate, kind.kbps[0x90], kind.lengths[0x90]
    (44100, 128, 417)
    """
    if len(header) < 4 or header[0] != 0xFF or header[1] & 0xE6 != 0xE2:
        return None
    kind = _kind(header[1] | 1, header[2] >> 2 & 3, header[3] >> 6 == 3)
    if kind is None or not kind.lengths[header[2]]:
        return None
    return kind


@lru_cache(maxsize=64)
def _kind(second_byte: int, rate_code: int, is_mono: bool) -> FrameKind | None:
    version = second_byte >> 3 & 3
    if version not in _RATES or rate_code == 3:
        return None
    rate = _RATES[version][rate_code]
    is_first = version == _MPEG1
    slots = 144_000 if is_first else 72_000
    kbps = [0] * 256
    lengths = [0] * 256
    for third in range(256):
        code = third >> 4
        if third >> 2 & 3 == rate_code and 0 < code < 15:
            kbps[third] = (_MPEG1_KBPS if is_first else _MPEG2_KBPS)[code]
            lengths[third] = slots * kbps[third] // rate + (third >> 1 & 1)
    side = (17, 32) if is_first else (9, 17)
    return FrameKind(
        sample_rate=rate,
        channels=1 if is_mono else 2,
        samples=1152 if is_first else 576,
        side_info=4 + side[not is_mono],
        second_byte=second_byte,
        lengths=tuple(lengths),
        kbps=tuple(kbps),
    )


def count_frames(data: bytes, kind: FrameKind, offset: int = 0) -> tuple[int, int]:
    """How many whole frames follow one another in `data` from `offset`, and where the last ends."""
    lengths, second = kind.lengths, kind.second_byte
    last = len(data) - 4
    count = 0
    while offset <= last:
        length = lengths[data[offset + 2]]
        if not length or data[offset] != 0xFF or data[offset + 1] | 1 != second:
            break
        if offset + length > last + 4:
            break
        offset += length
        count += 1
    return count, offset


def holds_frames(head: bytes) -> bool:
    """Whether somewhere in a file's first bytes a frame stands, and another where it ends.

    A frame at the very start counts by itself where the bytes end before the second one.
    """
    at = head.find(b"\xff")
    while 0 <= at <= len(head) - 4:
        kind = frame_kind(head[at : at + 4])
        if kind is not None:
            end = at + kind.lengths[head[at + 2]]
            after = head[end : end + 4]
            if frame_kind(after) is not None or (at == 0 and len(after) < 4):
                return True
        at = head.find(b"\xff", at + 1)
    return False
