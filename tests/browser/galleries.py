"""A gallery of takes for the tests: some that play, one failed, one not run, and many."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile

RATE = 22050

SMALL = """
import random
import soundverse_nb as sv
from soundverse_nb.render.gallery import GalleryTake
from soundverse_nb.widgets.gallery import gallery

opened, kept = [], {}

def open_sound(key):
    opened.append(key)
    if key == "gone":
        raise sv.ConfigurationError("The file is gone.", hint="Run the study again.")
    return sv.Clip("low.wav" if int(key) % 2 else "high.wav")

def keep(key, *, stars, note):
    if note == "refused":
        raise sv.ConfigurationError("The study is read-only here.")
    kept[key] = (stars, note)

def take(at, rng=random.Random(1)):
    prompt = ("lo-fi hip hop with soft keys", "bossa nova", "drum and bass, fast and dark")[at % 3]
    song = ("Blue kettle", "Copper moon")[at // 3 % 2]
    return GalleryTake(
        str(at), f"{prompt} · {1 + at // 6}", at, song, {"prompt": prompt, "replicate": str(1 + at // 6)},
        {"tune_kept": rng.random(), "tempo_ratio": 0.8 + rng.random() / 2,
         "loudness_change_lu": rng.uniform(-3, 3)},
        seconds=6.0, detail="Midnight Brass", is_simulated=True, is_control=at == 4,
    )

takes = [
    *(take(at) for at in range(1, 13)),
    GalleryTake("13", "polka · 1", 13, "Blue kettle", {"prompt": "polka", "replicate": "1"}, state="failed",
                reason="The service refused the song (no tune was found in it). Nothing was paid."),
    GalleryTake("14", "polka · 2", 14, "Blue kettle", {"prompt": "polka", "replicate": "2"}, state="missing"),
    GalleryTake("gone", "bossa nova · 9", 15, "Copper moon", {"prompt": "bossa nova", "replicate": "9"}),
]
"""
SHOW = (
    "gallery(takes, open_sound, keep, open_original=lambda key: sv.Clip('song.wav'),"
    " summary='15 takes, 1 failed')"
)
MANY = """
rng = random.Random(2)
names = ("tune_kept", "tempo_ratio", "timbre_distance", "loudness_change_lu")
many = [
    GalleryTake(
        f"{at:032x}", f"a merry bossa nova remix with brushes · {at}", at, f"song {at % 10}",
        {"prompt": "a merry bossa nova remix with brushes", "replicate": str(at // 10)},
        {name: rng.random() for name in names}, seconds=200.0, detail="Midnight Brass", is_simulated=True,
        peaks=rng.randbytes(120),
    )
    for at in range(1, 1001)
]
"""
SHOW_MANY = "gallery(many, open_sound, keep)"


def write_songs(folder: Path) -> None:
    """Two tones of 6 s and a song of 8 s that they were made of."""
    for name, seconds, pitch in (("low", 6, 220.0), ("high", 6, 440.0), ("song", 8, 330.0)):
        time = np.arange(seconds * RATE) / RATE
        swell = 0.1 + 0.5 * np.abs(np.sin(time * 1.3)) * np.random.default_rng(0).uniform(0.4, 1, time.size)
        soundfile.write(folder / f"{name}.wav", np.sin(2 * np.pi * pitch * time) * swell, RATE)
