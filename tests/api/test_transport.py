"""The connection: what goes out, what is proven not to have gone out, and that nothing stays open."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import logging
import pickle
import socket
import ssl
import threading
import traceback
import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import aiohttp
import pytest
from pydantic import SecretStr

from soundverse_nb.api.event import Stage
from soundverse_nb.api.request import RemixRequest
from soundverse_nb.api.stream import StreamCut
from soundverse_nb.api.transport import Transport
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    ConfigurationError,
    RateLimitError,
    ServiceUnavailableError,
    SoundverseError,
    Spent,
    TransportError,
)
from tests.api.conftest import KEY, Connect
from tests.strict_service import (
    HOLD,
    RATE_LIMITED,
    Reply,
    StrictService,
    answer,
    completed,
    cut_before_headers,
    redirect,
    refusal,
    remix,
    stages,
    stream,
)

REQUEST = RemixRequest("https://storage.example/song.mp3", prompt="jazz", parameters={"seed": 1})
WIRE = REQUEST.to_wire()


def free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@contextlib.asynccontextmanager
async def listener(speak: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Any]) -> AsyncIterator[int]:
    """A bare TCP server on a port of its own."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.CancelledError):
            await speak(reader, writer)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def drain(
    transport: Transport, wire: dict[str, Any] = WIRE, on_sent: Callable[[], None] | None = None
) -> None:
    async with transport.open_remix(wire, on_sent) as opened:
        async for _ in opened:
            pass


# What goes out


async def test_the_order_is_what_the_document_says_to_the_byte(connect: Connect) -> None:
    async with StrictService() as service:
        await drain(connect(service))
        assert service.violations == []
        (post,) = service.posts
        assert post.path == "/v7/generate/remix"
        assert post.json == {
            "song_reference_url": "https://storage.example/song.mp3",
            "prompt": "jazz",
            "parameters": {"seed": 1},
        }
        sent = {
            name: post.headers.get(name)
            for name in ("authorization", "content-type", "accept", "accept-encoding")
        }
        assert sent == {
            "authorization": f"Bearer {service.api_key}",
            "content-type": "application/json",
            "accept": "text/event-stream",
            "accept-encoding": "identity",
        }
        assert post.headers["content-length"] == str(len(post.body))


async def test_a_path_in_front_of_the_service_is_kept(connect: Connect) -> None:
    async with StrictService() as service:
        with pytest.raises(APIError) as caught:
            await drain(connect(f"{service.base_url}/proxy/"))
        assert service.posts[0].path == "/proxy/v7/generate/remix"
        assert caught.value.status_code == 404


async def test_every_order_has_a_connection_of_its_own(connect: Connect) -> None:
    """An order on a kept-alive connection that the server is just closing would have an unknown outcome."""
    async with StrictService() as service:
        transport = connect(service)
        await drain(transport)
        await drain(transport, {**WIRE, "prompt": "swing"})
        assert [post.headers["connection"] for post in service.posts] == ["close", "close"]


async def test_no_redirect_of_an_order_is_followed(connect: Connect) -> None:
    for status in (301, 302, 303, 307, 308):
        async with StrictService([redirect("@BASE@/v7/generate/remix", status)]) as service:
            with pytest.raises(APIError, match="redirect"):
                await drain(connect(service))
            assert len(service.requests) == 1
        async with StrictService([redirect("@STORAGE@/catch", status)]) as service:
            with pytest.raises(APIError, match="redirect"):
                await drain(connect(service))
            assert len(service.requests) == 1
            assert service.violations == []


async def test_a_redirect_of_the_status_is_not_followed(connect: Connect) -> None:
    async with StrictService([remix()], status=[redirect("@STORAGE@/status", 302)]) as service:
        transport = connect(service)
        await drain(transport)
        with pytest.raises(APIError):
            await transport.status("remix-1")
        assert service.violations == []


async def test_a_hundred_and_fifty_streams_run_at_once(connect: Connect) -> None:
    """aiohttp stops at 100 unless told otherwise."""
    number = 150
    held = stream(*stages()[:2], HOLD, *stages()[2:])
    async with StrictService([held] * number) as service:
        transport = connect(service)
        running = [asyncio.create_task(drain(transport, {**WIRE, "prompt": f"p{i}"})) for i in range(number)]
        await service.until(lambda: len(service.posts) == number)
        service.release()
        await asyncio.gather(*running)
        assert service.charged == number
        assert service.violations == []


