"""How fast a stream is read, and what five hundred of them at once cost.

Peers in the same run: httpx-sse for decoding, and the vendor's own sample (requests, a JSON dict a line)
for decoded and validated events and for streams at once. Decoding is measured in processor time, round by
round in turns, so that a busy machine bothers all alike. Streams at once are measured as the client holds
them (bare) and as a caller gets them (`Client.stream`: with the journal, from the caller's own loop).

    python benchmarks/streams.py                  # everything, about six minutes
    python benchmarks/streams.py decode
    python benchmarks/streams.py concurrent --number 500
"""

from __future__ import annotations

import argparse
import asyncio
import codecs
import contextlib
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import Any

import requests
from httpx_sse._decoders import SSEDecoder, SSELineDecoder
from pydantic import SecretStr

from soundverse_nb.api.chunks import ChunkReader
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.request import RemixRequest
from soundverse_nb.api.secrets import remember_key
from soundverse_nb.api.sse import EventStreamDecoder
from soundverse_nb.api.transport import Transport
from soundverse_nb.client import Client
from soundverse_nb.client.background import LOOP
from soundverse_nb.remix import Remix

CHUNKS = 100_000
ROUNDS = 9
BLOCK = 1 << 16
READY_MARK = "http://"
KEY = "benchmark-key"

# How the targets read: (what, at most).
SLOWEST = 1.2
MOST_CPU = 1 / 3
MOST_MEMORY = 64 * 1024


def chunks(count: int) -> list[bytes]:
    """Events like the document's, stage after stage, each remix with an id of its own."""
    events: list[bytes] = []
    name = str(uuid.uuid4())  # one for all: a reader leaves chunks about another order out
    while len(events) < count:
        running: dict[str, Any] = {"message_id": name, "isComplete": False}
        art = {"album_art": f"https://storage.soundverse.ai/art/{name}.png", "song_name": "Remix Title"}
        audio = f"https://storage.soundverse.ai/audio/{name}.mp3"
        told: list[dict[str, Any]] = [
            {"isComplete": False, "status": "validating"},
            {**running, "status": "queued", **art},
            {**running, "status": "starting"},
            {**running, "status": "initializing"},
            {**running, "status": "uploading"},
            *({**running, "status": "streaming", "progress": progress} for progress in range(0, 91, 10)),
            {**running, "status": "streaming", "progress": 100, "streaming_ready": True, "version": 1},
            {
                **running,
                "isComplete": True,
                "status": "completed",
                "audio_url": audio,
                **art,
                "progress": 100,
            },
        ]
        for index, chunk in enumerate(told):
            events.append(b"data: %s\n\n" % json.dumps({**chunk, "chunkIndex": index}).encode())
    return events[:count]


# Decoders: each takes reads and gives the number of events.


def ours(reads: Sequence[bytes]) -> int:
    decoder = EventStreamDecoder()
    return sum(len(decoder.feed(read)) for read in reads)


def httpx_sse(reads: Sequence[bytes]) -> int:
    """httpx-sse as `EventSource.aiter_sse` runs it: text decoder, line decoder, event decoder."""
    text, lines, events = codecs.getincrementaldecoder("utf-8")("replace"), SSELineDecoder(), SSEDecoder()
    count = 0
    for read in reads:
        for line in lines.decode(text.decode(read)):
            if events.decode(line) is not None:
                count += 1
    return count


def ours_validated(reads: Sequence[bytes]) -> int:
    """What a `Transport` does with what it reads: typed, checked events, and errors told from them."""
    reader = ChunkReader()
    count = 0
    for read in reads:
        for event in reader.feed(read):
            if isinstance(event, RemixEvent):
                count += 1
    return count


class _Raw:
    """In place of urllib3's response: hands requests the reads as they are, without a network."""

    def __init__(self, reads: Sequence[bytes]) -> None:
        self._reads = reads

    def stream(self, chunk_size: int, decode_content: bool) -> Iterator[bytes]:
        yield from self._reads


def the_documents_loop(reads: Sequence[bytes]) -> int:
    """The loop of the document's Python sample, word for word, but for counting instead of printing."""
    response = requests.Response()
    response.raw = _Raw(reads)
    count = 0
    for line in response.iter_lines():
        if line:
            text = line.decode("utf-8")
            if text.startswith("data: "):
                data = json.loads(text[6:])
                count += data is not None
    return count


Runner = Callable[[Sequence[bytes]], int]


def rates(runners: dict[str, Runner], reads: Sequence[bytes]) -> dict[str, list[float]]:
    """Events per second of processor time, per round; the runners take turns."""
    found: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(ROUNDS):
        for name, run in runners.items():
            begun = time.process_time()
            count = run(reads)
            found[name].append(count / (time.process_time() - begun))
            assert count == CHUNKS, (name, count)
    return found


