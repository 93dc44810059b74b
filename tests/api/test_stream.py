"""Whatever a server does with the stream ends in chunks, a typed error or a cut; nothing received is lost."""

from __future__ import annotations

import asyncio
import itertools
import json
from typing import Any

import pytest

from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.request import RemixRequest
from soundverse_nb.api.stream import SkippedChunk, StreamCut
from soundverse_nb.errors import (
    APIError,
    AuthenticationError,
    InsufficientBalanceError,
    InvalidRequestError,
    RateLimitError,
    ReferenceAudioError,
    ServiceUnavailableError,
    SoundverseError,
    Spent,
)
from tests.api.conftest import Connect
from tests.api.packing import PACKERS
from tests.strict_service import (
    HOLD,
    NO_BALANCE,
    NO_PROMPT,
    RATE_LIMITED,
    TOO_LARGE,
    UNAVAILABLE,
    Reply,
    StrictService,
    answer,
    completed,
    cut_after,
    cut_before_headers,
    redirect,
    refusal,
    remix,
    sse,
    stages,
    stream,
)

WIRE = RemixRequest("https://storage.example/song.mp3", prompt="jazz").to_wire()


class Received:
    """What came out of one stream."""

    def __init__(self) -> None:
        self.items: list[RemixEvent | SkippedChunk] = []
        self.error: SoundverseError | None = None
        self.message_id: str | None = None

    @property
    def finished(self) -> bool:
        """Whether the last chunk was a terminal one."""
        last = self.items[-1] if self.items else None
        return isinstance(last, RemixEvent) and last.is_terminal

    @property
    def statuses(self) -> list[str | None]:
        return [item.status if isinstance(item, RemixEvent) else "skipped" for item in self.items]


async def received(connect: Connect, reply: Reply, **settings: Any) -> Received:
    result = Received()
    async with StrictService([reply]) as service:
        try:
            async with connect(service, **settings).open_remix(WIRE) as opened:
                try:
                    async for item in opened:
                        result.items.append(item)
                finally:
                    result.message_id = opened.message_id
        except SoundverseError as error:
            result.error = error
        assert service.violations == []
        assert len(service.posts) == 1
    return result


DOCUMENTED = [chunk["status"] for chunk in stages()]


@pytest.mark.parametrize(
    "reply",
    [
        remix(),
        remix(drip=True),
        remix(framing="close"),
        remix(framing="length"),
        remix(compress=True),
        remix(headers={"Content-Type": "application/json"}),
        remix(headers={"Content-Type": "text/html; charset=latin-1"}),
        remix(headers={}),
        remix(status=201),
        stream(b"\xef\xbb\xbf", b": hello\n\n", *stages()),
        stream(b"\r\n\r\n", *(sse(chunk).replace(b"\n", b"\r\n") for chunk in stages())),
        stream(*(b"data:" + json.dumps(chunk).encode() + b"\n\n" for chunk in stages())),
        stream(*(b"id: 1\nevent: chunk\nretry: 1\n" + sse(chunk) for chunk in stages())),
        stream(*itertools.chain(*((b": ping\n\n", chunk) for chunk in stages()))),
        stream(*stages(), HOLD),
        stream(*stages(), b"data: nonsense\n\n", stages()[0]),
        stream(*stages(), end="reset"),
    ],
    ids=[
        "plain",
        "drip",
        "close",
        "length",
        "gzip",
        "as_json",
        "as_html",
        "no_type",
        "201",
        "bom",
        "crlf",
        "no_space",
        "fields",
        "pings",
        "held_open",
        "more_after_the_end",
        "reset_after_the_end",
    ],
)
async def test_a_whole_remix_is_read_in_any_form(connect: Connect, reply: Reply) -> None:
    result = await received(connect, reply)
    assert result.error is None
    assert result.statuses == DOCUMENTED
    assert result.finished
    assert result.message_id == "remix-1"


