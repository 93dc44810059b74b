"""The service alone in the foreground: what it prints, and how it ends."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys

import pytest

from .conftest import chunks, order, upload

CODE = "from soundverse_nb.simulator import run; run(speed=2000.0, api_key={key!r})"


class Running:
    """Enough of a Simulator for the helpers: an address."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url


@pytest.mark.skipif(os.name == "nt", reason="signals of a terminal are different there")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_prints_its_address_first_and_its_ledger_last(number, song_file):
    with subprocess.Popen(
        [sys.executable, "-W", "error", "-c", CODE.format(key=None)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        first = process.stdout.readline()
        address = re.search(r"http://127\.0\.0\.1:\d+", first)
        assert address is not None
        service = Running(address.group())
        last = chunks(order(service, {"song_reference_url": upload(service, song_file), "prompt": "pop"}))[-1]
        process.send_signal(number)
        rest, errors = process.communicate(timeout=30)
    assert process.returncode == 0
    assert errors == ""
    assert "1 charged" in rest
    assert last["message_id"] in rest
    assert last["song_name"] in rest


def test_a_signal_in_the_middle_of_the_wait_for_one_ends_it() -> None:
    # The signal comes where a wait of Python's own holds its lock; what sets an Event there waits for ever.
    code = (
        "import signal, sys, threading\n"
        "def seen(frame, event, what):\n"
        "    waits = event == 'call' and frame.f_code is threading.Condition.wait.__code__\n"
        "    waits |= event == 'c_call' and getattr(what, '__qualname__', '') == 'SimpleQueue.get'\n"
        "    if waits:\n"
        "        sys.setprofile(None)\n"
        "        signal.raise_signal(signal.SIGTERM)\n"
        "class Out:\n"
        "    write = sys.stdout.write\n"
        "    def flush(self):\n"
        "        sys.setprofile(seen)\n"
        "from soundverse_nb.simulator import run\n"
        "run(out=Out())\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert "Press Ctrl-C to stop." in done.stdout
    assert done.returncode == 0, done.stderr
