"""Repair writes a copy that passes, changes no more than needed, and never overwrites."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.reference.facts import Limits
from soundverse_nb.reference.segment import Segment, asked_segment, loudest_segment
from tests.audio.songs import RATE, file_of, tone

SHORT = Limits(max_seconds=15.0)


def samples_of(path: Path) -> Any:
    with decode(path) as sound:
        return np.concatenate(list(sound))


@pytest.fixture(autouse=True)
def in_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def rising(seconds: float, channels: int = 2) -> Any:
    """A tone that is loudest from two thirds of its length on."""
    samples = tone(seconds, channels)
    samples[: len(samples) * 2 // 3] *= 0.1
    return samples


def test_a_long_mp3_is_cut_between_its_frames_at_its_loudest() -> None:
    Path("long.mp3").write_bytes(encode_mp3(rising(36.0).T, RATE, 64))
    done = sv.repair("long.mp3", limits=SHORT)
    assert done.ok
    assert "without encoding" in " ".join(done.steps)
    assert done.start > 20.0
    assert 14.5 < done.report.audio.duration <= 15.0
    assert done.path.parent == Path.cwd() or done.path.parent == Path()
    assert done.path.name == "long-repaired.mp3"
    kept = np.frombuffer(Path("long.mp3").read_bytes(), np.uint8)
    copy = done.path.read_bytes()
    # Its last frames are the original's own bytes.
    assert copy[-3000:-500] in kept.tobytes()


def test_a_long_wav_is_cut_faded_and_encoded() -> None:
    Path("long.wav").write_bytes(file_of(rising(30.0)))
    done = sv.repair(Path("long.wav"), limits=SHORT)
    assert done.ok
    samples = samples_of(done.path)
    assert np.abs(samples[:50]).max() < 0.02
    assert np.abs(samples[-50:]).max() < 0.02
    assert np.abs(samples[8 * RATE : 9 * RATE]).max() > 0.25


def test_a_large_file_gets_the_best_bitrate_that_fits() -> None:
    limits = Limits(max_bytes=300_000)
    Path("large.wav").write_bytes(file_of(tone(12.0)))
    done = sv.repair("large.wav", limits=limits)
    size = done.report.audio.size_bytes
    assert size is not None
    assert 200_000 < size <= 300_000
    assert done.report.audio.duration == pytest.approx(12.0, abs=0.001)


def test_nan_and_surround_are_repaired_and_the_rate_is_kept() -> None:
    samples = tone(12.0, 6, 48000)
    samples[100, 2] = np.nan
    done = sv.repair((samples, 48000))
    audio = done.report.audio
    assert (audio.channels, audio.sample_rate, audio.not_finite) == (2, 48000, 0)
    text = " ".join(done.steps)
    assert "1 samples" in text
    assert "6 channels" in text
    assert done.path.parent == Path.cwd()


@pytest.mark.parametrize("seconds", [9.2, 9.96, 10.02])
def test_a_song_a_little_short_gets_silence_at_its_end(seconds: float) -> None:
    done = sv.repair((tone(seconds), RATE))
    assert done.ok
    assert not any(warning.code == "borderline" for warning in done.report.warnings)
    assert "silence" in " ".join(done.steps)


def test_a_song_much_too_short_is_not_repaired() -> None:
    with pytest.raises(sv.PreflightError) as caught:
        sv.repair((tone(5.0), RATE))
    assert caught.value.report.problems[0].code == "too_short"


@pytest.mark.parametrize("source", ["missing.mp3", b"", b"junk" * 500, (np.zeros((2, 12 * RATE)), RATE)])
def test_what_cannot_be_repaired_is_said_by_preflight(source: Any) -> None:
    with pytest.raises(sv.PreflightError):
        sv.repair(source)
    assert list(Path.cwd().iterdir()) == []


def test_a_damaged_song_is_kept_as_far_as_it_can_be_heard() -> None:
    song = file_of(tone(30.0), kind="FLAC")
    Path("cut.flac").write_bytes(song[: len(song) // 2])
    done = sv.repair("cut.flac")
    assert done.ok
    assert done.report.audio.duration == pytest.approx(15.0, abs=1.0)


def test_a_song_that_passes_is_copied_as_it_is() -> None:
    Path("good.wav").write_bytes(file_of(tone(12.0)))
    done = sv.repair("good.wav")
    assert done.path.read_bytes() == Path("good.wav").read_bytes()
    assert done.path.name == "good-repaired.wav"


def test_a_repair_never_overwrites() -> None:
    Path("good.wav").write_bytes(file_of(tone(12.0)))
    first, second = sv.repair("good.wav"), sv.repair("good.wav")
    assert first.path != second.path
    Path("there.mp3").write_bytes(b"precious")
    with pytest.raises(sv.ConfigurationError, match="never overwritten"):
        sv.repair("good.wav", out="there.mp3")
    with pytest.raises(sv.ConfigurationError):
        sv.repair("good.wav", out="good.wav")
    assert Path("there.mp3").read_bytes() == b"precious"


@pytest.mark.parametrize("out", ["copy.mp3", "copy.wav", "copy.flac"])
def test_the_user_may_name_the_copy_and_its_segment(out: str) -> None:
    Path("good.wav").write_bytes(file_of(tone(14.0)))
    done = sv.repair("good.wav", out=out, start=1.0, duration=11.0)
    assert done.path == Path(out)
    assert (done.start, done.duration) == (1.0, 11.0)
    assert done.report.audio.duration == pytest.approx(11.0, abs=0.01)


@pytest.mark.parametrize(
    "settings",
    [
        {"out": "copy.txt"},
        {"out": "no/folder/x.mp3"},
        {"duration": 3.0},
        {"start": 99.0},
        {"start": 8.0},
        {"start": -1.0},
    ],
)
def test_settings_that_cannot_give_a_song_that_passes_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(sv.ConfigurationError):
        sv.repair((tone(14.0), RATE), **settings)


def test_a_repair_goes_wherever_a_path_goes_and_shows_itself() -> None:
    done = sv.repair((tone(12.0, 6), RATE))
    assert sv.preflight(done).ok
    bundle = done._repr_mimebundle_()
    assert "Mixed 6 channels" in bundle["text/plain"]
    assert "Mixed 6 channels" in bundle["text/html"]


@pytest.mark.parametrize(
    ("total", "start", "duration", "expected"),
    [
        (60.0, None, None, Segment(0.0, 60.0, is_whole=True)),
        (400.0, None, None, None),
        (400.0, 100.0, None, Segment(100.0, 300.0)),
        (400.0, 20.0, None, Segment(20.0, 349.9)),
        (400.0, 20.0, 30.0, Segment(20.0, 30.0)),
        (60.0, None, 30.0, None),
        (60.0, None, 70.0, Segment(0.0, 60.0, is_whole=True)),
    ],
)
def test_which_segment_the_numbers_ask_for(
    total: float, start: float | None, duration: float | None, expected: Segment | None
) -> None:
    found = asked_segment(total, start, duration, Limits())
    if expected is None or found is None:
        assert found is expected
    else:
        assert found.start == expected.start
        assert found.duration == pytest.approx(expected.duration)
        assert found.is_whole == expected.is_whole


def test_the_loudest_segment_begins_at_a_quiet_moment() -> None:
    hops = np.full(1000, 0.01)
    hops[500:700] = 1.0
    hops[497] = 0.0001
    found = loudest_segment(hops, 0.1, 100.0, 20.0)
    assert found.start == pytest.approx(49.7)
    assert found.duration == 20.0


@pytest.mark.parametrize("seconds", [349.95, 350.0])
def test_a_song_at_the_longest_length_is_cut_well_inside(seconds: float) -> None:
    done = sv.repair((tone(seconds, 1, 8000), 8000))
    assert done.duration == pytest.approx(349.9)
    assert not any(warning.code == "borderline" for warning in done.report.warnings)


@pytest.mark.parametrize("given", [{"duration": "10"}, {"start": "1"}, {"duration": True}, {"start": [1.0]}])
def test_a_segment_is_given_in_numbers(given: dict[str, Any]) -> None:
    with pytest.raises(sv.ConfigurationError, match="a number of seconds"):
        sv.repair((tone(12.0), RATE), **given)


@pytest.mark.parametrize(("letter", "suffix"), [("n", ".wav"), ("é", ".wav"), ("雪", ".wav"), ("n", "")])
def test_the_copy_of_a_song_with_a_very_long_name_gets_a_shorter_one(letter: str, suffix: str) -> None:
    letter = os.fsdecode(letter.encode())  # the same bytes in any locale
    name = letter * ((254 - len(suffix)) // len(os.fsencode(letter))) + suffix
    Path(name).write_bytes(file_of(tone(12.0, 1, 8000), 8000))
    first, second = sv.repair(name), sv.repair(name)
    assert first.path != second.path
    assert set(first.path.stem.removesuffix("-repaired")) == set(letter)
    assert "-repaired" in second.path.name


@pytest.mark.parametrize("kind", ["mp3", "wav", "flac"])
def test_a_song_that_passes_is_copied_to_any_name_of_its_format(kind: str) -> None:
    samples = tone(12.0)
    song = encode_mp3(samples.T, RATE, 128) if kind == "mp3" else file_of(samples, kind=kind.upper())
    assert sv.repair(song, out=f"bytes.{kind}").path.read_bytes() == song
    Path(f"good.{kind}").write_bytes(song)
    assert sv.repair(f"good.{kind}", out=f"copy.{kind}").path.read_bytes() == song
    with open(f"good.{kind}", "rb") as file:
        assert sv.repair(file, out=f"file.{kind}").path.read_bytes() == song


def test_a_song_that_begins_with_silence_is_cut_where_it_sounds() -> None:
    song = np.concatenate([np.zeros((40 * RATE, 1)), tone(12.0, 1)]).astype(np.float32)
    Path("late.wav").write_bytes(file_of(song))
    report = sv.preflight("late.wav", SHORT)
    assert [problem.code for problem in report.problems] == ["too_long"]
    assert "silent_start" in [warning.code for warning in report.warnings]
    assert "is silent; what comes behind was not heard" in str(report).replace("\n   ", "")
    done = sv.repair("late.wav", limits=SHORT)
    assert done.ok
    assert done.start > 30.0
    assert np.abs(samples_of(done.path)).max() > 0.25


@pytest.mark.parametrize("asked", [{}, {"start": 0.0}, {"start": 5.0, "duration": 12.0}])
def test_out_of_silence_nothing_is_cut(asked: dict[str, float]) -> None:
    Path("none.wav").write_bytes(file_of(np.zeros((40 * RATE, 1), np.float32)))
    with pytest.raises(sv.PreflightError, match="silence"):
        sv.repair("none.wav", limits=SHORT, **asked)
    assert [path.name for path in Path.cwd().iterdir()] == ["none.wav"]
