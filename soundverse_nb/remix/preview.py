"""Previews for a notebook's players: the files themselves where they fit, else smaller MP3s of them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.units import clock, size

if TYPE_CHECKING:
    from soundverse_nb.audio.meters import Envelope

ENVELOPE_POINTS = 1800
"""Two points for each pixel of the widest waveform shown."""

LEAST_USEFUL = 12_000
"""Bytes; less is under three seconds of the plainest MP3 and not worth a player."""

GOOD_KBPS = 96
"""For stereo at 44.1 kHz: what a remix is judged by is still there. A shorter segment is worth more than a
duller one. A notebook waits for it, too: encoding takes 10 ms a second of sound, whatever the bitrate."""

LEAST_KBPS = 40
"""For mono at 22 kHz: below this cymbals and voices turn watery, so even the shortest segment has it."""

LEAST_SECONDS = 15.0
"""Less of a song says little about it: where so much does not fit in good quality, quality gives way."""

CUT_KBPS = 160
"""An MP3 of at most this is cut on its frames, which is quick and loses nothing."""

_HEADER_BYTES = 4096  # what an MP3 holds besides its frames


class Sound(Protocol):
    """What is asked of a song to show it; a Clip has it all. Each may raise what reading the file raises."""

    @property
    def path(self) -> Path: ...
    @property
    def name(self) -> str: ...
    @property
    def size_bytes(self) -> int: ...
    @property
    def duration(self) -> float: ...
    @property
    def format(self) -> str: ...
    @property
    def sample_rate(self) -> int: ...
    @property
    def channels(self) -> int: ...
    @property
    def integrated_lufs(self) -> float: ...
    @property
    def simulated(self) -> bool: ...
    def fingerprint(self) -> tuple[str, int, int]: ...
    def envelope(self, points: int = ENVELOPE_POINTS) -> Envelope: ...


@dataclass(frozen=True)
class Playable:
    """MP3 bytes for a player, and a note where they are not the file itself. No bytes: the note says why."""

    data: bytes | None
    note: str = ""


def playables(clips: Sequence[Sound], max_bytes: int) -> list[Playable]:
    """One Playable a clip, together at most `max_bytes` (before base64), made side by side.

    An MP3 that fits its share is taken as it is, and what it leaves over goes to the others. Raises what
    reading the files raises.
    """
    shares = allot([clip.size_bytes if clip.format == "mp3" else None for clip in clips], max_bytes)
    with ThreadPoolExecutor(max_workers=2, thread_name_prefix="soundverse-preview") as pool:
        return list(pool.map(_playable, clips, shares))


def allot(whole: Sequence[int | None], max_bytes: int) -> list[int]:
    """Bytes for each song: `whole` is what it takes as it is, None where it must be encoded anyway.

    Songs that fit into an even share take what they need, smallest first; the rest share what is left.
    """
    shares = [0] * len(whole)
    left, waiting = max_bytes, len(whole)
    for needed, index in sorted((n if n is not None else max_bytes + 1, i) for i, n in enumerate(whole)):
        share = left // waiting
        shares[index] = needed if needed <= share else share
        left -= shares[index]
        waiting -= 1
    return shares


def _playable(clip: Sound, share: int) -> Playable:
    if clip.format == "mp3" and clip.size_bytes <= share:
        return Playable(clip.path.read_bytes())
    if share < LEAST_USEFUL:
        return Playable(None, f"No player: {size(share)} are left for it under the display's limit.")
    fits = seconds_that_fit(share, clip.sample_rate)
    if clip.format == "mp3" and clip.duration > max(fits, LEAST_SECONDS):
        kbps = clip.size_bytes * 8 / 1000 / clip.duration
        fits = _seconds(share, kbps) if kbps <= CUT_KBPS else fits
    return _encoded(*clip.fingerprint(), clip.duration, share, fits)


def seconds_that_fit(share: int, sample_rate: int) -> float:
    """How much of a song goes into `share` bytes in good quality, or in less if that were hardly anything."""
    good = _seconds(share, GOOD_KBPS * min(1.0, sample_rate / 44100))
    plain = _seconds(share, LEAST_KBPS * min(1.0, sample_rate / 22050))
    return max(good, min(plain, LEAST_SECONDS))


def _seconds(share: int, kbps: float) -> float:
    return 0.99 * max(0.0, (share - _HEADER_BYTES) * 8 / (1000 * kbps))


@lru_cache(maxsize=32)
def _encoded(path: str, _size: int, _changed: int, duration: float, share: int, fits: float) -> Playable:
    from soundverse_nb.audio.encode import preview_mp3  # loads PyAV

    made = preview_mp3(Path(path), share, duration=None if duration <= fits else fits)
    if len(made.data) > share:
        return Playable(None, "No player: the song does not fit under the display's limit.")
    cut = "" if duration <= fits else f"first {clock(math.floor(fits))} of {clock(duration)}, "
    return Playable(made.data, f"Plays a preview: {cut}{made.note.removeprefix('MP3 preview, ')}")


DEFAULT_BYTES = 1_500_000
"""Both songs, both pictures and all text of one result, so that a notebook of ten results is still 15 MB."""

LEAST_BYTES = 20_000
"""Below this there is no room for the pictures and the facts, players aside."""

_limit = DEFAULT_BYTES


def display_bytes() -> int:
    """The most bytes of HTML that one result puts into a notebook."""
    return _limit


def set_display_bytes(count: int = DEFAULT_BYTES) -> None:
    """Let one result take up to `count` bytes in the notebooks of this process."""
    global _limit
    _limit = checked(count)


def checked(count: int) -> int:
    """`count` where it is a possible limit, else ConfigurationError."""
    if isinstance(count, bool) or not isinstance(count, int) or count < LEAST_BYTES:
        raise ConfigurationError(
            f"{count!r} is no limit for the bytes of a result.",
            hint=f"Give a whole number of bytes from {LEAST_BYTES:,} upwards; usual is {DEFAULT_BYTES:,}.",
        )
    return count
