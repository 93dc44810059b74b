"""The tape: a mix on disk while it is made, since its level is known only when all of it has been heard."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from soundverse_nb.audio.loudness import LoudnessMeter
from soundverse_nb.audio.probe.tags import SIMULATED_ARTIST
from soundverse_nb.simulator.drift import NO_DRIFT, Drift
from soundverse_nb.simulator.music import effects, form, mp3, parts
from soundverse_nb.simulator.music.mix import (
    BLOCK,
    STRIDE,
    Echoes,
    Mixer,
    Room,
    ducking,
    gain_curve,
    limited,
    master_gain,
    stride_peaks,
)
from soundverse_nb.simulator.music.prompt import Reading, read_prompt
from soundverse_nb.simulator.music.score import Score
from soundverse_nb.simulator.music.variation import variation
from soundverse_nb.simulator.song import Song, open_song, prepare, song_of


class Tape:
    """Records a mix (2, frames) block by block, and gives it back mastered. Use as a context manager.

    The file lies in `folder`, or where temporary files do, and is gone afterwards, however that comes.
    All blocks but the last have BLOCK frames.
    """

    def __init__(self, folder: Path | None, rate: int) -> None:
        assert BLOCK % STRIDE == 0, "a stride lies in one block"
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - closed by __exit__
        self._rate = rate
        self._meter = LoudnessMeter(rate, 2, true_peak=False)
        self._peaks: list[NDArray[np.float32]] = []
        self._lock = threading.Lock()
        self.frames = 0

    def __enter__(self) -> Tape:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def record(self, block: NDArray[np.float32]) -> None:
        """The next frames, kept in half precision: far finer than what the encoder leaves of them."""
        interleaved = np.ascontiguousarray(block.T)
        self._meter.feed(interleaved)
        self._peaks.append(stride_peaks(block))
        self._file.write(interleaved.astype(np.float16).tobytes())
        self.frames += block.shape[1]

    def mastered(self, louder: float = 0.0) -> Callable[[int, int], NDArray[np.float32]]:
        """What gives the frames (2, n) from one to another, levelled and limited; on any thread.

        `louder` is dB above the level that a remix has.
        """
        gain = np.float32(master_gain(self._meter.integrated()) * 10 ** (louder / 20))
        peaks = np.concatenate([*self._peaks, np.zeros(1, np.float32)])
        curve = gain_curve(peaks * gain, self._rate)

        def read(start: int, stop: int) -> NDArray[np.float32]:
            with self._lock:
                self._file.seek(4 * start)
                raw = self._file.read(4 * (stop - start))
            part = np.frombuffer(raw, np.float16).reshape(-1, 2).T.astype(np.float32)
            return limited(part * gain, curve, start)

        return read


T = TypeVar("T")
_SONG_LOUDNESS = -19.0  # LUFS: the song's level in the mix before the others join
_MIXING = 0.6  # of the time a remix takes; the rest is encoding


@dataclass(frozen=True)
class Restyled:
    """A remix, float32 of shape (2, frames), with its tempo, the song's own, and the shift in semitones."""

    samples: NDArray[np.float32]
    rate: int
    bpm: float
    song_bpm: float
    semitones: int


@dataclass(frozen=True)
class Instructions:
    """What a remix is to be like, as its order says; any change of `parameters`, a JSON text, changes it.

    `take` counts the remixes of one request from 1; `drift` is how far the service has moved by then.
    """

    prompt: str
    lyrics: str = ""
    parameters: str = ""
    take: int = 1
    drift: Drift = NO_DRIFT


def proceed() -> None:
    """A checkpoint at which nobody objects."""


def unwatched(fraction: float) -> None:
    """Nobody looks how far the work is."""


def remix_file(
    source: Path,
    target: Path,
    *,
    prompt: str,
    lyrics: str,
    parameters: str,
    title: str,
    checkpoint: Callable[[], None] = proceed,
) -> None:
    """Remix the song in one file into another, an MP3 that says it is simulated.

    `checkpoint` is called between steps, from more than one thread; what it raises ends the work.
    """
    with tempfile.TemporaryDirectory(prefix="soundverse-nb-remix-") as folder:
        place = Path(folder) / "song"
        prepare(source, place, checkpoint)
        remix_song(open_song(place), target, Instructions(prompt, lyrics, parameters), title, checkpoint)


def prepare_song(source: Path, place: Path, checkpoint: Callable[[], None]) -> None:
    """Make the song in a file ready for its remixes, at `place` (see song.prepare)."""
    prepare(source, place, checkpoint)


def remix_prepared(
    place: Path,
    target: Path,
    instructions: Instructions,
    title: str,
    checkpoint: Callable[[], None],
    progress: Callable[[float], None],
) -> None:
    """Remix the song that was made ready at `place`; the mix lies beside it while it is made."""
    remix_song(open_song(place), target, instructions, title, checkpoint, progress, scratch=place.parent)


