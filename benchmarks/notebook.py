"""What a notebook pays for seeing and hearing, beside IPython and librosa: bytes, seconds, memory, messages.

    python benchmarks/notebook.py [--rounds 3] [--seconds 350]

A pair of stereo songs, 350 s each, is shown in a real kernel by `sv.compare(a, b)` and by IPython's `Audio`
(given arrays that are already in memory, and given the files), taking turns; the clock stops when the front
end has the whole output. They are shown as WAV and as MP3 (192 kbit/s); of a file Audio copies the bytes and
looks at nothing, so an MP3 is there at once, without a waveform. Outlines are drawn from the file by this
package and by librosa's waveshow, each in a process of its own. Then the progress board watches 500 streams
in a kernel. The exit status is 1 where a target is missed. Previews are encoded on two threads: on a machine
with no core to spare that shows. The targets are meant for the full length.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from jupyter_client.manager import start_new_kernel
from numpy.typing import NDArray

import soundverse_nb as sv
from soundverse_nb.audio.encode import encode_mp3

RATE = 44100
NAMES = ("original.wav", "remix.wav")
MP3_NAMES = ("original.mp3", "remix.mp3")

PREPARE = """
import os, soundfile
import soundverse_nb as sv
from IPython.display import Audio, display
arrays = [soundfile.read(name, dtype="float32")[0].T for name in NAMES]
# The first call of anything loads modules: that is paid before the clock runs, on both sides.
soundfile.write("short.wav", arrays[0][:, :44100].T, 44100)
"""
WARM = {
    "sv.compare": "sv.compare('short.wav', 'short.wav')",
    "Audio(arrays)": "Audio(arrays[0][:, :44100], rate=44100)",
    "Audio(files)": "Audio(filename='short.wav')",
}
# Another time of change is another file to every cache; what the last display does afterwards is waited for.
FORGET = "for name in NAMES: os.utime(name)\nif 'shown' in globals(): shown.takes"
SHOW = {
    "sv.compare": "shown = sv.compare(*NAMES)\nshown",
    "Audio(arrays)": "display(*[Audio(array, rate=44100) for array in arrays])",
    "Audio(files)": "display(*[Audio(filename=name) for name in NAMES])",
}

OUTLINE = """
import json, resource, sys, time
path, how = sys.argv[1:]
if how == "ours":
    from soundverse_nb.audio.meters import envelope_of
    from soundverse_nb.render.pictures import waveform_png
    def draw(path): return waveform_png(envelope_of(path, 2000))
else:
    import io, matplotlib
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt, librosa, librosa.display
    def draw(path):
        y, rate = librosa.load(path, sr=None, mono=False)
        figure, axes = plt.subplots(figsize=(9, 1))
        librosa.display.waveshow(y, sr=rate, ax=axes)
        out = io.BytesIO()
        figure.savefig(out)
        return out.getvalue()
