"""A bucket as people write it."""

from __future__ import annotations

import pytest

from soundverse_nb.errors import ConfigurationError
from soundverse_nb.hosting import ObjectStoreHost
from soundverse_nb.hosting.bucket import Bucket, parse_bucket


@pytest.mark.parametrize(
    ("url", "bucket", "shown"),
    [
        ("s3://songs", Bucket("s3", "songs"), "s3://songs"),
        ("s3://songs/", Bucket("s3", "songs"), "s3://songs"),
        ("s3://songs/a/b", Bucket("s3", "songs", "a/b"), "s3://songs/a/b"),
        ("s3://songs//a//b/", Bucket("s3", "songs", "a/b"), "s3://songs/a/b"),
        ("S3://songs/A", Bucket("s3", "songs", "A"), "s3://songs/A"),
        (" gs://songs.example.org/a ", Bucket("gs", "songs.example.org", "a"), "gs://songs.example.org/a"),
        ("az://container/a", Bucket("az", "container", "a"), "az://container/a"),
    ],
)
def test_a_bucket_and_its_prefix_are_read(url: str, bucket: Bucket, shown: str) -> None:
    assert parse_bucket(url) == bucket
    assert str(bucket) == shown


@pytest.mark.parametrize(
    "url",
    [
        "",
        "songs",
        "/home/anna/songs",
        "file:///songs",
        "http://songs.s3.amazonaws.com",
        "ftp://songs",
        "s3:songs",
        "s3://",
        "s3:///prefix",
        "s3://my songs/a",
        "s3://songs/../other",
        "s3://songs/./a",
        "s3://songs?region=x",
        "s3://songs#x",
        "s3://[songs/a",
    ],
)
def test_what_names_no_bucket_is_refused_with_an_example(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_bucket(url)
    assert "s3://my-bucket/remixes" in str(refused.value) or "by name" in str(refused.value)


@pytest.mark.parametrize(
    "url", ["s3://AKIA:s3cret@songs/a", "s3://songs/a?secret_access_key=s3cret", "s3cret://x"]
)
def test_credentials_in_a_url_are_not_repeated(url: str) -> None:
    with pytest.raises(ConfigurationError) as refused:
        parse_bucket(url)
    assert "AKIA" not in str(refused.value)
    assert "=s3cret" not in str(refused.value)


@pytest.mark.parametrize("expires", [0, -1, 0.5, 604801, "3600", None, True, float("nan"), float("inf")])
def test_a_url_lasts_between_a_second_and_a_week(expires: object) -> None:
    with pytest.raises(ConfigurationError, match="1 to 604800"):
        ObjectStoreHost("s3://songs", expires=expires)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "settings",
    [
        {"region": object()},
        {"region": b"s3cret"},
        {"client_options": {"tiemout": "1s"}},
        {"client_options": 5},
    ],
)
def test_a_setting_of_the_wrong_kind_is_refused_at_once(settings: dict[str, object]) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(settings))) as refused:
        ObjectStoreHost("s3://songs", **settings)
    assert "s3cret" not in str(refused.value)


@pytest.mark.parametrize("url", ["s3://songs", "gs://songs"])
def test_a_misspelt_setting_is_named_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="knows no setting 'regoin'"):
        ObjectStoreHost(url, regoin="eu-central-1")


def test_azure_without_an_account_is_refused_at_once() -> None:
    with pytest.raises(ConfigurationError, match="AZURE_STORAGE_ACCOUNT"):
        ObjectStoreHost("az://songs")


def test_a_host_shows_its_bucket_and_none_of_its_settings() -> None:
    host = ObjectStoreHost("s3://songs/a", delete=True, access_key_id="AKIA", secret_access_key="s3cret")
    assert repr(host) == "ObjectStoreHost('s3://songs/a', expires=3600, delete=True)"


@pytest.mark.parametrize("package", ["obstore", "botocore.session"])
async def test_a_missing_package_is_told_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, package: str, song: object
) -> None:
    import sys

    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ConfigurationError, match=r'pip install "soundverse_nb\[hosting\]"'):
        await ObjectStoreHost("s3://songs", endpoint="http://127.0.0.1:1").publish(song)  # type: ignore[arg-type]
