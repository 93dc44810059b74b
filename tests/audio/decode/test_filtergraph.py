"""Intact songs are decoded in one go, and nobody can tell, but by the clock."""

from __future__ import annotations

import contextlib
import os
import queue
import random
import threading
from pathlib import Path
from typing import TYPE_CHECKING, Any

import av
import av.filter
import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio import measure, worker_thread
from soundverse_nb.audio.decode import filtergraph
from soundverse_nb.audio.decode.base import TimeLimit
from soundverse_nb.audio.decode.ffmpeg import FFmpegDecoding
from tests.audio.songs import RATE, file_of
from tests.corpus.build import all_recipes
from tests.corpus.case import Recipe
from tests.corpus.encode import encode

if TYPE_CHECKING:
    from tests.corpus.fixture import Corpus

pytest_plugins = ["tests.corpus.fixture"]

_NAMES = (
    "mp3-vbr.mp3", "mp3-cbr-no-xing.mp3", "vorbis-stereo.ogg", "opus-mono.opus", "aac.m4a", "alac.m4a",
    "aac-with-video.mp4", "opus.webm", "vorbis.webm", "wma2.wma", "aac.aac", "mp3.mkv",
    "flac-16.flac", "flac-24.flac",
)  # fmt: skip
_SONGS = [recipe for recipe in all_recipes() if recipe.group == "plain" and recipe.name in _NAMES]
_MEMORY_FILES = pytest.mark.skipif(not hasattr(os, "memfd_create"), reason="files in memory are Linux's")


