"""A name for the remix, made from what was asked for."""

from __future__ import annotations

import hashlib
import re

_FIRST = (
    "Velvet",
    "Midnight",
    "Golden",
    "Paper",
    "Neon",
    "Silver",
    "Quiet",
    "Electric",
    "Amber",
    "Distant",
    "Lantern",
    "Northern",
    "Hollow",
    "Saffron",
    "Winter",
    "Borrowed",
    "Harbour",
    "Copper",
    "Drifting",
)
_SECOND = (
    "Hour",
    "Avenue",
    "Signal",
    "Garden",
    "Tide",
    "Parade",
    "Mirror",
    "Weather",
    "Station",
    "Orchard",
    "Skyline",
    "Carousel",
    "Shadow",
    "Compass",
    "Holiday",
    "Machine",
    "River",
    "Lights",
    "Window",
)
_LIMIT = 80


def song_name(prompt: str, lyrics: str, seed: str, style: str = "") -> str:
    """A title such as "Amber Avenue (Jazz Remix)"; the first words of the lyrics where there are any.

    `style` is the style the prompt was read as ("" for none); the same seed gives the same title.
    """
    words = re.findall(r"[^\W_]+(?:['’][^\W_]+)?", lyrics)
    if words:
        head = " ".join(word.capitalize() for word in words[:4])
    else:
        digest = hashlib.sha256(f"{seed}\n{prompt}".encode("utf-8", "replace")).digest()
        head = f"{_FIRST[digest[0] % len(_FIRST)]} {_SECOND[digest[1] % len(_SECOND)]}"
    tail = f"({style} Remix)" if style else "(Remix)"
    return f"{head[: _LIMIT - len(tail) - 1]} {tail}"
