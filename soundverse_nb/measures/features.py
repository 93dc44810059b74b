"""Features: what a song measures by itself, from its length to its key, each with its unit."""

from __future__ import annotations

import math
from typing import Any

from pydantic import Field

from soundverse_nb.measures.values import Measured, Number, Value
from soundverse_nb.render.measures import MeasureRow, measures_html, measures_text
from soundverse_nb.render.units import channels as channels_label
from soundverse_nb.render.units import clock, decimal, rate

TONICS = {
    "major": ("C", "Db", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B"),
    "minor": ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "G#", "A", "Bb", "B"),
}
"""The tonics of keys by pitch class, spelled as musicians usually do."""


def key_name(tonic: int, mode: str) -> str:
    """A key in words.

    >>> key_name(10, "major"), key_name(8, "minor")
    ('Bb major', 'G# minor')
    """
    return f"{TONICS[mode][tonic % 12]} {mode}"


class TempoChoice(Value):
    """A tempo at which the same music may be counted, in BPM, and its share of the evidence, 0 to 1."""

    bpm: Number = math.nan
    weight: Number = math.nan


class Tempo(Value):
    """The tempo of a song and the others at which it may be counted.

    Attributes
    ----------
    bpm : beats a minute, the slope of a line through all beat times; nan where no beat was found.
    confidence : 0 to 1, how surely this is the tempo at which people would count.
    alternatives : the other tempos, such as half and double, the most likely first.
    unsure : whether the confidence is too low to rely on the choice among them.
    """

    bpm: Number = math.nan
    confidence: Number = math.nan
    alternatives: tuple[TempoChoice, ...] = ()
    unsure: bool = True


class Key(Value):
    """The key of a song, such as "A minor", and the next likely one.

    Attributes
    ----------
    name : tonic and mode; "" where there is none to be heard.
    second : the second choice.
    confidence : 0 to 1, how surely the first is right.
    unsure : whether the confidence is too low to rely on the first.
    """

    name: str = ""
    second: str = ""
    confidence: Number = math.nan
    unsure: bool = True

    @property
    def tonic(self) -> int | None:
        """The pitch class of the tonic, 0 for C to 11 for B; None without a key."""
        tonic, _, mode = self.name.partition(" ")
        return TONICS[mode].index(tonic) if tonic in TONICS.get(mode, ()) else None

    @property
    def mode(self) -> str:
        """ "major" or "minor"; "" without a key."""
        return self.name.partition(" ")[2]


