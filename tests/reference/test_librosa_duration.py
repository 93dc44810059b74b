"""librosa itself is asked for a length: when that is read, or where its answer is to decide."""

from __future__ import annotations

import io
import os
import pickle
import subprocess
import sys
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import librosa
import numpy as np
import pytest

import soundverse_nb as sv
from soundverse_nb.audio.encode import encode_mp3
from soundverse_nb.reference import preflight_async
from soundverse_nb.reference.facts import Limits
from soundverse_nb.reference.librosa_duration import compare
from tests.audio.songs import RATE, file_of, tone
from tests.corpus.encode import m4a, mp3


def _streamed_flac() -> bytes:
    song = bytearray(file_of(tone(12.0), kind="FLAC"))
    song[21] &= 0xF0
    song[22:26] = bytes(4)
    return bytes(song)


def _lying_mp3() -> bytes:
    song = bytearray(encode_mp3(tone(12.0).T, RATE, 128))
    at = song.index(b"Info") + 8
    song[at : at + 4] = (100).to_bytes(4, "big")
    return bytes(song)


def _chained_ogg() -> bytes:
    return file_of(tone(6.0), kind="OGG", subtype="VORBIS") * 2


_SONGS: dict[str, tuple[str, Callable[[], bytes], bool]] = {
    "an honest wav": ("wav", lambda: file_of(tone(12.0)), False),
    "an honest flac": ("flac", lambda: file_of(tone(12.0), kind="FLAC"), False),
    "an honest mp3": ("mp3", lambda: encode_mp3(tone(12.0).T, RATE, 128), False),
    "an mp3 without a header": ("mp3", lambda: mp3(tone(12.5), RATE, xing=False, quality=4), True),
    "an mp3 whose header lies": ("mp3", _lying_mp3, True),
    "a streamed flac": ("flac", _streamed_flac, True),
    "a chained ogg": ("ogg", _chained_ogg, True),
}


@pytest.mark.parametrize("song", _SONGS)
def test_the_answer_is_librosas_own(tmp_path: Path, song: str) -> None:
    ending, make, differs = _SONGS[song]
    path = tmp_path / f"song.{ending}"
    path.write_bytes(make())
    report = sv.preflight(path)
    assert "librosa" not in str(report)
    answer = report.librosa
    assert answer is not None
    assert answer.duration == pytest.approx(librosa.get_duration(path=path))
    assert answer.differs == differs
    assert bool(answer.reason) == differs
    assert ("librosa.get_duration" in str(report)) == differs
    assert report.librosa is answer


_TWELVE = file_of(tone(12.0))


def _in_a_file(folder: Path, name: str) -> str:
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(_TWELVE)
    return path


@pytest.mark.parametrize(
    "given",
    [
        lambda _: _TWELVE,
        lambda _: io.BytesIO(_TWELVE),
        lambda folder: open(_in_a_file(folder, "s.wav"), "rb"),  # noqa: SIM115 (a user's own file)
        lambda folder: _in_a_file(folder, "-"),
        lambda folder: _in_a_file(folder, "\udcff.wav"),
        lambda folder: _in_a_file(folder, "a\nb"),
        lambda _: (tone(12.0), RATE),
        lambda _: (tone(12.0).T, RATE),
    ],
    ids=["bytes", "BytesIO", "file", "dash", "no text", "line break", "samples", "samples the other way"],
)
@pytest.mark.parametrize("quick", [False, True])
def test_librosa_is_asked_about_whatever_a_song_is_given_as(
    given: Callable[[Path], Any], quick: bool, tmp_path: Path
) -> None:
    source = given(tmp_path)
    answer = sv.preflight(source, quick=quick).librosa
    if isinstance(source, io.BufferedReader):
        assert source.tell() == 0
        source.close()
    assert answer is not None
    assert (answer.duration, answer.decoded, answer.differs) == (pytest.approx(12.0), 12.0, False)
    assert answer.sentence == "librosa.get_duration agrees."


def test_a_song_is_found_again_from_another_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _in_a_file(tmp_path, "song.wav")
    monkeypatch.chdir(tmp_path)
    report = sv.preflight("song.wav")
    monkeypatch.chdir("/")
    assert report.librosa is not None
    assert report.librosa.duration == pytest.approx(12.0)


