"""Where in a file its sound lies: behind the tags in front, and up to the first of those at the end."""

from __future__ import annotations

from typing import BinaryIO

from soundverse_nb.audio.probe.tags import after_front_tags, end_of_sound
from soundverse_nb.audio.probe.window import Window


def sound_span(stream: BinaryIO, size: int) -> tuple[int, int | None]:
    """The bytes for the decoder: where they begin, and where they end (None: with the file)."""
    try:
        window = Window(stream, size)
        begin, end = after_front_tags(window), end_of_sound(window)
    except Exception:  # whatever a foreign file object raises
        return 0, None
    if begin >= end:
        return 0, None
    return begin, end if end < size else None
