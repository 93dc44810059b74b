"""The manifest, the sounds that are no music, and what is said where FluidSynth is missing."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from known_remixes import selection, synthesis
from known_remixes.form import Piece, TimeMap
from known_remixes.non_music import NON_MUSIC
from known_remixes.reading import plain_title
from known_remixes.truth import REMIX, Rendering, read_manifest, write_manifest
from known_remixes.tune import Key


def test_a_manifest_gives_back_what_was_written_also_where_the_folder_was_moved(tmp_path):
    song = Rendering(
        tune="jig",
        title="The Jig",
        kind=REMIX,
        level=3,
        reference="jig",
        path=tmp_path / "one" / "remix" / "jig.flac",
        seconds=41.5,
        metre="6/8",
        key=Key(4, "minor"),
        bpm=101.3,
        beats_per_bar=2,
        beats=(0.0, 0.5923, 1.18461),
        first_downbeat=0,
        transposition=2,
        tempo_ratio=1.1,
        time_map=TimeMap((Piece((0.0, 1.0, 2.0), (4.0, 4.9, 5.9)), Piece((2.0, 3.0), (5.9, 7.0)))),
        seed=1,
    )
    modal = replace(song, key=None, time_map=None)
    assert list(write_manifest(tmp_path / "one", [song, modal])) == [song, modal]
    (tmp_path / "one").rename(tmp_path / "two")
    path = tmp_path / "two" / "remix" / "jig.flac"
    assert read_manifest(tmp_path / "two") == (replace(song, path=path), replace(modal, path=path))


@pytest.mark.parametrize("make", NON_MUSIC.values(), ids=NON_MUSIC)
def test_sounds_that_are_no_music_are_as_loud_as_music_and_the_same_each_time(make):
    sound = make(5.0, 3)
    assert sound.shape == (5 * synthesis.RATE,)
    assert np.array_equal(sound, make(5.0, 3))
    assert 20 * np.log10(synthesis.rms(sound)) == pytest.approx(synthesis.LEVEL, abs=1.0)
    assert np.abs(sound).max() <= 0.98


def test_pink_noise_falls_by_three_decibels_an_octave():
    power = np.abs(np.fft.rfft(NON_MUSIC["pink noise"](20.0, 1))) ** 2
    octaves = [power[20 * low : 40 * low].mean() for low in (200, 400, 800, 1600, 3200)]
    assert np.diff(10 * np.log10(octaves)) == pytest.approx([-3.0] * 4, abs=0.4)


def test_a_room_adds_noise_and_reverberation_at_the_level_asked_for():
    rng = np.random.default_rng(0)
    music = (0.1 * rng.standard_normal((3 * synthesis.RATE, 2))).astype(np.float32)
    music[synthesis.RATE :] = 0.0
    quiet = synthesis.Room(seed=1, wet=-200.0)
    noise = synthesis.in_room(music, quiet)[2 * synthesis.RATE :]
    assert 20 * np.log10(synthesis.rms(noise) / synthesis.rms(music)) == pytest.approx(-30, abs=1)
    echoing = synthesis.in_room(music, synthesis.Room(seed=1))
    after = slice(synthesis.RATE, synthesis.RATE + synthesis.RATE // 4)
    assert synthesis.rms(echoing[after]) > 3 * synthesis.rms(noise)


def test_blocks_convolve_like_the_whole():
    rng = np.random.default_rng(0)
    music = rng.standard_normal((600_000, 1)).astype(np.float32)
    response = rng.standard_normal((50_000, 1))
    size = 1 << 20
    whole = np.fft.irfft(np.fft.rfft(music, size, axis=0) * np.fft.rfft(response, size, axis=0), size, axis=0)
    assert np.allclose(synthesis.convolved(music, response), whole[:600_000], atol=1e-3)


def test_where_fluidsynth_is_missing_the_packages_to_install_are_named(tmp_path, monkeypatch):
    monkeypatch.setattr(synthesis.shutil, "which", lambda program: None)
    monkeypatch.setattr(synthesis, "BANKS", (tmp_path / "none.sf2",))
    with pytest.raises(
        synthesis.MissingSynthesizerError, match="apt-get install fluidsynth fluid-soundfont-gm"
    ):
        synthesis.find_synthesizer(tmp_path)


def test_a_set_that_is_not_there_or_not_that_large_is_refused_in_a_sentence(tmp_path):
    with pytest.raises(ValueError, match="the sets are tuning, reported"):
        selection.chosen_tunes("best", 1, tmp_path)
    with pytest.raises(ValueError, match="has 60 tunes, not 61"):
        selection.chosen_tunes("tuning", 61, tmp_path)


@pytest.mark.parametrize(
    "title",
    ["Acacia -- Reel", "The Acacia", "ACACIA (2nd setting)", "Acacia. 1st Setting", "Acacia Hornpipe"],
)
def test_printings_of_one_tune_have_one_title(title):
    assert plain_title(title) == "acacia"


def test_a_melody_in_another_key_or_with_repeated_notes_is_a_variant(reel):
    rows = selection.interval_rows(reel)
    strains = tuple(
        replace(
            strain,
            voices=(
                tuple(
                    twice for note in strain.voices[0] for twice in (replace(note, pitch=note.pitch + 5),) * 2
                ),
            ),
        )
        for strain in reel.strains
    )
    assert selection.overlap(rows, selection.interval_rows(replace(reel, strains=strains))) == 1.0