def measure_decoding() -> bool:
    remember_key(KEY)  # as a client does: it is looked for in what a server says
    events = chunks(CHUNKS)
    stream = b"".join(events)
    reads = {
        "64 KiB reads": [stream[at : at + BLOCK] for at in range(0, len(stream), BLOCK)],
        "one event a read": events,
    }
    size = len(stream) / CHUNKS
    print(f"{CHUNKS:,} chunks like the document's, {size:.0f} bytes each; best of {ROUNDS} rounds")
    good = True
    for name, pieces in reads.items():
        for what, mine, peer in (
            ("decoded", ("soundverse_nb", ours), ("httpx-sse", httpx_sse)),
            (
                "decoded and validated",
                ("soundverse_nb", ours_validated),
                ("document's loop", the_documents_loop),
            ),
        ):
            found = rates(dict((mine, peer)), pieces)
            ratio = statistics.median(a / b for a, b in zip(found[mine[0]], found[peer[0]], strict=True))
            shown = ", ".join(f"{who} {max(rate) / 1e3:,.0f}k/s" for who, rate in found.items())
            good &= verdict(f"{name}, {what}: {shown}; ratio {ratio:.2f} (median)", ratio >= 1.0)
    return good


def verdict(text: str, holds: bool) -> bool:
    print(f"{'ok  ' if holds else 'MISS'}  {text}", flush=True)
    return holds


# Streams at once, each kind in a process of its own, against the embedded service in another.


@contextlib.contextmanager
def service(speed: float, *settings: str) -> Iterator[str]:
    """The embedded service in another process; gives its URL."""
    command = [sys.executable, "-m", "soundverse_nb", "simulator", "--speed", str(speed), *settings]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        for line in process.stdout:
            if READY_MARK in line:
                yield READY_MARK + line.split(READY_MARK, 1)[1].split()[0].rstrip("/.,")
                return
        raise RuntimeError("the embedded service did not start")
    finally:
        process.terminate()
        process.communicate()


def publish(base_url: str) -> str:
    from soundverse_nb.examples import example_song

    upload = urllib.request.Request(f"{base_url}/simulator/references", data=example_song().read_bytes())
    with urllib.request.urlopen(upload) as response:
        return str(json.load(response)["url"])


def resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


Told = Callable[[RemixEvent], object]
Streamer = Callable[[RemixRequest, Told], Awaitable[bool]]
"""Streams one remix, tells of each event, and says whether its last one came."""


async def measured(stream: Streamer, song: str, number: int) -> dict[str, float]:
    """One stream, then so many at once; memory is read while each of them has its message_id."""
    named: set[str] = set()
    everybody = asyncio.Event()

    def told(event: RemixEvent) -> None:
        if event.message_id is not None:
            named.add(event.message_id)
            if len(named) >= number:
                everybody.set()

    # Loads everything; fails half way, so that it takes less time.
    await stream(RemixRequest(song, prompt="first", parameters={"simulate": "failure"}), lambda _: None)
    start = time.perf_counter()
    await stream(RemixRequest(song, prompt="one"), lambda _: None)
    one = time.perf_counter() - start
    before, cpu, start = resident(), time.process_time(), time.perf_counter()
    tasks = [
        asyncio.ensure_future(stream(RemixRequest(song, prompt=f"style {i}"), told)) for i in range(number)
    ]
    await everybody.wait()
    held = resident()
    finished = await asyncio.gather(*tasks)
    return {
        "one": one,
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "finished": sum(finished),
        "bytes_each": (held - before) / number,
    }


async def bare(base_url: str, song: str, number: int) -> dict[str, float]:
    """The streams alone, as the client holds them, with nothing written down and nothing handed on."""
    async with Transport(base_url, SecretStr(KEY)) as transport:

        async def stream(request: RemixRequest, told: Told) -> bool:
            finished = False
            async with transport.open_remix(request.to_wire()) as events:
                async for event in events:
                    if isinstance(event, RemixEvent):
                        told(event)
                        finished = event.is_terminal
            return finished

        return await measured(stream, song, number)


@contextlib.asynccontextmanager
async def client_of(base_url: str, number: int) -> AsyncIterator[Client]:
    with tempfile.TemporaryDirectory() as folder:
        async with Client(
            KEY,
            base_url,
            max_streams=max(8, number),
            directory=folder,
            journal=f"{folder}/orders.sqlite3",
            progress=False,
        ) as client:
            yield client


async def client_stream(base_url: str, song: str, number: int) -> dict[str, float]:
    """`Client.stream`: ordered, journalled, watched for silence, and handed to the caller's own loop."""
    async with client_of(base_url, number) as client:

        async def stream(request: RemixRequest, told: Told) -> bool:
            last = None
            async for event in client.stream(request):
                told(event)
                last = event
            return last is not None and last.audio_url is not None

        return await measured(stream, song, number)