@pytest.mark.parametrize("end", ["cut", "reset", "finish"])
@pytest.mark.parametrize("framing", ["chunked", "close"])
@pytest.mark.parametrize("count", range(9))
async def test_a_cut_stream_keeps_what_had_arrived(
    connect: Connect, count: int, framing: str, end: str
) -> None:
    result = await received(connect, cut_after(count, end).but(framing=framing))
    assert result.statuses == DOCUMENTED[:count]
    assert not result.finished
    assert result.message_id == ("remix-1" if count >= 2 else None)
    # A body without framing ends silently, whatever ended it; so only a terminal chunk says that it is whole.
    clean = end == "finish" or framing == "close"
    assert (result.error is None) if clean else isinstance(result.error, StreamCut)


async def test_half_a_chunk_before_the_cut_is_not_a_chunk(connect: Connect) -> None:
    result = await received(connect, stream(*stages()[:2], sse(completed())[:60], end="cut"))
    assert result.statuses == DOCUMENTED[:2]
    assert not result.finished


@pytest.mark.parametrize("end", ["cut", "reset"])
async def test_a_cut_before_the_headers_leaves_the_outcome_open(connect: Connect, end: str) -> None:
    result = await received(connect, cut_before_headers(end))
    assert isinstance(result.error, StreamCut)
    assert result.error.sent
    assert result.error.spent is Spent.MAYBE
    assert result.error.__context__ is None


@pytest.mark.parametrize(
    "garbage",
    [
        b"\x00\x01\x02\r\n\r\n",
        b"HTTP/9.9 what\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"A: " + b"x" * 100_000 + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    ],
    ids=["bytes", "version", "header", "chunk"],
)
async def test_an_answer_that_is_no_http_leaves_the_outcome_open(connect: Connect, garbage: bytes) -> None:
    result = await received(connect, Reply([garbage], silent=True, framing="close"))
    assert isinstance(result.error, StreamCut)


@pytest.mark.parametrize(
    "label", ["gzip", "deflate", "br", "zstd", "identity", "none", "utf-8", "aws-chunked", "gzip, br"]
)
@pytest.mark.parametrize("drip", [False, True])
async def test_a_stream_that_is_not_packed_as_its_label_says_is_read_as_it_is(
    connect: Connect, label: str, drip: bool
) -> None:
    result = await received(connect, remix(headers={"Content-Encoding": label}, drip=drip))
    assert result.error is None
    assert result.statuses == DOCUMENTED


MARKS = {b"@ID@": b"remix-1", b"@STORAGE@": b"https://a.example", b"@BASE@": b"https://a.example"}


def filled(event: bytes) -> bytes:
    for mark, value in MARKS.items():
        event = event.replace(mark, value)
    return event


NAMED = [filled(sse(chunk)) for chunk in stages()]


@pytest.mark.parametrize("coding", PACKERS)
async def test_a_packed_stream_is_read_event_by_event(connect: Connect, coding: str) -> None:
    """Though "identity" was asked for, and each event is there when its bytes are."""
    pack = PACKERS[coding]()
    parts = [pack(event) for event in NAMED]
    result = await received(connect, Reply([*parts, HOLD], headers={"Content-Encoding": coding}))
    assert result.error is None
    assert result.statuses == DOCUMENTED


@pytest.mark.parametrize("coding", PACKERS)
async def test_what_came_before_a_fault_in_the_same_packet_is_not_lost(connect: Connect, coding: str) -> None:
    broken = PACKERS[coding]()(b"".join(NAMED[:2])) + b"\xff\xfe\xfd" * 200
    result = await received(connect, Reply([broken, HOLD], headers={"Content-Encoding": coding}))
    assert result.message_id == "remix-1"
    assert isinstance(result.error, StreamCut)
    assert "compression is broken" in result.error.message


CHUNK = b"".join(NAMED[:2])
FRAMED = b"%x\r\n%s\r\n" % (len(CHUNK), CHUNK)
HEAD = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    "parts",
    [
        [HEAD + FRAMED + b"zz\r\n", HOLD],
        [HEAD, FRAMED + b"zz\r\n", HOLD],
        [HEAD, FRAMED, b"-1\r\n", HOLD],
        [HEAD + FRAMED + b"ffffffffffffffffff\r\n"],
        [HEAD + FRAMED[:-2] + b"junk", HOLD],
        [HEAD[:-1], HEAD[-1:] + FRAMED + b"\0"],
        [b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + HEAD + FRAMED + b"zz\r\n", HOLD],
    ],
    ids=["one_packet", "body", "alone", "huge", "length", "split_head", "early_hints"],
)
async def test_a_broken_chunk_size_loses_nothing_and_is_noticed(connect: Connect, parts: list[Any]) -> None:
    reply = Reply(parts, silent=True, framing="close")
    result = await asyncio.wait_for(received(connect, reply), 30)
    assert result.statuses == DOCUMENTED[:2]
    assert result.message_id == "remix-1"
    assert isinstance(result.error, StreamCut)


