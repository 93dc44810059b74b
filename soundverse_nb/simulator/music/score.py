"""The score: what every player adds to the mix and when, written down before any of it sounds.

So a mix is made a few seconds at a time, and the notes of a whole song are never in memory together.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from soundverse_nb.simulator.music.mix import Mixer, Signal

Sound: TypeAlias = "Signal | Callable[[], Signal]"
"""A mono sound, or what makes it when its time has come."""


@dataclass(frozen=True)
class Entry:
    """One sound: at which frame it begins, and how it goes into the mix (see Mixer.add)."""

    sound: Sound
    start: int
    gain: float
    pan: float
    room: float
    echo: float
    ducked: bool


class Score:
    """The entries of one remix of `frames` frames."""

    def __init__(self, frames: int) -> None:
        self.frames = frames
        self._entries: list[Entry] = []

    def add(
        self,
        sound: Sound,
        start: int,
        gain: float,
        *,
        pan: float = 0.0,
        room: float = 0.0,
        echo: float = 0.0,
        ducked: bool = False,
    ) -> None:
        """Note a sound; the arguments are those of Mixer.add."""
        self._entries.append(Entry(sound, start, gain, pan, room, echo, ducked))

    def played(self, size: int) -> Iterator[Mixer]:
        """The mixer's buses for each `size` frames in turn, with everything that sounds in them."""
        waiting = iter(sorted(self._entries, key=lambda entry: entry.start))
        following = next(waiting, None)
        sounding: list[tuple[Entry, Signal]] = []
        for begin in range(0, self.frames, size):
            mixer = Mixer(min(size, self.frames - begin))
            while following is not None and following.start < begin + mixer.frames:
                sound = following.sound() if callable(following.sound) else following.sound
                sounding.append((following, sound))
                following = next(waiting, None)
            for entry, sound in sounding:
                mixer.add(
                    sound,
                    entry.start - begin,
                    entry.gain,
                    pan=entry.pan,
                    room=entry.room,
                    echo=entry.echo,
                    ducked=entry.ducked,
                )
            end = begin + mixer.frames
            sounding = [(entry, sound) for entry, sound in sounding if entry.start + len(sound) > end]
            yield mixer
