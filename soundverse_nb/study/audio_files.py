"""The audio of a study: every song and every remix once, in one folder, named by its content."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
from pathlib import Path

from soundverse_nb.errors import ConfigurationError

FOLDER = "audio"
FILE = re.compile(r"audio/[0-9a-f]{64}(\.[A-Za-z0-9]{1,8})?")
"""What a file of a study may be called. What a store of somebody's names elsewhere is not touched."""

_SUFFIX = re.compile(r"\.[a-z0-9]{1,8}")
_BLOCK = 1 << 20


def keep_audio(
    folder: Path, source: Path, content: str | None = None, *, is_ours: bool = False
) -> tuple[str, str]:
    """Keep a file in the study's folder; its content's hash, and its name there.

    `content` is the hash where it is known already. `is_ours` says that nobody changes the file in place, so
    that it may lie there under a second name (a hard link) in place of a copy. Raises ConfigurationError
    where it cannot be kept, say on a full disk.
    """
    try:
        found = content or content_of(source)
        suffix = source.suffix.lower()
        name = f"{FOLDER}/{found}{suffix if _SUFFIX.fullmatch(suffix) else ''}"
        target = folder / name
        if not target.is_file() or not _is_same(target, source, found):
            target.parent.mkdir(parents=True, exist_ok=True)
            if not (is_ours and _linked(source, target)):
                _copied(source, target)
        return found, name
    except OSError as error:
        raise ConfigurationError(
            f"{source.name} could not be kept in {folder}: {error.strerror or error}.",
            hint="Make room, and run the cell again: what is done is kept, what is paid is in the journal.",
        ) from None


def has_kept_audio(folder: Path) -> bool:
    """Whether any song or take is in a study's folder."""
    try:
        with os.scandir(folder / FOLDER) as files:
            return any(FILE.fullmatch(f"{FOLDER}/{file.name}") for file in files)
    except OSError:
        return False


def audio_file(name: str | None) -> str | None:
    """The name of a file as a store has it; None where it is none of a study's own."""
    return name if name is not None and FILE.fullmatch(name) else None


def content_of(path: Path) -> str:
    """The SHA-256 of a file's bytes, as hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as source:
        while block := source.read(_BLOCK):
            digest.update(block)
    return digest.hexdigest()


def is_content(file: Path) -> bool:
    """Whether a file of a study still holds what it is named by."""
    try:
        return content_of(file) == file.name.partition(".")[0]
    except OSError:
        return False


def set_aside(file: Path) -> Path:
    """Rename a file that is no longer what it was, so that nothing takes it for that; its new path."""
    aside, number = file.with_name(f"{file.stem}.changed{file.suffix}"), 1
    while aside.exists():
        number += 1
        aside = file.with_name(f"{file.stem}.changed-{number}{file.suffix}")
    try:
        file.replace(aside)
    except OSError as error:
        raise ConfigurationError(
            f"{file} was changed, and could not be renamed: {error.strerror or error}.",
            hint="Move it away and run the cell again. Nothing is paid.",
        ) from None
    return aside


def _is_same(target: Path, source: Path, content: str) -> bool:
    return target.stat().st_size == source.stat().st_size and content_of(target) == content


def _linked(source: Path, target: Path) -> bool:
    unfinished = _beside(target)
    try:
        os.link(source, unfinished)  # other file systems, and some network ones, have no second names
        unfinished.replace(target)
    except OSError:
        return False
    return True


def _copied(source: Path, target: Path) -> None:
    unfinished = _beside(target)
    try:
        with open(source, "rb") as given, open(unfinished, "wb") as kept:
            while block := given.read(_BLOCK):
                kept.write(block)
            kept.flush()
            os.fsync(kept.fileno())
        unfinished.replace(target)
    except BaseException:
        with contextlib.suppress(OSError):
            unfinished.unlink(missing_ok=True)
        raise


def _beside(target: Path) -> Path:
    return target.with_name(f".{target.name}.{secrets.token_hex(4)}.part")
