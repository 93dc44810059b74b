"""The service's paths: the document's two, the storage that its URLs point to, and the simulator's own."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import mimetypes
import time
import uuid
from collections.abc import Awaitable, Callable
from concurrent.futures import Executor
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import quote, unquote

from aiohttp import hdrs, web

from soundverse_nb.simulator import audio_answers, refusals, stream
from soundverse_nb.simulator.faults import Fault, FaultCount, Where
from soundverse_nb.simulator.intake import BLOCK_BYTES, Intake, Reference, TooManyBytesError, keep_bytes
from soundverse_nb.simulator.jobs import Job, JobBook
from soundverse_nb.simulator.ledger import Charge, Ledger
from soundverse_nb.simulator.music.prompt import read_prompt
from soundverse_nb.simulator.refusals import Refusal
from soundverse_nb.simulator.signing import Signer
from soundverse_nb.simulator.studio import Commission, Studio
from soundverse_nb.simulator.submission import Submission, read_submission
from soundverse_nb.simulator.timeline import Song, as_told, hold_of, story
from soundverse_nb.simulator.titles import song_name

MAX_BODY_BYTES = 1 << 20
MAX_UPLOAD_BYTES = 64 << 20  # above the documented limit, so that the documented error can be seen


@dataclass(frozen=True)
class Settings:
    """How this service behaves; see Simulator."""

    api_key: str | None
    speed: float
    hold: float
    faults: tuple[Fault, ...]
    price: float
    unit: str
    balance: float | None
    max_concurrent: int | None
    server: str
    version: str


@dataclass(frozen=True)
class Service:
    """Everything one running service holds."""

    settings: Settings
    folder: Path
    executor: Executor
    ledger: Ledger
    signer: Signer
    intake: Intake
    studio: Studio
    jobs: JobBook = field(default_factory=JobBook)
    counts: FaultCount = field(default_factory=FaultCount)

    def application(self) -> web.Application:
        app = web.Application(middlewares=[_errors_as_json], client_max_size=MAX_BODY_BYTES)

        async def name_server(request: web.Request, response: web.StreamResponse) -> None:
            response.headers[hdrs.SERVER] = self.settings.server

        app.on_response_prepare.append(name_server)
        app.router.add_post("/v7/generate/remix", self.generate)
        app.router.add_get("/status/generation/{message_id}", self.status)
        app.router.add_get("/storage/remixes/{message_id}/{name}", self.remix_audio)
        app.router.add_get("/storage/streams/{message_id}.mp3", self.remix_audio)
        app.router.add_get("/storage/album_art/{message_id}.jpg", self.album_art)
        app.router.add_get("/simulator", self.identity)
        app.router.add_post("/simulator/references", self.take_reference)
        app.router.add_get("/simulator/references/{digest}/{name}", self.give_reference)
        app.router.add_delete("/simulator/references/{digest}/{name}", self.drop_reference)
        return app

    # The document's two endpoints

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """POST /v7/generate/remix: refuse, or take the order, charge it, and tell its story."""
        key_digest = self._authenticate(request)
        body = await request.read()
        submission = read_submission(body)
        faults = self._faults_now(submission)
        for fault in faults:
            if fault.where is Where.REFUSAL:
                raise _refusal(fault, str(request.rel_url))
            if fault.name == "cut_before_accept":
                raise stream.Cut
            if fault.name == "error_in_stream":
                return await stream.tell_refusal(request)
        reference = await self.intake.take(submission.song_reference_url)
        job = self._accept(request, submission, reference, faults, key_digest)
        if job.fault("cut_before_headers"):
            raise stream.Cut
        if job.fault("no_answer"):
            await asyncio.Event().wait()
        return await stream.tell(request, job)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """GET /status/generation/{message_id}: the chunk that stands now, as JSON."""
        self._authenticate(request)
        job = self.jobs.get(request.match_info["message_id"])
        if job is None or job.fault("status_unknown"):
            raise refusals.not_found("Generation not found")
        fault = job.fault("status_unavailable")
        if fault is not None and self.counts.happens(fault, ("status", job.message_id)):
            raise refusals.unavailable(fault.retry_after)
        return web.json_response(dict(job.latest(time.monotonic())))

    def _authenticate(self, request: web.Request) -> str:
        """Any bearer token, or the one this service was started with; gives its digest, not the token."""
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise refusals.not_authenticated()
        expected = self.settings.api_key
        given = token.encode("utf-8", "surrogateescape")
        if expected is not None and not hmac.compare_digest(given, expected.encode("utf-8")):
            raise refusals.key_rejected()
        return hashlib.sha256(given).hexdigest()

    def _faults_now(self, submission: Submission) -> tuple[Fault, ...]:
        """The faults that happen to this POST, each counted."""
        per_request = Where.AUDIO, Where.STATUS
        happening = [
            fault
            for key, faults in (
                ("server", self.settings.faults),
                (submission.request_hash, submission.faults),
            )
            for fault in faults
            if fault.where in per_request or self.counts.happens(fault, key)
        ]
        return tuple(happening)

    def _accept(
        self,
        request: web.Request,
        submission: Submission,
        reference: Reference,
        faults: tuple[Fault, ...],
        key_digest: str,
    ) -> Job:
        settings = self.settings
        busy = settings.max_concurrent
        if busy is not None and self.jobs.running(key_digest) >= busy:
            raise refusals.rate_limited()
        if settings.balance is not None and self.ledger.total + settings.price > settings.balance + 1e-9:
            raise refusals.insufficient_balance()
        message_id = str(uuid.uuid4())
        named = read_prompt(submission.prompt or submission.lyrics).named
        title = song_name(submission.prompt, submission.lyrics, reference.digest, named)
        commission = Commission(reference, submission.prompt, submission.lyrics, submission.parameters, title)
        origin = f"{request.scheme}://{request.host}"
        song = Song(
            message_id=message_id,
            song_name=title,
            album_art=f"{origin}/storage/album_art/{message_id}.jpg",
            stream_url=origin + self.signer.sign(f"/storage/streams/{message_id}.mp3"),
            audio_url=origin + self.signer.sign(f"/storage/remixes/{message_id}/remix.mp3"),
        )
        job = Job(
            message_id=message_id,
            key_digest=key_digest,
            commission=commission,
            steps=as_told(story(song, hold_of(faults, settings.hold)), faults),
            faults=faults,
            began=time.monotonic(),
            speed=settings.speed,
        )
        self.jobs.add(job)
        self.ledger.add(
            Charge(
                message_id=message_id,
                time=time.time(),
                title=title,
                amount=settings.price,
                unit=settings.unit,
                reference=reference.digest,
                request=submission.request_hash,
            )
        )
        self.studio.prepare_if_idle(commission)
        return job

    # Storage: what the URLs in the chunks point to; none of it asks for the key

    async def remix_audio(self, request: web.Request) -> web.StreamResponse:
        """The remix as MP3, whole or in ranges, for whoever holds a signed link."""
        job = self.jobs.get(request.match_info["message_id"])
        if job is None:
            raise refusals.not_found()
        if not self.signer.allows(request.path, request.query):
            raise Refusal(403, {"detail": "The link is not valid or has expired"})
        faulty = await audio_answers.faulty_answer(request, job, self.counts)
        if faulty is not None:
            return faulty
        path = await self.studio.audio(job.commission)
        if job.fault("audio_cut"):
            await audio_answers.cut_half_way(request, path)
            raise stream.Cut
        return web.FileResponse(path, headers={"Content-Type": "audio/mpeg", "Cache-Control": "private"})

    async def album_art(self, request: web.Request) -> web.StreamResponse:
        from soundverse_nb.simulator.artwork import draw_cover

        job = self.jobs.get(request.match_info["message_id"])
        if job is None:
            raise refusals.not_found()
        what = job.commission
        loop = asyncio.get_running_loop()
        image = await loop.run_in_executor(self.executor, draw_cover, what.title, what.prompt, what.key)
        return web.Response(body=image, content_type="image/jpeg", headers={"Cache-Control": "max-age=86400"})

    # The simulator's own

    async def identity(self, request: web.Request) -> web.StreamResponse:
        return web.json_response({"simulator": "soundverse-nb", "version": self.settings.version})

    async def take_reference(self, request: web.Request) -> web.StreamResponse:
        """Take a local song in (raw body, X-Filename percent-encoded) and give it a URL."""
        if request.content_length is not None and request.content_length > MAX_UPLOAD_BYTES:
            raise Refusal(413, {"detail": f"At most {MAX_UPLOAD_BYTES} bytes are taken"})
        try:
            digest, _, size = await keep_bytes(
                request.content.iter_chunked(BLOCK_BYTES), self.folder / "uploads", MAX_UPLOAD_BYTES
            )
        except TooManyBytesError:
            raise Refusal(413, {"detail": f"At most {MAX_UPLOAD_BYTES} bytes are taken"}) from None
        name = _safe_name(request.headers.get("X-Filename", ""))
        url = f"{request.scheme}://{request.host}/simulator/references/{digest}/{quote(name)}"
        return web.json_response({"url": url, "size_bytes": size, "sha256": digest}, status=201)

    async def give_reference(self, request: web.Request) -> web.StreamResponse:
        kind = mimetypes.guess_type(request.match_info["name"])[0] or "application/octet-stream"
        return web.FileResponse(self._uploaded(request), headers={"Content-Type": kind})

    async def drop_reference(self, request: web.Request) -> web.StreamResponse:
        self._uploaded(request).unlink(missing_ok=True)
        return web.Response(status=204)

    def _uploaded(self, request: web.Request) -> Path:
        digest = request.match_info["digest"]
        path = self.folder / "uploads" / digest
        if len(digest) != 64 or not digest.isalnum() or not path.is_file():
            raise refusals.not_found()
        return path


def _refusal(fault: Fault, url: str) -> Refusal:
    refusal = {
        "rate_limit": refusals.rate_limited(fault.retry_after),
        "no_balance": refusals.insufficient_balance(),
        "unavailable": refusals.unavailable(fault.retry_after),
        "html_error": refusals.html_page(500),
        "empty_error": refusals.empty(502),
        "key_rejected": refusals.key_rejected(),
        "redirect": Refusal(307, text="", headers={"Location": url}),
    }[fault.name]
    return refusal.with_status(fault.status)


def _safe_name(header: str) -> str:
    """A file name fit for a URL path, from the percent-encoded header."""
    name = unquote(header, errors="replace").replace("\\", "/").rpartition("/")[2]
    kept = "".join(letter for letter in name if letter.isprintable()).strip(". ")
    return kept[-100:] or "reference"


@web.middleware
async def _errors_as_json(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Refusals become their documented bodies, a Cut becomes a lost connection."""
    try:
        return await handler(request)
    except Refusal as refusal:
        return _answer(refusal)
    except stream.Cut:
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
