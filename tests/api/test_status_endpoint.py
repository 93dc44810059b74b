"""The status endpoint: three spellings, any wrapping, typed errors."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import unquote

import pytest

from soundverse_nb.api import content_encoding as coding_
from soundverse_nb.api.event import Stage
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    RateLimitError,
    ServiceUnavailableError,
    SoundverseError,
    Spent,
    TransportError,
)
from tests.api.conftest import Connect
from tests.api.packing import whole
from tests.api.servers import drain
from tests.strict_service import (
    RATE_LIMITED,
    Reply,
    StrictService,
    answer,
    completed,
    redirect,
    refusal,
)


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


@pytest.mark.parametrize("label", ["gzip", "deflate", "br", "zstd", "", "identity"])
@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "zstd", "plain"])
async def test_a_status_is_read_however_it_is_packed_and_labelled(
    connect: Connect, coding: str, label: str
) -> None:
    body = json.dumps({"message_id": "remix-1", "status": "streaming", "progress": 90}).encode()
    packed = body if coding == "plain" else whole(coding, body)
    async with StrictService(status=[answer(packed, headers={"Content-Encoding": label})]) as service:
        transport = connect(service)
        await drain(transport)
        # zlib and Brotli have no mark of their own: without their label nothing tells them.
        if coding in ("deflate", "br") and label not in (coding, "gzip" if coding == "deflate" else coding):
            with pytest.raises(APIError):
                await transport.status("remix-1")
        else:
            assert (await transport.status("remix-1")).progress == 90


async def test_a_refusal_that_cannot_be_unpacked_says_why(
    connect: Connect, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(coding_, "_library", lambda name: None)
    packed = whole("br", b'{"message_id": "remix-1", "status": "streaming"}' * 9)
    headers = {"Content-Encoding": "br"}
    async with StrictService(
        [refusal(packed, 500, headers)], status=[answer(packed, 200, headers)]
    ) as service:
        transport = connect(service)
        with pytest.raises(APIError, match="needs the package brotli"):
            await drain(transport)
        with pytest.raises(APIError, match="needs the package brotli"):
            await transport.status("remix-1")


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
        # Nobody is about to send anything, and an order that is not known is no wrong address.
        assert "send it again" not in str(caught.value)
        assert "base URL" not in str(caught.value)
        if isinstance(caught.value, APIError):
            assert caught.value.message_id == "remix-1"
        if isinstance(caught.value, RateLimitError) and reply.headers.get("Retry-After"):
            assert caught.value.retry_after == 9.0
        assert service.violations == []


@pytest.mark.parametrize(
    "body",
    [
        {**completed("https://a.example/another.mp3"), "message_id": "remix-2"},
        {"data": {**completed("https://a.example/another.mp3"), "message_id": "remix-2"}},
        [{**completed("https://a.example/another.mp3"), "message_id": "remix-2"}],
        {"job_id": "remix-2", "success": False, "message": "Rate limits have been passed for the user."},
    ],
)
async def test_an_answer_about_another_order_is_an_error_that_says_so(connect: Connect, body: Any) -> None:
    async with StrictService(status=[answer(body)]) as service:
        transport = connect(service)
        await drain(transport)
        with pytest.raises(APIError, match="another order, remix-2") as caught:
            await transport.status("remix-1")
        assert caught.value.message_id == "remix-1"
        assert caught.value.spent is Spent.MAYBE


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
    "message_id",
    [
        "../../admin",
        "a/b?c=d#e",
        "..",
        ".",
        "ä ö",
        "a%2Fb",
        "\r\nX: y",
        "\0",
        "https://a.example/j?token=1#x",
    ],
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
        assert unquote(rest) == message_id
        assert "x" not in request.headers
