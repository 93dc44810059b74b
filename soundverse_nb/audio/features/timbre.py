"""What a song sounds like, whatever it plays: MFCC, spectral centroid, spectral contrast."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from soundverse_nb.audio.features.spectra import CONTRAST_EDGES, CONTRAST_EVERY, Rows, Spectra

COEFFICIENTS = 20
_TOP_DB = 80.0
_QUIET = 1e-3  # of the loudest frame: 60 dB below it nothing is said about the sound
_LEAST_RMS = 1e-7
_NO_SOUND = "There is no sound."


@dataclass(frozen=True)
class Timbre:
    """Figures of a song's timbre, over those moments that are within 60 dB of the loudest one.

    `mfcc` float32 (rows, 20) of each moment, `mfcc_mean` and `mfcc_std` float64 (20,). `centroid_mean` and
    `centroid_std` in Hz. `contrast` float64 (7,) in dB, from the band below 200 Hz up by octaves; nan where
    the song's own sample rate holds nothing of the band.
    """

    mfcc: Rows
    mfcc_mean: NDArray[np.float64]
    mfcc_std: NDArray[np.float64]
    centroid_mean: float
    centroid_std: float
    contrast: NDArray[np.float64]
    reasons: dict[str, str] = field(default_factory=dict)


def describe(spectra: Spectra, sample_rate: int) -> Timbre:
    """The timbre of a song whose file has that sample rate."""
    mfcc = mel_cepstrum(spectra.mel)
    loudest = float(spectra.rms.max(initial=0.0))
    sounds = spectra.rms > max(_LEAST_RMS, _QUIET * loudest)
    heard = mfcc[sounds].astype(np.float64)
    centroid = spectra.centroid[sounds].astype(np.float64)
    centroid = centroid[np.isfinite(centroid)]
    contrast = spectra.contrast[sounds[::CONTRAST_EVERY]].astype(np.float64)
    reasons = {}
    nothing = np.full(COEFFICIENTS, math.nan)
    if not len(heard):
        reasons["mfcc_mean"] = reasons["mfcc_std"] = _NO_SOUND
    if not len(centroid):
        reasons["centroid_mean"] = reasons["centroid_std"] = _NO_SOUND
    bands = contrast.mean(axis=0) if len(contrast) else np.full(len(CONTRAST_EDGES) - 1, math.nan)
    if not len(contrast):
        reasons["contrast"] = _NO_SOUND
    elif (beyond := np.array(CONTRAST_EDGES[:-1]) >= sample_rate / 2).any():
        bands[beyond] = math.nan
        reasons["contrast"] = f"At {sample_rate} Hz the song has nothing above {sample_rate // 2} Hz."
    return Timbre(
        mfcc=mfcc,
        mfcc_mean=heard.mean(axis=0) if len(heard) else nothing,
        mfcc_std=heard.std(axis=0) if len(heard) else nothing.copy(),
        centroid_mean=float(centroid.mean()) if len(centroid) else math.nan,
        centroid_std=float(centroid.std()) if len(centroid) else math.nan,
        contrast=bands,
        reasons=reasons,
    )


def mel_cepstrum(mel: Rows) -> Rows:
    """MFCC of each row: the orthonormal DCT-II of mel levels in dB, at most 80 below the loudest.

    As `librosa.feature.mfcc` has them by default.
    """
    loudest = float(mel.max(initial=0.0))
    if not loudest > 0:
        return np.zeros((len(mel), COEFFICIENTS), np.float32)
    level = 10 * np.log10(np.maximum(mel, np.float32(loudest * 10 ** (-_TOP_DB / 10))))
    cepstrum = scipy.fft.dct(level, type=2, norm="ortho", axis=1, overwrite_x=True)
    return np.ascontiguousarray(cepstrum[:, :COEFFICIENTS], dtype=np.float32)
