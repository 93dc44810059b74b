"""Songs altered in what is no change of their tune, and sounds that hold none."""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import av
import librosa
import numpy as np
import soundfile as sf
from accuracy_songs import Song
from numpy.typing import NDArray

Samples = NDArray[np.float32]
_RATE = 44_100
_SECONDS = 40.0


def _as_mp3(samples: Samples) -> bytes:
    """Mono MP3 of 96 kbit/s."""
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp3") as container:
        stream: Any = container.add_stream("mp3", rate=_RATE)
        stream.bit_rate, stream.layout = 96_000, "mono"
        frame = av.AudioFrame.from_ndarray(samples[np.newaxis], format="fltp", layout="mono")
        frame.rate = _RATE
        resampler = av.AudioResampler(stream.format, "mono", _RATE)
        for piece in resampler.resample(frame):
            container.mux(stream.encode(piece))
        container.mux(stream.encode(None))
    return buffer.getvalue()


def _sped(rate: float, samples: Samples) -> tuple[Samples, int]:
    return librosa.effects.time_stretch(samples, rate=rate), _RATE


def _moved(semitones: float, samples: Samples) -> tuple[Samples, int]:
    return librosa.effects.pitch_shift(samples, sr=_RATE, n_steps=semitones), _RATE


def _softer(samples: Samples) -> tuple[Samples, int]:
    return samples * np.float32(0.25), _RATE


ALTERATIONS: dict[str, Callable[[Samples], Any]] = {
    **{f"{steps:+d} semitones": partial(_moved, steps) for steps in range(-6, 6) if steps},
    **{f"tempo x {rate}": partial(_sped, rate) for rate in (0.8, 0.9, 1.1, 1.25)},
    "-12 dB": _softer,
    "MP3 of 96 kbit/s": _as_mp3,
}


def altered(song: Song, alteration: str) -> tuple[Callable[[], Any], str]:
    """What makes the altered song, as extract() takes it, and its name."""
    name = f"{alteration} {song.path.resolve()}"

    def make() -> Any:
        samples, rate = sf.read(song.path, dtype="float32", always_2d=True)
        mono = samples.mean(axis=1)
        return ALTERATIONS[alteration](
            mono if rate == _RATE else librosa.resample(mono, orig_sr=rate, target_sr=_RATE)
        )

    return make, name


def non_music() -> Iterator[tuple[str, Samples]]:
    """Noise, a drone, a chord, drums, one note again and again, and a voice that babbles; mono, 44.1 kHz."""
    rng = np.random.default_rng(0)
    count = round(_SECONDS * _RATE)
    time = np.arange(count) / _RATE
    yield "white noise", (0.1 * rng.standard_normal(count)).astype(np.float32)
    walk = np.cumsum(rng.standard_normal(count))
    yield "brown noise", (0.1 * (walk - walk.mean()) / np.abs(walk).max()).astype(np.float32)
    yield "drone", _tones(time, 110.0, (1.0, 1.5, 2.0))
    yield "held chord", _tones(time, 130.8, (1.0, 1.26, 1.5))
    struck = np.exp(-4 * (time % 0.5))
    yield "one note", (_tones(time, 220.0, (1.0,)) * struck).astype(np.float32)
    yield "drum loop", _drums(rng, count)
    yield "babble", _babble(rng, count)
    yield "silence", np.zeros(count, np.float32)


def _tones(time: NDArray[np.float64], root: float, ratios: tuple[float, ...]) -> Samples:
    total = sum(np.sin(2 * np.pi * root * ratio * k * time) / k for ratio in ratios for k in range(1, 7))
    return np.asarray(0.05 * total * (1 + 0.3 * np.sin(2 * np.pi * 0.2 * time)), np.float32)


def _drums(rng: np.random.Generator, count: int) -> Samples:
    step, time = round(0.14 * _RATE), np.arange(round(0.2 * _RATE)) / _RATE
    kick = np.sin(2 * np.pi * (50 * time + 4 * (1 - np.exp(-30 * time)))) * np.exp(-12 * time)
    snare = 0.5 * rng.standard_normal(len(time)) * np.exp(-22 * time)
    hat = 0.2 * np.diff(rng.standard_normal(len(time) + 1)) * np.exp(-80 * time)
    samples = np.zeros(count + len(time))
    for number, start in enumerate(range(0, count, step)):
        samples[start : start + len(time)] += hat + kick * (number % 8 in (0, 3)) + snare * (number % 8 == 4)
    return (0.3 * samples[:count]).astype(np.float32)


def _babble(rng: np.random.Generator, count: int) -> Samples:
    """Syllables whose pitch glides, with pauses."""
    samples, at = np.zeros(count), 0
    while at < count - _RATE:
        length = round(rng.uniform(0.08, 0.25) * _RATE)
        pitch = 130 * 2 ** (rng.normal(0, 0.12) + np.linspace(0, rng.normal(0, 0.15), length))
        phase = 2 * np.pi * np.cumsum(pitch) / _RATE
        voice = sum(np.sin(k * phase) / k for k in range(1, 25))
        samples[at : at + length] += voice * np.hanning(length)
        at += length + (round(rng.uniform(0.1, 0.5) * _RATE) if rng.random() < 0.15 else 0)
    return (0.1 * samples).astype(np.float32)
