"""The embedded service alone, in the foreground of a terminal."""

from __future__ import annotations

import contextlib
import signal
import sys
import threading
from collections.abc import Iterable, Iterator
from types import FrameType
from typing import TextIO

from soundverse_nb.simulator.faults import Fault
from soundverse_nb.simulator.server import Simulator
from soundverse_nb.urls import is_loopback


def run(
    *,
    port: int = 0,
    host: str = "127.0.0.1",
    api_key: str | None = None,
    speed: float = 1.0,
    hold: float = 30.0,
    faults: str | Fault | Iterable[object] = (),
    out: TextIO | None = None,
) -> None:
    """Serve until interrupted (Ctrl-C or SIGTERM), then print what was charged.

    The first line printed holds the address, so that a script can read it. Settings are those of Simulator.
    Raises ConfigurationError where it cannot start.
    """
    out = sys.stdout if out is None else out
    simulator = Simulator(host=host, port=port, api_key=api_key, speed=speed, hold=hold, faults=faults)
    interrupted = threading.Event()
    with _until_signalled(interrupted), simulator:
        takes = "one API key" if api_key else "any API key"
        print(f"Simulator listening on {simulator.base_url} (speed {speed:g}, takes {takes})", file=out)
        print(f"  POST {simulator.base_url}/v7/generate/remix", file=out)
        if not is_loopback(host):
            print("  Warning: other machines can reach it.", file=out)
        if not simulator.has_notice:
            print(
                "  Warning: no note of it could be written, so other programs take it for a real service.\n"
                "  Set HOME, XDG_STATE_HOME or TMPDIR to a place that can be written, for them and for it.",
                file=out,
            )
        print("  Press Ctrl-C to stop.", file=out, flush=True)
        while not interrupted.wait(1.0):  # in slices: a plain wait() is deaf to Ctrl-C on Windows
            pass
    print(simulator.ledger, file=out, flush=True)


@contextlib.contextmanager
def _until_signalled(interrupted: threading.Event) -> Iterator[None]:
    """SIGINT and SIGTERM set the event; the handlers there were before come back afterwards."""

    def note(number: int, frame: FrameType | None) -> None:
        interrupted.set()

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.signal(number, note) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
