"""Which second of each take is which of the first one, and where that one's bars begin: for the player."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

from soundverse_nb.analysis import Difference, Features, analyse, compare_all
from soundverse_nb.analysis.kept import kept_analysis, kept_difference
from soundverse_nb.analysis.song import as_song
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.widgets.takes import Take

# Where no unrelated songs have been asked: these seldom share more of a tune, see `audio/similarity/tune.py`.
_LEAST_TUNE = 0.2


def known_alignment(takes: Sequence[Take]) -> dict[str, Any]:
    """What `align` gives, if all of it has been measured before; {} where it has not. Measures nothing."""
    first, others = _split(takes)
    if not others:
        return {}
    reference = as_song(first.clip).content
    differences = [kept_difference(reference, as_song(take.clip).content) for take in others]
    if kept_analysis(reference) is None or not all(differences):
        return {}
    try:
        return _state(takes, analyse(first.clip), [found for found in differences if found])
    except ConfigurationError:
        return {}  # whoever asks for it is told why


def align(takes: Sequence[Take]) -> dict[str, Any]:
    """Compare every take with the first that can be played, in processes; takes some seconds a take.

    Gives `reference` (its place among the takes), `bars` (seconds of it), a `note` on these, and for each of
    `takes` its `segments` (`reference` and `take`: the same moments in seconds) or the `problem` why there
    are none. ConfigurationError where no take can be aligned, SoundverseError where the first cannot be read.
    """
    first, others = _split(takes)
    entries = compare_all([(first.clip, take.clip) for take in others], progress=False)
    return _state(takes, analyse(first.clip), list(entries))


def _split(takes: Sequence[Take]) -> tuple[Take, list[Take]]:
    playable = [take for take in takes if not take.problem]
    if not playable:
        raise ConfigurationError("No take can be played.", hint="Pass songs that can be read.")
    return playable[0], playable[1:]


def _state(
    takes: Sequence[Take], features: Features, compared: Sequence[Difference | SoundverseError]
) -> dict[str, Any]:
    first, others = _split(takes)
    states = {id(take): _take_state(take, first, entry) for take, entry in zip(others, compared, strict=True)}
    problems = [state["problem"] for state in states.values() if state["problem"]]
    if others and len(problems) == len(others):
        raise ConfigurationError(" ".join(problems), hint="Keep the same time or the same place.")
    unread = {"segments": [], "problem": ""}
    return {
        "reference": next(place for place, take in enumerate(takes) if take is first),
        "takes": [states.get(id(take), {**unread, "problem": take.problem}) for take in takes],
        "bars": _rounded(features.bars),
        "note": features.reasons.get("bars", ""),
    }


def _take_state(take: Take, first: Take, entry: Difference | SoundverseError) -> dict[str, Any]:
    problem = _problem(take.label, first.label, entry)
    segments = [] if problem or isinstance(entry, SoundverseError) else entry.alignment.segments
    return {
        "segments": [
            {"reference": _rounded(part.reference), "take": _rounded(part.remix)} for part in segments
        ],
        "problem": problem,
    }


def _problem(label: str, first: str, entry: Difference | SoundverseError) -> str:
    """Why a take cannot be aligned with the first, "" where it can."""
    if isinstance(entry, SoundverseError):
        return f"{label} cannot be measured: {entry.message}"
    if math.isnan(entry.tune_kept):
        reason = entry.reasons.get("tune_kept", "cannot be told").rstrip(".")
        return f"Whether {label} and {first} have a tune in common {reason}."
    is_kept = entry.tune_kept >= _LEAST_TUNE if entry.is_tune_kept is None else entry.is_tune_kept
    if not is_kept or not entry.alignment:
        return f"{label} and {first} have no tune in common."
    return ""


def _rounded(seconds: Sequence[float]) -> list[float]:
    return [round(at, 3) for at in seconds]
