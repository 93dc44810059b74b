"""File systems: which of them can hold a write-ahead log, and what people call them.

SQLite's write-ahead log needs memory that every process with the file shares through a mapping of it.
Two machines on one network share none, and many a FUSE has no shared mappings at all
(https://www.sqlite.org/wal.html, section 1 and 8). A rollback journal needs locks only, and holds there.
"""

from __future__ import annotations

import contextlib
import errno
import mmap
import os
import platform
import re
import subprocess
import tempfile
from pathlib import Path

NETWORKS = {
    "9p": "9p", "acfs": "ACFS", "afpfs": "AFP", "afs": "AFS", "auristorfs": "AFS", "beegfs": "BeeGFS",
    "beegfs_nodev": "BeeGFS", "ceph": "CephFS", "cifs": "SMB", "coda": "Coda", "davfs": "WebDAV",
    "drvfs": "a folder of Windows", "dvs": "DVS", "fhgfs": "BeeGFS", "gfs2": "GFS2", "glusterfs": "GlusterFS",
    "gpfs": "GPFS", "lustre": "Lustre", "ncpfs": "NCP", "nfs": "NFS", "nfs4": "NFS", "ocfs2": "OCFS2",
    "orangefs": "OrangeFS", "panfs": "PanFS", "prl_fs": "a folder of Parallels", "pvfs2": "OrangeFS",
    "smb3": "SMB", "smbfs": "SMB", "vboxsf": "a folder of VirtualBox", "virtiofs": "virtiofs",
    "vmhgfs": "a folder of VMware", "webdav": "WebDAV", "wekafs": "WekaFS",
}  # fmt: skip
"""File systems whose files another machine may have open too, and what people call them."""

OF_THE_KERNEL = frozenset(
    {
        "binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "efivarfs", "fusectl",
        "mqueue", "nsfs", "proc", "procfs", "pstore", "securityfs", "selinuxfs", "sysfs", "tracefs",
    }
)  # fmt: skip
"""Their files are switches and reports of the kernel's, however regular they look."""

_LARGEST_PAGE = 65536


def no_shared_memory(path: Path) -> str:
    """Why processes cannot share memory through files beside this one; "" where nothing hinders them."""
    kind = file_system(path)
    if kind in NETWORKS:
        return f"{NETWORKS[kind]} holds no shared memory"
    if kind.startswith(("fuse", "macfuse", "osxfuse")):
        name = kind.partition(".")[2]
        return f"FUSE{f' ({name})' if name else ''} holds no shared memory"
    return ""


def maps_shared(folder: Path) -> bool:
    """Whether a file in this folder can be mapped into memory that is shared, tried with one of its own."""
    if os.name != "posix":
        return True
    try:
        with tempfile.TemporaryFile(dir=folder) as scratch:
            scratch.truncate(_LARGEST_PAGE)
            # Never written: on a full disk that would be a SIGBUS and not an error.
            mmap.mmap(scratch.fileno(), _LARGEST_PAGE).close()
    except OSError as error:
        # Others (no room, no right to write) are SQLite's to tell.
        return error.errno not in (errno.ENODEV, errno.EINVAL, errno.ENOSYS)
    return True


def lock_refusal(folder: Path) -> str:
    """Why no file in this folder can be locked, tried with one of its own; "" where one can be.

    To SQLite a share without its lock service looks as if somebody else held every lock.
    """
    if os.name != "posix":
        return ""
    import fcntl

    with contextlib.suppress(OSError), tempfile.TemporaryFile(dir=folder) as scratch:
        try:
            fcntl.lockf(scratch, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            return error.strerror or type(error).__name__
    return ""


def file_system(path: Path) -> str:
    """The type of the file system that holds a path, as the kernel calls it; "" where that is not known."""
    real = os.path.realpath(path)
    best, kind = "", ""
    for point, name in mounts():
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        # Of two mounted at one place the later one is seen.
        if inside and len(point) >= len(best):
            best, kind = point, name
    return kind


def mounts() -> list[tuple[str, str]]:
    """The places where file systems are mounted, each with its type."""
    try:
        if platform.system() == "Linux":
            return parsed_mountinfo(os.fsdecode(Path("/proc/self/mountinfo").read_bytes()))
        if os.name == "posix":
            listed = subprocess.run(["mount"], capture_output=True, timeout=5, check=False).stdout
            return parsed_mount(os.fsdecode(listed))
    except (OSError, subprocess.SubprocessError):
        pass
    return []


def parsed_mountinfo(table: str) -> list[tuple[str, str]]:
    """proc(5): the fifth field is the place, spaces in it as octal; the type follows a lone hyphen."""
    found = []
    for line in table.split("\n"):
        before, _, after = line.partition(" - ")
        fields = before.split(" ")
        if len(fields) > 4 and after:
            place = re.sub(r"\\([0-7]{3})", lambda octal: chr(int(octal[1], 8)), fields[4])
            found.append((place, after.split(" ", 1)[0]))
    return found


def parsed_mount(listed: str) -> list[tuple[str, str]]:
    """What `mount` of macOS and the BSDs says: "server:/home on /Users/home (nfs, nodev)"."""
    lines = (re.fullmatch(r".*? on (/.*) \((\w+).*\)", line) for line in listed.split("\n"))
    return [(line[1], line[2]) for line in lines if line]
