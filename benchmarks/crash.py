"""Kill a kernel at random moments, again and again, and count what was paid.

A child process orders forty remixes from the embedded service, which runs in this process, so that its
ledger survives. It has two clients on one journal, and another process looks at that journal all the time.
Some orders meet faults. The child is killed with SIGKILL at a random moment and started again until it ends
by itself; then the ledger is held against the journal: SQLite must find it whole, no order may be charged
twice, and every charge must be a fetched remix, a failure the service reported, or an order that the journal
shows as of unknown outcome (sent, and the kernel died before the service named it).

    python benchmarks/crash.py --kills 500
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

sys.path.insert(0, str(Path(__file__).resolve().parent))

from onlooker import JOURNAL, KEY, Onlooker, integrity

ORDERS = 40

# What the orders meet, in turn; each as often as it stands here.
FAULTS: tuple[dict[str, Any], ...] = (
    {"fault": "gzip", "times": 0},
    {"fault": "gzip", "times": 0},
    {"fault": "cut_after_id"},
    {"fault": "rate_limit", "times": 1},
    {"fault": "cut_mid_stream"},
    {"fault": "cut_before_id"},
    {"fault": "eof_at_90"},
    {"fault": "unavailable", "times": 1},
    {"fault": "stall_after_id"},
    {"fault": "audio_flaky", "times": 1},
    {"fault": "cut_before_headers"},
    {"fault": "no_audio_url_in_stream"},
    {"fault": "failure"},
    {"fault": "cut_before_accept"},
    {"fault": "status_unavailable", "times": 1},
)


@dataclass
class Result:
    """What came of it; `twice`, `lost`, `damaged` and `trouble` are descriptions and should be empty."""

    kills: int = 0
    looks: int = 0
    orders: int = 0
    charges: int = 0
    states: Counter[str] = field(default_factory=Counter)
    killed_in: Counter[str] = field(default_factory=Counter)
    unknown_and_charged: int = 0
    twice: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    trouble: list[str] = field(default_factory=list)

    @property
    def holds(self) -> bool:
        return not (self.twice or self.lost or self.damaged or self.trouble)

    def __str__(self) -> str:
        states = ", ".join(f"{count} {state}" for state, count in sorted(self.states.items()))
        killed = ", ".join(f"{count} {state}" for state, count in sorted(self.killed_in.items()))
        return "\n".join(
            [
                f"{self.kills} kills, {self.orders} remixes wanted, {self.charges} charged",
                f"orders in the journals at the end: {states}",
                f"orders under way when the child was killed: {killed or 'none'}",
                f"of unknown outcome and really charged: {self.unknown_and_charged} (all shown as unknown)",
                f"charged twice: {len(self.twice)} {self.twice[:3] or ''}",
                f"paid and lost: {len(self.lost)} {self.lost[:3] or ''}",
                f"looked at {self.looks} times by another process meanwhile {self.trouble[:3] or ''}",
                f"integrity: {self.damaged[:3] or 'ok'}",
            ]
        )


def wire_of(number: int, song: str) -> dict[str, Any]:
    """The body of one order's POST; each is unlike every other."""
    fault = FAULTS[number % len(FAULTS)]
    # The tag tells the orders apart without making them different remixes, so that only two are rendered.
    parameters = {"simulate": {**fault, "tag": str(number)}}
    return {"song_reference_url": song, "prompt": f"style {number % 2}", "parameters": parameters}


def number_of(order: Any) -> int:
    """Which of the wanted remixes an order of the journal is."""
    return int(order.parameters["simulate"]["tag"])


async def child(base_url: str, song: str, folder: Path, orders: int) -> None:
    """What is killed: pick up what is left, then order what was never ordered, one half in each client."""
    import soundverse_nb as sv
    from soundverse_nb.client import OrderState, Timeouts

    timeouts = Timeouts(silence=0.5, poll_interval=0.05, max_poll_interval=0.5)
    first, second = (
        sv.Client(
            KEY, base_url, directory=folder, journal=folder / JOURNAL, preflight="off", progress=False,
            timeouts=timeouts,
        )
        for _ in range(2)
    )  # fmt: skip
    print("ready", flush=True)
    async with first, second:
        # The other client has opened the journal while this one writes.
        await asyncio.gather(first.recover(), second.recover())
        ordered = {number_of(order) for order in second.orders() if order.state is not OrderState.REFUSED}
        wanted = [wire_of(number, song) for number in range(orders) if number not in ordered]
        await asyncio.gather(first.remix_all(wanted[::2]), second.remix_all(wanted[1::2]))
        left = [order for order in first.orders() if order.state.is_unfinished]
        if left:
            raise SystemExit(f"unfinished: {left}")
    print("done", flush=True)


