"""Errors of the journal: the true cause, that nothing is ordered, and what saves the orders.

SQLite says "unable to open database file" for a left-over of root's as for a missing folder, and "disk I/O
error" for a network's file system as for a dying disk. So each of its complaints is looked into here: by
name and by path only, since the files themselves may be open in this process (see database.py).
"""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import sqlite3
import stat
from collections.abc import Sequence
from pathlib import Path

from soundverse_nb.client.journal import filesystem
from soundverse_nb.client.journal.order import Order, spent_for
from soundverse_nb.errors import ConfigurationError, SoundverseError
from soundverse_nb.render.escape import plain
from soundverse_nb.render.units import size

ELSEWHERE = "give a path on a disk of this machine: Client(journal=...)"

_MOST_NAMED = 8

_LEAST_ROOM = 100_000
"""Bytes. SQLite's shared memory takes 32,768, and without them it says "disk I/O error" only."""


class JournalLostError(ConfigurationError):
    """The journal takes nothing on any more. `saved` is a copy of it, which takes what becomes known."""

    saved: Path | None = None


class OvertakenError(ConfigurationError):
    """Another kernel looks after this order by now, or has taken it further."""


class UnknownOrderError(ConfigurationError):
    """The journal has no such order: perhaps it is another file by now."""


class OrderedAlreadyError(ConfigurationError):
    """There is an order for this already, that may be paid or become so: another one was not made."""


def ordered_already(order: Order) -> OrderedAlreadyError:
    return OrderedAlreadyError(
        f"Order {order.order_id} of the journal is for the same, and is {order.state.value}.",
        spent=spent_for(order),
        hint="It was not ordered again.",
        order_id=order.order_id,
    )


def says(error: BaseException, *words: str) -> bool:
    """Whether SQLite's sentence holds one of these words."""
    return any(word in str(error) for word in words)


def unopened(path: Path, why: str) -> ConfigurationError:
    return ConfigurationError(
        f"The journal of orders {plain(path)} cannot be opened: {why}.",
        hint="Nothing is ordered without it. Give a path that can be written: Client(journal=...).",
    )


def inherited(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The journal of orders {plain(path)} was open when this process was forked. SQLite's locks do not "
        "hold on both sides of a fork, and orders would be lost, so nothing is ordered here.",
        hint='Start the process by spawn, or give it another journal: multiprocessing.get_context("spawn"), '
        "Client(journal=...).",
    )


def closed_by_fork(path: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The journal of orders {plain(path)} belongs to the process that this one was forked from.",
        hint="Start the process by spawn, or make a new client with another journal: Client(journal=...).",
    )


def spoiled(path: Path, saved: Path | None) -> JournalLostError:
    return JournalLostError(
        f"The journal of orders {plain(path)} has lost its write-ahead log (-wal, -shm) while this process "
        f"had it open, so nothing is ordered with it here.{_saved_in(saved)}",
        hint="Close every client of this process that uses it, or restart the kernel; then it opens again.",
        saved=saved,
    )


def log_of_another(path: Path, companion: Path) -> ConfigurationError:
    return ConfigurationError(
        f"The journal of orders {plain(path)} has replaced one that a client of this process still has open, "
        f"and {plain(companion.name)} beside it belongs to the old one. SQLite would mix them, so nothing is "
        "ordered.",
        hint="Close that client first: what it knew is saved then, and the way is free.",
    )


def several_names(path: Path, count: int) -> ConfigurationError:
    return ConfigurationError(
        f"The journal of orders {plain(path)} has {count} names (hard links). Its latest orders are kept in "
        "a file that is named after one of them, and nobody who opens another one sees them.",
        hint="Nothing is ordered. Close what uses it and remove the other names "
        f"(`find / -xdev -samefile {plain(path)}` lists them), or give another path: Client(journal=...).",
    )


def left_over(path: Path, companion: Path) -> ConfigurationError:
    return ConfigurationError(
        f"There is no journal of orders at {plain(path)}, but {plain(companion.name)} was left of one, and "
        f"its latest orders may be in it{_owned(companion)}. A new journal would erase it, so nothing is "
        "ordered.",
        hint=f"Put the journal back beside it; or move or delete {plain(companion.name)} once no client uses "
        "it.",
    )


def in_use_with_a_log(path: Path, reason: str) -> ConfigurationError:
    return ConfigurationError(
        f"The journal of orders {plain(path)} is used by another process with a write-ahead log, which does "
        f"not hold here, since {reason}. So nothing is ordered.",
        hint="Close every client that uses it, on every machine; the next one opens it with a rollback "
        "journal, and no order is lost.",
    )


