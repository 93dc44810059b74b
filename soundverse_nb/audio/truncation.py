"""Truncation: what a file says it holds, against what is there; a download that was cut shows so.

Only plain sizes count: those of boxes, chunks and pages that reach beyond the end of the file. A size that
programs leave unset when they write to a pipe says nothing.
"""

from __future__ import annotations

import re
import struct
from typing import BinaryIO, cast

from soundverse_nb.audio.probe.checksum import ogg_crc
from soundverse_nb.audio.probe.mp3 import encoder_header, stops_inside_a_frame
from soundverse_nb.audio.probe.tags import ac3_length, after_front_tags, before_tail_tags, end_of_sound
from soundverse_nb.audio.probe.window import Window
from soundverse_nb.audio.reading import GuardedFile
from soundverse_nb.filetype import file_type
from soundverse_nb.mpeg_audio import frame_kind

# Programs that write to a pipe leave sizes from here on in their headers, or 0: sox about 0x7F000000, arecord
# 0x7FFFFF00, FFmpeg 0xFFFFFFFF, and 0x7FFFFFFFFFFFFFFF in Wave64.
_LEAST_UNSET = 0x7EFFFF00
_UNSET_64 = 1 << 62
_MOST_STEPS = 100_000
_ASF_DATA = bytes.fromhex("3626b2758e66cf11a6d900aa0062ce6c")


def missing_bytes(stream: BinaryIO, size: int) -> int:
    """How many of the bytes that a file announces lie beyond its end; 0 where none is missing."""
    stream, size = _behind_tags(stream, size)
    stream.seek(0)
    head = stream.read(4096)
    try:
        return max(0, _missing(stream, head, size))
    except (struct.error, OSError, ValueError, IndexError, OverflowError):
        return 0


def ends_inside_a_frame(stream: BinaryIO, size: int) -> bool:
    """Whether a WAV, AIFF, MP3 or ADTS stops in the middle of a frame: so ends no encoder, only a cut."""
    window = Window(*_behind_tags(stream, size))
    head = window.at(0, 12)
    try:
        kind = file_type(head)
        if kind in ("wav", "rf64"):
            return _stops_inside_a_sample(window, "<")
        if kind in ("rifx", "aiff"):
            return _stops_inside_a_sample(window, ">")
        return _stops_inside_adts(window) if kind == "adts" else stops_inside_a_frame(window)
    except (struct.error, OSError, ValueError, IndexError, OverflowError):
        return False


def samples_end(stream: BinaryIO, size: int) -> tuple[int, int] | None:
    """Where the samples of a file begin and end, if libsndfile takes all up to the file's end for them.

    So it does with Wave64, and wherever a program that wrote to a pipe left the length unset. None elsewhere.
    """
    stream.seek(0)
    head = stream.read(4096)
    try:
        found = _samples(stream, head, file_type(head))
    except (struct.error, OSError, ValueError, IndexError, OverflowError):
        return None
    if found is None:
        return None
    begins, length = found
    return begins, end_of_sound(Window(stream, size)) if length is None else begins + length


def _samples(stream: BinaryIO, head: bytes, kind: str | None) -> tuple[int, int | None] | None:
    """Where the samples begin, and their bytes; None for a length that was left unset."""
    if kind == "w64":
        found = _chunk(stream, 40, "<16sQ", b"data", multiple=8, with_head=True)
        return found and (found[0], found[1] if found[1] < _UNSET_64 else None)
    if kind in ("wav", "rifx"):
        found = _chunk(stream, 12, "<4sI" if kind == "wav" else ">4sI", b"data", multiple=2)
    elif kind == "caf":
        found = _chunk(stream, 8, ">4sq", b"data")
        found = found and (found[0] + 4, 0 if found[1] < 0 else found[1])
    else:
        found = struct.unpack_from(">II", head, 4) if kind == "au" else None
    return (found[0], None) if found is not None and _is_unset(found[1]) else None


def _behind_tags(stream: BinaryIO, size: int) -> tuple[BinaryIO, int]:
    """The file and its size as if it began behind the tags in front."""
    start = after_front_tags(Window(stream, size))
    return (cast("BinaryIO", GuardedFile(stream, start=start)), size - start) if start else (stream, size)


