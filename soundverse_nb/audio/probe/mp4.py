"""Encryption (DRM): songs that only the programs they were sold for can play.

A decoder takes what is encrypted for damage, or plays it as noise. Sources: ISO/IEC 14496-12, 8.12, and
23001-7 (MP4), RFC 9559, 5.1.4.1.31 (Matroska), Advanced Systems Format, 3.14 and 3.15 (WMA).
"""

from __future__ import annotations

import struct
from functools import cache
from typing import BinaryIO, NamedTuple

from soundverse_nb.audio.probe.boxes import (
    AudioConfig,
    Box,
    audio_config,
    box_at,
    boxes,
    children,
    decoder_config,
    descend,
    holds_packets,
    packet_times,
    packets_until,
    samples_of,
)
from soundverse_nb.audio.probe.matroska import has_open_sound
from soundverse_nb.audio.probe.tags import before_tail_tags
from soundverse_nb.audio.probe.window import LARGEST, Probed, Untrusted, Window, implausible
from soundverse_nb.filetype import file_type

_ENTRIES = {b"drms": "Apple's FairPlay", b"enca": "its shop's DRM", b"aavd": "Audible"}
_AUDIBLE = b"\x57\x90\x75\x36"
# The objects Content Encryption and Extended Content Encryption.
_WINDOWS_MEDIA = (
    bytes.fromhex("fbb3112223bdd211b4b700a0c955fc6e"),
    bytes.fromhex("14e68a292226174cb935dae07ee9289c"),
)
_ENTRY_HEAD = 1 << 16


def encryption_of(stream: BinaryIO, begin: int, end: int) -> str | None:
    """The encryption of the song in these bytes of a file, by a name for users; None where there is none."""
    window = Window(stream, end)
    head = window.at(begin, 12)
    name = file_type(head)
    if head[4:8] == _AUDIBLE:
        return _ENTRIES[b"aavd"]
    if name == "asf":
        length = int.from_bytes(window.at(begin + 16, 8), "little")
        objects = window.at(begin, min(length, _ENTRY_HEAD))
        return "Windows Media DRM" if any(mark in objects for mark in _WINDOWS_MEDIA) else None
    if name == "matroska":
        return None if has_open_sound(window.at(begin, _ENTRY_HEAD)) else "its shop's DRM"
    entries = sample_entries(window) if name == "mp4" and begin == 0 else []
    locks = [_ENTRIES[entry] for entry in entries if entry in _ENTRIES]
    return locks[0] if locks and len(locks) == len(entries) else None


# Beyond so many samples FFmpeg takes iTunes' note for damaged, and plays everything.
_MOST_NOTED = 16384
_MOST_BOXES = 1000
# What encoders pad the last packet with, at most: two packets of the longest AAC.
_MOST_PADDING = 2 * 2048
_CUTTING_LIBAVFORMAT = 63


class Track(NamedTuple):
    """An audio track's boxes: its sample table and description, and its edit list where it has one."""

    table: Box
    media_header: Box
    edits: Box | None


def probe_mp4(window: Window) -> Probed | Untrusted:
    """Packets times samples a packet, less the priming that the edit list skips."""
    end = before_tail_tags(window)
    top = _top(window, end)
    if not {b"moov", b"mdat"} <= top.keys() or max(box.end for box in top.values()) > end:
        return Untrusted("The MP4 is cut short: its header or its sound is missing.", "mp4")
    if top[b"moov"].end - top[b"moov"].start > LARGEST:
        return Untrusted("The MP4's header is unusually large.", "mp4")
    data = window.at(top[b"moov"].start, top[b"moov"].end - top[b"moov"].start)
    parts = list(boxes(data, 0, len(data)))
    movie = {box.name: box for box in reversed(parts)}
    if b"moof" in top or b"mvex" in movie:
        return Untrusted("The MP4 is fragmented: its header does not say how long it is.", "mp4")
    tracks = [track for box in parts if (track := _track(data, box)) is not None]
    if len(tracks) != 1:
        return Untrusted(f"The MP4 holds {len(tracks)} audio tracks.", "mp4")
    return _length(data, tracks[0], movie, window.size)


