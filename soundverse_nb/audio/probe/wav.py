"""WAV and RF64: chunks, of which `fmt ` says how a sample is stored and `data` how many there are.

Multimedia Programming Interface and Data Specifications 1.0 (RIFF); EBU Tech 3306 (RF64, BW64).
"""

from __future__ import annotations

import struct

from soundverse_nb.audio.probe.window import Probed, Untrusted, Window, implausible
from soundverse_nb.filetype import file_type

_PCM, _FLOAT, _ALAW, _MULAW, _EXTENSIBLE = 0x0001, 0x0003, 0x0006, 0x0007, 0xFFFE
_CODECS = {
    (_PCM, 1): "pcm_u8",
    (_PCM, 2): "pcm_s16le",
    (_PCM, 3): "pcm_s24le",
    (_PCM, 4): "pcm_s32le",
    (_FLOAT, 4): "pcm_f32le",
    (_FLOAT, 8): "pcm_f64le",
    (_ALAW, 1): "pcm_alaw",
    (_MULAW, 1): "pcm_mulaw",
}
_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")
_MOST_CHUNKS = 1000
_UNKNOWN_SIZE = 0xFFFFFFFF
# Bytes of a WavPack block's header up to its version.
_WAVPACK_HEAD = 10
# What a CD player hands on to a receiver: DTS in its four spellings, and IEC 61937 around any codec.
_DTS = (b"\xfe\x7f\x01\x80", b"\x7f\xfe\x80\x01", b"\xff\x1f\x00\xe8", b"\x1f\xff\xe8\x00")
_BURST = b"\x72\xf8\x1f\x4e"
_MOST_CHUNKS_BEFORE_DATA = 100
_FIRST_SOUND = 1 << 16
_SHORTEST_FRAME = 96


def probe_wav(window: Window) -> Probed | Untrusted:
    """Frames = bytes of the one data chunk / bytes of a frame, where both fit the file."""
    is_rf64 = window.at(0, 4) != b"RIFF"
    wide_size: int | None = None
    layout: tuple[str, int, int, int] | None = None
    data_size: int | None = None
    offset = 12
    for _ in range(_MOST_CHUNKS):
        header = window.at(offset, 8)
        if len(header) < 8:
            break
        name, size = header[:4], int.from_bytes(header[4:], "little")
        body = offset + 8
        if name == b"data":
            if data_size is not None:
                return Untrusted("The WAV holds more than one data chunk.", "wav")
            if is_rf64 and size == _UNKNOWN_SIZE and wide_size is not None:
                size = wide_size
            if size in (0, _UNKNOWN_SIZE):
                return Untrusted("The WAV was streamed: its header does not say how long it is.", "wav")
            if layout is None:
                return Untrusted("The WAV's samples come before their description.", "wav")
            if body + size > window.size:
                return Untrusted("The WAV's header claims more samples than the file holds.", "wav")
            if may_be_coded(window.at(body, _WAVPACK_HEAD)):
                return Untrusted("What the WAV holds does not look like samples.", "wav")
            data_size = size
        elif name == b"fmt ":
            found = _layout(window.at(body, min(size, 40)))
            if isinstance(found, Untrusted):
                return found
            layout = found
        elif name == b"ds64" and is_rf64:
            wide_size = int.from_bytes(window.at(body + 8, 8), "little")
        elif data_size is not None and not _is_chunk_name(name):
            return Untrusted("The file goes on after the samples its WAV header claims.", "wav")
        offset = body + size + (size & 1)
    if layout is None or data_size is None:
        return Untrusted("The WAV's header is incomplete.", "wav")
    if window.size - offset >= 8:
        return Untrusted("The WAV holds an unusual number of chunks.", "wav")
    codec, sample_rate, channels, frame_bytes = layout
    return Probed("wav", codec, sample_rate, channels, data_size // frame_bytes / sample_rate)


def _layout(body: bytes) -> tuple[str, int, int, int] | Untrusted:
    """Codec, sample rate, channels and bytes a frame, from the format chunk."""
    if len(body) < 16:
        return Untrusted("The WAV's format chunk is cut short.", "wav")
    tag, channels, rate, byte_rate, frame_bytes, bits = struct.unpack_from("<HHIIHH", body)
    if tag == _EXTENSIBLE and len(body) >= 40 and body[26:40] == _SUBFORMAT_TAIL:
        tag = body[24] | body[25] << 8
    sample_bytes = (bits + 7) // 8
    codec = _CODECS.get((tag, sample_bytes))
    if codec is None:
        return Untrusted("Only a decoder knows how long this kind of WAV is.", "wav")
    absurd = implausible("wav", rate, channels)
    if absurd is not None:
        return absurd
    if frame_bytes != channels * sample_bytes or byte_rate != rate * frame_bytes:
        return Untrusted("The WAV's header contradicts itself.", "wav")
    return codec, rate, channels, frame_bytes


def _is_chunk_name(name: bytes) -> bool:
    return all(32 <= byte < 127 for byte in name)


def is_old_wavpack(head: bytes) -> bool:
    """Whether bytes, a file's first or those of a WAV's data, are of WavPack 1 to 3 (before 2006)."""
    return (
        head[:4] == b"wvpk" and len(head) >= _WAVPACK_HEAD and 1 <= int.from_bytes(head[8:10], "little") <= 3
    )


def may_be_coded(head: bytes) -> bool:
    """Whether a WAV's data that begins like this needs a longer look."""
    return is_old_wavpack(head) or head[:4] in _DTS or head[:4] == _BURST


def coding_behind_pcm(window: Window, begin: int) -> str | None:
    """What a WAV that begins at `begin` holds, if its header calls it PCM and it is coded; None for samples.

    So it is with WavPack before version 4, which decoders do not know, and with surround sound on its way to
    a receiver.
    """
    head = window.at(begin, 12)
    if is_old_wavpack(head):
        return "WavPack of a version before 4"
    if file_type(head) != "wav":
        return None
    at = begin + 12
    for _ in range(_MOST_CHUNKS_BEFORE_DATA):
        chunk = window.at(at, 8)
        if len(chunk) < 8:
            return None
        if chunk[:4] == b"data":
            return _coding_at(window, at + 8)
        length = int.from_bytes(chunk[4:], "little")
        at += 8 + length + length % 2
    return None


def _coding_at(window: Window, at: int) -> str | None:
    if is_old_wavpack(window.at(at, _WAVPACK_HEAD)):
        return "WavPack of a version before 4"
    sound = window.at(at, _FIRST_SOUND).lstrip(b"\0")
    if sound[:4] in (*_DTS, _BURST):
        # Music does not begin with such four bytes, and repeat them at equal distances.
        second = sound.find(sound[:4], 4)
        if second >= _SHORTEST_FRAME and sound[2 * second : 2 * second + 4] == sound[:4]:
            return "surround sound for a receiver (DTS or AC-3)"
    return None
