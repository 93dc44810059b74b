"""A second implementation of the service, for tests: from the vendor's page alone, strict, scriptable.

It shares nothing with `soundverse_nb.simulator`, so that both do not agree on the same misreading. It speaks
raw bytes, so that it can misbehave in every way a network can, and it writes down whatever a client does
that the document does not allow.

    async with StrictService([cut_before_headers(), refusal(RATE_LIMITED), remix()]) as service:
        ...  # Client(api_key=service.api_key, base_url=service.base_url)
    assert service.violations == []
    assert service.charged == 1

Every POST takes the next reply of the script; where the script is used up, a whole remix is streamed.
In chunks, headers and bodies @BASE@ stands for the service's URL, @STORAGE@ for the URL of its storage
(another origin), @ID@ for the id of the order.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import struct
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import urlsplit

API_KEY = "strict-key-0123456789abcdef"

# "Possible Errors" of the document, word for word.
NO_PROMPT = {"detail": "Either prompt or lyrics must be provided"}
TOO_LARGE = {
    "success": False,
    "message": "Reference audio error: File too large: 12657318 bytes (max: 10485760)",
}
RATE_LIMITED = {"success": False, "message": "Rate limits have been passed for the user."}
NO_BALANCE = {"success": False, "message": "Insufficient balance for this operation."}
UNAVAILABLE = {
    "success": False,
    "message": "Service temporarily unavailable. Please try again in a moment.",
    "error": "Database connection pool exhausted",
}

# One MPEG-1 layer III frame of silence, 128 kbit/s, 44.1 kHz, mono: 26.1 ms.
MP3_FRAME = b"\xff\xfb\x90\xc4" + bytes(413)
MP3 = MP3_FRAME * 460
PNG = bytes.fromhex(
    "89504e470d0a1a0a0000000d4948445200000001000000010806000000"
    "1f15c4890000000d49444154789c6360606060000000050001a5f645400000000049454e44ae426082"
)


class Hold:
    """A part of a reply: nothing more is sent until `service.release()`."""


HOLD = Hold()
Part = bytes | Hold


@dataclass(frozen=True)
class Reply:
    """One answer, byte for byte.

    `parts` are sent one after the other (an iterator may be endless). `framing` is "chunked", "close" or
    "length". `end` is "finish" (as the framing demands), "cut" (the connection is closed without the end of
    the framing) or "reset". `compress` is gzip, asked for or not. `silent` sends no status line and no
    headers. `drip` sends byte by byte. `charges` is whether the order is charged.
    """

    parts: Iterable[Part] = ()
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    framing: str = "chunked"
    end: str = "finish"
    compress: bool = False
    silent: bool = False
    drip: bool = False
    charges: bool = True

    def but(self, **changes: Any) -> Reply:
        return replace(self, **changes)


def sse(chunk: Any) -> bytes:
    """One event as the document writes it; bytes go as they are."""
    return chunk if isinstance(chunk, bytes) else b"data: " + json.dumps(chunk).encode() + b"\n\n"


def stages() -> list[dict[str, Any]]:
    """The chunks of "Stages of Streaming Response", in order."""
    named: dict[str, Any] = {"message_id": "@ID@", "isComplete": False}
    art = "@STORAGE@/art/@ID@.png"
    return [
        {"isComplete": False, "status": "validating", "chunkIndex": 0},
        {**named, "status": "queued", "album_art": art, "song_name": "Remix Title", "chunkIndex": 1},
        {**named, "status": "starting", "chunkIndex": 2},
        {**named, "status": "initializing", "chunkIndex": 3},
        {**named, "status": "uploading", "chunkIndex": 4},
        {**named, "status": "streaming", "progress": 0, "chunkIndex": 5},
        {**named, "status": "streaming", "progress": 50, "chunkIndex": 6},
        {
            **named, "status": "streaming", "progress": 100, "stream_url": "@BASE@/stream/@ID@",
            "streaming_ready": True, "version": 1, "chunkIndex": 7,
        },
        completed(),
    ]  # fmt: skip


AUDIO_URL = "@STORAGE@/audio/@ID@.mp3?X-Signature=secret-signature"


def completed(audio_url: str | None = AUDIO_URL) -> dict[str, Any]:
    """The last chunk; without an `audio_url` where it is None."""
    chunk = {
        "message_id": "@ID@", "isComplete": True, "status": "completed", "audio_url": audio_url,
        "album_art": "@STORAGE@/art/@ID@.png", "song_name": "Remix Title", "progress": 100, "chunkIndex": 8,
    }  # fmt: skip
    return chunk if audio_url is not None else {name: v for name, v in chunk.items() if name != "audio_url"}


def stream(*chunks: Any, **settings: Any) -> Reply:
    """A stream of these chunks (dicts, raw bytes, HOLD)."""
    parts = [part if isinstance(part, Hold) else sse(part) for part in chunks]
    return Reply(parts, headers={"Content-Type": "text/event-stream"}).but(**settings)


def remix(**settings: Any) -> Reply:
    """A whole remix."""
    return stream(*stages(), **settings)


def cut_after(count: int, end: str = "cut") -> Reply:
    """The first `count` chunks of a remix, then the connection is gone (0: after the headers)."""
    return stream(*stages()[:count], end=end)


def cut_before_headers(end: str = "cut") -> Reply:
    """The order is taken, and then not a byte comes back."""
    return Reply(silent=True, end=end)


def refusal(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An error answer that costs nothing. `body` is JSON, or bytes as they are."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    kind = {"Content-Type": "application/json"}
    return Reply([content], status, {**kind, **(headers or {})}, framing="length", charges=False)


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """An ordinary answer, for the status endpoint and the storage."""
    return refusal(body, status, headers)


def redirect(location: str, status: int = 307) -> Reply:
    return answer(b"", status, {"Location": location})


@dataclass(frozen=True)
class Request:
    """What a client sent."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes
    origin: str  # "api" or "storage"

    @property
    def json(self) -> Any:
        try:
            return json.loads(self.body)
        except ValueError:
            return None


