"""Sound that is missing, or stands there twice, is found; sound that is all there is never called damaged."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache, partial

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.decode.integrity import ogg_page_fault
from soundverse_nb.audio.probe.checksum import crc8, crc16_divides
from soundverse_nb.audio.probe.flac import parse_frame, stream_info
from soundverse_nb.audio.probe.matroska import clock_seconds, matroska_seconds
from tests.audio.songs import RATE, file_of, sweep
from tests.corpus.encode import encoded, m4a, mp3, vorbis
from tests.corpus.surgery import id3v1, ogg_edited, ogg_pages

_OPUS_RATE = 48_000


@cache
def _song(kind: str) -> bytes:
    usual, opus = sweep(20.0, RATE), sweep(20.0, _OPUS_RATE)
    make: dict[str, Callable[[], bytes]] = {
        "vorbis.ogg": lambda: vorbis(usual, RATE),
        "opus.ogg": lambda: encoded(opus, _OPUS_RATE, container="ogg", codec="libopus", bit_rate=64_000),
        "flac.ogg": lambda: encoded(usual, RATE, container="ogg", codec="flac"),
        "flac": lambda: file_of(usual, kind="FLAC"),
        "small.flac": lambda: file_of(sweep(20.0, 8000)[:, :1], rate=8000, kind="FLAC"),
        "opus.webm": lambda: encoded(opus, _OPUS_RATE, container="webm", codec="libopus", bit_rate=64_000),
        "mp3.mkv": lambda: encoded(
            usual, RATE, container="matroska", codec="libmp3lame", bit_rate=128_000
        ),
        "opus.mp4": lambda: encoded(opus, _OPUS_RATE, container="mp4", codec="libopus", bit_rate=64_000),
        "wma": lambda: encoded(usual, RATE, container="asf", codec="wmav2", bit_rate=96_000),
        "tta": lambda: encoded(usual, RATE, container="tta", codec="tta"),
        "mp3": lambda: mp3(usual, RATE),
        "mp3 without a count": lambda: mp3(usual, RATE, xing=False),
        "adts": lambda: encoded(usual, RATE, container="adts", codec="aac", bit_rate=96_000),
        "ac3": lambda: encoded(usual, RATE, container="ac3", codec="ac3", bit_rate=192_000),
        "mp3.avi": lambda: encoded(usual, RATE, container="avi", codec="libmp3lame", bit_rate=128_000),
    }  # fmt: skip
    return make[kind]()


def _zeros_inside(song: bytes) -> bytes:
    a, b = len(song) * 2 // 5, len(song) * 3 // 5
    return song[:a] + bytes(b - a) + song[b:]


def _zeros_behind(song: bytes) -> bytes:
    return song[: len(song) * 3 // 5] + bytes(len(song) * 2 // 5)


def _twice(song: bytes) -> bytes:
    return song[: len(song) * 3 // 5] + song[len(song) * 2 // 5 :]


def _taken_out(song: bytes) -> bytes:
    return song[: len(song) * 2 // 5] + song[len(song) * 3 // 5 :]


_STAMPED = ("vorbis.ogg", "opus.ogg", "flac.ogg", "flac", "small.flac", "opus.webm", "mp3.mkv", "wma")
_BROKEN = [
    *((kind, _twice) for kind in _STAMPED),
    *((kind, _taken_out) for kind in _STAMPED),
    *((kind, _zeros_inside) for kind in (*_STAMPED, "opus.mp4", "tta")),
    *((kind, _zeros_behind) for kind in (*_STAMPED, "mp3", "mp3 without a count", "adts", "ac3", "mp3.avi")),
]


def _codes(song: bytes, *, quick: bool = False) -> set[str]:
    return {problem.code for problem in sv.preflight(song, quick=quick).problems}


@pytest.mark.parametrize(("kind", "bend"), _BROKEN, ids=lambda value: getattr(value, "__name__", value))
def test_what_is_missing_or_stands_there_twice_is_reported(kind: str, bend: Callable[[bytes], bytes]) -> None:
    assert _codes(_song(kind)) == set()
    assert _codes(bend(_song(kind))) & {"damaged", "truncated"}


@pytest.mark.parametrize("kind", ["opus.ogg", "small.flac", "opus.webm", "mp3 without a count"])
def test_a_quick_look_at_a_small_file_finds_it_too(kind: str) -> None:
    bend = _twice if kind != "mp3 without a count" else _zeros_behind
    assert sv.preflight(_song(kind), quick=True).ok
    assert _codes(bend(_song(kind)), quick=True) & {"damaged", "truncated"}


def test_an_mp3_that_ends_in_zeros_does_not_pass_for_what_its_header_counts() -> None:
    assert _codes(_zeros_behind(_song("mp3")), quick=True) == {"damaged"}


@pytest.mark.parametrize("kind", ["mp3", "mp3 without a count", "adts", "ac3", "wma"])
@pytest.mark.parametrize("tag", [b"", id3v1()], ids=["bare", "tagged"])
def test_a_few_zeros_behind_a_song_are_no_damage(kind: str, tag: bytes) -> None:
    assert _codes(_song(kind) + bytes(4000) + tag) == set()


@pytest.mark.parametrize("kind", ["mp3", "mp3 without a count", "adts", "ac3"])
@pytest.mark.parametrize("filling", [b"\0", b"\xff"])
def test_a_blank_end_of_half_a_second_is_damage(kind: str, filling: bytes) -> None:
    rest = len(_song(kind)) // 35
    assert _codes(_song(kind)[:-rest] + filling * rest) & {"damaged", "truncated"}


def test_zeros_behind_an_mp3_that_holds_all_that_it_counts_are_no_damage() -> None:
    assert _codes(_song("mp3") + bytes(200_000)) == set()


def test_a_webm_that_says_no_length_ends_where_it_ends() -> None:
    song = encoded(
        sweep(12.0, _OPUS_RATE), _OPUS_RATE, container="webm", codec="libopus", muxing={"live": "1"}
    )
    assert matroska_seconds(io.BytesIO(song)) is None
    assert _codes(song) == set()
    assert matroska_seconds(io.BytesIO(_song("opus.webm"))) == pytest.approx(20.0, abs=0.05)


@pytest.mark.parametrize("junk", [b"", b"\x1aE\xdf\xa3", b"\x1aE\xdf\xa3" + b"\xff" * 60, bytes(100)])
def test_a_scrap_of_matroska_announces_nothing(junk: bytes) -> None:
    assert matroska_seconds(io.BytesIO(junk)) is None


@pytest.mark.parametrize(
    ("text", "seconds"), [("00:00:20.008000000", 20.008), ("01:02:03", 3723.0), ("20", None), ("", None)]
)
def test_the_length_in_a_tracks_tag_is_read(text: str, seconds: float | None) -> None:
    assert clock_seconds(text) == seconds


# --- Songs that are all there ----------------------------------------------------------------------------


def _renumbered(song: bytes, add: int) -> bytes:
    """The same Ogg, whose pages of sound bear numbers larger by so much."""
    edited = bytearray(song)
    for page in ogg_pages(song):
        granule, number = struct.unpack_from("<q", edited, page.start + 6)[0], page.start + 18
        if granule:
            struct.pack_into("<I", edited, number, struct.unpack_from("<I", edited, number)[0] + add)
    return ogg_edited(bytes(edited))


@pytest.mark.parametrize("kind", ["vorbis.ogg", "opus.ogg", "flac.ogg"])
@pytest.mark.parametrize("number", [0, 500], ids=["numbered from the start", "numbered from elsewhere"])
def test_a_recording_may_begin_in_the_middle_of_a_stream(kind: str, number: int) -> None:
    later = ogg_edited(_song(kind), add_to_granules=1000 * RATE)
    assert _codes(_renumbered(later, number)) == set()


def test_time_stamps_that_lead_and_lag_are_no_holes() -> None:
    """As in Vorbis at its lowest quality, whose long blocks last 90 ms: each page's time is a bit off."""
    song = _song("vorbis.ogg")
    edited = bytearray(song)
    for index, page in enumerate(ogg_pages(song)[3:-1]):
        granule = struct.unpack_from("<q", edited, page.start + 6)[0]
        struct.pack_into("<q", edited, page.start + 6, granule + (900 if index % 2 else -900))
    report = sv.preflight(ogg_edited(bytes(edited)))
    assert report.ok
    assert report.audio.duration == pytest.approx(20.0, abs=0.05)


