"""Everything that is measured of one song, from one decoding."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.base import Plane
from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.features.bars import Bars, find_bars
from soundverse_nb.audio.features.key import KeyEstimate, find_key
from soundverse_nb.audio.features.levels import LevelMeter, Levels
from soundverse_nb.audio.features.onsets import find_onsets
from soundverse_nb.audio.features.spectra import Rows, SpectrumMeter
from soundverse_nb.audio.features.tempo import Tempo, find_tempo
from soundverse_nb.audio.features.timbre import Timbre, describe
from soundverse_nb.audio.k_weighting import RATES
from soundverse_nb.audio.loudness import Loudness, LoudnessMeter

FEATURES_VERSION = "1"
"""Grows with every change after which a figure of the same song may be another."""

_CANCELLED = 0.01  # share of the channels' power: below it, their mean is no picture of what is heard

# Half a megabyte a channel: calls into numpy cost a little each, and more does not stay in the cache.
_PIECE_FRAMES = 110_000


def features_stamp() -> str:
    """Which extraction figures come from: only those with one stamp may be compared.

    Nothing of librosa's is in them, so its version is not named: a new release of it changes no figure.

    >>> features_stamp()
    'features/1'
    """
    return f"features/{FEATURES_VERSION}"


@dataclass(frozen=True)
class Frames:
    """A row for each moment of a song, `frame_rate` of them a second; all arrays are float32.

    Row i is about the time i / `frame_rate` in seconds. `pitch_classes` (rows, 12) is how strongly C, C#, ...
    B sound, `upper_pitch_classes` the same of what lies where melodies do. `onset_strength` (rows,) is the
    rise in dB where notes begin, `onset_bands` (rows, 8) that of parts of the spectrum from low to high.
    `mfcc` (rows, 20), `centroid` (rows,) in Hz, nan where there is no sound, `rms` (rows,) linear.
    `tuning_agreement` 0 to 1 is how much all tones of the song agree on a tuning.
    """

    frame_rate: float
    pitch_classes: Rows
    upper_pitch_classes: Rows
    onset_strength: Rows
    onset_bands: Rows
    mfcc: Rows
    centroid: Rows
    rms: Rows
    tuning_agreement: float

    @property
    def times(self) -> NDArray[np.float64]:
        """The time of each row in seconds."""
        return np.arange(len(self.rms)) / self.frame_rate


@dataclass(frozen=True)
class Extracted:
    """What one song measures: rows for each moment, and figures of the whole of it.

    `duration` in seconds counts what was decoded: what an encoder put before and behind the song is not in
    it, and counts as no silence. `tuning` is how far the song is off A = 440 Hz, in cents, -50 to 50.
    `onset_density` is how many notes begin a second, at the times `onsets` in seconds. `loudness` holds
    the five figures of an EBU-mode meter, where what is silent has nan. `damage` says what could not be
    decoded, None where all could.

    Every scalar, those of the parts too, is finite, or nan and explained in `reasons` under its name; parts
    are joined by a dot ("levels.dynamic_range"), and all of a tempo or a key have one. Of `bars` it says what
    is unsure.
    """

    duration: float
    sample_rate: int
    channels: int
    frames: Frames
    tempo: Tempo
    bars: Bars
    key: KeyEstimate
    tuning: float
    onsets: NDArray[np.float64]
    onset_density: float
    timbre: Timbre
    levels: Levels
    loudness: Loudness
    damage: str | None
    stamp: str
    reasons: dict[str, str]


def extract(source: Any) -> Extracted:
    """Measure a song from its first sample to its last, in one pass; see Extracted.

    `source` is anything open_source() takes: a path, bytes, an open file, (samples, rate). A process takes
    some 160 MB for 350 s. Samples that are NaN or infinite count as silence.
    Raises AudioError where it cannot be opened or holds no sound.

    >>> import numpy as np
    >>> silence = extract((np.zeros((2, 44100)), 44100))
    >>> silence.duration, silence.levels.silence_total, silence.reasons["tempo"]
    (1.0, 1.0, 'Fewer than 4 notes begin.')
    """
    with decode(source, _PIECE_FRAMES) as sound:
        rate, channels = sound.sample_rate, sound.channels
        levels, spectra = LevelMeter(rate, channels), SpectrumMeter(rate)
        loudness = LoudnessMeter(rate, channels)
        for piece in sound.pieces():
            planes = levels.feed(sound.planes(piece))
            loudness.feed_planes(planes)
            spectra.feed(_mixed(planes))
        damage = sound.damage
    seen = spectra.spectra()
    onsets = find_onsets(seen.mel)
    tempo = find_tempo(onsets)
    timbre = describe(seen, rate)
    return _explained(
        Extracted(
            duration=seen.duration,
            sample_rate=rate,
            channels=channels,
            frames=Frames(
                frame_rate=seen.frame_rate,
                pitch_classes=seen.notes.profiles,
                upper_pitch_classes=seen.notes.upper,
                onset_strength=onsets.strength,
                onset_bands=onsets.bands,
                mfcc=timbre.mfcc,
                centroid=seen.centroid,
                rms=seen.rms,
                tuning_agreement=seen.notes.tuning_agreement,
            ),
            tempo=tempo,
            bars=find_bars(tempo, onsets, seen.notes.profiles, seen.notes.upper),
            key=find_key(seen.notes.profiles, seen.notes.tuning_agreement),
            tuning=seen.notes.tuning if seen.notes.tuning_agreement > 0 else math.nan,
            onsets=onsets.times,
            onset_density=len(onsets.times) / seen.duration if seen.duration else math.nan,
            timbre=timbre,
            levels=levels.levels(),
            loudness=loudness.loudness(),
            damage=damage,
            stamp=features_stamp(),
            reasons={},
        )
    )


def _explained(song: Extracted) -> Extracted:
    """The same with the reason for each figure that is nan."""
    reasons = song.reasons
    for name, unknown in (("tempo", song.tempo.reason), ("bars", song.bars.reason), ("key", song.key.reason)):
        if unknown:
            reasons[name] = unknown
    for name, inner in (("timbre", song.timbre.reasons), ("levels", song.levels.reasons)):
        reasons.update({f"{name}.{figure}": reason for figure, reason in inner.items()})
    if math.isnan(song.tuning):
        reasons["tuning"] = "The song has no notes."
    if math.isnan(song.onset_density):
        reasons["onset_density"] = "The song has no length."
    said = {}
    for figure, value in asdict(song.loudness).items():
        said[figure] = value
        if not math.isfinite(value):
            said[figure] = math.nan
            reasons[f"loudness.{figure}"] = _why_no_loudness(song, _LOUDNESS_SECONDS.get(figure, 0.0))
    return replace(song, loudness=Loudness(**said))


def _why_no_loudness(song: Extracted, least_seconds: float) -> str:
    if not RATES[0] <= song.sample_rate <= RATES[1]:
        return f"At {song.sample_rate} Hz loudness has no meaning."
    if song.duration < least_seconds:
        return f"The song is shorter than {least_seconds:g} s."
    return "The song is silent, or all of it too quiet to count."


# The windows that figures of loudness are about (EBU Tech 3341).
_LOUDNESS_SECONDS = {
    "integrated_lufs": 0.4,
    "momentary_max_lufs": 0.4,
    "short_term_max_lufs": 3.0,
    "range_lu": 3.0,
}


def _mixed(planes: Sequence[Plane]) -> Rows:
    """The mean of the channels, or the strongest where they cancel one another out.

    A sum of planes is ten times as quick as a mean across them.
    """
    mono = np.array(planes[0], np.float32)
    for plane in planes[1:]:
        mono += plane
    if len(planes) > 1:
        mono /= np.float32(len(planes))
        powers = [_power(plane) for plane in planes]
        if _power(mono) < _CANCELLED * max(powers) / len(planes):
            return np.array(planes[int(np.argmax(powers))], np.float32)
    return mono


def _power(plane: Plane) -> float:
    return float(np.einsum("i,i->", plane, plane))
