"""Tags in front of a song and behind it (ID3, APE, Lyrics3, 3DI), and the simulator's name in them.

ID3v2 (id3.org, 2.3 and 2.4), APEv2 (Hydrogenaudio), Lyrics3 2.00. Where the sound begins and ends is what
decoders and probes ask; the simulator names itself in each remix's own tag, which copies keep.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import BinaryIO

from soundverse_nb.audio.probe.window import Window
from soundverse_nb.filetype import file_type

SIMULATED_ARTIST = "soundverse_nb simulator"
_TAG_BYTES = 8192  # an ID3v2 tag is the first thing in an MP3, and the simulator's is short
_MOST_TAGS = 16
TAIL = 360
_APE = b"APETAGEX"
_APE_EDGE = 32
_LARGEST_LYRICS = 5100 + len(b"LYRICSBEGINLYRICSEND")
# Taggers that shorten a tag, and disks that count in blocks, leave zeros behind it.
_MOST_ZEROS = 1 << 16
# A tag that only its start shows is looked for in so many of the last bytes: a song with more is too large.
_LARGEST_APPENDED = 1 << 23
_WAVPACK, _AC3 = b"wvpk", b"\x0b\x77"
_LAST_AC3 = 10
_LARGEST_BLOCK = 1 << 20
_AC3_KBPS = (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640)
_MOST_FRAMES = 100_000


def after_id3(window: Window) -> int:
    """Where the bytes after all leading ID3v2 tags begin (0 where there is none); may lie past the end."""
    offset = 0
    for _ in range(_MOST_TAGS):
        length = _id3_length(window.at(offset, 10))
        if not length:
            break
        offset += length
    return offset


def after_front_tags(window: Window) -> int:
    """The same, where APE tags may stand among them, and zeros behind them."""
    offset = 0
    for _ in range(_MOST_TAGS):
        head = window.at(offset, _APE_EDGE)
        length = _id3_length(head) or _ape_length(head)
        if not length:
            break
        offset = _behind_zeros(window, offset + length)
    return offset


def _behind_zeros(window: Window, offset: int) -> int:
    """Where the next thing begins behind the zeros that taggers leave, at most one block of them."""
    if window.at(offset, 1) != b"\0":
        return offset
    block = window.at(offset, _MOST_ZEROS)
    zeros = len(block) - len(block.lstrip(b"\0"))
    if zeros == len(block):
        return offset
    # An MP4 begins with up to three zeros of its own.
    own = next((own for own in (3, 2, 1) if own <= zeros and file_type(block[zeros - own :][:12])), 0)
    return offset + zeros - own


def _id3_length(head: bytes) -> int:
    """Length in bytes of the ID3v2 tag that begins so, 0 where none does."""
    if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 0x7F:
        return 0
    size = head[6] << 21 | head[7] << 14 | head[8] << 7 | head[9]
    return 10 + size + (10 if head[5] & 0x10 else 0)


def _ape_length(head: bytes) -> int:
    """Length in bytes of the APE tag whose header this is, 0 where it is none.

    The length in the header is that of the items and the footer.
    """
    if len(head) < _APE_EDGE or head[:8] != _APE:
        return 0
    return _APE_EDGE + int.from_bytes(head[12:16], "little")


def before_tail_tags(window: Window) -> int:
    """Where the sound ends: the file's end without the tags that are stacked there."""
    return _unstacked(window, _without_zeros(window, window.size))


def end_of_sound(window: Window) -> int:
    """The same, where tags of the front that were written at the end count, too: megabytes are read."""
    end = before_tail_tags(window)
    for _ in range(_MOST_TAGS):
        appended = _appended_id3(window, end)
        if appended == end:
            break
        end = _unstacked(window, appended)
    return end


def _unstacked(window: Window, end: int) -> int:
    """`end` without the tags that end there."""
    for _ in range(_MOST_TAGS):
        length = _tail_tag(window, end)
        if length == 0 or length > end:
            break
        end -= length
    return end


def _without_zeros(window: Window, end: int) -> int:
    """The end of the last tag where nothing but zeros stands behind it; otherwise `end` itself."""
    _, tail = window.tail(TAIL, end)
    if any(tail[-128:]) or _tail_tag(window, end):
        return end
    begins, tail = window.tail(_MOST_ZEROS, end)
    # Of all tags, only an APE's footer can be told from sound by its mark alone.
    at = tail.rfind(_APE)
    closes = at + _APE_EDGE
    if at < 0 or any(tail[closes:]) or not _tail_tag(window, begins + closes):
        return end
    return begins + closes


def _tail_tag(window: Window, end: int) -> int:
    """Length in bytes of the tag that ends at `end`, 0 where none does."""
    _, tail = window.tail(TAIL, end)
    if tail[-128:-125] == b"TAG":
        return 128 + 227 if tail[-355:-351] == b"TAG+" else 128
    if tail[-32:-24] == _APE:
        return _tail_ape(window, end, tail)
    if tail[-9:] == b"LYRICS200" and tail[-15:-9].isdigit():
        return int(tail[-15:-9]) + 15
    if tail[-9:] == b"LYRICSEND":
        begins, block = window.tail(_LARGEST_LYRICS, end)
        at = block.rfind(b"LYRICSBEGIN")
        return end - begins - at if at >= 0 else 0
    if tail[-10:-7] == b"3DI" and max(tail[-4:]) <= 0x7F:
        return 20 + (tail[-4] << 21 | tail[-3] << 14 | tail[-2] << 7 | tail[-1])
    return 0