async def test_a_connection_that_is_quiet_for_long_is_probed(connect: Connect) -> None:
    async with (
        StrictService([stream(*stages()[:1], HOLD)]) as service,
        connect(service).open_remix(WIRE) as opened,
    ):
        connection = opened._response.connection
        assert connection is not None
        assert connection.transport is not None
        sock = connection.transport.get_extra_info("socket")
        assert sock.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        if hasattr(socket, "TCP_KEEPIDLE"):
            assert sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


async def test_a_stream_has_no_time_out_of_any_kind(connect: Connect) -> None:
    async with StrictService([stream(*stages()[:1], HOLD)]) as service:
        transport = connect(service)
        async with transport.open_remix(WIRE):
            timeout = transport._connections.session().timeout
            assert (timeout.total, timeout.sock_read) == (None, None)


# Sent, or provably not


async def count_sent(transport: Transport) -> tuple[int, BaseException | None]:
    sent: list[None] = []
    try:
        await drain(transport, on_sent=lambda: sent.append(None))
    except SoundverseError as error:
        return len(sent), error
    return len(sent), None


async def test_nothing_was_sent_where_nobody_listens(connect: Connect) -> None:
    sent, error = await count_sent(connect(f"http://127.0.0.1:{free_port()}"))
    assert sent == 0
    assert type(error) is TransportError
    assert error.spent is Spent.NO
    assert "refused" in str(error)


async def test_nothing_was_sent_where_the_name_is_unknown(connect: Connect) -> None:
    sent, error = await count_sent(connect("http://no-such-host.invalid"))
    assert sent == 0
    assert type(error) is TransportError
    assert "no-such-host.invalid" in str(error)


async def test_nothing_was_sent_where_tls_fails(connect: Connect) -> None:
    async def speak_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    async with listener(speak_http) as port:
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}"))
    assert sent == 0
    assert type(error) is TransportError


async def test_nothing_was_sent_where_the_certificate_is_not_trusted(connect: Connect, tmp_path: Any) -> None:
    async with tls_server(tmp_path) as port:
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}"))
        assert sent == 0
        assert type(error) is TransportError
        assert "certificate" in str(error)


async def test_nothing_was_sent_where_the_proxy_is_missing(connect: Connect) -> None:
    async with StrictService() as service:
        for base in (service.base_url, "https://api.example"):
            sent, error = await count_sent(connect(base, proxy=f"http://user:geheim@127.0.0.1:{free_port()}"))
            assert sent == 0
            assert type(error) is TransportError
            assert "proxy" in str(error)
            assert "geheim" not in str(error)


@pytest.mark.parametrize("status", [403, 407, 502])
async def test_nothing_was_sent_where_the_proxy_refuses_the_tunnel(connect: Connect, status: int) -> None:
    seen: list[bytes] = []

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))
        writer.write(b"HTTP/1.1 %d No\r\nContent-Length: 0\r\n\r\n" % status)
        await writer.drain()

    async with listener(refuse) as port:
        sent, error = await count_sent(connect("https://api.example", proxy=f"http://127.0.0.1:{port}"))
    assert sent == 0
    assert type(error) is TransportError
    assert seen[0].startswith(b"CONNECT api.example:443")
    assert KEY.encode() not in seen[0]


async def test_nothing_was_sent_where_the_server_never_speaks_tls(connect: Connect) -> None:
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    async with listener(silence) as port:
        sent, error = await count_sent(connect(f"https://127.0.0.1:{port}", connect_timeout=0.2))
    assert sent == 0
    assert type(error) is TransportError
    assert "in time" in str(error)


@pytest.mark.parametrize(
    "reply", [cut_before_headers(), cut_before_headers("reset"), Reply([HOLD], silent=True)]
)
async def test_a_lost_answer_is_not_an_order_that_was_not_sent(connect: Connect, reply: Reply) -> None:
    async with StrictService([reply]) as service:
        sent, error = await count_sent(connect(service, connect_timeout=0.2, answer_timeout=0.2))
        assert sent == 1
        assert type(error) is StreamCut
        assert error.spent is Spent.MAYBE
        assert service.charged == 1


@pytest.mark.parametrize("reply", [remix(), refusal(RATE_LIMITED), refusal(b"", 500), redirect("@BASE@/x")])
async def test_sending_is_told_once_and_before_the_service_sees_it(connect: Connect, reply: Reply) -> None:
    order: list[str] = []

    class Listening(StrictService):
        def _decide(self, request: Any) -> Any:
            order.append("arrived")
            return super()._decide(request)

    async with Listening([reply]) as service:
        with contextlib.suppress(SoundverseError):
            await drain(connect(service), on_sent=lambda: order.append("sent"))
    assert order == ["sent", "arrived"]


