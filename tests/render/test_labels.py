from __future__ import annotations

import pytest

from soundverse_nb.api.event import Stage
from soundverse_nb.displays import Phase, ProgressUpdate
from soundverse_nb.render.labels import HOLD, PHASES, STAGES, update_label


def test_every_stage_and_every_phase_has_words() -> None:
    assert {stage.value for stage in Stage} <= set(STAGES)
    assert set(Phase) == set(PHASES)


@pytest.mark.parametrize(
    ("update", "words"),
    [
        (ProgressUpdate(0, Phase.STREAMING, "queued"), "in the service's queue"),
        (ProgressUpdate(0, Phase.STREAMING, "streaming", 50.0), "generating"),
        (ProgressUpdate(0, Phase.STREAMING, "streaming", 90.0), HOLD),
        (ProgressUpdate(0, Phase.FOLLOWING, "streaming", 90.0), HOLD),
        (ProgressUpdate(0, Phase.STREAMING, "streaming", 100.0), "finalising"),
        (ProgressUpdate(0, Phase.STREAMING, "mixing_down"), "mixing down"),
        (ProgressUpdate(0, Phase.STREAMING), "at work"),
        (ProgressUpdate(0, Phase.RETRYING, retry_in=3.0), "not taken for now, trying again"),
    ],
)
def test_an_update_in_words(update: ProgressUpdate, words: str) -> None:
    assert update_label(update) == words


def test_the_hold_says_that_it_is_expected() -> None:
    assert "90 %" in HOLD
    assert "several minutes" in HOLD
    assert "expected" in HOLD