async def remix_all(base_url: str, song: str, number: int) -> dict[str, float]:
    """`Client.remix_all`, downloads and covers included; of one take, which the service makes once."""
    jazz = RemixRequest(song, prompt="jazz", parameters={"simulate": {"take": 1}})
    async with client_of(base_url, number) as client:
        await client.remix_all([jazz])
        start = time.perf_counter()
        await client.remix_all([jazz])
        one = time.perf_counter() - start
        cpu, start = time.process_time(), time.perf_counter()
        results = await client.remix_all([jazz] * number)
        return {
            "one": one,
            "seconds": time.perf_counter() - start,
            "cpu": time.process_time() - cpu,
            "finished": sum(isinstance(result, Remix) for result in results),
        }


def run_threads(base_url: str, song: str, number: int) -> dict[str, float]:
    """The document's sample, in as many threads."""
    finished: list[bool] = []

    def one(prompt: str) -> None:
        headers = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}
        payload = {"song_reference_url": song, "prompt": prompt}
        response = requests.post(f"{base_url}/v7/generate/remix", json=payload, headers=headers, stream=True)
        for line in response.iter_lines():
            if line:
                text = line.decode("utf-8")
                if text.startswith("data: "):
                    data = json.loads(text[6:])
                    if data["isComplete"]:
                        finished.append(True)

    one("one")  # loads everything
    finished.clear()
    cpu, start = time.process_time(), time.perf_counter()
    threads = [threading.Thread(target=one, args=(f"style {i}",)) for i in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - cpu,
        "finished": len(finished),
    }


KINDS = {"bare": bare, "client_stream": client_stream, "remix_all": remix_all}
LAYERS = {"bare streams": "bare", "Client.stream": "client_stream"}


def in_child(kind: str, base_url: str, song: str, number: int) -> dict[str, float]:
    command = [
        sys.executable,
        __file__,
        kind,
        "--base-url",
        base_url,
        "--song",
        song,
        "--number",
        str(number),
    ]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    return found


def measure_concurrency(number: int, speed: float) -> bool:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, min(hard, 4 * number + 256)), hard))
    with service(speed) as base_url:
        song = publish(base_url)
        threads = in_child("threads", base_url, song, number)
        found = {name: in_child(kind, base_url, song, number) for name, kind in LAYERS.items()}
        whole = in_child("remix_all", base_url, song, number)
    one = found["Client.stream"]["one"]
    print(
        f"embedded service in another process at speed {speed:g}: a remix takes {one:.1f} s, with 26 events"
    )
    print(
        f"      document's sample in {number} threads: {threads['finished']:.0f} finished,"
        f" {threads['seconds']:.1f} s, {threads['cpu']:.2f} s of processor"
    )
    verdicts = [_judge(name, result, threads["cpu"], number) for name, result in found.items()]
    print(
        f"      Client.remix_all, with downloads: {whole['finished']:.0f} finished, {whole['seconds']:.1f} s"
        f" (one {whole['one']:.1f} s), {whole['cpu']:.2f} s of processor"
    )
    return all(verdicts)


def _judge(name: str, found: dict[str, float], theirs: float, number: int) -> bool:
    each, slower, share = found["bytes_each"], found["seconds"] / found["one"], found["cpu"] / theirs
    return all(
        [
            verdict(f"{name}: {found['finished']:.0f} of {number} finished", found["finished"] == number),
            verdict(f"{name}: {found['seconds']:.1f} s, {slower:.2f} x one (at most 1.2)", slower <= SLOWEST),
            verdict(
                f"{name}: {found['cpu']:.2f} s of processor, {share:.2f} of theirs (at most 0.33)",
                share <= MOST_CPU,
            ),
            verdict(f"{name}: {each / 1024:.1f} KiB each (at most 64)", each <= MOST_MEMORY),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "part", nargs="?", choices=["all", "decode", "concurrent", *KINDS, "threads"], default="all"
    )
    parser.add_argument("--number", type=int, default=500, help="streams at once (default: 500)")
    parser.add_argument("--speed", type=float, default=4.0, help="of the embedded service (default: 4)")
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    parser.add_argument("--song", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part in KINDS:
        work = KINDS[options.part](options.base_url, options.song, options.number)
        # Bare streams run where the client has them; the client is called from a loop of the caller's.
        print(json.dumps(LOOP.wait(work) if options.part == "bare" else asyncio.run(work)))
        return 0
    if options.part == "threads":
        print(json.dumps(run_threads(options.base_url, options.song, options.number)))
        return 0
    good = True
    if options.part in ("all", "decode"):
        good &= measure_decoding()
    if options.part in ("all", "concurrent"):
        good &= measure_concurrency(options.number, options.speed)
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
