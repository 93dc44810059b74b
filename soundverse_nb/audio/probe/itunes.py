"""The gapless note that iTunes leaves in an M4A: how many samples the encoder put in front (iTunSMPB)."""

from __future__ import annotations

from soundverse_nb.audio.probe.boxes import Box, boxes, find
from soundverse_nb.audio.probe.window import Window

# Beyond this FFmpeg takes the note for damaged, and plays everything.
_MOST_PRIMING = 16384


def itunes_priming(window: Window, movie: Box) -> int:
    """Samples that decoders cut off in front because the note says so; 0 where there is none."""
    meta = find(window, movie, b"udta", b"meta")
    if meta is None:
        return 0
    # `meta` begins with a version, as ISO has it.
    entries = find(window, Box(meta.name, meta.start + 4, meta.end), b"ilst")
    if entries is None:
        return 0
    for box in boxes(window, entries.start, entries.end):
        content = window.at(box.start, 256) if box.name == b"----" else b""
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
