"""The key goes to the service and nowhere else: not into the journal, a log, an error, a repr or a file."""

from __future__ import annotations

import io
import logging
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import soundverse_nb as sv
from tests import strict_service as script
from tests.client.conftest import SONG, Notebook
from tests.strict_service import StrictService, answer, completed, refusal, sse, stages, stream

MakeClient = Callable[..., sv.Client]

KEY = "sk-NEVER-SHOW-5f2a9c"
SIGNATURE = "X-Signature=NEVER-SHOW-EITHER"
SIGNED = f"{SONG}?{SIGNATURE}"
AUDIO = f"@STORAGE@/audio/@ID@.mp3?{SIGNATURE}"

# A server that repeats the key wherever it can.
ECHO = {"detail": f"Invalid token: Bearer {KEY} for Authorization: {KEY}"}
SERVICES: dict[str, dict[str, Any]] = {
    "whole": {"script": [stream(*stages()[:-1], completed(AUDIO))]},
    "key rejected, echoed": {"script": [refusal(ECHO, 401)]},
    "error page, echoed": {"script": [refusal(f"<h1>Bearer {KEY}</h1>".encode(), 500)]},
    "failure, echoed": {
        "script": [stream(*stages()[:3], {"message_id": "@ID@", "status": "failed", "error": f"bad {KEY}"})]
    },
    "nonsense, echoed": {"script": [stream(*stages()[:3], f"data: {KEY}\n\n".encode(), *stages()[3:])]},
    "rate limits": {"script": [refusal(script.RATE_LIMITED, 429)] * 30},
    "cut": {"script": [script.cut_before_headers("reset")]},
    "followed, echoed": {"script": [script.cut_after(2)], "status": [answer(ECHO, 500)] * 500},
    "no download": {
        "script": [stream(*stages()[:-1], completed(f"@STORAGE@/gone?{SIGNATURE}"))],
        "status": [answer(completed(f"@STORAGE@/gone?{SIGNATURE}"))] * 9,
    },
    "name echoed": {"script": [stream({**stages()[1], "song_name": f"Song {KEY}"}, *stages()[2:])]},
    "everything echoed": {
        "script": [
            stream(
                {"status": "validating", "isComplete": False, f"your {KEY}": {"nested": [KEY, {KEY: 1}]}},
                *({**stage, "operation": KEY, "error": KEY, "extra": [KEY]} for stage in stages()[1:-1]),
                {**completed(f"@STORAGE@/audio/@ID@.mp3?{SIGNATURE}&key={KEY}"), "song_name": KEY},
            )
        ]
    },
    "echoed in another spelling": {
        "script": [
            stream(
                *stages()[:2],
                sse({**stages()[2], "operation": KEY}).replace(b"NEVER", b"\\u004eEVER"),
                {**stages()[3], "stream_url": f"https://a.example/{KEY.replace('-', '%2d')}"},
                *stages()[4:],
            )
        ]
    },
    "status echoed": {
        "script": [script.cut_after(2)],
        "status": [answer({**completed(AUDIO), "song_name": KEY, "who": {KEY: KEY}})],
    },
    "about another order, echoed": {
        "script": [script.cut_after(2)],
        "status": [answer({**completed(AUDIO), "message_id": KEY})] * 500,
    },
    "id echoed": {"script": [stream(stages()[0], {"status": "queued", "message_id": f"id of {KEY}"})]},
}


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """Everything any library logs, at DEBUG."""
    written = io.StringIO()
    handler = logging.StreamHandler(written)
    handler.setFormatter(logging.Formatter("%(name)s %(levelname)s %(message)s %(pathname)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield written
    root.removeHandler(handler)
    root.setLevel(level)


@pytest.mark.parametrize("name", SERVICES)
async def test_the_key_and_signatures_are_nowhere(
    name: str,
    make_client: MakeClient,
    tmp_path: Path,
    log: io.StringIO,
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with StrictService(api_key=KEY, **SERVICES[name]) as service:
        seen = Notebook()
        client = make_client(service, progress=seen, preflight="off")
        shown: list[Any] = [client, client.concurrency]
        try:
            remix = await client.remix(SIGNED, prompt="jazz")
            shown += [remix, str(remix), remix._repr_mimebundle_(), remix.events, remix.request]
            # A program needs the links whole, and nobody the key.
            assert KEY not in repr([event.model_dump() for event in remix.events])
        except sv.SoundverseError as error:
            shown += [
                str(error), repr(error), vars(error), "".join(traceback.format_exception(error)),
            ]  # fmt: skip
            # What a debugger would show. (The user's own arguments are among it, signature and all.)
            frames = traceback.TracebackException.from_exception(error, capture_locals=True)
            assert KEY not in "".join(frames.format())
        orders = client.orders()
        shown += [orders, orders._repr_html_(), list(orders), seen.updates]
        recovered = await client.recover()
        shown += [recovered, recovered._repr_html_()]
        client.close()
        assert f"Bearer {KEY}" in service.posts[0].headers["authorization"]
    captured = capfd.readouterr()
    text = "\n".join([*(x if isinstance(x, str) else repr(x) for x in shown), log.getvalue(), *captured])
    for spelling in (KEY, "\\u004eEVER", KEY.replace("-", "%2d")):
        assert spelling not in text
    assert SIGNATURE not in text
    for file in tmp_path.rglob("*"):
        if file.is_file():
            assert KEY not in file.name
            assert KEY.encode() not in file.read_bytes(), file


async def test_a_references_signature_is_not_in_the_journal(make_client: MakeClient, tmp_path: Path) -> None:
    async with StrictService() as service:
        client = make_client(service)
        await client.remix(SIGNED, prompt="jazz")
        assert service.posts[0].json["song_reference_url"] == SIGNED
        client.close()
    for file in tmp_path.glob("orders.sqlite3*"):
        assert SIGNATURE.encode() not in file.read_bytes()
