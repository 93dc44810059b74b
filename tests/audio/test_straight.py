"""Intact songs are decoded in one go, and nobody can tell, but by the clock."""

from __future__ import annotations

import os
import random
import threading
from typing import TYPE_CHECKING, Any

import av
import av.filter
import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio import helper, listen, straight
from soundverse_nb.audio.decode_ffmpeg import FFmpegDecoding
from soundverse_nb.audio.decoding import WorkClock
from tests.audio.songs import RATE, file_of
from tests.corpus.build import all_recipes
from tests.corpus.case import Recipe

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


def _told(song: bytes) -> dict[str, Any]:
    report = sv.preflight(song).model_dump()
    audio = report["audio"]
    # Sums over pieces of another length differ in their last digits.
    for name, value in audio.items():
        if isinstance(value, float):
            audio[name] = pytest.approx(value, rel=1e-4, abs=1e-4)
    return report


@pytest.fixture
def ended(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Of each song that was tried in one go, whether that was enough."""
    found: list[bool] = []
    pieces = straight.StraightDecoding._pieces

    def watched(self: straight.StraightDecoding) -> Any:
        found.append(False)
        yield from pieces(self)
        found[-1] = True

    monkeypatch.setattr(straight.StraightDecoding, "_pieces", watched)
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
    assert _told(path.read_bytes()) == expected
    assert sv.preflight(path).audio.duration == expected["audio"]["duration"]


def _without(monkeypatch: pytest.MonkeyPatch, song: bytes) -> dict[str, Any]:
    with monkeypatch.context() as patch:
        patch.setattr(straight, "_is_possible", lambda: False)
        return _told(song)


@_MEMORY_FILES
@pytest.mark.parametrize("recipe", _SONGS, ids=lambda recipe: recipe.label)
def test_damage_is_found_as_by_decoding_packet_by_packet(
    corpus: Corpus, recipe: Recipe, monkeypatch: pytest.MonkeyPatch, ended: list[bool]
) -> None:
    whole = corpus.case(recipe).path.read_bytes()
    reports = []
    for seed in range(12):
        song = _damaged(whole, seed)
        reports.append(_told(song))
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
    expected = _told(song)
    pull = straight.StraightDecoding._next
    stopped: list[bool] = []

    def interrupt(self: straight.StraightDecoding) -> None:
        os.ftruncate(self._copy, 0)
        stopped.append(True)

    def late(self: straight.StraightDecoding) -> Any:
        while not stopped:
            os.sched_yield()
        return pull(self)

    monkeypatch.setattr(straight.StraightDecoding, "interrupt", interrupt)
    monkeypatch.setattr(straight.StraightDecoding, "_next", late)
    monkeypatch.setattr(listen, "_PATIENCE", 0.01)
    assert _told(song) == expected
    assert ended == [True, False]


@_MEMORY_FILES
def test_no_descriptor_is_left_open(corpus: Corpus) -> None:
    song = corpus.case(_SONGS[0]).path.read_bytes()
    sv.preflight(song)
    before = set(os.listdir("/proc/self/fd"))
    for seed in range(6):
        sv.preflight(song)
        sv.preflight(_damaged(song, seed))
    assert set(os.listdir("/proc/self/fd")) == before


@pytest.mark.parametrize("missing", ["the filters", "files in memory"])
def test_without_the_means_songs_are_decoded_packet_by_packet(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch, ended: list[bool], missing: str
) -> None:
    straight._is_possible.cache_clear()
    if missing == "the filters":
        monkeypatch.setattr(av.filter, "filters_available", frozenset({"abuffersink"}))
    else:
        monkeypatch.delattr(os, "memfd_create", raising=False)
    try:
        assert sv.preflight(corpus.case(_SONGS[0]).path).ok
    finally:
        straight._is_possible.cache_clear()
    assert ended == []


def test_what_the_helper_works_counts_against_the_time_limit() -> None:
    clock = WorkClock(100.0)
    assert not clock.is_up()
    clock.helped = 101.0
    assert clock.is_up()


def test_a_helper_works_in_order_and_its_failure_is_raised() -> None:
    done: list[int] = []
    with helper.Helper(done.append, 10.0, lambda: None) as second:
        for number in range(50):
            second.put(number)
    assert done == list(range(50))

    def fail(number: int) -> None:
        raise ArithmeticError(f"at {number}")

    def hand_over() -> None:
        with helper.Helper(fail, 10.0, lambda: None) as second:
            for number in range(50):
                second.put(number)

    with pytest.raises(ArithmeticError, match="at 0"):
        hand_over()


def test_where_no_thread_can_be_started_one_does_all(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    song = corpus.case(_SONGS[0]).path.read_bytes()
    expected = _told(song)

    def refuse(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", refuse)
    assert _told(song) == expected