def remix_song(
    song: Song,
    target: Path,
    instructions: Instructions,
    title: str,
    checkpoint: Callable[[], None] = proceed,
    progress: Callable[[float], None] = unwatched,
    scratch: Path | None = None,
) -> None:
    """The same for a song that was prepared; `progress` is told which fraction of the work is done.

    `scratch` is a folder for the mix while it is made.
    """
    mixing = _Mixing(song, instructions)
    tags = {
        "title": title,
        "artist": SIMULATED_ARTIST,
        "comment": "Simulated remix, made by soundverse_nb's embedded service",
    }
    with Tape(scratch, song.rate) as tape:
        for block in mixing.blocks(checkpoint):
            tape.record(block)
            progress(_MIXING * tape.frames / max(1, mixing.frames))
        mastered = tape.mastered(instructions.drift.loudness)

        def read(start: int, stop: int) -> NDArray[np.float32]:
            # The halves are read side by side: what the one has done, the other is about to have.
            done = 2 * stop if 2 * stop <= tape.frames else 2 * stop - tape.frames
            progress(_MIXING + (1 - _MIXING) * min(1.0, done / max(1, tape.frames)))
            return mastered(start, stop)

        with target.open("wb") as file:
            mp3.write(file, read, tape.frames, song.rate, tags, checkpoint)


def restyle(
    samples: NDArray[np.float32],
    rate: int,
    *,
    prompt: str,
    lyrics: str = "",
    salt: str = "",
    take: int = 1,
    drift: Drift = NO_DRIFT,
    checkpoint: Callable[[], None] = proceed,
) -> Restyled:
    """Remix samples (2, frames). The same song, prompt, lyrics, salt and take give the same samples.

    The prompt falls back to the lyrics where it is empty.
    """
    mixing = _Mixing(song_of(samples, rate), Instructions(prompt, lyrics, salt, take, drift))
    with Tape(None, rate) as tape:
        for block in mixing.blocks(checkpoint):
            tape.record(block)
        remix = tape.mastered(drift.loudness)(0, tape.frames)
    song_bpm = mixing.song.analysis.beats.bpm
    return Restyled(remix, rate, mixing.session.grid.bpm, song_bpm, mixing.reading.style.semitones)


