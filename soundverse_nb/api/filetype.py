"""File types by their first bytes: the type a server names is not believed."""

from __future__ import annotations

# Enough to step over an ID3 tag's header, and for two MPEG frames after some padding.
HEAD_BYTES = 4096

_MPEG1_KBPS = (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320)
_MPEG2_KBPS = (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}

_AUDIO_MARKS = (
    (0, b"ID3", "mp3"),
    (0, b"fLaC", "flac"),
    (0, b"OggS", "ogg"),
    (0, b"\x1aE\xdf\xa3", "webm"),
    (0, b"caff", "caf"),
    (0, b".snd", "au"),
    (0, b"wvpk", "wv"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "wma"),
    (0, b"#!AMR", "amr"),
)
_IMAGE_MARKS = (
    (0, b"\x89PNG\r\n\x1a\n", "png"),
    (0, b"\xff\xd8\xff", "jpg"),
    (0, b"GIF87a", "gif"),
    (0, b"GIF89a", "gif"),
)
_IMAGE_BRANDS = frozenset((b"avif", b"avis", b"heic", b"heix", b"mif1"))


def audio_kind(head: bytes) -> str | None:
    """The kind of audio a file begins like, as its usual suffix ("mp3", "wav", ...), or None."""
    for offset, mark, kind in _AUDIO_MARKS:
        if head.startswith(mark, offset):
            return kind
    if head[:4] in (b"RIFF", b"RF64", b"BW64") and head[8:12] == b"WAVE":
        return "wav"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "aiff"
    if head[4:8] == b"ftyp" and head[8:12] not in _IMAGE_BRANDS:
        return "m4a"
    if len(head) > 2 and head[0] == 0xFF and head[1] & 0xF6 == 0xF0:
        return "aac"
    return "mp3" if _has_mpeg_frames(head) else None


def image_kind(head: bytes) -> str | None:
    """The kind of picture a file begins like, as its usual suffix ("png", "jpg", ...), or None.

    SVG is none: it can run scripts.
    """
    for offset, mark, kind in _IMAGE_MARKS:
        if head.startswith(mark, offset):
            return kind
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "webp"
    if head[4:8] == b"ftyp" and head[8:12] in _IMAGE_BRANDS:
        return "avif"
    return None


def _has_mpeg_frames(head: bytes) -> bool:
    """Whether an MPEG layer III frame and, where it ends, a second one are there (ISO 11172-3, 2.4.2.3)."""
    at = head.find(b"\xff")
    while 0 <= at < len(head) - 4:
        length = _frame_length(head[at : at + 4])
        if length:
            after = head[at + length : at + length + 4]
            if (len(after) == 4 and _frame_length(after)) or (at == 0 and len(after) < 4):
                return True
        at = head.find(b"\xff", at + 1)
    return False


def _frame_length(header: bytes) -> int:
    """Bytes of the layer III frame with this 4-byte header; 0 where it is none."""
    if header[0] != 0xFF or header[1] & 0xE0 != 0xE0 or (header[1] >> 1) & 3 != 1:
        return 0
    version, bitrate, rate, padding = (
        (header[1] >> 3) & 3,
        header[2] >> 4,
        (header[2] >> 2) & 3,
        (header[2] >> 1) & 1,
    )
    if version == 1 or rate == 3 or bitrate in (0, 15):
        return 0
    kbps, samples = (_MPEG1_KBPS, 144) if version == 3 else (_MPEG2_KBPS, 72)
    return samples * kbps[bitrate] * 1000 // _RATES[version][rate] + padding
