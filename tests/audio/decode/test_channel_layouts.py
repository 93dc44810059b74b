"""Channels in any order: a report, the right channels, and a process that lives on.

Everything runs in a process of its own under a limit of memory: a crash is a failure that names itself.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from soundverse_nb.audio.decode.opening import decode
from tests.audio.quicktime import CHANNELS, RATE, TAGS, quicktime

_CHECK = """
import json, os, resource, sys
resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
resource.setrlimit(resource.RLIMIT_AS, (6 << 30, 6 << 30))
import soundverse_nb as sv
rows = []
for name in sys.argv[1:]:
    for quick in (False, True):
        report = sv.preflight(name, quick=quick)
        rows.append((report.ok, report.audio.duration, report.audio.channels, report.audio.codec))
    rows.append((sv.Clip(name).channels, round(sv.Clip(name).duration, 3)))
rows.append([report.ok for report in sv.preflight_all(sys.argv[1:], progress=False)])
repaired = sv.repair(sys.argv[1], out=os.path.dirname(sys.argv[1]) + "/repaired.wav")
rows.append((repaired.report.audio.channels, repaired.ok))
again = [bytes(size) for size in range(3000)]  # what was freed twice shows when memory is taken again
print(json.dumps(rows))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="needs limits of memory")
def test_quicktime_in_every_order_of_surround_gets_its_report(tmp_path: Path) -> None:
    names = []
    for kind, tag in TAGS.items():
        channels = next(count for word, count in CHANNELS.items() if word in kind)
        names.append(str(tmp_path / f"{tag}.mov"))
        Path(names[-1]).write_bytes(quicktime(channels, tag))
    # Right before left: custom, too, for all that it is stereo.
    names.append(str(tmp_path / "swapped.mov"))
    Path(names[-1]).write_bytes(quicktime(2, labels=(2, 1)))
    done = subprocess.run(
        [sys.executable, "-c", _CHECK, *names], capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    rows = json.loads(done.stdout)
    for name, full, quick, clip in zip(names, rows[0::3], rows[1::3], rows[2::3], strict=False):
        assert full[:2] == quick[:2] == [True, 11.0], name
        assert full[3] == "pcm_s16le"
        assert clip == [full[2], 11.0]
    assert rows[-2] == [True] * len(names)
    assert rows[-1] == [2, True]


@pytest.mark.parametrize(
    ("tag", "order"),
    [(121, [0, 1, 2, 3, 4, 5]), (122, [0, 1, 4, 5, 2, 3]), (124, [1, 2, 0, 5, 3, 4])],
    ids=["L R C LFE Ls Rs", "L R Ls Rs C LFE", "C L R Ls Rs LFE"],
)
def test_surround_is_heard_in_one_order_whatever_the_files(tag: int, order: list[int]) -> None:
    with decode(quicktime(6, tag)) as sound:
        block = np.concatenate(list(sound))
    assert len(block) == 11 * RATE
    levels = np.abs(block).max(axis=0) * 20
    assert np.round(levels).astype(int).tolist() == [place + 1 for place in order]
