"""The kernel side of cards that play whole songs: what is sent, and to whom."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pytest
import soundfile

import soundverse_nb as sv
from soundverse_nb.remix import display
from soundverse_nb.widgets.whole_songs import WholeSongs, whole_song

RATE = 22050


def song(path: Path, seconds: float = 2.0) -> Path:
    noise = np.random.default_rng(7).standard_normal((int(seconds * RATE), 2)) * 0.1
    soundfile.write(path, noise.astype(np.float32), RATE, subtype="FLOAT")
    return path


class _Asked(WholeSongs):
    """One whose answers are kept instead of sent."""

    def send(self, content: object, buffers: object = None) -> None:
        self.__dict__.setdefault("answers", []).append((content, buffers))


def test_a_card_gets_its_own_songs_and_a_sentence_where_it_cannot(tmp_path: Path) -> None:
    first, second = song(tmp_path / "a.wav"), song(tmp_path / "b.wav", 1.0)
    songs = _Asked()
    songs.mark_for([sv.Clip(first)])
    assert songs.mark_for([sv.Clip(first), sv.Clip(second)]).split() == [songs.mark, f"{songs.mark}-1"]
    second_lane = {"request": "1", "card": 1, "lane": 1}
    for content in (
        second_lane,
        {"request": "2", "card": 0, "lane": 1},
        {"request": "3", "card": -1, "lane": 0},
        {"request": "4", "card": "../secret", "lane": 0},
        {"request": "5"},
    ):
        songs._answer(content)
    second.unlink()
    songs._answer({**second_lane, "request": "6"})
    answers = songs.__dict__["answers"]
    assert [content["request"] for content, _ in answers] == ["1", "2", "3", "4", "5", "6"]
    assert answers[0][0]["mime"] == "audio/wav"
    assert "problem" not in answers[0][0]
    assert all("problem" in content for content, _ in answers[1:])


def test_a_file_that_browsers_read_is_sent_as_it_is_and_any_other_as_flac(tmp_path: Path) -> None:
    path = song(tmp_path / "a.wav")
    assert whole_song(sv.Clip(path)) == ("audio/wav", "Plays the whole file.", path.read_bytes())
    other = tmp_path / "a.aiff"
    soundfile.write(other, soundfile.read(path)[0], RATE)
    mime, note, data = whole_song(sv.Clip(other))
    assert (mime, soundfile.info(io.BytesIO(data)).format) == ("audio/flac", "FLAC")
    assert "FLAC" in note


def test_samples_that_are_not_numbers_are_taken_out(tmp_path: Path) -> None:
    samples = np.full((RATE, 1), 0.1, np.float32)
    samples[100:200] = np.nan
    soundfile.write(tmp_path / "nan.wav", samples, RATE, subtype="FLOAT")
    _, _, data = whole_song(sv.Clip(tmp_path / "nan.wav"))
    assert np.isfinite(soundfile.read(io.BytesIO(data))[0]).all()


def test_only_a_card_that_plays_a_preview_is_marked_and_only_in_a_kernel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip = sv.Clip(song(tmp_path / "a.wav"))
    assert "svw-" not in clip._repr_mimebundle_()["text/html"]
    monkeypatch.setattr(display, "in_kernel", lambda: True)
    assert clip._repr_mimebundle_()["text/html"].startswith('<div class="svw-')
    whole = sv.Clip(sv.example_song())
    assert "svw-" not in whole._repr_mimebundle_()["text/html"]
