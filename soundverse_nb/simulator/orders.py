"""The two endpoints of the document: an order is read, refused, or accepted and charged; and its status."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
import uuid
from dataclasses import dataclass
from typing import Any, Literal

from aiohttp import hdrs, web
from pydantic import BaseModel, ConfigDict, StrictStr, ValidationError

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.simulator import refusals, stream
from soundverse_nb.simulator.counts import Counts
from soundverse_nb.simulator.cover import song_name
from soundverse_nb.simulator.drift import drift_of
from soundverse_nb.simulator.faults import Fault, FaultCount, Where, read_faults
from soundverse_nb.simulator.jobs import Charge, Job, JobBook, Ledger
from soundverse_nb.simulator.music.prompt import read_prompt
from soundverse_nb.simulator.references import FetchedReference, References
from soundverse_nb.simulator.refusals import Refusal, invalid_fields, neither_prompt_nor_lyrics
from soundverse_nb.simulator.renderer import RemixSpec, Renderer
from soundverse_nb.simulator.short import ShortRenderer
from soundverse_nb.simulator.storage import Signer
from soundverse_nb.simulator.store import KeptOrder, OrderStore
from soundverse_nb.simulator.takes import content_name, read_take
from soundverse_nb.simulator.timeline import RemixFacts, hold_of, stage_script, with_faults


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True)

    song_reference_url: StrictStr
    prompt: StrictStr | None = None
    lyrics: StrictStr | None = None
    parameters: dict[str, Any] | None = None


@dataclass(frozen=True)
class Submission:
    """One order as it was sent: what to remix, how, which faults it asked for, and which take, or None.

    `request_hash` is the SHA-256 of the whole body, `parameters` a canonical JSON text without "simulate".
    """

    song_reference_url: str
    prompt: str
    lyrics: str
    parameters: str
    faults: tuple[Fault, ...]
    request_hash: str
    take: int | None = None


def read_submission(body: bytes) -> Submission:
    """The order in this body; raises Refusal, with the documented body where the document has one."""
    try:
        read = _Body.model_validate_json(body)
    except ValidationError as error:
        raise invalid_fields([_problem(dict(one)) for one in error.errors(include_url=False)]) from None
    if not (read.prompt or "").strip() and not (read.lyrics or "").strip():
        raise neither_prompt_nor_lyrics()
    parameters = dict(read.parameters or {})
    try:
        take, faulty = read_take(parameters.pop("simulate", None))
        faults = read_faults(faulty)
    except ConfigurationError as error:
        problem = {"type": "value_error", "loc": ["body", "parameters", "simulate"], "msg": str(error)}
        raise invalid_fields([problem]) from None
    return Submission(
        song_reference_url=read.song_reference_url,
        prompt=(read.prompt or "").strip(),
        lyrics=(read.lyrics or "").strip(),
        parameters=json.dumps(parameters, sort_keys=True),
        faults=faults,
        request_hash=hashlib.sha256(body).hexdigest(),
        take=take,
    )


def _problem(error: dict[str, Any]) -> dict[str, Any]:
    return {"type": error["type"], "loc": ["body", *error["loc"]], "msg": error["msg"]}


# Faults that stop a POST before its order is taken, each counted when it is reached; the rest count after.
_BEFORE_ACCEPTANCE = ("cut_before_accept", "error_in_stream")
_MANY = 64  # orders under way, from which on a song is made when it is asked for


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
    is_public: bool = False
    """Whether other machines can reach this service."""
    take: int | None = None
    render: Literal["full", "short"] = "full"


class Orders:
    """The document's two endpoints and what they know."""

    def __init__(
        self,
        settings: Settings,
        ledger: Ledger,
        signer: Signer,
        references: References,
        renderer: Renderer | ShortRenderer,
        store: OrderStore | None = None,
    ) -> None:
        self.counts = FaultCount()
        self._settings = settings
        self._ledger = ledger
        self._signer = signer
        self._references = references
        self._renderer = renderer
        self._store = store
        self._jobs = JobBook()
        self._numbers = Counts(None if store is None else store.counts)

    def job(self, request: web.Request) -> Job | None:
        """The job that a request names; one of a process that is gone goes on here."""
        message_id = request.match_info["message_id"]
        return self._jobs.get(message_id) or self._resumed(message_id, _origin(request))

    async def generate(self, request: web.Request) -> web.StreamResponse:
        """POST /v7/generate/remix: refuse, or take the order, charge it, and stream its stages."""
        key_digest = self.authenticate(request)
        body = await request.read()
        submission = read_submission(body)
        asked = self._faults_asked(submission)
        for key, fault in asked:
            before = fault.where is Where.REFUSAL or fault.name in _BEFORE_ACCEPTANCE
            if not before or not self.counts.happens(fault, key):
                continue
            if fault.name == "cut_before_accept":
                raise stream.ConnectionCut
            if fault.name == "error_in_stream":
                return await stream.send_refusal(request)
            raise _refusal(fault, str(request.rel_url))
        reference = await self._references.fetch(submission.song_reference_url)
        job = self._accept(request, submission, reference, asked, key_digest)
        if job.fault("cut_before_headers"):
            raise stream.ConnectionCut
        if job.fault("no_answer"):
            await asyncio.Event().wait()
        return await stream.send_stages(request, job)

    async def status(self, request: web.Request) -> web.StreamResponse:
        """GET /status/generation/{message_id}: the chunk that stands now, as JSON."""
        self.authenticate(request)
        job = self.job(request)
        if job is None or job.fault("status_unknown"):
            raise refusals.not_found("Generation not found")
        fault = job.fault("status_unavailable")
        if fault is not None and self.counts.happens(fault, ("status", job.message_id)):
            raise refusals.unavailable(fault.retry_after)
        return web.json_response(dict(job.latest(time.monotonic())))

    def authenticate(self, request: web.Request) -> str:
        """Any bearer token, or the one this service was started with; gives its digest, not the token."""
        scheme, _, token = request.headers.get(hdrs.AUTHORIZATION, "").partition(" ")
        token = token.strip()
        if scheme.lower() != "bearer" or not token:
            raise refusals.not_authenticated()
        expected = self._settings.api_key
        given = token.encode("utf-8", "surrogateescape")
        if expected is not None and not hmac.compare_digest(given, expected.encode("utf-8")):
            raise refusals.key_rejected()
        return hashlib.sha256(given).hexdigest()

    def _faults_asked(self, submission: Submission) -> list[tuple[str, Fault]]:
        """Every fault that is switched on for this POST, with the key under which it is counted."""
        of_server = [("server", fault) for fault in self._settings.faults]
        return of_server + [(submission.request_hash, fault) for fault in submission.faults]

    def _faults_after_acceptance(self, asked: list[tuple[str, Fault]]) -> tuple[Fault, ...]:
        """Those that this order has, counted; audio and status faults count later, request by request."""
        counted_later = Where.AUDIO, Where.STATUS
        return tuple(
            fault
            for key, fault in asked
            if fault.where in counted_later
            or (
                fault.where is not Where.REFUSAL
                and fault.name not in _BEFORE_ACCEPTANCE
                and self.counts.happens(fault, key)
            )
        )

    def _accept(
        self,
        request: web.Request,
        submission: Submission,
        reference: FetchedReference,
        asked: list[tuple[str, Fault]],
        key_digest: str,
    ) -> Job:
        """Take the order and charge it; raises Refusal where the account does not allow it."""
        settings = self._settings
        busy = settings.max_concurrent
        if busy is not None and self._jobs.running(key_digest) >= busy:
            raise refusals.rate_limited()
        if settings.balance is not None and self._ledger.total + settings.price > settings.balance + 1e-9:
            raise refusals.insufficient_balance()
        faults = self._faults_after_acceptance(asked)
        drift = drift_of([(key, fault) for key, fault in asked if fault in faults], self._numbers)
        take = submission.take or settings.take or self._next_take(submission, reference)
        message_id = str(uuid.uuid4())
        reading = read_prompt(submission.prompt or submission.lyrics, submission.parameters)
        # Lyrics alone ask for no style.
        chosen = reading.style.name if submission.prompt else ""
        # Each take has a name of its own.
        named_by = reference.digest if take == 1 else f"{reference.digest} {take}"
        title = song_name(submission.prompt, submission.lyrics, named_by, reading.named, chosen)
        kept = KeptOrder(
            message_id=message_id,
            began=time.time(),
            speed=settings.speed,
            hold=hold_of(faults, settings.hold),
            digest=reference.digest,
            seconds=reference.seconds,
            prompt=submission.prompt,
            lyrics=submission.lyrics,
            parameters=submission.parameters,
            title=title,
            faults=faults,
            take=take,
            drift=drift,
        )
        if self._store is not None:
            self._store.add(kept)
        many = self._jobs.are_many_running(_MANY)
        if many:
            self._renderer.put_off()
        job = self._job(kept, reference, _origin(request), key_digest, waits=not many)
        self._jobs.add(job)
        self._ledger.add(
            Charge(
                message_id=message_id,
                time=kept.began,
                title=title,
                amount=settings.price,
                unit=settings.unit,
                reference=reference.digest,
                request=submission.request_hash,
                take=take,
            )
        )
        return job

    def _next_take(self, submission: Submission, reference: FetchedReference) -> int:
        """Which take of what it asks for an order is that pins none."""
        asked = submission.prompt, submission.lyrics, submission.parameters
        return self._numbers.count(content_name(reference.digest, *asked))

    def _job(
        self, kept: KeptOrder, reference: FetchedReference, origin: str, key_digest: str, *, waits: bool
    ) -> Job:
        """The job of an order. `waits` says that its stages wait for the remix: completed means it is there.

        They do not among many: five hundred streams are there to be read, and who asks one of them for its
        audio has it made then. Nor where there is no remix at the end.
        """
        name = kept.message_id
        song = RemixFacts(
            message_id=name,
            song_name=kept.title,
            album_art=f"{origin}/storage/album_art/{name}.jpg",
            stream_url=origin + self._signer.sign(f"/storage/streams/{name}.mp3"),
            audio_url=origin + self._signer.sign(f"/storage/remixes/{name}/remix.mp3"),
        )
        spec = RemixSpec(
            reference, kept.prompt, kept.lyrics, kept.parameters, kept.title, kept.take, kept.drift
        )
        steps = with_faults(stage_script(song, kept.hold), kept.faults)
        return Job(
            message_id=name,
            key_digest=key_digest,
            spec=spec,
            steps=steps,
            faults=kept.faults,
            began=time.monotonic() - max(0.0, time.time() - kept.began),
            speed=kept.speed,
            making=self._renderer.begin(spec) if waits and steps[-1].status != "failed" else None,
        )

    def _resumed(self, message_id: str, origin: str) -> Job | None:
        """The job of an order that another process took. It was charged there."""
        kept = self._store.find(message_id) if self._store is not None else None
        if self._store is None or kept is None:
            return None
        reference = FetchedReference(kept.digest, self._store.songs / kept.digest, kept.seconds)
        job = self._job(kept, reference, origin, key_digest="", waits=True)
        self._jobs.add(job)
        return job


def _origin(request: web.Request) -> str:
    return f"{request.scheme}://{request.host}"


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
