"""Whether an Ogg's pages stand one behind the other: each bears its stream's next number (RFC 3533, 6).

That is what Ogg's own tools complain of. Time stamps are no such sign: where Vorbis changes between long and
short blocks they lead and lag by some hundredths of a second, and a recording may begin at any time.
"""

from __future__ import annotations

from typing import BinaryIO, NamedTuple

from soundverse_nb.audio.probe.checksum import ogg_crc
from soundverse_nb.audio.probe.ogg import Page, parse_page

_MOST_BYTES = 1 << 28


class _Seen(NamedTuple):
    """The last page of a stream: its number, and whether it was still part of the header."""

    number: int
    is_header: bool


def fault_of_pages(stream: BinaryIO, begin: int = 0, end: int | None = None) -> str | None:
    """What is missing or stands there twice, in a few words; None where all is in its place."""
    stream.seek(begin)
    data = stream.read(min(_MOST_BYTES, _MOST_BYTES if end is None else end - begin))
    seen: dict[int, _Seen] = {}
    spoiled: Page | None = None
    at = data.find(b"OggS")
    while at >= 0:
        page = parse_page(data, at, at)
        length = _length(data, at, page) if page is not None else 0
        if page is None or not length or not _is_intact(data[at : at + length], page):
            # Decoders pass over it. If it was a page, the next one's number tells.
            spoiled = page if length else spoiled
            at = data.find(b"OggS", at + 1)
            continue
        fault = _fault(page, seen.get(page.serial))
        if fault is not None:
            return fault
        spoiled = None
        seen[page.serial] = _Seen(page.number, page.granule == 0)
        at = at + length if data.startswith(b"OggS", at + length) else data.find(b"OggS", at + length)
    if spoiled is not None and spoiled.serial in seen:
        return f"its page {spoiled.number:,} is damaged"
    return None


def _length(data: bytes, at: int, page: Page) -> int:
    """Bytes of the page at `at`, 0 where it is not there to its end."""
    length = 27 + page.segments + sum(data[at + 27 : at + 27 + page.segments])
    return length if at + length <= len(data) else 0


def _is_intact(data: bytes, page: Page) -> bool:
    return ogg_crc(data[:22] + b"\0\0\0\0" + data[26:]) == page.checksum


def _fault(page: Page, before: _Seen | None) -> str | None:
    if before is None or page.is_first:
        return None
    expected = before.number + 1 & 0xFFFFFFFF
    # A recording that begins in the middle of a stream has its header, and then whatever number came.
    if page.number == expected or (before.is_header and page.number > expected):
        return None
    if page.number < expected:
        return f"behind its page {before.number:,} stands page {page.number:,} again"
    return f"behind its page {before.number:,} {page.number - expected:,} pages are missing"