@dataclass(frozen=True)
class Charge:
    """One order that was charged."""

    message_id: str
    wire: Mapping[str, Any]


class StrictService:
    """The service on loopback, with a storage on another port.

    Parameters
    ----------
    script : the replies to the POSTs, in order of arrival.
    status : replies of the status endpoint, in order; after them, and by default, the order's last chunk.
    files : storage path (with @ID@ resolved) -> replies, in order, the last one again and again. By default
        every /audio/ is an MP3 of 12 s of silence and every /art/ a picture.
    status_path : the spelling of the status endpoint that is served; others count as undocumented.
    """

    def __init__(
        self,
        script: Iterable[Reply] = (),
        *,
        status: Iterable[Reply] = (),
        files: Mapping[str, Iterable[Reply]] | None = None,
        api_key: str = API_KEY,
        status_path: str = "/status/generation/{message_id}",
    ) -> None:
        self.script = list(script)
        self.status_script = list(status)
        self.files = {path: list(replies) for path, replies in (files or {}).items()}
        self.api_key = api_key
        self.requests: list[Request] = []
        self.ledger: list[Charge] = []
        self.violations: list[str] = []
        self.base_url = ""
        self.storage_url = ""
        self._status_prefix = status_path.partition("{message_id}")[0]
        self._ids: list[str] = []
        self._servers: list[asyncio.Server] = []
        self._tasks: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()
        self.arrived = asyncio.Condition()

    @property
    def posts(self) -> list[Request]:
        return [request for request in self.requests if request.method == "POST"]

    @property
    def asked(self) -> int:
        """How often the status was asked."""
        return sum(request.path.startswith(self._status_prefix) for request in self.requests)

    @property
    def charged(self) -> int:
        return len(self.ledger)

    def release(self) -> None:
        """Let every reply that holds go on."""
        self._released.set()

    async def until(self, happened: Callable[[], bool]) -> None:
        """Wait until requests have brought this about."""
        async with self.arrived:
            await self.arrived.wait_for(happened)

    async def __aenter__(self) -> StrictService:
        urls = []
        for origin in ("api", "storage"):
            server = await asyncio.start_server(self._acceptor(origin), "127.0.0.1", 0, limit=1 << 20)
            self._servers.append(server)
            urls.append(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}")
        self.base_url, self.storage_url = urls
        return self

    async def __aexit__(self, *exc: object) -> None:
        for server in self._servers:
            server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _acceptor(self, origin: str) -> Callable[[asyncio.StreamReader, asyncio.StreamWriter], None]:
        def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            task = asyncio.get_running_loop().create_task(self._serve(origin, reader, writer))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

        return accept

    async def _serve(self, origin: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
            lines = head.decode("latin-1").split("\r\n")
            method, path, _ = lines[0].split(" ", 2)
            fields = (line.partition(":") for line in lines[1:] if line)
            headers = {name.lower(): value.strip() for name, _, value in fields}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            request = Request(method, path, headers, body, origin)
            self.requests.append(request)
            reply, message_id = self._decide(request)
            async with self.arrived:
                self.arrived.notify_all()
            await self._send(writer, reply, message_id)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # the client has gone, or only knocked
        finally:
            writer.close()

    def _decide(self, request: Request) -> tuple[Reply, str]:
        blame = self.violations.append
        route = urlsplit(request.path).path
        if "cookie" in request.headers:
            blame("a cookie was sent")
        if request.origin == "storage":
            if "authorization" in request.headers or self.api_key.encode() in repr(request).encode():
                blame(f"the key was sent to the storage: {route}")
            if request.method != "GET":
                blame(f"{request.method} to the storage: {route}")
            return self._file(route), ""
        if request.method == "POST" and route == "/v7/generate/remix":
            return self._order(request)
        if request.method == "GET" and route.startswith(self._status_prefix):
            self._check_key(request)
            return self._status(route[len(self._status_prefix) :])
        blame(f"not in the document: {request.method} {route}")
        return answer({"detail": "Not Found"}, 404), ""

    def _check_key(self, request: Request) -> bool:
        given = request.headers.get("authorization", "")
        if not given.startswith("Bearer ") or given != given.strip():
            self.violations.append(f"{request.method} {request.path}: no bearer token")
        return given == f"Bearer {self.api_key}"

    def _order(self, request: Request) -> tuple[Reply, str]:
        for problem in broken_rules(request):
            self.violations.append(problem)
        if not self._check_key(request):
            return refusal({"detail": "Invalid API key"}, 401), ""
        if any(charge.wire == request.json for charge in self.ledger):
            self.violations.append(f"an order that was charged was sent again: {request.body[:200]!r}")
        message_id = f"remix-{len(self._ids) + 1}"
        self._ids.append(message_id)
        reply = self.script.pop(0) if self.script else remix()
        if reply.charges:
            self.ledger.append(Charge(message_id, request.json or {}))
        return reply, message_id

    def _status(self, message_id: str) -> tuple[Reply, str]:
        if message_id not in self._ids:
            self.violations.append(f"the status of an unknown order was asked: {message_id!r}")
            return answer({"detail": "Not Found"}, 404), message_id
        return (self.status_script.pop(0) if self.status_script else answer(completed())), message_id

    def _file(self, route: str) -> Reply:
        replies = self.files.get(route)
        if replies:
            return replies.pop(0) if len(replies) > 1 else replies[0]
        if route.startswith("/audio/"):
            return answer(MP3, headers={"Content-Type": "audio/mpeg"})
        if route.startswith("/art/"):
            return answer(PNG, headers={"Content-Type": "image/png"})
        return answer(b"<Error><Code>NoSuchKey</Code></Error>", 404, {"Content-Type": "application/xml"})

    async def _send(self, writer: asyncio.StreamWriter, reply: Reply, message_id: str) -> None:
        marks = {"@BASE@": self.base_url, "@STORAGE@": self.storage_url, "@ID@": message_id}

        def filled(part: bytes) -> bytes:
            for mark, value in marks.items():
                part = part.replace(mark.encode(), value.encode())
            return part

        async def write(data: bytes) -> None:
            for piece in (data[i : i + 1] for i in range(len(data))) if reply.drip else (data,):
                writer.write(piece)
                await writer.drain()
                if reply.drip:
                    await asyncio.sleep(0)

        parts: Iterable[Part] = reply.parts
        headers = {"Server": "strict", "Connection": "close", **reply.headers}
        if reply.framing == "length" or reply.compress:
            parts = [filled(b"".join(part for part in reply.parts if isinstance(part, bytes)))]
        if reply.compress:
            parts = [gzip.compress(part) for part in parts if isinstance(part, bytes)]
            headers["Content-Encoding"] = "gzip"
        if not reply.silent:
            if reply.framing == "chunked":
                headers["Transfer-Encoding"] = "chunked"
            elif reply.framing == "length":
                size = sum(len(part) for part in parts if isinstance(part, bytes))
                headers.setdefault("Content-Length", str(size))
            fields = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
            await write(filled(f"HTTP/1.1 {reply.status} Reply\r\n{fields}\r\n".encode()))
        for part in parts:
            if isinstance(part, Hold):
                await self._released.wait()
                continue
            data = filled(part)
            if data:
                await write(b"%x\r\n%s\r\n" % (len(data), data) if reply.framing == "chunked" else data)
        if reply.end == "finish" and reply.framing == "chunked":
            await write(b"0\r\n\r\n")
        if reply.end == "reset":
            sock = writer.get_extra_info("socket")
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            writer.transport.abort()


def broken_rules(request: Request) -> list[str]:
    """Every rule of the document that a POST breaks."""
    problems = []
    if request.headers.get("content-type", "").lower() != "application/json":
        problems.append(f"Content-Type is {request.headers.get('content-type')!r}")
    if "text/event-stream" not in request.headers.get("accept", ""):
        problems.append(f"Accept is {request.headers.get('accept')!r}")
    wire = request.json
    if not isinstance(wire, dict):
        return [*problems, f"the body is not a JSON object: {request.body[:200]!r}"]
    kinds = {"song_reference_url": str, "prompt": str, "lyrics": str, "parameters": dict}
    for name, value in wire.items():
        if name not in kinds:
            problems.append(f"unknown field {name!r}")
        elif not isinstance(value, kinds[name]):
            problems.append(f"{name} is {value!r}")
    if urlsplit(str(wire.get("song_reference_url", ""))).scheme not in ("http", "https"):
        problems.append(f"song_reference_url is {wire.get('song_reference_url')!r}")
    if not (wire.get("prompt") or wire.get("lyrics")):
        problems.append("neither prompt nor lyrics")
    return problems