async def test_a_few_bytes_that_stand_for_very_many_are_let_go(connect: Connect) -> None:
    pack = PACKERS["gzip"]()
    bomb = pack(NAMED[0]) + b"".join(pack(b": ping\n" * 500_000) for _ in range(20))
    result = await received(connect, Reply([bomb, HOLD], headers={"Content-Encoding": "gzip"}))
    assert isinstance(result.error, StreamCut)
    assert "at once" in result.error.message
    assert result.statuses == DOCUMENTED[:1]


REFUSALS = [
    (NO_PROMPT, InvalidRequestError),
    (TOO_LARGE, ReferenceAudioError),
    (RATE_LIMITED, RateLimitError),
    (NO_BALANCE, InsufficientBalanceError),
    (UNAVAILABLE, ServiceUnavailableError),
]
DRESSES = {
    "body_200": lambda body: refusal(body, 200),
    "body_200_as_stream": lambda body: refusal(body, 200, {"Content-Type": "text/event-stream"}),
    "body_200_chunked": lambda body: refusal(body).but(framing="chunked"),
    "body_200_drip": lambda body: refusal(body).but(drip=True),
    "body_200_gzip": lambda body: refusal(body).but(compress=True),
    "body_200_held_open": lambda body: Reply([json.dumps(body).encode(), HOLD], charges=False),
    "body_200_cut": lambda body: Reply([json.dumps(body).encode()], end="cut", charges=False),
    "body_200_utf16": lambda body: refusal(json.dumps(body).encode("utf-16")),
    "body_400": lambda body: refusal(body, 400),
    "body_500": lambda body: refusal(body, 500),
    "body_503_gzip": lambda body: refusal(body, 503).but(compress=True),
    "body_400_cut": lambda body: Reply([json.dumps(body).encode()], 400, end="cut", charges=False),
    "first_chunk": lambda body: stream(body, charges=False),
    "second_chunk": lambda body: stream(stages()[0], body, charges=False),
    "failed_chunk": lambda body: stream(
        {"isComplete": True, "status": "failed", "error": body.get("message") or body["detail"]},
        charges=False,
    ),
}


@pytest.mark.parametrize("dress", DRESSES.values(), ids=DRESSES)
@pytest.mark.parametrize(("body", "kind"), REFUSALS, ids=[kind.__name__ for _, kind in REFUSALS])
async def test_a_documented_refusal_is_known_however_it_comes(
    connect: Connect, body: Any, kind: type[APIError], dress: Any
) -> None:
    result = await received(connect, dress(body))
    assert type(result.error) is kind
    assert result.error.spent is Spent.NO
    assert not result.finished


async def test_an_error_after_the_id_is_raised_after_the_chunks_before_it(connect: Connect) -> None:
    result = await received(connect, stream(*stages()[:4], UNAVAILABLE, *stages()[4:]))
    assert result.statuses == DOCUMENTED[:4]
    assert isinstance(result.error, ServiceUnavailableError)
    assert (result.error.message_id, result.error.spent) == ("remix-1", Spent.MAYBE)


