"""However decoding ends, everything it opened is closed: memory stays flat over any number of bad songs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.encode import encode_mp3
from tests.audio.adts import aac, frame_of_pairs
from tests.audio.quicktime import quicktime
from tests.audio.songs import RATE, file_of, tone

_MEASURE = """
import gc, json, os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
import soundverse_nb as sv

def act(kind, path):
    try:
        if kind == "clip":
            sv.Clip(path).samples()
        elif kind == "repair":
            sv.repair(path, out="never/there.mp3")
        else:
            sv.preflight(path, quick=kind == "quick")
    except sv.SoundverseError:
        pass

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()

gc.disable()  # what only the collector would give back is kept for good by a busy notebook
grown = {}
for path in sys.argv[1:]:
    for kind in ("full", "quick", "repair", "clip"):
        for _ in range(2):
            act(kind, path)
        before = resident()
        for _ in range(6):
            act(kind, path)
        grown[os.path.basename(path) + " " + kind] = resident() - before
print(json.dumps(grown))
"""
_MOST_GROWTH = 18 << 20


def failing_songs() -> dict[str, bytes]:
    mp3 = encode_mp3(tone(20.0).T, RATE, 128)
    flac = file_of(tone(20.0), kind="FLAC")
    frames = aac(20.0)
    joined = mp3 + encode_mp3(tone(5.0, 1).T, RATE, 64) + bytes(4000) + mp3
    return {
        "cut.mp3": mp3[: len(mp3) // 2],
        "joined.mp3": joined,
        "holes.mp3": b"".join(mp3[at : at + 3000] + bytes(500) for at in range(0, len(mp3), 4000)),
        "cut.flac": flac[: len(flac) // 2],
        "holes.flac": flac[:9000] + bytes(50_000) + flac[60_000:],
        "long.wav": file_of(tone(400.0, 1, 8000), 8000),
        "text.mp3": b"no song at all " * 9000,
        "zeros.mp3": bytes(200_000),
        "thirty-channels.aac": b"".join([*frames[:200], frame_of_pairs(15), *frames[200:]]),
        "surround.mov": quicktime(6, 124),
        "cut.mov": quicktime(6, 124)[:-700],
    }


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs /proc to measure")
def test_no_kind_of_failing_song_keeps_memory(tmp_path: Path) -> None:
    paths = []
    for name, data in failing_songs().items():
        paths.append(str(tmp_path / name))
        Path(paths[-1]).write_bytes(data)
    done = subprocess.run(
        [sys.executable, "-c", _MEASURE, *paths],
        capture_output=True, text=True, timeout=280, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-2000:]
    grown = json.loads(done.stdout)
    assert len(grown) == 4 * len(paths)
    assert {name: size for name, size in grown.items() if size > _MOST_GROWTH} == {}


@pytest.mark.parametrize("quick", [False, True])
def test_a_frame_of_thirty_channels_is_damage(quick: bool, tmp_path: Path) -> None:
    frames = aac(12.0)
    song = tmp_path / "song.aac"
    song.write_bytes(b"".join([*frames[:200], frame_of_pairs(15), *frames[200:]]))
    (tmp_path / "good.wav").write_bytes(file_of(tone(12.0)))
    report = sv.preflight(song, quick=quick)
    assert [problem.code for problem in report.problems] == ["damaged"]
    assert "30 channels" in report.problems[0].message
    assert 12.0 < (report.audio.duration or 0.0) < 12.2
    table = sv.preflight_all(tmp_path, quick=quick, progress=False)
    assert [row.ok for row in table] == [True, False]
    assert sv.repair(song).ok
