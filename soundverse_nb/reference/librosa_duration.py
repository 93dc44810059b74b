"""What librosa.get_duration would have answered, and why that is not the length of the song.

librosa asks libsndfile for the length in the file's header and divides it by the rate. The same question is
put here to the same library, without the seconds that importing librosa's parts costs. A test holds the two
answers against each other.
"""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any

from soundverse_nb.audio.source import Source
from soundverse_nb.reference.facts import Limits, storable

TOLERANCE_SECONDS = 0.005
_ONE_AT_A_TIME = threading.Lock()

_REASONS = {
    "mp3": "it believes the frame count in the MP3's header, or without one guesses from the first frames",
    "flac": "it believes the FLAC's header, which a streaming encoder leaves empty",
    "ogg": "it reads one link of a chained Ogg, or no length at all",
    "wav": "it believes the size in the WAV's header",
    "aiff": "it believes the size in the AIFF's header",
}
_UNREADABLE = (
    "libsndfile does not read {}; librosa then needs an ffmpeg program, and keeps few decimals of its answer"
)


@dataclass(frozen=True)
class LibrosaDuration:
    """librosa's answer in seconds (None: it has none without an ffmpeg program) beside the decoded length.

    `differs` where it is off by more than 5 ms, or missing; `flips` where the verdict on the length would be
    the opposite; `reason` says why.
    """

    duration: float | None
    decoded: float
    differs: bool
    flips: bool
    reason: str = ""

    @property
    def sentence(self) -> str:
        if not self.differs:
            return "librosa.get_duration agrees."
        if self.duration is None:
            return f"librosa.get_duration has no answer of its own: {self.reason}."
        verdict = "; its verdict would be the opposite" if self.flips else ""
        return f"librosa.get_duration says {_seconds(self.duration)}: {self.reason}{verdict}."

    def model_dump(self) -> dict[str, Any]:
        names = ("duration", "decoded", "differs", "flips", "reason")
        return {name: storable(getattr(self, name)) for name in names}


def compare(
    answer: float | None, decoded: float, stopped: bool, kind: str, limits: Limits
) -> LibrosaDuration:
    """Hold librosa's answer against the decoded length; `stopped` means that the song goes on after it."""
    if answer is None:
        return LibrosaDuration(None, decoded, True, False, _UNREADABLE.format(kind))
    within = abs(answer - decoded) <= TOLERANCE_SECONDS or (stopped and answer >= decoded)
    flips = _passes(answer, limits) != _passes(decoded, limits)
    reason = "" if within else _REASONS.get(kind, "it believes the header")
    return LibrosaDuration(answer, decoded, not within, flips and not within, reason)


def librosas_answer(source: Source, *, has_doubts: bool = True) -> float | None:
    """frames / rate as libsndfile reads them from the header, in seconds; None where it cannot.

    `has_doubts` says that libsndfile may write what it thinks of the file.
    """
    import soundfile

    from soundverse_nb.audio.reading import GuardedFile

    try:
        # Quiet is had by closing standard error to the whole process for a moment: only where it must be.
        with source.open() as stream, _quietly() if has_doubts else nullcontext():
            file: Any = stream.fileno() if source.place is not None else GuardedFile(stream)
            with soundfile.SoundFile(file, closefd=False) as sound:
                return float(sound.frames / sound.samplerate)
    except Exception:  # LibsndfileError and whatever a foreign file object raises
        return None


@contextmanager
def _quietly() -> Iterator[None]:
    """libmpg123 inside libsndfile writes its doubts to standard error itself; they are no news here."""
    with _ONE_AT_A_TIME:
        try:
            with suppress(Exception):
                sys.stderr.flush()
            saved, nothing = os.dup(2), os.open(os.devnull, os.O_WRONLY)
        except OSError:
            yield
            return
        try:
            os.dup2(nothing, 2)
            yield
        finally:
            os.dup2(saved, 2)
            os.close(saved)
            os.close(nothing)


def _passes(seconds: float, limits: Limits) -> bool:
    return limits.min_seconds <= seconds <= limits.max_seconds


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1e6 else f"{value:.3f} s"