class _Mixing:
    """One remix on its way to the mix: who plays what is settled, and nothing has sounded yet."""

    def __init__(self, song: Song, instructions: Instructions) -> None:
        beats, rate = song.analysis.beats, song.rate
        lyrics, salt = instructions.lyrics, instructions.parameters
        self.song = song
        reading = read_prompt(instructions.prompt or lyrics, salt)
        take, drift = instructions.take, instructions.drift
        whole = f"{reading.seed}\n{lyrics}" if take == 1 else f"{reading.seed}\n{lyrics}\n{take}"
        seed = int.from_bytes(hashlib.sha256(whole.encode("utf-8", "replace")).digest()[:8], "big")
        vary = variation(seed, take)
        self.reading: Reading = replace(reading, style=vary.style(reading.style))
        laid = form.lay_grid(beats, song.frames / rate, self.reading, vary.tempo, 1 + drift.tempo / 100)
        self._source, self._target = form.time_map(beats, laid)
        self.frames = round(float(np.interp(song.frames / rate, self._source, self._target)) * rate)
        self.session = parts.Session(
            style=self.reading.style,
            grid=laid,
            form=form.arrange(laid.bars, vary.lead),
            harmony=song.analysis.harmony,
            transposed=self.reading.style.semitones,
            rate=rate,
            chance=np.random.default_rng(seed),
            variation=vary,
        )
        self._brightness = drift.brightness
        self._lyrics = lyrics

    def blocks(self, checkpoint: Callable[[], None]) -> Iterator[NDArray[np.float32]]:
        """The mix, BLOCK frames at a time. To be asked for once."""
        blocks = self._mixed(checkpoint)
        if self._brightness == 0:
            return blocks
        colour = effects.tone(self.song.rate, 1.0, 1e6, self._brightness)
        return (effects.filtered(padded, colour) for padded in effects.with_margins(blocks))

    def _mixed(self, checkpoint: Callable[[], None]) -> Iterator[NDArray[np.float32]]:
        style, rate, session = self.reading.style, self.song.rate, self.session
        score = Score(self.frames)
        kicks = parts.play_all(session, score, self._lyrics)
        # Chance is drawn in this order, so that the same remix comes out whatever the size of a block.
        room = Room(rate, style.room, session.chance)
        record = effects.Vinyl(self.frames, rate, style.crackle, session.chance)
        echo = Echoes(round(3 * session.grid.step * rate), 0.35 + 0.35 * style.echo)
        begin = 0
        for mixer, song in zip(score.played(BLOCK), _ahead(self._song_blocks(checkpoint)), strict=True):
            checkpoint()
            _join(mixer, song, style.room, style.echo)
            mix = mixer.dry + mixer.ducked * ducking(mixer.frames, rate, kicks, style.pump, begin)
            if style.echo > 0:
                repeats = echo.feed(mixer.echo)
                mix += repeats
                mixer.room += np.float32(0.15) * repeats.mean(axis=0)
            mix += np.float32(0.35 + 0.5 * style.room) * room.feed(mixer.room)
            if style.crackle > 0:
                mix += record.between(begin, begin + mixer.frames)
            yield _faded(mix, begin, self.frames, rate)
            begin += mixer.frames

    def _song_blocks(self, checkpoint: Callable[[], None]) -> Iterator[NDArray[np.float32]]:
        """The song itself at its new pace, pitch and colour, at the level where the others join it."""
        style, rate, song = self.reading.style, self.song.rate, self.song
        level = np.float32(10 ** (style.song / 20))
        colour = effects.tone(rate, style.low_cut, style.high_cut, style.tilt)
        closed = effects.tone(rate, max(90.0, style.low_cut), min(900.0, 0.4 * style.high_cut), style.tilt)
        higher = 2 ** (style.semitones / 12)
        slower = effects.stretched(
            song.read, song.frames, self._source * rate, self._target * rate * higher,
            round(self.frames * higher),
        )  # fmt: skip
        tuned = effects.transposed(slower, rate, style.semitones)
        begin = 0
        for padded in effects.with_margins(self._driven(effects.even_blocks(tuned, BLOCK, self.frames))):
            checkpoint()
            coloured = effects.filtered(padded, colour)
            openness = self._openness(begin, begin + coloured.shape[1])
            if openness is not None:
                coloured += (1 - openness) * (effects.filtered(padded, closed) - coloured)
            yield coloured * level
            begin += coloured.shape[1]

    def _driven(self, blocks: Iterator[NDArray[np.float32]]) -> Iterator[NDArray[np.float32]]:
        """The song at one level, saturated and crushed: by what is known of the whole of it."""
        style, known = self.reading.style, self.song.analysis
        gain = 10 ** ((_SONG_LOUDNESS - known.loudness) / 20) if np.isfinite(known.loudness) else 1.0
        picked, peak, level = known.picked * np.float32(gain), np.float32(known.peak * gain), 1.0
        if style.drive > 0:
            level = effects.saturation_level(picked, style.drive)
            peak = np.abs(effects.saturate(np.array([peak]), style.drive, level))[0]
        for block in blocks:
            driven = effects.saturate(block * np.float32(gain), style.drive, level)
            yield effects.crush(driven, self.song.rate, style.crush, float(peak))

    def _openness(self, begin: int, end: int) -> NDArray[np.float32] | None:
        """How open the filter over the song is at each frame, 0-1; None where it is open all the time."""
        out: NDArray[np.float32] | None = None
        bars = self.session.form
        for number, bar in enumerate(bars):
            before = bars[number - 1].open if number else bar.open
            start, stop = max(0, self.session.frame(number, 0)), self.session.frame(number + 1, 0)
            first, last = max(begin, start), min(end, stop)
            if (bar.open < 1 or before < 1) and first < last:
                if out is None:
                    out = np.ones(end - begin, dtype=np.float32)
                way = (np.arange(first, last) - start) / max(1, stop - start)
                out[first - begin : last - begin] = before + (bar.open - before) * way
        return out


def _join(mixer: Mixer, song: NDArray[np.float32], room: float, echo: float) -> None:
    """The song among the others."""
    mono = song.mean(axis=0)
    mixer.ducked += song
    mixer.room += np.float32(0.12 + 0.5 * room) * mono
    mixer.echo += np.float32(0.12 * echo) * mono


def _faded(mix: NDArray[np.float32], begin: int, frames: int, rate: int) -> NDArray[np.float32]:
    """No click at the start, a breath at the end."""
    start, end = min(frames, rate // 200), min(frames, round(1.5 * rate))
    if begin < start:
        part = mix[:, : start - begin]
        part *= np.linspace(0, 1, start, dtype=np.float32)[begin : begin + part.shape[1]]
    closing = max(0, frames - end - begin)
    if closing < mix.shape[1]:
        way = np.linspace(0, np.pi / 2, end, dtype=np.float32)
        first = begin + closing - (frames - end)
        mix[:, closing:] *= np.cos(way[first : first + mix.shape[1] - closing]) ** 2
    return mix


def _ahead(items: Iterator[T]) -> Iterator[T]:
    """The same items, the next of which is made on another thread meanwhile."""
    nothing = object()
    with ThreadPoolExecutor(1, thread_name_prefix="soundverse-nb-song") as pool:
        coming = pool.submit(next, items, nothing)
        while (item := coming.result()) is not nothing:
            coming = pool.submit(next, items, nothing)
            yield item  # type: ignore[misc] # what is not `nothing` is an item