def run(
    kills: int, *, orders: int = ORDERS, seed: int = 1, longest: float = 1.5, speed: float = 60.0
) -> Result:
    """Rounds of `orders` remixes until the child was killed `kills` times; each round is run to its end."""
    result = Result()
    rng = random.Random(seed)
    while result.kills < kills:
        with tempfile.TemporaryDirectory() as folder:
            one_round(result, kills, orders, rng, longest, speed, Path(folder))
    return result


def one_round(
    result: Result, kills: int, orders: int, rng: random.Random, longest: float, speed: float, folder: Path
) -> None:
    from soundverse_nb.hosting import EmbeddedHost
    from soundverse_nb.simulator import Simulator

    song = short_song(folder)
    with Simulator(speed=speed, take=1) as simulator:
        url = asyncio.run(EmbeddedHost(simulator.base_url).publish(song)).url
        command = [sys.executable, __file__, "--child", simulator.base_url, url, str(folder), str(orders)]
        with Onlooker(simulator.base_url, folder) as onlooker:
            while not run_once(command, result, kills, rng, longest):
                result.killed_in.update(under_way(folder))
        result.looks += onlooker.looks
        result.trouble += [onlooker.trouble] if onlooker.trouble else []
        settle_accounts(result, simulator.ledger, folder, url, orders)


class Killed(Protocol):
    """What is counted of a child that is killed."""

    kills: int
    trouble: list[str]


def run_once(command: list[str], result: Killed, kills: int, rng: random.Random, longest: float) -> bool:
    """Start the child, and perhaps kill it; whether it came to its end by itself."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    if process.stdout.readline().strip() != "ready":
        raise RuntimeError(process.communicate()[1])
    if result.kills < kills:
        try:
            process.wait(rng.uniform(0, longest))
        except subprocess.TimeoutExpired:
            process.kill()
            process.communicate()
            result.kills += 1
            return False
    out, err = process.communicate(timeout=300)
    if "done" not in out:
        result.trouble.append(f"the child: {err.strip()[-600:]}")
    return True


def settle_accounts(result: Result, ledger: Any, folder: Path, song: str, orders: int) -> None:
    """Hold the ledger against the journal."""
    from soundverse_nb.client import Journal, OrderState

    whole = integrity(folder / JOURNAL)
    if whole != "ok":
        result.damaged.append(whole)
    journal = Journal(folder / JOURNAL)
    found = journal.read()
    journal.close()
    result.orders += orders
    result.charges += len(ledger)
    result.states.update(order.state.value for order in found)
    bodies = {number: json.dumps(wire_of(number, song)).encode() for number in range(orders)}
    numbers = {hashlib.sha256(body).hexdigest(): number for number, body in bodies.items()}
    charged: dict[int, list[str]] = {}
    for charge in ledger:
        charged.setdefault(numbers[charge.request], []).append(charge.message_id)
    for number, message_ids in charged.items():
        mine = [order for order in found if number_of(order) == number]
        if len(message_ids) > 1:
            result.twice.append(f"order {number}: {message_ids}")
        named = next((order for order in mine if order.message_id == message_ids[0]), None)
        if named is not None:
            if named.state is OrderState.FETCHED and is_whole(named):
                continue
            if named.state is OrderState.FAILED:
                continue
        elif any(order.state is OrderState.UNKNOWN for order in mine):
            result.unknown_and_charged += 1
            continue
        result.lost.append(f"order {number}: {[order.state.value for order in mine]}")


def is_whole(order: Any) -> bool:
    """The file on disk is the one that was fetched."""
    path = Path(order.path)
    return path.is_file() and hashlib.sha256(path.read_bytes()).hexdigest() == order.sha256


def under_way(folder: Path) -> list[str]:
    """The states of the orders that were neither settled nor only planned."""
    from soundverse_nb.client import Journal, OrderState

    if not (folder / JOURNAL).exists():
        return []
    journal = Journal(folder / JOURNAL)
    try:
        found = journal.read([OrderState.SENDING, OrderState.ACCEPTED, OrderState.COMPLETED])
        return [order.state.value for order in found]
    finally:
        journal.close()


def short_song(folder: Path) -> Path:
    """Ten seconds of a tone: as cheap to remix as a song may be."""
    import numpy as np
    import soundfile

    path = folder / "tone.wav"
    soundfile.write(path, 0.2 * np.sin(np.arange(10 * 8000) / 6), 8000)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--kills", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        base_url, song, folder, orders = options.child
        asyncio.run(child(base_url, song, Path(folder), int(orders)))
        return
    began = time.monotonic()
    result = run(options.kills, seed=options.seed)
    print(result)
    print(f"{time.monotonic() - began:.0f} s")
    raise SystemExit(0 if result.holds else 1)


if __name__ == "__main__":
    main()