def gone(
    path: Path, what: str, saved: Path | None, underway: Sequence[tuple[str, str | None]]
) -> JournalLostError:
    """The file that is open is no longer the path's. What was underway is named, as nobody else knows it."""
    hint = (
        "Put the very same file back, and this client goes on; or make a new client for what is there now, "
        "once none of this process uses the old one."
    )
    if underway:
        named = [f"{order} ({plain(message, 80) or 'no message_id yet'})" for order, message in underway]
        more = f" and {len(named) - _MOST_NAMED} more" if len(named) > _MOST_NAMED else ""
        place = (
            "is in this process alone until the file is back"
            if saved is None
            else f"is added to {plain(saved)} by this process alone"
        )
        hint += (
            f" Underway were: {', '.join(named[:_MOST_NAMED])}{more}. What becomes known of them {place}: "
            "keep it running, and keep these names."
        )
    return JournalLostError(
        f"The journal of orders {plain(path)} {what} while it was open. What is written to it now would be "
        f"lost with this process, so nothing is sent.{_saved_in(saved)}",
        hint=hint,
        saved=saved,
    )


def _saved_in(copy: Path | None) -> str:
    return "" if copy is None else f" All that it held is saved in {plain(copy)}, a journal too."


def translated(error: BaseException, path: Path) -> SoundverseError:
    """SQLite's complaint in our words; nothing of SQLite leaks."""
    if isinstance(error, SoundverseError):
        return error
    if isinstance(error, sqlite3.DatabaseError):
        if says(error, "not a database"):
            return ConfigurationError(
                f"{plain(path)} is not a journal of orders (not a SQLite file). Nothing is ordered.",
                hint="Move it away or give another path: Client(journal=...).",
            )
        if says(error, "malformed"):
            return damaged(error, path, None)
        if says(error, "locked", "locking protocol"):
            return _locked(error, path)
        if says(error, "is full"):
            return _full(error, path)
        if says(error, "unable to open", "readonly", "I/O error"):
            return _unusable(error, path)
    return ConfigurationError(
        f"The journal of orders {plain(path)} cannot be read or written: {error}.",
        hint=f"Nothing is ordered without it. Keep the file, and {ELSEWHERE}.",
    )


def damaged(error: BaseException, path: Path, saved: tuple[Path, int] | None) -> JournalLostError:
    """SQLite's "malformed"; `saved` is a new journal with those orders that could be read."""
    name = plain(path.name)
    kept = (
        ""
        if saved is None
        else f" {saved[1]} of its orders could be read and are saved in {plain(saved[0])}."
    )
    return JournalLostError(
        f"The journal of orders {plain(path)} is damaged ({error}). Nothing is ordered with it.{kept}",
        hint=f"Keep {name} together with {name}-wal and {name}-journal, where they exist: copied away, "
        f"`sqlite3 {name} .recover | sqlite3 saved.sqlite3` (with a shell of sqlite.org) gets back what can "
        "be read, message_ids too, and saved.sqlite3 is a journal again: Client(journal=...). What is paid "
        "for stays at the service: client.status(message_id).",
        saved=None if saved is None else saved[0],
    )


def _locked(error: BaseException, path: Path) -> ConfigurationError:
    held = _holders(path)
    refused = None if held else _without_locks(path)
    if refused is not None:
        return ConfigurationError(
            f"The journal of orders {plain(path)} cannot be used: {refused[0]} ({error}).",
            hint=f"Nothing is ordered without it. {refused[1]} Or {ELSEWHERE}.",
        )
    who = f"It is held by {', '.join(held)}." if held else "Who holds it cannot be seen from here."
    kind = filesystem.file_system(path)
    if kind in filesystem.NETWORKS:
        who += f" On {filesystem.NETWORKS[kind]} a lock service that does not answer looks the same."
    return ConfigurationError(
        f"The journal of orders {plain(path)} stayed locked ({error}): another process has kept a "
        f"transaction open, where a client's take milliseconds. {who}",
        hint="Nothing is ordered meanwhile, and what was written is kept. End that process or its "
        f"transaction (a sqlite3 shell, a viewer, a backup, a stopped kernel) and try again, or {ELSEWHERE}.",
    )


def _full(error: BaseException, path: Path) -> ConfigurationError:
    room = ""
    with contextlib.suppress(OSError):
        room = f", {size(shutil.disk_usage(path.parent).free)} free"
    return ConfigurationError(
        f"The journal of orders {plain(path)} cannot be written: the disk is full ({error}{room}).",
        hint="Nothing is ordered until there is room (or quota) again; what was written is kept. "
        f"Make room, or {ELSEWHERE}.",
    )


