"""A transport for tests that leaves nothing open behind it, and waits for nobody."""

from __future__ import annotations

import asyncio
import gc
import warnings
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from pydantic import SecretStr

from soundverse_nb.api.transport import Transport
from tests.strict_service import StrictService

KEY = "key-0123456789"
Connect = Callable[..., Transport]


@pytest.fixture
def waits() -> list[float]:
    """The seconds that were waited between attempts; nothing really sleeps."""
    return []


@pytest.fixture
async def connect(waits: list[float]) -> AsyncIterator[Connect]:
    """`connect(service, **settings)` is a transport to it. At the end nothing may be left unclosed."""
    opened: list[Transport] = []
    complaints: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: complaints.append(context))

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    def make(service: StrictService | str, **settings: Any) -> Transport:
        url, key = (service, KEY) if isinstance(service, str) else (service.base_url, service.api_key)
        key = settings.pop("api_key", key)
        secret = key if isinstance(key, SecretStr) else SecretStr(key)
        transport = Transport(url, secret, sleep=sleep, **settings)
        opened.append(transport)
        return transport

    gc.freeze()  # so that collecting what the test leaves does not walk through everything else
    try:
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            yield make
            for transport in opened:
                await transport.close()
            opened.clear()
            gc.collect()
            await asyncio.sleep(0)
    finally:
        gc.unfreeze()
    assert [w.message for w in warned if issubclass(w.category, ResourceWarning)] == []
    assert complaints == []