def _tail_ape(window: Window, end: int, tail: bytes) -> int:
    """The length of the APE tag that ends at `end`, with its header where it has one.

    The footer says whether there is a header, and taggers are known that say it wrongly.
    """
    size = int.from_bytes(tail[-20:-16], "little")
    if size < _APE_EDGE:
        return 0
    if size + _APE_EDGE <= end and window.at(end - size - _APE_EDGE, 8) == _APE:
        return size + _APE_EDGE
    return size


def _appended_id3(window: Window, end: int) -> int:
    """Where an ID3v2 tag begins that ends at `end` without a footer that says so; `end` where there is none.

    Some programs write at the end what belongs to the front. Such a tag is found by its start alone, and
    proven by its length.
    """
    begins, block = window.tail(_LARGEST_APPENDED, end)
    at, before_zeros = len(block), end
    for _ in range(_MOST_TAGS):
        at = block.rfind(b"ID3", 0, at)
        if at < 0:
            break
        length = _id3_length(block[at : at + 10])
        closes = at + length
        if closes == len(block):
            return begins + at
        if length and len(block) - _MOST_ZEROS <= closes < len(block) and not any(block[closes:]):
            before_zeros = begins + at  # unless one is found that ends exactly
    return before_zeros


def sound_span(stream: BinaryIO, size: int) -> tuple[int, int | None]:
    """The bytes for the decoder: where they begin, and where they end (None: with the file)."""
    try:
        window = Window(stream, size)
        begin = after_front_tags(window)
        end = end_of_frames(window, begin, end_of_sound(window))
    except Exception:  # whatever a foreign file object raises
        return 0, None
    if begin >= end:
        return 0, None
    return begin, end if end < size else None


def _flac_end(window: Window, end: int) -> int:
    """`end` without the zeros between a FLAC's last frame and a tag: older FFmpegs lose that frame for them.

    Two may be the frame's own checksum.
    """
    _, tail = window.tail(_MOST_ZEROS, end)
    return end - max(0, len(tail) - len(tail.rstrip(b"\0")) - 2)


def end_of_frames(window: Window, begin: int, end: int) -> int:
    """Where the last frame of AC-3, or block of WavPack, ends, if they follow one another; otherwise `end`.

    Decoders lose the last one where something else follows it, or call that damage.
    """
    kind = window.at(begin, 4)
    if kind == b"fLaC" and end < window.size:
        return _flac_end(window, end)
    length_of = _wavpack_length if kind == _WAVPACK else ac3_length if kind[:2] == _AC3 else None
    if length_of is None:
        return end
    at = begin
    for _ in range(_MOST_FRAMES):
        length = length_of(window.at(at, 8))
        if not length or at + length > end:
            break
        at += length
    is_whole = at > begin and (kind != _WAVPACK or _holds_all(window, begin, at))
    return at if is_whole and not _goes_on(window, at, end, length_of, kind) else end


def _goes_on(window: Window, at: int, end: int, length_of: Callable[[bytes], int], kind: bytes) -> bool:
    """Whether two frames stand somewhere behind `at`: then what stands there is damage."""
    if not window.at(at, 4).strip(b"\0") and end - at > _MOST_ZEROS:
        return True  # a part that was lost, as others find out
    data = window.at(at, end - at)
    mark = kind if length_of is _wavpack_length else _AC3
    place = -1
    for _ in range(_MOST_FRAMES):
        place = data.find(mark, place + 1)
        if place < 0:
            return False
        length = length_of(data[place : place + 8])
        if length and (data.startswith(mark, place + length) or (not place and at + length > end)):
            break
    return True


def _holds_all(window: Window, begin: int, end: int) -> bool:
    """Whether the last WavPack block before `end` holds the last of the samples that the first one counts."""
    total = window.at(begin, 24)[11:16]
    _, tail = window.tail(_LARGEST_BLOCK, end)
    last = tail[tail.rfind(_WAVPACK) :][:24]
    if len(last) < 24:
        return False
    index, length = int.from_bytes(last[16:20], "little"), int.from_bytes(last[20:24], "little")
    return index + length >= int.from_bytes(total[1:], "little")


def _wavpack_length(head: bytes) -> int:
    return 8 + int.from_bytes(head[4:8], "little") if head[:4] == _WAVPACK and len(head) == 8 else 0


def ac3_length(head: bytes) -> int:
    """Bytes of an AC-3 frame (ATSC A/52, 5.4.1) or an E-AC-3 one (E.2.3.1), 0 where none begins."""
    if head[:2] != _AC3 or len(head) < 6:
        return 0
    if head[5] >> 3 > _LAST_AC3:
        return 2 * ((head[2] & 7) << 8 | head[3]) + 2
    rate, size = head[4] >> 6, head[4] & 63
    if rate > 2 or size // 2 >= len(_AC3_KBPS):
        return 0
    kbps = _AC3_KBPS[size // 2]
    return (4 * kbps, 2 * (kbps * 320 // 147 + size % 2), 6 * kbps)[rate]


def is_simulated(path: str | os.PathLike[str]) -> bool:
    """Whether a file begins with a tag that names the simulator as its artist. Raises what `open` does."""
    with open(path, "rb") as file:
        head = file.read(_TAG_BYTES)
    return head.startswith(b"ID3") and SIMULATED_ARTIST.encode("ascii") in head
