"""The commands for people and for programs: what is printed, where, and with which exit status."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.cli.command import main
from tests.audio.songs import file_of, tone


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.setenv(name, str(tmp_path / "home"))
    for name in ("SOUNDVERSE_API_KEY", "SOUNDVERSE_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def answer(capsys: pytest.CaptureFixture[str]) -> Any:
    """Standard output as JSON: nothing else may stand there."""
    return json.loads(capsys.readouterr().out)


def test_a_folder_is_checked_song_by_song(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "songs" / "inner").mkdir(parents=True)
    (home / "songs" / "good.wav").write_bytes(file_of(tone(12.0, 1, 8000), 8000))
    (home / "songs" / "inner" / "short.wav").write_bytes(file_of(tone(3.0, 1, 8000), 8000))
    (home / "songs" / "notes.txt").write_text("no song")
    assert main(["preflight", "songs"]) == 1
    shown = capsys.readouterr().out
    assert "1 of 2 would be taken." in shown
    assert main(["preflight", "--json", "songs"]) == 1
    reports = answer(capsys)
    assert [(Path(each["file"]).name, each["ok"]) for each in reports] == [
        ("good.wav", True),
        ("short.wav", False),
    ]


def test_a_song_that_fails_is_repaired_by_the_command_that_is_advised(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (home / "my long song.wav").write_bytes(file_of(tone(400.0, 1, 8000), 8000))
    assert main(["preflight", "my long song.wav"]) == 1
    assert "soundverse-nb repair 'my long song.wav'" in capsys.readouterr().out
    assert main(["repair", "my long song.wav", "--out", "short.mp3", "--duration", "20", "--json"]) == 0
    done = answer(capsys)
    assert Path(done["path"]) == Path("short.mp3")
    assert sv.preflight("short.mp3").ok
    assert main(["repair", "my long song.wav", "--out", "short.mp3"]) == 1, "never over another file"
    assert "exists already" in capsys.readouterr().err


def test_remixes_are_made_for_each_prompt_and_listed_afterwards(
    home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    song = str(sv.example_song())
    assert main(["remix", song, "lo-fi hip hop", "drum and bass", "--out", "remixes", "--json"]) == 0
    made = answer(capsys)
    assert [each["prompt"] for each in made] == ["lo-fi hip hop", "drum and bass"]
    assert all(Path(each["path"]).parent.name == "remixes" and each["simulated"] for each in made)
    assert main(["orders", "--json"]) == 0
    listed = answer(capsys)
    assert {each["prompt"] for each in listed} == {"lo-fi hip hop", "drum and bass"}
    assert {each["path"] for each in listed} == {str(Path(each["path"]).absolute()) for each in made}
    assert main(["recover", "--json"]) == 0
    assert answer(capsys) == {"fetched": [], "failed": [], "unknown": []}


def test_a_remix_that_fails_is_told_with_what_was_paid(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["remix", "missing.mp3", "jazz", "--json"]) == 1
    (row,) = answer(capsys)
    assert (row["path"], row["spent"]) == (None, "no")
    assert "There is no file missing.mp3" in row["error"]
    assert main(["remix", "missing.mp3"]) == 1
    assert "There is no prompt" in capsys.readouterr().err


def test_advice_names_commands_and_no_calls(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "long song.wav").write_bytes(file_of(tone(400.0, 1, 8000), 8000))
    assert main(["preflight", "long song.wav"]) == 1
    assert main(["remix", "long song.wav", "jazz"]) == 1
    assert main(["repair", "long song.wav", "--start", "500"]) == 1
    said = "".join(capsys.readouterr())
    assert said.count("soundverse-nb repair 'long song.wav'") == 3, "the verdict, the board, the result"
    assert "--start picks another" in said
    assert "--start 500 is not inside the song" in said
    assert "sv." not in said
    assert "start=" not in said


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
@pytest.mark.parametrize("command", [["orders"], ["orders", "--json"], ["preflight", "x.mp3"], ["--version"]])
@pytest.mark.parametrize("output", [">/dev/full", ">&-", ">&- 2>&-"])
def test_an_output_that_takes_nothing_ends_in_no_traceback(
    command: list[str], output: str, home: Path
) -> None:
    line = f'"{sys.executable}" -m soundverse_nb {" ".join(command)} {output}'
    done = subprocess.run(
        ["sh", "-c", line], capture_output=True, text=True, timeout=120, check=False, env=dict(os.environ)
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if output == ">/dev/full" and command != ["--version"]:
        assert done.returncode == 1
        assert "the output cannot be written" in done.stderr
