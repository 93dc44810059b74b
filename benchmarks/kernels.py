"""A class opens the first notebook at once: how long each waits, and what all of it takes.

    python benchmarks/kernels.py [NOTEBOOK ...] [--count 30] [--most-gb 16] [--one-mb 1200]

As many kernels as a class has people run the same notebook at the same time, from the first cell to the last,
each in a folder and a home of its own, as on a hub. With several notebooks one follows the other. It tells
what failed; when the first cell was done, from the start of all and once its kernel was there; how long the
slowest took; and memory, as the proportional set size of a kernel with all that it started, sampled once a
second: the most that one had, and the most that all had together; and the processor's time of one, which says
how long a notebook takes on a machine that has nothing else to do. Where all together come to more than
--most-gb, everything is ended and counts as failed. The exit status is 1 where a kernel failed, or one had
more than --one-mb.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import os
import statistics
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from memory import megabytes, parents, tree  # noqa: E402 - found by way of the line above

SAMPLE_SECONDS = 1.0  # looking at ninety processes takes time from those who work
_KEYS = ("SOUNDVERSE_API_KEY", "SOUNDVERSE_BASE_URL")
_HOMES = ("XDG_STATE_HOME", "XDG_DATA_HOME", "XDG_CACHE_HOME", "XDG_CONFIG_HOME")


@dataclass
class KernelRun:
    """One kernel: seconds since the start of all when it was ready, its cells were done, and it was over."""

    manager: Any
    ready: float | None = None
    cells: list[float] = field(default_factory=list)
    over: float | None = None
    peak: float = 0.0
    cpu: float = 0.0
    failure: str | None = None

    @property
    def process(self) -> int | None:
        return getattr(self.manager.provisioner, "pid", None)


@dataclass
class ClassRun:
    """All kernels, when they began, and the most memory that all had together, in MB."""

    kernels: list[KernelRun]
    began: float
    peak: float = 0.0

    @property
    def now(self) -> float:
        return time.monotonic() - self.began


def environment(home: Path) -> dict[str, str]:
    """A home of one's own, without a key, and this checkout to import from."""
    kept = {name: value for name, value in os.environ.items() if name not in _KEYS}
    own = {name: str(home / name.lower()) for name in _HOMES}
    return {**kept, **own, "HOME": str(home), "PYTHONPATH": str(ROOT)}


async def run(together: ClassRun, kernel: KernelRun, notebook: Path, folder: Path, timeout: float) -> None:
    """One notebook from its first cell to its last; what fails is noted in its run."""
    home = folder / "home"
    home.mkdir(parents=True)

    def executed(cell: Any, cell_index: int, execute_reply: Any) -> None:
        kernel.cells.append(together.now)

    client = NotebookClient(
        nbformat.read(notebook, as_version=4),
        km=kernel.manager,
        timeout=timeout,
        startup_timeout=int(timeout),
        resources={"metadata": {"path": str(folder)}},
        on_cell_executed=executed,
    )
    client.on_notebook_start = lambda notebook: setattr(kernel, "ready", together.now)
    try:
        await client.async_execute(env=environment(home))
    except Exception as error:  # whatever it is, it is what this kernel failed of
        kernel.failure = f"{type(error).__name__}: {str(error).strip()[-300:]}"
    kernel.over = together.now


def use_of(processes: list[int]) -> list[tuple[float, float]]:
    """MB, and seconds of the processor so far, of each of these processes with all that it started."""
    among = parents()
    trees = [tree(process, among) for process in processes]
    return [(sum(map(megabytes, each)), sum(map(processor_seconds, each))) for each in trees]


def processor_seconds(process: int) -> float:
    """Seconds that a process took, with its children that have ended; 0 where it is gone."""
    with contextlib.suppress(OSError, IndexError):
        stat = Path(f"/proc/{process}/stat").read_text("ascii", "replace")
        return sum(map(int, stat.rpartition(")")[2].split()[11:15])) / os.sysconf("SC_CLK_TCK")
    return 0.0


