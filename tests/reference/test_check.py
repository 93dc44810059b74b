"""Preflight as its users call it: any source, never a hang, never a foreign error, nothing on stderr."""

from __future__ import annotations

import asyncio
import io
import json
import os
import pickle
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.reference import check, preflight_async
from tests.audio.songs import RATE, file_of, music, tone
from tests.corpus.encode import encoded, m4a, vorbis
from tests.corpus.encode import mp3 as mp3_of
from tests.corpus.encode import tone as corpus_tone
from tests.corpus.surgery import id3v2, m4a_from_itunes, mp3_with_vbri


def codes(source: Any, **settings: Any) -> list[str]:
    return [problem.code for problem in sv.preflight(source, **settings).problems]


@pytest.fixture(scope="module")
def mp3() -> bytes:
    return encode_mp3(tone(12.0).T, RATE, 128)


class _Clip(os.PathLike[str]):
    def __init__(self, path: Path) -> None:
        self._path = path

    def __fspath__(self) -> str:
        return str(self._path)


def test_one_song_passes_however_it_is_handed_in(tmp_path: Path, mp3: bytes) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(mp3)
    samples = tone(12.0)
    sources: list[Any] = [
        str(path),
        path,
        _Clip(path),
        mp3,
        bytearray(mp3),
        memoryview(mp3),
        io.BytesIO(mp3),
        (samples, RATE),
        (samples.T, RATE),
        ((samples * 32767).astype(np.int16), RATE),
        (samples[:, 0], RATE),
    ]
    for source in sources:
        report = sv.preflight(source)
        assert report.ok, (source, report)
        assert report.audio.duration == pytest.approx(12.0, abs=1e-6)
    with open(path, "rb") as file:
        assert sv.preflight(file).ok
        assert file.tell() == 0


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda folder: folder / "no.mp3", "missing"),
        (lambda folder: folder, "not_a_file"),
        (lambda folder: b"", "empty"),
        (lambda folder: b"no sound at all" * 999, "not_audio"),
        (lambda folder: np.random.default_rng(0).bytes(100_000), "not_audio"),
        (lambda folder: 42, "unreadable"),
        (lambda folder: file_of(tone(9.0)), "too_short"),
        (lambda folder: m4a(tone(12.0), RATE)[:20_000], "truncated"),
    ],
    ids=["missing", "directory", "empty", "text", "junk", "number", "short", "cut m4a"],
)
def test_bad_input_gets_a_report_with_a_code(tmp_path: Path, make: Any, code: str, quick: bool) -> None:
    report = sv.preflight(make(tmp_path), quick=quick)
    assert not report.ok
    assert code in [problem.code for problem in report.problems]
    with pytest.raises(sv.PreflightError) as caught:
        report.raise_if_failed()
    assert caught.value.report is report
    assert caught.value.spent.value == "no"


def test_an_error_names_the_file_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("song").mkdir()
    Path("song.wav").write_bytes(file_of(tone(9.0)))
    for name, sentence in (
        ("no.mp3", "There is no file no.mp3."),
        ("song", "song is a directory, not a file."),
        ("song.wav", "song.wav: The song lasts 9 s;"),
    ):
        with pytest.raises(sv.PreflightError) as caught:
            sv.preflight(name).raise_if_failed()
        assert str(caught.value).startswith(sentence)


def test_what_is_wrong_with_the_sound_is_heard() -> None:
    spoiled = tone(12.0)
    spoiled[1000, 0] = np.nan
    assert codes((spoiled, RATE)) == ["not_finite"]
    assert codes((np.zeros((2, 12 * RATE)), RATE)) == ["silent"]


def test_a_report_that_passes_can_be_chained(mp3: bytes) -> None:
    assert sv.preflight(mp3).raise_if_failed().ok


def test_a_quick_report_reads_the_header_and_a_streamed_file_is_decoded(mp3: bytes) -> None:
    assert sv.preflight(mp3, quick=True).checked == "header"
    streamed = bytearray(file_of(tone(12.0), kind="FLAC"))
    streamed[21] &= 0xF0  # STREAMINFO's number of samples, 36 bits: none
    streamed[22:26] = bytes(4)
    report = sv.preflight(bytes(streamed), quick=True)
    assert report.checked == "decoded"
    assert report.audio.duration == pytest.approx(12.0)
    assert "header" in report.notes[0]


