"""A journal's path: what it names, what lies beside it, and a new file there for its user alone.

Nothing here opens a file that is there already: SQLite may have it open (see database.py).
"""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from soundverse_nb.client.journal import errors, filesystem

Identity = tuple[int, int]
"""Device and inode: what a name of a file stands for just now."""

LOG = ("-wal", "-shm")
COMPANIONS = (*LOG, "-journal")
"""What SQLite puts beside a file, by the ends of their names."""


def seen(path: Path) -> os.stat_result | None:
    """What the path names, or None for nothing yet; raises for what can never be a journal."""
    kind = filesystem.file_system(path)
    if kind in filesystem.OF_THE_KERNEL:
        raise errors.unopened(path, f"what lies there belongs to the system ({kind})")
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(found.st_mode):
        raise errors.unopened(path, f"it is {_kind(found.st_mode)}, not a file")
    if found.st_nlink > 1:
        # A log is named after the name that was opened: with two names each hides the other's orders.
        raise errors.several_names(path, found.st_nlink)
    return found


def _kind(mode: int) -> str:
    kinds = {
        stat.S_IFDIR: "a folder", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
        stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket",
    }  # fmt: skip
    return kinds.get(stat.S_IFMT(mode), "something else")


def refuse_what_is_left(path: Path, real: Path) -> None:
    """A log without its journal may hold paid orders, and SQLite would throw it away for a new file."""
    for name in COMPANIONS:
        companion = beside(real, name)
        try:
            left = companion.stat()
        except FileNotFoundError:
            continue
        if not stat.S_ISREG(left.st_mode):
            continue
        # Looked at after its companion, which is always made later: another process may just have begun.
        try:
            size = real.stat().st_size
        except FileNotFoundError:
            raise errors.left_over(path, companion) from None
        # The first transaction of all leaves a rollback journal beside an empty file, and rightly.
        if size == 0 and name == "-wal" and left.st_size > 0:
            raise errors.left_over(path, companion)


def create(real: Path) -> bool:
    """An empty file that only its user can read; its -wal and -shm get its mode from SQLite.

    False where there is one already.
    """
    try:
        os.close(os.open(real, os.O_RDWR | os.O_CREAT | os.O_EXCL | getattr(os, "O_CLOEXEC", 0), 0o600))
    except FileExistsError:
        return False
    _sync(real.parent)
    return True


def make_folder(folder: Path) -> None:
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    for made in reversed(missing):
        _sync(made.parent)


def _sync(folder: Path) -> None:
    """A name is on disk when its folder is. Some file systems cannot be asked for it, and need not be."""
    if os.name == "posix":
        with contextlib.suppress(OSError):
            opened = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)


def real_path(path: Path) -> Path:
    """Where SQLite looks for a log: beside the file itself, not beside a link to it."""
    return Path(os.path.realpath(path))


def beside(real: Path, name: str) -> Path:
    return real.with_name(real.name + name)


def identity_of(path: Path) -> Identity | None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return found.st_dev, found.st_ino


def stamp(path: Path) -> tuple[int, int, int] | None:
    try:
        found = path.stat()
    except FileNotFoundError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns
