"""What kind of file this is, by its first bytes; names and extensions are not asked."""

from __future__ import annotations

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
