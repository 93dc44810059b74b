"""Where things are kept when nobody says where: this user's own folders, looked for only when needed.

A container may have no home, or one that cannot be written. Then the error says what to set, before
anything is ordered.
"""

from __future__ import annotations

import os
from pathlib import Path

from soundverse_nb.errors import ConfigurationError


def writable(folder: Path, hint: str) -> Path:
    """The folder, made where it was not; ConfigurationError where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        why = "" if os.access(folder, os.W_OK | os.X_OK) else "it cannot be written"
    except OSError as error:
        why = error.strerror or type(error).__name__
    if why:
        raise ConfigurationError(
            f"The folder {folder} cannot be used: {why}.",
            hint=f"{hint} to a place that can be written. Nothing is ordered without it.",
        )
    return folder


def given_path(given: str | os.PathLike[str], word: str) -> Path:
    """A path as it was given, with the home in place of ~."""
    try:
        return Path(given).expanduser()
    except RuntimeError:
        raise ConfigurationError(
            f"{word}={os.fspath(given)!r} begins with ~, and there is no such home directory.",
            hint="Give the whole path, or set HOME.",
        ) from None


def own_folder(which: str, hint: str) -> Path:
    """This user's folder for data or state; `which` is platformdirs' name for it, `hint` says what to set."""
    import platformdirs

    try:
        folder: Path = getattr(platformdirs, which)("soundverse_nb")
    except (RuntimeError, KeyError, OSError):
        folder = Path("~")
    # Without a home some versions of platformdirs raise, and others leave the ~ where it was.
    if not folder.is_absolute():
        raise ConfigurationError(
            "This user has no home directory, so there is no usual place for this.",
            hint=f"{hint} to a place that can be written.",
        )
    return folder
