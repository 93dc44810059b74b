"""What looks like a path and is an address: told by its kind, with what to do about it.

Nothing of an address is repeated but its scheme: the rest may hold a password, or a megabyte of data.
"""

from __future__ import annotations

import os
import re
from urllib.parse import unquote_to_bytes

from soundverse_nb.audio.reading import AudioError, refusal

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
