"""Is the kernel that looks after an order still there?

Two kernels may share one journal. `recover()` in one must not take an order that the other is
streaming, and must take every order of a kernel that died. A pid alone does not tell: pids are given again.
"""

from __future__ import annotations

import os
import platform
import secrets
import socket
import subprocess
from functools import lru_cache
from pathlib import Path

from soundverse_nb.client.order import Lease

STALE_AFTER = 120.0
"""Seconds without a sign of life after which a process that cannot be looked up counts as dead."""

BEAT_EVERY = 20.0
"""Seconds between signs of life."""


def new_lease(now: float) -> Lease:
    """A claim by this process, told from all its other claims by its token."""
    pid = os.getpid()
    return Lease(_host(), pid, _own_start(pid), secrets.token_hex(8), now)


def is_held(lease: Lease | None, now: float) -> bool:
    """Whether the process that claimed an order is still running, as far as that can be known.

    On this machine the process is looked up by pid and start time. One on another machine (a shared
    home directory) counts as running for two minutes after its last sign of life.
    """
    if lease is None:
        return False
    fresh = abs(now - lease.beat_at) < STALE_AFTER
    if lease.host != _host():
        return fresh
    started = process_start(lease.pid)
    if started is None:
        return False
    if not started or not lease.started:
        return fresh
    return started == lease.started


def process_start(pid: int) -> str | None:
    """When a process of this machine began, as a text to compare; None if there is none, "" if unknown."""
    system = platform.system()
    if system == "Linux":
        return _linux_start(pid)
    if system == "Windows":
        # On Windows os.kill would end the process it asks about: the heartbeat decides there.
        return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return None
    except PermissionError:
        pass
    return _ps_start(pid)


def _linux_start(pid: int) -> str | None:
    try:
        stat = Path(f"/proc/{pid}/stat").read_text("ascii", "replace")
    except OSError:
        return None
    # proc(5): the name in field 2 may hold spaces and brackets; count from the last ")".
    fields = stat.rpartition(")")[2].split()
    if fields[0] in ("Z", "X"):
        return None
    return f"{_boot()}:{fields[19]}"


def _ps_start(pid: int) -> str:
    # It writes a date in the words and the time zone of whoever asks, and two kernels may differ in both.
    spoken = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=5, check=False, env=spoken)
    except (OSError, subprocess.SubprocessError):
        return ""
    return told.stdout.strip()


@lru_cache(maxsize=1)
def _boot() -> str:
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()[:8]
    except OSError:
        return ""


@lru_cache(maxsize=4)
def _own_start(pid: int) -> str:
    return process_start(pid) or ""


@lru_cache(maxsize=1)
def _host() -> str:
    """This machine, and on Linux its pid namespace: a pid of one container says nothing in another."""
    try:
        return f"{socket.gethostname()}/{os.readlink('/proc/self/ns/pid')}"
    except OSError:
        return socket.gethostname()
