"""A head or a framing that a strict parser refuses does not cost what stands beside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.framing import Chunks, tidy_head
from soundverse_nb.api.stream import StreamCut
from soundverse_nb.errors import APIError, SoundverseError
from tests.api.conftest import Connect
from tests.api.servers import WIRE
from tests.strict_service import HOLD, MP3, Reply, StrictService, answer, completed, sse, stages


def told(*chunks: Any) -> bytes:
    events = b"".join(map(sse, chunks)).replace(b"@ID@", b"remix-1")
    return events.replace(b"@STORAGE@", b"https://a.example").replace(b"@BASE@", b"https://a.example")


FIRST, WHOLE = told(*stages()[:2]), told(*stages())
STATUSES = [chunk["status"] for chunk in stages()]
REFUSED_FIELDS = {
    "two equal lengths": b"Content-Length: %d\r\nContent-Length: %d\r\n" % (len(WHOLE), len(WHOLE)),
    "equal lengths in one field": b"Content-Length: %d, %d\r\n" % (len(WHOLE), len(WHOLE)),
    "two lengths": b"Content-Length: 5\r\nContent-Length: 7\r\n",
    "no number": b"Content-Length: many\r\n",
    "a signed number": b"Content-Length: +5\r\n",
    "a huge number": b"Content-Length: 99999999999999999999999\r\n",
    "an empty length": b"Content-Length:\r\n",
    "a blank before the colon": b"X-A : 1\r\n",
    "a blank in a name": b"X A: 1\r\n",
    "no colon": b"X-A\r\n",
    "no name": b": 1\r\n",
    "a zero byte": b"X-A: a\0b\r\n",
    "a control character": b"X-A: a\x1bb\r\n",
    "a return alone": b"X-A: a\rb\r\n",
    "a name in quotes": b'"X-A": 1\r\n',
    "a folded first line": b" X-A: 1\r\n",
    "a folded line": b"X-A: 1\r\n 2\r\n",
    "line feeds alone": b"X-A: 1\nX-B: 2\n",
}


async def read_stream(connect: Connect, *parts: Any) -> tuple[list[Any], str | None, SoundverseError | None]:
    items: list[Any] = []
    named, error = None, None
    async with StrictService([Reply(parts, silent=True, framing="close")]) as service:
        try:
            async with connect(service).open_remix(WIRE) as opened:
                try:
                    async for item in opened:
                        items.append(item)  # noqa: PERF401 - what came before an error counts
                finally:
                    named = opened.message_id
        except SoundverseError as raised:
            error = raised
    return [item.status for item in items if isinstance(item, RemixEvent)], named, error


@pytest.mark.parametrize("fields", REFUSED_FIELDS.values(), ids=REFUSED_FIELDS)
@pytest.mark.parametrize("split", [False, True])
async def test_a_header_that_is_none_does_not_cost_the_order(
    connect: Connect, fields: bytes, split: bool
) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n" + fields + b"\r\n"
    parts = [head, WHOLE, HOLD] if split else [head + WHOLE, HOLD]
    assert await read_stream(connect, *parts) == (STATUSES, "remix-1", None)


async def test_chunks_go_before_a_length(connect: Connect) -> None:
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\nContent-Length: 6\r\n\r\n"
    body = b"%x\r\n%b\r\n" % (len(WHOLE), WHOLE)
    assert await read_stream(connect, head + body, HOLD) == (STATUSES, "remix-1", None)


async def test_a_refusal_under_a_broken_header_names_the_order_all_the_same(connect: Connect) -> None:
    body = b'{"error": "busy", "message_id": "remix-1"}'
    head = b"HTTP/1.1 500 Busy\r\nContent-Length: x\r\nX A: 1\r\n\r\n"
    *_, error = await read_stream(connect, head + body)
    assert isinstance(error, APIError)
    assert (error.status_code, error.message_id) == (500, "remix-1")


CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
FRAMED = b"%x\r\n%b\r\n" % (len(FIRST), FIRST)
BROKEN_BEFORE = {
    "no size": [CHUNKED + b"zz\r\n" + FIRST, HOLD],
    "no size before a good chunk": [CHUNKED + b"zz\r\n" + FRAMED, HOLD],
    "a size beyond every number": [CHUNKED + b"ffffffffffffffffff\r\n" + FIRST, HOLD],
    "a negative size": [CHUNKED + b"-1\r\n" + FIRST, HOLD],
    "no chunks at all": [CHUNKED + FIRST, HOLD],
    "no chunks, in several packets": [CHUNKED, FIRST[:30], FIRST[30:], HOLD],
    "the id in a later packet": [CHUNKED + b"zz\r\n", FIRST, HOLD],
    "no line end behind a chunk": [CHUNKED + b"5\r\n: abcjunk\n" + FIRST, HOLD],
    "an endless size": [CHUNKED + b"0" * 20_000 + b"\r\n" + FIRST, HOLD],
}


@pytest.mark.parametrize("parts", BROKEN_BEFORE.values(), ids=BROKEN_BEFORE)
async def test_the_id_behind_a_broken_chunk_size_is_kept(connect: Connect, parts: list[Any]) -> None:
    _, named, error = await read_stream(connect, *parts)
    assert named == "remix-1"
    assert isinstance(error, StreamCut)


H = b"HTTP/1.1 200 OK\r\n"
OUT_OF_PLACE = {
    "behind a length that is too short": [H + b"Content-Length: 20\r\n\r\n" + FIRST],
    "behind a length of nothing": [H + b"Content-Length: 0\r\n\r\n" + FIRST],
    "where there is no body": [b"HTTP/1.1 204 No Content\r\n\r\n" + FIRST],
    "in chunks where there is no body": [CHUNKED.replace(b"200 OK", b"204 No Content") + FRAMED],
    "behind the last chunk": [CHUNKED + b"0\r\n\r\n" + FIRST],
    "without a head": [FIRST],
    "behind a status that is none": [b"HTTP/1.1 99 OK\r\n\r\n" + FIRST],
    "behind another protocol": [b"ICY 200 OK\r\n\r\n" + FIRST],
    "in a head without an end": [H + FIRST],
}


@pytest.mark.parametrize("parts", OUT_OF_PLACE.values(), ids=OUT_OF_PLACE)
async def test_an_id_that_stands_where_no_body_is_keeps_the_order(connect: Connect, parts: list[Any]) -> None:
    _, named, error = await read_stream(connect, *parts)
    assert "remix-1" in (named, error.message_id if isinstance(error, StreamCut) else None)


@pytest.mark.parametrize(
    "line",
    [b"HTTP/2 200 OK", b"HTTP/2.0 200", b"HTTP/1.1  200  OK", b"HTTP/1.1 200", b"HTTP/1.1\t200 O\0K"],
)
async def test_a_status_line_of_another_form_is_read(connect: Connect, line: bytes) -> None:
    assert await read_stream(connect, line + b"\r\n\r\n", WHOLE, HOLD) == (STATUSES, "remix-1", None)


async def test_an_answer_in_json_behind_a_broken_chunk_size_names_the_order(connect: Connect) -> None:
    body = b'{"error": "busy", "message_id": "remix-1"}'
    *_, error = await read_stream(connect, CHUNKED + b"zz\r\n" + body + b"\r\n0\r\n\r\n")
    assert isinstance(error, APIError)
    assert error.message_id == "remix-1"


async def test_chunk_lines_that_end_in_a_line_feed_are_chunks(connect: Connect) -> None:
    body = b"".join(b"%x\n%b\n" % (len(part), part) for part in (WHOLE[:50], WHOLE[50:]))
    assert await read_stream(connect, CHUNKED + body, HOLD) == (STATUSES, "remix-1", None)


async def test_a_burst_of_chunks_beyond_every_buffer_is_read_whole(connect: Connect) -> None:
    running = {"message_id": "remix-1", "isComplete": False, "status": "streaming"}
    parts = [told({**running, "progress": n % 90}) for n in range(20_000)] + [told(stages()[-1])]
    body = b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)
    statuses, named, error = await read_stream(connect, CHUNKED + body + b"0\r\n\r\n")
    assert (len(statuses), named, error) == (len(parts), "remix-1", None)


async def test_a_status_answer_under_a_broken_header_is_read(connect: Connect) -> None:
    body = json.dumps({**completed(), "message_id": "remix-1"}).encode()
    for fields in (b"X A: 1\r\n", b"Transfer-Encoding: chunked\r\n"):
        reply = Reply([b"HTTP/1.1 200 OK\r\n" + fields + b"\r\n" + body], silent=True, framing="close")
        async with StrictService(status=[reply]) as service:
            transport = connect(service)
            async with transport.open_remix(WIRE) as opened:
                [_ async for _ in opened]
            assert (await transport.status("remix-1")).is_terminal


async def test_audio_under_a_broken_header_is_fetched(connect: Connect, tmp_path: Path) -> None:
    length = b"Content-Length: %d\r\n" % len(MP3)
    file = Reply(
        [b"HTTP/1.1 200 OK\r\nX A: 1\r\n" + 2 * length + b"\r\n" + MP3], silent=True, framing="close"
    )
    async with StrictService(files={"/audio/a.mp3": [file]}) as service:
        got = await connect(service).download(service.storage_url + "/audio/a.mp3", tmp_path / "song")
    assert got.path.read_bytes() == MP3
    assert got.proven


async def test_audio_whose_framing_breaks_is_fetched_again_at_once(connect: Connect, tmp_path: Path) -> None:
    broken = CHUNKED + b"%x\r\n%b\r\nzz\r\n" % (len(MP3) // 2, MP3[: len(MP3) // 2])
    replies = [Reply([broken, MP3, HOLD], silent=True, framing="close"), answer(MP3)]
    async with StrictService(files={"/audio/a.mp3": replies}) as service:
        got = await connect(service).download(service.storage_url + "/audio/a.mp3", tmp_path / "song")
    assert got.path.read_bytes() == MP3


def test_a_head_that_is_in_order_stays_as_it_is() -> None:
    head = (
        b"HTTP/1.1 302 Found\r\nLocation: /caf\xe9?a=b:c\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\n"
        b"Content-Length: 0\r\n\r\n"
    )
    assert tidy_head(head) == (head, 302, False, 0)


BODY = b"5\r\nhello\r\n6;sign=a\r\n world\r\n0\r\nDate: x\r\n\r\nafter the end"


@pytest.mark.parametrize("at", range(len(BODY)))
def test_chunks_are_read_wherever_they_are_cut(at: int) -> None:
    chunks = Chunks()
    assert chunks.feed(BODY[:at]) + chunks.feed(BODY[at:]) == b"hello world"
    assert chunks.has_ended
    assert not chunks.is_broken


BROKEN_BODY = b"5\r\nhello\r\nzz\r\nworld\r\n0\r\n\r\n!"


@pytest.mark.parametrize("at", range(len(BROKEN_BODY)))
def test_after_a_break_everything_is_passed_on_and_there_is_no_end(at: int) -> None:
    chunks = Chunks()
    assert chunks.feed(BROKEN_BODY[:at]) + chunks.feed(BROKEN_BODY[at:]) == b"helloworld\r\n0\r\n\r\n!"
    assert chunks.is_broken
    assert not chunks.has_ended
