"""A reference song made ready for its remixes: measured, decoded and analysed once, on disk."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.decode.opening import decode
from soundverse_nb.audio.encode import downmixed
from soundverse_nb.audio.loudness import LoudnessMeter
from soundverse_nb.errors import SoundverseError
from soundverse_nb.simulator.music.beats import Beats, track_beats
from soundverse_nb.simulator.music.effects import Read, reader
from soundverse_nb.simulator.music.harmony import Chord, Harmony, estimate_harmony

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

RATE = 44_100


class UndecodableError(Exception):
    """These bytes are no audio that can be decoded."""


@dataclass(frozen=True)
class Measured:
    """Length in seconds by counting decoded frames; `cut_off` where counting stopped before the end."""

    seconds: float
    cut_off: bool


def measure(path: Path, stop_seconds: float) -> Measured:
    """Decode until the end or until `stop_seconds` have been heard, whichever is first."""
    frames = 0
    try:
        with decode(path, stop_seconds=stop_seconds) as sound:
            for block in sound:
                frames += len(block)
            seconds = frames / sound.sample_rate
    except SoundverseError:
        raise UndecodableError from None
    if not frames:
        raise UndecodableError
    return Measured(seconds, cut_off=seconds >= stop_seconds)


def sound_of(path: Path, stop_seconds: float) -> Iterator[NDArray[np.float32]]:
    """Blocks of samples, float32 of shape (2, frames), at 44.1 kHz. What is not a number is silence."""
    import numpy as np

    blocks = 0
    try:
        with decode(path, stop_seconds=stop_seconds) as sound:
            convert = _resampling(sound.sample_rate) if sound.sample_rate != RATE else _unchanged
            for stereo in convert(np.ascontiguousarray(downmixed(block, 2).T) for block in sound):
                yield np.nan_to_num(stereo, copy=False, posinf=0.0, neginf=0.0)
                blocks += 1
    except SoundverseError:
        raise UndecodableError from None
    if not blocks:
        raise UndecodableError


def _unchanged(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
    yield from blocks


def _resampling(rate: int) -> Callable[[Iterable[NDArray[np.float32]]], Iterator[NDArray[np.float32]]]:
    def resampled(blocks: Iterable[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        import av
        import numpy as np

        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=RATE)
        for block in blocks:
            if not block.shape[1]:
                continue
            # One that is not a number would spoil its neighbours, too.
            whole = np.nan_to_num(block, copy=False, posinf=0.0, neginf=0.0)
            frame = av.AudioFrame.from_ndarray(whole, format="fltp", layout="stereo")
            frame.sample_rate = rate
            for piece in resampler.resample(frame):
                yield piece.to_ndarray().astype(np.float32, copy=False)
        for piece in resampler.resample(None):
            yield piece.to_ndarray().astype(np.float32, copy=False)

    return resampled


MAX_SECONDS = 355.0
_LARGEST = 60_000.0  # what half precision can hold, and far beyond every song
_PICKED_EVERY = 331  # a prime, so that what is picked keeps in step with no note


@dataclass(frozen=True)
class Analysis:
    """What every remix of a song needs to know of it.

    `loudness` in LUFS, `peak` its largest sample, `picked` samples from all over the song (1-D): how they are
    spread tells what saturation does to its level.
    """

    beats: Beats
    harmony: Harmony
    loudness: float
    peak: float
    picked: NDArray[np.float32]


@dataclass(frozen=True)
class Song:
    """A stereo song of `frames` frames at `rate` Hz, read piece by piece."""

    frames: int
    rate: int
    read: Read
    analysis: Analysis


def song_of(samples: NDArray[np.float32], rate: int) -> Song:
    """A song whose samples (2, frames) are in memory."""
    analysis = _Analyst(rate)
    analysis.feed(samples)
    return Song(samples.shape[1], rate, reader(samples), analysis.finish())


def prepare(source: Path, place: Path, checkpoint: Callable[[], None]) -> None:
    """Decode and analyse a song file; `place` and its neighbours with other suffixes hold what is found.

    Raises UndecodableError. `checkpoint` is called between steps; what it raises ends the work.
    """
    analyst = _Analyst(RATE)
    part = place.with_suffix(".decoding")
    with part.open("wb") as file:
        for block in _pieces(sound_of(source, MAX_SECONDS), RATE):
            checkpoint()
            analyst.feed(block)
            # In order of time first: writing what lies across takes ten times as long.
            interleaved = np.ascontiguousarray(block.T)
            file.write(np.clip(interleaved, -_LARGEST, _LARGEST).astype(np.float16).tobytes())
    found = analyst.finish(checkpoint)
    chords = found.harmony.chords
    with place.with_suffix(".analysing").open("wb") as file:
        np.savez(
            file,
            times=found.beats.times,
            chords=np.array([(chord.root, chord.minor) for chord in chords], dtype=np.int64),
            tune=np.array([-1 if note is None else note for note in found.harmony.tune], dtype=np.int64),
            figures=np.array([found.beats.bpm, found.harmony.cents, found.loudness, found.peak]),
            picked=found.picked,
        )
    part.replace(place.with_suffix(".samples"))
    place.with_suffix(".analysing").replace(place.with_suffix(".npz"))


def open_song(place: Path) -> Song:
    """A song that was prepared there."""
    with np.load(place.with_suffix(".npz")) as kept:
        bpm, cents, loudness, peak = (float(figure) for figure in kept["figures"])
        chords = tuple(Chord(int(root), bool(minor)) for root, minor in kept["chords"])
        tune = tuple(None if note < 0 else int(note) for note in kept["tune"])
        analysis = Analysis(
            Beats(kept["times"], bpm), Harmony(chords, tune, cents), loudness, peak, kept["picked"]
        )
    samples = place.with_suffix(".samples")
    frames = samples.stat().st_size // 4

    def read(start: int, stop: int) -> NDArray[np.float32]:
        first, last = max(0, start), min(stop, frames)
        if last <= first:
            return np.zeros((2, max(0, stop - start)), np.float32)
        # Read and not mapped: pages of a mapping would count as this process's memory.
        part = np.fromfile(samples, np.float16, count=2 * (last - first), offset=4 * first)
        stereo = part.reshape(-1, 2).T.astype(np.float32)
        return np.pad(stereo, ((0, 0), (first - start, stop - last)))

    return Song(frames, RATE, read, analysis)


class _Analyst:
    """Hears a song block by block, and says at its end what it is like."""

    def __init__(self, rate: int) -> None:
        self._rate = rate
        self._meter = LoudnessMeter(rate, 2, true_peak=False)
        self._mono: list[NDArray[np.float32]] = []  # at half the rate
        self._picked: list[NDArray[np.float32]] = []
        self._peak = 0.0
        self._heard = 0

    def feed(self, block: NDArray[np.float32]) -> None:
        """The next samples (2, frames); all but the last block have an even number of frames."""
        self._meter.feed(np.ascontiguousarray(block.T))
        mono = block[:, : block.shape[1] // 2 * 2].mean(axis=0).reshape(-1, 2).mean(axis=1)
        self._mono.append(mono.astype(np.float32, copy=False))
        self._picked.append(block[:, -self._heard % _PICKED_EVERY :: _PICKED_EVERY].ravel())
        self._peak = max(self._peak, float(np.abs(block).max(initial=0.0)))
        self._heard += block.shape[1]

    def finish(self, checkpoint: Callable[[], None] = lambda: None) -> Analysis:
        mono = np.concatenate(self._mono)
        self._mono.clear()
        beats = track_beats(mono, self._rate // 2)
        checkpoint()
        harmony = estimate_harmony(mono, self._rate // 2, beats.times)
        loudness = self._meter.integrated()
        return Analysis(beats, harmony, loudness, self._peak, np.concatenate(self._picked))


def _pieces(blocks: Iterable[NDArray[np.float32]], size: int) -> Iterator[NDArray[np.float32]]:
    """The same samples in pieces of `size` frames and more, an even number each; the last one as it comes."""
    waiting: list[NDArray[np.float32]] = []
    have = 0
    for block in blocks:
        waiting.append(block)
        have += block.shape[1]
        if have >= size:
            whole = np.concatenate(waiting, axis=1)
            even = have // 2 * 2
            yield whole[:, :even]
            waiting, have = [whole[:, even:]], have - even
    if have:
        yield np.concatenate(waiting, axis=1)
