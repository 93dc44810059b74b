"""Folders are checked wherever the call is made from, and a worker that cannot start is no bad song."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from soundverse_nb.audio.worker_process import DiedError, NotStartedError, WorkerProcess
from soundverse_nb.reference import workers as pool
from tests.audio.songs import file_of, tone
from tests.reference.dying import checked_or_dead

_SONGS = 5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    place = tmp_path_factory.mktemp("songs")
    for number in range(_SONGS):
        (place / f"{number}.wav").write_bytes(file_of(tone(11.0, 1, 8000), 8000))
    return place


def verdicts(folder: Path, **settings: Any) -> list[bool]:
    table = sv.preflight_all(folder, quick=False, progress=False, **settings)
    return [report.ok for report in table]


_ASK = """
import os, sys
import soundverse_nb as sv

def verdicts(_=None):
    return [report.ok for report in sv.preflight_all(sys.argv[1], quick=False, progress=False)]
"""
_DAEMON = """
def tell():
    print(verdicts(), flush=True)

if __name__ == "__main__":
    import multiprocessing
    worker = multiprocessing.get_context({!r}).Process(target=tell, daemon=True)
    worker.start()
    worker.join()
"""
PLACES = {
    "a daemonic process": _DAEMON.format("spawn"),
    "a daemonic process that was forked": _DAEMON.format("fork"),
    "joblib": """
if __name__ == "__main__":
    from joblib import Parallel, delayed
    print(Parallel(n_jobs=2)(delayed(verdicts)() for _ in range(2))[1])
""",
    "a deleted working directory": """
os.mkdir("gone")
os.chdir("gone")
os.rmdir("../gone") if os.path.isdir("../gone") else None
print(verdicts())
""",
    "a system without semaphores": """
import _multiprocessing
def none(*_, **__):
    raise OSError(30, "Read-only file system")
_multiprocessing.SemLock = none
print(verdicts())
""",
    "a program without a main module": "del sys.modules['__main__']\nprint(verdicts())\n",
}


@pytest.mark.parametrize("place", PLACES)
def test_a_folder_is_checked_from_anywhere(place: str, folder: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(_ASK + PLACES[place])
    done = subprocess.run(
        [sys.executable, script, str(folder)],
        capture_output=True, text=True, timeout=200, check=False, cwd=tmp_path,
    )  # fmt: skip
    assert (done.stdout.strip(), done.stderr) == (str([True] * _SONGS), "")


def _no_process(*_: Any, **__: Any) -> Any:
    raise BlockingIOError(11, "Resource temporarily unavailable")


def _no_thread(*_: Any, **__: Any) -> Any:
    raise RuntimeError("can't start new thread")


@pytest.mark.parametrize(
    ("place", "name", "value"),
    [
        (sys, "executable", None),
        (sys, "executable", shutil.which("false")),
        (sys, "executable", shutil.which("cat")),
        (sys, "frozen", True),
        (subprocess, "Popen", _no_process),
        (threading.Thread, "start", _no_thread),
    ],
    ids=["no Python", "no answer", "another answer", "frozen", "no process", "no thread"],
)
def test_where_no_process_starts_this_one_does_the_work(
    place: Any, name: str, value: Any, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(place, name, value, raising=False)
    assert verdicts(folder) == [True] * _SONGS


def test_a_song_that_kills_its_process_costs_no_other_its_verdict(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for song in folder.iterdir():
        shutil.copy(song, tmp_path / song.name)
    (tmp_path / "2-deadly.wav").write_bytes(file_of(tone(11.0, 1, 8000), 8000))
    monkeypatch.setattr(pool, "_checked", checked_or_dead)
    table = sv.preflight_all(tmp_path, quick=False, progress=False, workers=2)
    assert [report.name for report in table if not report.ok] == ["2-deadly.wav"]
    assert len(table) == _SONGS + 1
    (problem,) = next(report for report in table if not report.ok).problems
    assert (problem.code, problem.message) == ("unreadable", "The decoder crashed on this file.")


class _Broken(Executor):
    """An executor that works for some songs and then never again, or cannot even be asked."""

    def __init__(self, good: int, error: Exception, *, at_once: bool) -> None:
        self._good, self._error, self._at_once = good, error, at_once

    def submit(self, function: Any, /, *given: Any, **more: Any) -> Future[Any]:
        done: Future[Any] = Future()
        if self._good > 0:
            self._good -= 1
            done.set_result(function(*given, **more))
        elif self._at_once:
            raise self._error
        else:
            done.set_exception(self._error)
        return done


@pytest.mark.parametrize("at_once", [True, False])
@pytest.mark.parametrize("good", [0, 2])
def test_an_executor_that_breaks_spoils_no_verdict(good: int, at_once: bool, folder: Path) -> None:
    broken = _Broken(good, PermissionError(13, "no semaphore"), at_once=at_once)
    assert verdicts(folder, executor=broken) == [True] * _SONGS


def test_what_may_have_killed_an_executor_is_not_tried_here(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", None)
    table = sv.preflight_all(
        folder, quick=False, progress=False, executor=_Broken(2, RuntimeError("died"), at_once=False)
    )
    assert [report.ok for report in table] == [True, True, False, False, False]
    assert "safely" in table[2].problems[0].message
    assert verdicts(folder, executor=_Broken(0, RuntimeError("died"), at_once=True)) == [True] * _SONGS


def test_a_table_that_is_given_up_leaves_no_process(folder: Path) -> None:
    def stop(done: int, total: int) -> None:
        raise KeyboardInterrupt

    before = set(threading.enumerate())
    with pytest.raises(KeyboardInterrupt):
        sv.preflight_all(folder, quick=False, workers=2, progress=stop)
    for thread in set(threading.enumerate()) - before:
        if thread.name.startswith("soundverse_nb-"):  # others of this process may come at any moment
            thread.join(30)
            assert not thread.is_alive()


def test_many_threads_may_check_folders_at_once(folder: Path) -> None:
    main = sys.modules["__main__"]
    with ThreadPoolExecutor(2) as executor:
        assert list(executor.map(verdicts, [folder] * 2)) == [[True] * _SONGS] * 2
    assert sys.modules["__main__"] is main


def test_a_process_apart_answers_raises_and_dies() -> None:
    with WorkerProcess() as process:
        assert process.call(sum, [1, 2, 3]) == 6
        with pytest.raises(ZeroDivisionError):
            process.call(divmod, 1, 0)
        assert process.call(print, "nobody reads this") is None
        with pytest.raises(DiedError):
            process.call(sys.exit, 3)
        with pytest.raises(DiedError):
            process.call(sum, [1])


def test_no_process_is_left_where_none_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", shutil.which("cat"))
    with pytest.raises(NotStartedError):
        WorkerProcess()
