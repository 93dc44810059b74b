"""AAC inside MP4: the descriptors of an `esds` box and the AudioSpecificConfig inside.

ISO/IEC 14496-1, 7.2.6 (descriptors); ISO/IEC 14496-3, 1.6.2 (AudioSpecificConfig).
"""

from __future__ import annotations

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
