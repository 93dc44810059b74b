"""File type by first bytes (magic numbers): audio containers, pictures, and what is mistaken for them.

The one table of the package. Names, extensions and the type that a server states are not asked. Nothing heavy
is loaded.
"""

from __future__ import annotations

from soundverse_nb.mpeg_audio import holds_frames

# Enough to step over an ID3 tag's header, and for two MPEG frames after some padding.
HEAD_BYTES = 4096

# Start of the file, what stands at byte 8 (b"" for anything), name.
_STARTS = (
    (b"RIFF", b"WAVE", "wav"),
    (b"RIFX", b"WAVE", "rifx"),
    (b"RF64", b"WAVE", "rf64"),
    (b"BW64", b"WAVE", "bw64"),
    (b"RIFF", b"AVI ", "avi"),
    (b"RIFF", b"WEBP", "webp"),
    (b"FORM", b"AIFF", "aiff"),
    (b"FORM", b"AIFC", "aiff"),
    (b"fLaC", b"", "flac"),
    (b"OggS", b"", "ogg"),
    (b"ID3", b"", "id3"),
    (b"APETAGEX", b"", "ape tag"),
    (b"\x1aE\xdf\xa3", b"", "matroska"),
    (b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", b"", "asf"),
    (b"caff", b"", "caf"),
    (b".snd", b"", "au"),
    (b"riff\x2e\x91\xcf\x11", b"", "w64"),
    (b"wvpk", b"", "wavpack"),
    (b"MAC ", b"", "ape"),
    (b"TTA1", b"", "tta"),
    (b"MPCK", b"", "musepack"),
    (b"FLV", b"", "flv"),
    (b"#!AMR", b"", "amr"),
    (b"MThd", b"", "midi"),
    (b"\x89PNG\r\n\x1a\n", b"", "png"),
    (b"\xff\xd8\xff", b"", "jpeg"),
    (b"GIF87a", b"", "gif"),
    (b"GIF89a", b"", "gif"),
    (b"%PDF", b"", "pdf"),
    (b"PK\x03\x04", b"", "zip"),
)
_BY_FIRST_BYTE = {
    first: tuple(row for row in _STARTS if row[0][:1] == first)
    for first in {start[:1] for start, _, _ in _STARTS}
}
# The first box of an MP4 or QuickTime file, after its length (ISO/IEC 14496-12, 4.2).
_BOXES = (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")
_PICTURE_BRANDS = (b"avif", b"avis", b"heic", b"heix", b"mif1")

WAV_LIKE = ("wav", "rf64", "bw64")
"""WAV, and its forms with lengths of 64 bits (EBU Tech 3306, ITU-R BS.2088)."""
_UNCOMPRESSED = ("wav", "rifx", "rf64", "aiff", "w64", "au", "caf")
# By two bytes alone, which are soon alike by chance: they count only where frames follow.
WEAK = ("mp3", "mp2", "adts")

_AUDIO_SUFFIXES = {
    "wav": "wav", "rf64": "wav", "bw64": "wav", "aiff": "aiff", "flac": "flac", "ogg": "ogg", "id3": "mp3",
    "matroska": "webm", "caf": "caf", "au": "au", "wavpack": "wv", "asf": "wma", "amr": "amr", "adts": "aac",
}  # fmt: skip
_PICTURE_SUFFIXES = {"png": "png", "jpeg": "jpg", "gif": "gif", "webp": "webp"}


def file_type(head: bytes) -> str | None:
    """What a file's first 12 bytes say that it is ("wav", "mp4", "png", ...); None for no known kind.

    "id3" and "ape tag" stand in front of some other kind. "mp3", "mp2" and "adts" are told by two bytes.

    >>> file_type(b"RIFF....WAVE"), file_type(b"fLaC"), file_type(b"<html>")
    ('wav', 'flac', None)
    """
    for start, kind, name in _BY_FIRST_BYTE.get(head[:1], ()):
        if head.startswith(start) and (not kind or head[8:12] == kind):
            return name
    if head[4:8] in _BOXES:
        return "mp4"
    if len(head) >= 4 and head[0] == 0xFF and head[1] & 0xE0 == 0xE0:
        layer = head[1] >> 1 & 3
        if layer == 1 and head[1] != 0xFF:
            return "mp3"
        if layer == 0 and head[1] & 0xF0 == 0xF0:
            return "adts"
        if layer == 2:
            return "mp2"
    return None


def audio_suffix(head: bytes) -> str | None:
    """The usual suffix of the audio file that begins so ("mp3", "wav", ...); None where it is none.

    Needs 12 bytes; of an MP3 without a tag up to HEAD_BYTES. A container that mostly holds something else,
    such as AVI, is none.
    """
    name = file_type(head)
    if name == "mp4":
        return "m4a" if head[4:8] == b"ftyp" and head[8:12] not in _PICTURE_BRANDS else None
    if name in _AUDIO_SUFFIXES:
        return _AUDIO_SUFFIXES[name]
    return "mp3" if name in (None, "ape tag", "mp3", "mp2") and holds_frames(head) else None


def picture_suffix(head: bytes) -> str | None:
    """The usual suffix of the picture that begins so ("png", "jpg", ...); None where it is none.

    SVG is none: it can run scripts.
    """
    if head[4:8] == b"ftyp" and head[8:12] in _PICTURE_BRANDS:
        return "avif"
    return _PICTURE_SUFFIXES.get(file_type(head) or "")


def is_uncompressed(head: bytes) -> bool:
    """Whether the first 12 bytes are those of a container of PCM that libsndfile reads rightly."""
    return file_type(head) in _UNCOMPRESSED