@pytest.mark.parametrize(
    "chunk",
    [
        {"message_id": "@ID@", "isComplete": True, "status": "failed", "error": "out of memory"},
        {"message_id": "@ID@", "isComplete": False, "status": "error", "error": "out of memory"},
        {"message_id": "@ID@", "error": "out of memory"},
        {"message_id": "@ID@", "isComplete": True, "success": False, "message": "out of memory"},
        {"isComplete": True, "status": "failed", "error": {"message": "out of memory"}},
    ],
)
async def test_a_failure_chunk_is_the_last_event_and_says_why(connect: Connect, chunk: Any) -> None:
    result = await received(connect, stream(*stages()[:5], chunk))
    assert result.error is None
    assert result.finished
    assert isinstance(result.items[-1], RemixEvent)
    assert result.items[-1].is_failure
    assert result.items[-1].reason == "out of memory"


@pytest.mark.parametrize(
    "odd",
    [
        b"data: nonsense\n\n",
        b"data: [DONE]\n\n",
        b"data: [1, 2]\n\n",
        b"data: null\n\n",
        b"data:\n\n",
        b"data: {\n\n",
        b"data: \xff\xfe\n\n",
        b"event: ping\ndata: ping\n\n",
    ],
)
@pytest.mark.parametrize("place", [0, 1, 4, 8])
async def test_a_chunk_that_is_not_json_is_reported_and_skipped(
    connect: Connect, odd: bytes, place: int
) -> None:
    result = await received(connect, stream(*stages()[:place], odd, *stages()[place:]))
    assert result.statuses == [*DOCUMENTED[:place], "skipped", *DOCUMENTED[place:]]
    assert result.finished


async def test_a_three_megabyte_event_does_not_break_the_stream(connect: Connect) -> None:
    huge = {"message_id": "@ID@", "status": "streaming", "waveform": "x" * 3_000_000}
    result = await received(connect, stream(*stages()[:6], huge, *stages()[6:]))
    assert result.finished
    assert result.statuses.count("skipped") == 1
    skipped = next(item for item in result.items if isinstance(item, SkippedChunk))
    assert "too large" in skipped.reason
    assert len(skipped.excerpt) <= 200
    assert skipped.message_id == "remix-1"


@pytest.mark.parametrize(
    "unreadable",
    [
        {"message_id": "@ID@", "song_name": "x" * 2_000_000},
        b'data: {"message_id": "@ID@", "status": "que\n\n',
        b'data: {"job_id": "@ID@", "n": 1.2.3}\n\n',
    ],
    ids=["huge", "broken", "no_json"],
)
async def test_an_id_is_found_even_in_a_chunk_that_cannot_be_read(connect: Connect, unreadable: Any) -> None:
    result = await received(connect, stream(stages()[0], unreadable, end="cut"))
    assert result.message_id == "remix-1"


async def test_a_chunk_about_another_order_is_skipped_and_its_address_is_not_believed(
    connect: Connect,
) -> None:
    anothers = [
        {**completed("https://a.example/another.mp3"), "message_id": "remix-99"},
        {"message_id": "remix-99", "success": False, "message": "Rate limits have been passed for the user."},
        {"data": {"message_id": "remix-99", "status": "completed"}, "audio_url": "https://a.example/no.mp3"},
    ]
    result = await received(connect, stream(*stages()[:3], *anothers, *stages()[3:]))
    assert result.error is None
    assert result.statuses == [*DOCUMENTED[:3], *["skipped"] * 3, *DOCUMENTED[3:]]
    assert result.message_id == "remix-1"
    last = result.items[-1]
    assert isinstance(last, RemixEvent)
    assert "/audio/remix-1.mp3" in str(last.audio_url)


@pytest.mark.parametrize(
    ("first", "later"),
    [
        ({"message_id": 17}, {"message_id": "17"}),
        ({"message_id": "17"}, {"message_id": " 17 "}),
        ({"message_id": "m", "job_id": "j"}, {"job_id": "j"}),
        ({"message_id": "m", "job_id": "j"}, {"message_id": "other", "job_id": "j"}),
        ({"job_id": "j"}, {"message_id": "m"}),
        ({"message_id": None, "job_id": "j"}, {"message_id": "", "job_id": "j"}),
    ],
)
async def test_two_names_of_one_order_are_not_two_orders(connect: Connect, first: Any, later: Any) -> None:
    end = {**later, "status": "completed", "isComplete": True, "audio_url": "https://a.example/a.mp3"}
    result = await received(connect, stream({**first, "status": "queued"}, end))
    assert result.finished
    assert result.message_id == str(first.get("message_id") or first["job_id"])


