"""Lead: bytes in front of an Ogg or FLAC song that do not belong to it, and that players pass over.

An Ogg page has a checksum, and a FLAC begins with a block of which nearly everything is known, so both can be
found behind something else: a byte order mark, the header of a web answer, zeros of a download manager.
"""

from __future__ import annotations

from soundverse_nb.audio.probe.checksum import ogg_crc
from soundverse_nb.audio.probe.flac import stream_info
from soundverse_nb.audio.probe.ogg import parse_page
from soundverse_nb.audio.probe.tags import after_id3
from soundverse_nb.audio.probe.window import Window, implausible
from soundverse_nb.filetype import WEAK, file_type
from soundverse_nb.mpeg_audio import frame_kind

# So far FFmpeg's own demuxers look for the next page of an Ogg, four times.
_MOST_LEAD = 1 << 18
_LARGEST_PAGE = 27 + 255 + 255 * 255
_FIRST_PAGE = 2
_STREAMINFO_BYTES = 42
_MOST_BLOCKS = 200


def lead_bytes(window: Window) -> int:
    """How many bytes stand before an Ogg or FLAC song; 0 for every file that begins as files do.

    A tag in front of an Ogg counts as such bytes; in front of a FLAC it is what decoders know.
    """
    begin, head = 0, window.at(0, 64)
    name = file_type(head)
    if name == "id3":
        begin = after_id3(window)
        head = window.at(begin, 64)
        name = file_type(head)
    if name == "ogg":
        return begin
    if name is not None and not (name in WEAK and frame_kind(head) is None):
        return 0
    data = window.at(begin, _MOST_LEAD)
    found = _first_page(window, data, begin), _first_block(window, data, begin)
    places = [at for at in found if at is not None]
    return begin + min(places) if places else 0


def _first_page(window: Window, data: bytes, begin: int) -> int | None:
    at = data.find(b"OggS")
    while at >= 0:
        page = parse_page(data, at, begin + at)
        if page is not None and page.flags & _FIRST_PAGE:
            whole = window.at(begin + at, _LARGEST_PAGE)
            lacing = whole[27 : 27 + page.segments]
            size = 27 + len(lacing) + sum(lacing)
            if len(whole) >= size and ogg_crc(whole[:22] + bytes(4) + whole[26:size]) == page.checksum:
                return at
        at = data.find(b"OggS", at + 1)
    return None


def _first_block(window: Window, data: bytes, begin: int) -> int | None:
    at = data.find(b"fLaC")
    while at >= 0:
        head = data[at : at + _STREAMINFO_BYTES]
        if len(head) == _STREAMINFO_BYTES and not head[4] & 0x7F and head[5:8] == b"\0\0\x22":
            info = stream_info(head[8:])
            is_plausible = implausible("flac", info.sample_rate, info.channels) is None
            if is_plausible and _leads_to_a_frame(window, begin + at + 4):
                return at
        at = data.find(b"fLaC", at + 1)
    return None


def _leads_to_a_frame(window: Window, offset: int) -> bool:
    """Whether the blocks of a FLAC's header follow one another up to its first frame."""
    for _ in range(_MOST_BLOCKS):
        head = window.at(offset, 4)
        if len(head) < 4:
            return False
        offset += 4 + int.from_bytes(head[1:], "big")
        if head[0] & 0x80:
            return window.at(offset, 2) in (b"\xff\xf8", b"\xff\xf9")
    return False
