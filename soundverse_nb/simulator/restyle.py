"""An actual remix of a reference song: the same tune, restyled as the prompt asks.

The song's beats, chords and tune are estimated; the song is laid on a steady beat of its new tempo and
transposed; its colour is changed; a rhythm section and whatever else the style calls for join it in its own
harmony.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from soundverse_nb.audio.loudness import integrated_loudness
from soundverse_nb.audio.probe.tags import SIMULATED_ARTIST
from soundverse_nb.simulator import measure
from soundverse_nb.simulator.music import effects, form, mp3, parts
from soundverse_nb.simulator.music.beats import track_beats
from soundverse_nb.simulator.music.harmony import estimate_harmony
from soundverse_nb.simulator.music.mix import Mixer, ducking, echoes, master, reverberate
from soundverse_nb.simulator.music.prompt import read_prompt

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from soundverse_nb.simulator.music.parts import Session
    from soundverse_nb.simulator.music.styles import Style

MAX_SECONDS = 355.0
_SONG_LOUDNESS = -19.0  # LUFS: the song's level in the mix before the others join


@dataclass(frozen=True)
class Restyled:
    """A remix, float32 of shape (2, frames), with its tempo, the song's own, and the shift in semitones."""

    samples: NDArray[np.float32]
    rate: int
    bpm: float
    song_bpm: float
    semitones: int


def proceed() -> None:
    """A checkpoint at which nobody objects."""


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
    samples, rate = measure.load(source, MAX_SECONDS)
    remix = restyle(samples, rate, prompt=prompt, lyrics=lyrics, salt=parameters, checkpoint=checkpoint)
    tags = {
        "title": title,
        "artist": SIMULATED_ARTIST,
        "comment": "Simulated remix, made by soundverse_nb's embedded service",
    }
    target.write_bytes(mp3.encode(remix.samples, remix.rate, tags, checkpoint))


def restyle(
    samples: NDArray[np.float32],
    rate: int,
    *,
    prompt: str,
    lyrics: str = "",
    salt: str = "",
    checkpoint: Callable[[], None] = proceed,
) -> Restyled:
    """Remix samples (2, frames). The same song, prompt, lyrics and salt give the same samples.

    The prompt falls back to the lyrics where it is empty.
    """
    import numpy as np

    reading = read_prompt(prompt or lyrics, salt)
    style = reading.style
    mono = samples[:, : samples.shape[1] // 2 * 2].mean(axis=0).reshape(-1, 2).mean(axis=1)
    checkpoint()
    beats = track_beats(mono, rate // 2)
    checkpoint()
    laid = form.lay_grid(beats, samples.shape[1] / rate, reading)
    seed = hashlib.sha256(f"{reading.seed}\n{lyrics}".encode("utf-8", "replace")).digest()
    session = parts.Session(
        style=style,
        grid=laid,
        form=form.arrange(laid.bars),
        harmony=estimate_harmony(mono, rate // 2, beats.times),
        transposed=style.semitones,
        rate=rate,
        chance=np.random.default_rng(int.from_bytes(seed[:8], "big")),
    )
    source, target = form.time_map(beats, laid)
    frames = round(float(np.interp(samples.shape[1] / rate, source, target)) * rate)
    mixer = Mixer(frames)
    with ThreadPoolExecutor(1, thread_name_prefix="soundverse-nb-song") as pool:
        restyling = pool.submit(_restyled_song, samples, rate, session, source, target, frames, checkpoint)
        kicks = parts.play_all(session, mixer, lyrics)
        song = restyling.result()
    checkpoint()
    mixer.ducked += song
    mixer.room += np.float32(0.12 + 0.5 * style.room) * song.mean(axis=0)
    mixer.echo += np.float32(0.12 * style.echo) * song.mean(axis=0)
    mix = _mixed(mixer, session, kicks)
    checkpoint()
    mix += effects.vinyl(frames, rate, style.crackle, session.chance)
    return Restyled(master(_faded(mix, rate), rate), rate, laid.bpm, beats.bpm, style.semitones)


def _restyled_song(
    samples: NDArray[np.float32],
    rate: int,
    session: Session,
    source: NDArray[np.float64],
    target: NDArray[np.float64],
    frames: int,
    checkpoint: Callable[[], None],
) -> NDArray[np.float32]:
    """The song itself at its new pace, pitch and colour, at the level where the others join it."""
    import numpy as np

    style = session.style
    higher = 2 ** (style.semitones / 12)
    longer = round(frames * higher)
    song = effects.stretch(samples, source * rate, target * rate * higher, longer)
    checkpoint()
    song = effects.transpose(song, rate, style.semitones)
    song = np.pad(song, ((0, 0), (0, max(0, frames - song.shape[1]))))[:, :frames]
    loudness = integrated_loudness([np.ascontiguousarray(song.T)], rate)
    if np.isfinite(loudness):
        song = song * np.float32(10 ** ((_SONG_LOUDNESS - loudness) / 20))
    checkpoint()
    song = effects.saturate(song, style.drive)
    song = effects.crush(song, rate, style.crush)
    coloured = effects.equalise(song, rate, style.low_cut, style.high_cut, style.tilt)
    for number, bar in enumerate(session.form):
        before = session.form[number - 1].open if number else bar.open
        if bar.open < 1 or before < 1:
            start, stop = max(0, session.frame(number, 0)), min(frames, session.frame(number + 1, 0))
            _shut(song[:, start:stop], coloured[:, start:stop], rate, style, before, bar.open)
    return coloured * np.float32(10 ** (style.song / 20))


def _shut(
    plain: NDArray[np.float32],
    coloured: NDArray[np.float32],
    rate: int,
    style: Style,
    before: float,
    after: float,
) -> None:
    """Close the filter over one bar of the coloured song, in place, from one openness (0-1) to another."""
    import numpy as np

    length = plain.shape[1]
    if length < 2:
        return
    dull = effects.equalise(
        plain, rate, max(90.0, style.low_cut), min(900.0, 0.4 * style.high_cut), style.tilt
    )
    openness = np.linspace(before, after, length, dtype=np.float32)
    coloured += (1 - openness) * (dull - coloured)


def _mixed(mixer: Mixer, session: Session, kicks: list[int]) -> NDArray[np.float32]:
    """The mixer's buses with their echo and room, brought together."""
    import numpy as np

    style, rate = session.style, session.rate
    mix = mixer.dry + mixer.ducked * ducking(mixer.frames, rate, kicks, style.pump)
    if style.echo > 0:
        repeats = echoes(mixer.echo, round(3 * session.grid.step * rate), 0.35 + 0.35 * style.echo)
        mix += repeats
        mixer.room += np.float32(0.15) * repeats.mean(axis=0)
    wet = np.float32(0.35 + 0.5 * style.room)
    mix += wet * reverberate(mixer.room, rate, style.room, session.chance)
    return mix


def _faded(mix: NDArray[np.float32], rate: int) -> NDArray[np.float32]:
    """No click at the start, a breath at the end."""
    import numpy as np

    start, end = min(mix.shape[1], rate // 200), min(mix.shape[1], round(1.5 * rate))
    mix[:, :start] *= np.linspace(0, 1, start, dtype=np.float32)
    mix[:, mix.shape[1] - end :] *= np.cos(np.linspace(0, np.pi / 2, end, dtype=np.float32)) ** 2
    return mix
