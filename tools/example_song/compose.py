"""Play, mix and write the example song: `python -m tools.example_song.compose [FILE]`.

The music, the instruments and the recording are all made by this code, so the song carries the project's own
licence (see soundverse_nb/examples/PROVENANCE.md). The same code gives the same music.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

from tools.example_song import instruments as band
from tools.example_song import score

RATE = band.RATE
SECONDS = 60 / score.BPM * 4 * score.BARS + 2.2
SEED = 1889
_LOUDNESS = -15.0  # LUFS, as streaming services level to about -14
_CEILING = 0.89  # -1 dBFS
_BITRATE = 128

Signal = NDArray[np.float32]


class Track:
    """One instrument's place on tape: a stereo signal with its pan and its share of the room."""

    def __init__(
        self, level: float, pan: float, room: float, chance: Generator, loose: float = 0.006
    ) -> None:
        angle = (pan + 1) * np.pi / 4
        self.gains = level * np.array([[np.cos(angle)], [np.sin(angle)]], dtype=np.float32)
        self.room = room
        self.sound = np.zeros((2, round(SECONDS * RATE)), dtype=np.float32)
        self._chance = chance
        self._loose = loose  # seconds by which a player strays from the beat

    def play(self, note: Signal, beat: float) -> None:
        start = int((seconds_at(beat) + self._loose * self._stray()) * RATE)
        start = max(0, start)
        stop = min(start + len(note), self.sound.shape[1])
        if stop > start:
            self.sound[:, start:stop] += self.gains * note[: stop - start]

    def touch(self, velocity: float) -> float:
        """The velocity as a hand would hit it."""
        return float(np.clip(velocity * (1 + 0.07 * self._stray()), 0.05, 1.0))

    def _stray(self) -> float:
        return float(np.clip(self._chance.standard_normal(), -2, 2))


def seconds_at(beat: float) -> float:
    """When a beat sounds; the second eighth of each beat comes late, by the score's swing."""
    whole, part = divmod(beat, 1.0)
    if part <= 0.5:
        part = part * 2 * score.SWING
    else:
        part = score.SWING + (part - 0.5) * 2 * (1 - score.SWING)
    return (whole + part) * 60 / score.BPM


def compose() -> Signal:
    """The mixed song, float32 of shape (2, frames) at 44.1 kHz, about 31 s."""
    chance = np.random.default_rng(SEED)
    players = (_piano, _guitar, _bass, _strings, _tune)
    tracks = [*(play(chance) for play in players), *_drums(chance)]
    dry, sent = np.zeros_like(tracks[0].sound), np.zeros_like(tracks[0].sound)
    for track in tracks:
        dry += track.sound
        sent += np.float32(track.room) * track.sound
    return _mastered(dry + _room(sent, chance))


def _piano(chance: Generator) -> Track:
    track = Track(0.155, -0.12, 0.20, chance)
    for note in score.comping():
        length = _length(note)
        track.play(band.electric_piano(note.pitch, length, track.touch(note.velocity)), note.beat)
    beats = np.arange(track.sound.shape[1]) / RATE * score.BPM / 60
    sway = 0.22 * np.sin(2 * np.pi * beats / 2).astype(np.float32)  # the stage piano's stereo tremolo
    track.sound *= np.stack([1 + sway, 1 - sway])
    return track


def _guitar(chance: Generator) -> Track:
    track = Track(0.36, 0.42, 0.22, chance, loose=0.008)
    for note in score.picking():
        velocity = track.touch(note.velocity)
        track.play(band.plucked_string(note.pitch, _length(note), velocity, chance), note.beat)
    return track


def _bass(chance: Generator) -> Track:
    track = Track(0.36, 0.0, 0.05, chance, loose=0.004)
    for note in score.bass_line():
        velocity = track.touch(note.velocity)
        track.play(band.upright_bass(note.pitch, _length(note), velocity, chance), note.beat)
    return track


def _strings(chance: Generator) -> Track:
    track = Track(0.085, 0.2, 0.4, chance, loose=0.012)
    for note in score.counter_line():
        for pitch in (note.pitch, note.pitch + 12):
            track.play(band.strings(pitch, _length(note), note.velocity), note.beat)
    last = list(score.changes())[-1]
    for pitch in last.voicing:
        track.play(band.strings(pitch + 12, 2.6, 0.5), last.beat)
    return track


