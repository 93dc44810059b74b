"""Little songs and finished remixes for the tests of what a remix shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.request import RemixRequest
from soundverse_nb.remix import Remix, TimedEvent


def tune(seconds: float, rate: int = 22050, channels: int = 2, seed: int = 0) -> NDArray[np.float32]:
    """A swelling tone with noise: float32 (frames, channels)."""
    times = np.arange(round(seconds * rate)) / rate
    noise = np.random.default_rng(seed).standard_normal((times.size, channels))
    swell = 0.2 + 0.5 * np.abs(np.sin(times))
    return (swell[:, None] * (np.sin(2 * np.pi * 220 * times)[:, None] + 0.1 * noise) * 0.8).astype(
        np.float32
    )


def write(path: Path, samples: NDArray[np.float32], rate: int = 22050, **how: Any) -> Path:
    """Write in blocks of a second: libsndfile's Ogg and MP3 writers dislike long ones."""
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(path, "w", rate, channels, **how) as file:
        for start in range(0, len(samples), rate):
            file.write(samples[start : start + rate])
    return path


WAY = [
    (0.1, {"status": "validating", "isComplete": False, "chunkIndex": 0}),
    (0.3, {"status": "queued", "message_id": "m1", "isComplete": False}),
    (1.0, {"status": "streaming", "progress": 0}),
    (2.0, {"status": "streaming", "progress": 50}),
    (3.0, {"status": "streaming", "progress": 90}),
    (8.0, {"status": "streaming", "progress": 100}),
    (9.0, {"status": "completed", "isComplete": True, "audio_url": "https://s.example/x.mp3?sig=SECRET"}),
]


def events() -> list[TimedEvent]:
    return [TimedEvent(at, RemixEvent.parse(chunk)) for at, chunk in WAY]


def remix_of(audio: Path, reference: Path | None = None, **facts: Any) -> Remix:
    request = RemixRequest(
        "https://s.example/song.mp3?sig=SECRET", facts.pop("prompt", "upbeat jazz"), facts.pop("lyrics", None)
    )
    known: dict[str, Any] = {
        "song_name": "Midnight Brass",
        "audio_url": "https://s.example/x.mp3?sig=SECRET",
        "album_art": "https://s.example/art.png?sig=SECRET",
        "message_id": "m1",
        "order_id": "o1",
        "simulated": True,
        "started_at": 1000.0,
        "finished_at": 1010.0,
        **facts,
    }
    return Remix(audio=audio, reference=reference, request=request, events=events(), **known)
