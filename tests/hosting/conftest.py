"""Storage servers for the whole folder, and an environment without anybody's credentials."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import aiohttp
import pytest

from tests.hosting.storage import Moto, NotInstalledError, S3rver, Wire, install_s3rver


@pytest.fixture(autouse=True)
def no_credentials_of_anybody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "SOUNDVERSE_")):
            monkeypatch.delenv(name)
    # Without these two, libraries ask the address where a cloud's machine finds its own credentials.
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("GOOGLE_SKIP_SIGNATURE", "false")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))


@pytest.fixture(scope="session")
def s3rver_module() -> Path:
    try:
        return install_s3rver()
    except NotInstalledError as missing:
        if os.environ.get("CI") == "true":
            pytest.fail(f"CI must run these tests: {missing}")
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def s3rver_process(s3rver_module: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3rver]:
    server = S3rver(s3rver_module, tmp_path_factory.mktemp("s3rver"))
    yield server
    server.stop()


@pytest.fixture
def s3(s3rver_process: S3rver) -> Iterator[S3rver]:
    """A running S3 server with an empty bucket."""
    s3rver_process.empty()
    yield s3rver_process
    s3rver_process.move_clock(0)


@pytest.fixture
async def wire(s3: S3rver) -> AsyncIterator[Wire]:
    """A relay to the S3 server that counts requests and can be cut."""
    async with Wire(s3.port) as relay:
        yield relay


@pytest.fixture(scope="session")
def moto_process() -> Iterator[Moto]:
    patch = pytest.MonkeyPatch()
    patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    server = Moto()
    yield server
    server.stop()
    patch.undo()


@pytest.fixture
async def plain() -> AsyncIterator[aiohttp.ClientSession]:
    """An HTTP client that knows no credentials, as the service is."""
    async with aiohttp.ClientSession() as session:
        yield session


@pytest.fixture
def song(tmp_path: Path) -> Path:
    """A file with a name that tells too much. The storage does not listen to it, so it is no real song."""
    path = tmp_path / "Participant 17 (Anna).MP3"
    path.write_bytes(b"ID3" + bytes(range(256)) * 400)
    return path
