"""Leases: which process looks after an order, and whether it is still running.

Two kernels may share one journal. `recover()` in one must not take an order that the other is
streaming, and must take every order of a kernel that died. A pid alone proves nothing: pids are given again.
"""

from __future__ import annotations

import os
import platform
import secrets
import socket
import subprocess
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from soundverse_nb.client.journal.order import Lease

STALE_AFTER = 120.0
"""Seconds without a sign of life after which a process that cannot be looked up here counts as dead."""

BEAT_EVERY = 20.0
"""Seconds between signs of life."""

SILENT_AFTER = 45.0
"""Seconds of our own clock in which another machine must give a sign of life: two beats are due."""


class _Observation(NamedTuple):
    """What was seen of a lease of another machine: its beat, since when, and whether it ever changed."""

    beat_at: float
    since: float
    moved: bool


_held_here: set[str] = set()
"""The tokens of the leases that somebody in this process stands by."""

_seen: dict[str, _Observation] = {}

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_held_here.clear)


def new_lease(now: float) -> Lease:
    """A claim by this process, with a token that no other claim has. It holds until `drop`."""
    pid = os.getpid()
    lease = Lease(_host(), pid, _own_start(pid), secrets.token_hex(8), now)
    _held_here.add(lease.token)
    return lease


def drop(lease: Lease) -> None:
    """Nobody in this process stands by this lease any more, whatever the journal still says."""
    _held_here.discard(lease.token)


def is_held(lease: Lease | None, now: float, monotonic: Callable[[], float] = time.monotonic) -> bool:
    """Whether whoever claimed an order still looks after it, as far as that can be known.

    This process knows which leases it stands by. Another one of this machine is looked up by pid and start
    time. One on another machine (a shared home directory) counts as running until it was seen, by our own
    clock, to give no sign of life for about a minute: what its clock says is never held against ours.
    """
    if lease is None:
        return False
    if lease.host != _host():
        return monotonic() - _observe(lease, monotonic()).since < SILENT_AFTER
    fresh = abs(now - lease.beat_at) < STALE_AFTER
    if lease.pid == os.getpid() and lease.started == _own_start(lease.pid):
        return lease.token in _held_here
    started = process_start(lease.pid)
    if started is None:
        return False
    if not started or not lease.started:
        return fresh
    return started == lease.started


def is_undecided(lease: Lease | None, monotonic: Callable[[], float] = time.monotonic) -> bool:
    """Whether it takes longer watching to know if another machine still looks after an order."""
    if lease is None or lease.host == _host():
        return False
    seen = _observe(lease, monotonic())
    return not seen.moved and monotonic() - seen.since < SILENT_AFTER


def _observe(lease: Lease, now: float) -> _Observation:
    seen = _seen.get(lease.token)
    if seen is None or seen.beat_at != lease.beat_at:
        seen = _seen[lease.token] = _Observation(lease.beat_at, now, moved=seen is not None)
    return seen


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
    environment = {**os.environ, "LC_ALL": "C", "TZ": "UTC0"}
    command = ["ps", "-o", "lstart=", "-p", str(pid)]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=5, check=False, env=environment
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


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