async def test_a_proxy_carries_the_order(connect: Connect) -> None:
    async with StrictService() as service:

        async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            head = await reader.readuntil(b"\r\n\r\n")
            assert head.startswith(f"POST {service.base_url}/v7/generate/remix ".encode())
            upstream_reader, upstream = await asyncio.open_connection("127.0.0.1", int(service.base_url[-5:]))
            upstream.write(head.replace(service.base_url.encode(), b"", 1) + await reader.read(65536))
            writer.write(await upstream_reader.read())
            await writer.drain()
            upstream.close()

        async with listener(forward) as port:
            await drain(connect(service, proxy=f"http://127.0.0.1:{port}"))
        assert service.violations == []
        assert service.charged == 1


@contextlib.asynccontextmanager
async def tls_server(tmp_path: Any) -> AsyncIterator[int]:
    """A server with a certificate nobody knows."""
    cert, key = make_certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            await reader.readuntil(b"\r\n\r\n")
            writer.write(b"HTTP/1.1 401 No\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0, ssl=context)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


def make_certificate(folder: Any) -> tuple[str, str]:
    """A self-signed certificate for 127.0.0.1 and its key, as files."""
    pytest.importorskip("cryptography", reason="makes the certificate of the TLS tests")
    import datetime
    import ipaddress

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "strict service")])
    now = datetime.datetime.now(datetime.timezone.utc)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), False
        )
        .sign(key, hashes.SHA256())
    )
    plain = serialization.NoEncryption()
    (folder / "cert.pem").write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    )
    return str(folder / "cert.pem"), str(folder / "key.pem")


async def test_a_tls_context_of_ones_own_is_used(connect: Connect, tmp_path: Any) -> None:
    async with tls_server(tmp_path) as port:
        context = ssl.create_default_context(cafile=str(tmp_path / "cert.pem"))
        for setting in (context, False):
            sent, error = await count_sent(connect(f"https://127.0.0.1:{port}", ssl=setting))
            assert sent == 1
            assert isinstance(error, AuthenticationError)


# Status


@pytest.mark.parametrize(
    "status_path",
    ["/status/generation/{message_id}", "/status/generations/{message_id}", "/v7/status/{message_id}"],
)
async def test_each_spelling_of_the_status_endpoint_can_be_set(connect: Connect, status_path: str) -> None:
    async with StrictService(status_path=status_path) as service:
        transport = connect(service, status_path=status_path)
        await drain(transport)
        event = await transport.status("remix-1")
        assert (event.stage, event.message_id) == (Stage.COMPLETED, "remix-1")
        assert event.audio_url is not None
        assert service.violations == []


@pytest.mark.parametrize(
    "body",
    [
        completed(),
        {"data": completed()},
        {"success": True, "result": completed()},
        [completed()],
        {"job_id": "@ID@", "status": "completed", "audio_url": "https://a/b.mp3"},
    ],
)
@pytest.mark.parametrize("compress", [False, True])
async def test_a_status_is_read_however_it_is_wrapped(connect: Connect, body: Any, compress: bool) -> None:
    async with StrictService(status=[answer(body).but(compress=compress)]) as service:
        transport = connect(service)
        await drain(transport)
        event = await transport.status("remix-1")
        assert event.is_terminal
        assert event.message_id == "remix-1"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (answer({"detail": "Not Found"}, 404), APIError),
        (answer({"detail": "Invalid API key"}, 401), AuthenticationError),
        (answer(b"", 403), AuthenticationError),
        (answer(RATE_LIMITED, 200, {"Retry-After": "9"}), RateLimitError),
        (answer(b"", 429), RateLimitError),
        (answer(b"<html>bad gateway", 502), ServiceUnavailableError),
        (answer(b"oops", 500), APIError),
        (answer(b"<html>hello", 200), APIError),
        (answer(b"", 200), APIError),
        (answer({}, 200), APIError),
        (answer({"message_id": "@ID@"}, 200), APIError),
        (answer([], 200), APIError),
        (answer(b"x" * 1_000_000, 200), APIError),
        (redirect("@BASE@/elsewhere"), APIError),
        (Reply(silent=True, end="cut"), TransportError),
        (Reply(silent=True, end="reset"), TransportError),
        (Reply([b"\x00\x01\r\n\r\n"], silent=True, framing="close"), TransportError),
    ],
)
async def test_a_status_that_cannot_be_had_is_a_typed_error(
    connect: Connect, reply: Reply, kind: type
) -> None:
    # Twice: a lost GET costs nothing, and aiohttp asks a second time by itself.
    async with StrictService(status=[reply, reply]) as service:
        transport = connect(service)
        await drain(transport)
        with pytest.raises(SoundverseError) as caught:
            await transport.status("remix-1")
        assert type(caught.value) is kind
        assert caught.value.spent is Spent.MAYBE
        if isinstance(caught.value, APIError):
            assert caught.value.message_id == "remix-1"
        if isinstance(caught.value, RateLimitError) and reply.headers.get("Retry-After"):
            assert caught.value.retry_after == 9.0
        assert service.violations == []


