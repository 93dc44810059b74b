"""Songs behind bytes that do not belong to them, and old formats that look like samples."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.audio.probe.lead import lead_bytes
from soundverse_nb.audio.probe.window import Window
from tests.audio.songs import RATE, file_of, tone

SONGS = {
    "flac": file_of(tone(12.0), kind="FLAC"),
    "ogg": file_of(tone(12.0), kind="OGG", subtype="VORBIS"),
}
_TAG = b"ID3\4\0\0\0\0\1\0" + bytes(128)
LEADS = {
    "a byte": b"\n",
    "a byte order mark": b"\xef\xbb\xbf",
    "a web answer's header": b"HTTP/1.1 200 OK\r\nContent-Type: audio/ogg\r\n\r\n",
    "zeros": bytes(5000),
    "a tag and zeros": _TAG + bytes(700),
    "what looks like a frame of MP3": b"\xff\xfb\0\0" + b"\xff\xe0" * 30,
    "the words that are looked for": b"- OggS\0\2 fLaC OggS fLaC\0\0\0\x22 " * 40,
}


def lead_of(data: bytes) -> int:
    return lead_bytes(Window(io.BytesIO(data), len(data)))


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize("lead", LEADS)
@pytest.mark.parametrize("kind", SONGS)
def test_a_song_behind_other_bytes_is_found_and_reported(kind: str, lead: str, quick: bool) -> None:
    report = sv.preflight(LEADS[lead] + SONGS[kind], quick=quick)
    assert report.ok
    assert report.audio.duration == pytest.approx(12.0)
    assert report.audio.format == kind
    assert [warning.code for warning in report.warnings] == ["lead_bytes"]
    assert report.warnings[0].value == len(LEADS[lead])
    assert report.checked == ("header" if quick else "decoded")


@pytest.mark.parametrize("kind", SONGS)
def test_repair_leaves_them_out_and_touches_nothing_else(kind: str, tmp_path: Path) -> None:
    song = tmp_path / f"song.{kind}"
    song.write_bytes(LEADS["zeros"] + SONGS[kind])
    done = sv.repair(song)
    assert done.path.read_bytes() == SONGS[kind]
    assert done.report.warnings == ()
    assert sv.Clip(song).duration == pytest.approx(12.0)


def test_a_cut_song_behind_other_bytes_is_still_cut() -> None:
    data = b"\xef\xbb\xbf" + SONGS["ogg"]
    assert "truncated" in [problem.code for problem in sv.preflight(data[: len(data) // 2 + 11]).problems]


def test_songs_that_begin_as_songs_do_have_no_lead() -> None:
    wav, mp3 = file_of(tone(1.0)), encode_mp3(tone(1.0).T, RATE, 64)
    for data in (*SONGS.values(), wav, mp3, _TAG + mp3, _TAG + SONGS["flac"], wav + SONGS["ogg"]):
        assert lead_of(data) == 0
    assert lead_of(_TAG + SONGS["ogg"]) == len(_TAG)


def test_a_song_far_behind_is_none() -> None:
    assert lead_of(b"x" * 300_000 + SONGS["ogg"]) == 0
    assert lead_of(b"") == lead_of(b"Ogg") == lead_of(b"xOggS") == lead_of(b"xfLaC") == 0


def _inside_wav(content: bytes) -> bytes:
    song = file_of(tone(12.0))
    at = song.index(b"data") + 8
    return song[:at] + content + song[at + len(content) :]


_OLD = b"wvpk" + struct.pack("<IHH", 100_000, 3, 0)


@pytest.mark.parametrize("quick", [False, True])
@pytest.mark.parametrize(
    ("data", "words"),
    [
        (_inside_wav(_OLD), "WavPack"),
        (_OLD + bytes(range(256)) * 400, "WavPack"),
        (_inside_wav((b"\xfe\x7f\x01\x80" + bytes(range(1, 253)) * 8) * 20), "DTS"),
        (_inside_wav((b"\x72\xf8\x1f\x4e" + bytes(range(1, 253)) * 24) * 20), "AC-3"),
    ],
    ids=["WavPack 3", "WavPack 3 without WAV", "DTS", "IEC 61937"],
)
def test_what_would_be_heard_as_noise_is_refused_by_its_name(data: bytes, words: str, quick: bool) -> None:
    report = sv.preflight(data, quick=quick)
    assert [problem.code for problem in report.problems] == ["unreadable"]
    assert words in report.problems[0].message
    assert report.problems[0].hint


def test_loud_samples_are_no_stream_for_a_receiver() -> None:
    square = _inside_wav((b"\xfe\x7f\x01\x80" * 50 + b"\x01\x80\xfe\x7f" * 50) * 40)
    assert sv.preflight(square).ok
