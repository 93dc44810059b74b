"""A folder of songs: headers where they tell, processes where they do not."""

from __future__ import annotations

import json
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.encode import encode_mp3
from tests.audio.songs import RATE, file_of, tone


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("songs")
    (place / "inner").mkdir()
    (place / "a.wav").write_bytes(file_of(tone(12.0)))
    (place / "b.wav").write_bytes(file_of(tone(3.0)))
    (place / "c.mp3").write_bytes(b"no mp3 at all" * 100)
    (place / "inner" / "d.mp3").write_bytes(encode_mp3(tone(11.0).T, RATE, 64))
    for number in range(3):
        (place / "inner" / f"e{number}.mp3").write_bytes(b"\0" * 5000)
    (place / "cover.jpg").write_bytes(b"x")
    (place / ".hidden.wav").write_bytes(b"x")
    return place


def test_a_folder_is_worked_through_with_its_subfolders(folder: Path) -> None:
    counted: list[tuple[int, int]] = []
    table = sv.preflight_all(folder, progress=lambda done, total: counted.append((done, total)))
    assert [Path(path).name for path in table.paths] == [
        "a.wav", "b.wav", "c.mp3", "d.mp3", "e0.mp3", "e1.mp3", "e2.mp3",
    ]  # fmt: skip
    assert [report.ok for report in table] == [True, False, False, True, False, False, False]
    assert [Path(path).name for path in table.passed] == ["a.wav", "d.mp3"]
    assert table.skipped == 1
    assert not table.ok
    assert counted == [(done, 7) for done in range(1, 8)]
    assert table[0].checked == "header"


def test_every_file_of_a_folder_is_checked_or_counted_as_passed_over(tmp_path: Path) -> None:
    sound = (".3ga", ".ac3", ".dsf", ".mp2", ".qta", ".tta", ".weba", ".m4p", ".spx", ".MPC", ".dff", ".w64")
    for ending in sound:
        (tmp_path / f"song{ending}").write_bytes(b"x" * 100)
    for name in ("a.txt", "b.txt", "c.jpg", "README"):
        (tmp_path / name).write_bytes(b"x")
    table = sv.preflight_all(tmp_path, progress=False)
    assert {Path(path).suffix for path in table.paths} == set(sound)
    assert (table.skipped, table.skipped_endings[0]) == (4, ".txt")
    assert set(table.skipped_endings) == {".txt", ".jpg", ""}
    for shown in (str(table), table._repr_mimebundle_()["text/html"]):
        assert "4 other files (.txt, " in shown
        assert "no ending" in shown
        assert "passed over" in shown


def test_every_song_can_be_decoded_too(folder: Path) -> None:
    with ThreadPoolExecutor(2) as executor:
        table = sv.preflight_all(folder, quick=False, executor=executor, progress=False)
    assert table[0].checked == "decoded"
    assert table[0].audio.loudness is not None


def test_a_list_is_taken_in_its_order_and_of_any_kind(folder: Path) -> None:
    table = sv.preflight_all([folder / "b.wav", file_of(tone(12.0)), "missing.wav"], progress=False)
    assert [report.ok for report in table] == [False, True, False]
    assert len(table) == 3
    assert len(table[:2]) == 2


def test_a_pattern_stands_for_the_files_it_matches(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(folder)
    songs = sorted(path.name for path in folder.glob("[!.]*.wav"))
    assert [report.name for report in sv.preflight_all("*.wav", progress=False)] == songs
    assert [report.name for report in sv.preflight_all(["*.wav"], progress=False)] == songs
    odd = tmp_path / "take[1].wav"
    odd.write_bytes(file_of(tone(12.0)))
    assert sv.preflight_all(str(odd), progress=False).ok, "a name with brackets is a name first"


@pytest.mark.parametrize("given", ["*.mp3", "no-such-folder", None, 3])
def test_nothing_to_check_is_an_error_and_no_missing_song(
    given: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sv.ConfigurationError, match=r"No file matches|There is no folder|names no songs"):
        sv.preflight_all(given, progress=False)


@pytest.mark.parametrize("call", [sv.preflight, sv.preflight_all, sv.repair])
def test_limits_that_are_none_are_told_at_once(call: Any, folder: Path) -> None:
    with pytest.raises(sv.ConfigurationError, match=r"no sv\.Limits"):
        call(folder / "b.wav", limits={"max_seconds": 20})


def test_the_table_is_a_frame_and_json(folder: Path) -> None:
    table = sv.preflight_all(folder, progress=False)
    json.dumps(table.rows, allow_nan=False)
    json.dumps(table.model_dump(), allow_nan=False)
    frame = table.to_frame()
    assert list(frame["ok"]) == [report.ok for report in table]
    assert {"name", "duration", "problems"} <= set(frame.columns)


def test_a_script_without_a_main_guard_may_call_it(folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import soundverse_nb as sv\n"
        f"print(len(sv.preflight_all({str(folder)!r}, quick=False, progress=False)))\n"
    )
    done = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=120, check=False)
    assert (done.stdout.strip(), done.stderr) == ("7", "")


def test_an_empty_folder_gives_an_empty_table(tmp_path: Path) -> None:
    table = sv.preflight_all(tmp_path)
    assert len(table) == 0
    assert "0 of 0" in str(table)
