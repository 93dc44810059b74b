"""What a researcher writes: the figures of our analysis one by one, with librosa and pyloudnorm."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np

_MAJOR = (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88)
_MINOR = (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17)
_NAMES = ("C", "C#", "D", "D#", "E", "F", "F#", "G", "G#", "A", "A#", "B")


def analyse(path: Path) -> dict[str, Any]:
    """The figures, by name."""
    import librosa
    import pyloudnorm

    warnings.simplefilter("ignore")
    stereo, rate = librosa.load(path, sr=None, mono=False)
    stereo = np.atleast_2d(stereo)
    mono, low_rate = librosa.load(path)
    return {
        "duration": librosa.get_duration(y=stereo, sr=rate),
        **tempo(mono, low_rate),
        "key": key(mono, low_rate),
        "onset_density": len(librosa.onset.onset_detect(y=mono, sr=low_rate)) / (len(mono) / low_rate),
        "centroid": float(librosa.feature.spectral_centroid(y=mono, sr=low_rate).mean()),
        "contrast": librosa.feature.spectral_contrast(y=mono, sr=low_rate).mean(axis=1),
        **_mfcc(mono, low_rate),
        **_silence(stereo, rate),
        "clipped_runs": sum(_clipped_runs(channel) for channel in stereo),
        "dynamic_range": float(np.mean([_dynamic_range(channel, rate) for channel in stereo])),
        "stereo_width": _width(stereo),
        "loudness": pyloudnorm.Meter(rate).integrated_loudness(stereo.T),
    }


def tempo(mono: Any, rate: float) -> dict[str, Any]:
    """The slope of a line through librosa's beats, the beats, and the mean tempogram."""
    import librosa

    _, beats = librosa.beat.beat_track(y=mono, sr=rate, units="time")
    slope = np.polyfit(np.arange(len(beats)), beats, 1)[0] if len(beats) > 2 else np.nan
    strength = librosa.onset.onset_strength(y=mono, sr=rate)
    tempogram = librosa.feature.tempogram(onset_envelope=strength, sr=rate).mean(axis=1)
    return {"tempo": 60 / slope, "beats": beats, "tempogram": tempogram}


def key(mono: Any, rate: float) -> str:
    """The key's name: the one whose profile fits best."""
    fits = key_fits(mono, rate)
    tonic, mode = max(fits, key=lambda one: fits[one])
    return f"{_NAMES[tonic]} {mode}"


def key_fits(mono: Any, rate: float) -> dict[tuple[int, str], float]:
    """How well the mean CQT chroma fits Krumhansl's profile of each key."""
    import librosa

    notes = librosa.feature.chroma_cqt(y=mono, sr=rate).mean(axis=1)
    return {
        (tonic, mode): float(np.corrcoef(notes, np.roll(profile, tonic))[0, 1])
        for mode, profile in (("major", _MAJOR), ("minor", _MINOR))
        for tonic in range(12)
    }


def _mfcc(mono: Any, rate: float) -> dict[str, Any]:
    import librosa

    mfcc = librosa.feature.mfcc(y=mono, sr=rate, n_mfcc=20)
    return {"mfcc_mean": mfcc.mean(axis=1), "mfcc_std": mfcc.std(axis=1)}


def _silence(stereo: Any, rate: float) -> dict[str, float]:
    import librosa

    sounding = librosa.effects.split(stereo, top_db=60, ref=1.0)
    if not len(sounding):
        return {"silence_total": stereo.shape[1] / rate}
    total = stereo.shape[1] - int((sounding[:, 1] - sounding[:, 0]).sum())
    return {
        "silence_lead": sounding[0, 0] / rate,
        "silence_trail": (stereo.shape[1] - sounding[-1, 1]) / rate,
        "silence_total": total / rate,
    }


def _clipped_runs(channel: Any) -> int:
    edges = np.diff((np.abs(channel) >= 0.9999).astype(np.int8), prepend=0, append=0)
    lengths = np.flatnonzero(edges < 0) - np.flatnonzero(edges > 0)
    return int((lengths >= 3).sum())


def _dynamic_range(channel: Any, rate: float) -> float:
    blocks = channel[: len(channel) // int(3 * rate) * int(3 * rate)].reshape(-1, int(3 * rate))
    powers = np.sort(2 * np.square(blocks).mean(axis=1))
    peaks = np.sort(np.abs(blocks).max(axis=1))
    loudest = powers[-max(1, round(0.2 * len(powers))) :].mean()
    return float(20 * np.log10(peaks[-2]) - 10 * np.log10(loudest))


def _width(stereo: Any) -> float:
    if len(stereo) < 2:
        return 0.0
    middle, side = (stereo[0] + stereo[1]) / 2, (stereo[0] - stereo[1]) / 2
    power = float(np.square(side).sum())
    return power / (power + float(np.square(middle).sum()))
