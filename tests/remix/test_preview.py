from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pytest

from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.remix import Clip
from soundverse_nb.remix.preview import allot, playables, seconds_that_fit
from tests.remix.songs import tune, write


@pytest.mark.parametrize(
    ("whole", "room", "shares"),
    [
        ([100, 200], 1000, [100, 200]),
        ([100, 5000], 1000, [100, 900]),
        ([5000, 5000], 1000, [500, 500]),
        ([None, 100], 1000, [900, 100]),
        ([None, None, 10], 1000, [495, 495, 10]),
        ([300], 0, [0]),
        ([], 1000, []),
    ],
)
def test_small_songs_leave_room_for_great_ones(
    whole: Sequence[int | None], room: int, shares: list[int]
) -> None:
    assert allot(whole, room) == shares
    assert sum(shares) <= room


def test_an_mp3_that_fits_is_played_as_it_is(original: Path) -> None:
    (measured,) = playables([Clip(original)], 1_000_000)
    assert measured.data == original.read_bytes()
    assert measured.note == ""


def test_what_is_no_mp3_is_played_as_one_and_says_so(tmp_path: Path) -> None:
    (measured,) = playables([Clip(write(tmp_path / "song.wav", tune(3)))], 500_000)
    assert measured.data is not None
    assert measured.data[:3] == b"ID3" or measured.data[0] == 0xFF
    assert measured.note.startswith("Plays a preview")


def test_a_long_song_is_played_in_part_rather_than_dully(tmp_path: Path) -> None:
    clip = Clip(write(tmp_path / "long.wav", tune(60, 8000, 1)[:, 0], 8000))
    (measured,) = playables([clip], 60_000)
    assert measured.data is not None
    assert len(measured.data) <= 60_000
    assert "of 1:00" in measured.note
    played = Clip(_kept(tmp_path / "preview.mp3", measured.data))
    assert played.duration == pytest.approx(seconds_that_fit(60_000, 8000), abs=0.5)
    assert 10 < played.duration < 45


@pytest.mark.parametrize(
    ("kind", "said"),
    [("WAV", "96 kbit/s stereo, 44.1 kHz"), ("MP3", "the MP3 itself, 128 kbit/s")],
)
def test_what_is_played_of_a_long_song_is_in_stereo_and_good_quality(
    tmp_path: Path, kind: str, said: str
) -> None:
    path = write(tmp_path / "long.wav", tune(60, 44100), 44100)
    if kind == "MP3":
        data = encode_mp3(Clip(path).samples(), 44100, 128)
        path = _kept(tmp_path / "long.mp3", data)
    (measured,) = playables([Clip(path)], 400_000)
    assert measured.note.endswith(said)
    assert measured.data is not None
    assert len(measured.data) <= 400_000
    played = Clip(_kept(tmp_path / "preview.mp3", measured.data))
    assert (played.channels, played.sample_rate) == (2, 44100)
    assert 20 < played.duration < 40


def test_quality_gives_way_where_there_would_be_hardly_anything_to_hear() -> None:
    assert seconds_that_fit(100_000, 44100) == pytest.approx(15)
    assert 10 < seconds_that_fit(60_000, 44100) < 15
    assert seconds_that_fit(1_000_000, 44100) == pytest.approx(82, abs=1)


def test_no_room_is_said(original: Path) -> None:
    (measured,) = playables([Clip(original)], 5_000)
    assert measured.data is None
    assert "No player" in measured.note


def _kept(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path
