"""The key is shown nowhere, whoever says it."""

from __future__ import annotations

import logging
import pickle
import traceback

import pytest

from soundverse_nb.api.transport import Transport
from soundverse_nb.errors import (
    SoundverseError,
)
from tests.api.conftest import KEY, Connect
from tests.api.servers import WIRE
from tests.strict_service import (
    Reply,
    StrictService,
    cut_before_headers,
    refusal,
    remix,
    stream,
)


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
