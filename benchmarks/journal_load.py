"""Two kernels with two clients each write one journal while a third process reads it: is every order kept?

All of them order remixes from the embedded service, which runs in this process, so that its ledger is beyond
their reach. In each kernel one client stays and the other is closed and made anew after every few orders: its
opening and closing beside the first, and an onlooker that does the same all the time, is what a journal must
bear. In the end one kernel leaves as it should and the other is killed, with nothing under way. Then every
charge must be an order that the journal knows, fetched and charged once, and SQLite must find the file whole.

    python benchmarks/journal_load.py --seconds 60
"""

from __future__ import annotations

import argparse
import asyncio
import json
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))

from crash import short_song
from onlooker import JOURNAL, KEY, Onlooker, integrity

KERNELS = 2
AT_ONCE = 6  # orders under way in each client
PORTION = 12  # orders after which the second client is made anew
MOST_ORDERS = 20_000  # of all kernels: the ledger and the journal stay small enough to be compared in memory
MOST_TROUBLE = 5  # errors after which a kernel gives up


@dataclass
class Result:
    """What came of it; only the first four may be other than empty."""

    charged: int = 0
    known: int = 0
    looks: int = 0
    states: Counter[str] = field(default_factory=Counter)
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)
    integrity: str = ""

    @property
    def holds(self) -> bool:
        """Every order is kept, each was charged once and is fetched, and nothing went wrong on the way."""
        unfetched = set(self.states) - {"fetched"}
        wrong = self.twice or self.lost or self.trouble or unfetched or self.integrity != "ok"
        return not wrong and self.charged == self.known > 0

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        return "\n".join(
            [
                f"{self.charged} charged, {self.known} known to the journal ({states or 'no orders'})",
                f"looked at {self.looks} times by another process meanwhile",
                f"charged twice: {len(self.twice)} {self.twice[:3] or ''}",
                f"paid and lost: {len(self.lost)} {self.lost[:3] or ''}",
                f"errors: {len(self.trouble)} {self.trouble[:3] or ''}",
                f"integrity: {self.integrity}",
            ]
        )


