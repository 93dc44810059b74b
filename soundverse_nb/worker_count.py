"""How many worker processes to use: as many as its processors and memory have room for.

A container on a large machine shows every core of that machine, and gives a fraction of them and a few
gigabytes. What it gives stands in its control group, and in what Binder and JupyterHub set: CPU_LIMIT, in
processors, and MEM_LIMIT, in bytes.
"""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_MOST = 8
"""More than these only where somebody asks for them: each loads numpy, scipy and librosa once more."""

_WORKER_BYTES = 250_000_000
"""What one worker takes at most of what it measures of a song of usual length; measured, 150 to 250 MB."""

_SHARE_OF_MEMORY = 0.25
"""Workers take a quarter of what there is: the kernel, its other notebooks and the system need the rest."""

_SHARE_OF_FREE_MEMORY = 0.5

_GROUPS = Path("/sys/fs/cgroup")


@dataclass(frozen=True)
class Machine:
    """What this process may use, in bytes; None where it is not known.

    `processors` keep to affinity and quota, `memory` is the smallest of all limits, `free` what nobody uses.
    """

    processors: float
    memory: float | None = None
    free: float | None = None


def worker_count(tasks: int | None = None, asked: int | None = None, machine: Machine | None = None) -> int:
    """How many worker processes to use for so many tasks (None: not known yet), at least one.

    asked : as many as a user wants, instead of as many as there is room for.
    machine : what may be used (default: what this process may use).
    """
    count = asked or _room(machine or this_machine())
    return max(1, count if tasks is None else min(count, tasks))


def _room(machine: Machine) -> int:
    bounds = [_MOST, math.ceil(machine.processors)]
    if machine.memory is not None:
        bounds.append(int(machine.memory * _SHARE_OF_MEMORY / _WORKER_BYTES))
    if machine.free is not None:
        bounds.append(int(machine.free * _SHARE_OF_FREE_MEMORY / _WORKER_BYTES))
    return min(bounds)


def this_machine(environment: Mapping[str, str] = os.environ, groups: Path = _GROUPS) -> Machine:
    """What this process may use, by the system, its control group and the environment."""
    processors = [_processors(), _positive(environment.get("CPU_LIMIT"))]
    memory = [_installed(), _positive(environment.get("MEM_LIMIT")), *_group_limits(groups)]
    return Machine(
        min(number for number in processors if number is not None),
        min((number for number in memory if number is not None), default=None),
        _free(),
    )


def _processors() -> float:
    try:
        from loky import cpu_count  # only whoever starts processes needs it

        return float(cpu_count())
    except Exception:  # without semaphores it cannot be loaded; LOKY_MAX_CPU_COUNT may be no number
        affinity = getattr(os, "sched_getaffinity", None)
        return float(len(affinity(0)) if affinity else os.cpu_count() or 1)


def _positive(text: str | None) -> float | None:
    """A number above zero; None for what is none, and for what means that there is no limit."""
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 < number < math.inf else None


def _installed() -> float | None:
    try:
        return float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    except (AttributeError, OSError, ValueError):  # Windows has no sysconf
        return None


def _free() -> float | None:
    """What the system can give without swapping; only Linux says it."""
    for line in _text(Path("/proc/meminfo")).splitlines():
        if line.startswith("MemAvailable:"):
            kilobytes = _positive(line.split()[1])
            return None if kilobytes is None else 1024 * kilobytes
    return None


def _group_limits(groups: Path, own: Path = Path("/proc/self/cgroup")) -> Iterator[float | None]:
    """The memory limits of our control group and of all it lies in, of either version."""
    for line in [*_text(own).splitlines(), "0::/", "0:memory:/"]:
        _, _, rest = line.partition(":")
        controllers, _, place = rest.partition(":")
        if controllers and "memory" not in controllers.split(","):
            continue
        root, name = (groups / "memory", "memory.limit_in_bytes") if controllers else (groups, "memory.max")
        within = root / place.lstrip("/")
        for folder in (within, *within.parents):
            if folder == groups.parent:
                break
            yield _positive(_text(folder / name))  # "max" is no number


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
