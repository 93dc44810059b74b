"""Several clients, several kernels and somebody who looks: one journal keeps every order of theirs.

At length: benchmarks/journal_load.py, for a minute or as long as you like.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.journal_load import run
from benchmarks.onlooker import integrity
from soundverse_nb.client import Journal

# A kernel in which two clients have opened the journal; each line it reads is one more order of the first.
KERNEL = """
import asyncio, sys
from soundverse_nb.client import Journal, Order

def order(journal, name):
    asyncio.run(journal.plan(Order(order_id=name, service="https://service")))

first, second = Journal(sys.argv[1]), Journal(sys.argv[1])
order(first, "before the second opened it")
order(second, "of the second")
if sys.argv[2] == "closed again":
    second.close()
print("ready", flush=True)
for line in sys.stdin:
    order(first, line.strip())
    print("written", flush=True)
"""

LOOK = "import sys; from soundverse_nb.client import Journal; j = Journal(sys.argv[1]); j.read(); j.close()"


@pytest.mark.parametrize("second", ["still open", "closed again"])
def test_a_look_from_outside_costs_a_kernel_with_two_clients_no_order(second: str, tmp_path: Path) -> None:
    path = tmp_path / "orders.sqlite3"
    kernel = subprocess.Popen(
        [sys.executable, "-c", KERNEL, str(path), second],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert kernel.stdin is not None
    assert kernel.stdout is not None
    try:
        assert kernel.stdout.readline() == "ready\n"
        for name in ("after one look", "after another"):
            subprocess.run([sys.executable, "-c", LOOK, str(path)], check=True, timeout=60)
            kernel.stdin.write(name + "\n")
            kernel.stdin.flush()
            assert kernel.stdout.readline() == "written\n"
    finally:
        kernel.kill()
        kernel.communicate()
    journal = Journal(path)
    kept = [order.order_id for order in asyncio.run(journal.orders())]
    journal.close()
    assert kept == ["before the second opened it", "of the second", "after one look", "after another"]
    assert integrity(path) == "ok"


def test_two_kernels_with_two_clients_and_an_onlooker_keep_every_order() -> None:
    result = run(orders=24)
    assert result.holds, str(result)
    assert result.charged == 24
    assert result.looks > 0
