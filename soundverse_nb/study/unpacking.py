"""Unpacking of an archived study: only what a study has, no more than there is room for, all or nothing."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.render.escape import plain
from soundverse_nb.render.units import size
from soundverse_nb.study.archive import FILES
from soundverse_nb.study.audio_files import FILE
from soundverse_nb.study.damage import DamagedStoreError
from soundverse_nb.study.store import NAME, StudyStore
from soundverse_nb.study.unfinished import UNPACKING, unfinished_folder

MOST_BYTES = 200_000_000_000
"""Some fifty thousand takes. A zip of a few kilobytes can say that it holds more than any disk."""

# What SQLite keeps beside a store that is written or whose process died; a folder packed by hand has it.
_LOGS = ("-wal", "-journal")
_NAMES = frozenset({*FILES, *(f"{NAME}{log}" for log in _LOGS)})
_MOST_STORED = 4_000_000_000  # of what is no audio, and can be packed a thousand times
_BLOCK = 1 << 20
_OUTSIDE = re.compile(r"^[\\/]|^[A-Za-z]:|(^|[\\/])\.\.([\\/]|$)")


def open_archive(path: Path, folder: Path, most_bytes: int = MOST_BYTES) -> Path:
    """Unpack an archived study into a folder that is new or empty; gives the folder back.

    A study's folder that somebody packed by hand is taken too; what no study has is left in the zip. Raises
    ConfigurationError, and leaves nothing behind, for what is no archive of a study, a damaged one, one that
    would not fit, and one whose names lead out of the folder.
    """
    shown = plain(path.name, 120)
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise ConfigurationError(
                f"{folder} is not empty, and was left as it is.", hint="Name a new folder."
            )
        if path.exists() and not path.is_file():  # a pipe would be waited for
            raise ConfigurationError(f"{shown} is no file.", hint="Give the path of an archive.")
        folder.parent.mkdir(parents=True, exist_ok=True)
        with (
            zipfile.ZipFile(path) as archive,
            unfinished_folder(folder.parent, UNPACKING) as beside,
        ):
            members = _members(archive, shown)
            _check_room(members, folder.parent, most_bytes, shown)
            unpacked = beside / "study"
            for name, member in members.items():
                target = unpacked / name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as packed, target.open("xb") as written:
                    _copy(packed, written, member.file_size)
            _check_store(unpacked, shown)
            if folder.exists():
                folder.rmdir()
            unpacked.rename(folder)
    except (zipfile.BadZipFile, zipfile.LargeZipFile, EOFError, NotImplementedError, RuntimeError) as error:
        raise ConfigurationError(
            f"{shown} is no zip, or is damaged: {plain(error, 160)}.", hint="Copy or download it again."
        ) from None
    except OSError as error:
        raise ConfigurationError(
            f"{shown} could not be unpacked: {error.strerror or error}.", hint="Are the paths right?"
        ) from None
    return folder


def _members(archive: zipfile.ZipFile, shown: str) -> Mapping[str, zipfile.ZipInfo]:
    """By its path in a study each file of it."""
    for member in archive.infolist():
        if _OUTSIDE.search(member.filename):
            raise ConfigurationError(
                f"{shown} holds {plain(member.filename, 80)!r}, which leads out of it; nothing was unpacked.",
                hint="Whoever made it may mean harm.",
            )
    stores = [name for name in archive.namelist() if name.rpartition("/")[2] == NAME]
    if not stores:
        raise ConfigurationError(f"{shown} is no archive of a study: it has no {NAME}.")
    top = min(stores, key=len).removesuffix(NAME)
    found: dict[str, zipfile.ZipInfo] = {}
    for member in archive.infolist():
        name = member.filename.removeprefix(top)
        if not member.filename.startswith(top) or not (name in _NAMES or FILE.fullmatch(name)):
            continue
        if name in found:
            raise ConfigurationError(f"{shown} holds two files {name!r}; nothing was unpacked.")
        found[name] = member
    return found


def _check_room(members: Mapping[str, zipfile.ZipInfo], folder: Path, most_bytes: int, shown: str) -> None:
    total = sum(member.file_size for member in members.values())
    others = sum(member.file_size for name, member in members.items() if name in _NAMES)
    free = shutil.disk_usage(folder).free
    most = min(most_bytes, free)
    if total > most or others > min(most, _MOST_STORED):
        raise ConfigurationError(
            f"{shown} unpacks to {size(total)}, and {size(most)} are the most here; nothing was unpacked.",
            hint="Make room, or name a folder on another disk." if total > free else "Is it the right file?",
        )


def _copy(packed: IO[bytes], written: IO[bytes], most: int) -> None:
    """Copy what is said to be there and no byte more; zipfile checks the sum at the end."""
    left = most
    while block := packed.read(_BLOCK):
        left -= len(block)
        if left < 0:
            raise zipfile.BadZipFile("it holds more than it says")
        written.write(block)


def _check_store(folder: Path, shown: str) -> None:
    """A store from elsewhere has only what ours has, names no file outside its folder, and is one file."""
    copied = folder / f"{NAME}.copied"
    try:
        store = StudyStore(folder)
    except DamagedStoreError:
        raise ConfigurationError(f"The store in {shown} is damaged; nothing was unpacked.") from None
    try:
        files = [trial.file for trial in store.trials()] + [song["file"] for song in store.songs().values()]
        store.copy_to(copied)
    except (DamagedStoreError, ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise ConfigurationError(f"The store in {shown} is damaged; nothing was unpacked.") from None
    finally:
        store.close()
    if odd := [file for file in files if file and not FILE.fullmatch(file)]:
        raise ConfigurationError(
            f"{shown} names the file {plain(odd[0], 80)!r} outside of the study; nothing was unpacked."
        )
    if problem := _problem(copied):
        raise ConfigurationError(f"The store in {shown} {problem}; nothing was unpacked.")
    for suffix in ("", *_LOGS, "-shm"):
        (folder / f"{NAME}{suffix}").unlink(missing_ok=True)
    copied.rename(folder / NAME)


def _problem(store: Path) -> str | None:
    with contextlib.closing(sqlite3.connect(store)) as connection:
        try:
            connection.execute("PRAGMA journal_mode = DELETE")
            (state,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            (made,) = connection.execute(
                "SELECT count(*) FROM sqlite_master WHERE type NOT IN ('table', 'index')"
            ).fetchone()
        except sqlite3.DatabaseError as error:
            return f"is damaged ({plain(error, 80)})"
    if state != "ok":
        return "is damaged"
    return "holds triggers or views, which no study has" if made else None
