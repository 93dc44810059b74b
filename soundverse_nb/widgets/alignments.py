"""Which second of each take is which of the first one, and where that one's bars begin: for the player."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from soundverse_nb.analysis import Difference, Features, analyse, compare_all
from soundverse_nb.analysis.kept import kept_analysis, kept_difference
from soundverse_nb.analysis.song import as_song
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.measures.same_bar import NO_SEGMENTS, bars_state, take_state
from soundverse_nb.widgets.takes import Take


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
    states = {
        id(take): take_state(take.label, first.label, found)
        for take, found in zip(others, compared, strict=True)
    }
    problems = [state["problem"] for state in states.values() if state["problem"]]
    if others and len(problems) == len(others):
        raise ConfigurationError(" ".join(problems), hint="Keep the same time or the same place.")
    return {
        "reference": next(place for place, take in enumerate(takes) if take is first),
        "takes": [states.get(id(take), {**NO_SEGMENTS, "problem": take.problem}) for take in takes],
        **bars_state(features),
    }