class Features(Measured):
    """What a song measures by itself; `sv.analyse` makes it. It shows itself as a table.

    A number that could not be measured is nan, and `reasons` says why, by the name of its column in `row`.

    Attributes
    ----------
    name, content : the song's name, and the SHA-256 of its content.
    extractor : which version of the measures this is, such as "features/1".
    duration : seconds, as decoded.
    sample_rate, channels : in Hz; 1 for mono.
    loudness : integrated loudness in LUFS after ITU-R BS.1770-5.
    loudness_range : LU, after EBU Tech 3342.
    momentary_max, short_term_max : the loudest 0.4 s and 3 s, in LUFS, after EBU Tech 3341.
    true_peak : dBTP, the peak between the samples too.
    tempo, beats : see `Tempo`; the times of the beats in seconds.
    beats_per_bar, bars : 2, 3, 4 or 6, 0 without beats; the times in seconds at which bars begin.
    bars_confidence : 0 to 1, how surely they do; `bars_unsure` where it is too low to rely on. Where not
        even the number can be told, four from the first beat on are assumed, and `reasons["bars"]` says so.
    key : see `Key`.
    onset_density : notes and strokes that begin, a second.
    centroid : the spectrum's centre of mass in Hz, mean over the song.
    contrast : dB of power between peaks and valleys of the spectrum in seven bands from low to high, mean.
    mfcc_mean, mfcc_std : twenty mel-frequency cepstral coefficients, mean and standard deviation.
    silence, silence_start, silence_end : seconds below -60 dBFS in all, at the start and at the end.
    clipped_runs, clipped_samples : runs of three or more samples at full scale; the samples in them.
    dynamic_range : dB by which peaks stand above the loud parts, as "DR" meters have it; no loudness range.
    stereo_width : share of the side signal, 0 for mono, 0.5 for unrelated channels, 1 for opposite ones.
    metrics : measures of your own, see `sv.metric`.

    >>> import soundverse_nb as sv
    >>> features = sv.analyse(sv.example_song())
    >>> features.key.name, round(features.tempo.bpm)
    ('F major', 100)
    >>> features.row["loudness_lufs"] == features.loudness
    True
    """

    name: str
    content: str
    extractor: str
    duration: Number
    sample_rate: int
    channels: int
    loudness: Number
    loudness_range: Number
    momentary_max: Number
    short_term_max: Number
    true_peak: Number
    tempo: Tempo
    beats: tuple[float, ...]
    beats_per_bar: int
    bars: tuple[float, ...]
    bars_confidence: Number
    bars_unsure: bool
    key: Key
    onset_density: Number
    centroid: Number
    contrast: tuple[Number, ...]
    mfcc_mean: tuple[Number, ...]
    mfcc_std: tuple[Number, ...]
    silence: Number
    silence_start: Number
    silence_end: Number
    clipped_runs: int
    clipped_samples: int
    dynamic_range: Number
    stereo_width: Number
    metrics: dict[str, Number] = Field(default_factory=dict)

    @property
    def row(self) -> dict[str, Any]:
        """One flat record: a column a measure, its unit at the end of the name; nan where it is unknown."""
        second = self.tempo.alternatives[0] if self.tempo.alternatives else TempoChoice()
        return {
            "name": self.name,
            "content": self.content,
            "extractor": self.extractor,
            "duration_s": self.duration,
            "sample_rate_hz": self.sample_rate,
            "channels": self.channels,
            "loudness_lufs": self.loudness,
            "loudness_range_lu": self.loudness_range,
            "momentary_max_lufs": self.momentary_max,
            "short_term_max_lufs": self.short_term_max,
            "true_peak_dbtp": self.true_peak,
            "tempo_bpm": self.tempo.bpm,
            "tempo_confidence": self.tempo.confidence,
            "tempo_unsure": self.tempo.unsure,
            "tempo_second_bpm": second.bpm,
            "tempo_second_weight": second.weight,
            "beats": len(self.beats),
            "beats_per_bar": self.beats_per_bar,
            "bars": len(self.bars),
            "bars_confidence": self.bars_confidence,
            "bars_unsure": self.bars_unsure,
            "key": self.key.name,
            "key_confidence": self.key.confidence,
            "key_unsure": self.key.unsure,
            "key_second": self.key.second,
            "onset_density_per_s": self.onset_density,
            "centroid_hz": self.centroid,
            **{f"contrast_{band}_db": value for band, value in enumerate(self.contrast, 1)},
            **{f"mfcc_{number}_mean": value for number, value in enumerate(self.mfcc_mean, 1)},
            **{f"mfcc_{number}_std": value for number, value in enumerate(self.mfcc_std, 1)},
            "silence_s": self.silence,
            "silence_start_s": self.silence_start,
            "silence_end_s": self.silence_end,
            "clipped_runs": self.clipped_runs,
            "clipped_samples": self.clipped_samples,
            "dynamic_range_db": self.dynamic_range,
            "stereo_width": self.stereo_width,
            **self.metrics,
        }

    @classmethod
    def unknown(cls, name: str = "") -> Features:
        """Features of which nothing is known."""
        nothing = dict.fromkeys(field for field, kind in cls.model_fields.items() if kind.annotation is float)
        return cls.model_validate(
            {
                **nothing,
                "name": name,
                "content": "",
                "extractor": "",
                "sample_rate": 0,
                "channels": 0,
                "tempo": Tempo(),
                "beats": (),
                "beats_per_bar": 0,
                "bars": (),
                "bars_unsure": True,
                "key": Key(),
                "clipped_runs": 0,
                "clipped_samples": 0,
                "contrast": (None,) * 7,
                "mfcc_mean": (None,) * 20,
                "mfcc_std": (None,) * 20,
            }
        )

    def shown(self) -> dict[str, str]:
        """The cells of this song in a table of many."""
        return {
            "length": clock(self.duration),
            "tempo": tempo_label(self.tempo),
            "key": key_label(self.key),
            "loudness": _with_unit(self.loudness, 1, "LUFS"),
            "onsets per second": decimal(self.onset_density, 1),
            **{name: decimal(value, 3) for name, value in self.metrics.items()},
        }

    def __str__(self) -> str:
        return measures_text(self.name, _rows(self), [f"measured by {self.extractor}"])

    def _repr_mimebundle_(self, include: object = None, exclude: object = None) -> dict[str, str]:
        note = f"measured by {self.extractor}"
        return {"text/plain": str(self), "text/html": str(measures_html(self.name, _rows(self), [note]))}


