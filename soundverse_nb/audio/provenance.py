"""Whether a song came from the simulator: it signs each remix in the file's own tag, which copies keep."""

from __future__ import annotations

import os

SIMULATED_ARTIST = "soundverse_nb simulator"
_TAG_BYTES = 8192  # an ID3v2 tag is the first thing in an MP3, and the simulator's is short


def is_simulated(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins with a tag that names the simulator as its artist. Raises what `open` does."""
    with open(path, "rb") as file:
        head = file.read(_TAG_BYTES)
    return head.startswith(b"ID3") and SIMULATED_ARTIST.encode("ascii") in head
