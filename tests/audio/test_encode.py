"""MP3s are written gapless, within their bytes, and cut between frames without loss."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest

from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.encode import downmixed, encode_blocks, encode_mp3, preview_mp3, preview_quality
from soundverse_nb.audio.mp3_cut import cut_mp3
from soundverse_nb.audio.source import AudioError
from tests.audio.songs import RATE, file_of, music, tone

# A tenth of a 16-bit step: a bit that was lost is heard as much more, what a decoder rounds is less.
_NOTHING = 3e-6


def decoded(data: bytes) -> Any:
    with decode(data) as sound:
        return np.concatenate(list(sound))


@pytest.mark.parametrize(
    ("rate", "expected"), [(44100, 44100), (96000, 48000), (22050, 22050), (9000, 11025)]
)
def test_a_rate_that_mp3_does_not_know_is_converted(rate: int, expected: int) -> None:
    data = encode_mp3(tone(1.0, 2, rate).T, rate, 128)
    with decode(data) as sound:
        assert sound.sample_rate == expected
        assert sum(map(len, sound)) / expected == pytest.approx(1.0, abs=0.002)


def test_many_channels_become_stereo() -> None:
    with decode(encode_mp3(tone(1.0, 6).T, RATE, 128)) as sound:
        assert sound.channels == 2


def test_a_mix_of_surround_never_clips() -> None:
    for have, wanted in ((6, 2), (6, 1), (4, 1)):
        loudest = np.abs(downmixed(np.ones((10, have), np.float32), wanted)).max()
        assert loudest == pytest.approx(1.0, abs=1e-5)


@pytest.mark.parametrize("max_bytes", [120_000, 60_000, 40_000])
def test_a_preview_keeps_within_its_bytes_and_keeps_the_whole_song(max_bytes: int) -> None:
    preview = preview_mp3((tone(20.0), RATE), max_bytes)
    assert len(preview.data) <= max_bytes
    assert len(decoded(preview.data)) / preview.sample_rate == pytest.approx(20.0, abs=0.01)
    assert f"{preview.bitrate} kbit/s" in preview.note


def test_a_preview_of_a_stretch_holds_that_stretch() -> None:
    preview = preview_mp3((tone(5.0), RATE), 100_000, start=1.0, duration=2.0)
    assert len(decoded(preview.data)) / preview.sample_rate == pytest.approx(2.0, abs=0.01)


def test_what_cannot_fit_is_refused() -> None:
    with pytest.raises(AudioError, match="do not fit"):
        preview_mp3((tone(20.0), RATE), 5_000)


@pytest.mark.parametrize(
    ("seconds", "max_bytes", "quality"),
    [
        (30, 2_000_000, (44100, 2, 128)),
        (350, 3_000_000, (44100, 2, 64)),
        (350, 1_000_000, (22050, 1, 16)),
        (350, 100_000, None),
    ],
)
def test_the_quality_of_a_preview_gives_way_to_its_length(
    seconds: float, max_bytes: int, quality: tuple[int, int, int] | None
) -> None:
    assert preview_quality(seconds, max_bytes, 44100, 2) == quality


@pytest.mark.parametrize("channels", [1, 2])
@pytest.mark.parametrize("bitrate", [64, 128, 320])
@pytest.mark.parametrize(("start", "duration"), [(0.0, 3.0), (2.5, 3.0), (4.0, 100.0)])
def test_a_cut_between_frames_loses_not_a_bit(
    channels: int, bitrate: int, start: float, duration: float
) -> None:
    song = encode_mp3(music(8.0, channels).T, RATE, bitrate)
    cut = cut_mp3(io.BytesIO(song), len(song), start, duration)
    assert cut is not None
    whole, part = decoded(song), decoded(cut.data)
    at = round(cut.start * RATE)
    assert len(part) / RATE == pytest.approx(cut.duration, abs=1e-6)
    assert cut.duration <= duration
    assert cut.start == pytest.approx(start, abs=0.03)
    # The last frame's overlap is the one thing a cut cannot know.
    keep = len(part) - 1200
    np.testing.assert_allclose(part[:keep], whole[at : at + keep], rtol=0, atol=_NOTHING)


def test_a_cut_keeps_the_bytes_that_stand_in_earlier_frames() -> None:
    # At 32 kbit/s stereo every frame leans on bytes far behind it.
    song = encode_mp3(music(9.0).T, RATE, 32)
    cut = cut_mp3(io.BytesIO(song), len(song), 4.0, 3.0)
    assert cut is not None
    whole, part = decoded(song), decoded(cut.data)
    at = round(cut.start * RATE)
    np.testing.assert_allclose(part[:20_000], whole[at : at + 20_000], rtol=0, atol=_NOTHING)


def test_tags_around_the_sound_are_left_out_of_a_cut() -> None:
    song = encode_mp3(music(5.0).T, RATE, 128)
    tagged = b"ID3\x04\0\0\0\0\x02\0" + bytes(256) + song + b"TAG" + bytes(125)
    cut = cut_mp3(io.BytesIO(tagged), len(tagged), 0.0, 3.0)
    assert cut is not None
    assert b"TAG" not in cut.data


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfb",
        bytes(5000),
        file_of(tone(1.0)),
        encode_mp3(music(2.0).T, RATE, 128)[:3000] + bytes(99) * 50,
    ],
    ids=["nothing", "two bytes", "zeros", "wav", "junk inside"],
)
def test_what_is_no_plain_run_of_frames_is_not_cut(content: bytes) -> None:
    assert cut_mp3(io.BytesIO(content), len(content), 0.0, 10.0) is None


def test_blocks_are_encoded_as_they_come() -> None:
    pieces = (tone(0.5) for _ in range(4))
    assert len(decoded(encode_blocks(pieces, RATE, 2, 128))) == 2 * RATE


def test_a_small_mp3_is_its_own_preview() -> None:
    song = encode_mp3(music(4.0).T, RATE, 128)
    preview = preview_mp3(song, 100_000)
    whole, part = decoded(song), decoded(preview.data)
    assert "itself" in preview.note
    assert len(preview.data) <= 100_000
    assert len(part) == pytest.approx(len(whole), abs=2 * 1152)
