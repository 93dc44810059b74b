"""Registry of running simulators: those of this process by port, others by a notice they leave on it.

Nobody has to ask a service what it is. A notice is a small file, named after the port, with the number of the
process in it. It lies in the user's state folder or, where that cannot be written, in the system's temporary
one. What runs in this very process needs no file to be known, and no key to be trusted: it gave a pass.
"""

from __future__ import annotations

import contextlib
import os
import stat
import tempfile
from pathlib import Path
from typing import NamedTuple

PASS_HEADER = "X-Simulator-Pass"
"""The header in which whoever runs in the simulator's own process shows the pass."""


class _Here(NamedTuple):
    process: int
    secret: str


_here: dict[int, _Here] = {}


def register(port: int, secret: str) -> None:
    """A simulator of this process serves on this port and trusts whoever knows its secret."""
    _here[port] = _Here(os.getpid(), secret)


def unregister(port: int) -> None:
    """The simulator of this process on this port has stopped."""
    _here.pop(port, None)


def pass_for(port: int | None) -> str | None:
    """The pass of this process's simulator on this port; None where none runs.

    A forked child may still know its parent's, for which the parent's notice answers.
    """
    known = _here.get(port) if port is not None else None
    return known.secret if known is not None and known.process == os.getpid() else None


def notices(port: int) -> list[Path]:
    """Where the notice of a simulator on this port may lie, the best place first.

    At times there is no place at all: no home is known, and no temporary folder can be written.
    """
    places = [_state_folder(), _temporary_folder()]
    return [place / f"port-{port}" for place in places if place is not None]


def is_ours(notice: Path) -> bool:
    """Whether nobody but this user can have put a notice there: a temporary folder is everybody's."""
    if not hasattr(os, "getuid"):
        return True
    try:
        folder = notice.parent.lstat()
    except OSError:
        return False
    return stat.S_ISDIR(folder.st_mode) and folder.st_uid == os.getuid() and not folder.st_mode & stat.S_IWOTH


def write_notice(port: int) -> bool:
    """Leave the notice that this process runs a simulator on this port; False where none can be written."""
    for path in notices(port):
        with contextlib.suppress(OSError):
            path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            if is_ours(path):
                path.write_text(str(os.getpid()), encoding="ascii")
                return True
    return False


def remove_notice(port: int) -> None:
    """Delete the notice of a simulator that has stopped."""
    for path in notices(port):
        with contextlib.suppress(OSError):
            path.unlink()


def orders_folder() -> Path | None:
    """Where this user's embedded services keep their orders; None where there is no state folder."""
    folder = _state_folder()
    return None if folder is None else folder / "kept"


def _state_folder() -> Path | None:
    import platformdirs

    # Without a home some versions raise and others give a path with the ~ still in it.
    with contextlib.suppress(RuntimeError, KeyError, OSError):
        path = platformdirs.user_state_path("soundverse_nb")
        return path / "simulators" if path.is_absolute() else None
    return None


def _temporary_folder() -> Path | None:
    user = os.getuid() if hasattr(os, "getuid") else "user"
    with contextlib.suppress(OSError):
        return Path(tempfile.gettempdir()) / f"soundverse-nb-{user}"
    return None
