"""How long the embedded service takes to make a remix of a 60 s song, from file to finished MP3.

    python benchmarks/restyle.py [--rounds 3] [--song FILE]

The peer of the same run is libsndfile's encoder (LAME) alone, on the same minute at its usual settings: a
remix ends with that kind of work, whatever comes before it. Seconds on the clock and of processor, medians;
one remix goes before the rounds, as in a service that has had an order. Exit status 1 where the slowest
prompt takes more than the target of 2 s, which is meant for two idle cores.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import soundfile as sf

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from songs import music

from soundverse_nb.simulator.restyle import remix_file

SECONDS = 60.0
TARGET = 2.0
PROMPTS = (
    "upbeat jazz with brass horns",
    "slow lo-fi hip hop, warm and dusty",
    "fast drum and bass, bright synths",
    "dreamy ambient, deep and spacious",
)


def timed(work: Callable[[], object]) -> tuple[float, float]:
    """Seconds on the clock and of processor that a piece of work takes."""
    clock, processor = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - clock, time.process_time() - processor


def encode_alone(source: Path, target: Path) -> None:
    samples, rate = sf.read(source, dtype="float32")
    sf.write(target, samples, rate, format="MP3")


def one_minute(song: Path | None, folder: Path) -> Path:
    """The first minute of a song, repeated where it is shorter; chords and noise where none is named."""
    minute = folder / "minute.flac"
    if song is None:
        samples, rate = music(SECONDS), 44_100
    else:
        samples, rate = sf.read(song, dtype="float32", always_2d=True)
        frames = round(SECONDS * rate)
        samples = np.tile(samples, (-(-frames // len(samples)), 1))[:frames]
    sf.write(minute, np.clip(samples, -1, 1), rate)
    return minute


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--song", type=Path)
    chosen = options.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        minute, target = one_minute(chosen.song, folder), folder / "remix.mp3"

        def remix(prompt: str) -> None:
            remix_file(minute, target, prompt=prompt, lyrics="", parameters="", title="A minute")

        remix(PROMPTS[0])
        print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}; a song of {SECONDS:g} s")
        slowest = 0.0
        for prompt in PROMPTS:
            runs = [timed(partial(remix, prompt)) for _ in range(chosen.rounds)]
            clock, processor = (statistics.median(figures) for figures in zip(*runs, strict=True))
            slowest = max(slowest, clock)
            print(f"{prompt:<36} {clock:5.2f} s  ({processor:.2f} s of processor)")
        runs = [timed(lambda: encode_alone(minute, target)) for _ in range(chosen.rounds)]
        clock, processor = (statistics.median(figures) for figures in zip(*runs, strict=True))
        print(f"{'libsndfile, the encoding alone':<36} {clock:5.2f} s  ({processor:.2f} s of processor)")
        print(
            f"slowest remix {slowest:.2f} s of {TARGET:g} s, {slowest / clock:.1f} times the encoding alone"
        )
    return int(slowest > TARGET)


if __name__ == "__main__":
    sys.exit(main())
