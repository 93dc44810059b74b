"""Ogg with Vorbis or Opus: the last page's granule position is the length, where one stream fills the file.

RFC 3533 (Ogg), RFC 7845 (Opus in Ogg), Vorbis I specification, appendix A.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from soundverse_nb.audio.probe import vorbis
from soundverse_nb.audio.probe.checksum import ogg_crc
from soundverse_nb.audio.probe.window import Probed, Untrusted, Window, implausible

LARGEST_PAGE = 27 + 255 + 255 * 255
_CONTINUED, _FIRST, _LAST = 1, 2, 4
_NO_GRANULE = -1
_MOST_HEADER_PAGES = 1000
_LOOK = 1 << 12
_FOLLOWED = 1 << 15
# A file up to this size is followed to its end: only that finds pages that stand in it twice.
_FOLLOWED_WHOLE = 5 << 16
_HEAD = struct.Struct("<5sBqIIIB")
_OPUS_RATE = 48_000


class Page(NamedTuple):
    """One page: where it is, whose it is, and the time at its end in samples."""

    offset: int
    flags: int
    granule: int
    serial: int
    number: int
    checksum: int
    segments: int

    @property
    def is_first(self) -> bool:
        """Whether its stream begins with it."""
        return bool(self.flags & _FIRST)

    @property
    def is_last(self) -> bool:
        """Whether it says that its stream ends with it."""
        return bool(self.flags & _LAST)


class Stream(NamedTuple):
    """The one audio stream, from its first packet.

    `longest` is the most samples a packet can add, `blocks` the sizes of Vorbis's short and long block.
    """

    codec: str
    sample_rate: int
    channels: int
    pre_skip: int
    longest: int
    blocks: tuple[int, int] = (0, 0)


def probe_ogg(window: Window) -> Probed | Untrusted:
    """Last granule position minus pre-skip, where the pages between head and tail are of one stream."""
    window.at(0, _FOLLOWED + LARGEST_PAGE // 8)  # read at once what is looked at piece by piece
    opening = parse_page(window.at(0, 27), 0, 0)
    if opening is None or not opening.flags & _FIRST:
        return Untrusted("The Ogg does not begin with its first page.", "ogg")
    stream = _identify(window.at(27 + opening.segments, 64))
    if isinstance(stream, Untrusted):
        return stream
    absurd = implausible("ogg", stream.sample_rate, stream.channels)
    if absurd is not None:
        return absurd
    found = _first_sound(window, opening)
    if isinstance(found, Untrusted):
        return found
    first, header = found
    if not _starts_at_zero(window, first, header, stream):
        return Untrusted("The Ogg is a piece of a longer stream: its clock does not start at zero.", "ogg")
    last = _last_page(window)
    if last is None:
        return Untrusted("The Ogg ends in the middle of a page, or with something that is no Ogg.", "ogg")
    if last.serial != opening.serial:
        return Untrusted("The Ogg chains several streams, one behind the other.", "ogg")
    if not last.is_last or last.granule == _NO_GRANULE:
        return Untrusted("The Ogg stops without an end mark: it may have been cut.", "ogg")
    if not _is_one_stream(window, first, last, stream):
        return Untrusted("The Ogg's pages do not follow one clock: it is chained, or misses pages.", "ogg")
    samples = last.granule - stream.pre_skip
    if samples <= 0:
        return Untrusted("The Ogg's last page claims no sound.", "ogg")
    return Probed("ogg", stream.codec, stream.sample_rate, stream.channels, samples / stream.sample_rate)


def parse_page(data: bytes, at: int, offset: int) -> Page | None:
    """The page whose header stands at `at` in `data`; `offset` is where that is in the file."""
    if len(data) - at < 27:
        return None
    mark, flags, granule, serial, number, checksum, segments = _HEAD.unpack_from(data, at)
    if mark != b"OggS\0" or flags > 7:
        return None
    return Page(offset, flags, granule, serial, number, checksum, segments)


def _identify(packet: bytes) -> Stream | Untrusted:
    if packet[:7] == b"\x01vorbis" and len(packet) >= 30:
        channels, rate = struct.unpack_from("<BI", packet, 11)
        blocks = 1 << (packet[28] & 15), 1 << (packet[28] >> 4)
        return Stream("vorbis", rate, channels, 0, blocks[1] >> 1, blocks)
    if packet[:8] == b"OpusHead" and len(packet) >= 19:
        return Stream("opus", _OPUS_RATE, packet[9], packet[10] | packet[11] << 8, 5760)
    return Untrusted("The Ogg begins with something else than Vorbis or Opus.", "ogg")


def _lacing(window: Window, page: Page) -> bytes:
    """The lengths of the page's segments; one below 255 ends a packet."""
    return window.at(page.offset + 27, page.segments)


