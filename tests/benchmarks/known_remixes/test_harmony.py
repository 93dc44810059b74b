"""Chords that are found for a melody."""

from __future__ import annotations

from itertools import pairwise

import pytest
from known_remixes.harmony import harmonise, slots, triads
from known_remixes.tune import SCALES, Key, Metre, Note

COMMON = Metre(4, 4)
G, D, C = (7, 11, 2), (2, 6, 9), (0, 4, 7)


def chords_of(pitches, key, metre=COMMON, *, is_last=True):
    notes = [Note(float(at), 1.0, pitch) for at, pitch in enumerate(pitches)]
    return harmonise(slots([notes], float(len(notes)), 0.0, metre), key, is_last=is_last)


def test_arpeggios_get_the_triads_they_spell():
    melody = [67, 71, 74, 67, 72, 76, 79, 72, 74, 78, 81, 74, 67, 71, 74, 67]
    assert [chord.tones for chord in chords_of(melody, Key(7, "major"))] == [G, C, D, G]


def test_a_chord_may_change_at_half_bars_and_only_at_bars_in_three():
    melody = [60, 64, 67, 71, 60, 64]
    assert [chord.length for chord in chords_of(melody, Key(0, "major"))] == [2.0, 2.0, 2.0]
    assert {chord.length for chord in chords_of(melody, Key(0, "major"), Metre(3, 4))} == {3.0}


def test_the_end_of_a_tune_is_on_its_tonic_whatever_the_melody_does():
    assert chords_of([74, 78, 81, 74], Key(7, "major"))[-1].tones == G
    assert chords_of([74, 78, 81, 74], Key(7, "major"), is_last=False)[-1].tones == D


def test_in_minor_a_raised_seventh_gets_the_major_dominant():
    melody = [69, 72, 76, 69, 68, 71, 76, 68, 69, 72, 76, 69]
    assert [chord.tones for chord in chords_of(melody, Key(9, "minor"))] == [(9, 0, 4), (4, 8, 11), (9, 0, 4)]


def test_in_mixolydian_the_flat_seventh_has_its_triad():
    melody = [62, 66, 69, 62, 60, 64, 67, 60, 62, 66, 69, 62]
    assert [chord.tones for chord in chords_of(melody, Key(2, "mixolydian"))] == [D, C, D]


@pytest.mark.parametrize("mode", SCALES)
def test_chords_stay_in_the_key(mode):
    key = Key(5, mode)
    raised = (key.tonic + 11) % 12 if mode == "minor" else None
    assert {tone for tones, _ in triads(key) for tone in tones} <= {*key.scale, raised}


def test_chords_fill_the_strain_upbeat_and_rests_included():
    notes = [Note(0.0, 1.0, 67), Note(5.0, 4.0, 71)]
    chords = harmonise(slots([notes], 16.0, 3.0, Metre(4, 4)), Key(7, "major"), is_last=True)
    assert chords[0].start == 0.0
    assert sum(chord.length for chord in chords) == 16.0
    assert all(after.start == before.start + before.length for before, after in pairwise(chords))