draw(sys.argv[1] + ".short.wav")  # modules are loaded and numba has compiled
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
began = time.perf_counter()
draw(path)
seconds = time.perf_counter() - began
print(json.dumps([seconds, (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024]))
"""

BOARD = """
import asyncio, random, time
from soundverse_nb.displays import ProgressUpdate, Phase
from soundverse_nb.widgets.progress import best_display

class Nobody:
    def open(self, titles, cancel): pass
    def update(self, news): pass
    def close(self): pass

async def watched(board, seconds=20, streams=500):
    rng, state = random.Random(0), [0.0] * streams
    board.open([f"song {i}" for i in range(streams)], lambda index: None)
    cpu, began = time.process_time(), time.monotonic()
    while time.monotonic() - began < seconds:
        for i in range(streams):
            if state[i] >= 100: continue
            state[i] += rng.random() * 3
            over = Phase.FAILED if i % 20 == 0 else Phase.FINISHED
            board.update(ProgressUpdate(i, Phase.STREAMING, "streaming", state[i]) if state[i] < 100
                       else ProgressUpdate(i, over, message="It broke."))
        await asyncio.sleep(0.5)  # the pace that is measured: each stream tells news twice a second
    spent = time.process_time() - cpu
    board.close()
    return spent / seconds

print((await watched(best_display(price=0.2))) - (await watched(Nobody())))
"""


@dataclass(frozen=True)
class Row:
    """One line of the table: what was measured, its value in words, the target, whether it is met."""

    what: str
    value: str
    target: str = ""
    met: bool | None = None


class Kernel:
    """A kernel and the time its messages arrive."""

    def __init__(self, folder: Path) -> None:
        self._manager, self._client = start_new_kernel(
            kernel_name="python3", cwd=str(folder), stderr=subprocess.DEVNULL
        )

    def run(self, source: str) -> tuple[float, list[tuple[float, dict[str, Any]]]]:
        """Seconds until the last output was here, and every message with its arrival."""
        began = last = time.perf_counter()
        request = self._client.execute(source)
        measured: list[tuple[float, dict[str, Any]]] = []
        while True:
            message = self._client.get_iopub_msg(timeout=300)
            now = time.perf_counter()
            if message["parent_header"].get("msg_id") != request:
                continue
            measured.append((now, message))
            content = message["content"]
            if message["msg_type"] == "error":
                raise RuntimeError("\n".join(content["traceback"]))
            if message["msg_type"] in ("display_data", "execute_result"):
                last = now
            if content.get("execution_state") == "idle":
                return last - began, measured

    def close(self) -> None:
        self._client.stop_channels()
        self._manager.shutdown_kernel(now=True)


@contextmanager
def kernel(folder: Path) -> Iterator[Kernel]:
    running = Kernel(folder)
    try:
        yield running
    finally:
        running.close()


def write_songs(folder: Path, seconds: float) -> None:
    """The example song over and over, and the same darker and the other way round in stereo."""
    song = sv.Clip(sv.example_song()).samples().T
    frames = int(seconds * RATE)
    whole = np.tile(song, (frames // len(song) + 1, 1))[:frames]
    darker = (whole + np.roll(whole, 1, axis=0) + np.roll(whole, 2, axis=0))[:, ::-1] / 3
    songs: tuple[NDArray[Any], ...] = (whole, darker)
    for name, samples in zip(NAMES, songs, strict=True):
        soundfile.write(folder / name, samples, RATE, subtype="PCM_16")
        mp3 = encode_mp3(np.ascontiguousarray(samples.T), RATE, 192)
        (folder / name).with_suffix(".mp3").write_bytes(mp3)
    soundfile.write(folder / f"{NAMES[0]}.short.wav", whole[: 2 * RATE], RATE, subtype="PCM_16")
    soundfile.write(folder / "tenth.wav", whole[: frames // 10], RATE, subtype="PCM_16")
    soundfile.write(folder / "tenth.wav.short.wav", whole[: 2 * RATE], RATE, subtype="PCM_16")


def saved_bytes(measured: list[tuple[float, dict[str, Any]]]) -> int:
    """What the outputs take in the notebook's file."""
    outputs = [
        m["content"]["data"] for _, m in measured if m["msg_type"] in ("display_data", "execute_result")
    ]
    return len(json.dumps(outputs, ensure_ascii=False).encode())


def displays(folder: Path, rounds: int, names: tuple[str, str]) -> Iterator[Row]:
    kind = Path(names[0]).suffix[1:].upper()
    taken: dict[str, list[float]] = {name: [] for name in SHOW}
    weight = {}
    with kernel(folder) as notebook:
        notebook.run(f"NAMES = {names}\n{PREPARE}")
        for source in WARM.values():
            notebook.run(source)
        for number in range(rounds):
            for name in sorted(SHOW, reverse=bool(number % 2)):
                notebook.run(FORGET)
                seconds, measured = notebook.run(SHOW[name])
                taken[name].append(seconds)
                weight[name] = saved_bytes(measured)
    ours, ours_bytes = statistics.median(taken["sv.compare"]), weight["sv.compare"]
    yield Row(f"{kind} pair saved in the notebook, sv.compare", f"{ours_bytes / 1e6:.2f} MB")
    yield Row(f"{kind} pair shown after, sv.compare", f"{ours:.2f} s")
    for name in ("Audio(arrays)", "Audio(files)"):
        theirs, ratio = statistics.median(taken[name]), weight[name] / ours_bytes
        said = f"{weight[name] / 1e6:.1f} MB: {ratio:.0f}x"
        whole = kind == "WAV" or name == "Audio(arrays)"  # else Audio saves a compressed file
        yield Row(f"{kind} pair saved, {name}", said, *((">= 100x", ratio >= 100) if whole else ()))
        yield Row(
            f"{kind} pair shown after, {name}", f"{theirs:.2f} s", f"ours {ours:.2f} s <=", ours <= theirs
        )


def outline(folder: Path, name: str, how: str, rounds: int) -> tuple[float, float]:
    """Median seconds and MB of memory on top of what was there before."""
    runs = [
        json.loads(
            subprocess.run(
                [sys.executable, "-c", OUTLINE, str(folder / name), how],
                capture_output=True, text=True, check=True, timeout=300,
            ).stdout
        )
        for _ in range(rounds)
    ]  # fmt: skip
    return statistics.median(run[0] for run in runs), statistics.median(run[1] for run in runs)


def outlines(folder: Path, rounds: int) -> Iterator[Row]:
    theirs, theirs_mb = outline(folder, NAMES[0], "librosa", rounds)
    ours, ours_mb = outline(folder, NAMES[0], "ours", rounds)
    _, tenth_mb = outline(folder, "tenth.wav", "ours", rounds)
    yield Row("outline, librosa.display.waveshow", f"{theirs:.2f} s, {theirs_mb:.0f} MB more memory")
    yield Row("outline, ours", f"{ours:.2f} s", f"< {theirs:.2f} s", ours < theirs)
    bounded = ours_mb < tenth_mb + 10
    yield Row("memory for it", f"{ours_mb:.0f} MB", f"as for a tenth: {tenth_mb:.0f} MB", bounded)


def board(folder: Path) -> Iterator[Row]:
    with kernel(folder) as notebook:
        _, measured = notebook.run(BOARD)
    shown = ("comm_open", "comm_msg", "comm_close", "display_data", "update_display_data")
    times = [at for at, message in measured if message["msg_type"] in shown]
    busiest = max(sum(start <= at < start + 1 for at in times) for start in times)
    cpu = next(float(m["content"]["text"]) for _, m in measured if m["msg_type"] == "stream")
    yield Row("messages in the busiest second, 500 streams", str(busiest), "<= 100", busiest <= 100)
    yield Row("kernel CPU of the board, 500 streams", f"{cpu:.1%}", "< 5 %", cpu < 0.05)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=350.0)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="soundverse-nb-benchmark-") as name:
        folder = Path(name)
        write_songs(folder, given.seconds)
        rows = []
        parts = (
            displays(folder, given.rounds, NAMES),
            displays(folder, given.rounds, MP3_NAMES),
            outlines(folder, given.rounds),
            board(folder),
        )
        for part in parts:
            for row in part:
                rows.append(row)
                verdict = {None: "", True: "met", False: "MISSED"}[row.met]
                print(f"{row.what:45} {row.value:32} {row.target:26} {verdict}".rstrip(), flush=True)
    return int(any(row.met is False for row in rows))


if __name__ == "__main__":
    sys.exit(main())
