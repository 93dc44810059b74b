"""The gapless note that iTunes leaves in an M4A: what the encoder put in front and behind (iTunSMPB)."""

from __future__ import annotations

from soundverse_nb.audio.probe.boxes import Box, boxes, descend

# Beyond this FFmpeg takes the note for damaged, and plays everything.
_MOST = 16384


def itunes_note(movie: bytes, user_data: Box | None) -> tuple[int, int]:
    """Samples that the note says to cut off in front, and behind; 0 where there is none."""
    meta = descend(movie, user_data, b"meta") if user_data is not None else None
    if meta is None:
        return 0, 0
    # `meta` begins with a version, as ISO has it.
    entries = descend(movie, Box(meta.name, meta.start + 4, meta.end), b"ilst")
    if entries is None:
        return 0, 0
    for box in boxes(movie, entries.start, min(entries.end, len(movie))):
        content = movie[box.start : min(box.end, box.start + 256)] if box.name == b"----" else b""
        if b"iTunSMPB" in content:
            return _extras(content[content.find(b"data") + 12 :])
    return 0, 0


def _extras(note: bytes) -> tuple[int, int]:
    """The second and third of the note's hexadecimal words."""
    try:
        front, behind = (int(word, 16) for word in note.split()[1:3])
    except ValueError:
        return 0, 0
    return (front, behind if 0 < behind < _MOST else 0) if 0 < front < _MOST else (0, 0)
