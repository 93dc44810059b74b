"""Unusual answers to a download of the finished audio: late ones, and wrong ones on purpose."""

from __future__ import annotations

import asyncio
from pathlib import Path

from aiohttp import web

from soundverse_nb.simulator import refusals
from soundverse_nb.simulator.faults import FaultCount
from soundverse_nb.simulator.jobs import Job

HEAD = b"ID3\x03\x00\x00"  # what every remix begins with: ID3v2.3, no flags
WAIT_SECONDS = 5.0  # seconds until an answer begins though the remix is not finished
_DRIP = 10.0  # seconds between the bytes that keep it open
SILENT_FRAME = bytes([0xFF, 0xFB, 0x90, 0xC0]) + bytes(413)  # MPEG-1 layer III, 128 kbit/s, 44.1 kHz, mono


async def faulty_answer(request: web.Request, job: Job, counts: FaultCount) -> web.StreamResponse | None:
    """The answer a fault gives instead of the audio, or None; raises Refusal where that is an error."""
    key = ("audio", job.message_id)
    for fault in job.faults:
        if not fault.name.startswith("audio_") or not counts.happens(fault, key):
            continue
        if fault.name == "audio_404":
            raise refusals.not_found()
        if fault.name == "audio_flaky":
            raise refusals.unavailable(fault.retry_after)
        if fault.name == "audio_html":
            page = "<!DOCTYPE html><html><body><h1>Sign in to continue</h1></body></html>"
            return web.Response(text=page, content_type="text/html")
        if fault.name == "audio_endless":
            return await _endless(request)
        if fault.name == "audio_redirect_loop":
            return web.Response(status=302, headers={"Location": str(request.rel_url)})
        if fault.name == "audio_redirect" and "again" not in request.query:
            return web.Response(status=302, headers={"Location": f"{request.rel_url}&again=1"})
    return None


async def send_slowly(request: web.Request, making: asyncio.Future[Path]) -> web.StreamResponse:
    """Begin with the bytes every remix begins with, now and then one, so that no client gives up.

    Remixes that are ordered at once are made one after another; the last one is late.
    """
    response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
    await response.prepare(request)
    sent = 0
    while not making.done() and sent < len(HEAD):
        await response.write(HEAD[sent : sent + 1])
        sent += 1
        await asyncio.wait([making], timeout=_DRIP)
    path = await making
    content = await asyncio.get_running_loop().run_in_executor(None, path.read_bytes)
    await response.write(content[sent:])
    await response.write_eof()
    return response


async def _endless(request: web.Request) -> web.StreamResponse:
    response = web.StreamResponse(headers={"Content-Type": "audio/mpeg"})
    await response.prepare(request)
    block = SILENT_FRAME * 128
    while True:
        await response.write(block)
        await asyncio.sleep(0)


async def cut_half_way(request: web.Request, path: Path) -> None:
    """Announce the whole file and send the first half of it."""
    content = await asyncio.get_running_loop().run_in_executor(None, path.read_bytes)
    response = web.StreamResponse(headers={"Content-Type": "audio/mpeg", "Content-Length": str(len(content))})
    await response.prepare(request)
    await response.write(content[: len(content) // 2])
