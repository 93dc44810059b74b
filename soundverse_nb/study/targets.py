"""Targets: what may be written over. No export takes the place of a study, or of a take that was paid."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.store_file import NAME

_OF_STORE = frozenset({NAME, *(f"{NAME}-{suffix}" for suffix in ("wal", "shm", "journal"))})


def check_target(path: Path) -> None:
    """Raise ConfigurationError where a path names the store of a study, or a file of its audio."""
    place = Path(os.path.realpath(path))
    in_audio = place.parent.name == "audio" and (place.parent.parent / NAME).exists()
    if place.name in _OF_STORE or in_audio:
        raise ConfigurationError(
            f"{plain(path.name, 120)} is part of a study, which was left as it is.",
            hint="Choose a path outside the study's folder, or another name.",
        )


def check_archive_target(path: Path) -> None:
    """The same, and where something is there that is no archive of a study."""
    check_target(path)
    if path.exists() and not _is_archive(path):
        raise ConfigurationError(
            f"There is a {plain(path.name, 120)} that is no archive of a study. It was left as it is.",
            hint="Choose another name. Only an earlier archive is replaced.",
        )


def _is_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return NAME in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False
