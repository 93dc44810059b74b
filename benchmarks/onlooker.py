"""A second process that looks at a journal while kernels write to it, and what SQLite says of the file after.

Each look is a client of its own that lists the orders and closes the journal again, as `soundverse-nb orders`
in a terminal does. The last one to close a SQLite file tidies up behind everybody: whoever has lost his locks
loses his orders then.
"""

from __future__ import annotations

import select
import sqlite3
import subprocess
import sys
from pathlib import Path
from types import TracebackType

KEY = "a-key-0123456789"
JOURNAL = "orders.sqlite3"
PAUSE = 0.02  # seconds between two looks, so that a core is left to those who are looked at


class Onlooker:
    """Looks until the `with` is left; `looks` then says how often, `trouble` what was in the way."""

    def __init__(self, base_url: str, folder: Path) -> None:
        self._command = [sys.executable, __file__, base_url, str(folder)]
        self.looks = 0
        self.trouble = ""

    def __enter__(self) -> Onlooker:
        pipe = subprocess.PIPE
        # It ends with its standard input, so it outlives nobody who was killed himself.
        self._process = subprocess.Popen(self._command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)
        assert self._process.stdout is not None
        self._process.stdout.readline()  # it looks from now on; nothing, where it died, is told at the end
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            out, err = self._process.communicate(timeout=120)
        except subprocess.TimeoutExpired:
            self._process.kill()
            out, err = "", "it hangs"
            self._process.communicate()
        if self._process.returncode:
            self.trouble = f"the onlooker could not look: {err.strip()[-600:]}"
        else:
            self.looks = int(out)


def integrity(path: Path) -> str:
    """What SQLite finds wrong with a file that nobody has open any more; "ok" where nothing is."""
    connection = sqlite3.connect(path)
    try:
        return "; ".join(str(row[0]) for row in connection.execute("PRAGMA integrity_check"))
    except sqlite3.DatabaseError as error:
        return str(error)
    finally:
        connection.close()


def main() -> None:
    import soundverse_nb as sv

    base_url, folder = sys.argv[1:]
    looks = 0
    print("ready", flush=True)
    while not select.select([sys.stdin], [], [], PAUSE)[0]:
        client = sv.Client(KEY, base_url, directory=folder, journal=Path(folder) / JOURNAL, progress=False)
        client.orders()
        client.close()
        looks += 1
    print(looks)


if __name__ == "__main__":
    main()