@pytest.mark.parametrize("link", [_song, partial(ogg_edited, serial=9)], ids=["one serial", "two"])
def test_the_links_of_a_chain_are_no_repeats(link: Callable[..., bytes]) -> None:
    song = _song("vorbis.ogg")
    second = ogg_edited(song, serial=9) if link is not _song else song
    assert ogg_page_fault(io.BytesIO(song + second)) is None


@pytest.mark.parametrize("between", [b"", bytes(1000), id3v1(), b"OggS" + b"\xff" * 40])
def test_what_stands_between_pages_that_count_on_is_no_damage(between: bytes) -> None:
    song = _song("opus.ogg")
    at = ogg_pages(song)[5].start
    assert ogg_page_fault(io.BytesIO(song[:at] + between + song[at:])) is None


@pytest.mark.parametrize("page", [5, -1])
def test_a_page_whose_checksum_is_wrong_is_missing(page: int) -> None:
    song = bytearray(_song("opus.ogg"))
    song[ogg_pages(bytes(song))[page].end - 20] ^= 1
    assert ogg_page_fault(io.BytesIO(bytes(song))) is not None


def _crc16(frame: bytes) -> bytes:
    """The two bytes that end a FLAC frame (RFC 9639, section 9.3)."""
    rest = 0
    for byte in frame:
        rest ^= byte << 8
        for _ in range(8):
            rest = (rest << 1 ^ (0x18005 if rest & 0x8000 else 0)) & 0xFFFF
    tail = rest.to_bytes(2, "big")
    assert crc16_divides(frame + tail)
    return tail


