"""Credentials are found where each cloud's own tools look."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest

from soundverse_nb.errors import ConfigurationError, Spent
from soundverse_nb.hosting import ObjectStoreHost
from soundverse_nb.hosting.bucket import aws_settings, azure_settings
from tests.hosting.storage import BUCKET, KEY, S3rver


def profile(monkeypatch: pytest.MonkeyPatch, folder: Path, name: str = "default", config: str = "") -> None:
    """What `aws configure` writes."""
    (folder / "credentials").write_text(
        f"[{name}]\naws_access_key_id = {KEY['access_key_id']}\n"
        f"aws_secret_access_key = {KEY['secret_access_key']}\n"
    )
    (folder / "config").write_text(config)
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(folder / "credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(folder / "config"))


async def test_aws_environment_variables_are_enough(
    monkeypatch: pytest.MonkeyPatch, s3: S3rver, song: Path
) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", KEY["access_key_id"])
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", KEY["secret_access_key"])
    monkeypatch.setenv("AWS_ENDPOINT_URL", s3.url)
    published = await ObjectStoreHost(f"s3://{BUCKET}/study").publish(song)
    assert published.url.startswith(s3.url)


async def test_the_profile_that_aws_configure_writes_is_enough(
    monkeypatch: pytest.MonkeyPatch, s3: S3rver, song: Path, tmp_path: Path
) -> None:
    profile(monkeypatch, tmp_path, config=f"[default]\nregion = eu-west-3\nendpoint_url = {s3.url}\n")
    published = await ObjectStoreHost(f"s3://{BUCKET}/study").publish(song)
    assert "%2Feu-west-3%2Fs3%2F" in published.url


@pytest.mark.parametrize("named", ["argument", "environment"])
async def test_another_profile_is_used_by_name(
    monkeypatch: pytest.MonkeyPatch, s3: S3rver, song: Path, tmp_path: Path, named: str
) -> None:
    profile(monkeypatch, tmp_path, "lab", "[profile lab]\nregion = us-west-2\n")
    settings: dict[str, Any] = {"profile": "lab"} if named == "argument" else {}
    if named == "environment":
        monkeypatch.setenv("AWS_PROFILE", "lab")
    published = await ObjectStoreHost(f"s3://{BUCKET}/study", endpoint=s3.url, **settings).publish(song)
    assert "%2Fus-west-2%2Fs3%2F" in published.url


async def test_no_credentials_anywhere_is_told_with_the_way_to_add_them(song: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"no credentials for s3://.*aws configure") as refused:
        await ObjectStoreHost("s3://songs").publish(song)
    assert refused.value.spent is Spent.NO


async def test_a_profile_that_is_not_there_is_told(monkeypatch: pytest.MonkeyPatch, song: Path) -> None:
    with pytest.raises(ConfigurationError, match="ProfileNotFound"):
        await ObjectStoreHost("s3://songs", profile="nobody").publish(song)


def test_what_the_user_gives_wins_over_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile(
        monkeypatch, tmp_path, config="[default]\nregion = eu-west-3\nendpoint_url = http://127.0.0.1:1\n"
    )
    given = {"region": "us-east-1", "endpoint": "http://127.0.0.1:2", **KEY}
    assert aws_settings(given) == {}


def test_the_environments_region_wins_over_the_profiles(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    profile(monkeypatch, tmp_path, config="[default]\nregion = eu-west-3\n")
    monkeypatch.setenv("AWS_REGION", "us-west-1")  # obstore reads this one itself
    assert "region" not in aws_settings({})


def test_temporary_credentials_keep_their_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "ASIA")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "session")
    current = aws_settings({})["credential_provider"]()
    assert (current["access_key_id"], current["token"]) == ("ASIA", "session")


ACCOUNT_KEY = base64.b64encode(b"k" * 32).decode()
CONNECTION = (
    f"DefaultEndpointsProtocol=https;AccountName=lab;AccountKey={ACCOUNT_KEY};"
    "BlobEndpoint=http://127.0.0.1:10000/lab;EndpointSuffix=core.windows.net"
)


@pytest.mark.parametrize(
    ("settings", "environ", "has_cli", "found"),
    [
        ({}, {}, False, {}),
        ({}, {}, True, {"use_azure_cli": True}),
        (
            {},
            {"AZURE_STORAGE_ACCOUNT": "lab", "AZURE_STORAGE_KEY": "k"},
            True,
            {"account_name": "lab", "account_key": "k"},
        ),
        ({}, {"AZURE_STORAGE_ACCOUNT": "lab"}, True, {"account_name": "lab", "use_azure_cli": True}),
        ({}, {"AZURE_STORAGE_ACCOUNT": "lab", "AZURE_STORAGE_ACCOUNT_NAME": "other"}, False, {}),
        ({}, {"AZURE_CLIENT_SECRET": "s"}, True, {}),
        ({}, {"AZURE_FEDERATED_TOKEN_FILE": "/f"}, True, {}),
        ({"account_key": "mine"}, {}, True, {}),
        ({"account_name": "mine"}, {"AZURE_STORAGE_ACCOUNT": "lab"}, False, {}),
        (
            {},
            {"AZURE_STORAGE_CONNECTION_STRING": CONNECTION},
            True,
            {"account_name": "lab", "account_key": ACCOUNT_KEY, "endpoint": "http://127.0.0.1:10000/lab"},
        ),
        ({}, {"AZURE_STORAGE_CONNECTION_STRING": "nonsense;;="}, False, {}),
    ],
)
def test_azures_command_line_and_its_variables_are_known(
    settings: dict[str, Any], environ: dict[str, str], has_cli: bool, found: dict[str, Any]
) -> None:
    assert azure_settings(settings, environ, lambda: has_cli) == found
