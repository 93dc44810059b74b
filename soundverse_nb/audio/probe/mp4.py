"""MP4 and M4A: the sample table counts the packets, the edit list says how much of them is heard.

ISO/IEC 14496-12 (boxes), 14496-14 (MP4), 14496-3 (AudioSpecificConfig), Apple's ALAC magic cookie.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from soundverse_nb.audio.probe.aac import AudioConfig, audio_config, decoder_config
from soundverse_nb.audio.probe.boxes import Box, boxes, find
from soundverse_nb.audio.probe.itunes import itunes_priming
from soundverse_nb.audio.probe.outcome import Probed, Untrusted, implausible
from soundverse_nb.audio.probe.window import Window

_MOST_RUNS = 1000
_READ_AT_ONCE = 1 << 18


class Track(NamedTuple):
    """An audio track's boxes: its sample table and description, and its edit list where it has one."""

    table: Box
    media_header: Box
    edits: Box | None


def probe_mp4(window: Window) -> Probed | Untrusted:
    """Packets times samples a packet, less the priming that the edit list skips."""
    top = {box.name: box for box in boxes(window, 0, window.size)}
    movie, media = top.get(b"moov"), top.get(b"mdat")
    if movie is None or media is None or max(box.end for box in top.values()) > window.size:
        return Untrusted("The MP4 is cut short: its header or its sound is missing.", "mp4")
    window.at(movie.start, min(movie.end - movie.start, _READ_AT_ONCE))  # kept for the many small looks
    if b"moof" in top or find(window, movie, b"mvex") is not None:
        return Untrusted("The MP4 is fragmented: its header does not say how long it is.", "mp4")
    tracks = [track for box in boxes(window, movie.start, movie.end) if (track := _track(window, box))]
    if len(tracks) != 1:
        return Untrusted(f"The MP4 holds {len(tracks)} audio tracks.", "mp4")
    return _length(window, tracks[0], movie)


def _track(window: Window, box: Box) -> Track | None:
    """The track in this box, None where it is no audio track."""
    if box.name != b"trak":
        return None
    handler = find(window, box, b"mdia", b"hdlr")
    header = find(window, box, b"mdia", b"mdhd")
    table = find(window, box, b"mdia", b"minf", b"stbl")
    if handler is None or header is None or table is None:
        return None
    if window.at(handler.start + 8, 4) != b"soun":
        return None
    return Track(table, header, find(window, box, b"edts", b"elst"))


def _timescale(window: Window, header: Box) -> tuple[int, int]:
    """Units a second and duration in units, from a movie or media header box."""
    fields = window.at(header.start, 32)
    if len(fields) < 20:
        return 0, 0
    if fields[0] == 1:
        return int.from_bytes(fields[20:24], "big"), int.from_bytes(fields[24:32], "big")
    return int.from_bytes(fields[12:16], "big"), int.from_bytes(fields[16:20], "big")


def _length(window: Window, track: Track, movie: Box) -> Probed | Untrusted:
    """Check the track's tables against each other, the codec and the file, and count what is heard."""
    table = {box.name: box for box in boxes(window, track.table.start, track.table.end)}
    if not {b"stsd", b"stts", b"stsz", b"stsc"} <= table.keys():
        return Untrusted("The MP4's table of packets is incomplete.", "mp4")
    config = _description(window, table[b"stsd"])
    if isinstance(config, Untrusted):
        return config
    absurd = implausible("mp4", config.sample_rate, config.channels)
    if absurd is not None:
        return absurd
    scale, claimed = _timescale(window, track.media_header)
    runs = _times(window, table[b"stts"])
    packets = int.from_bytes(window.at(table[b"stsz"].start + 8, 4), "big")
    if scale == 0 or not runs or sum(count for count, _ in runs) != packets:
        return Untrusted("The MP4's table of packets contradicts itself.", "mp4")
    total = sum(count * step for count, step in runs)
    if abs(total - claimed) > 2 * max(step for _, step in runs):
        return Untrusted("The MP4's header claims another length than its table of packets.", "mp4")
    if not _holds_packets(window, table, packets):
        return Untrusted("The MP4's table points behind the end of the file: it was cut.", "mp4")
    samples = _samples(runs, packets, scale, config)
    if samples is None:
        return Untrusted("The MP4's clock does not fit its codec's packets.", "mp4")
    header = find(window, movie, b"mvhd")
    skipped = _skipped(window, track.edits, scale, _timescale(window, header)[0] if header else 0, total)
    if skipped is None:
        return Untrusted("The MP4's edit list plays only parts of its sound.", "mp4")
    # FFmpeg lets the note win over the edit list; where both stand they say the same.
    priming = itunes_priming(window, movie) if config.codec == "aac" else 0
    duration = samples / config.sample_rate - (priming / config.sample_rate or skipped / scale)
    if duration <= 0:
        return Untrusted("The MP4's header claims no sound.", "mp4")
    return Probed("mp4", config.codec, config.sample_rate, config.channels, duration)