async def test_a_status_cut_short_is_read_as_far_as_it_came(connect: Connect) -> None:
    body = json.dumps(completed()).encode()
    whole, half = Reply([body], end="reset"), Reply([body[:40]], end="cut")
    async with StrictService(status=[whole, half]) as service:
        transport = connect(service)
        await drain(transport)
        assert (await transport.status("remix-1")).is_terminal
        with pytest.raises(APIError):
            await transport.status("remix-1")


@pytest.mark.parametrize(
    "message_id", ["../../admin", "a/b?c=d#e", "..", ".", "ä ö", "a%2Fb", "\r\nX: y", "\0"]
)
async def test_a_strange_id_cannot_leave_the_status_path(connect: Connect, message_id: str) -> None:
    async with StrictService() as service:
        with pytest.raises(APIError):
            await connect(service).status(message_id)
        (request,) = service.requests
        assert request.path.startswith("/status/generation/")
        rest = request.path.removeprefix("/status/generation/")
        assert "/" not in rest
        assert "?" not in rest
        assert rest not in (".", "..")
        assert "x" not in request.headers


# Settings


@pytest.mark.parametrize(
    "base_url",
    [
        "",
        "api.soundverse.ai",
        "ftp://a",
        "file:///etc",
        "https://",
        "http://:80",
        "https://a?b=c",
        "https://a#b",
        "http://a:x",
        "http://[::1",
        "https://user:pw@a",
    ],
)
def test_a_base_url_that_cannot_be_one_is_refused(base_url: str) -> None:
    with pytest.raises(ConfigurationError):
        Transport(base_url, KEY)


@pytest.mark.parametrize("key", ["", "  ", "two words", "line\nbreak", "naïve", "nul\0"])
def test_a_key_that_cannot_be_one_is_refused_without_showing_it(key: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Transport("https://a", key)
    assert not key.strip() or key not in str(caught.value)


def test_a_status_path_without_a_place_for_the_id_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="message_id"):
        Transport("https://a", KEY, status_path="/status")


async def test_a_key_read_from_a_file_may_end_in_a_line_break(connect: Connect) -> None:
    async with StrictService() as service:
        await drain(connect(service, api_key=SecretStr(f" {service.api_key}\n")))
        assert service.violations == []


# Secrets


async def told(transport: Transport, number: int) -> list[str]:
    """Everything an order shows of itself, with our frames' variables as a debugger shows them."""
    shown = [repr(transport), repr(vars(transport))]
    try:
        async with transport.open_remix({**WIRE, "prompt": f"p{number}"}) as opened:
            shown += [repr(item) async for item in opened]
    except SoundverseError as caught:
        error = caught
    else:
        return shown
    shown += [repr(error), str(error), repr(vars(error)), repr(pickle.dumps(error)), repr(error.__context__)]
    shown += traceback.format_exception(error)
    frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
    return shown + [str(frame.locals) for frame in frames if "soundverse_nb" in frame.filename]