def tempo_label(tempo: Tempo) -> str:
    """ "120.0 BPM"; where the choice is unsure with the next one: "120.0 or 60.0 BPM (unsure)"."""
    if math.isnan(tempo.bpm):
        return "–"
    if tempo.unsure and tempo.alternatives:
        return f"{decimal(tempo.bpm, 1)} or {decimal(tempo.alternatives[0].bpm, 1)} BPM (unsure)"
    return f"{decimal(tempo.bpm, 1)} BPM{' (unsure)' * tempo.unsure}"


def key_label(key: Key) -> str:
    """ "A minor"; where the choice is unsure with the next one: "A minor or C major (unsure)"."""
    if not key.name:
        return "–"
    if key.unsure and key.second:
        return f"{key.name} or {key.second} (unsure)"
    return key.name


def _rows(features: Features) -> list[MeasureRow]:
    """The measures that a table shows; the rest is in `row`."""
    why = features.reasons.get
    others = ", ".join(
        f"{decimal(choice.bpm, 1)} ({round(100 * choice.weight)} %)"
        for choice in features.tempo.alternatives[:3]
        if not math.isnan(choice.weight)
    )
    sound = f"{rate(features.sample_rate)} {channels_label(features.channels)}"
    peak = decimal(features.true_peak, 1)
    runs = features.clipped_runs
    clipped = f"clipped at {runs:,} place{'s' * (runs != 1)}" if runs else ""
    return [
        MeasureRow("length", clock(features.duration), sound),
        MeasureRow("tempo", tempo_label(features.tempo), why("tempo_bpm") or (others and f"also {others}")),
        MeasureRow(
            "bars",
            f"{len(features.bars)} of {features.beats_per_bar} beats" if features.bars else "–",
            why("bars"),
        ),
        MeasureRow(
            "key",
            key_label(features.key),
            why("key") or (f"then {features.key.second}" if not features.key.unsure else ""),
        ),
        MeasureRow(
            "loudness",
            _with_unit(features.loudness, 1, "LUFS"),
            why("loudness_lufs") or f"range {_with_unit(features.loudness_range, 1, 'LU')}",
        ),
        MeasureRow("true peak", f"{peak} dBTP" if peak != "–" else peak, why("true_peak_dbtp") or clipped),
        MeasureRow("onsets", _with_unit(features.onset_density, 1, "per second"), why("onset_density_per_s")),
        MeasureRow(
            "brightness", _with_unit(features.centroid, 0, "Hz"), why("centroid_hz") or "spectral centroid"
        ),
        MeasureRow("dynamic range", _with_unit(features.dynamic_range, 1, "dB"), why("dynamic_range_db")),
        MeasureRow("stereo width", decimal(features.stereo_width, 2), why("stereo_width")),
        MeasureRow("silence", _with_unit(features.silence, 1, "s"), why("silence_s")),
        *(MeasureRow(name, decimal(value, 3), why(name)) for name, value in features.metrics.items()),
    ]


def _with_unit(value: float, digits: int, unit: str) -> str:
    number = decimal(value, digits)
    return number if number == "–" else f"{number} {unit}"
