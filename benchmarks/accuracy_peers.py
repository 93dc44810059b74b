"""Others that say how alike two songs are: one score a pair, higher for more alike."""

from __future__ import annotations

import importlib.util
import math
import warnings
from collections.abc import Callable
from typing import Any

import librosa
import numpy as np
import soundfile as sf
from accuracy_songs import Song, Songs
from numpy.typing import NDArray

Profiles = NDArray[np.float32]
_RATE = 22_050
_POOLED = 8  # frames of essentia's profiles that are put together: 0.37 s


def peers(songs: Songs) -> dict[str, Callable[[Song, Song], float]]:
    """The peers that are installed."""
    found: dict[str, Callable[[Song, Song], float]] = {
        "chroma cosine": lambda original, remix: _cosine(_chroma(songs, original), _chroma(songs, remix))
    }
    if importlib.util.find_spec("essentia"):
        found["essentia"] = lambda original, remix: _cover_song(_hpcp(songs, original), _hpcp(songs, remix))
    return found


def _kept(
    songs: Songs, song: Song, name: str, measure: Callable[[NDArray[np.float32]], Profiles]
) -> Profiles:
    file = songs.kept(f"{name} {song.path.resolve()} {song.path.stat().st_mtime_ns}", ".npy")
    if not file.exists():
        samples, rate = sf.read(song.path, dtype="float32", always_2d=True)
        mono = np.ascontiguousarray(samples.mean(axis=1))
        np.save(
            file,
            measure(mono if rate == 2 * _RATE else librosa.resample(mono, orig_sr=rate, target_sr=44_100)),
        )
    kept: Profiles = np.load(file)
    return kept


def _chroma(songs: Songs, song: Song) -> Profiles:
    return _kept(songs, song, "librosa chroma", lambda mono: librosa.feature.chroma_stft(y=mono, sr=44_100).T)


def _cosine(original: Profiles, remix: Profiles) -> float:
    """The mean cosine of frames that lie at the same share of either song."""
    place = np.linspace(0, len(remix) - 1, len(original)).astype(int)
    here, there = original, remix[place]
    norms = np.linalg.norm(here, axis=1) * np.linalg.norm(there, axis=1)
    return float(np.mean((here * there).sum(axis=1) / np.maximum(norms, 1e-9)))


def _hpcp(songs: Songs, song: Song) -> Profiles:
    return _kept(songs, song, "essentia HPCP", _hpcp_of)


def _hpcp_of(mono: NDArray[np.float32]) -> Profiles:
    """Essentia's harmonic pitch-class profiles with the parameters of its own cover song tutorial, pooled."""
    standard: Any = importlib.import_module("essentia.standard")
    window, spectrum = standard.Windowing(type="blackmanharris62"), standard.Spectrum()
    peaks = standard.SpectralPeaks(
        orderBy="magnitude", magnitudeThreshold=1e-5, minFrequency=40, maxFrequency=5000, maxPeaks=100
    )
    whitening = standard.SpectralWhitening(maxFrequency=5000)
    profile = standard.HPCP(
        size=12,
        bandPreset=False,
        minFrequency=40,
        maxFrequency=5000,
        harmonics=8,
        weightType="cosine",
        windowSize=1,
    )
    rows = []
    for frame in standard.FrameGenerator(mono, frameSize=4096, hopSize=2048):
        bins = spectrum(window(frame))
        frequencies, magnitudes = peaks(bins)
        rows.append(profile(frequencies, whitening(bins, frequencies, magnitudes)))
    found = np.array(rows, np.float32)
    count = len(found) // _POOLED
    pooled: Profiles = found[: count * _POOLED].reshape(count, _POOLED, 12).mean(axis=1)
    return pooled


def _cover_song(original: Profiles, remix: Profiles) -> float:
    """Serrà's measure as essentia has it: one transposition from the mean profiles, then Smith-Waterman."""
    standard: Any = importlib.import_module("essentia.standard")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        cross = standard.ChromaCrossSimilarity()(remix, original)
        _, distance = standard.CoverSongSimilarity()(cross)
    return -float(distance) if math.isfinite(distance) else -math.inf
