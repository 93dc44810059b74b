"""Everybody who can be asked how long a song is: one function each, timed, None where it gives up."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import av
import librosa
import mutagen
import soundfile

import soundverse_nb as sv
from soundverse_nb.audio.probe import Probed, probe_file

Peer = Callable[[Path], tuple[float, float | None]]
# So many stretches are timed where a call takes microseconds; from this many seconds on one is enough.
_SEVERAL = 40
_LONG = 0.02


class Clock:
    """Wall time, which is what people feel, or processor time, for a machine that others keep busy."""

    now: Callable[[], float] = staticmethod(time.perf_counter)


def processor_seconds() -> float:
    """Processor time spent so far by all threads, with that of finished child processes."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def true_duration(path: Path) -> float:
    """Seconds that a full decode yields, packet by packet."""
    return _decode_with_av(path)


def _read_64_kb(path: Path) -> None:
    with open(path, "rb") as file:
        file.read(65536)


def _probe(path: Path) -> float | None:
    with open(path, "rb") as file:
        found = probe_file(file, path.stat().st_size)
    return found.duration if isinstance(found, Probed) else None


def _preflight(path: Path) -> float | None:
    return sv.preflight(path).audio.duration


def _quick(path: Path) -> float | None:
    return sv.preflight(path, quick=True).audio.duration


def _soundfile_info(path: Path) -> float:
    return float(soundfile.info(path).duration)


def _decode_with_soundfile(path: Path) -> float:
    with soundfile.SoundFile(path) as file:
        frames = sum(len(block) for block in file.blocks(65536, dtype="float32"))
        return float(frames / file.samplerate)


def _decode_with_av(path: Path) -> float:
    with av.open(str(path), "r", metadata_errors="replace") as container:
        stream = container.streams.audio[0]
        samples = sum(frame.samples for frame in container.decode(stream))
        return samples / stream.rate


def _librosa_get_duration(path: Path) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return float(librosa.get_duration(path=path))


def _librosa_load(path: Path) -> float:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        samples, rate = librosa.load(path, sr=None, mono=False)
    return float(samples.shape[-1] / rate)


def _mutagen(path: Path) -> float:
    return float(mutagen.File(path).info.length)


def _ffprobe(path: Path) -> float:
    command = ["ffprobe", "-v", "quiet", "-print_format", "json", "-show_format", f"file:{path}"]
    found = subprocess.run(command, capture_output=True, check=True, timeout=60).stdout
    return float(json.loads(found)["format"]["duration"])


def _timed(ask: Callable[[Path], float | None], calls: int = 1) -> Peer:
    def peer(path: Path) -> tuple[float, float | None]:
        answer: float | None = None
        begun = Clock.now()
        try:
            for _ in range(calls):
                answer = ask(path)
        except Exception:  # peers raise whatever they like at files they cannot read
            answer = None
        return (Clock.now() - begun) / calls, answer

    return peer


def _quickest(ask: Callable[[Path], float | None]) -> Peer:
    """For calls of microseconds: the best of many short stretches, so that pauses are left out."""

    def peer(path: Path) -> tuple[float, float | None]:
        first = _timed(ask)(path)
        if first[0] > _LONG:
            return first
        tries = [_timed(ask, 4)(path) for _ in range(_SEVERAL)]
        return min(tries, key=lambda tried: tried[0])

    return peer


def _nothing(ask: Callable[[Path], None]) -> Callable[[Path], float | None]:
    def asked(path: Path) -> float | None:
        ask(path)
        return None

    return asked


PEERS: dict[str, Peer] = {
    "preflight": _timed(_preflight),
    "quick": _quickest(_quick),
    "probe": _quickest(_probe),
    "read 64 KB": _quickest(_nothing(_read_64_kb)),
    "sf.info": _quickest(_soundfile_info),
    "sf decode": _timed(_decode_with_soundfile),
    "av decode": _timed(_decode_with_av),
    "librosa.load": _timed(_librosa_load),
    "get_duration": _timed(_librosa_get_duration),
    "mutagen": _timed(_mutagen),
}
if shutil.which("ffprobe"):
    PEERS["ffprobe"] = _timed(_ffprobe)

# Those that answer with a length, and of these the ones that decode all of it.
ANSWERS = [name for name in PEERS if name != "read 64 KB"]
DECODES = ["sf decode", "av decode", "librosa.load"]


def first_calls() -> dict[str, str]:
    """Programs that make one first call on the song named by their argument, and print what it cost."""
    now = "time.perf_counter()" if Clock.now is time.perf_counter else "time.process_time()"
    ask = f"import sys, time; begun = {now}\n{{}}\nprint({now} - begun)"
    return {
        "preflight": ask.format("import soundverse_nb as sv; sv.preflight(sys.argv[1])"),
        "quick": ask.format("import soundverse_nb as sv; sv.preflight(sys.argv[1], quick=True)"),
        "librosa": ask.format("import librosa; librosa.get_duration(path=sys.argv[1])"),
    }


def fresh_process_seconds(code: str, path: Path, rounds: int) -> float:
    """The best of some runs, each in a process of its own."""

    def once() -> float:
        command = [sys.executable, "-W", "ignore", "-c", code, str(path)]
        return float(subprocess.run(command, capture_output=True, check=True, timeout=300).stdout)

    return min(once() for _ in range(rounds))
