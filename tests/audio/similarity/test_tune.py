"""Whether a tune is recognised, and what became of it."""

from __future__ import annotations

import math
from types import SimpleNamespace

import numpy as np
import pytest

from soundverse_nb.audio.similarity.tune import TuneMatch, match_tunes, tune_kept
from tests.audio.features.songs import RATE, chords, clicks, noise, note
from tests.audio.similarity.melodies import original, phrases, played, rows, spoken

pytestmark = pytest.mark.filterwarnings("error")
SONG = phrases(1)


def matched(samples: np.ndarray) -> TuneMatch:
    return match_tunes(original(), rows(samples))


def test_a_performance_keeps_its_own_tune() -> None:
    match = match_tunes(original(), original())
    assert match.tune_kept > 0.95
    assert (match.transposition, match.transposition_is_sure) == (0, True)
    assert match.tempo_ratio == pytest.approx(1, abs=1e-3)
    assert match.tempo_ratio_is_sure


@pytest.mark.parametrize(("semitones", "tempo"), [(-6, 1.0), (-1, 0.8), (2, 1.1), (5, 1.25), (0, 0.9)])
def test_key_and_tempo_leave_the_tune_and_are_found(semitones: int, tempo: float) -> None:
    match = matched(played(SONG, semitones, tempo))
    assert match.tune_kept > 0.9
    assert (match.transposition, match.transposition_is_sure) == (semitones, True)
    assert match.tempo_ratio == pytest.approx(tempo, rel=0.01)


@pytest.mark.parametrize("semitones", range(-6, 6))
def test_every_transposition_is_told_by_its_own_name(semitones: int) -> None:
    song = original()
    rolled = SimpleNamespace(
        frame_rate=song.frame_rate,
        tuning_agreement=song.tuning_agreement,
        pitch_classes=np.roll(song.pitch_classes, semitones, axis=1),
        upper_pitch_classes=np.roll(song.upper_pitch_classes, semitones, axis=1),
    )
    match = match_tunes(song, rolled)
    assert match.transposition == semitones
    assert match.tune_kept == pytest.approx(match_tunes(song, song).tune_kept, abs=0.01)


def test_level_and_a_little_noise_leave_the_tune() -> None:
    samples = played(SONG)
    assert matched(samples * 0.25).tune_kept == pytest.approx(
        match_tunes(original(), original()).tune_kept, abs=0.05
    )
    assert matched(samples + noise(len(samples) / RATE, level=0.01)[0][: len(samples)]).tune_kept > 0.9


def test_another_tune_of_the_same_key_and_tempo_is_not_it_and_its_transposition_is_unsure() -> None:
    matches = [matched(played(phrases(seed))) for seed in (2, 3, 4)]
    assert max(match.tune_kept for match in matches) < 0.4
    assert not any(match.transposition_is_sure or match.tempo_ratio_is_sure for match in matches)


def test_a_long_song_has_no_more_of_an_unrelated_tune_than_a_short_one() -> None:
    # Whoever may leap about in the short one for each moment of the long one always finds something alike.
    medley = rows(np.concatenate([played(phrases(seed, 4) * 5) for seed in (2, 3)]))
    assert match_tunes(original(), medley).tune_kept < 0.4
    assert match_tunes(medley, original()).tune_kept < 0.4


def test_either_song_may_be_the_remix() -> None:
    remix = rows(np.concatenate([clicks(120, 6.0)[0], played(SONG + SONG[:4], 3, 0.8)]))
    there, back = match_tunes(original(), remix), match_tunes(remix, original())
    assert there.tune_kept == back.tune_kept > 0.9
    assert (there.transposition, back.transposition) == (3, -3)
    assert there.transposition_confidence == back.transposition_confidence
    assert there.tempo_ratio == pytest.approx(0.8, rel=0.01)
    assert back.tempo_ratio == pytest.approx(1.25, rel=0.01)


