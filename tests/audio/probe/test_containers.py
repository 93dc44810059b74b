"""Where a header is believed and where not, container by container, on bytes made for the purpose."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from functools import cache

import pytest

from soundverse_nb.audio.probe import Probed, Untrusted, probe, probe_file
from tests.corpus import surgery
from tests.corpus.encode import by_soundfile, encoded, m4a, mp3, tone, vorbis
from tests.corpus.plain import raw
from tests.corpus.surgery import chunk, id3v2, ogg_edited, ogg_pages, wav

_SOUND = raw(tone(1.0, 8000))


def _probe(content: bytes) -> Probed | Untrusted:
    return probe_file(io.BytesIO(content), len(content))


@cache
def _song(kind: str) -> bytes:
    low = tone(6.0, 8000)
    makers: dict[str, Callable[[], bytes]] = {
        "flac": lambda: by_soundfile(low, 8000, "FLAC", "PCM_16"),
        "aiff": lambda: by_soundfile(low, 8000, "AIFF", "PCM_16"),
        "ogg": lambda: vorbis(low, 8000),
        "opus": lambda: encoded(low, 8000, container="ogg", codec="libopus", bit_rate=24_000),
        "mp3": lambda: mp3(tone(6.0, 44_100), 44_100),
        "mp3 without header": lambda: mp3(tone(6.0, 44_100), 44_100, xing=False),
        "m4a": lambda: m4a(tone(6.0, 44_100), 44_100),
    }
    return makers[kind]()


class TestWav:
    def test_rate_channels_and_codec_are_read(self) -> None:
        stereo = wav(_SOUND, rate=4000, channels=2)
        assert _probe(stereo) == Probed("wav", "pcm_s16le", 4000, 2, 1.0)

    @pytest.mark.parametrize(
        "content",
        [
            wav(_SOUND, data_size=0),
            wav(_SOUND, data_size=0xFFFFFFFF),
            wav(_SOUND, data_size=len(_SOUND) + 2),
            wav(_SOUND, data_size=len(_SOUND) - 400),
            wav(_SOUND, tag=0x55),
            wav(_SOUND, rate=0),
            wav(_SOUND, channels=200),
            wav(_SOUND, bits=12),
            wav(_SOUND) + chunk(b"data", _SOUND),
            wav(_SOUND)[:30],
            b"RIFF\0\0\0\0WAVE" + chunk(b"data", _SOUND) + chunk(b"fmt ", b"\1\0" * 8),
        ],
        ids=[
            "streamed", "streamed-by-all-ones", "claims-more", "claims-less", "mp3-inside", "no-rate",
            "200-channels", "12-bit", "two-data-chunks", "cut-in-the-format", "samples-first",
        ],
    )  # fmt: skip
    def test_a_header_that_contradicts_itself_or_the_file_is_not_believed(self, content: bytes) -> None:
        assert isinstance(_probe(content), Untrusted)

    def test_a_missing_last_padding_byte_does_not_matter(self) -> None:
        odd = wav(_SOUND + b"\0", bits=8, rate=16_000)
        assert odd.endswith(b"\0")
        assert _probe(odd[:-1]) == _probe(odd)


class TestAiff:
    @pytest.mark.parametrize("frames", [0, 1, 47_999, 48_001, 0xFFFFFFFF])
    def test_a_frame_count_must_fill_the_sound_chunk(self, frames: int) -> None:
        assert isinstance(_probe(_song("aiff")), Probed)
        assert isinstance(_probe(surgery.aiff_claiming(_song("aiff"), frames)), Untrusted)

    @pytest.mark.parametrize("rate", [b"\x7f\xff" + b"\xff" * 8, b"\0" * 10, b"\x40\x0b\xfa\0\x80\0\0\0\0\0"])
    def test_a_rate_that_is_no_ordinary_number_is_not_believed(self, rate: bytes) -> None:
        song = _song("aiff")
        at = song.index(b"COMM") + 16
        assert isinstance(_probe(song[:at] + rate + song[at + 10 :]), Untrusted)


class TestFlac:
    @pytest.mark.parametrize("cut", [1, 2, 100, 1000])
    def test_a_last_frame_must_be_whole(self, cut: int) -> None:
        answer = _probe(_song("flac")[:-cut])
        assert isinstance(answer, Untrusted)
        assert "middle of a frame" in answer.reason

    @pytest.mark.parametrize("total", [1, 47_999, 48_001, 1 << 35])
    def test_a_claim_must_be_the_last_frames(self, total: int) -> None:
        answer = _probe(surgery.flac_claiming(_song("flac"), total))
        assert isinstance(answer, Untrusted)
        assert "last frame" in answer.reason

    def test_streamed_files_are_called_so(self) -> None:
        answer = _probe(surgery.flac_claiming(_song("flac"), 0))
        assert isinstance(answer, Untrusted)
        assert "streamed" in answer.reason

    @pytest.mark.parametrize("copies", [2, 3, 4])
    def test_songs_behind_one_another_are_seen(self, copies: int) -> None:
        assert isinstance(_probe(_song("flac") * copies), Untrusted)

    def test_another_rate_in_the_frames_is_seen(self) -> None:
        song = bytearray(_song("flac"))
        at = song.index(b"fLaC") + 8 + 10
        packed = int.from_bytes(song[at : at + 8], "big")
        song[at : at + 8] = (packed & (1 << 44) - 1 | 16_000 << 44).to_bytes(8, "big")
        assert isinstance(_probe(bytes(song)), Untrusted)


class TestOgg:
    @pytest.mark.parametrize("kind", ["ogg", "opus"])
    def test_a_forged_last_page_is_seen_even_with_its_checksum_right(self, kind: str) -> None:
        assert isinstance(_probe(_song(kind)), Probed)
        assert isinstance(_probe(ogg_edited(_song(kind), last_granule=48_000 * 400)), Untrusted)

    @pytest.mark.parametrize("kind", ["ogg", "opus"])
    @pytest.mark.parametrize("serials", [(1, 2), (1, 1), (1, 2, 1)])
    def test_chains_are_seen_with_and_without_numbers_of_their_own(
        self, kind: str, serials: tuple[int, ...]
    ) -> None:
        chain = b"".join(ogg_edited(_song(kind), serial=serial) for serial in serials)
        assert isinstance(_probe(chain), Untrusted)

    def test_a_missing_page_in_the_middle_is_seen_near_the_head(self) -> None:
        pages = ogg_pages(_song("opus"))
        gone = pages[len(pages) // 2]
        assert isinstance(_probe(_song("opus")[: gone.start] + _song("opus")[gone.end :]), Untrusted)

    @pytest.mark.parametrize("kind", ["ogg", "opus"])
    def test_a_stream_joined_late_is_no_whole_song(self, kind: str) -> None:
        assert isinstance(_probe(ogg_edited(_song(kind), add_to_granules=1_000_000)), Untrusted)

    def test_rubbish_behind_the_last_page_is_seen(self) -> None:
        assert isinstance(_probe(_song("ogg") + b"rubbish"), Untrusted)


class TestMp3:
    def test_an_intact_header_is_believed_without_a_walk(self) -> None:
        """The frames but the last are wiped out; only the encoder's header is left to ask.

        Where the last is gone, too, the file is a download that was never filled in.
        """
        song = _song("mp3")
        start = song.index(b"\xff\xfb")
        wiped = song[: start + 600] + b"\0" * (len(song) - start - 1000) + song[-400:]
        emptied = song[: start + 600] + b"\0" * (len(song) - start - 600)
        assert isinstance(_probe(emptied), Untrusted)
        assert _probe(wiped) == _probe(song)

    @pytest.mark.parametrize("frames", [0, 1, 229, 232, 100_000])
    def test_a_forged_number_of_frames_is_seen(self, frames: int) -> None:
        assert isinstance(_probe(surgery.mp3_claiming(_song("mp3"), frames)), Untrusted)

    def test_delay_and_padding_are_cut_off_as_decoders_do(self) -> None:
        answer = _probe(_song("mp3"))
        assert isinstance(answer, Probed)
        assert answer.duration == 6.0

    def test_a_constant_bitrate_is_counted_without_reading_it_all(self) -> None:
        class Counting(io.BytesIO):
            taken = 0

            def read(self, size: int | None = -1, /) -> bytes:
                data = super().read(size)
                self.taken += len(data)
                return data

        song = mp3(tone(30.0, 44_100), 44_100, xing=False, bit_rate=320_000)
        file = Counting(song)
        answer = probe_file(file, len(song))
        assert isinstance(answer, Probed)
        assert answer.duration == pytest.approx(30.0, abs=0.06)
        assert file.taken < len(song) / 10

    def test_another_bitrate_in_the_middle_is_counted(self) -> None:
        first = _song("mp3 without header")
        second = mp3(tone(2.0, 44_100), 44_100, xing=False, bit_rate=96_000)
        whole = _probe(first + second + first)
        parts = [_probe(part) for part in (first, second, first)]
        assert isinstance(whole, Probed)
        assert whole.duration == pytest.approx(sum(p.duration for p in parts if isinstance(p, Probed)))

    @pytest.mark.parametrize("at", [0.3, 0.5, 0.9])
    def test_rubbish_between_the_frames_is_seen(self, at: float) -> None:
        song = _song("mp3 without header")
        place = int(len(song) * at)
        assert isinstance(_probe(song[:place] + b"rubbish" * 20 + song[place:]), Untrusted)

    def test_a_free_format_frame_has_no_known_length(self) -> None:
        assert isinstance(_probe(b"\xff\xfb\x00\x64" + b"\0" * 5000), Untrusted)

    def test_zeros_between_tag_and_sound_are_passed_over(self) -> None:
        song = _song("mp3 without header")
        assert _probe(id3v2(50) + b"\0" * 3000 + song) == _probe(song)


class TestMp4:
    @pytest.mark.parametrize("factor", [0.25, 0.9, 1.1, 20])
    def test_a_claimed_length_must_be_the_tables(self, factor: float) -> None:
        assert isinstance(_probe(_song("m4a")), Probed)
        assert isinstance(_probe(surgery.mp4_claiming(_song("m4a"), factor)), Untrusted)

    def test_a_table_with_a_clock_of_its_own_is_not_believed(self) -> None:
        """Twice the time a packet, everywhere alike: only the codec tells that it cannot be."""
        song = bytearray(surgery.mp4_claiming(_song("m4a"), 2))
        at = song.index(b"stts") + 12
        count, step = struct.unpack_from(">II", song, at)
        struct.pack_into(">II", song, at, count, step * 2)
        assert isinstance(_probe(bytes(song)), Untrusted)

    @pytest.mark.parametrize("front", [False, True])
    def test_missing_sound_is_seen(self, front: bool) -> None:
        muxing = {"movflags": "faststart"} if front else {}
        song = m4a(tone(2.0, 44_100), 44_100, muxing=muxing)
        assert isinstance(_probe(song[:-10]), Untrusted)


class TestAnything:
    @pytest.mark.parametrize(
        ("content", "format_name"),
        [
            (b"\x1aE\xdf\xa3" + b"\0" * 50, "matroska"),
            (bytes.fromhex("3026b2758e66cf11") + b"\0" * 50, "asf"),
            (b"\xff\xf1\x50\x80" + b"\0" * 50, "adts"),
            (surgery.png(), "png"),
            (b"no music", None),
            (b"", None),
            (b"\xff", None),
        ],
    )
    def test_what_cannot_be_probed_is_named_where_it_is_known(
        self, content: bytes, format_name: str | None
    ) -> None:
        answer = _probe(content)
        assert isinstance(answer, Untrusted)
        assert answer.format == format_name

    def test_a_file_that_cannot_be_read_is_left_to_the_decoder(self) -> None:
        class Broken(io.BytesIO):
            def read(self, size: int | None = -1, /) -> bytes:
                raise RuntimeError("no")

        assert isinstance(probe_file(Broken(b"RIFF"), 4), Untrusted)

    def test_a_file_that_shrank_since_it_was_measured_is_not_believed(self) -> None:
        for kind in ("flac", "ogg", "opus", "mp3 without header", "m4a"):
            content = _song(kind)
            half = io.BytesIO(content[: len(content) // 2])
            assert isinstance(probe_file(half, len(content)), Untrusted), kind

    def test_samples_have_no_header(self) -> None:
        class Samples:
            size_bytes = None

            def open(self) -> io.BytesIO:
                raise AssertionError("there is nothing to open")

        assert isinstance(probe(Samples()), Untrusted)
