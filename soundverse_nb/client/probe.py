"""Is the service on this machine the embedded one? It says so itself, and only loopback is asked."""

from __future__ import annotations

import asyncio
from urllib.parse import urlsplit

import aiohttp

from soundverse_nb.client.settings import is_loopback

_TIMEOUT = aiohttp.ClientTimeout(total=5)


async def is_simulator(base_url: str) -> bool:
    """Whether the simulator answers at `base_url`. No key is sent; another machine is never asked."""
    if not is_loopback(urlsplit(base_url).hostname):
        return False
    try:
        async with (
            aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as session,
            session.get(f"{base_url}/simulator", allow_redirects=False) as answer,
        ):
            if answer.status != 200:
                return False
            # Bounded: whatever else listens there may send anything.
            body = await answer.content.read(4096)
    except (aiohttp.ClientError, asyncio.TimeoutError, OSError, ValueError):
        return False
    return b'"soundverse-nb"' in body