def test_a_song_that_is_repeated_is_found_each_time() -> None:
    match = matched(played(SONG + SONG + SONG))
    assert match.tune_kept > 0.9
    np.testing.assert_allclose(match.alignment.to_original([4.0, 20.0, 36.0]), 4.0, atol=0.15)
    assert match.alignment.remix_seconds == pytest.approx(48.0, abs=1.5)


def test_an_intro_moves_the_tune_and_is_itself_nowhere() -> None:
    drums = clicks(120, 6.0)[0]
    match = matched(np.concatenate([drums, played(SONG)]))
    assert match.tune_kept > 0.9
    np.testing.assert_allclose(match.alignment.to_original([8.0, 14.0, 20.0]), [2.0, 8.0, 14.0], atol=0.15)
    assert np.isnan(match.alignment.to_original(3.0))
    np.testing.assert_allclose(match.alignment.to_remix([2.0, 14.0]), [8.0, 20.0], atol=0.15)


def test_a_part_that_was_cut_is_leapt_over() -> None:
    long = phrases(1, 20)
    whole, cut = rows(played(long)), rows(played(long[:7] + long[13:]))
    match = match_tunes(whole, cut)
    assert match.tune_kept > 0.9
    assert len(match.alignment.segments) == 2
    np.testing.assert_allclose(match.alignment.to_original([6.0, 22.0]), [6.0, 34.0], atol=0.15)
    assert np.isnan(match.alignment.to_remix(20.0))
    assert match.tempo_ratio == pytest.approx(1, rel=0.01)


def test_the_alignment_of_a_faster_remix_tells_the_time() -> None:
    match = matched(played(SONG, 3, 1.25))
    np.testing.assert_allclose(match.alignment.to_original([2.0, 6.0, 10.0]), [2.5, 7.5, 12.5], atol=0.15)


NO_TUNE = {
    "silence": np.zeros(8 * RATE, np.float32),
    "noise": noise(12.0)[0],
    "drums": clicks(120, 12.0)[0],
    "one note": np.concatenate([note(69, 0.5)] * 24),
    "a held chord": chords([[60, 64, 67]], 12.0)[0],
    "a constant": np.full(8 * RATE, 0.5, np.float32),
    "under a second": played(SONG)[: RATE // 2],
    "one sample": np.full(1, 0.5, np.float32),
    "NaN": np.full(8 * RATE, np.nan, np.float32),
    "speech": spoken(130.0, glide=0.15),
    "speech of a high voice": spoken(330.0, glide=0.04),
}


@pytest.mark.parametrize("name", NO_TUNE)
def test_without_a_tune_nothing_can_be_told_and_the_reason_is_given(name: str) -> None:
    for match in (matched(NO_TUNE[name]), match_tunes(rows(NO_TUNE[name]), original())):
        assert math.isnan(match.tune_kept)
        assert math.isnan(match.tempo_ratio)
        assert match.reason is not None
        assert match.reason.startswith("cannot be told: the ")
        assert (match.transposition, match.alignment.segments) == (None, ())


def test_both_songs_without_a_tune_are_both_named() -> None:
    silence = rows(NO_TUNE["silence"])
    assert (
        match_tunes(silence, silence).reason
        == "cannot be told: the original is silent, and the remix is silent"
    )


@pytest.mark.parametrize("value", [np.nan, np.inf, -1.0, 0.0, 1e30])
@pytest.mark.parametrize("frames", [0, 1, 40, 400])
def test_rows_of_anything_are_compared_without_a_warning(value: float, frames: int) -> None:
    odd = SimpleNamespace(
        frame_rate=original().frame_rate,
        tuning_agreement=value,
        pitch_classes=np.full((frames, 12), value, np.float32),
        upper_pitch_classes=np.full((frames, 12), value, np.float32),
    )
    assert math.isnan(match_tunes(original(), odd).tune_kept)


def test_tune_kept_rises_with_the_evidence_from_nothing_to_one() -> None:
    kept = [tune_kept(evidence) for evidence in np.linspace(0, 1, 50)]
    assert (kept[0], kept[-1]) == (0.0, 1.0)
    assert all(np.diff(kept) > 0)
    assert math.isnan(tune_kept(math.nan))