def sample_entries(window: Window) -> list[bytes]:
    """The four letters of each audio track's coding ("mp4a", "alac"); of an encrypted one, its lock's."""
    movie = _top(window, before_tail_tags(window)).get(b"moov")
    if movie is None or movie.end - movie.start > LARGEST:
        return []
    data = window.at(movie.start, movie.end - movie.start)
    tables = [track.table for box in boxes(data, 0, len(data)) if (track := _track(data, box)) is not None]
    described = [found for table in tables if (found := descend(data, table, b"stsd")) is not None]
    entries = [next(boxes(data, box.start + 8, box.end), None) for box in described]
    return [entry.name for entry in entries if entry is not None]


def _top(window: Window, end: int) -> dict[bytes, Box]:
    """The file's own boxes up to `end` by name; of several with one name the last."""
    found: dict[bytes, Box] = {}
    offset = 0
    for _ in range(_MOST_BOXES):
        box = box_at(window.at(offset, min(16, end - offset)), 0, offset, end)
        if box is None:
            break
        found[box.name] = box
        offset = box.end
    return found


def _track(data: bytes, box: Box) -> Track | None:
    """The track in this box, None where it is no audio track."""
    if box.name != b"trak":
        return None
    parts = children(data, box)
    media = children(data, parts[b"mdia"]) if b"mdia" in parts else {}
    if not {b"hdlr", b"mdhd", b"minf"} <= media.keys():
        return None
    at = media[b"hdlr"].start + 8
    table = descend(data, media[b"minf"], b"stbl")
    if data[at : at + 4] != b"soun" or table is None:
        return None
    edits = descend(data, parts[b"edts"], b"elst") if b"edts" in parts else None
    return Track(table, media[b"mdhd"], edits)


def _timescale(data: bytes, header: Box | None) -> tuple[int, int]:
    """Units a second and duration in units, from a movie or media header box."""
    fields = data[header.start : header.start + 32] if header is not None else b""
    if len(fields) < 20:
        return 0, 0
    if fields[0] == 1:
        return int.from_bytes(fields[20:24], "big"), int.from_bytes(fields[24:32], "big")
    return int.from_bytes(fields[12:16], "big"), int.from_bytes(fields[16:20], "big")


def _length(data: bytes, track: Track, movie: dict[bytes, Box], size: int) -> Probed | Untrusted:
    """Check the track's tables against each other, the codec and the file, and count what is played."""
    table = children(data, track.table)
    if not {b"stsd", b"stts", b"stsz", b"stsc"} <= table.keys():
        return Untrusted("The MP4's table of packets is incomplete.", "mp4")
    config = _description(data, table[b"stsd"])
    if config is None:
        return Untrusted("Only a decoder knows how long this kind of MP4 is.", "mp4")
    absurd = implausible("mp4", config.sample_rate, config.channels)
    if absurd is not None:
        return absurd
    scale, claimed = _timescale(data, track.media_header)
    runs = packet_times(data, table[b"stts"])
    at = table[b"stsz"].start + 8
    packets = int.from_bytes(data[at : at + 4], "big")
    if scale == 0 or not runs or sum(count for count, _ in runs) != packets:
        return Untrusted("The MP4's table of packets contradicts itself.", "mp4")
    total = sum(count * step for count, step in runs)
    if abs(total - claimed) > 2 * max(step for _, step in runs):
        return Untrusted("The MP4's header claims another length than its table of packets.", "mp4")
    if not holds_packets(data, table, packets, size):
        return Untrusted("The MP4's table points behind the end of the file: it was cut.", "mp4")
    samples = samples_of(runs, packets, scale, config)
    if samples is None:
        return Untrusted("The MP4's clock does not fit its codec's packets.", "mp4")
    edit = _edit(data, track.edits, scale, _timescale(data, movie.get(b"mvhd"))[0], total)
    if edit is None:
        return Untrusted("The MP4's edit list plays only parts of its sound.", "mp4")
    skipped, padding = edit
    # Decoders take packets up to the one in which the edit ends, and of that one all.
    samples = min(samples, packets_until(runs, total - padding) * config.packet_samples)
    # FFmpeg lets the note win over the edit list; where both stand they say the same.
    priming, behind = _itunes_note(data, movie.get(b"udta")) if config.codec == "aac" else (0, 0)
    whole = samples / config.sample_rate
    if (padding or behind or total / scale < whole) and _padding_is_cut():
        whole = min(whole, (total - padding) / scale) - behind / config.sample_rate
    duration = whole - (priming / config.sample_rate or skipped / scale)
    if duration <= 0:
        return Untrusted("The MP4's header claims no sound.", "mp4")
    return Probed("mp4", config.codec, config.sample_rate, config.channels, duration)


