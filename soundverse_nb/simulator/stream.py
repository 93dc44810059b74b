"""A job's stages as server-sent events, each when it is due, with the faults of the connection."""

from __future__ import annotations

import asyncio
import json
import math
import time
import zlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from aiohttp import web

from soundverse_nb.simulator.jobs import Job
from soundverse_nb.simulator.refusals import rate_limited
from soundverse_nb.simulator.timeline import HOLD_AT, Step

KEEP_ALIVE_SECONDS = 15.0
LEAST_PAUSE = 0.25  # seconds between two comments to one who waits for a remix to be made
HEADERS = {
    "Content-Type": "text/event-stream; charset=utf-8",
    "Cache-Control": "no-cache",
    "X-Accel-Buffering": "no",
}


class ConnectionCut(Exception):  # noqa: N818 - done on purpose
    """The connection is to be lost here, without an answer."""


@dataclass(frozen=True)
class Ending:
    """How a stream stops early: after which step, and in which manner."""

    after: Callable[[Step], bool]
    manner: str  # "cut", "eof" or "stall"


def _has_status(status: str) -> Callable[[Step], bool]:
    return lambda step: step.status == status


def _at(progress: int) -> Callable[[Step], bool]:
    return lambda step: isinstance(step.progress, (int, float)) and step.progress >= progress


_ENDINGS: Mapping[str, Ending] = {
    "cut_before_id": Ending(_has_status("validating"), "cut"),
    "cut_after_id": Ending(_has_status("queued"), "cut"),
    "cut_mid_stream": Ending(_at(50), "cut"),
    "cut_at_90": Ending(_at(HOLD_AT), "cut"),
    "cut_at_100": Ending(_at(100), "cut"),
    "eof_before_id": Ending(_has_status("validating"), "eof"),
    "eof_after_id": Ending(_has_status("queued"), "eof"),
    "eof_mid_stream": Ending(_at(50), "eof"),
    "eof_at_90": Ending(_at(HOLD_AT), "eof"),
    "eof_at_100": Ending(_at(100), "eof"),
    "stall_after_id": Ending(_has_status("queued"), "stall"),
    "stall_at_90": Ending(_at(HOLD_AT), "stall"),
}


def encode_event(chunk: Mapping[str, Any]) -> bytes:
    """One event as the document prints it: `data: ` and the JSON on one line, then an empty line."""
    return b"data: " + json.dumps(chunk, ensure_ascii=False).encode("utf-8", "replace") + b"\n\n"


async def send_stages(request: web.Request, job: Job) -> web.StreamResponse:
    """Answer with the job's stages, each when it is due; raises ConnectionCut where that is asked for."""
    response = await _EventResponse.open(request, job)
    if job.fault("eof_at_once"):
        return await response.close()
    endings = [_ENDINGS[fault.name] for fault in job.faults if fault.name in _ENDINGS]
    for step in _as_sent(job):
        if not await _is_reached(job, step, response):
            await response.write(encode_event(job.failure(time.monotonic()).chunk))
            return await response.close()
        if step.status == "starting" and job.fault("cut_mid_chunk"):
            await response.write(encode_event(step.chunk)[:24])
            raise ConnectionCut
        for event in _events(job, step):
            await response.write(event)
        ending = next((one for one in endings if one.after(step)), None)
        if ending is not None:
            return await _end(ending, response)
    return await response.close()


async def send_refusal(request: web.Request) -> web.StreamResponse:
    """HTTP 200 and the rate limit body as the stream's only chunk."""
    response = web.StreamResponse(headers=HEADERS)
    await response.prepare(request)
    await response.write(encode_event(dict(rate_limited().body or {})))
    await response.write_eof()
    return response


async def _end(ending: Ending, response: _EventResponse) -> web.StreamResponse:
    if ending.manner == "cut":
        raise ConnectionCut
    if ending.manner == "stall":
        await asyncio.Event().wait()  # until the client goes away or the service stops
    return await response.close()


def _as_sent(job: Job) -> Iterator[Step]:
    """The steps as this stream sends them, which may differ from what the status endpoint answers."""
    count = len(job.steps)
    for index, step in enumerate(job.steps):
        chunk = dict(step.chunk)
        if job.fault("shuffled_index"):
            chunk["chunkIndex"] = count - index
        if job.fault("no_audio_url_in_stream"):
            chunk.pop("audio_url", None)
        yield Step(step.at, chunk)


def _events(job: Job, step: Step) -> list[bytes]:
    events = [encode_event(step.chunk)] * (2 if job.fault("duplicate_chunks") else 1)
    if step.status == "queued":
        huge = job.fault("huge_event")
        if huge is not None:
            size = 3_000_000 if huge.size is None else huge.size
            empty = encode_event({**step.chunk, "debug": ""})
            events.append(encode_event({**step.chunk, "debug": "x" * max(0, size - len(empty))}))
        if job.fault("not_json"):
            events.append(b"data: {'status': streaming,,\n\n")
    return events


async def _is_reached(job: Job, step: Step, response: _EventResponse) -> bool:
    """Wait until the step is due; False where it never will be, because the remix could not be made.

    A comment now and then shows that the connection is alive.
    """
    pause = math.inf if job.fault("silent_hold") else KEEP_ALIVE_SECONDS / job.speed
    said = time.monotonic()
    while left := job.wait_for(step, time.monotonic()):
        if not math.isinf(left):
            await asyncio.sleep(min(left, max(0.0, said + pause - time.monotonic())))
        elif job.making is not None:
            # However fast the script runs, the remix takes its time.
            pause = max(pause, LEAST_PAUSE)
            await job.making.change(None if math.isinf(pause) else pause)
        if time.monotonic() - said >= pause and job.wait_for(step, time.monotonic()):
            await response.write(b": keep-alive\n\n")
            said = time.monotonic()
    return left is not None


class _EventResponse:
    """The open answer, with the encodings a fault may ask for."""

    def __init__(self, response: web.StreamResponse, *, single_bytes: bool, gzip: bool) -> None:
        self._response = response
        self._single_bytes = single_bytes
        self._squeeze = zlib.compressobj(wbits=31) if gzip else None

    @classmethod
    async def open(cls, request: web.Request, job: Job) -> _EventResponse:
        gzip = job.fault("gzip") is not None
        headers = {**HEADERS, "Content-Encoding": "gzip"} if gzip else HEADERS
        response = web.StreamResponse(headers=headers)
        await response.prepare(request)
        return cls(response, single_bytes=job.fault("byte_by_byte") is not None, gzip=gzip)

    async def write(self, data: bytes) -> None:
        if self._squeeze is not None:
            data = self._squeeze.compress(data) + self._squeeze.flush(zlib.Z_SYNC_FLUSH)
        if not self._single_bytes:
            await self._response.write(data)
            return
        for place in range(len(data)):
            await self._response.write(data[place : place + 1])
            await asyncio.sleep(0)

    async def close(self) -> web.StreamResponse:
        if self._squeeze is not None:
            await self._response.write(self._squeeze.flush())
        await self._response.write_eof()
        return self._response
