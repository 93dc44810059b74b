"""The service's paths: the document's two, the storage its URLs point to, audio late or wrong on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

from aiohttp import hdrs, web

from soundverse_nb.simulator import refusals, stream, uploads
from soundverse_nb.simulator import routes as audio_answers
from soundverse_nb.simulator.access import refuse_foreign_name, refuse_web_pages, shows_pass
from soundverse_nb.simulator.faults import FaultCount
from soundverse_nb.simulator.jobs import Job
from soundverse_nb.simulator.orders import Orders, Settings
from soundverse_nb.simulator.refusals import Refusal
from soundverse_nb.simulator.renderer import Renderer, RenderError
from soundverse_nb.simulator.short import ShortRenderer
from soundverse_nb.simulator.storage import BLOCK_BYTES, Signer, TooManyBytesError
from soundverse_nb.simulator.uploads import MAX_UPLOAD_BYTES, Uploads, sound_type

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


MAX_BODY_BYTES = 1 << 20


@dataclass(frozen=True)
class Service:
    """Everything one running service holds, and what it answers on each path."""

    settings: Settings
    uploads: Uploads
    executor: Executor
    signer: Signer
    renderer: Renderer | ShortRenderer
    orders: Orders
    secret: str
    """What only this process knows."""

    def application(self) -> web.Application:
        rules = [_errors_as_json] if self.settings.is_public else [_errors_as_json, _own_names_only]
        app = web.Application(middlewares=rules, client_max_size=MAX_BODY_BYTES)

        async def name_server(request: web.Request, response: web.StreamResponse) -> None:
            response.headers[hdrs.SERVER] = self.settings.server
            # No answer holds a script that is meant to run, whatever a browser makes of it.
            response.headers["X-Content-Type-Options"] = "nosniff"
            response.headers["Content-Security-Policy"] = "sandbox"

        app.on_response_prepare.append(name_server)
        app.router.add_post("/v7/generate/remix", self.orders.generate)
        app.router.add_get("/status/generation/{message_id}", self.orders.status)
        app.router.add_get("/storage/remixes/{message_id}/{name}", self.remix_audio)
        app.router.add_get("/storage/streams/{message_id}.mp3", self.remix_audio)
        app.router.add_get("/storage/album_art/{message_id}.jpg", self.album_art)
        app.router.add_get("/simulator", self.identity)
        app.router.add_post(uploads.PATH, self.take_reference)
        app.router.add_get(uploads.PATH + "/{digest}/{name}", self.give_reference)
        app.router.add_delete(uploads.PATH + "/{digest}/{name}", self.drop_reference)
        return app

    # Storage: what the URLs in the chunks point to; none of it asks for the key

    async def remix_audio(self, request: web.Request) -> web.StreamResponse:
        """The remix as MP3, whole or in ranges, for whoever holds a signed link."""
        job = self.orders.job(request)
        if job is None:
            raise refusals.not_found()
        if not self.signer.allows(request.path, request.query):
            raise Refusal(403, {"detail": "The link is not valid or has expired"})
        faulty = await audio_answers.faulty_answer(request, job, self.orders.counts)
        if faulty is not None:
            return faulty
        making = asyncio.ensure_future(self.renderer.audio(job.spec))
        done, _ = await asyncio.wait([making], timeout=audio_answers.WAIT_SECONDS)
        if not done and hdrs.RANGE not in request.headers and request.method == hdrs.METH_GET:
            return await audio_answers.send_slowly(request, making)
        try:
            path = await making
        except RenderError as error:
            raise Refusal(500, {"detail": str(error)}) from None
        if job.fault("audio_cut"):
            await audio_answers.cut_half_way(request, path)
            raise stream.ConnectionCut
        return web.FileResponse(path, headers={"Content-Type": "audio/mpeg", "Cache-Control": "private"})

    async def album_art(self, request: web.Request) -> web.StreamResponse:
        from soundverse_nb.simulator.cover import draw_cover, plain_cover  # loads Pillow

        job = self.orders.job(request)
        if job is None:
            raise refusals.not_found()
        spec = job.spec
        loop = asyncio.get_running_loop()
        if self.settings.render == "short":
            image = await loop.run_in_executor(self.executor, plain_cover)
        else:
            image = await loop.run_in_executor(self.executor, draw_cover, spec.title, spec.prompt, spec.key)
        return web.Response(body=image, content_type="image/jpeg", headers={"Cache-Control": "max-age=86400"})

    # The simulator's own

    async def identity(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"simulator": "soundverse-nb", "version": self.settings.version})

    async def take_reference(self, request: web.Request) -> web.StreamResponse:
        """Take a local song in (raw body, X-Filename percent-encoded) and give it a URL."""
        self._check_uploader(request)
        if request.content_length is not None and request.content_length > MAX_UPLOAD_BYTES:
            raise Refusal(413, {"detail": f"At most {MAX_UPLOAD_BYTES} bytes are taken"})
        self.uploads.make_sure_of_room(request.content_length)
        try:
            digest, size = await self.uploads.take(request.content.iter_chunked(BLOCK_BYTES), request.host)
        except TooManyBytesError:
            raise Refusal(413, {"detail": f"At most {MAX_UPLOAD_BYTES} bytes are taken"}) from None
        name = _safe_name(request.headers.get("X-Filename", ""))
        url = f"{request.scheme}://{request.host}{uploads.PATH}/{digest}/{quote(name)}"
        return web.json_response({"url": url, "size_bytes": size, "sha256": digest}, status=201)

    async def give_reference(self, request: web.Request) -> web.StreamResponse:
        kind = sound_type(request.match_info["name"])
        headers = {"Content-Type": kind, "Content-Disposition": "attachment"}
        return web.FileResponse(self._uploaded(request), headers=headers)

    async def drop_reference(self, request: web.Request) -> web.StreamResponse:
        self._check_uploader(request)
        self._uploaded(request)
        self.uploads.drop(request.match_info["digest"])
        return web.Response(status=204)

    def _check_uploader(self, request: web.Request) -> None:
        """Programs of this process, or whoever has the key where there is one; never a foreign web page."""
        refuse_web_pages(request)
        if self.settings.api_key is not None and not shows_pass(request, self.secret):
            self.orders.authenticate(request)

    def _uploaded(self, request: web.Request) -> Path:
        path = self.uploads.find(request.match_info["digest"])
        if path is None:
            raise refusals.not_found()
        return path


def _safe_name(header: str) -> str:
    """A file name fit for a URL path, from the percent-encoded header."""
    name = unquote(header, errors="replace").replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter for letter in name if letter.isprintable()).strip(". ")
    return kept[-100:] or "reference"


@web.middleware
async def _own_names_only(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    refuse_foreign_name(request)
    return await handler(request)


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refusals become their documented bodies, a ConnectionCut becomes a lost connection."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _answer(refusal)
    except stream.ConnectionCut:
        if request.transport is not None:
            request.transport.abort()
        raise asyncio.CancelledError from None
    except web.HTTPRequestEntityTooLarge:
        return _answer(Refusal(413, {"detail": "Request body too large"}))
    except web.HTTPException as error:
        allow = {"Allow": error.headers[hdrs.ALLOW]} if hdrs.ALLOW in error.headers else {}
        return _answer(Refusal(error.status, {"detail": error.reason}, headers=allow))


def _answer(refusal: Refusal) -> web.Response:
    headers = dict(refusal.headers)
    if refusal.body is not None:
        return web.json_response(dict(refusal.body), status=refusal.status, headers=headers)
    return web.Response(
        text=refusal.text or "", status=refusal.status, content_type=refusal.content_type, headers=headers
    )