def _description(data: bytes, box: Box) -> AudioConfig | None:
    """The codec of the one sample entry (14496-12, 12.2.3); None for any but AAC and ALAC."""
    entry = next(boxes(data, box.start + 8, box.end), None)
    if entry is None or data[box.start + 4 : box.start + 8] != b"\0\0\0\1":
        return None
    # QuickTime's second and third version of the entry have 16 and 36 bytes more.
    version = data[entry.start + 8 : entry.start + 10]
    more = {b"\0\1": 16, b"\0\2": 36}.get(version, 0)
    content = Box(entry.name, entry.start + 28 + more, entry.end)
    if entry.name == b"mp4a":
        found = descend(data, content, b"esds") or descend(data, content, b"wave", b"esds")
        return audio_config(decoder_config(data[found.start + 4 : found.end])) if found is not None else None
    if entry.name == b"alac":
        found = descend(data, content, b"alac")
        cookie = data[found.start + 4 : found.start + 28] if found is not None else b""
        if len(cookie) == 24:
            rate, packet = int.from_bytes(cookie[20:24], "big"), int.from_bytes(cookie[:4], "big")
            return AudioConfig("alac", rate, cookie[9], packet, True)
    return None


def _edit(data: bytes, edits: Box | None, scale: int, movie_scale: int, total: int) -> tuple[int, int] | None:
    """Units left out at the start and at the end by the one edit there is; None for any other list."""
    if edits is None:
        return 0, 0
    fields = data[edits.start : edits.start + 28]
    if len(fields) < 20 or movie_scale == 0 or int.from_bytes(fields[4:8], "big") != 1:
        return None
    length: int
    begins: int
    length, begins = struct.unpack_from(">Qq" if fields[0] == 1 else ">Ii", fields, 8)
    played = (2 * length * scale + movie_scale) // (2 * movie_scale)  # to the nearest
    tolerance = max(scale // movie_scale, 1) + 1
    if begins < 0 or not -tolerance <= total - begins - played <= _MOST_PADDING + tolerance:
        return None
    return begins, max(0, total - begins - played)


def _itunes_note(movie: bytes, user_data: Box | None) -> tuple[int, int]:
    """Samples that the note says to cut off in front, and behind; 0 where there is none."""
    meta = descend(movie, user_data, b"meta") if user_data is not None else None
    if meta is None:
        return 0, 0
    # `meta` begins with a version, as ISO has it.
    entries = descend(movie, Box(meta.name, meta.start + 4, meta.end), b"ilst")
    if entries is None:
        return 0, 0
    for box in boxes(movie, entries.start, min(entries.end, len(movie))):
        content = movie[box.start : min(box.end, box.start + 256)] if box.name == b"----" else b""
        if b"iTunSMPB" in content:
            return _delay_and_padding(content[content.find(b"data") + 12 :])
    return 0, 0


def _delay_and_padding(note: bytes) -> tuple[int, int]:
    """The second and third of the note's hexadecimal words."""
    try:
        front, behind = (int(word, 16) for word in note.split()[1:3])
    except ValueError:
        return 0, 0
    return (front, behind if 0 < behind < _MOST_NOTED else 0) if 0 < front < _MOST_NOTED else (0, 0)


@cache
def _padding_is_cut() -> bool:
    """Whether the decoder leaves out what the encoder added to fill the last packet.

    The table says how much of that packet is sound, as do the edit list and iTunes' note. libavformat
    heeds them from version 63 on; before that it played all.
    """
    import av

    return bool(av.library_versions["libavformat"][0] >= _CUTTING_LIBAVFORMAT)