def _tune(chance: Generator) -> Track:
    track = Track(0.27, -0.02, 0.26, chance, loose=0.007)
    for note in (*score.verse_tune(), *score.ending_tune()):
        track.play(band.vibraphone(note.pitch, _length(note), track.touch(note.velocity)), note.beat)
    for note in (*score.chorus_tune(), *score.ending_tune()):
        reed = band.clarinet(note.pitch, 0.94 * _length(note), track.touch(note.velocity), chance)
        track.play(0.62 * reed, note.beat)
    for note in score.chorus_tune():
        track.play(0.4 * band.vibraphone(note.pitch, _length(note), note.velocity), note.beat)
    return track


def _drums(chance: Generator) -> list[Track]:
    def metal(seconds: float, low: float, decay: float, level: float) -> Callable[[float], Signal]:
        return lambda velocity: band.metal(seconds, velocity, chance, low, decay, level)

    kit: dict[str, tuple[Track, Callable[[float], Signal]]] = {
        "kick": (Track(0.5, 0.0, 0.03, chance, 0.003), band.kick),
        "brush": (Track(0.46, 0.08, 0.16, chance, 0.004), lambda v: band.brush(v, chance)),
        "swish": (Track(0.7, -0.15, 0.1, chance, 0.01), lambda v: band.swish(v, chance)),
        "hat": (Track(0.7, 0.3, 0.05, chance, 0.004), lambda v: band.hat(v, chance)),
        "ride": (Track(0.6, -0.35, 0.1, chance, 0.004), metal(0.9, 6000, 0.3, 0.16)),
        "cymbal": (Track(0.42, 0.25, 0.2, chance, 0.0), metal(2.2, 4500, 0.8, 0.22)),
    }
    for drum, beat, velocity in score.drum_hits():
        track, strike = kit[drum]
        track.play(strike(track.touch(velocity)), beat)
    return [track for track, _ in kit.values()]


def _length(note: score.Note) -> float:
    return seconds_at(note.beat + note.length) - seconds_at(note.beat)


def _room(sent: Signal, chance: Generator) -> Signal:
    """A small hall: noise that dies in 1.3 s, different left and right, the highs dying first."""
    count = int(1.6 * RATE)
    t = np.arange(count) / RATE
    early = int(0.018 * RATE)
    wet = np.empty_like(sent)
    size = 1 << int(np.ceil(np.log2(sent.shape[1] + count)))
    for side in range(2):
        bright = chance.standard_normal(count)
        dark = np.convolve(bright, np.ones(8) / 8, "same") * 2.2
        tail = 0.5 * bright * np.exp(-t / 0.09) + dark * np.exp(-t / 0.24)
        tail[:early] *= 0.1
        spectrum = np.fft.rfft(sent[side], size) * np.fft.rfft(tail / np.sqrt(np.sum(tail**2)), size)
        f = np.fft.rfftfreq(size, 1 / RATE)
        spectrum *= 1 / (1 + (150 / np.maximum(f, 1)) ** 2)
        wet[side] = np.fft.irfft(spectrum, size)[: sent.shape[1]]
    return 2.2 * wet


def _mastered(mix: Signal) -> Signal:
    """Fade the end, level to -15 LUFS, round off what would clip."""
    from soundverse_nb.audio.loudness import integrated_loudness

    mix = mix.copy()
    fade = int(1.2 * RATE)
    mix[:, -fade:] *= np.linspace(1, 0, fade, dtype=np.float32) ** 2
    for _ in range(3):
        loudness = integrated_loudness([np.ascontiguousarray(mix.T)], RATE)
        mix = _rounded(mix * np.float32(10 ** ((_LOUDNESS - loudness) / 20)))
    return mix


def _rounded(mix: NDArray[Any]) -> Signal:
    """Leave everything below 0.6 alone and bend what is above towards the ceiling."""
    over = np.abs(mix) - 0.6
    bent = np.sign(mix) * (0.6 + (_CEILING - 0.6) * np.tanh(over / (_CEILING - 0.6)))
    return np.where(over > 0, bent, mix).astype(np.float32)


def write(path: Path) -> Path:
    """Compose the song and write it as MP3."""
    from soundverse_nb.audio.encode import encode_mp3

    path.write_bytes(encode_mp3(compose(), RATE, _BITRATE))
    return path


def main() -> None:
    from soundverse_nb.examples import example_song

    target = Path(sys.argv[1]) if len(sys.argv) > 1 else example_song()
    write(target)
    print(f"{score.TITLE}: {target} ({target.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
