"""Originals and remixes of three levels: what changes at each, and that a seed decides it."""

from __future__ import annotations

import struct

import pytest
from known_remixes.arrangement import original_plan, perform, remix_plan
from known_remixes.midi import DRUMS, Channel, Event, file_bytes

SEEDS = range(12)


def score(tune, level, seed):
    plan = original_plan(tune, seed)
    played = perform(tune, remix_plan(tune, plan, level, seed) if level else plan, plan.bpm)
    return file_bytes(played.channels, played.events, played.seconds)


@pytest.mark.parametrize("level", [0, 1, 2, 3])
def test_the_same_seed_writes_the_same_notes_and_another_seed_others(reel, level):
    assert score(reel, level, 1) == score(reel, level, 1)
    assert score(reel, level, 1) != score(reel, level, 2)


@pytest.mark.parametrize("seed", SEEDS)
def test_level_1_changes_the_sound_and_adds_drums_but_no_note_of_the_melody(jig, seed):
    plan = original_plan(jig, seed)
    remix = remix_plan(jig, plan, 1, seed)
    original, remixed = perform(jig, plan), perform(jig, remix, plan.bpm)
    melodies = [
        [(event.start, event.pitch) for event in played.events if event.channel == 0]
        for played in (original, remixed)
    ]
    assert melodies[0] == melodies[1]
    assert remix.melody != plan.melody
    assert {event.channel for event in original.events} == {0, 1, 2}
    assert {event.channel for event in remixed.events} == {0, 1, 2, DRUMS}


@pytest.mark.parametrize("seed", SEEDS)
def test_level_2_is_in_another_key_and_tempo_within_what_was_promised(reel, seed):
    plan = original_plan(reel, seed)
    remix = remix_plan(reel, plan, 2, seed)
    assert remix.transposition != 0
    assert -6 <= remix.transposition <= 5
    assert 0.79 <= remix.bpm / plan.bpm <= 1.26
    assert abs(remix.bpm / plan.bpm - 1) > 0.03
    original, remixed = perform(reel, plan), perform(reel, remix, plan.bpm)
    pitches = [
        [event.pitch for event in played.events if event.channel == 0] for played in (original, remixed)
    ]
    assert {after - before for before, after in zip(*pitches, strict=True)} == {remix.transposition}


@pytest.mark.parametrize("seed", SEEDS)
def test_level_3_has_an_introduction_a_decorated_melody_and_another_bass(jig, seed):
    plan = original_plan(jig, seed)
    remix = remix_plan(jig, plan, 3, seed)
    played = perform(jig, remix, plan.bpm)
    intro = played.timing.seconds(remix.intro_bars * jig.metre.bar)
    assert 2 <= remix.intro_bars <= 4
    assert {event.channel for event in played.events if event.end < intro - 0.2} == {DRUMS}
    assert remix.bass_style != plan.bass_style
    printed = sum(len(jig.strains[turn.strain].voices[0]) for turn in played.timing.order)
    assert sum(event.channel == 0 for event in played.events) > printed


@pytest.mark.parametrize("level", [1, 2, 3])
def test_drums_fall_on_every_bar_line(reel, level):
    plan = original_plan(reel, 1)
    played = perform(reel, remix_plan(reel, plan, level, 1), plan.bpm)
    beats, first = played.timing.beats()
    struck = sorted(event.start for event in played.events if event.channel == DRUMS)
    for beat in beats[first : -1 : reel.metre.beats]:
        assert min(abs(beat - start) for start in struck) < 1e-6


def test_a_midi_file_says_how_long_its_track_is_and_ends_notes_before_they_are_struck_again():
    events = [Event(0.0, 0.5, 0, 60, 90), Event(0.5, 1.0, 0, 60, 90)]
    written = file_bytes([Channel(0, 24)], events, 3.0)
    assert struct.unpack(">4sIHHH", written[:14]) == (b"MThd", 6, 0, 1, 1000)
    assert struct.unpack(">I", written[18:22])[0] == len(written) - 22
    # Half a second is 1000 ticks, 0x87 0x68: the note ends there, and at delta 0 it begins again.
    assert bytes.fromhex("8768 803c00 00 903c5a".replace(" ", "")) in written
    assert written.endswith(b"\xff\x2f\x00")
