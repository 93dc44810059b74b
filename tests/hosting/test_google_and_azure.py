"""The other two clouds, against small stand-ins for their storage: no emulator of either is small enough.

They look at a signed URL's fields, not at its signature: that is obstore's to get right.
"""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.hosting import ObjectStoreHost

ACCOUNT_KEY = base64.b64encode(b"k" * 64).decode()


class Storage:
    """Objects by path, put with any authorization, given to whoever comes with a good signature."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}

    async def start(self) -> None:
        self._runner = web.ServerRunner(web.Server(self._answer))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"

    async def stop(self) -> None:
        await self._runner.cleanup()

    def refuses(self, request: web.BaseRequest) -> str | None:
        """The code it is refused with, None where the request is signed."""
        raise NotImplementedError

    async def _answer(self, request: web.BaseRequest) -> web.Response:
        code = None if "Authorization" in request.headers else self.refuses(request)
        if code:
            return web.Response(status=403, text=f"<Error><Code>{code}</Code></Error>")
        if request.method == "PUT":
            self.objects[request.path] = (await request.read(), request.headers.get("Content-Type", ""))
            return web.Response(status=201, headers={"ETag": '"1"'})
        if request.method == "DELETE":
            self.objects.pop(request.path, None)
            return web.Response(status=202)
        if request.path not in self.objects:
            return web.Response(status=404)
        data, kind = self.objects[request.path]
        headers = {"ETag": '"1"', "Last-Modified": "Wed, 21 Oct 2026 07:28:00 GMT", "Content-Type": kind}
        return web.Response(body=data, headers=headers)


class Google(Storage):
    def refuses(self, request: web.BaseRequest) -> str | None:
        query = request.query
        good = query.get("X-Goog-Algorithm") == "GOOG4-RSA-SHA256" and "X-Goog-Signature" in query
        return None if good else "AccessDenied"


class Azure(Storage):
    def refuses(self, request: web.BaseRequest) -> str | None:
        query = request.query
        good = query.get("sp") == "r" and query.get("sr") == "b" and "sig" in query
        return None if good else "AuthenticationFailed"


@dataclass(frozen=True)
class Account:
    storage: Google
    key_file: Path


@pytest.fixture
async def google(tmp_path: Path) -> AsyncIterator[Account]:
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

    key = generate_private_key(65537, 2048)
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    storage = Google()
    await storage.start()
    account = {
        "type": "service_account", "client_email": "lab@example.iam.gserviceaccount.com", "client_id": "1",
        "private_key": pem, "private_key_id": "1", "gcs_base_url": storage.url,
        "auth_uri": "", "token_uri": "",
    }  # fmt: skip
    (tmp_path / "key.json").write_text(json.dumps(account))
    yield Account(storage, tmp_path / "key.json")
    await storage.stop()


@pytest.fixture
async def azure() -> AsyncIterator[Azure]:
    storage = Azure()
    await storage.start()
    yield storage
    await storage.stop()


async def test_google_finds_its_key_file_and_signs_a_url(
    google: Account, monkeypatch: pytest.MonkeyPatch, song: Path, plain: aiohttp.ClientSession
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(google.key_file))
    host = ObjectStoreHost("gs://songs/study", base_url=google.storage.url, expires=600, delete=True)
    published = await host.publish(song)
    assert "X-Goog-Expires=600" in published.url
    async with plain.get(published.url) as answer:
        assert (answer.status, answer.content_type) == (200, "audio/mpeg")
        assert await answer.read() == song.read_bytes()
    async with plain.get(published.url.partition("?")[0]) as answer:
        assert answer.status == 403
    assert "X-Goog" not in repr(published)
    await host.withdraw(published)
    assert google.storage.objects == {}


@pytest.mark.parametrize("content", [None, "{}", '{"type": "service_account", "private_key": "s3cret"}'])
def test_a_google_key_file_that_cannot_be_read_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: str | None
) -> None:
    path = tmp_path / "key.json"
    if content is not None:
        path.write_text(content)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(path))
    with pytest.raises(ConfigurationError, match="GOOGLE_APPLICATION_CREDENTIALS") as refused:
        ObjectStoreHost("gs://songs")
    assert "s3cret" not in str(refused.value)


async def test_azure_is_reached_with_what_its_command_line_reads(
    azure: Azure, monkeypatch: pytest.MonkeyPatch, song: Path, plain: aiohttp.ClientSession
) -> None:
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "lab")
    monkeypatch.setenv("AZURE_STORAGE_KEY", ACCOUNT_KEY)
    host = ObjectStoreHost("az://songs/study", endpoint=azure.url, expires=3600)
    published = await host.publish(song)
    async with plain.get(published.url) as answer:
        assert answer.status == 200
        ends = datetime.fromisoformat(answer.url.query["se"].replace("Z", "+00:00"))
    assert published.expires_at is not None
    assert abs((ends - published.expires_at).total_seconds()) <= 60
    assert ends > datetime.now(timezone.utc)
    assert "sig=" not in repr(published)


def test_an_azure_key_that_is_no_key_is_told(azure: Azure) -> None:
    with pytest.raises(ConfigurationError, match="base64") as refused:
        ObjectStoreHost("az://songs", account_name="lab", account_key="s3cret!")
    assert "s3cret" not in str(refused.value)


async def test_an_azure_share_link_is_told_to_be_no_signing_key(azure: Azure, song: Path) -> None:
    host = ObjectStoreHost(
        "az://songs", endpoint=azure.url, account_name="lab", sas_key="sv=2022-11-02&sr=b&sp=r&sig=s3cret"
    )
    with pytest.raises(ConfigurationError, match="can upload but not sign") as refused:
        await host.publish(song)
    assert "s3cret" not in str(refused.value)