def _description(window: Window, box: Box) -> AudioConfig | Untrusted:
    """The codec of the one sample entry (14496-12, 12.2.3)."""
    entry = next(boxes(window, box.start + 8, box.end), None)
    if entry is None or window.at(box.start + 4, 4) != b"\0\0\0\1":
        return Untrusted("The MP4's sound is described more than once, or not at all.", "mp4")
    is_quicktime_2 = window.at(entry.start + 8, 2) == b"\0\2"
    content = Box(entry.name, entry.start + (64 if is_quicktime_2 else 28), entry.end)
    if window.at(entry.start + 8, 2) == b"\0\1":
        content = Box(entry.name, entry.start + 44, entry.end)
    config = None
    if entry.name == b"mp4a":
        found = find(window, content, b"esds") or find(window, content, b"wave", b"esds")
        if found is not None:
            descriptors = window.at(found.start + 4, min(found.end - found.start, 256))
            config = audio_config(decoder_config(descriptors))
    elif entry.name == b"alac":
        found = find(window, content, b"alac")
        cookie = window.at(found.start + 4, 24) if found is not None else b""
        if len(cookie) == 24:
            rate, packet = int.from_bytes(cookie[20:24], "big"), int.from_bytes(cookie[:4], "big")
            config = AudioConfig("alac", rate, cookie[9], packet, True)
    return config or Untrusted("Only a decoder knows how long this kind of MP4 is.", "mp4")


def _times(window: Window, box: Box) -> list[tuple[int, int]]:
    """The runs of packets of equal length: (count, units); empty where the table is none."""
    count = int.from_bytes(window.at(box.start + 4, 4), "big")
    if not 0 < count <= _MOST_RUNS or box.start + 8 + 8 * count > box.end:
        return []
    entries = window.at(box.start + 8, 8 * count)
    return [
        (int.from_bytes(entries[at : at + 4], "big"), int.from_bytes(entries[at + 4 : at + 8], "big"))
        for at in range(0, 8 * count, 8)
    ]


def _samples(runs: list[tuple[int, int]], packets: int, scale: int, config: AudioConfig) -> int | None:
    """Samples that the packets decode to, None where the clock disagrees with the codec.

    Every packet but the last lasts the codec's packet length. AAC decodes a last packet in full, however
    short the table calls it; ALAC's last packet holds less.
    """
    usual = config.packet_samples * scale
    if any(count * abs(step * config.sample_rate - usual) > scale for count, step in runs[:-1]):
        return None
    last_count, last_step = runs[-1]
    if last_count > 1 and last_count * abs(last_step * config.sample_rate - usual) > scale * last_count:
        return None
    if last_step * config.sample_rate > usual + scale:
        return None
    if config.ends_short:
        return (packets - 1) * config.packet_samples + last_step * config.sample_rate // scale
    return packets * config.packet_samples


def _holds_packets(window: Window, table: dict[bytes, Box], packets: int) -> bool:
    """Whether the last chunk of packets ends inside the file."""
    wide = b"co64" in table
    chunks = table.get(b"co64") or table.get(b"stco")
    if chunks is None:
        return False
    width = 8 if wide else 4
    count = int.from_bytes(window.at(chunks.start + 4, 4), "big")
    begins = int.from_bytes(window.at(chunks.start + 8 + width * (count - 1), width), "big")
    runs = int.from_bytes(window.at(table[b"stsc"].start + 4, 4), "big")
    per_chunk = int.from_bytes(window.at(table[b"stsc"].start + 8 + 12 * (runs - 1) + 4, 4), "big")
    sizes = table[b"stsz"].start
    if not 0 < per_chunk <= packets or count == 0 or chunks.start + 8 + width * count > chunks.end:
        return False
    each = int.from_bytes(window.at(sizes + 4, 4), "big")
    if each:
        return begins + each * per_chunk <= window.size
    if sizes + 12 + 4 * packets > table[b"stsz"].end:
        return False
    listed = window.at(sizes + 12 + 4 * (packets - per_chunk), 4 * per_chunk)
    lengths: tuple[int, ...] = struct.unpack(f">{len(listed) // 4}I", listed)
    return begins + sum(lengths) <= window.size


def _skipped(window: Window, edits: Box | None, scale: int, movie_scale: int, total: int) -> int | None:
    """Units skipped at the start by the one edit that plays all the rest; None for any other list."""
    if edits is None:
        return 0
    fields = window.at(edits.start, 28)
    if len(fields) < 20 or movie_scale == 0 or int.from_bytes(fields[4:8], "big") != 1:
        return None
    length: int
    begins: int
    length, begins = struct.unpack_from(">Qq" if fields[0] == 1 else ">Ii", fields, 8)
    played = length * scale // movie_scale
    tolerance = max(scale // movie_scale, 1) + 1
    # Encoders pad the last packet, and the list leaves the padding out: up to two packets.
    if begins < 0 or not -tolerance <= total - begins - played <= 2 * 2048 + tolerance:
        return None
    return begins