def run(*, orders: int = MOST_ORDERS, seconds: float = 600.0, speed: float = 2000.0) -> Result:
    """Load until `orders` were placed or `seconds` are over, whichever comes first."""
    from soundverse_nb.hosting import EmbeddedHost
    from soundverse_nb.simulator import Simulator

    result = Result()
    with tempfile.TemporaryDirectory() as place, Simulator(speed=speed, take=1) as simulator:
        folder = Path(place)
        song = asyncio.run(EmbeddedHost(simulator.base_url).publish(short_song(folder))).url
        with Onlooker(simulator.base_url, folder) as onlooker:
            kernels = [
                _Kernel(number, simulator.base_url, song, folder, orders // KERNELS, seconds)
                for number in range(KERNELS)
            ]
            try:
                for kernel in kernels:
                    result.trouble += kernel.wait(seconds + 120)
                # One after the other, while the onlooker looks on.
                for kernel in kernels:
                    kernel.end()
            finally:
                for kernel in kernels:
                    kernel.kill()
        result.looks = onlooker.looks
        result.trouble += [onlooker.trouble] if onlooker.trouble else []
        _settle(result, simulator.ledger.entries, folder / JOURNAL)
    return result


class _Kernel:
    """One process with two clients. When its orders are done it says what went wrong, and waits."""

    def __init__(
        self, number: int, base_url: str, song: str, folder: Path, orders: int, seconds: float
    ) -> None:
        told = [str(argument) for argument in (number, base_url, song, folder, orders, seconds)]
        self._number = number
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--kernel", *told],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def wait(self, seconds: float) -> list[str]:
        """What went wrong in it; it is killed where it does not tell in time."""
        assert self._process.stdout is not None
        watchdog = threading.Timer(seconds, self._process.kill)
        watchdog.start()
        line = self._process.stdout.readline()
        watchdog.cancel()
        if not line:
            return [f"kernel {self._number} hung or died: exit status {self._process.wait()}"]
        trouble: list[str] = json.loads(line)
        return trouble

    def end(self) -> None:
        """The first is killed, as kernels are; the others leave through their door."""
        if self._number == 0:
            self._process.kill()
        self._process.communicate(timeout=120)

    def kill(self) -> None:
        if self._process.poll() is None:
            self._process.kill()
            self._process.communicate()


async def kernel(number: int, base_url: str, song: str, folder: Path, orders: int, seconds: float) -> None:
    """What runs in each kernel."""
    end = time.monotonic() + seconds
    trouble: list[str] = []
    tags = _tags(number, orders, end, trouble)
    async with _client(base_url, folder) as stays:
        await asyncio.gather(
            *(_order_all(stays, song, tags, trouble) for _ in range(AT_ONCE)),
            _renewed(base_url, folder, song, tags, trouble),
        )
        print(json.dumps(trouble), flush=True)
        await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


def _tags(number: int, orders: int, end: float, trouble: list[str]) -> Iterator[str]:
    """A name for each order of this kernel, while there is time and reason to place another."""
    for place in range(orders):
        if time.monotonic() > end or len(trouble) >= MOST_TROUBLE:
            return
        yield f"{number}-{place}"


async def _renewed(base_url: str, folder: Path, song: str, tags: Iterator[str], trouble: list[str]) -> None:
    """The second client: a new one for each portion of orders."""
    while portion := [tag for _, tag in zip(range(PORTION), tags, strict=False)]:
        async with _client(base_url, folder) as client:
            left = iter(portion)
            await asyncio.gather(*(_order_all(client, song, left, trouble) for _ in range(AT_ONCE)))


def _client(base_url: str, folder: Path) -> Any:
    import soundverse_nb as sv

    return sv.Client(
        KEY, base_url, directory=folder, journal=folder / JOURNAL, preflight="off", progress=False,
        max_streams=2 * AT_ONCE,
    )  # fmt: skip


async def _order_all(client: Any, song: str, tags: Iterator[str], trouble: list[str]) -> None:
    for tag in tags:
        # A fault that never happens only carries the tag, which tells the orders apart in the ledger.
        parameters = {"simulate": {"fault": "gzip", "times": 0, "tag": tag}}
        try:
            remix = await client.remix(song, prompt="jazz", parameters=parameters)
            remix.audio.path.unlink()  # thousands of remixes would fill the disk
        except Exception as error:  # whatever it is, it is what this run is about
            trouble.append(f"order {tag}: {type(error).__name__}: {error}")


def _settle(result: Result, charges: tuple[Any, ...], path: Path) -> None:
    """Hold the ledger against the journal."""
    from soundverse_nb.client import Journal

    result.charged = len(charges)
    requests = Counter(charge.request for charge in charges)
    result.twice = [request for request, count in requests.items() if count > 1]
    result.integrity = integrity(path)
    journal = Journal(path)
    try:
        found = journal.read()
    except Exception as error:  # a journal that cannot be read knows nothing
        result.trouble.append(f"the journal: {error}")
        found = []
    finally:
        journal.close()
    result.states.update(order.state.value for order in found)
    known = {order.message_id for order in found if order.message_id is not None}
    result.known = len(known)
    result.lost = [charge.message_id for charge in charges if charge.message_id not in known]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--seconds", type=float, default=60.0, help="how long orders are placed")
    parser.add_argument("--orders", type=int, default=MOST_ORDERS, help="at most so many")
    parser.add_argument("--kernel", nargs=6, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kernel:
        number, base_url, song, folder, orders, seconds = options.kernel
        asyncio.run(kernel(int(number), base_url, song, Path(folder), int(orders), float(seconds)))
        return
    began = time.monotonic()
    result = run(orders=options.orders, seconds=options.seconds)
    print(result)
    print(f"{time.monotonic() - began:.0f} s")
    raise SystemExit(0 if result.holds else 1)


if __name__ == "__main__":
    main()
