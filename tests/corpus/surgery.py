"""Forgeries on finished files: headers that lie, streams that are chained, tags that get in the way."""

from __future__ import annotations

import struct
import zlib
from typing import NamedTuple

# --- WAV -------------------------------------------------------------------------------------------------

_SUBFORMAT_TAIL = bytes.fromhex("000000001000800000aa00389b71")


def wav(
    samples: bytes,
    *,
    rate: int = 8000,
    channels: int = 1,
    bits: int = 16,
    tag: int = 1,
    before: bytes = b"",
    after: bytes = b"",
    data_size: int | None = None,
    riff_size: int | None = None,
    extensible: bool = False,
) -> bytes:
    """A WAV around raw samples; sizes can be made to lie."""
    frame = channels * (bits // 8) & 0xFFFF
    layout = struct.pack("<HHIIHH", tag, channels, rate, rate * frame & 0xFFFFFFFF, frame, bits)
    if extensible:
        layout = struct.pack("<H", 0xFFFE) + layout[2:]
        layout += struct.pack("<HHIH", 22, bits, 0, tag) + _SUBFORMAT_TAIL
    size = len(samples) if data_size is None else data_size
    chunks = chunk(b"fmt ", layout) + before + b"data" + struct.pack("<I", size) + samples
    chunks += b"\0" * (len(samples) & 1) + after
    total = len(chunks) + 4 if riff_size is None else riff_size
    return b"RIFF" + struct.pack("<I", total) + b"WAVE" + chunks


def chunk(name: bytes, body: bytes) -> bytes:
    """A RIFF chunk, padded to an even length."""
    return name + struct.pack("<I", len(body)) + body + b"\0" * (len(body) & 1)


# --- FLAC ------------------------------------------------------------------------------------------------


def flac_claiming(content: bytes, total: int) -> bytes:
    """The same FLAC with another number of samples in its STREAMINFO (0: unknown, as when streamed)."""
    at = content.index(b"fLaC") + 8 + 10
    packed = int.from_bytes(content[at : at + 8], "big") >> 36 << 36 | total
    return content[:at] + packed.to_bytes(8, "big") + content[at + 8 :]


def flac_with_block(content: bytes, kind: int, size: int) -> bytes:
    """The same FLAC with a further metadata block behind STREAMINFO (1 padding, 6 picture)."""
    at = 4 + 4 + 34
    return content[:at] + bytes([kind]) + size.to_bytes(3, "big") + b"\0" * size + content[at:]


# --- Ogg -------------------------------------------------------------------------------------------------


class OggPage(NamedTuple):
    """Where a page stands."""

    start: int
    end: int


def ogg_pages(content: bytes) -> list[OggPage]:
    """All pages of an Ogg file, one behind the other."""
    pages = []
    at = 0
    while content[at : at + 4] == b"OggS":
        count = content[at + 26]
        end = at + 27 + count + sum(content[at + 27 : at + 27 + count])
        pages.append(OggPage(at, end))
        at = end
    return pages


def ogg_edited(
    content: bytes, *, serial: int | None = None, last_granule: int | None = None, add_to_granules: int = 0
) -> bytes:
    """The same Ogg with other serial or granule numbers and every checksum right again."""
    edited = bytearray(content)
    pages = ogg_pages(content)
    for page in pages:
        granule = struct.unpack_from("<q", edited, page.start + 6)[0]
        if last_granule is not None and page == pages[-1]:
            granule = last_granule
        if granule > 0:
            granule += add_to_granules
        struct.pack_into("<q", edited, page.start + 6, granule)
        if serial is not None:
            struct.pack_into("<I", edited, page.start + 14, serial)
        struct.pack_into("<I", edited, page.start + 22, 0)
        struct.pack_into("<I", edited, page.start + 22, ogg_crc(bytes(edited[page.start : page.end])))
    return bytes(edited)


def ogg_crc(page: bytes) -> int:
    """The page checksum of RFC 3533, one byte at a time."""
    crc = 0
    for byte in page:
        crc = (crc << 8 & 0xFFFFFFFF) ^ _OGG_TABLE[crc >> 24 ^ byte]
    return crc


def _ogg_row(value: int) -> int:
    crc = value << 24
    for _ in range(8):
        crc = (crc << 1) ^ (0x104C11DB7 if crc & 0x80000000 else 0)
    return crc


_OGG_TABLE = tuple(_ogg_row(value) for value in range(256))

# --- MP3 and tags ----------------------------------------------------------------------------------------


def mp3_claiming(content: bytes, frames: int, *, bytes_claimed: int | None = None) -> bytes:
    """The same MP3 with another number of frames in its Xing header; the header's checksum is left wrong."""
    at = max(content.find(b"Xing"), content.find(b"Info"))
    edited = bytearray(content)
    struct.pack_into(">I", edited, at + 8, frames)
    if bytes_claimed is not None:
        struct.pack_into(">I", edited, at + 12, bytes_claimed)
    return bytes(edited)


def mp3_with_vbri(content: bytes) -> bytes:
    """The same MP3 with Fraunhofer's header in the place of Xing's (frames and bytes as before)."""
    at = max(content.find(b"Xing"), content.find(b"Info"))
    frames, size = struct.unpack_from(">II", content, at + 8)
    start = content.rfind(b"\xff\xfb", 0, at)
    note = b"VBRI" + struct.pack(">HHHIIHHHH", 1, 1105, 75, size, frames, 0, 1, 2, 1)
    end = start + 36 + len(note)
    blank = bytes(content[start + 4 : start + 36].replace(content[at : at + 4], b"\0\0\0\0"))
    return content[: start + 4] + blank + note + b"\0" * (at + 160 - end) + content[at + 160 :]


def mp3_without_lame(content: bytes) -> bytes:
    """The same MP3 with a bare Xing header, as other encoders than LAME write it."""
    at = max(content.find(b"Xing"), content.find(b"Info")) + 120
    return content[:at] + b"\0" * 36 + content[at + 36 :]


def mp3_without_header(content: bytes) -> bytes:
    """The same MP3 (MPEG-2.5) from its second frame on: no tag and no Xing header."""
    first = content.index(b"\xff\xe3")
    return content[content.index(b"\xff\xe3", first + 4) :]


def id3v2(size: int, body: bytes = b"") -> bytes:
    """An ID3v2.4 tag of `size` bytes of content (zeros behind `body`)."""
    coded = bytes(size >> shift & 0x7F for shift in (21, 14, 7, 0))
    return b"ID3\x04\0\0" + coded + body + b"\0" * (size - len(body))


def album_art(size: int) -> bytes:
    """An ID3v2.4 tag with a picture of `size` bytes that is full of what looks like MP3 frames."""
    picture = (b"\xff\xfb\x90\x64" + b"\x55" * 413) * (size // 417 + 1)
    frame = b"\0image/png\0\x03\0" + picture[:size]
    coded = bytes(len(frame) >> shift & 0x7F for shift in (21, 14, 7, 0))
    body = b"APIC" + coded + b"\0\0" + frame
    return id3v2(len(body), body)


def id3v1() -> bytes:
    return b"TAG" + b"Song".ljust(125, b"\0")


def ape_tag(size: int = 64) -> bytes:
    """An APEv2 tag with header and footer and `size` bytes of items."""

    def edge(flags: int) -> bytes:
        return b"APETAGEX" + struct.pack("<IIII", 2000, size + 32, 1, flags) + b"\0" * 8

    return edge(0xA0000000) + b"\0" * size + edge(0x80000000)


# --- MP4 -------------------------------------------------------------------------------------------------


def mp4_claiming(content: bytes, factor: float) -> bytes:
    """The same MP4 with every duration field (mvhd, tkhd, mdhd, elst) multiplied; its tables stay true."""
    edited = bytearray(content)
    for name, offset in ((b"mvhd", 20), (b"tkhd", 24), (b"mdhd", 20), (b"elst", 12)):
        at = content.find(name)
        while at >= 0:
            value = struct.unpack_from(">I", edited, at + offset)[0]
            struct.pack_into(">I", edited, at + offset, min(int(value * factor), 0xFFFFFFFF))
            at = content.find(name, at + 4)
    return bytes(edited)


def m4a_from_itunes(content: bytes, priming: int) -> bytes:
    """The same M4A (header at the end) with iTunes' gapless note in the place of its edit list."""

    def box(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I4s", len(body) + 8, name) + body

    words = f" 00000000 {priming:08X} 000001CA 0000000000003F31"
    entry = box(b"mean", b"\0\0\0\0com.apple.iTunes") + box(b"name", b"\0\0\0\0iTunSMPB")
    entry += box(b"data", struct.pack(">II", 1, 0) + words.encode())
    handler = box(b"hdlr", b"\0" * 8 + b"mdirappl" + b"\0" * 9)
    tags = box(b"udta", box(b"meta", b"\0\0\0\0" + handler + box(b"ilst", box(b"----", entry))))
    at = content.rindex(b"moov") - 4
    movie = bytearray(content[at:].replace(b"edts", b"free").replace(b"udta", b"free") + tags)
    struct.pack_into(">I", movie, 0, len(movie))
    return content[:at] + bytes(movie)


# --- AIFF ------------------------------------------------------------------------------------------------


def aiff_claiming(content: bytes, frames: int) -> bytes:
    """The same AIFF with another number of frames in its common chunk."""
    at = content.index(b"COMM") + 10
    return content[:at] + struct.pack(">I", frames) + content[at + 4 :]


def png() -> bytes:
    """A picture of one pixel."""

    def part(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"\0\xff\0\0")
    return b"\x89PNG\r\n\x1a\n" + part(b"IHDR", header) + part(b"IDAT", pixels) + part(b"IEND", b"")
