"""A client closes itself: no warning, no hang, whatever the program did before it ended."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import soundverse_nb as sv

BEGIN = """
import asyncio, gc, sys
import soundverse_nb as sv
folder = sys.argv[1]
settings = dict(directory=folder, journal=folder + "/orders.sqlite3", preflight="off", progress=False)
def client(): return sv.Client("a-key-0123456789", "http://127.0.0.1:9", **settings)
"""

ENDINGS = {
    "several loops, one client": """
c = client()
for _ in range(3):
    try: asyncio.run(c.status("nothing"))
    except sv.TransportError: print("asked")
""",
    "inside async with": """
async def main():
    async with client() as c:
        try: await c.status("nothing")
        except sv.TransportError: print("asked")
asyncio.run(main())
""",
    "blocking and forgotten": """
c = client()
c.orders()
del c
gc.collect()
print("asked")
""",
    "never used": """
c = client()
print("asked")
""",
    "a job is still running": """
import socket
server = socket.create_server(("127.0.0.1", 0))
c = sv.Client("a-key-0123456789", f"http://127.0.0.1:{server.getsockname()[1]}", **settings)
job = c.start("http://127.0.0.1:9/song.mp3", prompt="jazz")
order = server.accept()[0]
assert order.recv(9) == b"POST /v7/"
order.detach(), server.detach()
print("asked")
""",
    "an exception ends it": """
c = client()
c.orders()
print("asked", flush=True)
sys.exit(3)
""",
    "the embedded service": """
c = sv.connect(**settings)
c.orders()
print("asked")
""",
    "the embedded service made a remix": """
service = sv.simulator.Simulator(speed=1000).start()
c = sv.Client("a-key-0123456789", service.base_url, **settings)
c.remix_sync(sv.example_song(), prompt="jazz")
print("asked")
""",
}


@pytest.mark.parametrize("ending", ENDINGS.values(), ids=ENDINGS.keys())
def test_the_program_ends_quietly(ending: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-W", "always::ResourceWarning", "-c", BEGIN + ending, str(tmp_path)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert "asked" in done.stdout, done.stderr
    assert done.stderr == ""
    assert done.returncode == (3 if "sys.exit(3)" in ending else 0)


def test_a_client_from_before_a_fork_says_so(tmp_path: Path) -> None:
    program = (
        BEGIN
        + """
import os, warnings
warnings.simplefilter("ignore")
c = client()
c.orders()
child = os.fork()
if child == 0:
    try:
        for mine in c, client():   # its new one must not share the journal, of which it has no locks
            try:
                mine.orders()
                os._exit(1)
            except sv.ConfigurationError as error:
                assert "fork" in str(error) and "spawn" in str(error) and "another journal" in str(error)
        settings["journal"] = folder + "/another.sqlite3"
        assert len(client().orders()) == 0
        os._exit(0)
    except BaseException as error:
        print(error, file=sys.stderr)
        os._exit(2)
assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
print("fine")
"""
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.stdout.strip() == "fine", done.stderr


def test_closing_again_is_harmless_and_a_closed_client_says_so(tmp_path: Path) -> None:
    client = sv.Client("a-key-0123456789", directory=tmp_path, journal=tmp_path / "o", progress=False)
    client.orders()
    client.close()
    client.close()
    with pytest.raises(sv.ConfigurationError, match="closed"):
        client.orders()


def test_closing_an_unused_client_starts_nothing(tmp_path: Path) -> None:
    client = sv.Client("a-key-0123456789", directory=tmp_path, journal=tmp_path / "orders.sqlite3")
    client.close()
    assert list(tmp_path.iterdir()) == []


def test_a_with_block_closes(tmp_path: Path) -> None:
    with sv.Client("a-key-0123456789", directory=tmp_path, journal=tmp_path / "o", progress=False) as client:
        pass
    with pytest.raises(sv.ConfigurationError, match="closed"):
        client.remix_sync("https://songs.example.com/a.mp3", "jazz")
