"""The work that a render worker does: files in, files out, so that it may run in another process.

Nothing here imports the web server, so a worker process stays small.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType

from soundverse_nb.simulator.drift import NO_DRIFT, Drift

PROGRESS_SECONDS = 0.1  # between two notes of how far the work is


def _studio() -> ModuleType:
    # It loads everything that makes music, which the process of the service itself needs not.
    from soundverse_nb.simulator import restyle

    return restyle


class AbandonedError(Exception):
    """Nobody waits for this work any more."""


@dataclass(frozen=True)
class Preparation:
    """Decode and analyse the song `source`; `place` is where that lies afterwards (see song.prepare)."""

    source: Path
    place: Path

    def run(self, checkpoint: Callable[[], None]) -> None:
        self.source.stat()  # a decoder would say of a song that is gone that it cannot be decoded
        _studio().prepare_song(self.source, self.place, checkpoint)


@dataclass(frozen=True)
class Rendering:
    """Make the MP3 `target` of the song prepared at `place`; `progress` is a file with the fraction done."""

    place: Path
    target: Path
    progress: Path
    prompt: str
    lyrics: str
    parameters: str
    title: str
    take: int = 1
    drift: Drift = NO_DRIFT

    def run(self, checkpoint: Callable[[], None]) -> None:
        noted = 0.0

        def note(fraction: float) -> None:
            nonlocal noted
            if time.monotonic() - noted >= PROGRESS_SECONDS:
                noted = time.monotonic()
                self.progress.write_text(f"{fraction:.3f}", encoding="ascii")

        part = self.target.with_suffix(f".{os.getpid()}.part")
        studio = _studio()
        instructions = studio.Instructions(self.prompt, self.lyrics, self.parameters, self.take, self.drift)
        try:
            studio.remix_prepared(self.place, part, instructions, self.title, checkpoint, note)
            part.replace(self.target)
        finally:
            part.unlink(missing_ok=True)
            self.progress.unlink(missing_ok=True)


Task = Preparation | Rendering


def run_for(owner: int, task: Task) -> None:
    """Do the task in a worker process, unless the process `owner` that started it is gone."""

    def checkpoint() -> None:
        if os.getppid() != owner:
            raise AbandonedError

    task.run(checkpoint)