def _numbered(song: bytes, number: Callable[[int, int], int]) -> bytes:
    """The same FLAC, whose frame k that begins with sample s bears number(k, s) below 128."""
    info = stream_info(song[8:])
    starts = []
    at = song.index(b"\xff\xf8", 42)
    while at >= 0:
        if parse_frame(song[at : at + 16], info) is not None:
            starts.append(at)
        at = song.find(b"\xff\xf8", at + 1)
    made, sample = song[: starts[0]], 0
    for index, (start, end) in enumerate(zip(starts, [*starts[1:], len(song)], strict=True)):
        frame = parse_frame(song[start : start + 16], info)
        assert frame is not None
        header = song[start : start + 4] + bytes([number(index, sample)])
        more = 2 if song[start + 2] >> 4 == 7 else 1 if song[start + 2] >> 4 == 6 else 0
        header += song[start + 5 : start + 5 + more]
        body = header + bytes([crc8(header)]) + song[start + 6 + more : end - 2]
        made += body + _crc16(body)
        sample += frame.length
    return made


def test_flac_may_count_its_frames_however_long_they_are() -> None:
    short = file_of(sweep(11.0, 8000)[:, :1], rate=8000, kind="FLAC")
    same = _numbered(short, lambda index, sample: index)
    assert same == short
    # As of encoders that vary the length of their blocks, and name a longest one that few of them have.
    head = bytearray(short)
    head[10:12] = (4608 * 2).to_bytes(2, "big")
    report = sv.preflight(bytes(head))
    assert report.ok
    assert report.audio.duration == 11.0
    assert _codes(_numbered(short, lambda index, sample: index + (index > 8))) == {"damaged"}
    assert _codes(_numbered(short, lambda index, sample: index - 2 * (index > 8))) == {"damaged"}


@pytest.mark.parametrize("early", [10, 30, 60, 92, 120])
def test_an_edit_list_may_end_before_the_sound_does(early: int) -> None:
    song = bytearray(m4a(sweep(12.0, RATE), RATE))
    at = song.index(b"elst") + 12
    (length,) = struct.unpack_from(">I", song, at)
    scale = struct.unpack_from(">I", song, song.index(b"mvhd") + 16)[0]
    struct.pack_into(">I", song, at, length - early * scale // 1000)
    decoded, quick = sv.preflight(bytes(song)), sv.preflight(bytes(song), quick=True)
    assert decoded.ok
    assert decoded.audio.duration == pytest.approx(12.0 - early / 1000, abs=0.024)  # to the packet's end
    assert quick.ok
    assert quick.audio.duration == pytest.approx(decoded.audio.duration, abs=1e-6)


@pytest.mark.parametrize("milliseconds", ["2.5", "5", "10", "20", "40", "60"])
@pytest.mark.parametrize("container", ["ogg", "webm"])
def test_opus_may_be_in_frames_of_any_length(milliseconds: str, container: str) -> None:
    song = encoded(
        sweep(11.0, _OPUS_RATE),
        _OPUS_RATE,
        container=container,
        codec="libopus",
        bit_rate=64_000,
        coding={"frame_duration": milliseconds, "application": "audio"},
    )
    assert _codes(song) == set()


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 96000])
@pytest.mark.parametrize("block", ["192", "576", "1152", "4096", "16384"])
def test_flac_may_be_in_blocks_of_any_length(rate: int, block: str) -> None:
    song = encoded(sweep(11.0, rate), rate, container="flac", codec="flac", coding={"frame_size": block})
    report = sv.preflight(song)
    assert report.ok
    assert report.audio.duration == pytest.approx(11.0, abs=1e-6)
