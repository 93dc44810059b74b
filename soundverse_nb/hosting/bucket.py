"""Buckets, written as "s3://my-bucket/remixes", and the credentials and settings for them."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from importlib import import_module
from typing import Any
from urllib.parse import urlsplit

from soundverse_nb.errors import ConfigurationError

SCHEMES = {"s3": "S3", "gs": "Google Cloud Storage", "az": "Azure Blob Storage"}
_HOW = 'Write it as "s3://my-bucket/remixes", "gs://my-bucket/remixes" or "az://my-container/remixes".'


@dataclass(frozen=True)
class Bucket:
    """Where references are kept: `scheme` ("s3", "gs", "az"), the bucket's `name`, a `prefix` or ""."""

    scheme: str
    name: str
    prefix: str = ""

    @property
    def service(self) -> str:
        """The storage service's name, as a person says it."""
        return SCHEMES[self.scheme]

    def __str__(self) -> str:
        return f"{self.scheme}://{self.name}" + (f"/{self.prefix}" if self.prefix else "")


def parse_bucket(url: str) -> Bucket:
    """The bucket that a URL names; ConfigurationError where it names none."""
    try:
        parts = urlsplit(url.strip())
    except ValueError:
        raise ConfigurationError("The bucket's URL cannot be read.", hint=_HOW) from None
    scheme = parts.scheme.lower()
    if scheme not in SCHEMES:
        said = f"{scheme}:" if scheme else "a URL without a scheme"
        raise ConfigurationError(f"A host got {said}, which is not a bucket's URL.", hint=_HOW)
    # What stands in these places may be a secret, so it is not repeated.
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ConfigurationError(
            f"The {scheme}:// URL has more in it than a bucket and a prefix.",
            hint="Give settings by name, for example ObjectStoreHost(url, region=...), and leave "
            "credentials to the environment.",
        )
    if not parts.netloc or any(c.isspace() for c in parts.netloc):
        raise ConfigurationError(f"{url!r} names no bucket.", hint=_HOW)
    steps = [step for step in parts.path.split("/") if step]
    if any(step in (".", "..") for step in steps):
        raise ConfigurationError(f"{url!r} has a '.' or '..' in its prefix.", hint=_HOW)
    return Bucket(scheme, parts.netloc, "/".join(steps))


# obstore asks again after this long; botocore answers from memory until it has to renew.
_ASK_AGAIN = timedelta(minutes=5)