@pytest.mark.parametrize("quick", [False, True])
def test_a_bomb_is_left_just_past_the_limit(quick: bool) -> None:
    silence = np.zeros((30 * RATE, 1), np.float32)
    bomb = file_of(np.tile(silence, (30, 1)), kind="FLAC")  # 15 minutes in a few thousand bytes
    assert len(bomb) < 300_000
    report = sv.preflight(bomb, quick=quick)
    assert "too_long" in [problem.code for problem in report.problems]
    assert report.audio.heard_seconds is None or report.audio.heard_seconds < 360


def test_a_song_that_takes_too_long_to_decode_is_measured_by_its_packets(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(check, "TIME_LIMIT", 0.0)
    report = sv.preflight(file_of(tone(60.0), kind="OGG", subtype="VORBIS"))
    assert report.ok
    assert report.audio.duration == pytest.approx(60.0)
    assert [warning.code for warning in report.warnings] == ["partly_heard"]


@pytest.mark.parametrize("claim", [0xFFFF, 1024])
def test_a_header_that_claims_many_channels_allocates_little(claim: int) -> None:
    song = bytearray(file_of(tone(1.0)))
    song[22:24] = claim.to_bytes(2, "little")
    song[32:34] = (claim * 2 & 0xFFFF).to_bytes(2, "little")
    assert not sv.preflight(bytes(song)).ok


def test_the_decoders_doubts_do_not_reach_standard_error(
    capfd: pytest.CaptureFixture[str], mp3: bytes, tmp_path: Path
) -> None:
    broken = bytearray(mp3)
    broken[len(mp3) // 2 : len(mp3) // 2 + 3000] = np.random.default_rng(1).bytes(3000)
    path = tmp_path / "broken.mp3"
    path.write_bytes(broken)
    for source in (bytes(broken), path, np.random.default_rng(0).bytes(4000) + mp3):
        sv.preflight(source)
    captured = capfd.readouterr()
    assert (captured.out, captured.err) == ("", "")


async def test_it_runs_off_the_event_loop(mp3: bytes) -> None:
    threads: list[str] = []

    class Watched(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            threads.append(threading.current_thread().name)
            return super().read(size)

    assert (await preflight_async(Watched(mp3))).ok
    assert threading.main_thread().name not in threads


async def test_it_can_be_given_to_an_executor(mp3: bytes) -> None:
    report = await asyncio.get_running_loop().run_in_executor(None, sv.preflight, mp3)
    assert report.ok


def test_a_record_of_a_report_is_json(mp3: bytes) -> None:
    for source in (mp3, b"", (np.zeros((2, 12 * RATE)), RATE), "\udcff.mp3", file_of(tone(2.0))):
        record = json.loads(json.dumps(sv.preflight(source).model_dump(), allow_nan=False))
        assert set(record) >= {"ok", "problems", "warnings", "audio", "name"}
        assert "envelope" not in record["audio"]


def test_a_first_check_imports_neither_librosa_nor_scipy(tmp_path: Path, mp3: bytes) -> None:
    (tmp_path / "song.mp3").write_bytes(mp3)
    (tmp_path / "song.wav").write_bytes(file_of(tone(12.0)))
    program = (
        "import sys, soundverse_nb as sv\n"
        "assert all(sv.preflight(path).ok for path in sys.argv[1:])\n"
        "print(sorted({name.split('.')[0] for name in sys.modules} & {'librosa', 'scipy', 'numba', 'pandas',"
        " 'matplotlib', 'aiohttp', 'pydantic', 'IPython'}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "song.mp3"), str(tmp_path / "song.wav")],
        capture_output=True,
        text=True,
        check=True,
    )
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def test_a_pickled_error_still_carries_its_report() -> None:
    with pytest.raises(sv.PreflightError) as caught:
        sv.preflight(b"x" * 100).raise_if_failed()
    again = pickle.loads(pickle.dumps(caught.value))
    assert again.report.problems[0].code == "not_audio"


_FRAGILE: dict[str, Any] = {
    "flac": lambda: file_of(music(12.0), kind="FLAC"),
    "ogg": lambda: file_of(music(12.0), kind="OGG", subtype="VORBIS"),
    "m4a": lambda: m4a(music(12.0), RATE),
    "mp3": lambda: encode_mp3(music(12.0).T, RATE, 128),
}


@pytest.mark.parametrize("kind", _FRAGILE)
def test_a_song_with_a_spoiled_place_is_damaged(kind: str) -> None:
    song = bytearray(_FRAGILE[kind]())
    middle = len(song) // 2
    song[middle : middle + 2000] = np.random.default_rng(3).bytes(2000)
    assert codes(bytes(song)) == ["damaged"]


def test_tags_between_joined_mp3s_are_no_damage(mp3: bytes) -> None:
    tag = b"TAG" + bytes(125)
    joined = mp3 + tag + b"ID3\x04\0\0\0\0\x02\0" + bytes(256) + mp3
    report = sv.preflight(joined)
    assert report.ok
    assert report.audio.duration == pytest.approx(24.0, abs=0.1)


@pytest.mark.parametrize("count", [1, 4, 1000, 4096, 65_536])
@pytest.mark.parametrize("kind", ["mp3", "mp3 without header", "aac", "ogg", "opus"])
def test_zeros_behind_the_sound_take_nothing_from_it(kind: str, count: int) -> None:
    song = _SOUNDS[kind]()
    report = sv.preflight(song + bytes(count))
    assert report.ok, report
    # FFmpeg takes a header that does not fit the file's size for wrong, and plays the encoder's padding.
    assert report.audio.duration == pytest.approx(sv.preflight(song).audio.duration, abs=0.02)


_SOUNDS = {
    "mp3": lambda: mp3_of(corpus_tone(12.0, RATE), RATE),
    "mp3 without header": lambda: mp3_of(corpus_tone(12.0, RATE), RATE, xing=False),
    "aac": lambda: encoded(corpus_tone(12.0, RATE), RATE, container="adts", codec="aac", bit_rate=64_000),
    "ogg": lambda: vorbis(corpus_tone(12.0, 8000), 8000),
    "opus": lambda: encoded(corpus_tone(12.0, 48_000), 48_000, container="ogg", codec="libopus"),
}


def test_a_song_whose_end_is_zeros_is_damaged() -> None:
    """As a download leaves it that took its room beforehand and was broken off."""
    song = file_of(music(24.0), kind="OGG", subtype="VORBIS")
    assert "damaged" in codes(song[: len(song) * 2 // 3] + bytes(len(song) // 3))
    assert "damaged" in codes(song + bytes(100_000) + song)


@pytest.mark.parametrize("kind", ["WAV", "AIFF"])
def test_a_tag_in_front_is_stepped_over(tmp_path: Path, kind: str) -> None:
    """Taggers that treat all files alike put an ID3 tag where none belongs."""
    song = id3v2(5000) + file_of(tone(12.0), kind=kind)
    path = tmp_path / "song"
    path.write_bytes(song)
    for source in (path, song):
        for quick in (False, True):
            report = sv.preflight(source, quick=quick)
            assert report.ok, report
            assert report.audio.duration == 12.0
    assert codes(song[:-100_001]) == ["truncated"]
    assert codes(song[:-1]) == ["truncated"]


@pytest.mark.parametrize("kind", ["as written", "iTunes' note", "no edit list", "ALAC"])
def test_a_quick_look_at_an_m4a_says_what_the_decoder_plays(kind: str) -> None:
    """What fills the last packet is played by some FFmpegs and left out by others."""
    codec = "alac" if kind == "ALAC" else "aac"
    song = m4a(corpus_tone(12.123, 44_100), 44_100, codec=codec)
    if kind == "iTunes' note":
        song = m4a_from_itunes(song, 2112)
    elif kind == "no edit list":
        song = song.replace(b"edts", b"free")
    quick = sv.preflight(song, quick=True)
    assert not quick.notes
    assert quick.audio.duration == pytest.approx(sv.preflight(song).audio.duration, abs=1e-4)


@pytest.mark.parametrize("share", [0.55, 0.8])
def test_an_mp3_that_misses_what_its_vbri_header_counts_is_truncated(share: float) -> None:
    song = mp3_with_vbri(mp3_of(corpus_tone(20.0, 32_000), 32_000))
    assert codes(song) == []
    assert codes(song[: round(len(song) * share)]) == ["truncated"]


def test_a_chained_ogg_is_heard_to_the_end_of_its_last_link() -> None:
    first = file_of(tone(6.0), kind="OGG", subtype="VORBIS")
    other = file_of(tone(7.0, 1, 22050), 22050, kind="OGG", subtype="VORBIS")
    assert sv.preflight(first + first).audio.duration == pytest.approx(12.0, abs=0.05)
    assert sv.preflight(first + other).audio.duration == pytest.approx(13.0, abs=0.05)


def test_a_clip_is_a_song(tmp_path: Path, mp3: bytes) -> None:
    (tmp_path / "song.mp3").write_bytes(mp3)
    assert sv.preflight(sv.Clip(tmp_path / "song.mp3")).ok


@pytest.mark.skipif(sys.platform != "linux", reason="counts memory as Linux does")
def test_hostile_files_cost_little_memory(tmp_path: Path) -> None:
    silence = np.zeros((20 * RATE, 8), np.float32)
    bomb = file_of(np.tile(silence, (20, 1)), 192000, kind="FLAC")
    claim = bytearray(file_of(tone(12.0)))
    claim[22:24], claim[24:28] = (1024).to_bytes(2, "little"), (2**32 - 1).to_bytes(4, "little")
    paths = []
    for name, content in (
        ("bomb.flac", bomb),
        ("claim.wav", bytes(claim)),
        ("long.wav", file_of(tone(60.0))),
    ):
        paths.append(tmp_path / name)
        paths[-1].write_bytes(content)
    program = (
        "import resource, sys, numpy, soundfile, av, soundverse_nb as sv\n"
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss\n"
        "before = peak()\n"
        "for path in sys.argv[1:]: sv.preflight(path)\n"
        "print((peak() - before) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *map(str, paths)], capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 150


def test_a_song_left_at_the_limit_is_not_said_to_end_there() -> None:
    silence = tone(400.0, 1, 8000)
    streamed = bytearray(file_of(silence, 8000, kind="FLAC"))
    assert "lasts 400 s" in sv.preflight(bytes(streamed)).problems[0].message
    streamed[21] &= 0xF0
    streamed[22:26] = bytes(4)
    report = sv.preflight(bytes(streamed))
    assert report.audio.goes_on
    assert "more than 350 s" in report.problems[0].message
    assert "over 350 s" in str(report)
    assert sv.preflight((silence, 8000)).audio.duration == 400.0


def test_a_call_is_offered_only_where_it_repairs() -> None:
    silent_and_short = sv.preflight((np.zeros((2, round(9.5 * RATE))), RATE))
    assert "repair:" not in str(silent_and_short)
    assert "repair:" in str(sv.preflight((tone(9.5), RATE)))


def test_a_length_just_past_the_limit_is_counted_to_its_end_and_borderline() -> None:
    streamed = bytearray(file_of(tone(350.03, 1, 8000), 8000, kind="FLAC"))
    streamed[21] &= 0xF0
    streamed[22:26] = bytes(4)
    report = sv.preflight(bytes(streamed))
    assert report.audio.duration == pytest.approx(350.03)
    assert "borderline" in [warning.code for warning in report.warnings]


@pytest.mark.parametrize("kind", ["int32", "int64", "list"])
def test_integers_wider_than_their_content_are_explained(kind: str) -> None:
    values = np.tile(np.array([1000, -1000]), 6 * RATE)
    report = sv.preflight((values.tolist() if kind == "list" else values.astype(kind), RATE))
    (problem,) = report.problems
    assert problem.code == "silent"
    assert f"read as {'int64' if kind == 'list' else kind}" in problem.message
    assert "astype(np.int16)" in problem.hint
