"""How much memory the embedded service takes, and how long a batch on it lasts.

    python benchmarks/memory.py [--only NAME]

Each scene is a fresh Python that connects, orders its remixes of one song, closes its client and waits a
little; the song is chords and noise of the named length. Memory is the proportional set size of that process
and all its children together (RSS where the kernel has no smaps_rollup), sampled ten times a second: the
peak, and what is left after close(). `fetching` is the longest time an order was called so: of a finished
file on this machine it is short. The state folder is the scene's own, so nothing is left from a run before.
Exit status 1 where a target is missed; the times are meant for two idle cores.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile as sf

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

SAMPLE_SECONDS = 0.1
SETTLE_SECONDS = 5.0  # how long after close() the memory that is kept is looked at

# What a user does, with a note of when each phase of each order began.
_SCENE = """
import asyncio, json, sys, time
import soundverse_nb as sv

song, prompts, settle = sys.argv[1], json.loads(sys.argv[2]), float(sys.argv[3])
times = {}


class Watch:
    def open(self, titles, cancel): pass
    def update(self, update):
        seen = times.setdefault(update.index, [])
        if not seen or seen[-1][0] != update.phase.value:
            seen.append((update.phase.value, time.monotonic()))
    def close(self): pass


async def main():
    client = sv.connect(progress=Watch())
    begun = time.monotonic()
    results = await client.remix_all([(song, prompt) for prompt in prompts])
    took = time.monotonic() - begun
    await client.aclose()
    made = sum(isinstance(result, sv.Remix) for result in results)
    fetching = max(
        (later - at for row in times.values() for (phase, at), (_, later) in zip(row, row[1:])
         if phase == "fetching"), default=0.0)
    print(json.dumps({"took": took, "made": made, "fetching": fetching}), flush=True)

asyncio.run(main())
time.sleep(settle)
"""

_PROMPTS = (
    "upbeat jazz with brass horns", "techno", "lo-fi hip hop", "epic orchestral", "8-bit arcade", "ambient",
    "dub", "drum and bass", "disco", "acoustic folk", "synthwave", "latin salsa",
)  # fmt: skip


@dataclass(frozen=True)
class Scene:
    """So many prompts of a song of so many seconds, and what they may take."""

    seconds: float
    prompts: int
    peak_mb: float
    kept_mb: float
    took: float


SCENES = {
    "one of 3:00": Scene(180.0, 1, 700.0, 350.0, 60.0),
    "twelve of 3:00": Scene(180.0, 12, 700.0, 350.0, 60.0),
    "eight of 5:48": Scene(348.0, 8, 700.0, 350.0, 120.0),
}


def parents() -> dict[int, int]:
    """Every process there is, and which one started it."""
    found: dict[int, int] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal():
            with contextlib.suppress(OSError, IndexError):
                found[int(entry.name)] = int(
                    (entry / "stat").read_text("ascii", "replace").rpartition(")")[2].split()[1]
                )
    return found


def tree(root: int, among: dict[int, int] | None = None) -> list[int]:
    """A process and everything that it started; `among` is what `parents()` gave a moment ago."""
    among = parents() if among is None else among
    found = [root]
    for process in found:
        found += [child for child, parent in among.items() if parent == process]
    return found


def megabytes(process: int) -> float:
    """The proportional share of one process, in MB; 0 where it is gone."""
    for name, key in (("smaps_rollup", "Pss:"), ("status", "VmRSS:")):
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/{name}").read_text("ascii", "replace").splitlines():
                if line.startswith(key):
                    return int(line.split()[1]) / 1024
    return 0.0


def watched(scene: subprocess.Popen[str]) -> Iterator[float]:
    """The memory of a process tree in MB, again and again while it lives."""
    while scene.poll() is None:
        yield sum(megabytes(process) for process in tree(scene.pid))
        time.sleep(SAMPLE_SECONDS)


def run(name: str, scene: Scene) -> bool:
    """Print the figures of one scene; whether they keep to the targets."""
    from songs import music

    with tempfile.TemporaryDirectory() as folder:
        song = Path(folder) / "song.mp3"
        sf.write(song, np.clip(music(scene.seconds), -1, 1), 44_100, format="MP3")
        environment = {**os.environ, "HOME": folder, "PYTHONPATH": str(ROOT)}
        for variable in ("SOUNDVERSE_API_KEY", "SOUNDVERSE_BASE_URL"):
            environment.pop(variable, None)
        for variable in ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME"):
            environment[variable] = str(Path(folder) / variable.lower())
        prompts = json.dumps(_PROMPTS[: scene.prompts])
        with subprocess.Popen(
            [sys.executable, "-c", _SCENE, str(song), prompts, str(SETTLE_SECONDS)],
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        ) as process:
            samples = list(watched(process))
            assert process.stdout is not None
            figures = json.loads(process.stdout.read().strip().splitlines()[-1])
    # The last samples but one second, in which the process ends.
    kept = samples[-max(1, min(len(samples), round(1.5 / SAMPLE_SECONDS)))]
    peak = max(samples)
    held = peak <= scene.peak_mb and kept <= scene.kept_mb and figures["took"] <= scene.took
    held = held and figures["made"] == scene.prompts
    print(
        f"{name:<16} peak {peak:6.0f} MB of {scene.peak_mb:.0f}   kept {kept:5.0f} MB of {scene.kept_mb:.0f}"
        f"   took {figures['took']:5.1f} s of {scene.took:.0f}   fetching {figures['fetching']:5.1f} s   "
        f"{figures['made']} made   {'ok' if held else 'MISSED'}",
        flush=True,
    )
    return held


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", choices=SCENES)
    chosen = options.parse_args()
    names = [chosen.only] if chosen.only else list(SCENES)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}", flush=True)
    held = [run(name, SCENES[name]) for name in names]
    return int(not all(held))


if __name__ == "__main__":
    sys.exit(main())
