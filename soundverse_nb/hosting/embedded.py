"""The embedded service as its own host: a file goes to the simulator on this machine and no further."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import aiohttp

from soundverse_nb.errors import ConfigurationError, HostingError, whole_characters
from soundverse_nb.hosting.protocol import PublishedReference
from soundverse_nb.render.escape import plain

SIMULATOR = "soundverse-nb"
_BLOCK = 256 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)


class EmbeddedHost:
    """Hands a file to the simulator at `base_url`, which serves it back as a URL while it runs.

    Before the first file leaves, the server is asked whether it is the simulator; anything else
    gets nothing and a ConfigurationError. The URL expires with the simulator.
    """

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url.rstrip("/")
        self._recognised = False

    def __repr__(self) -> str:
        return f"EmbeddedHost({self.base_url!r})"

    async def publish(self, path: Path) -> PublishedReference:
        path = Path(path)
        async with aiohttp.ClientSession(timeout=_TIMEOUT, trust_env=False) as session:
            try:
                await self._recognise(session)
                url = await self._upload(session, path)
            except (aiohttp.ClientError, asyncio.TimeoutError, OSError) as error:
                raise HostingError(
                    f"{plain(path.name, 120)} could not be handed to the simulator at {self.base_url} "
                    f"({type(error).__name__}).",
                    hint="Start the simulator again, for example with a new sv.connect().",
                ) from None
        return PublishedReference(url)

    async def withdraw(self, published: PublishedReference) -> None:
        """Nothing to do: the file goes when the simulator stops."""

    async def _recognise(self, session: aiohttp.ClientSession) -> None:
        if self._recognised:
            return
        async with session.get(f"{self.base_url}/simulator", allow_redirects=False) as answer:
            facts = None
            if answer.status == 200 and answer.content_type == "application/json":
                facts = await answer.json()
        if not isinstance(facts, dict) or facts.get("simulator") != SIMULATOR:
            raise ConfigurationError(
                f"{self.base_url} is not the embedded service, so no file was handed to it.",
                hint='Give the client a bucket: sv.Client(host="s3://my-bucket/remixes").',
            )
        self._recognised = True

    async def _upload(self, session: aiohttp.ClientSession, path: Path) -> str:
        async with session.post(
            f"{self.base_url}/simulator/references",
            data=_blocks(path),
            headers={
                "X-Filename": quote(whole_characters(path.name)),
                "Content-Type": "application/octet-stream",
            },
            allow_redirects=False,
        ) as answer:
            facts = await answer.json() if answer.status == 201 else None
            url = facts.get("url") if isinstance(facts, dict) else None
            if not isinstance(url, str):
                raise HostingError(
                    f"The simulator did not take {plain(path.name, 120)} (HTTP {answer.status})."
                )
            return url


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
