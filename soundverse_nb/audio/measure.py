"""Measure a song in a single pass: length, level, clipping, loudness, envelope.

Where FFmpeg decodes the song in one go, a second thread measures meanwhile. Not so for songs that are decoded
packet by packet: two threads that keep asking for Python's one lock take longer than one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Block, Decoding, End, FastPathRejected
from soundverse_nb.audio.decode.opening import decode, decode_in_one_go
from soundverse_nb.audio.loudness import HOP_SECONDS, integrated_loudness
from soundverse_nb.audio.meters import (
    POINTS_PER_SECOND,
    Envelope,
    EnvelopeMeter,
    SongMeter,
    aligned_length,
    edge_silence,
)
from soundverse_nb.audio.probe import Untrusted, probe
from soundverse_nb.audio.source import Source, open_source
from soundverse_nb.audio.worker_thread import HelperThread

if TYPE_CHECKING:  # loads FFmpeg
    from soundverse_nb.audio.decode.filtergraph import FiltergraphDecoding

# Half a megabyte a channel: calls into numpy cost a little each, and more does not stay in the cache.
_PIECE_FRAMES = 110_000
# A decoder that has not come back for so many seconds from a piece of sound that takes hundredths.
_STALL_SECONDS = 0.5
# Less than this may be a codec's way to begin or to end.
_LOST_SECONDS = 0.05


@dataclass(frozen=True, kw_only=True)
class DecodedSong:
    """What decoding a song shows of it.

    `duration` in seconds counts decoded frames; where `end` is OUT_OF_TIME it comes from the packets' own
    lengths, and only the first `heard_seconds` were decoded, a part of the song if `is_part`.
    `known_seconds` is what the header proves, asked only where the end was not reached. `lead` counts the
    bytes before the song that do not belong to it. Of `tracks` tracks of sound, number `track` (from 0) was
    decoded.
    """

    duration: float
    heard_seconds: float
    known_seconds: float | None
    sample_rate: int
    channels: int
    format: str
    codec: str
    end: End
    damage: str | None
    cut_short: bool
    promised_seconds: float | None
    is_part: bool
    lead: int = 0
    tracks: int = 1
    track: int = 0


@dataclass(frozen=True, kw_only=True)
class Measurements(DecodedSong):
    """What one pass over a song measures.

    `peak` is linear (1.0 full scale), `loudness` the integrated one in LUFS (-inf for silence, nan under
    400 ms), `clipped` the number of samples in flat tops at full scale, `not_finite` of NaN or infinite ones,
    `quiet_start` and `quiet_end` the seconds below -60 dBFS at either end. `hops` is the K-weighted mean
    square of each `hop_seconds`, for finding loud places.
    """

    peak: float
    loudness: float
    clipped: int
    not_finite: int
    quiet_start: float
    quiet_end: float
    envelope: Envelope
    hops: NDArray[np.float64]
    hop_seconds: float


def measure(
    source: Any,
    stop_seconds: float | None = None,
    time_limit: float | None = None,
    points_per_second: float = POINTS_PER_SECOND,
) -> Measurements:
    """Decode a song to its end, or just past `stop_seconds`, or for `time_limit` seconds of work at most.

    Out of time, the header is asked for the length; where it proves none, or less than was decoded, packets
    are counted. The envelope has `points_per_second` points a second or a few more.

    Raises AudioError where it cannot be opened or holds no sound.
    """
    opened = open_source(source)
    proven = cache(partial(_proven_seconds, opened))
    with decode(opened, _PIECE_FRAMES, stop_seconds, time_limit=time_limit) as sound:
        sound.block_frames = aligned_length(sound.block_frames, sound.sample_rate, points_per_second)
        fast = decode_in_one_go(sound, opened, proven)
        if fast is not None:
            with fast:
                try:
                    return _measurements(fast, _meter_on_two_threads(fast, points_per_second), proven)
                except FastPathRejected:
                    pass  # packet by packet it shows what is wrong
        meter = _meter(sound, points_per_second)
        if sound.end is End.COMPLETE:
            sound.damage = sound.damage or _missing(sound, proven())
        return _measurements(sound, meter, proven)


def decode_through(
    source: Any, stop_seconds: float | None = None, time_limit: float | None = None
) -> DecodedSong:
    """Decode a song as `measure` does, and measure nothing but its length: for whether it plays.

    Raises AudioError where it cannot be opened or holds no sound.
    """
    opened = open_source(source)
    proven = cache(partial(_proven_seconds, opened))
    with decode(opened, _PIECE_FRAMES, stop_seconds, time_limit=time_limit) as sound:
        fast = decode_in_one_go(sound, opened, proven)
        if fast is not None:
            with fast:
                try:
                    _on_two_threads(fast, fast.planes)
                    return _song(fast, proven)
                except FastPathRejected:
                    pass  # packet by packet it shows what is wrong
        for piece in sound.pieces():
            sound.planes(piece)
        if sound.end is End.COMPLETE:
            sound.damage = sound.damage or _missing(sound, proven())
        return _song(sound, proven)


def _missing(sound: Decoding, known: float | None) -> str | None:
    """What of a completely decoded song is missing from the length that its header proves, in a few words."""
    missing = 0.0 if known is None else known - sound.seconds
    return f"{missing:.2f} s cannot be decoded" if missing > _LOST_SECONDS else None


def _meter(sound: Decoding, points_per_second: float) -> SongMeter:
    """The song measured until the decoding ends."""
    meter = SongMeter(sound.sample_rate, sound.channels, points_per_second)
    for piece in sound.pieces():
        meter.feed(sound.planes(piece))
    return meter


def _meter_on_two_threads(sound: FiltergraphDecoding, points_per_second: float) -> SongMeter:
    """The same, where the decoder leaves Python's lock free for long enough.

    That is worth 14 to 21 ms of some 200 where a second processor is idle, and nothing where none is.
    """
    meter = SongMeter(sound.sample_rate, sound.channels, points_per_second)

    def feed(piece: Any) -> None:
        meter.feed(sound.planes(piece))

    _on_two_threads(sound, feed)
    return meter


def _on_two_threads(sound: FiltergraphDecoding, look: Callable[[Any], object]) -> None:
    """The song decoded here and looked at by another thread, which also notices where the decoder hangs.

    Every piece has to be asked for its planes: of a FLAC the checksum is reckoned from them.
    """
    with HelperThread(look, _STALL_SECONDS, sound.interrupt) as helper:
        for piece in sound.pieces():
            helper.put(piece)
            sound.add_helper_time(helper.spent)
    sound.verify()


def _song(sound: Decoding, proven: Callable[[], float | None]) -> DecodedSong:
    heard_seconds = duration = sound.seconds
    known = proven() if sound.end in (End.OUT_OF_TIME, End.STOPPED) else None
    if sound.end is End.OUT_OF_TIME:
        duration = known if known is not None and known >= heard_seconds else sound.estimate_seconds()
    return DecodedSong(
        duration=duration,
        heard_seconds=heard_seconds,
        known_seconds=known,
        sample_rate=sound.sample_rate,
        channels=sound.channels,
        format=sound.format,
        codec=sound.codec,
        end=sound.end,
        damage=sound.damage,
        cut_short=sound.cut_short,
        promised_seconds=sound.promised_seconds,
        tracks=sound.tracks,
        track=sound.track,
        is_part=sound.end is End.OUT_OF_TIME and (sound.has_rest or duration > heard_seconds),
        lead=sound.lead,
    )


def outline_and_loudness(source: Any, points: int) -> tuple[Envelope, float]:
    """What a song on show needs, in one pass: its outline of at most `points` points, and LUFS.

    Points with NaN in them are NaN; the loudness is -inf for silence, NaN where the rate gives it no meaning.
    Raises AudioError where it cannot be decoded.
    """
    with decode(source) as sound:
        density = points / max(sound.promised_seconds or 0.0, 0.01)
        meter = EnvelopeMeter(sound.sample_rate, sound.channels, max(200.0, density))

        def outlined() -> Iterator[Block]:
            for block in sound:
                meter.feed_as_is(block)
                yield block

        loudness = integrated_loudness(outlined(), sound.sample_rate)
    return meter.finish(points), loudness


def _measurements(sound: Decoding, meter: SongMeter, proven: Callable[[], float | None]) -> Measurements:
    envelope = meter.envelope()
    start, end = edge_silence(envelope)
    return Measurements(
        **vars(_song(sound, proven)),
        peak=meter.peak,
        loudness=meter.loudness.integrated(),
        clipped=meter.clipped,
        not_finite=meter.not_finite,
        quiet_start=start,
        quiet_end=end,
        envelope=envelope,
        hops=meter.loudness.powers(),
        hop_seconds=HOP_SECONDS,
    )


def _proven_seconds(source: Source) -> float | None:
    """The length in the header, in seconds, if it proves itself."""
    if source.samples is not None:
        return source.samples.frames / source.samples.sample_rate
    found = probe(source)
    return None if isinstance(found, Untrusted) else found.duration
