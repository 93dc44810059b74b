"""How right tempo, beats and key are, by the tunes' own and by mir_eval's scores."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from accuracy_songs import Asked, Song, Songs
from tempo_and_key import scores

_TARGETS = {"counted": 0.97, "strictly": 0.85, "exact": 0.92, "second": 0.97}
_SAID = {
    "strictly": "tempo within 1 %",
    "counted": "with its alternatives",
    "tempo sure": "sure",
    "right if sure": "right where sure",
    "p score": "mir_eval.tempo",
    "beats": "mir_eval.beat F",
    "exact": "key exact",
    "second": "with its second choice",
    "key sure": "sure",
    "key right if sure": "right where sure",
    "weighted": "mir_eval.key",
}


def report(songs: Songs, asked: Asked) -> list[str]:
    """Print the figures; the targets that were missed. `asked` says nothing here."""
    del asked
    played = [song for song in songs.all if song.kind in ("original", "remix")]
    found = {song.path: scores(songs.answer(song), song.truth) for song in played}
    for level in (0, 1, 2, 3):
        _print(f"level {level}", [found[song.path] for song in played if song.level == level])
    means = _print("all", [found[song.path] for song in played])
    _print_modes(played, found)
    return [f"{_SAID[name]} in {least:.0%}" for name, least in _TARGETS.items() if not means[name] >= least]


def _print(name: str, scored: list[dict[str, float]]) -> dict[str, float]:
    means = {key: float(np.mean([one[key] for one in scored if key in one] or [np.nan])) for key in _SAID}
    print(f"{name:8s} " + "  ".join(f"{said} {means[key]:.3f}" for key, said in _SAID.items()), flush=True)
    return means


def _print_modes(played: list[Song], found: dict[Path, dict[str, float]]) -> None:
    """Keys of either mode, and how many were scored: a modal tune has none of the two to be found."""
    for mode in ("major", "minor"):
        scored = [
            found[song.path]["exact"]
            for song in played
            if song.truth["key"] and song.truth["key"]["mode"] == mode and "exact" in found[song.path]
        ]
        if scored:
            print(f"{mode:8s} key exact {np.mean(scored):.3f} of {len(scored)}")
