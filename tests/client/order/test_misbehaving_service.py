"""Every way a server can misbehave ends in a typed error or a finished remix, with at most one paid POST."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest

import soundverse_nb as sv
from tests import strict_service as script
from tests.api.packing import whole
from tests.client.conftest import SONG
from tests.strict_service import Reply, StrictService, answer, completed, refusal, stages, stream

MakeClient = Callable[..., sv.Client]


@dataclass(frozen=True)
class Case:
    """A scripted service and what must come of it.

    `ends` is an error class or "remix"; `state` the order's state afterwards; `posts` and `charged` what the
    service saw.
    """

    name: str
    ends: Any
    state: str
    posts: int = 1
    charged: int = 1
    script: tuple[Reply, ...] = ()
    status: tuple[Reply, ...] = ()
    files: dict[str, list[Reply]] = field(default_factory=dict)


def endless_audio() -> Iterator[bytes]:
    while True:
        yield script.MP3


def stages_with(**fields: Any) -> list[dict[str, Any]]:
    return [{**stage, **fields} for stage in stages()]


def numbered(order: list[int]) -> list[dict[str, Any]]:
    return [{**stage, "chunkIndex": index} for stage, index in zip(stages(), order, strict=True)]


def with_progress(*values: Any) -> list[dict[str, Any]]:
    before, after = stages()[:5], stages()[-1]
    named = {"message_id": "@ID@", "isComplete": False, "status": "streaming"}
    return [*before, *({**named, "progress": value} for value in values), after]


AUDIO = "/audio/remix-1.mp3"
WRONG = {
    "isComplete": "no", "chunkIndex": "seven", "progress": {"a": 1}, "version": [1], "album_art": 7,
    "song_name": None, "streaming_ready": "maybe", "operation": 3.5, "stream_url": False, "extra": {"x": 1},
}  # fmt: skip
HTML = b"<html><head><title>502 Bad Gateway</title></head><body><h1>oops</h1></body></html>"
FAILED = {"message_id": "@ID@", "isComplete": True, "status": "failed", "error": "model exploded"}


def nameless(**fields: Any) -> dict[str, Any]:
    return {"isComplete": False, **fields}


# What a stream may say of an order that was let in, without ever naming it.
PAST_VALIDATING: dict[str, list[Any]] = {
    "queued": [nameless(status="queued")],
    "streaming at 60": [nameless(status="queued"), nameless(status="streaming", progress=60)],
    "an unknown word": [nameless(status="mastering")],
    "a progress": [nameless(progress=0)],
    "a stream_url": [nameless(status="validating", stream_url="https://a.example/s")],
    "a title": [nameless(song_name="Basic Instinct")],
    "a field of its own": [{"queue_position": 3}],
    "what cannot be read": [b'data: {"status": "queu\n\n'],
    "what is too large": [b"data: " + b"x" * 2_000_000 + b"\n\n"],
    "an event called queued": [b"event: queued\ndata: {}\n\n"],
    "an event called queued and no data": [b"event: queued\ndata:\n\n"],
    "whether it can be heard": [nameless(streaming_ready=False)],
    "a hole in the numbers": [b'data: {"chunkIndex": 7, "isComplete": false}\n\n'],
}

LARGE_HEADERS = {
    "a header of 9,000 bytes": {"X-Policy": "p" * 9_000},
    "140 headers": {f"X-Trace-{n}": "t" for n in range(140)},
}

ANOTHERS: dict[str, Any] = {
    "completed": {**completed("@STORAGE@/audio/another.mp3"), "message_id": "remix-99"},
    "wrapped": {"data": {**completed("@STORAGE@/audio/another.mp3"), "message_id": "remix-99"}},
    "a list": [{**completed("@STORAGE@/audio/another.mp3"), "message_id": "remix-99"}],
    "failed": {"job_id": "remix-99", "status": "failed", "error": "model exploded"},
}

CASES = [
    # Cuts
    Case("cut before headers", sv.UnknownOutcomeError, "unknown", script=(script.cut_before_headers(),)),
    Case("reset before headers", sv.UnknownOutcomeError, "unknown",
         script=(script.cut_before_headers("reset"),)),
    Case("cut after headers", sv.UnknownOutcomeError, "unknown", script=(script.cut_after(0),)),
    Case("cut before the id", sv.UnknownOutcomeError, "unknown", script=(script.cut_after(1),)),
    Case("cut after the id", "remix", "fetched", script=(script.cut_after(2),)),
    Case("reset after the id", "remix", "fetched", script=(script.cut_after(2, "reset"),)),
    Case("cut mid-stream", "remix", "fetched", script=(script.cut_after(7),)),
    Case("cut at 100", "remix", "fetched", script=(script.cut_after(8),)),
    Case("cut inside a chunk", "remix", "fetched",
         script=(stream(*stages()[:3], b'data: {"message_id": "@ID@", "sta', end="cut"),)),
    Case("no head before the id", "remix", "fetched",
         script=(stream(b"".join(map(script.sse, stages()[:2])), silent=True, framing="close"),)),
    Case("a blank in a header's name", "remix", "fetched", script=(script.remix(headers={"X A": "1"}),)),
    Case("no size before the id", "remix", "fetched",
         script=(stream(stages()[0], b"zz\r\n", stages()[1], framing="close",
                        headers={"Transfer-Encoding": "chunked"}),)),
    Case("clean EOF at once", sv.UnknownOutcomeError, "unknown", script=(stream(),)),
    Case("clean EOF before the id", sv.UnknownOutcomeError, "unknown", script=(stream(*stages()[:1]),)),
    Case("clean EOF after the id", "remix", "fetched", script=(stream(*stages()[:2]),)),
    Case("clean EOF mid-stream", "remix", "fetched", script=(stream(*stages()[:7]),)),
    Case("connection-close body cut short", "remix", "fetched",
         script=(stream(*stages()[:4], framing="close"),)),
    # Failure and its absence
    Case("failure chunk", sv.GenerationFailedError, "failed", script=(stream(*stages()[:4], FAILED),)),
    Case("failure by status", sv.GenerationFailedError, "failed",
         script=(script.cut_after(3),), status=(answer(FAILED),)),
    Case("completed without audio_url, status has it", "remix", "fetched",
         script=(stream(*stages()[:8], completed(None)),)),
    Case("completed without audio_url anywhere", sv.DownloadError, "accepted",
         script=(stream(*stages()[:8], completed(None)),), status=(answer(completed(None)),) * 20),
    # audio_url
    Case("audio_url is file:", sv.DownloadError, "completed",
         script=(stream(*stages()[:8], completed("file:///etc/passwd")),),
         status=(answer(completed("file:///etc/passwd")),) * 9),
    Case("audio_url is relative", sv.DownloadError, "completed",
         script=(stream(*stages()[:8], completed("audio/x.mp3")),),
         status=(answer(completed("audio/x.mp3")),) * 9),
    Case("audio_url is javascript:", sv.DownloadError, "completed",
         script=(stream(*stages()[:8], completed("javascript:alert(1)")),),
         status=(answer(completed("javascript:alert(1)")),) * 9),
    *(
        Case(f"audio_url names no possible host: {url}", sv.DownloadError, "completed",
             script=(stream(*stages()[:8], completed(url)),), status=(answer(completed(url)),) * 9)
        for url in ("http://a..b/x.mp3", f"http://{'a' * 70}.com/x.mp3", "http://\u00ad/x.mp3")
    ),
    Case("audio redirecting to no possible host", sv.DownloadError, "completed",
         files={AUDIO: [script.redirect("http://a..b/x.mp3", 302)]}),
    Case("album_art names no possible host", "remix", "fetched",
         script=(stream(stages()[0], {**stages()[1], "album_art": "http://a..b/x.png"}, *stages()[2:-1],
                        {**completed(), "album_art": "http://a..b/x.png"}),)),
    Case("stale audio_url, status has a good one", "remix", "fetched",
         script=(stream(*stages()[:8], completed("@STORAGE@/gone.mp3")),)),
    Case("audio 404", sv.DownloadError, "completed", files={AUDIO: [answer(b"", 404)]}),
    Case("audio is HTML", sv.DownloadError, "completed",
         files={AUDIO: [answer(HTML, headers={"Content-Type": "audio/mpeg"})]}),
    Case("audio endless", sv.DownloadError, "completed",
         files={AUDIO: [Reply(endless_audio(), headers={"Content-Type": "audio/mpeg"})]}),
    Case("audio flaky", "remix", "fetched",
         files={AUDIO: [answer(b"", 503), Reply([script.MP3[:500]], end="cut"), answer(script.MP3)]}),
    Case("audio redirecting", "remix", "fetched",
         files={AUDIO: [script.redirect("@STORAGE@/audio/else.mp3", 302)]}),
    Case("audio redirecting for ever", sv.DownloadError, "completed",
         files={AUDIO: [script.redirect(AUDIO, 302)]}),
    Case("audio redirecting to file:", sv.DownloadError, "completed",
         files={AUDIO: [script.redirect("file:///etc/passwd", 302)]}),
    # A library's limits, and labels that are not true, are met after the money is spent.
    *(
        Case(f"{kind} on every answer", "remix", "fetched",
             script=(script.cut_after(2).but(headers=headers),),
             status=(answer(completed(), headers=headers),),
             files={AUDIO: [answer(script.MP3, headers=headers)]})
        for kind, headers in LARGE_HEADERS.items()
    ),
    *(
        Case(f"audio labelled {label}", "remix", "fetched",
             files={AUDIO: [answer(script.MP3, headers={"Content-Encoding": label})]})
        for label in ("gzip", "deflate", "br", "zstd", "identity", "none", "utf-8", "aws-chunked", "gzip, br")
    ),
    *(
        Case(f"audio packed with {coding}", "remix", "fetched",
             files={AUDIO: [answer(whole(coding, script.MP3), headers={"Content-Encoding": coding})]})
        for coding in ("gzip", "deflate", "br", "zstd")
    ),
    Case("audio packed without a word", "remix", "fetched",
         files={AUDIO: [answer(whole("gzip", script.MP3))]}),
    Case("audio packed and cut", sv.DownloadError, "completed",
         files={AUDIO: [answer(whole("gzip", script.MP3)[:-40], headers={"Content-Encoding": "gzip"})]}),
    Case("audio that unpacks to very much", sv.DownloadError, "completed",
         files={AUDIO: [answer(whole("gzip", script.MP3_FRAME * 100_000),
                               headers={"Content-Encoding": "gzip"})]}),
    # Chunks
    Case("unknown status", "remix", "fetched",
         script=(stream(*stages()[:4], {"message_id": "@ID@", "status": "polishing"}, *stages()[4:]),)),
    Case("extra, null and wrongly typed fields", "remix", "fetched",
         script=(stream(stages()[0], stages()[1], {**stages()[2], **WRONG}, *stages()[3:]),)),
    Case("progress backwards", "remix", "fetched", script=(stream(*with_progress(10, 60, 20, 90, 5)),)),
    Case("progress fractional", "remix", "fetched", script=(stream(*with_progress(0.5, 33.33, 99.9)),)),
    Case("duplicate chunks", "remix", "fetched",
         script=(stream(*[stage for stage in stages()[:-1] for _ in range(2)], stages()[-1]),)),
    Case("out-of-order chunkIndex", "remix", "fetched",
         script=(stream(*numbered([8, 0, 3, 3, 1, 7, 2, 5, 4])),)),
    Case("event of 3 MB", "remix", "fetched",
         script=(stream(*stages()[:3], b"data: " + b"x" * 3_000_000 + b"\n\n", *stages()[3:]),)),
    Case("3 MB event holds the id", "remix", "fetched",
         script=(stream(stages()[0], b'data: {"message_id": "@ID@", "pad": "' + b"x" * 3_000_000 + b'"}\n\n',
                        end="cut"),)),
    Case("chunk that is not JSON", "remix", "fetched",
         script=(stream(*stages()[:3], b"data: {oops\n\n", b"data: [1]\n\n", *stages()[3:]),)),
    Case("gzip", "remix", "fetched", script=(script.remix(compress=True),)),
    Case("one byte at a time", "remix", "fetched", script=(script.remix(drip=True),)),
    Case("job_id instead of message_id", "remix", "fetched",
         script=(stream({"job_id": "@ID@", "status": "job_created"}, end="cut"),)),
    # Answers instead of a stream
    Case("HTML 500", sv.UnreadableAnswerError, "unknown", script=(refusal(HTML, 500),), charged=0),
    Case("empty 502", sv.UnreadableAnswerError, "unknown", script=(refusal(b"", 502),), charged=0),
    Case("500 that names the order", "remix", "fetched", charged=0,
         script=(refusal({"error": "upstream timeout", "message_id": "@ID@"}, 500),),
         status=(answer(completed()),)),
    Case("JSON error with 200", sv.InsufficientBalanceError, "refused",
         script=(refusal(script.NO_BALANCE, 200),), charged=0),
    Case("reference refused with 200", sv.ReferenceAudioError, "refused",
         script=(refusal(script.TOO_LARGE, 200),), charged=0),
    Case("prompt refused with 422", sv.InvalidRequestError, "refused",
         script=(refusal({"detail": [{"loc": ["body", "prompt"], "msg": "too long"}]}, 422),), charged=0),
    Case("429 without Retry-After, then good", "remix", "fetched", posts=3,
         script=(refusal(script.RATE_LIMITED, 429), refusal(script.RATE_LIMITED, 200))),
    Case("429 with Retry-After, then good", "remix", "fetched", posts=2,
         script=(refusal(script.RATE_LIMITED, 429, {"Retry-After": "7"}),)),
    Case("429 for ever", sv.RateLimitError, "refused", posts=10, charged=0,
         script=(refusal(script.RATE_LIMITED, 429),) * 30),
    Case("429 with an endless Retry-After", sv.RateLimitError, "refused", charged=0,
         script=(refusal(script.RATE_LIMITED, 429, {"Retry-After": "86400"}),) * 30),
    Case("documented 503, then good", "remix", "fetched", posts=2,
         script=(refusal(script.UNAVAILABLE, 503),)),
    Case("documented 503 for ever", sv.ServiceUnavailableError, "refused", posts=10, charged=0,
         script=(refusal(script.UNAVAILABLE, 503),) * 30),
    Case("another 503", sv.UnreadableAnswerError, "unknown", charged=0,
         script=(refusal({"message": "upstream connect error"}, 503),)),
    # A redirect may follow what the POST has made and charged: it is no refusal.
    *(
        Case(f"{status} after the charge", sv.UnreadableAnswerError, "unknown",
             script=(script.redirect("@BASE@/v7/generate/remix", status).but(charges=True),))
        for status in (101, 301, 302, 303, 307, 308)
    ),
    *(
        Case(f"{status} after the charge", sv.UnknownOutcomeError, "unknown",
             script=(refusal(body, status).but(charges=True),))
        for status, body in ((202, b""), (202, script.RATE_LIMITED), (205, b""), (409, b""))
    ),
    # Once the stream came past "validating" nothing is a refusal, not even in the document's words.
    *(
        Case(f"nameless, {word}, then {next(iter(said.values()))}", sv.UnknownOutcomeError, "unknown",
             script=(stream(stages()[0], *past, said),) * 3)
        for word, past in PAST_VALIDATING.items()
        for said in (script.UNAVAILABLE, script.RATE_LIMITED)
    ),
    *(
        Case(f"nameless, streaming, then {next(iter(said.values()))}", sv.UnknownOutcomeError, "unknown",
             script=(stream(stages()[0], *PAST_VALIDATING["streaming at 60"], said),) * 3)
        for said in (script.NO_BALANCE, script.NO_PROMPT, script.TOO_LARGE, {"detail": "Invalid API key"})
    ),
    Case("nameless, streaming, then failed in the document's words", sv.GenerationFailedError, "failed",
         script=(stream(stages()[0], *PAST_VALIDATING["streaming at 60"],
                        {"status": "failed", "error": script.UNAVAILABLE["message"]}),) * 3),
    Case("nameless, streaming, then cut", sv.UnknownOutcomeError, "unknown",
         script=(stream(stages()[0], *PAST_VALIDATING["streaming at 60"], end="cut"),) * 3),
    Case("named, streaming, then the 503", "remix", "fetched",
         script=(stream(*stages()[:6], script.UNAVAILABLE),) * 3),
    Case("validating for long, then the 503, then good", "remix", "fetched", posts=2,
         script=(stream(stages()[0], stages()[0], b": ping\n\n", b"data: ping\n\n", {}, script.UNAVAILABLE,
                        charges=False),)),
    Case("rate limit inside the stream", "remix", "fetched", posts=2, charged=1,
         script=(stream(script.RATE_LIMITED, charges=False),)),
    Case("status endpoint fails for a while", "remix", "fetched", script=(script.cut_after(2),),
         status=(refusal(HTML, 502), answer(b"", 500), answer({"detail": "Not Found"}, 404))),
    Case("status endpoint knows nothing, for ever", sv.UnknownOutcomeError, "accepted",
         script=(script.cut_after(2),), status=(answer({"detail": "Not Found"}, 404),) * 500),
    Case("key rejected while following", sv.AuthenticationError, "accepted",
         script=(script.cut_after(2),), status=(answer({"detail": "Invalid API key"}, 401),) * 3),
    # An answer about another order is no answer: it is asked on, and that order's audio is never fetched.
    *(
        Case(f"status about another order: {kind}", "remix", "fetched", script=(script.cut_after(2),),
             status=(answer(body),) * 3)
        for kind, body in ANOTHERS.items()
    ),
    Case("status about another order, for ever", sv.UnknownOutcomeError, "accepted",
         script=(script.cut_after(2),), status=(answer(ANOTHERS["completed"]),) * 500),
    Case("a fresh address of another order", sv.DownloadError, "completed",
         files={AUDIO: [answer(b"", 403)]}, status=(answer(ANOTHERS["completed"]),) * 9),
    Case("completed without audio_url, status about another order", "remix", "fetched",
         script=(stream(*stages()[:8], completed(None)),), status=(answer(ANOTHERS["completed"]),) * 2),
    Case("the end of another order in the stream", "remix", "fetched",
         script=(stream(*stages()[:3], ANOTHERS["completed"], end="cut"),)),
    Case("status goes on for hours, then completes", "remix", "fetched", script=(script.cut_after(2),),
         status=(answer({"message_id": "@ID@", "status": "streaming", "progress": 90}),) * 300),
]  # fmt: skip


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_ends_typed(case: Case, make_client: MakeClient) -> None:
    async with StrictService(case.script, status=case.status, files=case.files) as service:
        client = make_client(service, max_bytes=1_000_000)
        ended = await asyncio.wait_for(_outcome(client), 30)
        (order,) = client.orders()
    if case.ends == "remix":
        assert isinstance(ended, sv.Remix), ended
        assert ended.audio.path.read_bytes() == script.MP3
    else:
        assert isinstance(ended, case.ends), ended
        assert ended.message
        assert ended.hint
    assert order.state.value == case.state
    assert not any("another" in request.path for request in service.requests)
    assert len(service.posts) == case.posts
    assert service.charged == case.charged
    assert service.violations == []


NONSENSE: dict[str, tuple[script.Reply, str]] = {
    "a page with 200": (refusal(HTML, 200), "502 Bad Gateway"),
    "JSON of another kind": (refusal({"hello": "world"}, 200), '{"hello": "world"}'),
    "a list": (refusal([1, 2], 200), "[1, 2]"),
    "a word": (refusal("ok", 200), '"ok"'),
    "500 with JSON": (refusal({"code": 17}, 500), '{"code": 17}'),
    "events that are no JSON": (stream(b"data: {{{\n\n", b"data: la la la\n\n"), "la la la"),
}


@pytest.mark.parametrize("reply", NONSENSE.values(), ids=NONSENSE)
async def test_nonsense_is_an_api_error_with_an_excerpt_and_an_unknown_outcome(
    reply: tuple[script.Reply, str], make_client: MakeClient
) -> None:
    answer_, excerpt = reply
    async with StrictService((answer_,)) as service:
        ended = await asyncio.wait_for(_outcome(make_client(service)), 30)
    assert isinstance(ended, sv.APIError), ended
    assert isinstance(ended, sv.UnknownOutcomeError), ended
    assert ended.spent.value == "maybe"
    assert ended.order_id is not None
    assert excerpt in ended.message
    assert len(ended.message) < 500


LOST: dict[str, tuple[script.Reply, str]] = {
    "headers": (
        stream(*stages()[:1], headers={"X-Policy": "p" * 100_000}),
        "headers of the answer are too large",
    ),
    "packed": (
        Reply([whole("gzip", b"data: {}\n\n")[:-8] + bytes(8)], headers={"Content-Encoding": "gzip"}),
        "its gzip compression is broken",
    ),
    "reset": (script.cut_before_headers("reset"), "the connection was reset"),
}


@pytest.mark.parametrize("reply", LOST.values(), ids=LOST)
async def test_why_an_order_has_no_known_outcome_is_told(
    reply: tuple[script.Reply, str], make_client: MakeClient
) -> None:
    answer_, why = reply
    async with StrictService((answer_,)) as service:
        client = make_client(service)
        ended = await asyncio.wait_for(_outcome(client), 30)
        (order,) = client.orders()
    assert isinstance(ended, sv.UnknownOutcomeError), ended
    assert why in ended.message
    assert why in str(order.error)


async def test_a_refusal_without_words_is_quoted_as_it_came(make_client: MakeClient) -> None:
    async with StrictService((refusal({"x": 1}, 418),)) as service:
        ended = await asyncio.wait_for(_outcome(make_client(service)), 30)
    assert isinstance(ended, sv.APIError)
    assert '{"x": 1}' in ended.message


async def test_what_the_service_complained_of_is_told_in_the_end(make_client: MakeClient) -> None:
    complaint = {"message_id": "@ID@", "isComplete": False, "status": "streaming", "error": "model exploded"}
    unknown = answer({"detail": "Not Found"}, 404)
    async with StrictService((stream(*stages()[:2], complaint),), status=[unknown] * 500) as service:
        ended = await asyncio.wait_for(_outcome(make_client(service)), 30)
    assert isinstance(ended, sv.UnknownOutcomeError)
    assert "model exploded" in ended.message


async def test_the_reason_of_a_failure_is_told_under_any_name(make_client: MakeClient) -> None:
    failed = {"success": False, "message": "the GPU caught fire", "message_id": "@ID@"}
    async with StrictService((stream(stages()[0], failed),)) as service:
        client = make_client(service)
        ended = await asyncio.wait_for(_outcome(client), 30)
        (order,) = client.orders()
    assert isinstance(ended, sv.GenerationFailedError)
    assert "the GPU caught fire" in ended.message
    assert "the GPU caught fire" in str(order.error)


ODD_NAMES = {
    "sv_": "sv_0123456789",
    "sk_": "sk_live_51H8vQ0aBcDeFgHiJkLmNoPq",
    "pk-": "pk-0123456789abcdef",
    "bearer": "bearer abc0123456789def0123",
    "link": "https://jobs.example/j/7?token=s3cr3t&x=1#top",
    "long": "m" * 5000,
    "path": "../a/./b%2Fc?d",
    "dots": "..",
    "letters": "ümläut 重混",
    "quotes": "a\"b\\c'd",
}


@pytest.mark.parametrize("name", ODD_NAMES.values(), ids=ODD_NAMES)
async def test_an_order_whose_name_looks_like_a_secret_is_followed_under_it(
    name: str, make_client: MakeClient, tmp_path: Path
) -> None:
    asked: list[str] = []

    class Naming(StrictService):
        def _status(self, message_id: str) -> tuple[Reply, str]:
            asked.append(unquote(message_id))
            return answer({**completed(), "message_id": name}), "remix-1"

    named = {"message_id": name, "status": "queued", "isComplete": False}
    async with Naming([stream(stages()[0], named, end="cut")]) as service:
        client = make_client(service)
        ended = await asyncio.wait_for(_outcome(client), 30)
        (order,) = client.orders()
        shown = repr(client.orders()) + client.orders()._repr_html_() + repr(order) + repr(ended) + str(ended)
    assert isinstance(ended, sv.Remix), ended
    assert asked == [name]
    assert ended.message_id == order.message_id == name
    assert "s3cr3t" not in shown
    assert len(shown) < 8000


@pytest.mark.parametrize(
    "title", ["Basic Instinct", "Bearer of Bad News", "Token Song", "API key of life", "secret: love"]
)
async def test_a_title_stays_what_it_is(title: str, make_client: MakeClient) -> None:
    named = {**stages()[1], "song_name": title}
    async with StrictService([stream(stages()[0], named, {**completed(), "song_name": title})]) as service:
        client = make_client(service)
        ended = await asyncio.wait_for(_outcome(client), 30)
        (order,) = client.orders()
    assert isinstance(ended, sv.Remix), ended
    assert ended.song_name == order.song_name == ended.title == title
    assert ended.events[-1].song_name == title
    assert title in repr(client.orders())


@pytest.mark.parametrize("name", ["m" * 900_000, "an id with the key: @KEY@"], ids=["endless", "key"])
async def test_a_name_that_cannot_be_kept_goes_into_no_journal(name: str, make_client: MakeClient) -> None:
    async with StrictService() as service:
        name = name.replace("@KEY@", service.api_key)
        named = {"message_id": name, "status": "queued", "isComplete": False}
        service.script.append(stream(stages()[0], named))
        client = make_client(service)
        ended = await asyncio.wait_for(_outcome(client), 30)
        (order,) = client.orders()
        recovered = await client.recover()
    assert isinstance(ended, sv.UnknownOutcomeError)
    assert order.message_id is None
    assert len(str(ended)) < 1000
    assert service.api_key not in repr(recovered) + repr(order) + str(ended)


async def _outcome(client: sv.Client) -> sv.Remix | sv.SoundverseError:
    try:
        return await client.remix(SONG, prompt="jazz")
    except sv.SoundverseError as error:
        return error