def _first_sound(window: Window, opening: Page) -> tuple[Page, bytes] | Untrusted:
    """The first page that ends a packet of sound, and the end of the header that lies before it.

    Header pages have the granule position 0.
    """
    page: Page | None = opening
    for _ in range(_MOST_HEADER_PAGES):
        if page is None:
            break
        if page.granule not in (0, _NO_GRANULE):
            _start, header = window.tail(vorbis.LIST_BYTES, page.offset)
            return page, header
        size = 27 + page.segments + sum(_lacing(window, page))
        if page.offset < _FOLLOWED and not _is_intact(window.at(page.offset, size), page):
            return Untrusted("The Ogg's header is damaged.", "ogg")
        offset = page.offset + size
        page = parse_page(window.at(offset, 27), 0, offset)
        if page is not None and (page.flags & _FIRST or page.serial != opening.serial):
            return Untrusted("The Ogg carries other streams beside or behind the first.", "ogg")
    return Untrusted("The Ogg's header is incomplete.", "ogg")


def _starts_at_zero(window: Window, first: Page, header: bytes, stream: Stream) -> bool:
    """Whether the first page's packets account for its granule position, no less and no more.

    Where they hold more, the song was cut out of a longer one, and decoders differ on what is to be played.
    """
    lacing = _lacing(window, first)
    if first.granule < 0:
        return False
    body = window.at(first.offset + 27 + len(lacing), sum(lacing))
    samples: int | None
    if stream.codec == "vorbis":
        modes = vorbis.long_blocks(header)
        if modes is None or first.flags & _CONTINUED:
            return False
        samples = vorbis.page_samples(lacing, body, stream.blocks, modes)
    else:
        samples = vorbis.opus_page_samples(lacing, body)
    return samples is not None and (first.granule == samples or (first.granule < samples and first.is_last))


def _is_intact(data: bytes, page: Page) -> bool:
    """Whether the page's own checksum holds for its bytes."""
    return ogg_crc(data[:22] + b"\0\0\0\0" + data[26:]) == page.checksum


def _last_page(window: Window) -> Page | None:
    """The page that ends with the file and whose checksum holds."""
    for reach in (2 * _LOOK, 5 * _LOOK, LARGEST_PAGE):
        start, tail = window.tail(reach)
        at = len(tail)
        while (at := tail.rfind(b"OggS", 0, at)) >= 0:
            page = parse_page(tail, at, start + at)
            if page is not None and at + 27 + page.segments <= len(tail):
                lacing = tail[at + 27 : at + 27 + page.segments]
                if at + 27 + page.segments + sum(lacing) == len(tail):
                    return page if _is_intact(tail[at:], page) else None
    return None


def _is_one_stream(window: Window, first: Page, last: Page, stream: Stream) -> bool:
    """Follow the pages from the first, then look halfway to the last, a quarter of the way and so on.

    Page numbers and clock must rise to the last page's. Halving finds links that share one serial number:
    where a second link starts anywhere between two looks, page numbers start again there and the later
    look shows no larger number than the earlier.
    """
    near = first
    followed = last.offset if window.size <= _FOLLOWED_WHOLE else _FOLLOWED
    if followed > _FOLLOWED:
        window.at(0, _FOLLOWED_WHOLE)  # read at once what is looked at piece by piece
    while near.offset < followed and near.offset < last.offset:
        offset = near.offset + 27 + near.segments + sum(_lacing(window, near))
        page = parse_page(window.at(offset, 27), 0, offset)
        if page is None or page.number != near.number + 1 or not _is_before(near, page, stream):
            return False
        near = page
    later = last
    usual_page = (near.offset - first.offset) // max(1, near.number - first.number)
    look = max(_LOOK, usual_page * 5 // 4)
    reach = (last.offset - near.offset) // 2
    while reach > _FOLLOWED // 2 and later.offset > near.offset:
        page = _page_after(window, near.offset + reach, look, later)
        if page is None or page.flags & _FIRST or not _is_before(page, later, stream):
            return False
        if _misses_pages(page, later, usual_page):
            return False
        later = page
        reach //= 2
    return _is_before(near, later, stream) and not _misses_pages(near, later, usual_page)


def _misses_pages(page: Page, later: Page, usual_page: int) -> bool:
    """Whether the numbers count twice as many pages from one to the other as there is room for."""
    return 2 * (later.offset - page.offset) < (later.number - page.number) * usual_page


def _is_before(page: Page, later: Page, stream: Stream) -> bool:
    """Whether the pages are of one stream and its clock runs from one to the other, no faster than can be."""
    if page.offset == later.offset:
        return True
    if page.serial != later.serial or page.number >= later.number:
        return False
    if page.granule == _NO_GRANULE or later.granule == _NO_GRANULE:
        return True
    most = (later.number - page.number) * 255 * stream.longest
    return page.granule <= later.granule <= page.granule + most


def _page_after(window: Window, offset: int, look: int, limit: Page) -> Page | None:
    """The first page that begins at or behind `offset`, at the latest `limit`; None where none is found.

    `look` is how many bytes to read at first.
    """
    room = limit.offset - offset
    for reach in (look, LARGEST_PAGE):
        data = window.at(offset, min(reach, room))
        at = data.find(b"OggS")
        while at >= 0:
            page = parse_page(data, at, offset + at)
            if page is not None:
                return page
            at = data.find(b"OggS", at + 1)
        if len(data) >= room:
            return limit
    return None