NAMING = [
    {"message_id": None, "job_id": "@ID@", "status": "queued"},
    {"message_id": "", "job_id": "@ID@"},
    {"message_id": "  ", "job_id": "@ID@", "status": "queued"},
    {"message_id": False, "jobId": "@ID@"},
    {"messageId": "@ID@", "status": "queued"},
    {"success": True, "data": {"message_id": "@ID@", "status": "queued"}},
]


@pytest.mark.parametrize("chunk", NAMING, ids=json.dumps)
async def test_a_name_is_seen_beside_null_and_in_any_spelling(connect: Connect, chunk: Any) -> None:
    result = await received(connect, stream(stages()[0], chunk, end="cut"))
    assert result.message_id == "remix-1"


@pytest.mark.parametrize(
    "rest",
    [
        sse(stages()[1])[:-1],
        sse(stages()[1])[:-2],
        b'data: {"message_id": "@ID@", "sta',
        b'data: {"chunkIndex": 1,\ndata: "message_id": "@ID@"',
        b'event: chunk\ndata: {"message_id": null, "job_id": "@ID@"}\n',
        b'data: {"job_id": "@ID@", "pad": "' + b"x" * 2_000_000,
    ],
    ids=["no_blank_line", "no_line_end", "half", "two_lines", "job_id", "huge"],
)
@pytest.mark.parametrize("end", ["finish", "cut", "reset"])
async def test_the_last_event_names_the_order_though_it_never_ended(
    connect: Connect, rest: bytes, end: str
) -> None:
    result = await received(connect, stream(stages()[0], rest, end=end))
    assert result.message_id == "remix-1"
    assert not result.finished
    assert result.items[-1].message_id == "remix-1"


@pytest.mark.parametrize("rest", [b'data: {"message_id": "@I', b'data: {"message_id": 12', b": a comment"])
async def test_half_a_name_is_none(connect: Connect, rest: bytes) -> None:
    result = await received(connect, stream(stages()[0], rest, end="cut"))
    assert result.message_id is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"message_id": "@ID@", "status": "que',
        b'{"message_id": "@ID@"}\n{"message_id": "@ID@", "status": "queued"}\n',
        {"error": {"message": "busy", "message_id": "@ID@"}},
        {"message_id": None, "job_id": "@ID@", "error": "busy"},
    ],
)
async def test_an_answer_that_is_no_stream_names_the_order_all_the_same(connect: Connect, body: Any) -> None:
    result = await received(connect, answer(body))
    named = result.error.message_id if isinstance(result.error, APIError) else result.message_id
    assert named == "remix-1"


async def test_odd_chunks_are_passed_on_as_they_are(connect: Connect) -> None:
    odd = [
        {"job_id": 17, "isComplete": "false", "status": "mastering", "chunkIndex": "7"},
        {"message_id": None, "isComplete": None, "status": None, "progress": None, "chunkIndex": None},
        {"message_id": "@ID@", "status": "streaming", "progress": 80, "chunkIndex": 3},
        {"message_id": "@ID@", "status": "streaming", "progress": 12.5, "chunkIndex": 3},
        {"message_id": "@ID@", "status": "streaming", "progress": {"percent": 3}, "extra": [1]},
        {},
    ]
    result = await received(connect, stream(*odd, completed()))
    assert result.finished
    assert result.error is None
    assert len(result.items) == len(odd) + 1
    assert [item.progress for item in result.items if isinstance(item, RemixEvent)][2:4] == [80.0, 12.5]


