"""What chance scores, by the songs that come with the package."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest

from soundverse_nb.audio.features.extract import features_stamp
from soundverse_nb.audio.similarity.tune import match_tunes
from soundverse_nb.audio.similarity.unrelated import (
    FILE,
    UnrelatedSong,
    null_rhythm,
    null_scores,
    null_timbre,
    p_value,
    save_songs,
    unrelated_songs,
)
from tests.audio.features.songs import RATE
from tests.audio.similarity.melodies import original, phrases, played, rows


def test_the_songs_are_of_the_features_that_they_are_compared_with() -> None:
    assert unrelated_songs().stamp == features_stamp(), "run tools/unrelated_songs.py"
    assert FILE.stat().st_size < 300_000
    assert len(unrelated_songs().notes) == len(unrelated_songs().titles) >= 30
    assert not [song.content.reason for song in unrelated_songs().notes if song.content.reason]


def test_a_remix_is_above_all_of_chance() -> None:
    null = null_scores(original())
    kept = match_tunes(original(), rows(played(phrases(1), 2, 1.1))).tune_kept
    assert np.median(null) < 0.15
    assert kept > null.max()
    assert p_value(kept, null) == pytest.approx(1 / (len(null) + 1))


def test_a_song_without_a_tune_has_no_null() -> None:
    null = null_scores(rows(np.zeros(4 * RATE)))
    assert np.isnan(null).all()
    assert math.isnan(p_value(0.5, null))
    assert math.isnan(p_value(math.nan, np.array([0.1])))


def test_notes_are_kept_as_they_are(tmp_path: Path) -> None:
    notes = np.random.default_rng(0).random((40, 24)).astype(np.float32) * 10
    file = tmp_path / "songs.npz"
    style = np.zeros((2, 19)), np.zeros((8, 96))
    songs = [UnrelatedSong("one", notes[:25], *style), UnrelatedSong("two", notes[25:], *style)]
    save_songs(file, songs, "features/0")
    with np.load(file) as kept:
        restored = np.square(kept["roots"] * kept["scale"])
        assert kept["lengths"].tolist() == [25, 15]
    np.testing.assert_allclose(np.sqrt(restored), np.sqrt(notes), atol=0.01)


def test_style_has_its_null_too() -> None:
    first = unrelated_songs()
    for null, profiles in ((null_timbre, first.timbres), (null_rhythm, first.rhythms)):
        scores = null(profiles[0])
        assert len(scores) == len(first.titles)
        assert scores[0] == pytest.approx(0, abs=0.01)
        assert np.median(scores) > 0.1
        assert np.isnan(null(None)).all()
