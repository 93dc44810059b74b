"""What is read out of prompts."""

from __future__ import annotations

import pytest

from soundverse_nb.simulator.music.drums import BASS, CHORDS, DRUMS, STEPS, read_grid
from soundverse_nb.simulator.music.instruments import INSTRUMENTS
from soundverse_nb.simulator.music.prompt import read_prompt
from soundverse_nb.simulator.music.styles import INSTRUMENT_WORDS, STYLES


@pytest.mark.parametrize(
    ("prompt", "style"),
    [
        ("upbeat jazz remix with brass horns", "Jazz"),
        ("Deep HOUSE", "House"),
        ("berlin techno, 3am", "Techno"),
        ("lo-fi beats to study to", "Lo-fi"),
        ("dub", "Dub"),
        ("roots reggae", "Reggae"),
        ("epic orchestral score", "Orchestral"),
        ("8-bit arcade", "8-bit"),
        ("heavy metal", "Rock"),
        ("ambient drone", "Ambient"),
        ("hip-hop", "Hip Hop"),
        ("disco", "Disco"),
        ("drum & bass", "Drum and Bass"),
        ("bossa nova", "Latin"),
        ("lo-fi jazz", "Jazz"),
        ("jazz, not techno", "Jazz"),
        ("string quartet", "String Quartet"),
        ("gospel choir", "Gospel"),
        ("baroque harpsichord", "Baroque"),
        ("delta blues", "Blues"),
        ("bluegrass", "Country"),
        ("R&B", "R&B"),
        ("brass band", "March"),
        ("a capella", "Choral"),
        ("k-pop", "Pop"),
        ("synth-pop", "Synthwave"),
        ("deep-house", "House"),
        ("HipHop", "Hip Hop"),
        ("drum‑and‑bass", "Drum and Bass"),
        ("reggaetón", "Latin"),
    ],
)
def test_a_style_is_known_by_its_words(prompt, style):
    assert read_prompt(prompt).style.name == style


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("solo piano", "Piano"),
        ("choir and cello", "Choir Cello"),
        ("jazz with a harpsichord", "Jazz"),
        ("piano, no strings", "Piano"),
        ("non-jazz", ""),
        ("faster", ""),
    ],
)
def test_what_was_recognised_is_said_styles_before_instruments(prompt, named):
    assert read_prompt(prompt).named == named


def test_every_word_of_a_style_names_it_in_capitals_and_with_hyphens_too():
    for style in STYLES:
        for word in style.words:
            for spelled in (word, word.upper(), word.replace(" ", "-")):
                assert read_prompt(f"a {spelled} version").named == style.name, spelled


@pytest.mark.parametrize("prompt", ["jazzercise", "rocket", "warehouse", "housewife"])
def test_a_word_that_only_contains_a_style_does_not_name_it(prompt):
    assert read_prompt(prompt).named == ""


@pytest.mark.parametrize("prompt", ["", "   ", "xyzzy", "ジャズ", "\x00", "🎷" * 500])
def test_prompts_without_a_known_word_choose_a_style_always_the_same_way(prompt):
    assert read_prompt(prompt) == read_prompt(prompt)


def test_an_adjective_lends_its_colour_to_the_noun():
    plain, coloured = read_prompt("jazz").style, read_prompt("lo-fi jazz").style
    assert coloured.drums == plain.drums
    assert coloured.crackle > plain.crackle
    assert coloured.high_cut < plain.high_cut


def test_instruments_that_are_named_play():
    assert read_prompt("jazz with brass horns").style.chord_sound == "brass"
    assert read_prompt("house with saxophone").style.tune_sound == "reed"
    assert read_prompt("pop with strings").style.pad_sound == "strings"
    assert read_prompt("pop without strings").style.pad_sound != "strings"
    assert read_prompt("rock without drums").style.drums == "none"


@pytest.mark.parametrize(("prompt", "bpm"), [("house at 128 bpm", 128), ("95BPM jazz", 95), ("999 bpm", None),
                                             ("pop", None)])  # fmt: skip
def test_a_tempo_that_is_named_is_read(prompt, bpm):
    assert read_prompt(prompt).bpm == bpm


def test_moods_change_pace_and_tone():
    plain = read_prompt("pop")
    assert read_prompt("slow pop").pace < plain.pace < read_prompt("fast pop").pace
    assert read_prompt("dark pop").style.high_cut < plain.style.high_cut
    assert read_prompt("heavy pop").style.drive > plain.style.drive


def test_every_style_names_patterns_and_instruments_that_exist():
    for style in STYLES:
        assert style.drums in DRUMS
        assert style.bass in BASS
        assert style.chords in CHORDS
        sounds = {style.bass_sound, style.chord_sound, style.tune_sound, style.pad_sound} - {"none"}
        assert sounds <= set(INSTRUMENTS)
    assert {sound for _, sound in INSTRUMENT_WORDS.values()} <= set(INSTRUMENTS)


def test_no_word_belongs_to_two_styles():
    words = [word for style in STYLES for word in style.words]
    assert len(words) == len(set(words))


def test_every_grid_is_one_bar():
    grids = [grid for pattern in DRUMS.values() for grid in pattern.values()]
    grids += [grid for grid in BASS.values() if grid] + [grid for grid, _ in CHORDS.values() if grid]
    for grid in grids:
        assert len(grid.replace(" ", "")) == STEPS
        assert all(0 <= hit.step < STEPS and 0 < hit.velocity <= 1 for hit in read_grid(grid))
