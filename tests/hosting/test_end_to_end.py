"""From a file on this machine to a remix, through a bucket: the embedded service fetches the signed URL."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.client import Client
from soundverse_nb.errors import ConfigurationError, HostingError, Spent
from soundverse_nb.examples import example_song
from soundverse_nb.hosting import ObjectStoreHost
from soundverse_nb.simulator import Simulator
from tests.hosting.storage import BUCKET, KEY, S3rver, Wire


@pytest.fixture(scope="module")
def simulator() -> Iterator[Simulator]:
    with Simulator(speed=200.0, take=1) as running:
        yield running


@pytest.fixture(scope="module")
def tune(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eleven seconds of real music, since the simulator truly remixes what it is given."""
    import soundfile

    samples, rate = soundfile.read(example_song(), frames=11 * 44100, dtype="float32", always_2d=True)
    path: Path = tmp_path_factory.mktemp("tune") / "tune.wav"
    soundfile.write(path, samples[::2, 0], rate // 2)
    return path


@pytest.fixture
def client(simulator: Simulator, tmp_path: Path) -> Any:
    """What makes a client of the simulator with a host of one's own."""

    def make(host: Any) -> Client:
        return Client(
            "any-key",
            simulator.base_url,
            host=host,
            directory=tmp_path / "remixes",
            journal=tmp_path / "orders.sqlite3",
            progress=False,
        )

    return make


def bucket(url: str, **settings: Any) -> ObjectStoreHost:
    return ObjectStoreHost(f"s3://{BUCKET}/study", endpoint=url, region="us-east-1", **{**KEY, **settings})


async def test_a_local_file_becomes_a_remix_through_the_users_own_bucket(
    s3: S3rver,
    wire: Wire,
    client: Any,
    simulator: Simulator,
    tune: Path,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    charged = len(simulator.ledger)
    async with client(bucket(wire.url)) as connected:
        remix = await connected.remix(tune, prompt="upbeat jazz")
    assert remix.audio.duration > 5
    assert len(simulator.ledger) == charged + 1
    # Uploaded once; fetched by its signed URL by our check and by the service.
    assert wire.count("PUT") == 1
    assert sum("X-Amz-Signature=" in line for line in wire.requests) >= 2
    assert len(s3.objects()) == 1
    shown = [repr(remix), str(remix), repr(remix.request), str(remix._repr_mimebundle_())]
    assert "X-Amz-Signature" not in "".join(shown)
    assert "X-Amz-Signature" not in caplog.text


async def test_many_remixes_of_one_song_upload_it_once(wire: Wire, client: Any, tune: Path) -> None:
    async with client(bucket(wire.url)) as connected:
        remixes = await connected.remix_all([(tune, "upbeat jazz")] * 6)
    assert all(remix.audio.duration > 5 for remix in remixes)
    assert wire.count("PUT") == 1


async def test_with_delete_nothing_is_left_in_the_bucket_after_the_run(
    s3: S3rver, client: Any, tune: Path
) -> None:
    async with client(bucket(s3.url, delete=True)) as connected:
        await connected.remix(tune, prompt="upbeat jazz")
    assert s3.objects() == {}


async def test_with_delete_nothing_is_left_of_a_batch_with_short_lived_urls(
    s3: S3rver, wire: Wire, client: Any, tune: Path
) -> None:
    async with client(bucket(wire.url, delete=True, expires=120)) as connected:
        await connected.remix_all([(tune, "upbeat jazz")] * 3)
    assert wire.count("PUT") == 1
    assert s3.objects() == {}


async def test_wrong_credentials_cost_nothing(
    s3: S3rver, client: Any, simulator: Simulator, tune: Path
) -> None:
    charged = len(simulator.ledger)
    async with client(bucket(s3.url, secret_access_key="wrong")) as connected:
        with pytest.raises(ConfigurationError, match="does not accept the credentials") as refused:
            await connected.remix(tune, prompt="upbeat jazz")
    assert refused.value.spent is Spent.NO
    assert len(simulator.ledger) == charged


async def test_a_cut_upload_costs_nothing(wire: Wire, client: Any, simulator: Simulator, tune: Path) -> None:
    charged = len(simulator.ledger)
    wire.cut_after = 100_000
    async with client(bucket(wire.url)) as connected:
        with pytest.raises(HostingError):
            await connected.remix(tune, prompt="upbeat jazz")
    assert len(simulator.ledger) == charged


async def test_the_journal_keeps_no_signature(s3: S3rver, client: Any, tune: Path, tmp_path: Path) -> None:
    async with client(bucket(s3.url)) as connected:
        await connected.remix(tune, prompt="upbeat jazz")
    for path in tmp_path.rglob("*"):
        if path.is_file():
            assert b"X-Amz-Signature" not in path.read_bytes(), path.name


@pytest.mark.parametrize("preflight", ["full", "off"])
@pytest.mark.parametrize("given", ["file", "private url"])
async def test_the_real_service_is_never_asked_for_what_it_cannot_fetch(
    tmp_path: Path, given: str, preflight: str
) -> None:
    reference = str(example_song()) if given == "file" else "http://192.168.1.5:8000/song.mp3"
    places = {"directory": tmp_path, "journal": tmp_path / "orders.sqlite3"}
    async with Client(
        "any-key", "https://api.soundverse.ai", preflight=preflight, progress=False, **places
    ) as real:
        with pytest.raises(ConfigurationError) as refused:
            await real.remix(reference, prompt="upbeat jazz")
    assert refused.value.spent is Spent.NO
    if given == "file":
        assert 'client = sv.Client(host="s3://my-bucket/remixes")' in str(refused.value)
    else:
        assert "is in a private network" in str(refused.value)
