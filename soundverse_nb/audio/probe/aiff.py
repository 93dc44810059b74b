"""AIFF and AIFF-C: `COMM` counts the frames, `SSND` holds them.

Audio Interchange File Format 1.3 and AIFF-C draft (Apple, 1989 and 1991).
"""

from __future__ import annotations

import math

from soundverse_nb.audio.probe.window import Probed, Untrusted, Window, implausible

# Compression type -> (codec by bytes a sample). b"" is plain AIFF.
_BIG_ENDIAN = {1: "pcm_s8", 2: "pcm_s16be", 3: "pcm_s24be", 4: "pcm_s32be"}
_CODECS: dict[bytes, dict[int, str]] = {
    b"": _BIG_ENDIAN,
    b"NONE": _BIG_ENDIAN,
    b"twos": {2: "pcm_s16be"},
    b"sowt": {2: "pcm_s16le"},
    b"in24": {3: "pcm_s24be"},
    b"in32": {4: "pcm_s32be"},
    b"fl32": {4: "pcm_f32be"},
    b"FL32": {4: "pcm_f32be"},
    b"fl64": {8: "pcm_f64be"},
    b"FL64": {8: "pcm_f64be"},
}
# G.711 stores one byte a sample whatever the sample size says (16 is customary).
_ONE_BYTE = {b"alaw": "pcm_alaw", b"ALAW": "pcm_alaw", b"ulaw": "pcm_mulaw", b"ULAW": "pcm_mulaw"}
_MOST_CHUNKS = 1000


def probe_aiff(window: Window) -> Probed | Untrusted:
    """The frame count of `COMM`, where `SSND` holds exactly so many and the file all of them."""
    common: tuple[str, int, int, int, int] | None = None
    sound_bytes: int | None = None
    offset = 12
    for _ in range(_MOST_CHUNKS):
        header = window.at(offset, 8)
        if len(header) < 8:
            break
        name, size = header[:4], int.from_bytes(header[4:], "big")
        body = offset + 8
        if name == b"COMM":
            if common is not None:
                return Untrusted("The AIFF describes its samples twice.", "aiff")
            found = _common(window.at(body, min(size, 24)), window.at(8, 4) == b"AIFC")
            if isinstance(found, Untrusted):
                return found
            common = found
        elif name == b"SSND":
            if sound_bytes is not None:
                return Untrusted("The AIFF holds more than one sound chunk.", "aiff")
            if body + size > window.size:
                return Untrusted("The AIFF's header claims more samples than the file holds.", "aiff")
            sound_bytes = size - 8 - int.from_bytes(window.at(body, 4), "big")
        offset = body + size + (size & 1)
    if common is None or sound_bytes is None:
        return Untrusted("The AIFF's header is incomplete.", "aiff")
    codec, sample_rate, channels, frame_bytes, frames = common
    if frames == 0:
        return Untrusted("The AIFF was streamed: its header does not say how long it is.", "aiff")
    if not 0 <= sound_bytes - frames * frame_bytes < frame_bytes:
        return Untrusted("The AIFF's frame count contradicts the bytes it holds.", "aiff")
    return Probed("aiff", codec, sample_rate, channels, frames / sample_rate)


def _common(body: bytes, compressed: bool) -> tuple[str, int, int, int, int] | Untrusted:
    """Codec, sample rate, channels, bytes a frame and frames, from the common chunk."""
    if len(body) < (22 if compressed else 18):
        return Untrusted("The AIFF's common chunk is cut short.", "aiff")
    channels = int.from_bytes(body[:2], "big")
    frames = int.from_bytes(body[2:6], "big")
    sample_bytes = (int.from_bytes(body[6:8], "big") + 7) // 8
    kind = body[18:22] if compressed else b""
    if kind in _ONE_BYTE:
        codec, sample_bytes = _ONE_BYTE[kind], 1
    else:
        codec = _CODECS.get(kind, {}).get(sample_bytes, "")
    if not codec:
        return Untrusted("Only a decoder knows how long this kind of AIFF is.", "aiff")
    rate = _extended(body[8:18])
    if rate is None or rate != int(rate):
        return Untrusted("The AIFF's sample rate is no whole number.", "aiff")
    absurd = implausible("aiff", int(rate), channels)
    if absurd is not None:
        return absurd
    return codec, int(rate), channels, channels * sample_bytes, frames


def _extended(field: bytes) -> float | None:
    """A positive IEEE 754 80-bit number of ordinary size, None for any other."""
    exponent = int.from_bytes(field[:2], "big") - 16383
    if not 0 <= exponent < 32:
        return None
    return math.ldexp(int.from_bytes(field[2:], "big"), exponent - 63)
