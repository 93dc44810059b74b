"""Targets: what may be written over. No export takes the place of a study, or of a take that was paid."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.study.store_file import NAME

MOST_LOOKED_AT = 1_000_000
"""Bytes in which a plan's keys are looked for."""

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
    _check_replaced(path, _is_archive, "archive of a study", "an earlier archive")


def check_plan_target(path: Path) -> None:
    """The same, and where something is there that is no plan."""
    _check_replaced(path, _is_plan, "plan", "a plan's own file")


def check_page_target(path: Path) -> None:
    """The same, and where something is there that is no page."""
    _check_replaced(path, _is_page, "page", "an earlier page")


def _check_replaced(path: Path, is_one: Callable[[Path], bool], what: str, earlier: str) -> None:
    check_target(path)
    try:
        refused = path.exists() and not (path.is_file() and is_one(path))  # a pipe would be waited for
    except OSError:
        refused = True
    if refused:
        raise ConfigurationError(
            f"There is a {plain(path.name, 120)} that is no {what}. It was left as it is.",
            hint=f"Choose another name. Only {earlier} is replaced.",
        )


def _is_archive(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return NAME in archive.namelist()
    except zipfile.BadZipFile:
        return False


def _is_plan(path: Path) -> bool:
    """Whether a file has the one key that every plan has. What is empty may be replaced."""
    with path.open("rb") as file:
        lines = file.read(MOST_LOOKED_AT).splitlines()
    return not lines or any(line.startswith(b"references:") for line in lines)


def _is_page(path: Path) -> bool:
    with path.open("rb") as file:
        head = file.read(1024).lower()
    return not head or b"<!doctype html" in head or b"<html" in head