@pytest.mark.parametrize(
    ("reply", "kind", "says"),
    [
        (refusal(b"<html><title>502 Bad Gateway</title>", 502), ServiceUnavailableError, "Bad Gateway"),
        (refusal(b"<html><body>Internal error</body>", 500), APIError, "Internal error"),
        (refusal(b"", 500), APIError, "500"),
        (refusal(b"<!doctype html><title>Sign in</title>", 200), APIError, "Sign in"),
        (refusal(b"\n\n <html>Sign in", 200), APIError, "Sign in"),
        (refusal(b"<html>" + b"x" * 2_000_000, 200), APIError, "xxx"),
        (refusal({"detail": "nope"}, 401), AuthenticationError, "nope"),
        (refusal(b"Hello\n\nthere", 200), APIError, "Hello there"),
        (refusal(b"ok", 200).but(framing="chunked", end="cut"), APIError, "ok"),
        (redirect("@BASE@/elsewhere", 301), APIError, "redirect"),
        (redirect("@BASE@/v7/generate/remix", 307), APIError, "redirect"),
        (redirect("@STORAGE@/catch", 308), APIError, "redirect"),
        (redirect("@BASE@/elsewhere", 303), APIError, "redirect"),
        (Reply([b"<html>"], 500, end="cut"), APIError, "500"),
    ],
)
async def test_an_answer_that_is_no_stream_is_a_typed_error(
    connect: Connect, reply: Reply, kind: type[APIError], says: str
) -> None:
    result = await received(connect, reply)
    assert type(result.error) is kind
    assert says in result.error.message
    assert result.error.status_code == reply.status
    assert len(str(result.error)) < 600


async def test_one_chunk_as_plain_json_still_names_the_order(connect: Connect) -> None:
    result = await received(connect, answer({"message_id": "@ID@", "status": "queued"}))
    assert (result.message_id, result.finished, result.error) == ("remix-1", False, None)


@pytest.mark.parametrize("reply", [answer(b""), Reply(), answer(b" \n\n"), stream(b": only comments\n\n")])
async def test_an_empty_stream_is_a_cut(connect: Connect, reply: Reply) -> None:
    result = await received(connect, reply)
    assert result.items == []
    assert not result.finished


async def test_an_endless_page_is_read_up_to_a_bound(connect: Connect) -> None:
    result = await received(connect, Reply(itertools.repeat(b"<html>" + b"x" * 60_000)))
    assert isinstance(result.error, APIError)


async def test_silence_is_measured_while_somebody_reads(connect: Connect) -> None:
    now = [1000.0]
    async with (
        StrictService([stream(*stages()[:3], HOLD, *stages()[3:])]) as service,
        connect(service, clock=lambda: now[0]).open_remix(WIRE) as opened,
    ):
        for _ in range(3):
            await opened.__anext__()
        reading = asyncio.ensure_future(opened.__anext__())
        await asyncio.sleep(0)
        assert opened.idle_seconds() == 0.0
        now[0] += 75.0
        assert opened.idle_seconds() == 75.0
        assert not reading.done()
        service.release()
        assert (await reading).status == "initializing"  # type: ignore[union-attr]
        assert opened.idle_seconds() == 0.0


async def test_a_comment_is_a_sign_of_life(connect: Connect) -> None:
    now = [0.0]
    async with (
        StrictService([stream(b": ping\n\n", HOLD, *stages())]) as service,
        connect(service, clock=lambda: now[0]).open_remix(WIRE) as opened,
    ):
        reading = asyncio.ensure_future(opened.__anext__())
        now[0] = 50.0
        while opened.idle_seconds():  # noqa: ASYNC110 - no event tells of a byte that means nothing
            await asyncio.sleep(0)
        service.release()
        await reading


async def test_a_cancelled_read_loses_no_chunk(connect: Connect) -> None:
    async with (
        StrictService([stream(*stages()[:2], HOLD, *stages()[2:])]) as service,
        connect(service).open_remix(WIRE) as opened,
    ):
        statuses = [(await opened.__anext__()).status for _ in range(2)]  # type: ignore[union-attr]
        reading = asyncio.ensure_future(opened.__anext__())
        await asyncio.sleep(0)
        reading.cancel()
        await asyncio.wait({reading})
        assert reading.cancelled()
        service.release()
        statuses += [item.status async for item in opened]  # type: ignore[union-attr]
        assert statuses == DOCUMENTED


async def test_nothing_comes_after_the_end(connect: Connect) -> None:
    async with StrictService([remix()]) as service, connect(service).open_remix(WIRE) as opened:
        assert len([item async for item in opened]) == len(DOCUMENTED)
        assert [item async for item in opened] == []
