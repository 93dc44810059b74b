"""Errors of ours bring nothing foreign along: no other library's error, and no frame that holds the key.

Tasks written in Python, which nest_asyncio puts in the place of asyncio's own, resume a coroutine while the
foreign error is being handled; what is raised then is chained to it.
"""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from soundverse_nb.api.transport import Transport
from soundverse_nb.errors import SoundverseError
from tests.strict_service import (
    StrictService,
    answer,
    cut_after,
    cut_before_headers,
    refusal,
)

KEY = "sk-NEVER-SHOW-5f2a9c"
ECHO = {"detail": f"Invalid token: Bearer {KEY} for Authorization: {KEY}"}
WIRE = {"song_reference_url": "https://storage.example/song.mp3", "prompt": "jazz"}
TASKS = {"tasks in C": asyncio.Task, "tasks in Python": asyncio.tasks._PyTask}  # type: ignore[attr-defined]

Act = Callable[[Transport, StrictService, Path], Awaitable[object]]


async def order(transport: Transport, service: StrictService, folder: Path) -> None:
    async with transport.open_remix(WIRE) as chunks:
        async for _ in chunks:
            pass


async def status(transport: Transport, service: StrictService, folder: Path) -> None:
    await transport.status("remix-1")


async def download(transport: Transport, service: StrictService, folder: Path) -> None:
    await transport.download(f"{service.storage_url}/audio/x.mp3", folder / "x")


async def nobody(transport: Transport, service: StrictService, folder: Path) -> None:
    await Transport("http://127.0.0.1:9", SecretStr(KEY)).status("remix-1")


CASES: dict[str, tuple[Act, dict[str, Any]]] = {
    "key rejected": (order, {"script": [refusal(ECHO, 401)]}),
    "an error with 200": (order, {"script": [refusal(ECHO, 200)]}),
    "cut before the headers": (order, {"script": [cut_before_headers("cut")]}),
    "reset before the headers": (order, {"script": [cut_before_headers("reset")]}),
    "cut on the way": (order, {"script": [cut_after(2, "reset")]}),
    "an error body that is cut": (order, {"script": [refusal(ECHO, 401).but(end="cut")]}),
    "status, key rejected": (status, {"script": [], "status": [answer(ECHO, 401)]}),
    "status, nonsense": (status, {"script": [], "status": [answer(f"<p>{KEY}".encode())]}),
    "status, cut": (status, {"script": [], "status": [cut_before_headers("cut")]}),
    "audio, cut": (download, {"script": [], "files": {"/audio/x.mp3": [cut_before_headers("cut")] * 9}}),
    "audio, forbidden": (download, {"script": [], "files": {"/audio/x.mp3": [answer(ECHO, 403)]}}),
    "nobody there": (nobody, {"script": []}),
}


@pytest.mark.parametrize("kind", TASKS.values(), ids=TASKS)
@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_an_error_comes_alone(case: tuple[Act, dict[str, Any]], kind: Any, tmp_path: Path) -> None:
    act, replies = case
    loop = asyncio.get_running_loop()

    async def no_wait(seconds: float) -> None:
        pass

    async with StrictService(api_key=KEY, **replies) as service:
        transport = Transport(service.base_url, SecretStr(KEY), sleep=no_wait)
        task = kind(act(transport, service, tmp_path), loop=loop)
        await asyncio.wait([task])
        await transport.close()
    error = task.exception()
    assert isinstance(error, SoundverseError)
    assert error.__context__ is None
    assert error.__cause__ is None
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    assert KEY not in "".join(shown.format())