def _stops_inside_a_sample(window: Window, order: str) -> bool:
    at, frame_bytes = 12, 0
    for _ in range(_MOST_STEPS):
        header = window.at(at, 8)
        if len(header) < 8:
            return False
        (length,) = struct.unpack(order + "I", header[4:])
        if header[:4] == b"fmt ":
            (frame_bytes,) = struct.unpack(order + "H", window.at(at + 20, 2))
        elif header[:4] == b"COMM":
            channels, _frames, bits = struct.unpack(">HIH", window.at(at + 8, 8))
            frame_bytes = channels * ((bits + 7) // 8)
        elif header[:4] in (b"data", b"SSND"):
            begins = at + (8 if header[:4] == b"data" else 16)
            return frame_bytes > 0 and (window.size - begins) % frame_bytes != 0
        at += 8 + length + length % 2
    return False


def _missing(stream: BinaryIO, head: bytes, size: int) -> int:
    kind = file_type(head)
    if kind in ("wav", "rifx"):
        return _riff(stream, "<" if kind == "wav" else ">", b"data", size)
    if kind == "aiff":
        return _riff(stream, ">", b"SSND", size)
    if kind == "avi":
        (whole,) = struct.unpack_from("<I", head, 4)
        return 0 if _is_unset(whole) else max(0, int(whole + 8 - size))
    if kind == "rf64":
        return _rf64(head, size)
    if kind == "w64":
        return _wave64(stream, size)
    if kind == "au":
        return _sun(head, size)
    if kind == "caf":
        return _caf(stream, size)
    if kind == "asf":
        return _asf(stream, head, size)
    if kind == "ogg":
        return _ogg(stream, size)
    if kind == "mp4":
        return _boxes(stream, end_of_sound(Window(stream, size)))
    if kind == "matroska":
        return _matroska(head, size)
    return _xing(head, size) if kind == "mp3" else 0


def _chunk(
    stream: BinaryIO, at: int, shape: str, wanted: bytes, *, multiple: int = 1, with_head: bool = False
) -> tuple[int, int] | None:
    """Where the content of a chunk begins, and its length; None where there is no such chunk.

    Chunks follow one another from `at`. `shape` is that of name and length, `multiple` what their starts are
    rounded up to; `with_head` says that name and length count as part of the length.
    """
    head = struct.Struct(shape)
    for _ in range(_MOST_STEPS):
        stream.seek(at)
        data = stream.read(head.size)
        if len(data) < head.size:
            return None
        name, length = head.unpack(data)
        length -= head.size if with_head else 0
        at += head.size
        if name.startswith(wanted):
            return at, length
        if length < 0:
            return None
        at += length
        at += -at % multiple
    return None


def _riff(stream: BinaryIO, order: str, wanted: bytes, size: int) -> int:
    """Chunks of WAV and AIFF. The sound is cut where its chunk *and* the whole are said to be longer."""
    stream.seek(4)
    (whole,) = struct.unpack(order + "I", stream.read(4))
    begins, length = _chunk(stream, 12, order + "4sI", wanted, multiple=2) or (0, 0)
    return 0 if _is_unset(length) or _is_unset(whole) or whole + 8 <= size else begins + length - size


def _is_unset(length: int) -> bool:
    return length == 0 or length >= _LEAST_UNSET


def _rf64(head: bytes, size: int) -> int:
    """WAV with lengths of 64 bits, which stand in a chunk of their own, the first (EBU Tech 3306)."""
    if head[12:16] != b"ds64":
        return 0
    (whole,) = struct.unpack_from("<Q", head, 20)
    return 0 if whole >= _UNSET_64 else int(whole + 8 - size)


def _wave64(stream: BinaryIO, size: int) -> int:
    """Sony Wave64: chunks named by 16 bytes, each on a multiple of 8."""
    begins, length = _chunk(stream, 40, "<16sQ", b"data", multiple=8, with_head=True) or (0, 0)
    return 0 if length >= _UNSET_64 else begins + length - size


def _sun(head: bytes, size: int) -> int:
    """Sun AU: where the sound begins and how many bytes it has."""
    begins, length = struct.unpack_from(">II", head, 4)
    return 0 if _is_unset(length) else int(begins + length - size)


def _caf(stream: BinaryIO, size: int) -> int:
    """Apple's Core Audio Format; a sound chunk that was never finished has the length -1."""
    begins, length = _chunk(stream, 8, ">4sq", b"data") or (0, 0)
    return 0 if length < 0 else begins + length - size


def _asf(stream: BinaryIO, head: bytes, size: int) -> int:
    """The data object of ASF (WMA), which follows the header; live streams leave its length empty."""
    (begins,) = struct.unpack_from("<Q", head, 16)
    stream.seek(begins)
    header = stream.read(24)
    if header[:16] != _ASF_DATA:
        return 0
    (length,) = struct.unpack_from("<Q", header, 16)
    return 0 if length >= _UNSET_64 else int(begins + length - size)


def _ogg(stream: BinaryIO, size: int) -> int:
    """The last page of an Ogg file, complete or not (RFC 3533, section 6)."""
    begin = max(0, size - 65536)  # a page has at most 65307 bytes
    stream.seek(begin)
    tail = stream.read(size - begin)
    page = tail[tail.rfind(b"OggS") :]
    if page[:4] != b"OggS":
        return 0
    if len(page) < 27 or len(page) < 27 + page[26]:
        return 1
    return 27 + page[26] + sum(page[27 : 27 + page[26]]) - len(page)


def _boxes(stream: BinaryIO, size: int) -> int:
    """Top-level boxes of MP4 (ISO 14496-12, section 4.2)."""
    at = 0
    for _ in range(_MOST_STEPS):
        stream.seek(at)
        header = stream.read(16)
        if len(header) < 8 or at == size:
            return 0
        length, kind = struct.unpack(">I4s", header[:8])
        if length == 1 and len(header) == 16:
            (length,) = struct.unpack(">Q", header[8:])
        if length == 0 or length < 8 or not kind.strip().isalnum():
            return 0
        at += length
        if at > size:
            return int(at - size)
    return 0


def _matroska(head: bytes, size: int) -> int:
    """The Segment of Matroska and WebM (RFC 8794, section 4; RFC 9559)."""
    length, at = _ebml_number(head, 4)
    at += length or 0
    if head[at : at + 4] != b"\x18\x53\x80\x67":
        return 0
    segment, at = _ebml_number(head, at + 4)
    return 0 if segment is None else at + segment - size


def _ebml_number(data: bytes, at: int) -> tuple[int | None, int]:
    """A size and where its content begins; None for the reserved "unknown" of live streams."""
    first = data[at]
    width = 9 - first.bit_length()
    value = int.from_bytes(data[at : at + width], "big") & ((1 << 7 * width) - 1)
    return (None if value == (1 << 7 * width) - 1 else value), at + width


def _xing(head: bytes, size: int) -> int:
    """The byte count of an MP3's Xing or VBRI header, where it has one."""
    kind = frame_kind(head)
    header = encoder_header(head[: kind.lengths[head[2]]], kind.side_info) if kind is not None else None
    if header is None or not header.frames or header.size is None or _is_unset(header.size):
        return 0
    return header.size - size


_BLOCK = 1 << 16
# The block of a usual disk, and the largest of any.
_LEAST, _MOST_PADDING = 1 << 12, 1 << 16
_LEAST_SECONDS = 0.25
# What an encoder puts in front and behind, which is counted and may be cut off.
_PADDED_SECONDS = 0.15
_MOST_FRAMES = 1_000_000
# The last of a frame may be zeros of its own.
_CHECKSUM_BYTES = 16


def blank_end(stream: BinaryIO, size: int, seconds: float) -> int:
    """Blank bytes in the place of sound at the end of a file that decodes to so many seconds; 0 for none.

    They are zeros, or ones as in memory that was erased. An MP3 that counts its frames, and holds as many, is
    whole whatever stands behind.
    """
    window = Window(stream, size)
    zeros = _blank_at_end(window)
    begins = size - zeros
    if zeros <= _LEAST or zeros * seconds < _LEAST_SECONDS * begins:
        return 0
    counted = _counted_seconds(window)
    if counted and counted - seconds <= _PADDED_SECONDS:
        return 0
    return zeros if zeros > _MOST_PADDING or _stops_inside(Window(stream, begins)) else 0


def _blank_at_end(window: Window) -> int:
    end = at = end_of_sound(window)
    filling = b"\xff" if window.tail(1, end)[1] == b"\xff" else b"\0"
    while at > 0:
        at, block = window.tail(_BLOCK, at)
        sound = len(block.rstrip(filling))
        if sound:
            return end - at - sound
    return end


def _counted_seconds(window: Window) -> float:
    """The length by the frames that an MP3's header counts, 0 where it has none."""
    lead = window.at(after_front_tags(window), _LEAST)
    kind = frame_kind(lead)
    header = encoder_header(lead[: kind.lengths[lead[2]]], kind.side_info) if kind is not None else None
    return (header.frames or 0) * kind.samples / kind.sample_rate if kind and header else 0.0


def _stops_inside(window: Window) -> bool:
    return stops_inside_a_frame(window) or _stops_inside_adts(window) or _stops_inside_ac3(window)


def _stops_inside_adts(window: Window) -> bool:
    """Whether the last ADTS frame is incomplete (ISO/IEC 13818-7, 6.2.1), and all before are whole."""
    at = after_front_tags(window)
    for _ in range(_MOST_FRAMES):
        head = window.at(at, 6)
        if len(head) < 6 or head[0] != 0xFF or head[1] & 0xF6 != 0xF0:
            return 0 < len(head) < 6
        at += max(7, (head[3] & 3) << 11 | head[4] << 3 | head[5] >> 5)
        if at > window.size:
            return True
    return False


def _stops_inside_ac3(window: Window) -> bool:
    """Whether the last AC-3 or E-AC-3 frame is incomplete, and all before are whole."""
    at = after_front_tags(window)
    for _ in range(_MOST_FRAMES):
        length = ac3_length(window.at(at, 8))
        if not length:
            return False
        at += length
        if at > window.size:
            return at - window.size > _CHECKSUM_BYTES
    return False


_MOST_TEXT = 1 << 20
_LEAST_TEXT = 16  # bytes
# How the pages, documents and complaints of servers begin.
_TEXT_BEGINS = re.compile(
    rb"(?i)<!doctype|<\?xml|<!--|<(?:html|head|body|title|error|h[1-6]|p)\b"
    rb"|[{\[]\s*(?:[{\[]\s*)?\"|http/1\.[01] \d"
)
_NO_TEXT = re.compile(rb"[\x00-\x08\x0b\x0e-\x1f\x7f]")


def text_end(stream: BinaryIO, size: int, seconds: float) -> int:
    """Bytes of a web page, XML or JSON in the place of sound, at the end of a file that decodes to so many
    seconds; 0 for none. A file that is whole by its own count is so whatever stands behind.
    """
    stream, size = _behind_tags(stream, size)
    window = Window(stream, size)
    try:
        end = _where_sound_may_end(stream, window, seconds)
    except (struct.error, OSError, ValueError, IndexError, OverflowError):
        return 0
    _, tail = window.tail(_MOST_TEXT, end)
    tail = tail.rstrip(b"\0")
    # From behind: in sound a byte that no text has is never far.
    last = _NO_TEXT.search(tail[::-1])
    begins = len(tail) - last.start() if last else 0
    found = _TEXT_BEGINS.search(tail, begins)
    length = len(tail) - found.start() if found else 0
    return length if length >= _LEAST_TEXT else 0


def _where_sound_may_end(stream: BinaryIO, window: Window, seconds: float) -> int:
    """Up to where there should be sound; 0 where the file shows that all of it is there."""
    kind = file_type(window.at(0, 12))
    if kind in ("wav", "rifx", "aiff"):
        order, wanted = ("<" if kind == "wav" else ">"), (b"SSND" if kind == "aiff" else b"data")
        begins, length = _chunk(stream, 12, order + "4sI", wanted, multiple=2) or (0, 0)
        return window.size if begins and _is_unset(length) else min(window.size, begins + length)
    if kind == "mp4":
        return window.size if _last_box(window) == b"mdat" else 0
    if kind == "ogg":
        return 0 if _has_last_page(window) else window.size
    if kind not in (None, "mp3", "mp2", "adts"):
        return 0
    counted = _counted_seconds(window)
    return 0 if counted and counted - seconds <= _PADDED_SECONDS else before_tail_tags(window)


def _last_box(window: Window) -> bytes:
    at = 0
    kind: bytes = b""
    for _ in range(_MOST_STEPS):
        header = window.at(at, 16)
        if len(header) < 8:
            return kind
        length, kind = struct.unpack(">I4s", header[:8])
        length = struct.unpack(">Q", header[8:])[0] if length == 1 else length
        if length < 8:
            return kind
        at += length
    return kind


def _has_last_page(window: Window) -> bool:
    """Whether the last page of an Ogg file is whole, and flagged as the last of its stream (RFC 3533, 6)."""
    _, block = window.tail(_MOST_TEXT)
    page = block[block.rfind(b"OggS") :]
    if len(page) < 27 or not page[5] & 4:
        return False
    page = page[: 27 + page[26] + sum(page[27 : 27 + page[26]])]
    return ogg_crc(page[:22] + bytes(4) + page[26:]) == int.from_bytes(page[22:26], "little")
