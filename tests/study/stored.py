"""Trials as the store of a study has them, made up."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from soundverse_nb.study.store import StoredTrial, TrialState


def stored_trial(number: int, prompt: str = "jazz", **changed: Any) -> StoredTrial:
    """A trial of the song "one" that was never run; `changed` are fields that are otherwise."""
    made = StoredTrial(
        identity=f"trial-{number}",
        plan="plan-1",
        number=number,
        reference="one",
        content="content-of-one",
        factors={"reference": "one", "prompt": prompt},
        instructions={"prompt": prompt},
        replicate=number,
        is_control=False,
        state=TrialState.MISSING,
    )
    return replace(made, **changed)
