"""Rows of a study as its frame has them, made up: so many songs, prompts and takes, with known effects."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

Row = dict[str, Any]


def study_rows(
    songs: int = 6,
    prompts: Sequence[str] = ("jazz", "waltz"),
    repeats: int = 3,
    *,
    seed: int = 0,
    step: float = 0.1,
) -> list[Row]:
    """Finished takes; each prompt keeps `step` more of the tune than the one before."""
    draw = random.Random(seed)
    rows: list[Row] = []
    for song in range(songs):
        level = draw.gauss(0.5, 0.1)
        for place, prompt in enumerate(prompts):
            own = draw.gauss(0, 0.03)
            rows += [
                row(f"song {song + 1}", prompt, take + 1, level + place * step + own + draw.gauss(0, 0.04))
                for take in range(repeats)
            ]
    return [{**each, "number": number} for number, each in enumerate(rows, 1)]


def row(reference: str, prompt: str, replicate: int, tune_kept: float | None, **others: Any) -> Row:
    """One finished take, or whatever else `others` make of it."""
    return {
        "number": None, "reference": reference, "prompt": prompt, "replicate": replicate, "is_control": False,
        "in_plan": True, "state": "done", "simulated": False, "same_audio_as": None,
        "extractor": "difference/1", "tune_kept": tune_kept, **others,
    }  # fmt: skip