def test_where_libsndfile_does_not_read_it_the_reason_is_given(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(m4a(tone(12.0), RATE))
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg in it
    answer = sv.preflight(path).librosa
    assert answer is not None
    assert answer.duration is None
    assert "needs an ffmpeg program" in answer.sentence


_FFMPEG = """#!/bin/sh
echo "  Duration: 00:00:12.30, start: 0.000000, bitrate: 48 kb/s" >&2
echo "    Stream #0:0: Audio: aac (LC), 44100 Hz, mono, fltp, 48 kb/s" >&2
"""


@pytest.mark.skipif(os.name != "posix", reason="the program is a shell script")
@pytest.mark.parametrize("in_a_file", [True, False])
def test_what_librosa_warns_of_when_it_asks_ffmpeg_reaches_nobody(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    recwarn: pytest.WarningsRecorder,
    in_a_file: bool,
) -> None:
    (tmp_path / "ffmpeg").write_text(_FFMPEG)
    (tmp_path / "ffmpeg").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    song = m4a(tone(12.0), RATE)
    path = tmp_path / "song.m4a"
    path.write_bytes(song)
    report = sv.preflight(path if in_a_file else song)
    warnings.simplefilter("always")
    before = list(warnings.filters), warnings.showwarning
    answer = report.librosa
    assert answer is not None
    # From 1.0 on librosa asks no program any more, and has no answer to what libsndfile does not read.
    asks_ffmpeg = int(version("librosa").partition(".")[0]) < 1
    assert answer.duration == (12.3 if asks_ffmpeg else None)
    assert recwarn.list == []
    assert capfd.readouterr() == ("", "")
    assert (warnings.filters, warnings.showwarning) == before


def test_where_no_process_can_be_started_librosas_other_way_has_no_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "song.m4a"
    path.write_bytes(m4a(tone(12.0), RATE))
    report = sv.preflight(path)
    monkeypatch.setattr(sys, "executable", "")
    assert report.librosa is not None
    assert "there is no Python to start" in report.librosa.sentence


def _fails(**_: object) -> float:
    raise RuntimeError("Format not recognised.")


def test_what_cannot_be_decoded_is_held_against_nothing(tmp_path: Path) -> None:
    path = tmp_path / "letter.wav"
    path.write_bytes(b"Dear Sir or Madam, " * 100)
    answer = sv.preflight(path).librosa
    assert answer is not None
    assert (answer.duration, answer.decoded, answer.differs) == (None, None, True)
    assert sv.preflight("missing.wav").librosa is None
    assert sv.preflight(b"").librosa is None


def test_a_song_that_is_gone_when_librosa_is_asked_is_a_reason_too(tmp_path: Path) -> None:
    path = Path(_in_a_file(tmp_path, "song.wav"))
    report = sv.preflight(path)
    path.unlink()
    assert report.librosa is not None
    assert report.librosa.sentence.endswith("the song cannot be read any more.")


def test_a_report_is_pickled_with_its_question_or_its_answer(tmp_path: Path) -> None:
    by_path = pickle.loads(pickle.dumps(sv.preflight(_in_a_file(tmp_path, "song.wav"))))
    assert by_path.librosa.duration == pytest.approx(12.0)
    by_bytes = sv.preflight(_TWELVE)
    alone = pickle.loads(pickle.dumps(by_bytes)).librosa
    assert (alone.duration, alone.differs) == (None, True)
    assert "pickled" in alone.reason
    assert by_bytes.librosa is not None
    assert pickle.loads(pickle.dumps(by_bytes)).librosa == by_bytes.librosa


def test_nothing_but_reading_it_asks_librosa(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(librosa, "get_duration", _fails)
    report = sv.preflight(_TWELVE)
    for show in (str, repr, sv.PreflightReport._repr_mimebundle_):
        show(report)
    assert report.model_dump()["librosa"] is None
    assert report.asked_librosa is None
    monkeypatch.undo()
    assert report.librosa is not None
    assert report.model_dump()["librosa"]["duration"] == pytest.approx(12.0)


@pytest.mark.parametrize("quick", [False, True])
def test_librosas_length_decides_where_it_is_asked_to(tmp_path: Path, quick: bool) -> None:
    path = tmp_path / "song.mp3"
    path.write_bytes(_lying_mp3())  # 12 s, of which the header says 2.6 s
    report = sv.preflight(path, quick=quick, duration_by="librosa")
    assert report.duration == pytest.approx(librosa.get_duration(path=path))
    assert report.audio.duration == pytest.approx(12.0, abs=0.06)
    (problem,) = report.problems
    assert problem.code == "too_short"
    assert problem.message.startswith("By librosa.get_duration: The song lasts 2.")
    assert f"librosa.get_duration, {report.duration:.3f} s; decoded it is 12.0" in report.notes[0]
    assert report.notes[0].split(";")[0] in str(report)
    assert sv.preflight(path, quick=quick).ok


def test_librosas_length_may_pass_what_decoding_refuses(tmp_path: Path) -> None:
    path = tmp_path / "song.mp3"
    song = bytearray(encode_mp3(tone(9.0).T, RATE, 128))
    at = song.index(b"Info") + 8
    song[at : at + 4] = (1000).to_bytes(4, "big")
    path.write_bytes(song)
    codes = {problem.code for problem in sv.preflight(path).problems}
    assert "too_short" in codes
    by_librosa = sv.preflight(path, duration_by="librosa")
    assert {problem.code for problem in by_librosa.problems} == codes - {"too_short"}
    assert by_librosa.duration == pytest.approx(26.1, abs=0.1)
    assert str(by_librosa).count("librosa.get_duration") == 1


def test_without_librosas_answer_there_is_no_verdict_by_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))  # no ffmpeg in it
    song = m4a(tone(12.0), RATE)
    report = sv.preflight(song, duration_by="librosa")
    (problem,) = report.problems
    assert problem.code == "no_librosa_duration"
    assert "ffmpeg" in problem.message
    assert "no answer" in str(report)
    with pytest.raises(sv.PreflightError, match="librosa"):
        report.raise_if_failed()


