"""Out of time the length is not decoded any more: it must still lead to the same verdict."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.decode import base as decoding
from soundverse_nb.audio.decode.base import Decoding, TimeLimit
from soundverse_nb.audio.decode.opening import decode
from tests.audio.songs import file_of, tone
from tests.corpus.build import all_recipes
from tests.corpus.case import Recipe

if TYPE_CHECKING:
    from tests.corpus.fixture import Corpus

pytest_plugins = ["tests.corpus.fixture"]

_LENGTH_RULES = {"too_short", "too_long"}
# At 10 s the cheap lengths of the limits stand, and 12 s songs of every flavour.
_SOUND = [
    recipe
    for recipe in all_recipes()
    if recipe.is_sound
    and (recipe.group == "plain" or (recipe.group == "boundary" and not recipe.name.startswith("3")))
]


class _Time:
    """A clock that the test turns; in place of the `time` module."""

    def __init__(self) -> None:
        self.work = self.wall = 0.0

    def thread_time(self) -> float:
        return self.work

    def monotonic(self) -> float:
        return self.wall


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> _Time:
    turned = _Time()
    monkeypatch.setattr(decoding, "time", turned)
    return turned


@pytest.mark.parametrize(
    ("work", "wall", "is_reached"),
    [
        (0.5, 0.5, False),
        (1.01, 1.01, True),
        (0.4, 1e6, False),  # a busy machine kept it waiting
        (0.6, 5.9, False),
        (0.6, 6.1, True),  # half of the work, and more time than anybody has
    ],
)
def test_work_ends_measuring_and_waiting_hardly_ever(
    clock: _Time, work: float, wall: float, is_reached: bool
) -> None:
    watch = TimeLimit(1.0)
    clock.work, clock.wall = work, wall
    assert watch.is_reached() == is_reached


@pytest.fixture
def no_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Decoding, "out_of_time", lambda self: True)


@pytest.mark.usefixtures("no_time")
@pytest.mark.parametrize("recipe", _SOUND, ids=lambda recipe: recipe.label)
def test_out_of_time_a_sound_song_gets_the_verdict_of_a_full_decode(corpus: Corpus, recipe: Recipe) -> None:
    case = corpus.case(recipe)
    seconds = corpus.true_seconds(case)
    assert seconds is not None
    report = sv.preflight(case.path)
    codes = {problem.code for problem in report.problems}
    warnings = {warning.code for warning in report.warnings}
    assert codes <= _LENGTH_RULES
    assert ("too_short" in codes) == (round(seconds, 6) < 10.0) or "borderline" in warnings
    assert report.audio.heard_seconds is not None
    assert "partly_heard" in warnings or report.audio.heard_seconds >= seconds - 0.001


@pytest.mark.usefixtures("no_time")
def test_out_of_time_a_proven_header_tells_the_length_to_the_sample() -> None:
    song = file_of(tone(30.25), kind="OGG", subtype="VORBIS")
    assert sv.preflight(song).audio.duration == 30.25


@pytest.mark.usefixtures("no_time")
def test_out_of_time_a_header_that_lies_is_not_asked() -> None:
    song = bytearray(file_of(tone(30.0), kind="FLAC"))
    at = song.index(b"fLaC") + 18
    claim = int.from_bytes(song[at : at + 8], "big") >> 36 << 36 | 400 * 44_100
    song[at : at + 8] = claim.to_bytes(8, "big")
    assert sv.preflight(bytes(song)).audio.duration == pytest.approx(30.0, abs=0.2)


def _sized(code: str, content: bytes) -> bytes:
    return bytes.fromhex(code) + struct.pack(">Q", len(content) | 1 << 56) + content


def _number(code: str, value: int) -> bytes:
    return _sized(code, struct.pack(">Q", value))


def matroska(codec: bytes, payload: bytes, count: int, rate: float, private: bytes = b"") -> bytes:
    """Many packets alike, whose time stamps all say much the same."""
    sound = _sized("b5", struct.pack(">d", rate)) + _number("9f", 1) + _number("6264", 8)
    track = (
        _number("d7", 1) + _number("73c5", 1) + _number("83", 2) + _sized("86", codec) + _sized("e1", sound)
    )
    track += _sized("63a2", private) if private else b""
    packet = b"\xa3" + bytes([0x80 | 4 + len(payload)]) + b"\x81\0\0\x80" + payload
    return b"".join(
        [
            _sized("1a45dfa3", _sized("4282", b"matroska") + _number("4287", 4) + _number("4285", 2)),
            bytes.fromhex("18538067") + b"\x01" + b"\xff" * 7,
            _sized("1549a966", _number("2ad7b1", 1_000_000)),
            _sized("1654ae6b", _sized("ae", track)),
            _sized("1f43b675", _number("e7", 0) + packet * count),
        ]
    )


@pytest.mark.usefixtures("no_time")
def test_out_of_time_packets_that_do_not_say_how_long_they_are_count_by_their_bytes() -> None:
    report = sv.preflight(matroska(b"A_PCM/INT/LIT", b"\xf0", 36_000, 3000.0))
    assert report.audio.duration == pytest.approx(12.0, abs=0.01)
    assert "partly_heard" in {warning.code for warning in report.warnings}


def test_when_even_counting_takes_too_long_the_report_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(TimeLimit, "is_reached", lambda self: True)
    report = sv.preflight(matroska(b"A_PCM/INT/LIT", b"\xf0", 60_000, 1.0))
    assert not report.ok or "partly_heard" in {warning.code for warning in report.warnings}


@pytest.mark.parametrize(
    "song",
    [
        b"\xff\xf1\x50\x80\x00\xff\xfc" * 20_000,
        matroska(b"A_AAC", b"\x90", 20_000, 44100.0, b"\x12\x10"),
    ],
    ids=["adts", "matroska"],
)
@pytest.mark.parametrize("is_reached", [True, False])
def test_packets_that_all_fail_are_given_up_soon(
    monkeypatch: pytest.MonkeyPatch, song: bytes, is_reached: bool
) -> None:
    asked = []
    monkeypatch.setattr(TimeLimit, "is_reached", lambda self: asked.append(1) or is_reached)
    report = sv.preflight(song)
    assert [problem.code for problem in report.problems] == ["unreadable"]
    assert len(asked) <= (1 if is_reached else 5000 // 32)


def test_only_so_many_frames_are_kept_at_once() -> None:
    with decode(matroska(b"A_PCM/INT/LIT", b"\xf0", 5000, 3000.0), 1 << 17) as sound:
        assert max(len(piece) for piece in sound.pieces()) <= 1024
        assert sound.frames == 5000
