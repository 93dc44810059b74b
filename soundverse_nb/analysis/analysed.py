"""What is kept of an analysed song: its features, and the small arrays that comparing it needs."""

from __future__ import annotations

import io
import zipfile
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.features.extract import Extracted, extract
from soundverse_nb.audio.features.key import Key as KeyFound
from soundverse_nb.audio.similarity.recurrence import pooled
from soundverse_nb.audio.similarity.style import Profile, rhythm_profile, timbre_profile
from soundverse_nb.audio.similarity.tempo_ratio import FINE_SECONDS
from soundverse_nb.measures.features import Features, Key, Tempo, TempoChoice, key_name

_FEATURES = "features.json"
_ARRAYS = {"frame_rate", "tuning_agreement", "pitch_classes", "upper_pitch_classes", "timbre", "rhythm"}


@dataclass(frozen=True)
class Analysed:
    """A song's features, and by name the arrays that similarity compares."""

    features: Features
    arrays: dict[str, NDArray[Any]]

    def to_bytes(self) -> bytes:
        """All of it as one small file, a zip archive as numpy writes them."""
        sink = io.BytesIO()
        with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED) as archive:
            archive.writestr(_FEATURES, self.features.to_json())
            for name, array in self.arrays.items():
                with archive.open(f"{name}.npy", "w") as entry:
                    np.lib.format.write_array(entry, np.asarray(array), allow_pickle=False)
        return sink.getvalue()

    @classmethod
    def from_bytes(cls, content: bytes) -> Analysed:
        """What `to_bytes` wrote. Raises ValueError where it is something else."""
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as archive:
                features = Features.from_json(archive.read(_FEATURES))
                arrays = {}
                for name in archive.namelist():
                    if name.endswith(".npy"):
                        with archive.open(name) as entry:
                            arrays[name[:-4]] = np.lib.format.read_array(entry, allow_pickle=False)
        except Exception as error:  # a cut file may fail in many ways
            raise ValueError(f"this is no analysed song: {type(error).__name__}") from None
        if not arrays.keys() >= _ARRAYS:
            raise ValueError("this analysed song lacks what comparing needs")
        return cls(features, arrays)


class Sketch:
    """What of a song is compared, from `arrays`: some 100 KB for three minutes."""

    def __init__(self, arrays: dict[str, NDArray[Any]]) -> None:
        self.pitch_classes = np.asarray(arrays["pitch_classes"], np.float32)
        self.upper_pitch_classes = np.asarray(arrays["upper_pitch_classes"], np.float32)
        self.frame_rate = float(arrays["frame_rate"])
        self.tuning_agreement = float(arrays["tuning_agreement"])
        self.timbre = _profile(arrays["timbre"])
        self.rhythm = _profile(arrays["rhythm"])


def _profile(array: NDArray[Any]) -> Profile | None:
    """A profile as it was kept; None for an empty one."""
    return np.asarray(array, np.float64) if array.size else None


def sketch(song: Extracted) -> dict[str, NDArray[Any]]:
    """The arrays of `Sketch`, the notes at the finest time that a comparison looks at."""
    frames = song.frames
    length = max(1, round(FINE_SECONDS * frames.frame_rate))
    nothing = np.zeros(0)
    timbre, rhythm = timbre_profile(frames), rhythm_profile(frames)
    return {
        "frame_rate": np.array(frames.frame_rate / length),
        "pitch_classes": _pooled(frames.pitch_classes, frames.frame_rate),
        "upper_pitch_classes": _pooled(frames.upper_pitch_classes, frames.frame_rate),
        "tuning_agreement": np.array(frames.tuning_agreement),
        "timbre": nothing if timbre is None else timbre,
        "rhythm": nothing if rhythm is None else rhythm,
    }


def _pooled(notes: NDArray[np.float32], frame_rate: float) -> NDArray[np.float16]:
    return pooled(notes, frame_rate, FINE_SECONDS).astype(np.float16)


def analysed(given: Any, name: str, content: str) -> Analysed:
    """Measure a song. `given` is what open_source() takes. Raises AudioError where it holds no sound."""
    song = extract(given)
    return Analysed(_features(song, name, content), sketch(song))


# What a figure of the extraction is called in a row of features, where the two differ.
_COLUMNS = {
    "tempo": ("tempo_bpm", "tempo_confidence"),
    "key": ("key", "key_confidence"),
    "onset_density": ("onset_density_per_s",),
    "timbre.centroid_mean": ("centroid_hz",),
    "timbre.contrast": tuple(f"contrast_{band}_db" for band in range(1, 8)),
    "timbre.mfcc_mean": tuple(f"mfcc_{number}_mean" for number in range(1, 21)),
    "timbre.mfcc_std": tuple(f"mfcc_{number}_std" for number in range(1, 21)),
    "levels.dynamic_range": ("dynamic_range_db",),
    "levels.stereo_width": ("stereo_width",),
    "loudness.integrated_lufs": ("loudness_lufs",),
    "loudness.range_lu": ("loudness_range_lu",),
    "loudness.momentary_max_lufs": ("momentary_max_lufs",),
    "loudness.short_term_max_lufs": ("short_term_max_lufs",),
    "loudness.true_peak_dbtp": ("true_peak_dbtp",),
}


def _named(key: KeyFound | None) -> str:
    return "" if key is None else key_name(key.tonic, key.mode)


def _features(song: Extracted, name: str, content: str) -> Features:
    reasons = {
        column: reason
        for figure, reason in song.reasons.items()
        for column in _COLUMNS.get(figure, (figure,))
    }
    if not song.tempo.alternatives:
        why = reasons.get("tempo_bpm", "No other tempo is likely.")
        reasons |= {"tempo_second_bpm": why, "tempo_second_weight": why}
    tempo, key, levels, timbre, loudness = song.tempo, song.key, song.levels, song.timbre, song.loudness
    return Features(
        name=name,
        content=content,
        extractor=song.stamp,
        duration=song.duration,
        sample_rate=song.sample_rate,
        channels=song.channels,
        loudness=loudness.integrated_lufs,
        loudness_range=loudness.range_lu,
        momentary_max=loudness.momentary_max_lufs,
        short_term_max=loudness.short_term_max_lufs,
        true_peak=loudness.true_peak_dbtp,
        tempo=Tempo(
            bpm=tempo.bpm,
            confidence=tempo.confidence,
            alternatives=tuple(
                TempoChoice(bpm=other.bpm, weight=other.weight) for other in tempo.alternatives
            ),
            unsure=not tempo.is_sure,
        ),
        beats=tuple(map(float, tempo.beats)),
        beats_per_bar=song.bars.beats_per_bar,
        bars=tuple(map(float, song.bars.downbeats)),
        bars_confidence=song.bars.confidence,
        bars_unsure=not song.bars.is_sure,
        key=Key(
            name=_named(key.key), second=_named(key.second), confidence=key.confidence, unsure=not key.is_sure
        ),
        onset_density=song.onset_density,
        centroid=timbre.centroid_mean,
        contrast=tuple(map(float, timbre.contrast)),
        mfcc_mean=tuple(map(float, timbre.mfcc_mean)),
        mfcc_std=tuple(map(float, timbre.mfcc_std)),
        silence=levels.silence_total,
        silence_start=levels.silence_lead,
        silence_end=levels.silence_trail,
        clipped_runs=levels.clipped_runs,
        clipped_samples=levels.clipped_samples,
        dynamic_range=levels.dynamic_range,
        stereo_width=levels.stereo_width,
        reasons=reasons,
    )
