"""Of several tracks the one that players play is judged, and said; what is encrypted is called so."""

from __future__ import annotations

import re
import struct
import tempfile
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio.probe.matroska import has_open_sound
from tests.audio.songs import RATE, music
from tests.corpus.encode import encoded, m4a, mp3

_RATE = 32_000


def _two_tracks(container: str, codec: str, *, default: int) -> bytes:
    """A file of two tracks, of 5 and of 12 seconds, of which number `default` is marked as the default."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "song"
        with av.open(str(path), "w", format=container, options={"fflags": "+bitexact"}) as out:
            streams: list[Any] = [out.add_stream(codec, rate=_RATE, layout="mono") for _ in range(2)]
            for stream, seconds in zip(streams, (5, 12), strict=True):
                for second in range(seconds):
                    block = np.ascontiguousarray(music(1.0, 1)[:_RATE].T)
                    frame = av.AudioFrame.from_ndarray(block, format="fltp", layout="mono")
                    frame.sample_rate, frame.pts = _RATE, second * _RATE
                    frame.time_base = Fraction(1, _RATE)
                    out.mux(stream.encode(frame))
                out.mux(stream.encode(None))
        song = bytearray(path.read_bytes())
    # An MP4's flag that a track is enabled, and Matroska's that it is the default one.
    marks = [at.end() + 3 for at in re.finditer(b"tkhd", song)] if container != "matroska" else []
    marks = marks or [at.end() - 1 for at in re.finditer(b"\x88\x81[\0\1]", song)][:2]
    for number, at in enumerate(marks):
        song[at] = song[at] & 0xFE | (number == default)
    return bytes(song)


@pytest.mark.parametrize(("container", "codec"), [("mp4", "aac"), ("mov", "aac"), ("matroska", "libmp3lame")])
@pytest.mark.parametrize(("default", "seconds"), [(0, 5.0), (1, 12.0)])
@pytest.mark.parametrize("quick", [False, True], ids=["decoded", "quick"])
def test_the_track_that_players_play_is_judged_and_named(
    container: str, codec: str, default: int, seconds: float, quick: bool
) -> None:
    report = sv.preflight(_two_tracks(container, codec, default=default), quick=quick)
    assert report.audio.duration == pytest.approx(seconds, abs=0.1)
    assert report.ok == (seconds > 10)
    told = next(warning for warning in report.warnings if warning.code == "several_tracks")
    assert f"2 audio tracks. All this is of track {default + 1}, of " in told.message


def test_a_repaired_copy_holds_the_judged_track_alone(tmp_path: Path) -> None:
    song = _two_tracks("mp4", "aac", default=1)
    copy = sv.repair(song, tmp_path / "copy.mp3")
    assert copy.duration == pytest.approx(12.0, abs=0.1)
    assert "Kept track 2 of 2." in copy.steps
    assert "several_tracks" not in [warning.code for warning in copy.report.warnings]


def test_one_track_beside_a_picture_is_one_track() -> None:
    song = m4a(music(12.0), RATE, with_video=True)
    report = sv.preflight(song)
    assert report.ok
    assert (report.audio.tracks, report.audio.track) == (1, 0)
    assert "several_tracks" not in [warning.code for warning in report.warnings]


# --- Encrypted songs -------------------------------------------------------------------------------------


def _m4p(entry: bytes) -> bytes:
    return m4a(music(12.0), RATE).replace(b"mp4a", entry)


def _protected_wma() -> bytes:
    song = encoded(music(12.0), RATE, container="asf", codec="wmav2", bit_rate=96_000)
    lock = bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e") + struct.pack("<Q", 40) + bytes(16)
    length, count = struct.unpack_from("<QI", song, 16)
    return song[:16] + struct.pack("<QI", length + 40, count + 1) + song[28:30] + lock + song[30:]


def _element(name: int, content: bytes) -> bytes:
    width = (name.bit_length() + 7) // 8
    return name.to_bytes(width, "big") + (len(content) | 1 << 28).to_bytes(4, "big") + content


def _protected_webm() -> bytes:
    """A WebM whose one track says that its content is encrypted."""
    encoding = _element(0x6240, _element(0x5033, b"\1") + _element(0x5035, _element(0x47E1, b"\5")))
    track = (
        _element(0xD7, b"\1") + _element(0x83, b"\2") + _element(0x86, b"A_OPUS") + _element(0x6D80, encoding)
    )
    tracks = _element(0x1654AE6B, _element(0xAE, track))
    return _element(0x1A45DFA3, _element(0x4282, b"webm")) + _element(0x18538067, tracks + bytes(5000))


_LOCKED: dict[str, tuple[Callable[[], bytes], str]] = {
    "m4p": (lambda: _m4p(b"drms"), "FairPlay"),
    "cenc": (lambda: _m4p(b"enca"), "DRM"),
    "aax": (lambda: _m4p(b"aavd"), "Audible"),
    "aa": (lambda: b"\0\0\x40\0\x57\x90\x75\x36" + bytes(range(256)) * 40, "Audible"),
    "wma": (_protected_wma, "Windows Media"),
    "webm": (_protected_webm, "DRM"),
}


@pytest.mark.parametrize("kind", _LOCKED)
@pytest.mark.parametrize("quick", [False, True], ids=["decoded", "quick"])
def test_an_encrypted_song_is_told_as_such(kind: str, quick: bool) -> None:
    make, words = _LOCKED[kind]
    report = sv.preflight(make(), quick=quick)
    assert [problem.code for problem in report.problems] == ["encrypted"]
    assert words in report.problems[0].message
    assert "copy protection" in report.problems[0].hint
    assert sv.preflight_all([make()], progress=False)[0].problems[0].code == "encrypted"


def test_a_track_that_is_only_packed_is_open() -> None:
    encoding = _element(0x6240, _element(0x5034, _element(0x4254, b"\3")))
    locked, packed = _protected_webm(), _element(0x6D80, encoding)
    at = locked.index(b"\x6d\x80")
    assert not has_open_sound(locked)
    assert has_open_sound(locked[:at] + packed)
    assert has_open_sound(b"")


# --- How near a quick look comes -------------------------------------------------------------------------


@pytest.mark.parametrize(("seconds", "checked"), [(9.96, "decoded"), (10.04, "decoded"), (10.2, "header")])
def test_a_quick_look_leaves_what_is_near_a_limit_to_a_decode(seconds: float, checked: str) -> None:
    report = sv.preflight(mp3(music(seconds), RATE), quick=True)
    assert report.checked == checked
    assert report.audio.duration == pytest.approx(seconds, abs=0.001)
    if checked == "decoded":
        assert "near to a limit" in report.notes[0]
    else:
        assert "to within 0.05 s" in str(report)
