"""The same bar of several takes, as players read it: which second of each is which of their song."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from soundverse_nb.errors import SoundverseError
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.features import Features

# Where no unrelated songs have been asked: these seldom share more of a tune, see `audio/similarity/tune.py`.
_LEAST_TUNE = 0.2

NO_SEGMENTS: dict[str, Any] = {"segments": [], "problem": ""}
"""Of the song itself, whose seconds all others are told in."""


def bars_state(features: Features) -> dict[str, Any]:
    """`bars` in seconds of the song, and a `note` on what is unsure about them."""
    return {"bars": rounded(features.bars), "note": features.reasons.get("bars", "")}


def take_state(label: str, song: str, found: Difference | SoundverseError) -> dict[str, Any]:
    """Of one take its `segments` (`reference` and `take`: the same moments in seconds) or the `problem`.

    `label` and `song` name the take and its song in a sentence.
    """
    problem = _problem(label, song, found)
    segments = [] if problem or isinstance(found, SoundverseError) else found.alignment.segments
    return {
        "segments": [
            {"reference": rounded(part.reference), "take": rounded(part.remix)} for part in segments
        ],
        "problem": problem,
    }


def _problem(label: str, song: str, found: Difference | SoundverseError) -> str:
    """Why a take cannot be aligned with its song, "" where it can."""
    if isinstance(found, SoundverseError):
        return f"{label} cannot be measured: {found.message}"
    if math.isnan(found.tune_kept):
        reason = found.reasons.get("tune_kept", "cannot be told").rstrip(".")
        return f"Whether {label} and {song} have a tune in common {reason}."
    is_kept = found.tune_kept >= _LEAST_TUNE if found.is_tune_kept is None else found.is_tune_kept
    if not is_kept or not found.alignment:
        return f"{label} and {song} have no tune in common."
    return ""


def rounded(seconds: Sequence[float]) -> list[float]:
    """To milliseconds, which are less than anybody hears."""
    return [round(at, 3) for at in seconds]
