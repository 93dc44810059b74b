"""Measuring a whole song once: its length, level, clipping and loudness, in a single pass.

Where the decoder works on its own for long, a second thread measures meanwhile. Not so for songs that are
decoded packet by packet: two threads that keep asking for Python's one lock take longer than one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Decoding, End, FastPathRejected
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.envelope import Envelope
from soundverse_nb.audio.meters import SongMeter, quiet_ends, whole_pieces
from soundverse_nb.audio.probe import Untrusted, probe
from soundverse_nb.audio.source import Source, open_source
from soundverse_nb.audio.worker_thread import HelperThread

# Half a megabyte a channel: calls into numpy cost a little each, and more does not stay in the cache.
_PIECE_FRAMES = 110_000
# A decoder that has not come back for so many seconds from a stretch of sound that takes hundredths.
_PATIENCE = 0.5
# Less than this may be a codec's way to begin or to end.
_LOST_SECONDS = 0.05


@dataclass(frozen=True)
class Measurements:
    """What one pass over a song tells.

    `duration` in seconds counts decoded frames; where `end` is OUT_OF_TIME it comes from the packets' own
    lengths, and only the first `heard_seconds` were listened to, a part of the song if `is_part`.
    `known_seconds` is what the header proves, asked only where the end was not reached.
    `peak` is linear (1.0 full scale), `loudness` in LUFS (-inf for silence), `clipped` the number of samples
    in flat tops at full scale, `not_finite` of NaN or infinite ones, `quiet_start` and `quiet_end` the
    seconds below -60 dBFS at either end. `hops` is the K-weighted mean square of each `hop_seconds`, for
    finding loud places. `lead` counts the bytes before the song that do not belong to it.
    finding loud places. Of `tracks` tracks of sound, number `track` (from 0) was heard.
    """

    duration: float
    heard_seconds: float
    known_seconds: float | None
    sample_rate: int
    channels: int
    format: str
    codec: str
    peak: float
    loudness: float
    clipped: int
    not_finite: int
    quiet_start: float
    quiet_end: float
    envelope: Envelope
    hops: NDArray[np.float64]
    hop_seconds: float
    end: End
    damage: str | None
    cut_short: bool
    promised_seconds: float | None
    is_part: bool
    lead: int = 0
    tracks: int = 1
    track: int = 0


def measure(source: Any, stop_seconds: float | None = None, time_limit: float | None = None) -> Measurements:
    """Decode a song to its end, or just past `stop_seconds`, or for `time_limit` seconds of work at most.

    Out of time, the header is asked for the length; where it proves none, or less than was heard, packets are
    counted.

    Raises AudioError where it cannot be opened or holds no sound.
    """
    taken = open_source(source)
    proven = cache(partial(_proven_seconds, taken))
    with decode(taken, _PIECE_FRAMES, stop_seconds, time_limit=time_limit) as careful:
        careful.block_frames = whole_pieces(careful.block_frames, careful.sample_rate)
        quick = _fast_path(careful, proven)
        if quick is not None:
            with quick:
                try:
                    return _told(quick, _measured(quick), proven)
                except FastPathRejected:
                    pass  # for the careful one to judge
        meter = _measured(careful)
        if careful.end is End.COMPLETE:
            careful.damage = careful.damage or _lost(careful, proven())
        return _told(careful, meter, proven)


def _fast_path(careful: Decoding, seconds: Callable[[], float | None]) -> Decoding | None:
    """A quicker decoding of the same song, for when it proves intact; None where there is none."""
    if not careful.may_be_in_filtergraph:
        return None
    # It loads PyAV, which an uncompressed song does without.
    from soundverse_nb.audio.decode.filtergraph import open_filtergraph

    return open_filtergraph(careful, seconds)


def _lost(sound: Decoding, known: float | None) -> str | None:
    """What of a song that is at its end was to be heard, if its header proves that, and was not."""
    missing = 0.0 if known is None else known - sound.seconds
    return f"{missing:.2f} s cannot be decoded" if missing > _LOST_SECONDS else None


def _measured(sound: Decoding) -> SongMeter:
    """What is heard until the decoding ends; on two threads, if the decoder leaves room for that."""
    meter = SongMeter(sound.sample_rate, sound.channels)

    def feed(piece: Any) -> None:
        meter.feed(sound.planes(piece))

    if not sound.leaves_room:
        for piece in sound.pieces():
            feed(piece)
        return meter
    with HelperThread(feed, _PATIENCE, sound.interrupt) as helper:
        for piece in sound.pieces():
            helper.put(piece)
            sound.note_help(helper.spent)
    sound.confirm()
    return meter


def _told(sound: Decoding, meter: SongMeter, proven: Callable[[], float | None]) -> Measurements:
    heard_seconds = duration = sound.seconds
    known = proven() if sound.end in (End.OUT_OF_TIME, End.STOPPED) else None
    if sound.end is End.OUT_OF_TIME:
        duration = known if known is not None and known >= heard_seconds else sound.skim()
    envelope = meter.envelope()
    start, end = quiet_ends(envelope)
    return Measurements(
        duration=duration,
        heard_seconds=heard_seconds,
        known_seconds=known,
        sample_rate=sound.sample_rate,
        channels=sound.channels,
        format=sound.format,
        codec=sound.codec,
        peak=meter.peak,
        loudness=meter.integrated(),
        clipped=meter.clipped,
        not_finite=meter.not_finite,
        quiet_start=start,
        quiet_end=end,
        envelope=envelope,
        hops=meter.powers(),
        hop_seconds=meter.hop_seconds,
        end=sound.end,
        damage=sound.damage,
        cut_short=sound.cut_short,
        promised_seconds=sound.promised_seconds,
        tracks=sound.tracks,
        track=sound.track,
        is_part=sound.end is End.OUT_OF_TIME and (sound.has_rest or duration > heard_seconds),
        lead=sound.lead,
    )


def _proven_seconds(source: Source) -> float | None:
    """The length in the header, in seconds, if it proves itself."""
    if source.samples is not None:
        return source.samples.frames / source.samples.sample_rate
    found = probe(source)
    return None if isinstance(found, Untrusted) else found.duration
