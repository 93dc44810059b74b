"""What the packets of a Vorbis page hold, held against what encoders wrote beside them."""

from __future__ import annotations

import struct
from io import BytesIO

import numpy as np
import pytest
import soundfile

from soundverse_nb.audio.probe import Untrusted, probe, probe_file
from soundverse_nb.audio.probe.vorbis import long_blocks, page_samples
from soundverse_nb.audio.source import open_source
from tests.corpus.encode import by_soundfile, cut_by_copying, tone, vorbis
from tests.corpus.surgery import ogg_pages


def _song(rate: int, channels: int) -> bytes:
    """Clicks in noise, so that blocks of both lengths fill more than a page."""
    noise = np.random.default_rng(5).normal(0, 0.02, (4 * rate, channels))
    return by_soundfile(tone(4.0, rate, channels) + noise.astype(np.float32), rate, "OGG", "VORBIS")


_SONGS = {
    "8 kHz mono": lambda: _song(8000, 1),
    "44.1 kHz stereo": lambda: _song(44_100, 2),
    "48 kHz, six channels": lambda: _song(48_000, 6),
}


@pytest.mark.parametrize("song", _SONGS.values(), ids=_SONGS)
def test_the_first_page_holds_as_many_samples_as_its_clock_says(song) -> None:
    content = song()
    pages = ogg_pages(content)
    clocks = [struct.unpack_from("<q", content, page.start + 6)[0] for page in pages]
    at = next(place for place, clock in enumerate(clocks) if clock > 0)
    first = content[pages[at].start : pages[at].end]
    sizes = 1 << (content[pages[0].start + 28 + 28] & 15), 1 << (content[pages[0].start + 28 + 28] >> 4)
    modes = long_blocks(content[: pages[at].start])
    assert modes is not None
    assert page_samples(first[27 : 27 + first[26]], first[27 + first[26] :], sizes, modes) == clocks[at]


def _header(modes: list[int], before: int = 0) -> bytes:
    """The end of a setup header: noise, the number of modes, their flags, the bit that ends it."""
    value, bits = before, before.bit_length()
    value |= (len(modes) - 1) << bits
    bits += 6
    for flag in modes:
        value |= flag << bits
        bits += 41
    value |= 1 << bits
    return b"\x5a" * 40 + value.to_bytes(bits // 8 + 1, "little")


@pytest.mark.parametrize("modes", [[0], [1], [0, 1], [1, 0], [0, 0, 1], [0, 1, 1, 0] * 4])
def test_the_modes_are_read_from_the_end_of_the_header(modes: list[int]) -> None:
    assert long_blocks(_header(modes, before=0x5A5A5A5A5A5A5A5B)) == tuple(map(bool, modes))


@pytest.mark.parametrize("junk", [b"", b"\0" * 50, b"\xff" * 600, b"\1"])
def test_junk_has_no_modes(junk: bytes) -> None:
    assert long_blocks(junk) is None


def test_a_packet_gives_half_of_its_block_and_half_of_the_one_before() -> None:
    modes = (False, True)
    short, long, header = b"\0", b"\2", b"\1"

    def samples(*packets: bytes) -> int | None:
        return page_samples(bytes(map(len, packets)), b"".join(packets), (256, 2048), modes)

    assert samples(long) == 0
    assert samples(long, long) == 1024
    assert samples(long, short, long) == 576 + 576
    assert samples(long, header) is None
    assert samples(long, b"") is None


def test_a_song_cut_out_of_a_longer_one_is_decoded(tmp_path) -> None:
    """libsndfile plays as long as the clock says, FFmpeg all that the packets hold."""
    path = tmp_path / "cut.ogg"
    path.write_bytes(cut_by_copying(vorbis(tone(20.0, 8000), 8000), 4.0, 14.0))
    assert soundfile.info(path).duration != pytest.approx(10.0, abs=0.001)
    found = probe(open_source(path))
    assert isinstance(found, Untrusted)
    assert "longer stream" in found.reason


def test_a_song_that_misses_most_of_its_pages_is_decoded() -> None:
    """The pages that are left are whole, and their numbers rise."""
    noise = np.random.default_rng(5).normal(0, 0.1, (20 * 44_100, 2)).astype(np.float32)
    song = by_soundfile(noise, 44_100, "OGG", "VORBIS")
    pages = ogg_pages(song)
    assert not isinstance(probe_file(BytesIO(song), len(song)), Untrusted)
    with_hole = song[: pages[len(pages) // 4].start] + song[pages[len(pages) * 9 // 10].start :]
    assert isinstance(probe_file(BytesIO(with_hole), len(with_hole)), Untrusted)