@pytest.mark.parametrize("given", ["header", "", None, 3, np.zeros(3)])
def test_whose_length_it_is_has_to_be_known(given: Any) -> None:
    for check in (
        lambda: sv.preflight(_TWELVE, duration_by=given),
        lambda: sv.preflight_all([], duration_by=given),
    ):
        with pytest.raises(sv.ConfigurationError, match="duration_by") as caught:
            check()
        assert '"decode" or "librosa"' in str(caught.value)


async def test_a_table_and_a_coroutine_ask_librosa_too(tmp_path: Path) -> None:
    for number in range(5):
        (tmp_path / f"{number}.mp3").write_bytes(_lying_mp3())
    for quick in (True, False):
        table = sv.preflight_all(tmp_path, quick=quick, duration_by="librosa", progress=False)
        assert [report.duration_by for report in table] == ["librosa"] * 5
        assert not any(report.ok for report in table)
        assert all(row["duration"] == pytest.approx(2.6, abs=0.1) for row in table.rows)
        assert "too_short" in str(table)
    report = await preflight_async(_lying_mp3(), duration_by="librosa")
    assert not report.ok


@pytest.mark.parametrize(
    ("answer", "decoded", "stopped", "differs", "flips"),
    [
        (180.0, 180.0, False, False, False),
        (180.004, 180.0, False, False, False),
        (180.006, 180.0, False, True, False),
        (9.02, 12.5, False, True, True),
        (368.6, 180.0, False, True, True),
        (500.0, 350.5, True, False, False),  # we stopped; it goes on
        (2.09e14, 350.5, True, True, False),  # but not for six million years
        (None, 180.0, False, True, False),
    ],
)
def test_a_difference_is_one_of_more_than_five_milliseconds(
    answer: float | None, decoded: float, stopped: bool, differs: bool, flips: bool
) -> None:
    found = compare(answer, decoded, stopped, "mp3", Limits())
    assert (found.differs, found.flips) == (differs, flips)


_SONGS_AND_LINES = """
import os, sys, threading
import soundverse_nb as sv

done = threading.Event()
written = []

def write():
    number = 0
    while not done.is_set():
        os.write(2, f"line {number} of descriptor 2\\n".encode())
        print(f"line {number} of sys.stderr", file=sys.stderr, flush=True)
        number += 1
        done.wait(0.0005)
    written.append(number)

main, standard_error = sys.modules["__main__"], sys.stderr
thread = threading.Thread(target=write)
thread.start()
songs = sys.argv[1:]
for round in range(200 // len(songs)):
    for song in songs:
        sv.preflight(song)
done.set()
thread.join()
assert sys.modules["__main__"] is main
assert sys.stderr is standard_error
print(written[0])
"""


def test_no_line_of_another_thread_is_lost_in_200_preflights(tmp_path: Path) -> None:
    honest = encode_mp3(tone(12.0).T, RATE, 128)
    damaged = bytearray(honest)
    damaged[len(damaged) // 2 : len(damaged) // 2 + 3000] = bytes(range(250)) * 12
    songs = {
        "honest.mp3": honest,
        "damaged.mp3": bytes(damaged),
        "cut.mp3": honest[: len(honest) // 2],
        "lying.mp3": _lying_mp3(),
        "streamed.flac": _streamed_flac(),
    }
    for name, content in songs.items():
        (tmp_path / name).write_bytes(content)
    script = tmp_path / "script.py"
    script.write_text(_SONGS_AND_LINES)
    done = subprocess.run(
        [sys.executable, script, *(str(tmp_path / name) for name in songs)],
        capture_output=True, text=True, timeout=300, check=True,
    )  # fmt: skip
    lines = done.stderr.splitlines()
    count = int(done.stdout)
    assert count > 100
    assert sorted(lines) == sorted(
        f"line {number} of {where}" for number in range(count) for where in ("descriptor 2", "sys.stderr")
    )
