"""How right loudness is: the EBU's own test signals, and others' meters on music."""

from __future__ import annotations

import importlib.util
import math
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import numpy as np
from accuracy_songs import Asked, Songs
from ebu_signals import CASES, Case
from numpy.typing import NDArray

import soundverse_nb as sv
from soundverse_nb.audio.loudness import LoudnessMeter, measure_loudness
from soundverse_nb.errors import SoundverseError

_RATES = (44_100, 48_000)
_ENDINGS = {".wav", ".flac", ".ogg", ".mp3", ".m4a", ".opus", ".aac", ".aiff"}
_MOST_SONGS = 30
_FROM_FFMPEG, _FROM_PYLOUDNORM = 0.1, 0.02  # LU

Samples = NDArray[np.float32]


def report(songs: Songs, asked: Asked) -> list[str]:
    """Print the figures; the targets that were missed."""
    return [*_test_signals(), *_music(songs, asked.music)]


def _test_signals() -> list[str]:
    missed = []
    for rate in _RATES:
        used = {case.name: _tolerance_used(case, rate) for case in CASES}
        outside = [name for name, share in used.items() if not share <= 1]
        worst = max(used, key=lambda name: used[name])
        print(
            f"{rate} Hz  {len(used) - len(outside)} of {len(used)} cases of Tech 3341 and 3342 inside their "
            f"tolerances; {worst} uses most of its own, {used[worst]:.0%}",
            flush=True,
        )
        missed += [f"case {name} at {rate} Hz" for name in outside]
    return missed


def _tolerance_used(case: Case, rate: int) -> float:
    """The largest deviation of a reading over its tolerance on that side."""
    most = 0.0
    meter: LoudnessMeter | None = None
    for segment in case.segments(rate):
        if meter is None or case.apart:
            meter = LoudnessMeter(rate, segment.samples.shape[1])
        meter.feed(segment.samples)
        found = meter.loudness()
        for figure, expected in segment.readings.items():
            off = getattr(found, figure) - expected
            share = off / case.above if off > 0 else -off / case.below
            most = max(most, math.inf if math.isnan(share) else share)
    return most


def _music(songs: Songs, folder: Path | None) -> list[str]:
    """Integrated loudness beside other meters, on a folder of music or on the tunes' originals."""
    if folder is None:
        paths = [songs.original(tune).path for tune in songs.tunes[:_MOST_SONGS]]
    else:
        paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in _ENDINGS)
    meters: dict[str, tuple[Callable[[Path, Samples, int], float], float]] = {}
    if shutil.which("ffmpeg"):
        meters["FFmpeg"] = _by_ffmpeg, _FROM_FFMPEG
    if importlib.util.find_spec("pyloudnorm"):
        meters["pyloudnorm"] = _by_pyloudnorm, _FROM_PYLOUDNORM
    off: dict[str, dict[str, float]] = {name: {} for name in meters}
    for path in paths:
        clip = sv.Clip(path)
        try:
            samples = clip.samples()
        except SoundverseError as error:
            print(f"{path.name}: {error}")
            continue
        ours = measure_loudness(samples, clip.sample_rate).integrated_lufs
        for name, (meter, _) in meters.items():
            off[name][path.name] = abs(ours - meter(path, samples, clip.sample_rate))
    missed = [f"{name} is not installed" for name in ("FFmpeg", "pyloudnorm") if name not in meters]
    for name, (_, most) in meters.items():
        values = off[name]
        if not values:
            missed.append("no music to compare loudness on")
            continue
        worst = max(values, key=lambda song: values[song])
        middle = np.median(list(values.values()))
        print(
            f"{len(values)} songs  integrated loudness is off {name}'s by {middle:.4f} LU in the middle, "
            f"by at most {values[worst]:.4f} LU ({worst})",
            flush=True,
        )
        if not values[worst] <= most:
            missed.append(f"integrated loudness within {most} LU of {name}")
    return missed


def _by_ffmpeg(path: Path, samples: Samples, rate: int) -> float:
    """What its filter ebur128 says at the end, to a thousandth; its summary is rounded to a tenth."""
    del samples, rate
    graph = "ebur128=metadata=1,ametadata=print:key=lavfi.r128.I:file=-"
    command = ["ffmpeg", "-nostdin", "-v", "error", "-i", str(path), "-map", "0:a:0", "-af", graph]
    said = subprocess.run([*command, "-f", "null", "-"], capture_output=True, text=True, check=True).stdout
    return float(re.findall(r"lavfi\.r128\.I=(\S+)", said)[-1])


def _by_pyloudnorm(path: Path, samples: Samples, rate: int) -> float:
    import pyloudnorm

    del path
    meter = pyloudnorm.Meter(rate, filter_class="DeMan")
    return float(meter.integrated_loudness(samples.T.astype(np.float64)))
