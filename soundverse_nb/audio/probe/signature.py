"""Recognising a container by its first bytes; names and extensions are not asked."""

from __future__ import annotations

from soundverse_nb.audio.probe.window import Window

# Files that hold audio, or are often mistaken for it, and that only a decode can measure.
_OTHERS = (
    (b"\x1aE\xdf\xa3", "matroska"),
    (b"0&\xb2u\x8ef\xcf\x11", "asf"),
    (b"caff", "caf"),
    (b".snd", "au"),
    (b"riff\x2e\x91\xcf\x11", "w64"),
    (b"wvpk", "wavpack"),
    (b"MAC ", "ape"),
    (b"TTA1", "tta"),
    (b"MPCK", "musepack"),
    (b"FLV", "flv"),
    (b"#!AMR", "amr"),
    (b"MThd", "midi"),
    (b"\x89PNG", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF8", "gif"),
    (b"%PDF", "pdf"),
    (b"PK\x03\x04", "zip"),
)


def recognise(head: bytes) -> str | None:
    """The container's name, "id3" or "ape tag" where one hides it, None for bytes of no known kind."""
    mark, kind = head[:4], head[8:12]
    if mark == b"RIFF" or mark in (b"RF64", b"BW64"):
        if kind == b"WAVE":
            return "wav"
        return "avi" if kind == b"AVI " else None
    if mark == b"fLaC":
        return "flac"
    if mark == b"OggS":
        return "ogg"
    if mark == b"FORM" and kind in (b"AIFF", b"AIFC"):
        return "aiff"
    if mark[:3] == b"ID3":
        return "id3"
    if head[:8] == b"APETAGEX":
        return "ape tag"
    if head[4:8] in (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip"):
        return "mp4"
    if mark[:1] == b"\xff" and len(mark) == 4 and mark[1] & 0xE0 == 0xE0:
        layer = mark[1] >> 1 & 3
        if layer == 1 and mark[1] != 0xFF:
            return "mp3"
        if layer == 0 and mark[1] & 0xF0 == 0xF0:
            return "adts"
        if layer == 2:
            return "mp2"
    for start, name in _OTHERS:
        if head.startswith(start):
            return name
    return None


HEAD = 10
_MOST_CHUNKS = 100
# What a CD player hands on to a receiver: DTS in its four spellings, and IEC 61937 around any codec.
_DTS = (b"\xfe\x7f\x01\x80", b"\x7f\xfe\x80\x01", b"\xff\x1f\x00\xe8", b"\x1f\xff\xe8\x00")
_BURST = b"\x72\xf8\x1f\x4e"
_FIRST_SOUND = 1 << 16
_SHORTEST_FRAME = 96


def is_old_wavpack(head: bytes) -> bool:
    """Whether bytes, a file's first or those of a WAV's data, are of WavPack 1 to 3 (before 2006)."""
    return head[:4] == b"wvpk" and len(head) >= HEAD and 1 <= int.from_bytes(head[8:10], "little") <= 3


def may_be_disguised(head: bytes) -> bool:
    """Whether a WAV's data that begins like this needs a longer look."""
    return is_old_wavpack(head) or head[:4] in _DTS or head[:4] == _BURST


def disguised(window: Window, begin: int) -> str | None:
    """What a file that begins at `begin` holds instead of samples; None for any other."""
    head = window.at(begin, 12)
    if is_old_wavpack(head):
        return "WavPack of a version before 4"
    if head[:4] != b"RIFF" or head[8:12] != b"WAVE":
        return None
    at = begin + 12
    for _ in range(_MOST_CHUNKS):
        chunk = window.at(at, 8)
        if len(chunk) < 8:
            return None
        if chunk[:4] == b"data":
            return _inside(window, at + 8)
        length = int.from_bytes(chunk[4:], "little")
        at += 8 + length + length % 2
    return None


def _inside(window: Window, at: int) -> str | None:
    if is_old_wavpack(window.at(at, HEAD)):
        return "WavPack of a version before 4"
    sound = window.at(at, _FIRST_SOUND).lstrip(b"\0")
    if sound[:4] in (*_DTS, _BURST):
        # Music does not begin with such four bytes, and repeat them at equal distances.
        second = sound.find(sound[:4], 4)
        if second >= _SHORTEST_FRAME and sound[2 * second : 2 * second + 4] == sound[:4]:
            return "surround sound for a receiver (DTS or AC-3)"
    return None