def _unusable(error: BaseException, path: Path) -> ConfigurationError:
    cause, remedy = _obstacle(path) or (
        f"the file system{_named(path)} failed",
        "Is the quota used up, the disk failing or the network's share gone? The system's log knows more.",
    )
    return ConfigurationError(
        f"The journal of orders {plain(path)} cannot be read or written: {cause} ({error}).",
        hint=f"Nothing is ordered without it. {remedy} Or {ELSEWHERE}.",
    )


def _obstacle(path: Path) -> tuple[str, str] | None:
    """What stands in SQLite's way, and what to do about it, as far as paths and rights tell."""
    real = Path(os.path.realpath(path))
    folder = real.parent
    if not folder.is_dir():
        return (
            f"its folder {plain(folder)} is not there",
            "Make the folder, or put it back with what was in it.",
        )
    for file in (real, *(real.with_name(real.name + end) for end in ("-wal", "-shm", "-journal"))):
        try:
            mode = file.stat().st_mode
        except FileNotFoundError:
            continue
        except OSError as reason:
            return f"{plain(file)}: {reason.strerror}", "Give this user the right to use it."
        if not stat.S_ISREG(mode):
            return f"{plain(file)} is in the way and is no file", "Move it away."
        if not os.access(file, os.R_OK | os.W_OK):
            return (
                f"{plain(file)} cannot be {'written' if os.access(file, os.R_OK) else 'read'} by this "
                f"user{_owned(file)}",
                f"Give it back to its user, which loses nothing: `sudo chown {_user()} {plain(file)}`. "
                "Do not delete it: the latest orders may be in it alone.",
            )
    if not os.access(folder, os.W_OK | os.X_OK):
        return (
            f"SQLite makes files beside it, and the folder {plain(folder)} cannot be written{_owned(folder)}",
            "Give this user the right to write there.",
        )
    with contextlib.suppress(OSError):
        free = shutil.disk_usage(folder).free
        if free < _LEAST_ROOM:
            return f"the disk is full, {size(free)} free", "Make room (or quota); what was written is kept."
    if not real.exists():
        return "it is not there any more", "Put the file back."
    try:
        os.close(os.open(os.devnull, os.O_RDONLY))
    except OSError as reason:
        if reason.errno in (errno.EMFILE, errno.ENFILE):
            return "this process has too many files open", "Close some, or raise the limit (`ulimit -n`)."
    return _without_locks(path)


def _without_locks(path: Path) -> tuple[str, str] | None:
    """That no file there can be locked, and what to do about it; None where one can be."""
    reason = filesystem.lock_refusal(Path(os.path.realpath(path)).parent)
    if not reason:
        return None
    return (
        f"the file system{_named(path)} gives no locks ({plain(reason, 100)}), and without them two clients "
        "would write over each other's orders",
        "Have its lock service started (for NFS: rpc.statd), or the share mounted with local locks where "
        "this machine alone uses it.",
    )


def _named(path: Path) -> str:
    kind = filesystem.file_system(path)
    return f" ({plain(filesystem.NETWORKS.get(kind, kind), 40)})" if kind else ""


def _owned(file: Path) -> str:
    """Whose a file is, where it is not this user's."""
    if os.name != "posix":
        return ""
    try:
        owner = file.stat().st_uid
    except OSError:
        return ""
    return "" if owner == os.geteuid() else f"; it belongs to {_user(owner)}"


def _user(number: int | None = None) -> str:
    import pwd

    number = os.geteuid() if number is None else number
    try:
        return pwd.getpwuid(number).pw_name
    except KeyError:
        return str(number)


def _holders(path: Path) -> list[str]:
    """The processes with a write lock on a journal, as Linux lists them."""
    held = set()
    real = Path(os.path.realpath(path))
    for file in (real, real.with_name(real.name + "-shm")):
        with contextlib.suppress(OSError):
            found = file.stat()
            held.add(f"{os.major(found.st_dev):02x}:{os.minor(found.st_dev):02x}:{found.st_ino}")
    try:
        lines = Path("/proc/locks").read_text("ascii", "replace").splitlines()
    except OSError:
        return []
    fields = [line.split() for line in lines]
    pids = {each[4] for each in fields if len(each) > 5 and each[3] == "WRITE" and each[5] in held}
    return [_process(pid) for pid in sorted(pids)]


def _process(pid: str) -> str:
    if pid == str(os.getpid()):
        return f"this process itself ({pid}), by another connection"
    with contextlib.suppress(OSError):
        return f"process {pid} ({plain(Path(f'/proc/{pid}/comm').read_text('utf-8', 'replace').strip(), 40)})"
    return "a process of another container or machine" if pid in ("0", "-1") else f"process {pid}"
