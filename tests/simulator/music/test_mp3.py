"""The MP3 that two encoders write together."""

from __future__ import annotations

import io

import mutagen.mp3
import numpy as np
import pytest

from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.simulator.music.mp3 import FRAME, encode
from soundverse_nb.simulator.routes import HEAD

RATE = 44_100


def nothing() -> None:
    pass


def music(seconds: float) -> np.ndarray:
    """A sweep left, a chord right."""
    t = np.arange(round(seconds * RATE)) / RATE
    left = 0.3 * np.sin(2 * np.pi * (200 * t + 40 * t**2))
    right = 0.1 * sum(np.sin(2 * np.pi * f * t) for f in (220.0, 277.2, 329.6))
    return np.stack([left, right]).astype(np.float32)


def decoded(data: bytes) -> np.ndarray:
    with decode(data) as sound:
        return np.concatenate(list(sound)).T


@pytest.mark.parametrize("seconds", [0.5, 1.7, 3.0, 10.0])
def test_length_and_sound_survive_to_the_frame(seconds):
    sound = music(seconds)
    back = decoded(encode(sound, RATE, {}, nothing))
    assert back.shape == sound.shape
    for side in range(2):
        assert np.corrcoef(sound[side], back[side])[0, 1] > 0.99


def test_the_seam_between_the_two_halves_is_no_worse_than_the_rest():
    sound = music(8.0)
    error = np.abs(sound - decoded(encode(sound, RATE, {}, nothing)))
    seam = sound.shape[1] // 2 // FRAME * FRAME
    assert error[:, seam - 2 * FRAME : seam + 2 * FRAME].max() < 2.5 * error[:, 5 * FRAME : -5 * FRAME].max()
    assert error[:, seam - 2 * FRAME : seam + 2 * FRAME].max() < 0.1


def test_tags_and_head_are_written():
    data = encode(music(2.0), RATE, {"title": "Très bien", "comment": "simulated"}, nothing)
    assert data.startswith(HEAD)
    tags = mutagen.mp3.MP3(io.BytesIO(data))
    assert str(tags["TIT2"]) == "Très bien"
    assert tags.info.sample_rate == RATE
    assert tags.info.channels == 2
    assert tags.info.length == pytest.approx(2.0, abs=0.06)


def test_the_same_sound_gives_the_same_bytes():
    assert encode(music(4.0), RATE, {}, nothing) == encode(music(4.0), RATE, {}, nothing)


def test_a_checkpoint_can_end_the_work():
    def stop() -> None:
        raise InterruptedError

    with pytest.raises(InterruptedError):
        encode(music(4.0), RATE, {}, stop)
