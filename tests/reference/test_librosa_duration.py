"""What we say that librosa.get_duration answers is what it answers."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.reference.facts import Limits
from soundverse_nb.reference.librosa_duration import compare
from tests.audio.songs import RATE, file_of, tone
from tests.corpus.encode import m4a, mp3


def _streamed_flac() -> bytes:
    song = bytearray(file_of(tone(12.0), kind="FLAC"))
    song[21] &= 0xF0
    song[22:26] = bytes(4)
    return bytes(song)


def _lying_mp3() -> bytes:
    song = bytearray(encode_mp3(tone(12.0).T, RATE, 128))
    at = song.index(b"Info") + 8
    song[at : at + 4] = (100).to_bytes(4, "big")
    return bytes(song)


def _chained_ogg() -> bytes:
    return file_of(tone(6.0), kind="OGG", subtype="VORBIS") * 2


_SONGS: dict[str, tuple[str, Callable[[], bytes], bool]] = {
    "an honest wav": ("wav", lambda: file_of(tone(12.0)), False),
    "an honest flac": ("flac", lambda: file_of(tone(12.0), kind="FLAC"), False),
    "an honest mp3": ("mp3", lambda: encode_mp3(tone(12.0).T, RATE, 128), False),
    "an mp3 without a header": ("mp3", lambda: mp3(tone(12.5), RATE, xing=False, quality=4), True),
    "an mp3 whose header lies": ("mp3", _lying_mp3, True),
    "a streamed flac": ("flac", _streamed_flac, True),
    "a chained ogg": ("ogg", _chained_ogg, True),
}


@pytest.mark.parametrize("song", _SONGS)
def test_our_word_on_librosa_is_librosas_own(tmp_path: Path, song: str) -> None:
    import librosa

    ending, make, differs = _SONGS[song]
    path = tmp_path / f"song.{ending}"
    path.write_bytes(make())
    said = sv.preflight(path).librosa
    assert said is not None
    assert said.duration == pytest.approx(librosa.get_duration(path=path))
    assert said.differs == differs
    if differs:
        assert said.reason
        assert "librosa.get_duration" in str(sv.preflight(path))


def test_where_librosa_needs_another_program_it_is_said(tmp_path: Path) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(m4a(tone(12.0), RATE))
    said = sv.preflight(path).librosa
    assert said is not None
    assert said.duration is None
    assert "ffmpeg" in said.sentence


@pytest.mark.parametrize(
    ("answer", "decoded", "stopped", "differs", "flips"),
    [
        (180.0, 180.0, False, False, False),
        (180.004, 180.0, False, False, False),
        (180.006, 180.0, False, True, False),
        (9.02, 12.5, False, True, True),
        (368.6, 180.0, False, True, True),
        (500.0, 350.5, True, False, False),  # we stopped; it goes on
        (None, 180.0, False, True, False),
    ],
)
def test_a_difference_is_one_of_more_than_five_milliseconds(
    answer: float | None, decoded: float, stopped: bool, differs: bool, flips: bool
) -> None:
    found = compare(answer, decoded, stopped, "mp3", Limits())
    assert (found.differs, found.flips) == (differs, flips)


def test_samples_have_no_header_to_disagree_about() -> None:
    assert sv.preflight((tone(12.0), RATE)).librosa is None


@pytest.mark.parametrize("song", [song for song in _SONGS if "honest" in song])
def test_standard_error_stays_open_where_nothing_is_wrong(
    song: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ending, make, _ = _SONGS[song]
    path = tmp_path / f"song.{ending}"
    path.write_bytes(make())
    redirected: list[tuple[int, ...]] = []
    monkeypatch.setattr(os, "dup2", lambda *numbers: redirected.append(numbers))
    assert sv.preflight(path).librosa is not None
    assert redirected == []