def aws_settings(settings: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> dict[str, Any]:
    """What obstore needs to know beside the user's own settings to reach S3 as this user.

    `settings` wins over everything. Returns `region`, `endpoint` and `credential_provider` where
    they were found. Reads files and may ask an instance's metadata service: call it off the event loop.
    Raises ConfigurationError where AWS's own tools would find no credentials either.
    """
    found: dict[str, Any] = {}
    session = _aws_session(settings.get("profile"))
    if not (settings.keys() & {"region", "aws_region"} or environ.get("AWS_REGION")):
        region = _asked(lambda: session.get_config_variable("region"))
        if region:
            found["region"] = region
    if not settings.keys() & {"endpoint", "aws_endpoint", "aws_endpoint_url_s3"}:
        endpoint = _aws_endpoint(session, environ)
        if endpoint:
            found["endpoint"] = endpoint
    own = {"access_key_id", "aws_access_key_id", "credential_provider", "skip_signature"}
    if not settings.keys() & own:
        found["credential_provider"] = _aws_provider(session)
    return found


def _aws_session(profile: str | None) -> Any:
    try:
        botocore = import_module("botocore.session")
    except ModuleNotFoundError:
        raise missing_extra("botocore") from None
    return botocore.Session(profile=profile)


def _asked(question: Callable[[], Any]) -> Any:
    """One question to botocore; its exceptions name a broken profile or a failed login."""
    try:
        return question()
    except Exception as error:  # botocore's own classes, of which there are dozens
        raise ConfigurationError(
            f"AWS's configuration on this machine could not be used: {type(error).__name__}.",
            hint="Check it with `aws sts get-caller-identity`; with single sign-on, run `aws sso login`.",
        ) from None


def _aws_endpoint(session: Any, environ: Mapping[str, str]) -> str | None:
    named = environ.get("AWS_ENDPOINT_URL_S3") or environ.get("AWS_ENDPOINT_URL")
    if named:
        return named
    profile: dict[str, Any] = _asked(session.get_scoped_config)
    endpoint = profile.get("endpoint_url")
    return endpoint if isinstance(endpoint, str) else None


def _aws_provider(session: Any) -> Callable[[], dict[str, Any]]:
    credentials = _asked(session.get_credentials)
    if credentials is None:
        raise no_credentials("s3")

    def current() -> dict[str, Any]:
        frozen = _asked(credentials.get_frozen_credentials)
        return {
            "access_key_id": frozen.access_key,
            "secret_access_key": frozen.secret_key,
            "token": frozen.token,
            "expires_at": datetime.now(timezone.utc) + _ASK_AGAIN,
        }

    current()  # a login that has run out is better told before the upload
    return current


# Azure's command line -> obstore. https://learn.microsoft.com/azure/storage/blobs/authorize-data-operations-cli
_AZURE_CLI_NAMES = {
    "AZURE_STORAGE_ACCOUNT": ("account_name", "AZURE_STORAGE_ACCOUNT_NAME"),
    "AZURE_STORAGE_KEY": ("account_key", "AZURE_STORAGE_ACCOUNT_KEY"),
}
_AZURE_CONNECTION_PARTS = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "blobendpoint": "endpoint",
}
_AZURE_IDENTITIES = (
    "AZURE_STORAGE_ACCOUNT_KEY", "AZURE_STORAGE_ACCESS_KEY", "AZURE_STORAGE_MASTER_KEY", "AZURE_STORAGE_KEY",
    "AZURE_CLIENT_SECRET", "AZURE_STORAGE_CLIENT_SECRET", "AZURE_FEDERATED_TOKEN_FILE", "AZURE_STORAGE_TOKEN",
    "AZURE_STORAGE_SAS_KEY", "AZURE_STORAGE_SAS_TOKEN", "AZURE_IDENTITY_ENDPOINT", "AZURE_MSI_ENDPOINT",
)  # fmt: skip


def azure_settings(
    settings: Mapping[str, Any],
    environ: Mapping[str, str] = os.environ,
    has_azure_cli: Callable[[], bool] = lambda: shutil.which("az") is not None,
) -> dict[str, Any]:
    """What obstore needs to know beside the user's own settings to reach Azure as this user."""
    found: dict[str, Any] = {}
    connection = environ.get("AZURE_STORAGE_CONNECTION_STRING", "")
    for part in connection.split(";"):
        name, _, value = part.partition("=")
        known = _AZURE_CONNECTION_PARTS.get(name.strip().lower())
        if known and value:
            found[known] = value
    for theirs, (ours, obstores) in _AZURE_CLI_NAMES.items():
        if environ.get(theirs) and not environ.get(obstores):
            found.setdefault(ours, environ[theirs])
    identified = "account_key" in found or any(environ.get(name) for name in _AZURE_IDENTITIES)
    own = {"account_key", "client_secret", "token", "sas_key", "credential_provider", "use_azure_cli",
           "credential_type", "federated_token_file", "use_emulator", "skip_signature"}  # fmt: skip
    if not identified and not settings.keys() & own and has_azure_cli():
        found["use_azure_cli"] = True
    return {name: value for name, value in found.items() if name not in settings}


def no_credentials(scheme: str) -> ConfigurationError:
    """The error where this machine has no credentials for a cloud, with that cloud's own way to add them."""
    ways = {
        "s3": "Run `aws configure`, or set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY.",
        "gs": "Set GOOGLE_APPLICATION_CREDENTIALS to a service account's key file.",
        "az": "Run `az login`, or set AZURE_STORAGE_ACCOUNT and AZURE_STORAGE_KEY.",
    }
    return ConfigurationError(f"This machine has no credentials for {scheme}://.", hint=ways[scheme])


def missing_extra(package: str) -> ConfigurationError:
    """The error where the packages for buckets are not installed."""
    return ConfigurationError(
        f"Buckets need the package {package}, which is not installed.",
        hint='Install it with: pip install "soundverse_nb[hosting]".',
    )
