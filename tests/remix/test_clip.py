from __future__ import annotations

import os
import pickle
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest

from soundverse_nb.audio.loudness import measure_loudness
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.remix import Clip
from tests.remix.songs import tune, write


def test_a_clip_knows_its_song(tmp_path: Path) -> None:
    path = write(tmp_path / "song.wav", tune(1.5, 8000, 1)[:, 0], 8000)
    clip = Clip(path)
    assert (clip.path, clip.name, clip.size_bytes) == (path, "song.wav", path.stat().st_size)
    assert (clip.duration, clip.sample_rate, clip.channels) == (1.5, 8000, 1)
    assert clip.format == "wav"
    assert os.fspath(clip) == str(path)
    with open(clip, "rb") as file:
        assert file.read(4) == b"RIFF"


def test_a_clip_has_its_integrated_loudness_at_hand(tmp_path: Path) -> None:
    clip = Clip(write(tmp_path / "song.wav", tune(5, 48000), 48000))
    assert clip.integrated_lufs == pytest.approx(clip.loudness().integrated_lufs, abs=0.05)
    assert (
        Clip(write(tmp_path / "nothing.wav", np.zeros((48000, 2), np.float32), 48000)).integrated_lufs
        == -np.inf
    )


def test_samples_are_channels_by_frames_at_full_scale_one(tmp_path: Path) -> None:
    song = tune(2.0, 8000)
    clip = Clip(write(tmp_path / "song.wav", song, 8000, subtype="FLOAT"))
    assert clip.samples().dtype == np.float32
    assert np.array_equal(clip.samples(), song.T)


@pytest.mark.parametrize(
    ("start", "duration", "first", "last"),
    [
        (0.5, 0.25, 4000, 6000),
        (1.9, 5.0, 15200, 16000),
        (0.0, 0.0, 0, 0),
        (7.0, None, 0, 0),
        (1.5, None, 12000, 16000),
    ],
)
def test_a_stretch_is_cut_to_the_sample(
    tmp_path: Path, start: float, duration: float | None, first: int, last: int
) -> None:
    song = tune(2.0, 8000)
    clip = Clip(write(tmp_path / "song.wav", song, 8000, subtype="FLOAT"))
    found = clip.samples(start, duration)
    assert found.shape == (2, last - first)
    assert np.array_equal(found, song.T[:, first:last])


@pytest.mark.parametrize(("start", "duration"), [(-1.0, None), (0.0, -1.0), (float("nan"), None)])
def test_a_stretch_that_is_none_is_refused(original: Path, start: float, duration: float | None) -> None:
    with pytest.raises(ConfigurationError):
        Clip(original).samples(start, duration)


def test_a_clip_of_a_missing_file_says_so_when_asked_and_not_before(tmp_path: Path) -> None:
    clip = Clip(tmp_path / "gone.mp3")
    with pytest.raises(ConfigurationError, match=r"gone\.mp3"):
        _ = clip.size_bytes
    with pytest.raises(SoundverseError):
        _ = clip.duration


def test_a_replaced_file_is_read_again(tmp_path: Path) -> None:
    path = write(tmp_path / "song.wav", tune(1, 8000), 8000)
    clip = Clip(path)
    assert clip.duration == 1
    write(path, tune(2, 8000), 8000)
    assert clip.duration == 2


def test_clips_are_values(original: Path) -> None:
    clip = Clip(original)
    assert pickle.loads(pickle.dumps(clip)) == clip == Clip(str(original)) == Clip(clip)
    assert len({clip, Clip(original)}) == 1
    with pytest.raises(AttributeError):
        clip.path = Path("other")


def test_a_clip_tells_how_loud_it_is(original: Path) -> None:
    clip = Clip(original)
    expected = measure_loudness(clip.samples(), clip.sample_rate)
    assert asdict(clip.loudness()) == pytest.approx(asdict(expected), abs=1e-4, nan_ok=True)


def test_the_envelope_has_the_points_asked_for(original: Path) -> None:
    assert Clip(original).envelope(200).maxima.shape == (2, 200)