def _damaged(song: bytes, seed: int) -> bytes:
    """The song with something wrong somewhere behind its header."""
    rng = random.Random(seed)
    broken = bytearray(song)
    for _ in range(rng.choice([1, 5, 40])):
        at = rng.randrange(len(song) // 10, len(song))
        length = rng.choice([1, 30, 600])
        broken[at : at + length] = rng.randbytes(len(broken[at : at + length]))
    return bytes(broken)


def _report(song: bytes) -> dict[str, Any]:
    report = sv.preflight(song).model_dump()
    audio = report["audio"]
    # Sums over pieces of another length differ in their last digits.
    for name, value in audio.items():
        if isinstance(value, float):
            audio[name] = pytest.approx(value, rel=1e-4, abs=1e-4)
    return report


@pytest.fixture(autouse=True)
def of_any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """The corpus is of short songs, which are quicker packet by packet."""
    monkeypatch.setattr(filtergraph, "_SMALLEST", 0)


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each song that was tried in one go, whether that was enough."""
    found: list[bool] = []
    pieces = filtergraph.FiltergraphDecoding._pieces

    def watched(self: filtergraph.FiltergraphDecoding) -> Any:
        found.append(False)
        yield from pieces(self)
        found[-1] = True

    monkeypatch.setattr(filtergraph.FiltergraphDecoding, "_pieces", watched)
    return found


@_MEMORY_FILES
@pytest.mark.parametrize("recipe", _SONGS, ids=lambda recipe: recipe.label)
def test_an_intact_song_needs_no_decoding_packet_by_packet(
    corpus: Corpus, recipe: Recipe, monkeypatch: pytest.MonkeyPatch
) -> None:
    if recipe.name == "mp3-vbr.mp3" and av.library_versions["libavfilter"][0] < 11:
        pytest.skip("before FFmpeg 8 a trimmed start spoils the first time stamp, which is doubted")
    path = corpus.case(recipe).path
    expected = _without(monkeypatch, path.read_bytes())

    def refuse(self: FFmpegDecoding) -> Any:
        raise AssertionError("decoded packet by packet")

    monkeypatch.setattr(FFmpegDecoding, "_pieces", refuse)
    assert _report(path.read_bytes()) == expected
    assert sv.preflight(path).audio.duration == expected["audio"]["duration"]


def _without(monkeypatch: pytest.MonkeyPatch, song: bytes) -> dict[str, Any]:
    with monkeypatch.context() as patch:
        patch.setattr(filtergraph, "_is_possible", lambda: False)
        return _report(song)


@_MEMORY_FILES
@pytest.mark.parametrize("recipe", _SONGS, ids=lambda recipe: recipe.label)
def test_damage_is_found_as_by_decoding_packet_by_packet(
    corpus: Corpus, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, ended: list[bool]
) -> None:
    whole = corpus.case(recipe).path.read_bytes()
    reports = []
    for seed in range(12):
        song = _damaged(whole, seed)
        reports.append(_report(song))
        assert reports[-1] == _without(monkeypatch, song), f"seed {seed}"
    assert ended, "not one was tried in one go"
    if "alac" not in recipe.name and "aac" not in recipe.name:
        assert False in ended, "not one was doubted"


@_MEMORY_FILES
def test_a_decoder_that_does_not_come_back_is_stopped(
    monkeypatch: pytest.MonkeyPatch, ended: list[bool]
) -> None:
    noise = np.random.default_rng(3).normal(0, 0.1, (30 * RATE, 2))  # more bytes than FFmpeg keeps ready
    song = file_of(noise, kind="OGG", subtype="VORBIS")
    expected = _report(song)
    pull = filtergraph.FiltergraphDecoding._next
    end = filtergraph.FiltergraphDecoding.interrupt
    stopped: list[bool] = []

    def interrupt(self: filtergraph.FiltergraphDecoding) -> bool:
        stopped.append(end(self))
        return True

    def late(self: filtergraph.FiltergraphDecoding) -> Any:
        while not stopped:
            os.sched_yield()
        return pull(self)

    monkeypatch.setattr(filtergraph.FiltergraphDecoding, "interrupt", interrupt)
    monkeypatch.setattr(filtergraph.FiltergraphDecoding, "_next", late)
    monkeypatch.setattr(measure, "_STALL_SECONDS", 0.01)
    assert _report(song) == expected
    assert ended == [True, False]
    # Nor is it called damaged where there is no time to find out.
    stopped.clear()
    monkeypatch.setattr(FFmpegDecoding, "out_of_time", lambda self: True)
    assert not sv.preflight(song).problems


@_MEMORY_FILES
def test_an_interrupt_that_comes_too_late_harms_no_other_file(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    opened: list[filtergraph.FiltergraphDecoding] = []
    close = filtergraph.FiltergraphDecoding.close

    def kept(self: filtergraph.FiltergraphDecoding) -> None:
        opened.append(self)
        close(self)

    monkeypatch.setattr(filtergraph.FiltergraphDecoding, "close", kept)
    sv.preflight(corpus.case(_SONGS[0]).path)
    others = [tmp_path / str(number) for number in range(20)]
    files = [other.open("w+") for other in others]  # one of them has the song's number now
    for file in files:
        file.write("precious")
        file.flush()
    assert not opened[0].interrupt()
    assert [other.read_text() for other in others] == ["precious"] * 20
    for file in files:
        file.close()


@pytest.mark.parametrize(("codec", "container"), [("aac", "mp4"), ("libopus", "ogg")])
def test_eight_channels_are_heard(tmp_path: Path, codec: str, container: str) -> None:
    path = tmp_path / "song"
    loud = np.arange(1, 9) / 10
    samples = np.sin(np.arange(12 * 48_000) / 20)[:, None] * loud
    encode(path, samples.astype(np.float32), 48_000, container=container, codec=codec, bit_rate=512_000)
    report = sv.preflight(path)
    assert not report.problems
    assert report.audio.channels == 8
    assert report.audio.envelope is not None
    assert report.audio.envelope.maxima.shape[0] == 8


def test_flac_inside_another_container_keeps_its_frames_checksums(tmp_path: Path) -> None:
    path = tmp_path / "song.mkv"
    noise = np.random.default_rng(5).normal(0, 0.1, (12 * RATE, 2)).astype(np.float32)
    encode(path, noise, RATE, container="matroska", codec="flac")
    assert not sv.preflight(path).problems
    broken = bytearray(path.read_bytes())
    broken[len(broken) // 2] ^= 4
    assert [problem.code for problem in sv.preflight(bytes(broken)).problems] == ["damaged"]


def test_what_the_header_proves_and_cannot_be_decoded_is_damage() -> None:
    noise = np.random.default_rng(6).normal(0, 0.1, (12 * RATE, 2)).astype(np.float32)
    song = bytearray(file_of(noise, kind="FLAC"))
    first = song.index(b"\xff\xf8", 42)
    song[first + 200] ^= 255  # before the first frame that can be decoded nothing shows a gap
    assert [problem.code for problem in sv.preflight(bytes(song)).problems] == ["damaged"]


@_MEMORY_FILES
def test_no_file_in_memory_and_no_thread_is_left(corpus: Corpus, ended: list[bool]) -> None:
    song = corpus.case(_SONGS[0]).path.read_bytes()
    before = set(threading.enumerate())
    for seed in range(6):
        sv.preflight(song)
        sv.preflight(_damaged(song, seed))
    assert ended
    names = []
    for link in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):  # another thread's, which it has closed since
            names.append(os.readlink(link))
    assert not [name for name in names if "memfd:song" in name]
    begun = set(threading.enumerate()) - before
    assert not [thread for thread in begun if thread.name == "soundverse_nb-measure"]


@pytest.mark.parametrize("missing", ["the filters", "files in memory", "descriptors"])
def test_without_the_means_songs_are_decoded_packet_by_packet(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, ended: list[bool], missing: str
) -> None:
    filtergraph._is_possible.cache_clear()
    if missing == "the filters":
        monkeypatch.setattr(av.filter, "filters_available", frozenset({"abuffersink"}))
    elif missing == "files in memory":
        monkeypatch.delattr(os, "memfd_create", raising=False)
    else:
        monkeypatch.setattr(os, "memfd_create", _refused, raising=False)
    try:
        assert sv.preflight(corpus.case(_SONGS[0]).path).ok
    finally:
        filtergraph._is_possible.cache_clear()
    assert ended == []


def _refused(*arguments: Any) -> int:
    raise OSError(24, "Too many open files")


def test_what_the_helper_works_counts_against_the_time_limit() -> None:
    clock = TimeLimit(100.0)
    assert not clock.is_reached()
    clock.helper_seconds = 101.0
    assert clock.is_reached()


def test_a_helper_works_in_order_and_its_failure_is_raised() -> None:
    done: list[int] = []
    with worker_thread.HelperThread(done.append, 10.0, lambda: True) as second:
        for number in range(50):
            second.put(number)
    assert done == list(range(50))

    def fail(number: int) -> None:
        raise ArithmeticError(f"at {number}")

    def hand_over() -> None:
        with worker_thread.HelperThread(fail, 10.0, lambda: True) as second:
            for number in range(50):
                second.put(number)

    with pytest.raises(ArithmeticError, match="at 0"):
        hand_over()


def test_a_helper_ends_where_its_end_is_interrupted(monkeypatch: pytest.MonkeyPatch) -> None:
    second = worker_thread.HelperThread(lambda piece: None, 0.01, lambda: True)

    def interrupted(piece: Any) -> None:
        raise KeyboardInterrupt

    def use() -> None:
        with second:
            monkeypatch.setattr(second._pieces, "put", interrupted)

    with pytest.raises(KeyboardInterrupt):
        use()
    assert second._thread is not None
    second._thread.join(30)
    assert not second._thread.is_alive()


def test_a_piece_put_at_the_last_moment_is_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []
    second = worker_thread.HelperThread(done.append, 0.01, lambda: True)
    get = second._pieces.get
    is_waiting, goes_on = threading.Event(), threading.Event()

    def late(timeout: float) -> Any:
        try:
            return get(timeout=timeout)
        except queue.Empty:
            # Between finding nothing and saying so.
            is_waiting.set()
            assert goes_on.wait(30)
            raise

    monkeypatch.setattr(second._pieces, "get", late)
    put = second._pieces.put

    def last(piece: Any) -> None:
        if piece is None:
            goes_on.set()
        put(piece)

    monkeypatch.setattr(second._pieces, "put", last)
    with second:
        assert is_waiting.wait(30)
        second.put("the last")
    assert done == ["the last"]


def test_where_no_thread_can_be_started_one_does_all(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    song = corpus.case(_SONGS[0]).path.read_bytes()
    expected = _report(song)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert _report(song) == expected


@_MEMORY_FILES
def test_a_song_of_a_second_is_decoded_without_a_graph(
    corpus: Corpus, ended: list[bool], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = corpus.case(_SONGS[0]).path
    monkeypatch.setattr(filtergraph, "_SMALLEST", path.stat().st_size)
    assert sv.preflight(path).audio.duration
    assert ended == []
