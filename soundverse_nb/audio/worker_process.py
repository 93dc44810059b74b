"""Worker process: functions called in a fresh Python, whose crash is an answer and not the end of ours.

A fresh Python that knows nothing of the program which starts it: no script runs a second time there, a daemon
may start it, and it needs neither semaphores nor a place for files.
"""

from __future__ import annotations

import json
import os
import pickle
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import suppress
from threading import Timer
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

# A fresh Python with cold files on a busy machine takes seconds; one that is none never answers.
_STARTING_SECONDS = 60.0
_CODE = (
    "import sys, json; sys.path[:] = json.loads(sys.argv[1]); "
    "from soundverse_nb.audio.worker_process import serve; serve()"
)
_READY = "ready"


class NotStartedError(Exception):
    """No process could be started here, or none that can load this package."""


class DiedError(Exception):
    """The process came to its end before it answered."""


class WorkerProcess:
    """One such process, which calls functions for us, one at a time. Use as a context manager.

    Raises NotStartedError where there can be none.
    """

    def __init__(self) -> None:
        if not sys.executable or getattr(sys, "frozen", False):
            raise NotStartedError("there is no Python to start")
        command = [sys.executable, *_flags(), "-c", _CODE, json.dumps(sys.path)]
        pipe, nothing = subprocess.PIPE, subprocess.DEVNULL
        try:
            self._process = subprocess.Popen(
                command, stdin=pipe, stdout=pipe, stderr=nothing, cwd=_working_directory()
            )
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            raise NotStartedError(str(error)) from None
        try:
            self._await_it()
        except BaseException:
            self.close()
            raise

    def _await_it(self) -> None:
        timer = Timer(_STARTING_SECONDS, self._process.kill)
        timer.daemon = True
        try:
            timer.start()
            if self._answer() != (_READY, None):
                raise NotStartedError("it answers something else")
        except (DiedError, RuntimeError) as error:  # RuntimeError: no thread can be started either
            raise NotStartedError(str(error)) from None
        finally:
            timer.cancel()

    def call(self, function: Callable[..., T], *arguments: Any) -> T:
        """What a module's function answers there. Raises what it raises, DiedError where nothing comes."""
        stdin = self._process.stdin
        assert stdin is not None
        request = pickle.dumps((function, arguments))
        try:
            stdin.write(request)
            stdin.flush()
        except (OSError, ValueError):
            raise DiedError("it does not read") from None
        kind, answer = self._answer()
        if kind == "raised":
            raise answer
        result: T = answer
        return result

    def _answer(self) -> tuple[str, Any]:
        assert self._process.stdout is not None
        try:
            answer: tuple[str, Any] = pickle.load(self._process.stdout)
        except Exception as error:  # a process that dies may leave anything
            raise DiedError(f"{type(error).__name__} instead of an answer") from None
        return answer

    def __enter__(self) -> WorkerProcess:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, whatever it does; may be called from another thread, which ends call()."""
        with suppress(OSError):
            self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with suppress(OSError, ValueError):
                if pipe is not None:
                    pipe.close()


_worker = False


def is_worker() -> bool:
    """Whether this process is such a one: nobody sees what is written to its error stream."""
    return _worker


def serve() -> None:
    """The other side: answer what is asked on standard input until that ends."""
    global _worker
    _worker = True
    warnings.simplefilter("ignore")  # with -W error they would be an answer
    questions, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    nothing = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1):  # whatever writes there is no answer
        os.dup2(nothing, number)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # who started it decides when it ends
    with suppress(Exception):
        import resource

        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    _send(answers, _READY, None)
    while True:
        try:
            function, arguments = pickle.load(questions)
        except EOFError:
            return
        try:
            _send(answers, "answered", function(*arguments))
        except BrokenPipeError:
            return
        except Exception as error:
            _send(answers, "raised", error)


def _send(answers: Any, kind: str, answer: Any) -> None:
    answers.write(pickle.dumps((kind, answer)))  # whole: half of one would spoil the next
    answers.flush()


def _working_directory() -> str | None:
    """None for ours; another where ours was deleted: there, imports fail on CPython 3.13."""
    try:
        os.getcwd()
    except OSError:
        return os.path.dirname(sys.executable)
    return None


def _flags() -> list[str]:
    """This Python's own options, such as -X utf8, as multiprocessing passes them on."""
    ask: Callable[[], list[str]] | None = getattr(subprocess, "_args_from_interpreter_flags", None)
    return ask() if ask is not None else []
