"""Unfinished work: what is not whole yet lies in folders and files of its own, which a kill leaves behind.

The next one who writes in the same place deletes what nobody is at work on any more.
"""

from __future__ import annotations

import contextlib
import json
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path

from soundverse_nb.client.journal.lease import drop, is_held, new_lease
from soundverse_nb.client.journal.order import Lease

MERGING, ARCHIVE, UNPACKING = ".merging-", ".archive-", ".unpacking-"
"""How the names of such folders begin."""

OWNER = "owner.json"
"""The file in such a folder that says which process made it."""

_FOLDER = re.compile(r"\.(merging|archive|unpacking)-[a-z0-9_]{8}")
_PART = re.compile(r"\..+\.[0-9a-f]{8}\.part")

HOUR = 3600.0

_DAY = 86_400.0
"""Seconds from which on a folder is left over whose process cannot be looked up, say on another machine."""


@contextlib.contextmanager
def unfinished_folder(place: Path, prefix: str) -> Iterator[Path]:
    """A folder in `place` for the time of a block; those that killed processes left there are deleted.

    Raises OSError where it cannot be made.
    """
    delete_left_folders(place)
    mine = new_lease(time.time())
    try:
        with tempfile.TemporaryDirectory(prefix=prefix, dir=place) as name:
            folder = Path(name)
            (folder / OWNER).write_text(json.dumps(asdict(mine)), encoding="utf-8")
            yield folder
    finally:
        drop(mine)


def delete_left_folders(place: Path) -> None:
    """Delete the folders of `unfinished_folder` in a place whose process is gone.

    What says of no process whose it is may be anybody's: it goes only where it is empty.
    """
    with contextlib.suppress(OSError):
        for folder in [each for each in place.iterdir() if _FOLDER.fullmatch(each.name)]:
            if folder.is_symlink() or not folder.is_dir():
                continue
            owner = _owner(folder / OWNER)
            if owner is None and _age(folder) > _DAY:
                with contextlib.suppress(OSError):
                    folder.rmdir()
            elif owner is not None and _is_left(owner, folder / OWNER):
                shutil.rmtree(folder, ignore_errors=True)


def delete_left_parts(folder: Path, of: str = "", *, older_than: float = HOUR) -> None:
    """Delete the unfinished files in a folder, or those of one name, that are older than so many seconds.

    At the age that is the default nobody is still writing one; who alone may write there needs none.
    """
    with contextlib.suppress(OSError):
        for file in folder.iterdir():
            is_one = _PART.fullmatch(file.name) and file.name.startswith(f".{of}." if of else ".")
            if is_one and not file.is_symlink() and _age(file) > older_than:
                with contextlib.suppress(OSError):
                    file.unlink()


def _owner(file: Path) -> Lease | None:
    try:
        return Lease(**json.loads(file.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return None


def _is_left(owner: Lease, file: Path) -> bool:
    here = new_lease(time.time())
    drop(here)
    # By start time a process of this machine is known for certain; of any other only time tells.
    if owner.host == here.host and owner.started and here.started:
        return not is_held(owner, time.time())
    return _age(file) > _DAY


def _age(path: Path) -> float:
    """Seconds since it was written, by this machine's clock."""
    return time.time() - path.lstat().st_mtime
