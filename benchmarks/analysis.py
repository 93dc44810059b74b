"""How long the analysis of a song takes, and how much memory, beside those who compute as much or less.

    python benchmarks/analysis.py [SONG ...] [--seconds 180] [--runs 3]

Songs are cut (or repeated) to so many seconds of 44.1 kHz stereo, as FLAC; without one, one is made. Every
contestant runs in a Python of its own, in turn, so that all meet the same disturbances:

    soundverse_nb   every figure, rows of each moment with them
    librosa         a plain script that computes the same figures one by one (plain_librosa.py)
    essentia        its MusicExtractor, where it is installed (pip install "soundverse_nb[bench]")
    ebur128         FFmpeg's loudness meter alone, through PyAV: the floor, little more than decoding

`first` is the first call in a fresh process, imports included; `again` the best of the later ones, in
seconds of wall time, `work` the processor time of that, all threads together; `memory` the most that the
process took.

Then what a pair takes beside its two analyses, and sixteen shorter songs in one process and in two that are
warm, with an event loop beside them whose longest wait is told.
Exit status 1 where a target is missed: at least twice as fast as the script, under 400 MB; a pair at most
0.5 s more; two processes at least 1.8 times as fast as one; no wait of 20 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

RATE = 44_100
MOST_MEGABYTES = 400
LEAST_SPEEDUP = 2.0
MOST_PAIR_SECONDS = 0.5
SONGS, SONG_SECONDS = 16, 40.0
LEAST_PROCESSES = 1.8
MOST_WAIT = 0.020


def _ours(path: Path) -> None:
    from soundverse_nb.audio.features.extract import extract

    extract(path)


def _script(path: Path) -> None:
    from plain_librosa import analyse

    analyse(path)


def _essentia(path: Path) -> None:
    import essentia
    from essentia import standard

    essentia.log.infoActive = essentia.log.warningActive = False
    standard.MusicExtractor()(str(path))


def _ebur128(path: Path) -> None:
    import av

    with av.open(str(path)) as container:
        stream = container.streams.audio[0]
        graph = av.filter.Graph()
        source = graph.add_abuffer(template=stream)
        meter = graph.add("ebur128", "peak=true:framelog=quiet")
        sink = graph.add("abuffersink")
        source.link_to(meter)
        meter.link_to(sink)
        graph.configure()
        for frame in container.decode(stream):
            graph.push(frame)
            with contextlib.suppress(av.BlockingIOError, av.EOFError):
                while True:
                    graph.pull()


CONTESTANTS: dict[str, Callable[[Path], None]] = {
    "soundverse_nb": _ours,
    "librosa": _script,
    "essentia": _essentia,
    "ebur128": _ebur128,
}


def run_here(name: str, path: Path, runs: int) -> dict[str, float]:
    """Run a contestant in this process, which is a fresh one."""
    analyse = CONTESTANTS[name]
    begun = time.perf_counter()
    analyse(path)
    first = time.perf_counter() - begun
    best, work = first, 0.0
    for _ in range(runs):
        begun, worked = time.perf_counter(), time.process_time()
        analyse(path)
        took = time.perf_counter() - begun
        if took <= best or not work:
            best, work = took, time.process_time() - worked
    return {"first": first, "again": best, "work": work, "memory": _most_megabytes()}


def _most_megabytes() -> float:
    """The most memory this process had as a program of its own; rusage counts from its fork."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text(encoding="utf-8").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def run_apart(name: str, path: Path, runs: int) -> dict[str, float]:
    """Run a contestant in a process of its own."""
    command = [sys.executable, __file__, str(path), "--contestant", name, "--runs", str(runs)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{name} failed: {done.stderr.strip().splitlines()[-1:]}")
    figures: dict[str, float] = json.loads(done.stdout.strip().splitlines()[-1])
    return figures


@contextlib.contextmanager
def _fresh_cache(folder: Path) -> Iterator[None]:
    before = os.environ.get("SOUNDVERSE_NB_CACHE")
    os.environ["SOUNDVERSE_NB_CACHE"] = str(folder)
    try:
        yield
    finally:
        os.environ.pop("SOUNDVERSE_NB_CACHE")
        os.environ.update({} if before is None else {"SOUNDVERSE_NB_CACHE": before})


def pair_here(folder: Path, seconds: float) -> list[str]:
    """What comparing two songs takes beside analysing both; prints it, and gives what is missed."""
    import soundfile as sf

    import soundverse_nb as sv

    songs = [folder / f"pair-{number}.flac" for number in range(2)]
    for number, song in enumerate(songs):
        sf.write(song, _made(round(seconds * RATE), number), RATE)
    begun = time.perf_counter()
    for song in songs:
        sv.analyse(song)
    analysed = time.perf_counter()
    sv.compare_audio(*songs)
    more = time.perf_counter() - analysed
    print(f"a pair of {seconds:g} s: {analysed - begun:.2f} s to analyse both, {more:.2f} s more to compare")
    return [] if more <= MOST_PAIR_SECONDS else [f"a pair takes {more:.2f} s more"]


def processes_here(folder: Path) -> list[str]:
    """Many songs in one process and in two; prints it, and gives what is missed."""
    import soundfile as sf

    took: dict[int, float] = {}
    missed = []
    for workers in (1, 2):
        songs = [folder / f"{workers}-{number}.flac" for number in range(SONGS + 4 * workers)]
        for number, song in enumerate(songs):
            sf.write(song, _made(round(SONG_SECONDS * RATE), 100 * workers + number), RATE)
        took[workers], wait = asyncio.run(_in_processes(songs, workers))
        print(f"{SONGS} songs in {workers} process{'es' * (workers > 1)}: {took[workers]:.2f} s, "
              f"the event loop waited at most {1000 * wait:.0f} ms")  # fmt: skip
        missed += [] if wait < MOST_WAIT else [f"the event loop waited {1000 * wait:.0f} ms"]
    speedup = took[1] / took[2]
    print(f"two processes are {speedup:.1f} times as fast as one")
    return (
        missed if speedup >= LEAST_PROCESSES else [*missed, f"two processes are {speedup:.1f} times as fast"]
    )


async def _in_processes(songs: list[Path], workers: int) -> tuple[float, float]:
    """How long songs take once the processes are warm, and the longest wait of an event loop meanwhile."""
    import soundverse_nb as sv

    measure = partial(sv.analyse_all, workers=workers, progress=False)
    await asyncio.to_thread(measure, songs[SONGS:])
    working = asyncio.ensure_future(asyncio.to_thread(measure, songs[:SONGS]))
    begun = last = time.perf_counter()
    longest = 0.0
    while not working.done():
        await asyncio.sleep(0.002)
        now = time.perf_counter()
        longest, last = max(longest, now - last - 0.002), now
    assert not working.result().failed
    return time.perf_counter() - begun, longest


def _song_of(given: Path | None, seconds: float, folder: Path) -> Path:
    """The song at its length, as FLAC."""
    import numpy as np
    import soundfile as sf

    count = round(seconds * RATE)
    if given is None:
        samples: Any = _made(count)
    else:
        from soundverse_nb.audio.decode.opening import decode

        with decode(given, stop_seconds=seconds) as sound:
            rate, blocks = sound.sample_rate, list(sound)
        samples = np.concatenate(blocks)[:, :2]
        if rate != RATE:
            import soxr

            samples = soxr.resample(samples, rate, RATE)
        if samples.shape[1] == 1:
            samples = np.repeat(samples, 2, axis=1)
        samples = np.resize(samples, (count, 2))
    path = folder / f"{given.stem if given else 'made'}.flac"
    sf.write(path, np.clip(samples, -1, 1), RATE)
    return path


def _made(count: int, number: int = 0) -> Any:
    """Chords, a bass and a hi-hat at 120 beats a minute, two channels a little apart; one a number."""
    import numpy as np

    time_ = np.arange(count) / RATE
    beat = 2 * time_
    root = 220 * 2 ** (np.array([0, 5, 7, 0])[(beat // 4).astype(int) % 4] / 12)
    envelope = np.exp(-3 * (beat % 1))
    tones = sum(
        np.sin(2 * np.pi * root * ratio * harmonic * time_) / harmonic
        for ratio in (0.5, 1, 1.26, 1.5)
        for harmonic in (1, 2, 3)
    )
    noise = (
        np.random.default_rng(1 + number).normal(0, 0.1, (count, 2))
        * np.exp(-30 * (2 * beat % 1))[:, np.newaxis]
    )
    return 0.05 * (tones * envelope)[:, np.newaxis] * np.array([1.0, 0.8]) + noise


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("songs", nargs="*", type=Path)
    parser.add_argument("--seconds", type=float, default=180.0)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--contestant", choices=CONTESTANTS, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.contestant:
        print(json.dumps(run_here(given.contestant, given.songs[0], given.runs)))
        return 0
    names = [name for name in CONTESTANTS if name != "essentia" or importlib.util.find_spec("essentia")]
    missed = []
    with tempfile.TemporaryDirectory() as folder:
        for song in given.songs or [None]:
            path = _song_of(song, given.seconds, Path(folder))
            print(f"{path.stem}: {given.seconds:g} s of stereo")
            print(f"  {'':14} {'first':>7} {'again':>7} {'work':>7} {'memory':>9}")
            found = {}
            for name in names:
                found[name] = figures = run_apart(name, path, given.runs)
                seconds = " ".join(f"{figures[column]:6.2f}s" for column in ("first", "again", "work"))
                print(f"  {name:14} {seconds} {figures['memory']:6.0f} MB", flush=True)
            ours, script = found["soundverse_nb"], found["librosa"]
            wall, work = script["again"] / ours["again"], script["work"] / ours["work"]
            print(f"  {wall:.1f} times as fast as the script, with {work:.1f} times less work")
            if wall < LEAST_SPEEDUP:
                missed.append(f"{path.stem}: only {wall:.1f} times as fast as the script")
            if ours["memory"] > MOST_MEGABYTES:
                missed.append(f"{path.stem}: {ours['memory']:.0f} MB")
        with _fresh_cache(Path(folder) / "cache"):
            missed += pair_here(Path(folder), given.seconds)
            missed += processes_here(Path(folder))
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