async def watch(together: ClassRun, most_mb: float) -> None:
    """Sample the memory of every kernel with its children; ends where all have too much."""
    while True:
        running = [kernel for kernel in together.kernels if kernel.process and kernel.over is None]
        used = await asyncio.to_thread(use_of, [kernel.process or 0 for kernel in running])
        for kernel, (memory, cpu) in zip(running, used, strict=True):
            kernel.peak, kernel.cpu = max(kernel.peak, memory), max(kernel.cpu, cpu)
        total = sum(memory for memory, _ in used)
        together.peak = max(together.peak, total)
        if total > most_mb:
            return
        await asyncio.sleep(SAMPLE_SECONDS)


async def run_class(notebook: Path, count: int, most_mb: float, timeout: float) -> ClassRun:
    with tempfile.TemporaryDirectory(prefix="soundverse-nb-class-", ignore_cleanup_errors=True) as folder:
        together = ClassRun(
            [KernelRun(AsyncKernelManager(kernel_name="python3")) for _ in range(count)], time.monotonic()
        )
        work = [
            asyncio.ensure_future(run(together, kernel, notebook, Path(folder, str(number)), timeout))
            for number, kernel in enumerate(together.kernels)
        ]
        everybody = asyncio.ensure_future(asyncio.wait(work))
        watching = asyncio.ensure_future(watch(together, most_mb))
        await asyncio.wait([everybody, watching], return_when=asyncio.FIRST_COMPLETED)
        if watching.done() and (broken := watching.exception()) is not None:
            raise broken
        unfinished = [kernel for kernel in together.kernels if kernel.over is None]
        for task in [watching, *work]:
            task.cancel()
        await asyncio.gather(watching, *work, return_exceptions=True)
        for kernel in unfinished:  # only where they had too much did anybody end them
            kernel.failure = f"ended: all together had more than {most_mb:.0f} MB"
        for kernel in together.kernels:
            with contextlib.suppress(Exception):
                await kernel.manager.shutdown_kernel(now=True)
        return together


def report(name: str, together: ClassRun) -> list[str]:
    """The figures of one notebook, as lines."""
    kernels = together.kernels
    failed = [kernel for kernel in kernels if kernel.failure is not None]
    first = [kernel.cells[0] for kernel in kernels if kernel.cells]
    waits = [kernel.cells[0] - (kernel.ready or 0.0) for kernel in kernels if kernel.cells]
    overs = [kernel.over for kernel in kernels if kernel.over is not None and kernel.failure is None]
    lines = [f"{name}: {len(kernels)} at once, {len(failed)} failed"]
    for what, values in (
        ("first cell done, from the start of all", first),
        ("first cell done, once its kernel was there", waits),
        ("last cell done, from the start of all", overs),
    ):
        if values:
            lines.append(f"  {what:44} median {statistics.median(values):6.1f} s   most {max(values):6.1f} s")
    lines.append(
        f"  {'memory, MB':44} one {max(kernel.peak for kernel in kernels):8.0f}     all  {together.peak:8.0f}"
    )
    cpu = [kernel.cpu for kernel in kernels]
    lines.append(f"  {'processor, s':44} median {statistics.median(cpu):6.1f} s   most {max(cpu):6.1f} s")
    return lines + [f"  failed: {kernel.failure}" for kernel in failed[:3]]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("notebooks", nargs="*", type=Path, default=[ROOT / "notebooks/01_quickstart.ipynb"])
    parser.add_argument("--count", type=int, default=30)
    parser.add_argument("--most-gb", type=float, default=16.0)
    parser.add_argument("--one-mb", type=float, default=1200.0)
    parser.add_argument("--timeout", type=float, default=600.0, help="seconds for one cell")
    given = parser.parse_args()
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.2f}", flush=True)
    held = True
    for notebook in given.notebooks:
        together = asyncio.run(run_class(notebook, given.count, given.most_gb * 1024, given.timeout))
        print("\n".join(report(notebook.name, together)), flush=True)
        held = held and not any(kernel.failure or kernel.peak > given.one_mb for kernel in together.kernels)
    return int(not held)


if __name__ == "__main__":
    sys.exit(main())
