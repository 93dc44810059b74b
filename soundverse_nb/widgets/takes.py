"""The takes of a player before they are played: facts, outline and the gain that matches them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.encode import downmixed, encode_mp3
from soundverse_nb.audio.measure import measure
from soundverse_nb.audio.meters import Envelope
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.remix import Clip
from soundverse_nb.remix.take_names import name_of_file
from soundverse_nb.render.units import channels, clock, rate, size

OUTLINE_POINTS = 2000
"""What travels with the player; it asks for the rest when it zooms in."""
_POINTS_PER_SECOND = 100.0  # twice the usual: short takes are drawn over the whole width as well
BROWSER_FORMATS = frozenset({"mp3", "wav", "flac", "ogg"})
"""Containers every current browser decodes; anything else is sent as FLAC."""
MAX_UNCHANGED_BYTES = 40_000_000  # bytes sent in one message
MAX_FILE_BYTES = 150_000_000  # bytes of a file that is saved from the page, which holds it in memory
MIN_SECONDS = 0.05  # seconds
MAX_SECONDS = 1800.0  # seconds; a browser keeps decoded sound in memory, 350 kB a second


_NOTHING = Envelope(np.zeros((1, 1), np.float32), np.zeros((1, 1), np.float32), 0.0, 44100)


@dataclass(frozen=True)
class Take:
    """One take of a comparison.

    `loudness` in LUFS (-inf where it is silent), `gain` in dB <= 0, `finite` False where it holds NaN or Inf.
    """

    label: str
    clip: Clip
    colour: str
    envelope: Envelope | None = None
    loudness: float = -math.inf
    gain: float = 0.0
    finite: bool = True
    problem: str = ""

    @property
    def file_name(self) -> str:
        """What its file is called when it is saved."""
        return name_of_file(self.label, self.clip.path)

    def state(self) -> dict[str, Any]:
        """What is sent to the page; the outline as bytes, all else JSON."""
        outline = (self.envelope or _NOTHING).reduced(OUTLINE_POINTS)
        kind = f"{rate(outline.sample_rate)} {channels(len(outline.minima))}"
        facts = f"{clock(outline.duration)} · {kind}"
        facts += " · simulated" if not self.problem and self.clip.simulated else ""
        facts += "" if self.finite else " · some samples are not numbers"
        return {
            "label": self.label,
            "name": self.file_name,
            "facts": "" if self.problem else facts,
            "colour": self.colour,
            "problem": self.problem,
            "duration": outline.duration,
            "channels": len(outline.minima),
            "rate": outline.sample_rate,
            "loudness": self.loudness if math.isfinite(self.loudness) else None,
            "gain": self.gain,
            "outline": _outline_bytes(outline),
        }


def read_take(label: str, clip: Clip, colour: str) -> Take:
    """Measure a clip in a single pass; what cannot be read becomes a Take with a `problem`."""
    take = Take(label, clip, colour)
    try:
        measured = measure(clip, points_per_second=_POINTS_PER_SECOND)
    except SoundverseError as reason:
        return replace(take, problem=reason.message)
    return replace(
        take,
        envelope=measured.envelope,
        loudness=measured.loudness,
        finite=not measured.not_finite,
        problem=_problem(measured.envelope.duration),
    )


def _problem(seconds: float) -> str:
    """Why a take of this length is not played, "" where it is."""
    if seconds < MIN_SECONDS:
        return f"{clock(seconds)} is too short to hear."
    if seconds > MAX_SECONDS:
        return f"{clock(seconds)} is too long for this player, which takes up to {clock(MAX_SECONDS)}."
    return ""


def matched(takes: Sequence[Take]) -> list[Take]:
    """The takes with gains that bring each to the loudness of the quietest (BS.1770); none is amplified."""
    measured = [take.loudness for take in takes if math.isfinite(take.loudness) and not take.problem]
    if not measured:
        return list(takes)
    quietest = min(measured)
    return [
        replace(take, gain=quietest - take.loudness)
        if math.isfinite(take.loudness) and not take.problem
        else take
        for take in takes
    ]


def travels_unchanged(clip: Clip) -> bool:
    """Whether browsers play this file as it is, and one message holds it."""
    return clip.format in BROWSER_FORMATS and clip.size_bytes <= MAX_UNCHANGED_BYTES


def sound_name(take: Take) -> str:
    """What the file of `sound_bytes` is called."""
    if take.finite and travels_unchanged(take.clip):
        return take.file_name
    return str(PurePath(take.file_name).with_suffix(".flac"))


def sound_bytes(take: Take) -> bytes:
    """The take as a browser can decode it: the file itself where that works, else FLAC (16 bit)."""
    clip = take.clip
    if take.finite and travels_unchanged(clip):
        return clip.path.read_bytes()
    import soundfile

    out = io.BytesIO()
    soundfile.write(out, _stereo(take), clip.sample_rate, format="FLAC", subtype="PCM_16")
    return out.getvalue()


def file_bytes(take: Take) -> bytes:
    """The file as it is on disk; ConfigurationError, which says where that is, if a page cannot hold it."""
    clip = take.clip
    if clip.size_bytes > MAX_FILE_BYTES:
        raise ConfigurationError(
            f"{size(clip.size_bytes)} do not fit through the browser; the file is {clip.path}.",
            hint="Copy it from there.",
        )
    return clip.path.read_bytes()


def outline_bytes(take: Take) -> bytes:
    """The outline with every point that was measured, for a page that zooms in."""
    return _outline_bytes(take.envelope or _NOTHING)


def mp3_bytes(take: Take) -> bytes:
    """The take as MP3, for a browser that could not read what it was sent first."""
    return encode_mp3(_stereo(take).T, take.clip.sample_rate, 192)


def _stereo(take: Take) -> NDArray[np.float32]:
    """Samples (frames, 1 or 2 channels), every one a number within full scale."""
    samples = np.nan_to_num(take.clip.samples(), nan=0.0, posinf=0.0, neginf=0.0).T
    if samples.shape[1] > 2:
        samples = downmixed(samples, 2)
    return np.clip(samples, -1.0, 1.0)


def _outline_bytes(envelope: Envelope) -> bytes:
    """Int8 pairs (least, greatest) point by point, channel after channel."""
    pairs = np.stack([envelope.minima, envelope.maxima], axis=2)
    return np.round(np.clip(pairs, -1.0, 1.0) * 127).astype(np.int8).tobytes()
