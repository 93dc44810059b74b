"""A bucket as a host, against an S3 server that checks what each user may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.errors import ConfigurationError, HostingError, Spent
from soundverse_nb.hosting import ObjectStoreHost
from tests.hosting.storage import BUCKET, Moto


def host_of(moto: Moto, person: dict[str, str], *, bucket: str = BUCKET, **settings: Any) -> ObjectStoreHost:
    place = {"endpoint": moto.url, "region": "us-east-1"}
    return ObjectStoreHost(f"s3://{bucket}/study", **place, **person, **settings)


@pytest.fixture
def moto(moto_process: Moto) -> Moto:
    return moto_process


async def test_permission_to_put_and_get_objects_is_enough(moto: Moto, song: Path) -> None:
    person = moto.person("enough", "s3:PutObject", "s3:GetObject")
    with moto.checking_permissions():
        published = await host_of(moto, person).publish(song)
    assert published.key in {name.removeprefix("study/") for name in moto.objects()}


async def test_no_permission_to_upload_is_told_with_what_the_policy_needs(moto: Moto, song: Path) -> None:
    person = moto.person("reader", "s3:GetObject", "s3:ListBucket")
    song.write_bytes(b"ID3 another song")
    with moto.checking_permissions(), pytest.raises(ConfigurationError, match="no permission") as refused:
        await host_of(moto, person).publish(song)
    assert "s3:PutObject and s3:GetObject" in str(refused.value)
    assert refused.value.spent is Spent.NO


async def test_no_permission_to_delete_is_told_when_the_song_should_go(moto: Moto, song: Path) -> None:
    person = moto.person("hoarder", "s3:PutObject", "s3:GetObject")
    song.write_bytes(b"ID3 a song that stays")
    host = host_of(moto, person, delete=True)
    with moto.checking_permissions():
        published = await host.publish(song)
        with pytest.raises(HostingError, match=r"stays in s3://songs/study: .* no permission") as stays:
            await host.withdraw(published)
    assert "s3:DeleteObject for delete=True" in str(stays.value)
    assert stays.value.spent is Spent.MAYBE  # by then the remix has been ordered


async def test_a_key_nobody_has_is_refused(moto: Moto, song: Path) -> None:
    stranger = {"access_key_id": "AKIAAAAAAAAAAAAAAAAA", "secret_access_key": "x" * 40}
    with moto.checking_permissions(), pytest.raises(ConfigurationError, match="does not accept"):
        await host_of(moto, stranger).publish(song)


async def test_a_wrong_secret_is_refused(moto: Moto, song: Path) -> None:
    person = {**moto.person("forgetful", "s3:*"), "secret_access_key": "x" * 40}
    with moto.checking_permissions(), pytest.raises(ConfigurationError, match="does not accept"):
        await host_of(moto, person).publish(song)


async def test_a_missing_bucket_is_named(moto: Moto, song: Path) -> None:
    person = moto.person("lost", "s3:*")
    with pytest.raises(ConfigurationError, match="There is no bucket elsewhere"):
        await host_of(moto, person, bucket="elsewhere").publish(song)
