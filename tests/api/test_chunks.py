"""Bytes become events, skipped chunks and errors, in order, however they are cut and at whichever speed."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest

from soundverse_nb.api.chunks import Chunk, ChunkReader, SkippedChunk
from soundverse_nb.api.event import RemixEvent
from soundverse_nb.api.secrets import remember_key
from soundverse_nb.errors import APIError, RateLimitError, Spent
from tests.strict_service import RATE_LIMITED, UNAVAILABLE, sse, stages

ODD: list[Any] = [
    *stages(),
    {"status": "queued", "message_id": "ä\u2028🎵"},
    {"job_id": 5},
    {"message_id": None, "job_id": "j"},
    {"status": "failed", "error": "boom"},
    {"extra": {"nested": [1]}, "status": "streaming", "isComplete": False, "message_id": "m"},
    b"data: nonsense\n\n",
    b"data: \xff\xfe\n\n",
    b'data: {"song_name": "\xff", "message_id": "m"}\n\n',
    b'data: {"song_name": "a\rb"}\n\n',
    b"data: {\ndata: }\n\n",
    b": ping\n\n",
    b"id: 3\nevent: x\ndata: {}\n\n",
    b"\n\n\n",
    b"data: []\n\n",
    b'data: {"n": ' + b"9" * 70_000 + b"}\n\n",
]


def read(pieces: list[bytes]) -> list[Any]:
    reader = ChunkReader()
    chunks: list[Chunk] = []
    for piece in pieces:
        chunks.extend(reader.feed(piece))
    return [(type(chunk), str(chunk)) for chunk in chunks]


@pytest.mark.parametrize("seed", range(30))
def test_the_quick_ways_read_the_same_as_the_slow_one(seed: int) -> None:
    chance = random.Random(seed)
    events = [sse(chance.choice(ODD)) for _ in range(12)]
    stream = b"".join(events)
    one_by_one = read([b"\n", *events])
    assert one_by_one == read([stream])
    assert one_by_one == read([stream[i : i + 1000] for i in range(0, len(stream), 1000)])
    cuts = sorted(chance.choices(range(len(stream) + 1), k=20))
    assert one_by_one == read([stream[a:b] for a, b in zip([0, *cuts], [*cuts, len(stream)], strict=True)])


def test_an_event_in_one_read_is_checked_like_any_other() -> None:
    reader = ChunkReader()
    list(reader.feed(b"\n"))
    (first,) = reader.feed(sse(RATE_LIMITED))
    assert isinstance(first, RateLimitError)
    assert first.spent is Spent.NO
    (named,) = reader.feed(sse({"message_id": "m", "isComplete": False, "status": "queued"}))
    assert isinstance(named, RemixEvent)
    (later,) = reader.feed(sse(UNAVAILABLE))
    assert isinstance(later, APIError)
    assert (later.message_id, later.spent) == ("m", Spent.MAYBE)


@pytest.mark.parametrize(
    ("chunk", "kind"),
    [
        ({"isComplete": True, "status": "failed", "error": RATE_LIMITED["message"]}, RateLimitError),
        ({"isComplete": True, "status": "failed", "error": "boom"}, RemixEvent),
        ({"isComplete": False, "status": "streaming", "success": False, "message": "no"}, APIError),
        ({"isComplete": False, "status": "streaming", "success": True}, RemixEvent),
        ({"isComplete": False, "status": "streaming", "error": "one worker was lost"}, RemixEvent),
        ({"detail": [{"loc": ["body"], "msg": "no"}]}, APIError),
        ({"message": "hello"}, APIError),
        ({}, RemixEvent),
        ([], SkippedChunk),
    ],
)
def test_a_chunk_is_an_event_an_error_or_skipped(chunk: Any, kind: type) -> None:
    (found,) = ChunkReader().feed(
        sse(chunk) if isinstance(chunk, dict) else b"data: %s\n\n" % json.dumps(chunk).encode()
    )
    assert isinstance(found, kind)


def test_the_first_id_stays_the_orders_id() -> None:
    reader = ChunkReader()
    for name in ("one", "two"):
        list(reader.feed(sse({"message_id": name, "status": "streaming", "isComplete": False})))
    assert reader.message_id == "one"


KEY = "chunk-key-0123456789"
SAYING_THE_KEY = {
    "in a title": {"song_name": f"by {KEY}"},
    "in an address": {"audio_url": f"https://a.example/a.mp3?key={KEY}"},
    "in another case": {"operation": KEY.upper()},
    "in a new field": {"owner": KEY},
    "in a second spelling of a field": {"is_complete": {"by": KEY}},
    "in place of a status": {"status": KEY},
    "in a field's name": {KEY: 1},
}


@pytest.mark.parametrize("said", SAYING_THE_KEY.values(), ids=SAYING_THE_KEY)
def test_no_chunk_in_the_midst_of_a_stream_says_the_key(said: dict[str, Any]) -> None:
    remember_key(KEY)
    usual = {"message_id": "remix-1", "isComplete": False, "status": "streaming", "progress": 10}
    reader = ChunkReader()
    list(reader.feed(b"\n" + sse(usual) * 2))
    (event,) = reader.feed(sse({**usual, **said}))
    assert isinstance(event, RemixEvent)
    assert KEY not in json.dumps(event.model_dump()).lower()


def test_a_chunk_in_the_midst_of_a_stream_may_be_about_another_order_or_a_failure() -> None:
    usual = {"message_id": "remix-1", "isComplete": False, "status": "streaming", "progress": 10}
    reader = ChunkReader()
    list(reader.feed(b"\n" + sse(usual) * 2))
    (other,) = reader.feed(sse({**usual, "message_id": "remix-2"}))
    assert isinstance(other, SkippedChunk)
    (bad,) = reader.feed(sse({**usual, "error": "out of memory", "isComplete": True}))
    assert isinstance(bad, RemixEvent)
    assert bad.is_failure
    (empty,) = reader.feed(sse({**usual, "song_name": "", "progress": "40%"}))
    assert isinstance(empty, RemixEvent)
    assert (empty.song_name, empty.progress) == (None, 40)


def test_a_chunk_that_bears_only_the_number_of_queued_was_let_in() -> None:
    reader = ChunkReader()
    list(reader.feed(sse(stages()[0]) + sse({"chunkIndex": 1})))
    assert reader.taken