async def test_the_key_is_in_no_error_and_no_log(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    replies = [
        refusal(b"", 403),
        refusal(b"", 500),
        cut_before_headers(),
        cut_before_headers("reset"),
        remix(end="reset"),
        Reply([b"HTTP/1.1 200 OK\r\nA: " + b"x" * 90_000], silent=True, framing="close"),
    ]
    async with StrictService(replies, api_key=KEY) as service:
        transport = connect(service)
        shown = [text for number in range(len(replies)) for text in await told(transport, number)]
    shown += await told(connect(service.base_url, api_key=KEY), 0)
    shown += [record.getMessage() for record in caplog.records]
    assert len(shown) > 60
    assert [text for text in shown if KEY in text] == []


@pytest.mark.parametrize("status", [200, 401, 500])
@pytest.mark.parametrize(
    "echo", [f"No such key: {KEY}", f"<title>{KEY}</title>", f"Authorization: Bearer {KEY}"]
)
async def test_a_key_that_the_server_sends_back_is_not_shown(
    connect: Connect, echo: str, status: int
) -> None:
    replies = [refusal(echo.encode(), status), refusal({"success": False, "message": echo}, status)]
    if status == 200:
        replies += [stream(f"data: {echo}\n\n".encode()), stream({"detail": echo})]
    async with StrictService(replies, api_key=KEY) as service:
        transport = connect(service)
        for number in range(len(replies)):
            text = "".join(await heard_of(transport, number))
            assert text
            assert KEY not in text


async def heard_of(transport: Transport, number: int) -> list[str]:
    try:
        async with transport.open_remix({**WIRE, "prompt": f"p{number}"}) as opened:
            return [repr(item) async for item in opened]
    except SoundverseError as error:
        return [repr(error), str(error), *traceback.format_exception(error)]


# Nothing stays open


@pytest.mark.parametrize("close", [True, False])
@pytest.mark.parametrize("happening", ["whole", "left_early", "cancelled", "cut", "refused", "unreached"])
def test_nothing_is_left_unclosed(happening: str, close: bool) -> None:
    complaints: list[Any] = []

    async def run() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))
        replies = {"cut": [cut_before_headers()], "refused": [refusal(RATE_LIMITED)]}
        held = [stream(*stages()[:2], HOLD)] if happening in ("left_early", "cancelled") else []
        async with StrictService(replies.get(happening, held)) as service:
            url = f"http://127.0.0.1:{free_port()}" if happening == "unreached" else service.base_url
            transport = Transport(url, service.api_key)
            with contextlib.suppress(SoundverseError):
                if happening == "left_early":
                    async with transport.open_remix(WIRE) as opened:
                        await opened.__anext__()
                elif happening == "cancelled":
                    task = asyncio.create_task(drain(transport))
                    await service.until(lambda: bool(service.posts))
                    task.cancel()
                    await asyncio.wait({task})
                else:
                    await drain(transport)
            if close:
                await transport.close()
            del transport

    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        gc.freeze()
        asyncio.run(run())
        gc.collect()
        gc.unfreeze()
    assert [w.message for w in warned if issubclass(w.category, ResourceWarning)] == []
    assert complaints == []


async def test_a_cancelled_order_closes_its_connection(connect: Connect) -> None:
    gone = asyncio.Event()

    async def watch(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        arrived.set()
        await reader.read()
        gone.set()

    arrived = asyncio.Event()
    async with listener(watch) as port:
        task = asyncio.create_task(drain(connect(f"http://127.0.0.1:{port}")))
        await arrived.wait()
        task.cancel()
        await asyncio.wait({task})
        assert task.cancelled()
        await gone.wait()


def test_one_transport_serves_one_loop_after_another() -> None:
    transports: list[Transport] = []

    async def run() -> None:
        async with StrictService() as service:
            if not transports:
                transports.append(Transport(service.base_url, service.api_key))
            transport = transports[0]
            transport.base_url = service.base_url
            await drain(transport)
            assert service.violations == []

    asyncio.run(run())
    asyncio.run(run())
    asyncio.run(transports[0].close())


def test_two_loops_share_a_transport() -> None:
    """A notebook's own loop and the background thread of the blocking calls use one client."""

    async def other(base_url: str, key: str) -> None:
        await drain(transport, {**WIRE, "prompt": "other"})

    async def run() -> None:
        nonlocal transport
        async with StrictService() as service:
            transport = Transport(service.base_url, service.api_key)
            thread = threading.Thread(target=lambda: asyncio.run(other(service.base_url, service.api_key)))
            thread.start()
            await drain(transport)
            await asyncio.to_thread(thread.join)
            assert service.charged == 2
            await transport.close()

    transport: Transport
    asyncio.run(run())


async def test_a_closed_transport_opens_again(connect: Connect) -> None:
    async with StrictService() as service:
        transport = connect(service)
        await drain(transport)
        await transport.close()
        await transport.close()
        await drain(transport, {**WIRE, "prompt": "swing"})
        assert service.charged == 2


async def test_an_aiohttp_that_fails_in_a_new_way_is_still_ours(connect: Connect, monkeypatch: Any) -> None:
    class NovelError(aiohttp.ClientError):
        def __str__(self) -> str:
            return f"Bearer {KEY}"

    def fail(*arguments: Any, **settings: Any) -> Any:
        raise NovelError

    monkeypatch.setattr(aiohttp.ClientSession, "post", fail)
    sent, error = await count_sent(connect("http://127.0.0.1:9"))
    assert sent == 0
    assert type(error) is TransportError
    assert KEY not in repr(error)
