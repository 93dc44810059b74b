"""The gapless note that iTunes leaves in an M4A: how many samples the encoder put in front (iTunSMPB)."""

from __future__ import annotations

from soundverse_nb.audio.probe.boxes import Box, boxes, descend

# Beyond this FFmpeg takes the note for damaged, and plays everything.
_MOST_PRIMING = 16384


def itunes_priming(movie: bytes, user_data: Box | None) -> int:
    """Samples that decoders cut off in front because the note says so; 0 where there is none."""
    meta = descend(movie, user_data, b"meta") if user_data is not None else None
    if meta is None:
        return 0
    # `meta` begins with a version, as ISO has it.
    entries = descend(movie, Box(meta.name, meta.start + 4, meta.end), b"ilst")
    if entries is None:
        return 0
    for box in boxes(movie, entries.start, min(entries.end, len(movie))):
        content = movie[box.start : min(box.end, box.start + 256)] if box.name == b"----" else b""
        if b"iTunSMPB" in content:
            return _priming(content[content.find(b"data") + 12 :])
    return 0


def _priming(note: bytes) -> int:
    """The second of the note's hexadecimal words."""
    words = note.split()
    try:
        priming = int(words[1], 16)
    except (IndexError, ValueError):
        return 0
    return priming if 0 < priming < _MOST_PRIMING else 0
