"""The name of a paid order is found in every form in which a service may write it."""

from __future__ import annotations

from typing import Any

import pytest

from soundverse_nb.api.answers import classify
from soundverse_nb.api.body import read_json
from soundverse_nb.api.chunks import ChunkReader, SkippedChunk
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.secrets import remember_key
from soundverse_nb.api.status import another_order, read_status
from soundverse_nb.errors import APIError, RateLimitError, Spent
from tests.api.conftest import Connect
from tests.api.test_framing import STATUSES, read_stream, told
from tests.strict_service import HOLD, RATE_LIMITED, UNAVAILABLE, sse, stages

TWICE = [
    '{"status": "queued", "message_id": "m1", "message_id": null}',
    '{"status": "queued", "message_id": null, "message_id": "m1"}',
    '{"message_id": "m1", "status": "queued", "message_id": ""}',
    '{"job_id": "m1", "job_id": null, "status": "queued"}',
    '{"message_id": "m1", "status": "queued", "message_id": "m2"}',
    '{"messageId": "m1", "messageId": null, "status": "queued"}',
]


@pytest.mark.parametrize("text", TWICE)
def test_of_a_name_that_stands_there_twice_the_first_one_counts(text: str) -> None:
    reader = ChunkReader()
    (event,) = reader.feed(f"data: {text}\n\n".encode())
    assert isinstance(event, RemixEvent)
    assert (reader.message_id, event.message_id, event.status) == ("m1", "m1", "queued")
    value = read_json(text)
    assert read_status(value, "m1") is not None
    assert another_order(value, "other") == "m1"


def test_of_any_other_field_the_last_one_counts() -> None:
    assert read_json('{"status": "queued", "status": "streaming"}') == {"status": "streaming"}


@pytest.mark.parametrize("place", ["job", "generation", "remix", "task", "order"])
@pytest.mark.parametrize("wrapped", [False, True])
def test_the_id_of_a_job_names_the_order_where_nothing_else_does(place: str, wrapped: bool) -> None:
    chunk: dict[str, Any] = {place: {"id": "j"}}
    chunk = {"data": chunk, "status": "queued"} if wrapped else {**chunk, "status": "queued"}
    reader = ChunkReader()
    list(reader.feed(sse(chunk)))
    ended = reader.finish()
    assert isinstance(ended, SkippedChunk)
    assert (ended.message_id, reader.message_id) == ("j", "j")


def test_a_better_name_that_comes_later_goes_before_that_of_a_job() -> None:
    reader = ChunkReader()
    list(reader.feed(sse({"job": {"id": "gpu-7"}, "status": "queued"}) + told(*stages()[1:3])))
    assert reader.finish() is None
    assert reader.message_id == "remix-1"


async def test_the_id_of_a_job_is_told_before_the_cut(connect: Connect) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n"
    _, named, _ = await read_stream(connect, head + sse({"job": {"id": "j"}, "status": "queued"}))
    assert named == "j"


async def test_the_id_of_a_job_is_kept_of_an_answer_in_json(connect: Connect) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n\r\n"
    _, named, _ = await read_stream(connect, head + b'{"status": "queued", "job": {"id": "j"}}')
    assert named == "j"


def test_an_error_about_a_job_names_it() -> None:
    error = classify(500, {}, b'{"error": "busy", "job": {"id": "j"}}')
    assert error is not None
    assert (error.message_id, error.spent) == ("j", Spent.MAYBE)


def test_the_last_chunk_is_named_by_its_job() -> None:
    end = {"job": {"id": "j"}, "status": "completed", "isComplete": True, "audio_url": "https://a/b.mp3"}
    (event,) = ChunkReader().feed(sse(end))
    assert isinstance(event, RemixEvent)
    assert event.message_id == "j"


def test_a_job_whose_id_holds_the_key_names_nothing() -> None:
    remember_key("names-key-0123456789")
    reader = ChunkReader()
    list(reader.feed(sse({"job": {"id": "NAMES-KEY-0123456789"}, "status": "queued"})))
    assert reader.finish() is None


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("header", [b"", b"Content-Type: text/event-stream; charset=utf-16\r\n"])
async def test_a_stream_in_utf_16_is_read_as_it_comes(connect: Connect, charset: str, header: bytes) -> None:
    body = told(*stages()).decode().encode(charset)
    head = b"HTTP/1.1 200 OK\r\n" + header + b"\r\n"
    assert await read_stream(connect, head + body[:101], body[101:], HOLD) == (STATUSES, "remix-1", None)


@pytest.mark.parametrize("charset", ["utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("header", [b"", b"Content-Type: application/json; charset=utf-16\r\n"])
@pytest.mark.parametrize(
    "text", ['{"message_id": "m", "status": "queued"}', '{"message_id": "m", "status": "qu']
)
async def test_an_answer_in_utf_16_names_the_order(
    connect: Connect, charset: str, header: bytes, text: str
) -> None:
    head = b"HTTP/1.1 200 OK\r\n" + header + b"\r\n"
    _, named, error = await read_stream(connect, head + text.encode(charset))
    assert "m" in (named, error.message_id if isinstance(error, APIError) else None)


LET_IN = [
    b"event: queued\ndata: {}\n\n",
    b"event: queued\ndata:\n\n",
    b"event: queued\n\n",
    b"event: Streaming\ndata: {}\n\n",
    b"event: job_created\ndata: {}\n\n",
    b"event: progress\ndata: {}\n\n",
    sse({"isComplete": False, "streaming_ready": False}),
    sse({"streaming_ready": False}),
]


@pytest.mark.parametrize("said", LET_IN)
@pytest.mark.parametrize("apart", [False, True])
def test_what_is_said_only_of_an_order_that_was_let_in_makes_a_later_no_no_refusal(
    said: bytes, apart: bool
) -> None:
    reader = ChunkReader()
    packets = [said, sse(UNAVAILABLE)] if apart else [said + sse(UNAVAILABLE)]
    *_, error = [chunk for packet in packets for chunk in reader.feed(packet)]
    assert reader.taken
    assert isinstance(error, APIError)
    assert error.spent is Spent.MAYBE


@pytest.mark.parametrize(
    "said",
    [
        b"event: validating\ndata: {}\n\n",
        b"event: ping\ndata: {}\n\n",
        b"event: message\ndata: {}\n\n",
        b"event: error\ndata:\n\n",
        b"id: 3\n\n",
        b"event: chunk\n" + sse({"isComplete": False, "status": "validating", "chunkIndex": 0}),
    ],
)
def test_a_no_while_the_request_is_checked_is_a_refusal(said: bytes) -> None:
    reader = ChunkReader()
    *_, error = [chunk for packet in (said, sse(RATE_LIMITED)) for chunk in reader.feed(packet)]
    assert not reader.taken
    assert isinstance(error, RateLimitError)
    assert error.spent is Spent.NO
