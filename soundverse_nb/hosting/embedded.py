"""EmbeddedHost: uploads a file to the simulator on this machine and no further."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import aiohttp
from pydantic import SecretStr

from soundverse_nb.errors import ConfigurationError, HostingError, bare_errors, whole_characters
from soundverse_nb.hosting.protocol import PublishedReference
from soundverse_nb.render.escape import plain
from soundverse_nb.running_simulators import PASS_HEADER, pass_for
from soundverse_nb.urls import host_of, is_loopback

SIMULATOR = "soundverse-nb"
_BLOCK = 256 * 1024
_TIMEOUT = aiohttp.ClientTimeout(total=60, connect=10)


class EmbeddedHost:
    """Hands a file to the simulator at `base_url`, which serves it back as a URL while it runs.

    Before the first file leaves, the server is asked whether it is the simulator; anything else
    gets nothing and a ConfigurationError. The URL expires with the simulator.

    `api_key` is for a simulator that takes one key alone; a client of that simulator lends its own. One
    that runs in this process asks for none.

    >>> import asyncio
    >>> import soundverse_nb as sv
    >>> with sv.simulator.Simulator() as service:
    ...     asyncio.run(sv.hosting.EmbeddedHost(service.base_url).publish(sv.example_song()))
    PublishedReference('http://127.0.0.1:.../simulator/references/...')
    """

    def __init__(self, base_url: str, api_key: SecretStr | str | None = None) -> None:
        self.base_url = base_url.rstrip("/")
        self._key = SecretStr(api_key) if isinstance(api_key, str) else api_key
        self._recognised = False

    def __repr__(self) -> str:
        return f"EmbeddedHost({self.base_url!r})"

    def use_key(self, api_key: SecretStr) -> None:
        """The key of a client of this simulator, where none was given."""
        self._key = self._key or api_key

    @bare_errors
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
                **self._credentials(),
            },
            allow_redirects=False,
        ) as answer:
            facts = await answer.json() if answer.content_type == "application/json" else None
            url = facts.get("url") if isinstance(facts, dict) and answer.status == 201 else None
            if not isinstance(url, str):
                said = facts.get("detail") if isinstance(facts, dict) else None
                raise HostingError(
                    f"The simulator did not take {plain(path.name, 120)} (HTTP {answer.status}).",
                    hint=plain(said, 300) if isinstance(said, str) else "",
                )
            return url

    def _credentials(self) -> dict[str, str]:
        with contextlib.suppress(ValueError):  # a port that is none; the request will say so
            # On this machine alone: another one has ports of the same number.
            is_here = is_loopback(host_of(self.base_url))
            shown = pass_for(urlsplit(self.base_url).port) if is_here else None
            if shown is not None:
                return {PASS_HEADER: shown}
        return {} if self._key is None else {"Authorization": f"Bearer {self._key.get_secret_value()}"}


async def _blocks(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            yield block
