"""How fast a stream is read, and what five hundred of them at once cost.

Peers in the same run: httpx-sse for decoding, and the vendor's own sample (requests, a JSON dict a line)
for decoded and validated events and for streams at once. Decoding is measured in processor time, round by
round in turns, so that a busy machine bothers all alike.

    python benchmarks/streams.py                  # everything, about two minutes
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
import threading
import time
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import requests
from httpx_sse._decoders import SSEDecoder, SSELineDecoder

from soundverse_nb.api.chunks import ChunkReader
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.sse import EventStreamDecoder

CHUNKS = 100_000
ROUNDS = 9
BLOCK = 1 << 16
READY_MARK = "http://"

# How the targets read: (what, at most).
SLOWEST = 1.2
MOST_CPU = 1 / 3
MOST_MEMORY = 64 * 1024


def chunks(count: int) -> list[bytes]:
    """Events like the document's, stage after stage, each remix with an id of its own."""
    events: list[bytes] = []
    while len(events) < count:
        name = str(uuid.uuid4())
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
            good &= _verdict(f"{name}, {what}: {shown}; ratio {ratio:.2f} (median)", ratio >= 1.0)
    return good


def _verdict(text: str, holds: bool) -> bool:
    print(f"{'ok  ' if holds else 'MISS'}  {text}", flush=True)
    return holds


# Streams at once, each kind in a process of its own, against the embedded service in another.


@contextlib.contextmanager
def service(speed: float) -> Iterator[str]:
    """The embedded service in another process; gives its URL."""
    command = [sys.executable, "-m", "soundverse_nb", "simulator", "--speed", str(speed)]
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


async def run_ours(base_url: str, song: str, number: int) -> dict[str, float]:
    from soundverse_nb.api.request import RemixRequest
    from soundverse_nb.api.transport import Transport

    async with Transport(base_url, "benchmark-key") as transport:
        begun = asyncio.Event()
        running = 0

        async def one(prompt: str) -> bool:
            nonlocal running
            async with transport.open_remix(RemixRequest(song, prompt=prompt).to_wire()) as stream:
                async for _ in stream:
                    if stream.message_id is not None and not begun.is_set():
                        running += 1
                        if running >= number:
                            begun.set()
                return stream.finished

        await one("a first one, so that everything is loaded")
        begun.clear()
        running = 0
        before, cpu, start = resident(), time.process_time(), time.perf_counter()
        tasks = [asyncio.create_task(one(f"style {i}")) for i in range(number)]
        await begun.wait()
        held = resident()
        finished = await asyncio.gather(*tasks)
        return {
            "seconds": time.perf_counter() - start,
            "cpu": time.process_time() - cpu,
            "finished": sum(finished),
            "bytes_each": (held - before) / number,
        }


def run_threads(base_url: str, song: str, number: int) -> dict[str, float]:
    """The document's sample, in as many threads."""
    finished: list[bool] = []

    def one(prompt: str) -> None:
        headers = {"Authorization": "Bearer benchmark-key", "Content-Type": "application/json"}
        payload = {"song_reference_url": song, "prompt": prompt}
        response = requests.post(f"{base_url}/v7/generate/remix", json=payload, headers=headers, stream=True)
        for line in response.iter_lines():
            if line:
                text = line.decode("utf-8")
                if text.startswith("data: "):
                    data = json.loads(text[6:])
                    if data["isComplete"]:
                        finished.append(True)

    one("a first one, so that everything is loaded")
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
        one = in_child("ours", base_url, song, 1)
        many = in_child("ours", base_url, song, number)
        threads = in_child("threads", base_url, song, number)
    print(f"embedded service in another process; one stream takes {one['seconds']:.1f} s")
    print(
        f"      document's sample in {number} threads: {threads['finished']:.0f} finished,"
        f" {threads['seconds']:.1f} s, {threads['cpu']:.2f} s of processor"
    )
    each = many["bytes_each"]
    slower = many["seconds"] / one["seconds"]
    share = many["cpu"] / threads["cpu"]
    return all(
        [
            _verdict(f"{number} at once: {many['finished']:.0f} finished", many["finished"] == number),
            _verdict(f"{many['seconds']:.1f} s, {slower:.2f} x one (at most 1.2)", slower <= SLOWEST),
            _verdict(
                f"{many['cpu']:.2f} s of processor, {share:.2f} of theirs (at most 0.33)", share <= MOST_CPU
            ),
            _verdict(f"{each / 1024:.1f} KiB each (at most 64)", each <= MOST_MEMORY),
        ]
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "part", nargs="?", choices=["all", "decode", "concurrent", "ours", "threads"], default="all"
    )
    parser.add_argument("--number", type=int, default=500, help="streams at once (default: 500)")
    parser.add_argument("--speed", type=float, default=5.0, help="of the embedded service (default: 5)")
    parser.add_argument("--base-url", help=argparse.SUPPRESS)
    parser.add_argument("--song", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part == "ours":
        print(json.dumps(asyncio.run(run_ours(options.base_url, options.song, options.number))))
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
