"""Object name (by content) and media type of a published file."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from soundverse_nb.errors import HostingError
from soundverse_nb.filetype import HEAD_BYTES, audio_suffix

# IANA's names, and the ones in use where IANA has none.
_TYPES = {
    ".mp3": "audio/mpeg",
    ".wav": "audio/wav",
    ".flac": "audio/flac",
    ".ogg": "audio/ogg",
    ".oga": "audio/ogg",
    ".opus": "audio/ogg",
    ".m4a": "audio/mp4",
    ".mp4": "audio/mp4",
    ".aac": "audio/aac",
    ".aif": "audio/aiff",
    ".aiff": "audio/aiff",
    ".webm": "audio/webm",
}
_BLOCK = 1 << 20


@dataclass(frozen=True)
class Content:
    """A file as it was read once: its name by content, type, size in bytes, and time of last change (ns)."""

    name: str
    type: str
    size: int
    changed: int


def read_content(path: Path) -> Content:
    """Name a file by what is in it: the SHA-256 of its bytes and its suffix, so one song has one name.

    The file's own name, which may tell who took part in a study, goes nowhere. Reads the whole
    file in blocks; call it off the event loop. HostingError for a file that cannot be read.
    """
    digest = hashlib.sha256()
    try:
        with path.open("rb") as file:
            before = os.fstat(file.fileno())
            opening = file.read(HEAD_BYTES)
            digest.update(opening)
            while block := file.read(_BLOCK):
                digest.update(block)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise HostingError(f"{path.name} cannot be read: {reason}.") from None
    suffix = suffix_of(path.name, opening)
    type_ = _TYPES.get(suffix, "application/octet-stream")
    return Content(digest.hexdigest() + suffix, type_, before.st_size, before.st_mtime_ns)


def is_unchanged(path: Path, content: Content) -> bool:
    """Whether the file is still the one that was read, by size and time of last change."""
    try:
        now = path.stat()
    except OSError:
        return False
    return (now.st_size, now.st_mtime_ns) == (content.size, content.changed)


def suffix_of(name: str, opening: bytes) -> str:
    """The suffix a service can trust: the name's where it is an audio suffix, else the content's, else ""."""
    suffix = os.path.splitext(name)[1].lower()
    if suffix in _TYPES:
        return suffix
    found = f".{audio_suffix(opening)}"
    return found if found in _TYPES else ""
