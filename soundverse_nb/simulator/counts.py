"""Counts that outlive a process: how often the same was ordered, and how many orders a drift has seen."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections import OrderedDict
from pathlib import Path

MAX_COUNTS = 100_000


class Counts:
    """Counts things by name, in `folder` where there is one, and else for as long as this lives.

    Several processes may count in one folder: each gets numbers of its own. Where the disk refuses, counting
    goes on in memory from the last number known.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self._folder = folder
        self._known: OrderedDict[str, int] = OrderedDict()

    def count(self, name: str) -> int:
        """The number of this time, from 1."""
        key = hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
        number = self._known.get(key, 0) + 1
        if self._folder is not None:
            with contextlib.suppress(OSError):
                number = _longer(self._folder / key)
        self._known[key] = number
        self._known.move_to_end(key)
        if len(self._known) > MAX_COUNTS:
            self._known.popitem(last=False)
        return number


def _longer(path: Path) -> int:
    """Append a byte, and give the length of the file then.

    A system that appends puts the end and the new place into one step, so no two processes get one number.
    """
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0), 0o600)
    try:
        os.write(file, b".")
        return os.lseek(file, 0, os.SEEK_CUR)
    finally:
        os.close(file)
