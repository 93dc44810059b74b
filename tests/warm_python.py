"""Programs in processes of their own that have the client loaded already, so that they start at once.

One process imports it and forks for each program. What hangs on how an interpreter starts, on what it has
loaded or on how it is taken apart is not for this: such a test starts one itself.
"""

from __future__ import annotations

import atexit
import json
import os
import subprocess
import sys
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

# The child leaves the loop, runs its program, waits for its threads and calls what is to be called at its
# end. Taking the interpreter apart would take half as long as an import: it touches, and so copies, it all.
_SERVER = """
import atexit, gc, json, os, sys, threading, traceback
import soundverse_nb as sv
sv.Client, sv.Study, sv.simulator.Simulator, sv.hosting.EmbeddedHost
gc.freeze()

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        break
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
else:
    os._exit(0)
asked = json.loads(line)
for number, name in enumerate((os.devnull, *asked["files"])):
    opened = os.open(name, os.O_WRONLY if number else os.O_RDONLY)
    os.dup2(opened, number)
    os.close(opened)
os.chdir(asked["folder"])
os.environ.clear()
os.environ.update(asked["environment"])
sys.argv[:] = ["-c", *asked["arguments"]]
status = 0
try:
    exec(compile(asked["program"], "<string>", "exec"), {"__name__": "__main__"})
except SystemExit as end:
    status = int(end.code or 0)
except BaseException:
    traceback.print_exc()
    status = 1
threading._shutdown()
atexit._run_exitfuncs()
sys.stdout.flush()
os._exit(status)
"""


class _Forking:
    """The process that forks."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-W", "ignore", "-c", _SERVER],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            # Threads would not come along into a fork.
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        )  # fmt: skip
        atexit.register(self.close)

    def run(self, asked: dict[str, object]) -> int:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None
        assert stdout is not None
        stdin.write(json.dumps(asked) + "\n")
        stdin.flush()
        return int(stdout.readline())

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()


@cache
def _forking() -> _Forking:
    return _Forking()


def run_python(program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a program to its end in a process of its own, as `python -W ignore -c PROGRAM ARGUMENT...` would.

    Working directory and environment are those of this moment.
    """
    words = [str(argument) for argument in arguments]
    command = [sys.executable, "-W", "ignore", "-c", program, *words]
    if not hasattr(os, "fork"):
        return subprocess.run(command, capture_output=True, text=True, check=False)
    with TemporaryDirectory() as folder:
        files = [Path(folder, "stdout"), Path(folder, "stderr")]
        for file in files:
            file.touch()
        asked: dict[str, object] = {
            "program": program, "arguments": words, "files": [str(file) for file in files],
            "folder": str(Path.cwd()), "environment": dict(os.environ),
        }  # fmt: skip
        try:
            code = _forking().run(asked)
        except BaseException:  # a timeout: its answer would be taken for that of the next program
            _forking().close()
            _forking.cache_clear()
            raise
        out, err = (file.read_text() for file in files)
    return subprocess.CompletedProcess(command, code, out, err)
