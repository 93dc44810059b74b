"""Matroska and WebM with clusters missing, doubled or blank are damaged; whole ones are not."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.decode.integrity import Timeline
from tests.audio.songs import RATE, sweep
from tests.corpus.encode import encoded

_OPUS_RATE = 48_000


@cache
def _song(kind: str) -> bytes:
    if kind == "opus.webm":
        return encoded(
            sweep(20.0, _OPUS_RATE), _OPUS_RATE, container="webm", codec="libopus", bit_rate=64_000
        )
    return encoded(sweep(20.0, RATE), RATE, container="matroska", codec="libmp3lame", bit_rate=128_000)


def _codes(song: bytes, *, quick: bool = False) -> set[str]:
    return {problem.code for problem in sv.preflight(song, quick=quick).problems}


# --- Matroska and WebM -----------------------------------------------------------------------------------


class _Webm(NamedTuple):
    """A WebM or Matroska file in pieces."""

    head: bytes
    before: list[bytes]
    clusters: list[bytes]
    behind: list[bytes]

    def of(self, clusters: list[bytes]) -> bytes:
        body = b"".join([*self.before, *clusters, *self.behind])
        return self.head + b"\x18\x53\x80\x67" + (1 << 56 | len(body)).to_bytes(8, "big") + body


def _ebml(data: bytes, at: int) -> tuple[int, int]:
    width = 9 - data[at].bit_length()
    return int.from_bytes(data[at : at + width], "big") & (1 << 7 * width) - 1, at + width


@cache
def _webm(codec: str, cluster_ms: str = "400") -> _Webm:
    rate, container = (_OPUS_RATE, "webm") if codec == "libopus" else (RATE, "matroska")
    song = encoded(
        sweep(20.0, rate), rate, container=container, codec=codec, bit_rate=96_000,
        muxing={"cluster_time_limit": cluster_ms},
    )  # fmt: skip
    start = song.index(b"\x18\x53\x80\x67")
    _, at = _ebml(song, start + 4)
    parts = list[bytes]()
    while at < len(song):
        begin, at = at, at + 9 - song[at].bit_length()
        length, at = _ebml(song, at)
        at += length
        parts.append(song[begin:at])
    are = [part.startswith(b"\x1f\x43\xb6\x75") for part in parts]
    first, last = are.index(True), len(are) - are[::-1].index(True)
    return _Webm(song[:start], parts[:first], parts[first:last], parts[last:])


_Keep = Callable[[list[bytes]], list[bytes]]
_KEPT: dict[str, _Keep] = {
    "one hole": lambda c: c[:20] + c[21:],
    "many holes": lambda c: [part for k, part in enumerate(c) if k % 5 != 3],
    "one repeat": lambda c: c[:20] + c[19:],
    "many repeats": lambda c: [part for k, part in enumerate(c) for _ in range(1 + (k % 5 == 3))],
    "as many holes as repeats": lambda c: [
        part for k, part in enumerate(c) for _ in range({1: 2, 3: 0}.get(k % 5, 1))
    ],
    "two in the wrong order": lambda c: [*c[:20], c[21], c[20], *c[22:]],
    "no beginning": lambda c: c[3:],
    "no end": lambda c: c[:-3],
}


@pytest.mark.parametrize("keep", _KEPT)
@pytest.mark.parametrize("codec", ["libopus", "libmp3lame", "aac"])
def test_clusters_that_are_missing_or_there_twice_are_reported(codec: str, keep: str) -> None:
    song = _webm(codec)
    assert _codes(song.of(song.clusters)) == set()
    for quick in (False, True):
        assert _codes(song.of(_KEPT[keep](song.clusters)), quick=quick) & {"damaged", "truncated"}


def test_holes_of_a_packet_each_add_up() -> None:
    song = _webm("libopus", "1")  # a cluster for each packet
    kept = [part for k, part in enumerate(song.clusters) if k % 40 != 30]
    assert _codes(song.of(song.clusters)) == set()
    assert _codes(song.of(kept)) == {"damaged"}


@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
@pytest.mark.parametrize("share", [0.015, 0.03, 0.045])
@pytest.mark.parametrize("kind", ["opus.webm", "mp3.mkv"])
def test_a_blank_end_of_less_than_a_second_is_reported(kind: str, share: float, filling: bytes) -> None:
    song = _song(kind)
    rest = round(len(song) * share)
    for quick in (False, True):
        assert _codes(song[:-rest] + filling * rest, quick=quick) & {"damaged", "truncated"}


def test_a_recording_whose_last_cluster_is_blank_or_cut_is_damaged() -> None:
    song = _webm("libopus")
    opened = song.head + b"\x18\x53\x80\x67\x01" + b"\xff" * 7 + b"".join([*song.before, *song.clusters[:-1]])
    assert _codes(opened) == set()
    assert _codes(opened[:-3000] + bytes(3000)) == {"damaged"}
    assert _codes(opened[:-3000]) == {"damaged"}
    assert _codes(opened + bytes(3000)) == set()


@pytest.mark.parametrize("codec", ["libopus", "aac", "libmp3lame", "flac", "ac3"])
@pytest.mark.parametrize("seconds", [11.0, 12.345, 13.777])
@pytest.mark.parametrize(
    "options", [{}, {"live": "1"}, {"cues_to_front": "1"}, {"output_ts_offset": "5"}], ids=str
)
def test_a_whole_file_is_sound_whoever_wrote_it(codec: str, seconds: float, options: dict[str, str]) -> None:
    container, rate = ("webm", _OPUS_RATE) if codec == "libopus" else ("matroska", RATE)
    song = encoded(sweep(seconds, rate), rate, container=container, codec=codec, muxing=options)
    assert _codes(song) == set()
    assert _codes(song + bytes(3000)) == set()


@pytest.mark.parametrize("longer", [0.2, 0.8])
def test_a_length_that_was_filled_in_by_the_clock_may_be_a_little_off(longer: float) -> None:
    """As web pages fill it into what a browser recorded, whose own length stays open."""
    song = bytearray(_song("opus.webm"))
    at = song.index(b"\x44\x89\x88") + 3
    struct.pack_into(">d", song, at, struct.unpack_from(">d", song, at)[0] + 1000 * longer)
    assert _codes(bytes(song)) == ({"truncated"} if longer > 0.25 else set())
    size = song.index(b"\x18\x53\x80\x67") + 4
    song[size : size + 8] = b"\x01" + b"\xff" * 7
    assert _codes(bytes(song)) == set()


# --- The sum of jumps ------------------------------------------------------------------------------------


def _fault(begins: Callable[[int], float], count: int = 3000) -> str | None:
    """What a timeline says of pieces of 20 ms, of which number k bears the time begins(k)."""
    timeline = Timeline(0.2)
    for number in range(count):
        timeline.add(begins(number), 0.02)
    return timeline.fault


def test_stamps_that_jitter_or_run_by_another_clock_are_no_faults() -> None:
    assert _fault(lambda k: 0.02 * k) is None
    assert _fault(lambda k: 5.0 + 0.02 * k) is None
    assert _fault(lambda k: 0.02 * k + (0.05 if k % 2 else 0.0)) is None
    assert _fault(lambda k: 0.02 * k + (0.04, 0.02, 0.01, 0.0)[k % 4]) is None
    assert _fault(lambda k: 0.02 * k * 1.0005, 20_000) is None
    assert _fault(lambda k: round(0.02 * k, 2) + k // 500 * 0.001) is None


def test_small_holes_and_repeats_add_up_to_faults() -> None:
    assert _fault(lambda k: 0.02 * k + k // 200 * 0.02) is not None
    assert _fault(lambda k: 0.02 * k - k // 200 * 0.02) is not None
    assert _fault(lambda k: 0.02 * k + (0.4 if k > 1500 else 0.0)) is not None


def test_seams_between_segments_are_no_holes() -> None:
    timeline = Timeline(0.15, seam=0.1, joined=math.inf)
    for number in range(3000):
        timeline.add(0.02 * number + number // 100 * 0.03, 0.02)
    assert timeline.fault is None
    for begins in (0.0, 5000.0, 3.0):  # each another recording
        timeline.add(begins, 0.02)
    assert timeline.fault is None
    timeline.add(5.0, 0.02)
    assert timeline.fault is not None
