"""Forms in which a song is given: path, URL, other address, bytes, open file, samples. Nothing is opened.

Nothing of an address is repeated but its scheme: the rest may hold a password, or a megabyte of data.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass, field
from enum import Enum
from typing import Any
from urllib.parse import unquote_to_bytes

from soundverse_nb.audio.reading import AudioError, refusal
from soundverse_nb.urls import InvalidURLError, WebURL


class Kind(str, Enum):
    """What a song was given as."""

    FILE = "file"
    URL = "URL"
    ADDRESS = "address"
    """A text that is an address and no http(s) URL: "file:///song.mp3", "s3://bucket/song.mp3"."""
    BYTES = "bytes"
    OPEN_FILE = "open file"
    SAMPLES = "samples"
    OTHER = "other"
    """Nothing that could be a song."""


@dataclass(frozen=True)
class Given:
    """What was given instead of a song.

    `name` is for showing: printable and without secrets, but not escaped for HTML. `text` is the path or the
    address, None for what has none.
    """

    kind: Kind
    name: str
    text: str | None = field(default=None, repr=False)
    url: WebURL | None = None


def recognise(given: Any) -> Given:
    """The form that a song was given in; whether there is a song in it is seen when it is opened."""
    if isinstance(given, (bytes, bytearray, memoryview)):
        return Given(Kind.BYTES, type(given).__name__)
    if isinstance(given, (str, os.PathLike)):
        try:
            text = os.fsdecode(os.fspath(given))
        except Exception:  # a foreign __fspath__ may raise anything
            return Given(Kind.OTHER, type(given).__name__)
        return _recognise_address(text) if isinstance(given, str) and _is_address(text) else _as_path(text)
    if isinstance(given, (tuple, list)) and _is_pair(given):
        return Given(Kind.SAMPLES, "samples")
    if _can_be_read(given):
        return Given(Kind.OPEN_FILE, _name_of_file_object(given))
    return Given(Kind.OTHER, type(given).__name__)


def _is_address(text: str) -> bool:
    return "://" in text[:20] or text.lstrip()[:5].lower() == "file:"


def _recognise_address(text: str) -> Given:
    try:
        url = WebURL.parse(text)
    except InvalidURLError:
        return Given(Kind.ADDRESS, _name_of_address(text), text)
    return Given(Kind.URL, url.name or url.host, text, url)


def _as_path(text: str) -> Given:
    if address_refusal(text) is not None:
        return Given(Kind.FILE, _name_of_address(text), text)
    return Given(
        Kind.FILE, display_name(os.path.basename(text.rstrip("/\\")) or text) or "an empty path", text
    )


def _name_of_address(text: str) -> str:
    return f"an address ({display_name(text.strip().partition(':')[0][:10])}:)"


def _can_be_read(given: Any) -> bool:
    try:
        return hasattr(given, "read")
    except Exception:  # a foreign attribute may raise anything
        return False


def _is_pair(given: Any) -> bool:
    try:
        return len(given) == 2
    except Exception:  # a foreign list may raise anything
        return False


def described(given: object) -> str:
    """What was given instead of a song, to begin a sentence: "None", "The number 42", "A list"."""
    if given is None or isinstance(given, bool):
        return str(given)
    if isinstance(given, (int, float)):
        return f"The number {given!r}" if len(repr(given)) <= 20 else "A long number"
    kind = type(given).__name__
    return f"A {kind}" if type(given) in (list, tuple, dict, set) else f"An object of type {kind}"


def display_name(name: str) -> str:
    """A file name made printable: odd bytes and control characters shown as \\x.. escapes."""
    if name.isprintable():
        return name
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in name)


def _name_of_file_object(source: Any) -> str:
    """The name of the file that is open, where it has one."""
    try:
        given = getattr(source, "name", None)
    except Exception:  # a foreign file object may raise anything
        given = None
    return display_name(os.path.basename(given)) if isinstance(given, str) and given else "an open file"


# Two letters or more: "C:" is a drive. pathlib makes "s3:/bucket" of "s3://bucket".
_SCHEME = re.compile(r"\s*([A-Za-z][A-Za-z0-9+.-]+):")
_FILE = re.compile(r"\s*file:(?://(?:localhost)?(?=/)|(?=/(?!/)))", re.IGNORECASE)
_WINDOWS = re.compile(r"[A-Za-z]:\\|\\\\[^\\]+\\")
_STORES = {
    "s3": "aws s3 cp", "s3a": "aws s3 cp", "s3n": "aws s3 cp",
    "gs": "gcloud storage cp", "gcs": "gcloud storage cp",
    "az": "azcopy copy", "abfs": "azcopy copy", "abfss": "azcopy copy", "adl": "azcopy copy",
}  # fmt: skip
_FETCHED = (
    "ftp",
    "ftps",
    "sftp",
    "scp",
    "ssh",
    "smb",
    "nfs",
    "dav",
    "davs",
    "webdav",
    "rsync",
    "hdfs",
    "dbfs",
)


def local_path(given: str) -> str | None:
    """The path that a file: URL of this machine names, None for anything else."""
    found = _FILE.match(given) if ":" in given else None
    if found is None or os.path.lexists(given):
        return None
    path = given[found.end() :].partition("?")[0].partition("#")[0].rstrip()
    return os.fsdecode(unquote_to_bytes(path.encode("utf-8", "surrogateescape")))


def address_refusal(given: str) -> AudioError | None:
    """Why this is no path, where it is an address or another system's path; None where it may be one."""
    if ":" not in given and given[:1] != "\\":
        return None
    found = _SCHEME.match(given)
    scheme = found[1].lower() if found is not None else ""
    if scheme in ("http", "https") and found is not None and given[found.end() :].startswith("/"):
        return refusal(
            "missing",
            "This is a URL, not a local file.",
            "Give the URL to client.remix(), or download the song and check the file.",
        )
    if scheme in _STORES:
        return refusal(
            "missing",
            f"This is an address in an object store ({scheme}:), not a local file.",
            f"Copy the song here first ({_STORES[scheme]}), or give a signed https URL to client.remix().",
        )
    if scheme in _FETCHED:
        return refusal(
            "missing",
            f"This is an address on a server ({scheme}:), not a local file.",
            "Download the song first, and pass the file.",
        )
    if scheme == "data":
        return refusal(
            "missing",
            "This is a data: URL, not a local file.",
            "Decode what is behind its comma (base64.b64decode), and pass the bytes.",
        )
    if scheme == "file":
        return refusal(
            "missing", "This file: URL names no file of this machine.", "Pass the path of the file."
        )
    if found is not None and given[found.end() :].startswith("//"):
        return refusal(
            "missing",
            f"This is an address ({scheme}:), not a local file.",
            "Download the song, and pass the file.",
        )
    if os.name != "nt" and _WINDOWS.match(given):
        return refusal(
            "missing",
            "This is a path of Windows, and there is no such file on this machine.",
            "Upload the song to where the notebook runs, and pass its path there.",
        )
    return None
