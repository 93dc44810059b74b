"""Worker processes that know nothing of the program which starts them."""

from __future__ import annotations

import sys
import threading
from multiprocessing.context import SpawnContext, SpawnProcess
from types import ModuleType
from typing import Any

_ONE_AT_A_TIME = threading.Lock()


class _Apart(SpawnProcess):
    """Spawned, not forked: a kernel has threads, and a fork of one that holds a lock hangs.

    A spawned process first runs the main script again, which in a script without an
    `if __name__ == "__main__"` would start its workers again, and fail. Ours need nothing from it.
    """

    @staticmethod
    def _Popen(process_obj: Any) -> Any:  # noqa: N802  (multiprocessing's own name)
        with _ONE_AT_A_TIME:
            main = sys.modules["__main__"]
            sys.modules["__main__"] = ModuleType("__main__")
            try:
                return SpawnProcess._Popen(process_obj)
            finally:
                sys.modules["__main__"] = main


class ApartContext(SpawnContext):
    """A multiprocessing context whose processes do not import the main script."""

    Process = _Apart
