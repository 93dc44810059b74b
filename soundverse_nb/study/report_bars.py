"""The bars of a report: which second of each take is which of its song, from what the study has measured."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from typing import Any

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.measures.difference import Difference
from soundverse_nb.measures.same_bar import NO_SEGMENTS, bars_state, take_state
from soundverse_nb.render.gallery import GalleryTake
from soundverse_nb.render.report_takes import SONG_LABEL, ReportTake, take_label
from soundverse_nb.study.store import StudyStore


def same_bars(
    store: StudyStore, songs: Sequence[ReportTake], takes: Sequence[ReportTake]
) -> list[dict[str, Any]]:
    """An alignment for each song of which a take has bars in common with it: as `listening_html` takes them.

    Places count songs first, then takes, as the page has them. Measures nothing.
    """
    differences = _differences(store, [each.take.key for each in takes])
    found = []
    for place, song in enumerate(songs):
        own = [
            (len(songs) + at, each.take)
            for at, each in enumerate(takes)
            if each.take.reference == song.take.reference
        ]
        state = _alignment([take for _, take in own], differences)
        if state is not None:
            found.append({"places": [place, *(at for at, _ in own)], **state})
    return found


def _alignment(takes: Sequence[GalleryTake], differences: Mapping[str, Difference]) -> dict[str, Any] | None:
    """Of a song and these takes of it; None where none of them has bars in common with it."""
    states: list[dict[str, Any]] = [dict(NO_SEGMENTS)]
    bars: dict[str, Any] | None = None
    for take in takes:
        label, difference = take_label(take), differences.get(take.key)
        if difference is None:
            states.append({"segments": [], "problem": f"{label} is not measured."})
            continue
        states.append(take_state(label, SONG_LABEL, difference))
        bars = bars or bars_state(difference.reference)
    if bars is None or not any(state["segments"] for state in states):
        return None
    return {"reference": 0, "takes": states, **bars}


def _differences(store: StudyStore, identities: Sequence[str]) -> dict[str, Difference]:
    """What was measured of these trials, by identity."""
    wanted = set(identities)
    found = {}
    for row in store.rows("SELECT identity, difference FROM measures WHERE difference IS NOT NULL"):
        if row["identity"] in wanted:
            with contextlib.suppress(ConfigurationError):  # of another version: not known is what it is then
                found[row["identity"]] = Difference.from_json(row["difference"])
    return found
