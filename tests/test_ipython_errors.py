"""In IPython an error is the caller's line and the sentence; in a script the whole trace stays."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

CELLS = {
    "a missing file": ('await client.remix("missing.mp3", "jazz")', "PreflightError: There is no file"),
    "no prompt": ("client.remix_sync(song)", "InvalidRequestError: Either prompt or lyrics"),
    "a helper of one's own": (
        "def cut(path): return sv.repair(path)\n\ncut('missing.mp3')", "PreflightError: There is no file",
    ),
}  # fmt: skip
SETUP = """
import soundverse_nb as sv
client, song = sv.Client("a-key-0123456789", "http://127.0.0.1:9", progress=False), sv.example_song()
"""


@pytest.mark.parametrize(("cell", "sentence"), CELLS.values(), ids=CELLS)
def test_ipython_shows_the_callers_line_and_the_sentence(cell: str, sentence: str, tmp_path: Path) -> None:
    shown = subprocess.run(
        [sys.executable, "-m", "IPython", "--simple-prompt", "--no-banner", "--colors=NoColor"],
        input=f"{SETUP}\n{cell}\nquit()\n", capture_output=True, text=True, timeout=120, check=True,
        env={**os.environ, "IPYTHONDIR": str(tmp_path)}, cwd=tmp_path,
    ).stdout  # fmt: skip
    lines = shown[shown.index("Cell In[") :].splitlines()
    assert lines[1].startswith("----> ")
    assert sentence in shown
    assert "soundverse_nb/" not in shown, "no line of ours"


def test_a_script_keeps_the_whole_trace(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", "import soundverse_nb as sv; sv.repair('missing.mp3')"],
        capture_output=True, text=True, timeout=120, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert "Traceback (most recent call last)" in done.stderr
    assert "errors.py" in done.stderr
